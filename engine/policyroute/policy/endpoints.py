"""Providers and targets: from what is written to what is called.

Rule of this module: a provider or target comes out whole, or not at all and with its problems.
"""

from __future__ import annotations

from collections.abc import Mapping

from policyroute.catalogue import VENDORS, vendor_at
from policyroute.clearance import Clearance
from policyroute.dialects import DIALECTS
from policyroute.policy import known
from policyroute.policy.accounts import EntraApp, GoogleAccount, KeyRef, SecretRef
from policyroute.policy.actions import REQUESTED
from policyroute.policy.addresses import base_url_trouble, proxy_trouble
from policyroute.policy.document import ProviderSpec, TargetSpec
from policyroute.policy.model import DIRECT, Provider, Target, Tls
from policyroute.policy.qualities import quality
from policyroute.policy.report import Report, suggestion
from policyroute.policy.spelling import EntraSpec, KeySource
from policyroute.policy.tree import File, Path, dotted

EMBEDDED = "embedded:"
"""The `base_url` of the provider that answers inside this process, for demonstrations and tests."""

RESERVED = frozenset({REQUESTED, "auto", "default"})
"""What a target may not be called: routes and clients give these words a meaning."""


def provider(name: str, spec: ProviderSpec, file: File, report: Report) -> Provider | None:
    """The provider, or None where it cannot be used."""
    path: Path = ("providers", name)
    vendor = VENDORS[spec.vendor] if spec.vendor else vendor_at(spec.base_url or "")
    dialect = _dialect(spec, file, path, report)
    address = _address(spec, file, path, report)
    keys = _keys(spec, file, path, report)
    reached = _reached(spec, address, file, path, report)
    if dialect is None or address is None or keys is None or not reached:
        return None
    return Provider(
        name=name,
        dialect=dialect,
        base_url=address,
        api_keys=keys,
        region=spec.region,
        clearance=Clearance.named(spec.clearance),
        failure_domains=_failure_domains(spec),
        tags=spec.tags,
        span=file.key_span(path),
        client_key=isinstance(spec.api_key, str),
        proxy=spec.proxy,
        proxy_auth=spec.proxy_auth.place if spec.proxy_auth else None,
        tls=Tls(spec.tls.ca, spec.tls.cert, spec.tls.key),
        vendor=vendor.name if vendor else "",
        auth=spec.auth or _shown(keys, spec),
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
    facts = known.facts(spec, found, file, path, report)
    return Target(
        name=name,
        model=spec.model,
        providers=found,
        quality=quality(spec.quality),
        context_window=facts.context_window,
        max_output_tokens=facts.max_output_tokens,
        price=facts.price,
        supports=facts.supports,
        traits=facts.traits,
        origins=facts.origins,
        tags=spec.tags,
        span=file.key_span(path),
        concurrency=spec.concurrency,
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


def _dialect(spec: ProviderSpec, file: File, path: Path, report: Report) -> str | None:
    written = spec.dialect or (VENDORS[spec.vendor].dialect if spec.vendor else None)
    if written in DIALECTS:
        return written
    if written is None:
        _missing("dialect", file, path, report)
        return None
    place = (*path, "dialect" if spec.dialect else "vendor")
    message = f"the dialect `{written}` is not spoken by this version"
    report.error("unknown-dialect", message, file.span(place), hint=suggestion(written, DIALECTS), path=dotted(place))
    return None


def _address(spec: ProviderSpec, file: File, path: Path, report: Report) -> str | None:
    """The base URL without a trailing slash, or None where it cannot be used."""
    written = spec.base_url or (VENDORS[spec.vendor].base_url if spec.vendor else None)
    if written is None:
        _missing("base_url", file, path, report)
        return None
    if written == EMBEDDED:
        return EMBEDDED
    trouble = base_url_trouble(written, insecure=spec.insecure)
    if trouble is None:
        return written.rstrip("/")
    _complain(trouble, file, (*path, "base_url"), report)
    return None


def _missing(key: str, file: File, path: Path, report: Report) -> None:
    report.error("missing-key", f"`{key}` is missing", file.key_span(path), path=dotted(path))


def _failure_domains(spec: ProviderSpec) -> tuple[str, ...]:
    if spec.failure_domains is not None:
        return tuple(spec.failure_domains)
    return VENDORS[spec.vendor].failure_domains if spec.vendor else ()


def _complain(trouble: tuple[str, str, str], file: File, path: Path, report: Report) -> None:
    code, message, hint = trouble
    report.error(code, message, file.key_span(path), hint=hint, path=dotted(path))


def _keys(spec: ProviderSpec, file: File, path: Path, report: Report) -> tuple[KeyRef, ...] | None:
    """The pool of keys, or None where it is wrong."""
    if spec.api_keys is None:
        if not isinstance(spec.api_key, KeySource):
            return ()
        ref = _key(spec.api_key, file, (*path, "api_key"), report)
        return None if ref is None else (ref,)
    if spec.api_key is not None:
        hint = "write one of the two keys"
        _complain(("wrong-value", "a provider has one `api_key`, or several `api_keys`", hint), file, path, report)
        return None
    found: dict[KeyRef | None, None] = {}
    for index, each in enumerate(spec.api_keys):
        place = (*path, "api_keys", index)
        ref = _key(each, file, place, report)
        if ref is not None and ref in found:
            _complain(("duplicate-item", "this key is in the pool already", "take it out"), file, place, report)
        found[ref] = None
    pool = tuple(ref for ref in found if ref is not None)
    if len({isinstance(ref, SecretRef) for ref in pool}) > 1:
        hint = "write two providers, and a target that is at both"
        trouble = ("wrong-value", "keys and tokens of accounts are shown in different ways", hint)
        _complain(trouble, file, (*path, "api_keys"), report)
        return None
    return pool if len(pool) == len(found) else None


def _key(spec: KeySource, file: File, path: Path, report: Report) -> KeyRef | None:
    if spec.google is not None:
        return GoogleAccount(spec.google.credentials.place)
    return spec.place if spec.azure_ad is None else _app(spec.azure_ad, file, (*path, "azure_ad"), report)


def _app(spec: EntraSpec, file: File, path: Path, report: Report) -> EntraApp | None:
    trouble = base_url_trouble(spec.authority, insecure=False)
    if trouble is not None:
        hint = "an https address such as https://login.microsoftonline.us"
        _complain((*trouble[:2], hint), file, (*path, "authority"), report)
        return None
    secret, authority = spec.client_secret.place, spec.authority.rstrip("/")
    return EntraApp(spec.tenant, spec.client_id, secret, authority, spec.scope)


def _shown(keys: tuple[KeyRef, ...], spec: ProviderSpec) -> str:
    """How, where the policy does not say: tokens are bearers' wherever they are taken."""
    if keys and not isinstance(keys[0], SecretRef):
        return "bearer"
    return VENDORS[spec.vendor].auth if spec.vendor else ""


def _reached(spec: ProviderSpec, address: str | None, file: File, path: Path, report: Report) -> bool:
    """Whether the settings of its connections can be used."""
    before = len(report.problems)
    if spec.proxy is not None and spec.proxy != DIRECT and (trouble := proxy_trouble(spec.proxy)):
        _complain(trouble, file, (*path, "proxy"), report)
    if spec.proxy_auth is not None and spec.proxy in (None, DIRECT):
        trouble = ("wrong-value", "there is no proxy that this is for", "write `proxy: http://host:port` beside it")
        _complain(trouble, file, (*path, "proxy_auth"), report)
    if spec.tls.model_fields_set and not (address or "https:").lower().startswith("https:"):
        trouble = ("wrong-value", "only an https address is reached by TLS", "take it out, or use https")
        _complain(trouble, file, (*path, "tls"), report)
    if spec.tls.key is not None and spec.tls.cert is None:
        trouble = ("wrong-value", "a key without its certificate", "write `cert: FILE` beside it")
        _complain(trouble, file, (*path, "tls", "key"), report)
    return len(report.problems) == before
