"""The files and secrets a policy names, read once when it is activated.

Rule of this module: a value is returned, never shown. Problems name the variable or the file, not what is in it, and
not even that where the name itself looks like a key that somebody pasted. Files are read under one directory only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from policyroute.policy.accounts import EntraApp, KeyRef, SecretRef
from policyroute.policy.audits import Audit
from policyroute.policy.model import DIRECT, Program, Provider
from policyroute.policy.text import is_like_key
from policyroute.problems import Problem, Severity, Span
from policyroute_asgi.grants import Grant, digest, of_app, of_service_account
from policyroute_asgi.grants import Unusable as NoGrant
from policyroute_asgi.provider_connections import PLAIN, Connection, Unusable, ssl_context

_LARGEST = 1 << 20
"""Bytes of one file."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider. `place` says where it is from (`env NAME`, `file NAME`, else its number), for people.

    With a `grant`, tokens are shown in its place, and `value` only tells it from others.
    """

    place: str
    value: str = field(repr=False)
    grant: Grant | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a policy set needs beside its text, by provider name: plain values. Who needs nothing is not there. `audit`
    is the key of its audit records, where it names one."""

    keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict[str, tuple[Key, ...]])
    connections: Mapping[str, Connection] = field(default_factory=dict[str, Connection])
    audit: str | None = field(default=None, repr=False)


def folder(policies: Path, secrets_dir: str | os.PathLike[str] | None = None) -> Path:
    """The secrets directory: that of the policies, or of the one policy file, unless another is named."""
    if secrets_dir is not None:
        return Path(secrets_dir)
    return policies.parent if policies.is_file() else policies


NOTHING = Secrets()


def resolve(
    program: Program,
    directory: Path,
    environment: Mapping[str, str],
    severity: Severity = Severity.ERROR,
    known: Secrets = NOTHING,
) -> tuple[Secrets, tuple[Problem, ...]]:
    """Everything, and a problem for all that cannot be had.

    `directory` is the secrets directory: names of files are looked up in it, and must not lead out of it, by links
    neither. White space around a value (a file's last newline) is no part of it. Problems have `severity`: an error to
    a gateway that starts, a warning to `check` and `test`. What is as it is in `known` is not checked again.
    """
    reading = _Reading(directory, environment, severity, known)
    keys: dict[str, tuple[Key, ...]] = {}
    connections: dict[str, Connection] = {}
    for provider in program.providers.values():
        if found := tuple(reading.keys(provider)):
            keys[provider.name] = found
        connection = reading.connection(provider)
        if connection is not None:
            connections[provider.name] = connection
    audit = reading.audit(program.audit) if program.audit is not None else None
    return Secrets(keys, connections, audit), tuple(reading.problems)


def missing_here(program: Program, policies: Path, secrets_dir: Path | None) -> tuple[Problem, ...]:
    """What a gateway in this environment would not find, as warnings: for whoever only looks at a policy."""
    return resolve(program, folder(policies, secrets_dir), os.environ, Severity.WARNING)[1]


