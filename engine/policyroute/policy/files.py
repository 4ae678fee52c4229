"""Policy files on disk: the one module of the engine that reads files.

Rule of this module: what cannot be read is a problem like any other, and never keeps the rest from being read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from policyroute.catalogue import Models
from policyroute.problems import PolicyErrors, Problem, Span

Place = str | Path
"""A directory of policies, or one file."""

MAX_FILE = 1 << 20
"""Bytes of one file."""
SCHEMA: Final = ".schema.json"
"""How the name of a file ends that rules may expect answers to fit."""
MAX_DIRECTORY = 8 << 20
"""Bytes of all files together."""

_COMMENTS: Final = re.compile(r"^[ \t]*#.*", re.MULTILINE)


def read_directory(path: Place) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """The text of each `*.yaml` of a directory, and of each `*.schema.json` beside them that they name, by file name;
    and what could not be read.

    Hidden files are passed over, which takes care of editors' and of Kubernetes' own; links are followed. A path to a
    file is that file alone, and the schemas that it names.
    """
    place = Path(path)
    alone = place.is_file()
    try:
        found = [place] if alone else _listed(place)
    except FileNotFoundError:
        return {}, (_problem("directory-missing", "there is no such directory", place.name),)
    except OSError as error:
        return {}, (_problem("file-unreadable", _reason(error), place.name),)
    problems = [_misnamed(each.name) for each in found if each.suffix == ".yml" and not each.name.startswith(".")]
    policies = [each for each in found if alone or _counts(each, ".yaml")]
    texts = _texts(policies, problems)
    if not texts and not problems:
        problems.append(
            _problem("directory-empty", "there is no *.yaml file in it", place.name, "write a policy file there")
        )
    texts |= _texts(_schemas(place.parent if alone else place, texts), problems)
    if sum(map(len, texts.values())) > MAX_DIRECTORY:
        problems.append(_problem("directory-too-large", f"more than {MAX_DIRECTORY >> 20} MiB of policy", place.name))
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


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda each: each.name)


def _counts(path: Path, ending: str) -> bool:
    return path.name.endswith(ending) and not path.name.startswith(".") and not path.is_dir()


def _schemas(folder: Path, policies: Mapping[str, str]) -> list[Path]:
    """Those that policies name. Any others, such as one for editors, are no part of the policy."""
    try:
        there = [each for each in _listed(folder) if _counts(each, SCHEMA)]
    except OSError:
        return []
    written = [_COMMENTS.sub("", text) for text in policies.values()] if there else []
    return [each for each in there if any(each.name in text for text in written)]


def _texts(paths: Iterable[Path], problems: list[Problem]) -> dict[str, str]:
    """The texts by file name, of little more than MAX_DIRECTORY; what cannot be read goes to the problems."""
    texts: dict[str, str] = {}
    total = 0
    for each in paths:
        text = _read(each)
        if isinstance(text, Problem):
            problems.append(text)
            continue
        texts[each.name] = text
        total += len(text)
        if total > MAX_DIRECTORY:
            break
    return texts


def _read(path: Path) -> str | Problem:
    try:
        if path.exists() and not path.is_file():  # a pipe would keep the reader for ever
            return _problem("file-unreadable", "cannot be read: not a regular file", path.name)
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        return _problem("file-unreadable", _reason(error), path.name)
    if len(data) > MAX_FILE:
        hint = "make it smaller" if path.name.endswith(SCHEMA) else "split it into several files"
        return _problem("file-too-large", f"more than {MAX_FILE >> 20} MiB", path.name, hint)
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
