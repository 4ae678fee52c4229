"""Policy files on disk: the one module of the engine that reads files.

Rule of this module: what cannot be read is a problem like any other, and never keeps the rest from being read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from policyroute.catalogue import Models
from policyroute.problems import PolicyErrors, Problem, Span

_READ: Final = (".yaml", ".schema.json")

Place = str | Path
"""A directory of policies, or one file."""

MAX_FILE = 1 << 20
"""Bytes of one file."""
SCHEMA: Final = ".schema.json"
"""How the name of a file ends that rules may expect answers to fit."""
MAX_DIRECTORY = 8 << 20
"""Bytes of all files together."""


def read_directory(path: Place) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """The text of each `*.yaml` and `*.schema.json` of a directory by file name, and what could not be read.

    Hidden files are passed over, which takes care of editors' and of Kubernetes' own; links are followed. A path to a
    file is that file alone.
    """
    place = Path(path)
    try:
        found = [place] if place.is_file() else sorted(place.iterdir(), key=lambda each: each.name)
    except FileNotFoundError:
        return {}, (_problem("directory-missing", "there is no such directory", place.name),)
    except OSError as error:
        return {}, (_problem("file-unreadable", _reason(error), place.name),)
    problems = [_misnamed(each.name) for each in found if each.suffix == ".yml" and not each.name.startswith(".")]
    texts: dict[str, str] = {}
    total = 0
    for each in found:
        if each != place and (not each.name.endswith(_READ) or each.name.startswith(".") or each.is_dir()):
            continue
        text = _read(each)
        if isinstance(text, Problem):
            problems.append(text)
            continue
        total += len(text)
        if total > MAX_DIRECTORY:
            problems.append(
                _problem("directory-too-large", f"more than {MAX_DIRECTORY >> 20} MiB of policy", place.name)
            )
            break
        texts[each.name] = text
    if not problems and all(name.endswith(SCHEMA) for name in texts):
        problems.append(
            _problem("directory-empty", "there is no *.yaml file in it", place.name, "write a policy file there")
        )
    return texts, tuple(problems)


def read(path: Place) -> Mapping[str, str]:
    """As `read_directory`. Raises PolicyErrors if anything could not be read."""
    texts, problems = read_directory(path)
    if problems:
        raise PolicyErrors(problems)
    return texts


@cache
def shipped_packs() -> Mapping[str, str]:
    """The text of each shipped pack by its name."""
    package = Path(__file__).parents[1] / "policies"
    checkout = Path(__file__).parents[3] / "policies"
    found = package if package.is_dir() else checkout
    return {each.stem: each.read_text(encoding="utf-8") for each in sorted(found.glob("*.yaml"))}


@cache
def catalogue() -> Models:
    """The models that are known; read when the first target asks."""
    return Models((Path(__file__).parents[1] / "catalogue" / "models.json").read_text(encoding="utf-8"))


def _read(path: Path) -> str | Problem:
    try:
        if path.exists() and not path.is_file():  # a pipe would keep the reader for ever
            return _problem("file-unreadable", "cannot be read: not a regular file", path.name)
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        return _problem("file-unreadable", _reason(error), path.name)
    if len(data) > MAX_FILE:
        return _problem("file-too-large", f"more than {MAX_FILE >> 20} MiB", path.name, "split it into several files")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _problem("file-not-utf8", "not UTF-8 text", path.name, "save it as UTF-8", line)


def _misnamed(name: str) -> Problem:
    return _problem(
        "file-ignored", "only *.yaml files are read", name, f"rename it to {name.removesuffix('.yml')}.yaml"
    )


def _problem(code: str, message: str, name: str, hint: str | None = None, line: int = 1) -> Problem:
    return Problem(code, message, Span(name, line, 1, line, 1), hint)


def _reason(error: OSError) -> str:
    return f"cannot be read: {error.strerror or type(error).__name__}"