class _Trouble(Exception):
    """What is wrong with one secret or file: the problem's code, and words that go after its name."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class _Reading:
    def __init__(self, directory: Path, environment: Mapping[str, str], severity: Severity, known: Secrets) -> None:
        self._directory = directory
        self._known = known
        self._environment = environment
        self._severity = severity
        self.problems: list[Problem] = []

    def keys(self, provider: Provider) -> Iterator[Key]:
        pool = len(provider.api_keys) > 1
        for index, ref in enumerate(provider.api_keys):
            path = f"api_keys[{index}]" if pool else "api_key"
            try:
                yield self._key(ref, index)
            except _Trouble as trouble:
                self._report(trouble, provider, path, "the key")

    def _key(self, ref: KeyRef, index: int) -> Key:
        """Raises _Trouble."""
        if isinstance(ref, SecretRef):
            return Key(_place(ref, index), self._value(ref))
        if isinstance(ref, EntraApp):
            app = of_app(ref, self._value(ref.client_secret))
            return Key(f"azure_ad {_place(ref.client_secret, index)}", digest(app), app)
        source = ref.credentials
        text = self._text(source)
        try:
            account = of_service_account(text)
            account.form(0.0)  # whether it can sign
        except NoGrant as error:
            raise _Trouble("credentials-unusable", f"{_where(source)}: {error}") from None
        return Key(f"google {_place(source, index)}", digest(account), account)

    def connection(self, provider: Provider) -> Connection | None:
        tls = provider.tls
        proxy = "" if provider.proxy == DIRECT else provider.proxy
        auth = provider.proxy_auth
        made = Connection(
            proxy=proxy,
            proxy_auth=self._secret(auth, provider, "proxy_auth", "the proxy's password") if auth else None,
            # What is trusted is no secret, and companies keep it where all programs find it.
            ca=self._file(tls.ca, provider, "tls.ca", anywhere=True),
            cert=self._file(tls.cert, provider, "tls.cert"),
            key=self._file(tls.key, provider, "tls.key"),
        )
        if made == PLAIN:
            return None
        if made.secured != PLAIN.secured and made != self._known.connections.get(provider.name):
            try:
                ssl_context(made, trust_env=False)
            except Unusable as error:
                self._report(_Trouble("tls-unusable", str(error)), provider, "tls", "the TLS setting")
        return made

    def audit(self, audit: Audit) -> str | None:
        if audit.key is None:
            return None
        try:
            return self._value(audit.key)
        except _Trouble as trouble:
            self._add(trouble, "the audit key", audit.span, "audit.key")
            return None

    def _secret(self, ref: SecretRef, provider: Provider, path: str, what: str) -> str | None:
        try:
            return self._value(ref)
        except _Trouble as trouble:
            self._report(trouble, provider, path, what)
            return None

    def _value(self, ref: SecretRef) -> str:
        """Raises _Trouble."""
        return _usable(self._text(ref), _where(ref))

    def _text(self, ref: SecretRef) -> str:
        """Raises _Trouble."""
        text = self._environment.get(ref.name) if ref.kind == "env" else self._read(ref.name)
        if text is None:
            raise _Trouble("missing-secret", f"{_where(ref)} is not set")
        return text

    def _file(self, name: str | None, provider: Provider, path: str, *, anywhere: bool = False) -> str | None:
        if name is None:
            return None
        try:
            return self._read(name, anywhere=anywhere)
        except _Trouble as trouble:
            self._report(trouble, provider, path, "a file")
            return None

    def _read(self, name: str, *, anywhere: bool = False) -> str:
        """Raises _Trouble."""
        place = f"the file {_named(name)}"
        path = os.path.realpath(self._directory / name)
        if not anywhere and not _inside(path, os.path.realpath(self._directory)):
            raise _Trouble("secret-outside", f"{place} is not in the secrets directory, or links lead out of it")
        try:
            with open(path, "rb", opener=_at_once) as file:
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise _Trouble("missing-secret", f"{place} cannot be read: {error.strerror}") from None
        if len(data) > _LARGEST:
            raise _Trouble("missing-secret", f"{place} is too large")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise _Trouble("missing-secret", f"{place} is not text") from None

    def _report(self, trouble: _Trouble, provider: Provider, path: str, what: str) -> None:
        self._add(trouble, f"{what} of provider `{provider.name}`", provider.span, f"providers.{provider.name}.{path}")

    def _add(self, trouble: _Trouble, what: str, span: Span | None, path: str) -> None:
        self.problems.append(
            Problem(
                code=trouble.code,
                message=f"{what} cannot be had: {trouble.said}",
                span=span,
                hint=_HINTS[trouble.code],
                path=path,
                severity=self._severity,
            )
        )


_HINTS: Mapping[str, str] = {
    "missing-secret": "set it where the gateway runs, or take it out of the policy if the provider needs none",
    "secret-outside": "put it there, or name the directory it is in with --secrets-dir",
    "credentials-unusable": "make a key (JSON) for the service account in Google's console, and put it there whole",
    "tls-unusable": "see what `openssl x509 -in FILE -noout -subject` and `openssl pkey -in FILE -noout` make of them",
}


def _place(ref: SecretRef, index: int) -> str:
    return f"key {index + 1}" if is_like_key(ref.name) else f"{ref.kind} {ref.name}"


def _where(ref: SecretRef) -> str:
    return f"the {'environment variable' if ref.kind == 'env' else 'file'} {_named(ref.name)}"


def _usable(value: str, place: str) -> str:
    """Raises _Trouble."""
    value = value.strip()
    if not value:
        raise _Trouble("missing-secret", f"{place} is empty")
    if not (value.isascii() and value.isprintable()):
        raise _Trouble("missing-secret", f"{place} has characters that no HTTP header may carry")
    return value


def _named(name: str) -> str:
    return "named there (the name looks like a key itself)" if is_like_key(name) else f"`{name}`"


def _at_once(path: str, flags: int) -> int:
    """Opens it; a pipe that nobody writes to is empty, and not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _inside(path: str, directory: str) -> bool:
    return os.path.commonpath((path, directory)) == directory
