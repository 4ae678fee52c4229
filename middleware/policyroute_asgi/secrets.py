"""The secrets a policy names, read once when it is activated.

Rule of this module: a value is returned, never shown. Problems name the variable or the file, not what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policyroute.policy.model import Program, Provider, SecretRef
from policyroute.problems import Problem, Severity


def resolve(
    program: Program,
    directory: Path,
    environment: Mapping[str, str],
    severity: Severity = Severity.ERROR,
) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The key of every provider that has one (provider name -> key), and a problem for every key that cannot be had.

    A relative `file` is looked up in the policy directory; white space around a value (a file's last newline) is no
    part of it. Problems have `severity`: an error to a gateway that starts, a warning to `check` and `test`.
    """
    keys: dict[str, str] = {}
    problems: list[Problem] = []
    for provider in program.providers.values():
        if provider.api_key is None:
            continue
        value, trouble = _read(provider.api_key, directory, environment)
        if trouble is None:
            keys[provider.name] = value
        else:
            problems.append(_problem(provider, trouble, severity))
    return keys, tuple(problems)


def _read(ref: SecretRef, directory: Path, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """(value, what is wrong with it)."""
    if ref.kind == "env":
        place = f"the environment variable `{ref.name}`"
        value = environment.get(ref.name)
        if value is None:
            return "", f"{place} is not set"
    else:
        place = f"the file `{ref.name}`"
        try:
            value = (directory / ref.name).read_text(encoding="utf-8")
        except OSError as error:
            return "", f"{place} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            return "", f"{place} is not text"
    value = value.strip()
    if not value:
        return "", f"{place} is empty"
    if not (value.isascii() and value.isprintable()):
        return "", f"{place} has characters that no HTTP header may carry"
    return value, None


def _problem(provider: Provider, trouble: str, severity: Severity) -> Problem:
    return Problem(
        code="missing-secret",
        message=f"the key of provider `{provider.name}` is missing: {trouble}",
        span=provider.span,
        hint="set it where the gateway runs, or take `api_key` out if the provider needs none",
        path=f"providers.{provider.name}.api_key",
        severity=severity,
    )
