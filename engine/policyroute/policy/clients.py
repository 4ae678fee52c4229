"""Who may call, and with which profiles: from what is written to values.

Rule of this module: a policy holds digests of keys, never keys; nothing that stands where a digest should is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policyroute.policy import symbols
from policyroute.policy.document import ClientSpec, ProfilesSpec
from policyroute.policy.grants import reached
from policyroute.policy.model import KnownClient, RateLimit
from policyroute.policy.reading import Loaded
from policyroute.policy.report import Report, suggestion
from policyroute.policy.routes import Scope
from policyroute.policy.spelling import MAKE_KEY
from policyroute.policy.tree import File, Path, dotted
from policyroute.problems import Span
from policyroute.request import PROFILES, SHIPPED, Client, Profiles


def profiles(files: Sequence[Loaded], report: Report, complete: bool) -> Profiles | None:
    """The profiles of the set; None where they cannot be known, because of a mistake that is reported."""
    loaded = symbols.only("profiles", files, report)
    if loaded is None:
        return SHIPPED if complete else None
    spec = loaded.document.profiles
    if spec is None:
        return None
    known = PROFILES if spec.known is None else tuple(dict.fromkeys(spec.known))
    _once(spec.known or (), loaded.file, ("profiles", "known"), report)
    _once(spec.shed or (), loaded.file, ("profiles", "shed"), report)
    default = spec.default or PROFILES[0]
    for index, name in enumerate(spec.shed or ()):
        if name not in known:
            _unknown_profile(name, known, loaded.file, ("profiles", "shed", index), report)
    if default not in known:
        path: Path = ("profiles", "default") if spec.default else ("profiles", "known")
        message = f"the default profile `{default}` is not among the known ones"
        hint = suggestion(default, known) if spec.default else "say which one is meant without a header: `default: ...`"
        report.error("unknown-profile", message, loaded.file.span(path), hint=hint, path=dotted(path))
        return None
    return Profiles(known, default, _shed(spec))


def _shed(spec: ProfilesSpec) -> tuple[str, ...]:
    """Of profiles of one's own nobody else can say which can wait."""
    if spec.shed is not None:
        return tuple(dict.fromkeys(spec.shed))
    return SHIPPED.shed if spec.known is None else ()


def _once(names: Sequence[str], file: File, path: Path, report: Report) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            place = (*path, index)
            message = f"`{name}` is in this list twice"
            report.error("duplicate-item", message, file.span(place), hint="keep the first", path=dotted(place))


def _unknown_profile(name: str, known: Sequence[str], file: File, path: Path, report: Report) -> None:
    message, hint = f"no profile is called `{name}`", suggestion(name, known)
    report.error("unknown-profile", message, file.span(path), hint=hint, path=dotted(path))


def clients(files: Sequence[Loaded], scope: Scope) -> Mapping[str, KnownClient]:
    """Every well-formed client by name."""
    report = scope.report
    found: dict[str, KnownClient] = {}
    holders: dict[str, tuple[str, Span]] = {}
    for loaded in files:
        _check_somebody(loaded, report)
    declared = symbols.declared("clients", files, report)
    for name, loaded in declared.items():
        spec = loaded.document.clients.get(name)
        if spec is None:
            continue
        path: Path = ("clients", name)
        _check_profiles(spec, loaded.file, path, scope)
        _check_models(spec, loaded.file, path, scope)
        _check_digests(name, spec, loaded.file, holders, report)
        found[name] = _client(name, spec, loaded.file, path, report)
    if found and len(found) == len(declared) and scope.complete and not any(each.keys for each in found.values()):
        first = next(iter(found.values()))
        message = "no client has a key, so nobody is let in"
        report.warning("no-client-keys", message, first.span, hint=MAKE_KEY, path="clients")
    return found


def _check_somebody(loaded: Loaded, report: Report) -> None:
    """Whoever takes the last client out must not open the door by it."""
    if "clients" in loaded.sections and not loaded.sections["clients"]:
        path: Path = ("clients",)
        hint = "name those who may call; without the section, in all files, everybody on this machine may"
        message = "this section names nobody"
        report.error("no-clients", message, loaded.file.key_span(path), hint=hint, path=dotted(path))


def _client(name: str, spec: ClientSpec, file: File, path: Path, report: Report) -> KnownClient:
    facts = Client(
        id=name,
        tenant=spec.tenant or name,
        team=spec.team,
        tier=spec.tier,
        tags=spec.tags,
        role=spec.role,
        profiles=None if spec.profiles is None else tuple(spec.profiles),
        models=None if spec.models is None else tuple(spec.models),
    )
    limit = spec.rate_limit
    if limit is not None and not limit.model_fields_set:
        place = (*path, "rate_limit")
        message = "this `rate_limit` limits nothing"
        report.error("empty-effect", message, file.key_span(place), hint="take it out", path=dotted(place))
    limits = RateLimit(limit.rpm, limit.tpm, limit.concurrency) if limit is not None else None
    return KnownClient(facts, tuple(spec.key_sha256), limits, file.key_span(path))


def _check_profiles(spec: ClientSpec, file: File, path: Path, scope: Scope) -> None:
    profiles = scope.profiles
    for index, name in enumerate(spec.profiles or ()):
        if profiles is not None and name not in profiles.known:
            _unknown_profile(name, profiles.known, file, (*path, "profiles", index), scope.report)


def _check_models(spec: ClientSpec, file: File, path: Path, scope: Scope) -> None:
    targets = [target for target in scope.targets.values() if target is not None]
    if not scope.complete or len(targets) < len(scope.targets):
        return
    for index, glob in enumerate(spec.models or ()):
        if not any(reached((glob,), target) for target in targets):
            place = (*path, "models", index)
            message = f"`{glob}` is the name or model id of no target"
            hint = suggestion(glob, [target.name for target in targets])
            scope.report.warning("grant-without-target", message, file.span(place), hint=hint, path=dotted(place))


def _check_digests(
    name: str, spec: ClientSpec, file: File, holders: dict[str, tuple[str, Span]], report: Report
) -> None:
    """A key says who calls: it has one holder."""
    for index, digest in enumerate(spec.key_sha256):
        place: Path = ("clients", name, "key_sha256", index)
        holder, span = holders.setdefault(digest, (name, file.span(place)))
        if span != file.span(place):
            message = "this key is here twice" if holder == name else f"the client `{holder}` has the same key"
            report.error(
                "duplicate-client-key", message, file.span(place), hint=f"it is first at {span}", path=dotted(place)
            )
