"""Makes a policy set ready to serve: reads the directory, builds, finds the keys, keeps the last good one on disk.

Rule of this module: it runs on one thread beside the event loop and touches nothing the loop reads; what it returns is
complete. It never raises for what a user may have written.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Final

from policyroute.author import load as author
from policyroute.cel.compile import Compiler
from policyroute.decide import PolicySet
from policyroute.policy import files
from policyroute.problems import PolicyErrors, Problem, Severity, errors
from policyroute_asgi import last_good, secrets
from policyroute_asgi.audit.settings import Settings as AuditSettings
from policyroute_asgi.audit.settings import settled
from policyroute_asgi.keyring import Keyring
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.secrets import Key, Secrets

_BRIEF = 0.0025
"""Seconds that a building thread may keep the interpreter when the event loop wants it. Measured under full load: with
Python's own 5 ms the loop is away for over 10 at times; with 0.5 ms the loop is hardly ever away, and the build, which
gets the interpreter as seldom, takes ten times as long."""

_NO_KEYS = Keyring({})
_MADE: Final = frozenset({"policy", "keyring"})
"""Fields of `Active` that each process makes for itself: closures, and what is found by a secret of its own."""

Sources = Mapping[str, str]
Build = Callable[[Sources], PolicySet]


@dataclass(frozen=True, slots=True)
class Active:
    """A policy set, the keys and connection settings of the providers that have any, by name, the texts it was built
    from, by file name, the keys of the set's clients, and where its audit records go, None where it asks for none.

    A request keeps the one it started with. All but `policy` and `keyring` are plain values that can be sent to another
    process, which makes the rest.
    """

    policy: PolicySet
    keys: Mapping[str, tuple[Key, ...]] = field(repr=False)
    connections: Mapping[str, Connection] = field(repr=False)
    sources: Sources = field(repr=False)
    keyring: Keyring = field(repr=False)
    audit: AuditSettings | None = field(default=None, repr=False)

    def for_others(self) -> dict[str, Any]:
        """What another process needs to make the same: values that can be sent, secrets among them."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _MADE}

    @classmethod
    def of_another(cls, policy: PolicySet, sent: Mapping[str, Any]) -> Active:
        """The same as where `sent` came from; `policy` was made of its sources here."""
        return cls(policy=policy, keyring=Keyring(policy.program.clients), **sent)


@dataclass(frozen=True, slots=True)
class Prepared:
    """`active` is None where nothing usable came of it; `problems` has the reasons then, else the warnings."""

    active: Active | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Built:
    sources: Sources
    policy: PolicySet | None
    problems: tuple[Problem, ...]
    keyring: Keyring


class Preparation:
    """Not safe for two threads at once. Remembers its last build, so that an unchanged directory costs one reading.

    `secrets_dir` is where the files that policies name have to be: the policy directory, unless another is given.
    `freeze`: after each build, exempt all there is in the process from garbage collection (`gc.freeze`). A collection
    of everything stops the event loop for tens of milliseconds. For a process that is nothing but a gateway.
    """

    def __init__(  # noqa: PLR0913 - one name for each thing that its owner sets
        self,
        directory: Path,
        state_dir: Path | None = None,
        secrets_dir: Path | None = None,
        *,
        build: Build | None = None,
        environment: Mapping[str, str] = os.environ,
        freeze: bool = False,
    ) -> None:
        self.directory = directory
        self.state_dir = state_dir
        self._secrets_dir = secrets_dir
        # The compiler remembers expressions by their text, from one build to the next.
        self._build = build or partial(author.build, compiler=Compiler())
        self._environment = environment
        self._freeze = freeze
        self._built: _Built | None = None
        self._secrets = Secrets()
        self._saved: Sources | None = None

    def from_directory(self, *, again: bool = False) -> Prepared:
        """What the directory says now. `again`: build it even if its text is what it was."""
        try:
            sources = files.read(self.directory)
        except PolicyErrors as error:
            return Prepared(None, error.problems)
        prepared = self._prepare(sources, again)
        if prepared.active is None:
            return prepared
        unsaved = self._save(prepared.active, sources)
        return Prepared(prepared.active, (*unsaved, *prepared.problems))

    def from_last_good(self) -> Prepared:
        """What the state directory kept; without problems if there is none."""
        kept = last_good.load(self.state_dir) if self.state_dir else None
        if kept is None:
            return Prepared(None, ())
        prepared = self._prepare(kept.files, again=False)
        self._saved = kept.files
        return prepared

    def _prepare(self, sources: Sources, again: bool) -> Prepared:
        if again or self._built is None or self._built.sources != sources:
            self._built = self._compile(sources)
        policy = self._built.policy
        if policy is None:
            return Prepared(None, self._built.problems)
        folder = secrets.folder(self.directory, self._secrets_dir)
        found, missing = secrets.resolve(policy.program, folder, self._environment, known=self._secrets)
        if missing:
            return Prepared(None, missing)
        audit, wrong = settled(policy.program.audit, found.audit, self.state_dir)
        if errors(wrong):
            return Prepared(None, wrong)
        self._secrets = found
        active = Active(policy, found.keys, found.connections, self._built.sources, self._built.keyring, audit)
        return Prepared(active, (*self._built.problems, *wrong))

    def _compile(self, sources: Sources) -> _Built:
        try:
            with yielding(self._freeze):
                policy = self._build(sources)
        except PolicyErrors as error:
            return _Built(sources, None, error.problems, _NO_KEYS)
        except Exception as error:  # noqa: BLE001 - a bug met while building must not end the serving of the old set
            return _Built(sources, None, (_bug(error),), _NO_KEYS)
        return _Built(sources, policy, policy.program.warnings, Keyring(policy.program.clients))

    def _save(self, active: Active, sources: Sources) -> tuple[Problem, ...]:
        if self.state_dir is None or sources == self._saved:
            return ()
        try:
            last_good.save(self.state_dir, last_good.LastGood(active.policy.revision, time.time(), sources))
        except OSError as error:
            return (_not_saved(self.state_dir, error),)
        self._saved = sources
        return ()


@contextmanager
def yielding(freeze: bool) -> Generator[None]:
    """Let the event loop in every few milliseconds while this thread computes, and keep the garbage collector, which
    lets nobody in, from looking through what is being made; with `freeze`, also ever after."""
    if freeze:
        gc.collect()  # what is garbage now would be kept for ever: 1.5 MB an edit under load
    _computing.begin()
    try:
        yield
    finally:
        if freeze:
            gc.freeze()
        _computing.end()


class _Computing:
    """All threads of the process that compute. What is the process's is put back when the last of them is done: each of
    several would put back what another had set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._usual = (0.0, True)

    def begin(self) -> None:
        with self._lock:
            if not self._count:
                self._usual = sys.getswitchinterval(), gc.isenabled()
            self._count += 1
            sys.setswitchinterval(min(self._usual[0], _BRIEF))
            gc.disable()

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count:
                return
            interval, collecting = self._usual
            if collecting:
                gc.enable()
            sys.setswitchinterval(interval)


_computing: Final = _Computing()


def _bug(error: Exception) -> Problem:
    return Problem(
        code="internal-error",
        message=f"the policy could not be built because of a bug in Policyroute: {type(error).__name__}",
        hint="run `policyroute check` on the directory and report what it prints",
    )


def _not_saved(state_dir: Path, error: OSError) -> Problem:
    return Problem(
        code="last-good-not-saved",
        message=f"the policy is served but could not be kept in `{state_dir}`: {error.strerror}",
        hint="make the state directory writable: without it a restart with a broken policy cannot serve",
        severity=Severity.WARNING,
    )
