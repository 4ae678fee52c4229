"""What is done with what was found: the modes, how strict each is, and what stands where something was.

Rule of this module: what stands there says the kind and, where it has to be told from others, a keyed hash; never a
part of the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policyroute.redact.findings import Finding, Finds
from policyroute.redact.pseudonyms import LETTERS, WIDTH, Pseudonyms, lettered

_HASH: Final = 12


class Mode(StrEnum):
    """The strictest first."""

    BLOCK = "block"
    REMOVE = "remove"
    MASK = "mask"
    HASH = "hash"
    PSEUDONYM = "pseudonym"


STRICTNESS: Final = {mode: place for place, mode in enumerate(Mode)}
"""The lower the stricter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the detector of a policy's rule `id` finds is treated as `mode` says. `known`: the app's own values too."""

    id: str
    detector: Finds
    mode: Mode
    known: bool = True


class Blocked(Exception):
    """Something was found that must not be sent or said at all. `place` is a path as `messages[2].content`, empty where
    a text was looked at alone. What was found is not told."""

    def __init__(self, rule: str, kind: str, place: str) -> None:
        super().__init__(f"{rule} blocks {kind} in {place or 'a text'}")
        self.rule = rule
        self.kind = kind
        self.place = place


def label(kind: str) -> str:
    """A kind as it is written in a text."""
    return "".join(each if each.isascii() and each.isalnum() else "_" for each in kind.upper())


class Marks:
    """What stands in a text where something was. `key` is what hashes are made with."""

    def __init__(self, key: bytes, pseudonyms: Pseudonyms | None) -> None:
        self._key = key
        self._pseudonyms = pseudonyms

    def of(self, mode: Mode, kind: str, value: str, *, name: bool) -> str:
        """`name`: it is part of a name or an id, which stays distinct from others and is written in letters. Raises
        TooMany."""
        if mode is Mode.PSEUDONYM and self._pseudonyms is not None:
            return self._pseudonyms.of(kind, value)
        if name or mode is Mode.HASH:
            return f"{label(kind)}_{lettered(self._key, f'{kind}|{value}', _HASH)}"
        return "" if mode is Mode.REMOVE else f"[{label(kind)}]"

    def made(self, text: str, finding: Finding) -> bool:
        """Whether what was found is one of ours: nothing of a value is in it."""
        name = label(finding.kind)
        return _is_mask(text, finding, name) or _is_hash(text, finding, name) or self._is_token(text, finding)

    def _is_token(self, text: str, finding: Finding) -> bool:
        if self._pseudonyms is None:
            return False
        opening = self._pseudonyms.opening
        at = text.find(opening, max(0, finding.end - WIDTH), finding.start + len(opening))
        return 0 <= at <= finding.start and text[at : at + WIDTH] in self._pseudonyms.values


def _is_mask(text: str, finding: Finding, name: str) -> bool:
    mark = f"[{name}]"
    at = text.find(mark, max(0, finding.end - len(mark)), finding.start + len(mark))
    return 0 <= at <= finding.start


def _is_hash(text: str, finding: Finding, name: str) -> bool:
    at = text.find(f"{name}_", max(0, finding.end - len(name) - 1 - _HASH), finding.start + len(name) + 1)
    if not 0 <= at <= finding.start:
        return False
    rest = text[at + len(name) + 1 : at + len(name) + 1 + _HASH]
    return len(rest) == _HASH and all(each in LETTERS for each in rest)
