"""Providers and targets: from what is written to what is called.

Rule of this module: an address that would send a key in the clear is refused unless the author says `insecure: true`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from policyroute.absent import ABSENT, Absent
from policyroute.clearance import Clearance
from policyroute.dialects import DIALECTS
from policyroute.policy.document import PriceSpec, ProviderSpec, TargetSpec
from policyroute.policy.model import REQUESTED, Price, Provider, SecretRef, Target
from policyroute.policy.report import Report, suggestion
from policyroute.policy.spelling import Secret
from policyroute.policy.tree import File, Path, dotted
from policyroute.policy.vocabulary import CAPABILITIES

_T = TypeVar("_T")

EMBEDDED = "embedded:"
"""The `base_url` of the provider that answers inside this process, for demonstrations and tests."""

RESERVED = frozenset({REQUESTED, "auto", "default"})
"""What a target may not be called: routes and clients give these words a meaning."""


def provider(name: str, spec: ProviderSpec, file: File, report: Report) -> Provider | None:
    """The provider, or None where its dialect or address cannot be used."""
    path: Path = ("providers", name)
    if spec.dialect not in DIALECTS:
        message = f"the dialect `{spec.dialect}` is not spoken by this version"
        hint = suggestion(spec.dialect, DIALECTS)
        report.error(
            "unknown-dialect", message, file.span((*path, "dialect")), hint=hint, path=dotted((*path, "dialect"))
        )
    address = _address(spec, file, (*path, "base_url"), report)
    if spec.dialect not in DIALECTS or address is None:
        return None
    return Provider(
        name=name,
        dialect=spec.dialect,
        base_url=address,
        api_key=_secret(spec.api_key),
        region=spec.region,
        clearance=Clearance.named(spec.clearance),
        failure_domains=tuple(spec.failure_domains),
        tags=spec.tags,
        span=file.key_span(path),
    )


def target(
    name: str, spec: TargetSpec, providers: Mapping[str, Provider | None], file: File, report: Report
) -> Target | None:
    """The target, or None where it cannot be used. `providers` has None for those that are wrong themselves."""
    path: Path = ("targets", name)
    if name in RESERVED:
        message = f"`{name}` means something of its own in routes and requests"
        report.error(
            "reserved-name", message, file.key_span(path), hint="call the target something else", path=dotted(path)
        )
        return None
    found = _providers_of(spec, path, providers, file, report)
    if found is None:
        return None
    return Target(
        name=name,
        model=spec.model,
        providers=found,
        quality=_known(spec.quality),
        context_window=_known(spec.context_window),
        max_output_tokens=_known(spec.max_output_tokens),
        price=_price(spec.price),
        supports=_supports(spec.supports),
        tags=spec.tags,
        span=file.key_span(path),
    )


def _providers_of(
    spec: TargetSpec, path: Path, providers: Mapping[str, Provider | None], file: File, report: Report
) -> tuple[Provider, ...] | None:
    if (spec.provider is None) == (spec.providers is None):
        message = "a target is at one `provider`, or at several `providers`"
        report.error("wrong-value", message, file.key_span(path), hint="write one of the two keys", path=dotted(path))
        return None
    written = (
        [(spec.provider, (*path, "provider"))]
        if spec.provider is not None
        else [(each, (*path, "providers", index)) for index, each in enumerate(spec.providers or ())]
    )
    found: list[Provider] = []
    for each, place in written:
        known = providers.get(each)
        if each not in providers:
            hint = suggestion(each, providers) or "no provider is defined"
            report.error(
                "unknown-provider", f"no provider is called `{each}`", file.span(place), hint=hint, path=dotted(place)
            )
        elif known is not None:
            found.append(known)
    return tuple(found) if len(found) == len(written) else None


def _address(spec: ProviderSpec, file: File, path: Path, report: Report) -> str | None:
    """The base URL without a trailing slash, or None where it cannot be used."""
    if spec.base_url == EMBEDDED:
        return EMBEDDED
    trouble = _trouble(spec)
    if trouble is None:
        return spec.base_url.rstrip("/")
    code, message, hint = trouble
    report.error(code, message, file.key_span(path), hint=hint, path=dotted(path))
    return None


def _trouble(spec: ProviderSpec) -> tuple[str, str, str] | None:
    example = "an address such as https://api.openai.com/v1"
    try:
        parts = urlsplit(spec.base_url)
        host = parts.hostname or ""
        parts.port  # noqa: B018  (reading it is what checks it)
    except ValueError:
        return "bad-url", "not an address", example
    if parts.username is not None or parts.password is not None:
        return "literal-secret", "a secret is not written into a policy", "take it out of the address: use api_key"
    if parts.scheme not in ("http", "https") or not host or not spec.base_url.isascii() or " " in spec.base_url:
        return "bad-url", "not an http or https address", example
    if parts.query or parts.fragment:
        return "bad-url", "a base address ends before `?` and `#`", example
    if _exposed(parts, host) and not spec.insecure:
        return "insecure-url", "plain http to another host: keys and prompts could be read on the way", _SECURE
    return None


_SECURE = "use https, or write `insecure: true` beside it"


def _exposed(parts: SplitResult, host: str) -> bool:
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _secret(spec: Secret | None) -> SecretRef | None:
    if spec is None:
        return None
    return SecretRef("env", spec.env) if spec.env is not None else SecretRef("file", spec.file or "")


def _supports(declared: Mapping[str, bool]) -> Mapping[str, bool]:
    """Every capability. A target that is declared to make embeddings does nothing else unless it is declared to."""
    embeds = declared.get("embeddings", False)
    return {**dict.fromkeys(CAPABILITIES, True), "chat": not embeds, "embeddings": embeds, **declared}


def _price(spec: PriceSpec) -> Price:
    return Price(_known(spec.input), _known(spec.cached_input), _known(spec.cache_write), _known(spec.output))


def _known(value: _T | None) -> _T | Absent:
    return ABSENT if value is None else value
