"""Other words where an author gave some, and whether enough is left to be sent.

Rule of this module: an author's own words are public. Nothing is sent of which the system's text, or what the user
said last, would be gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from policyroute.clearance import Clearance
from policyroute.dialects.shapes import utf8_length
from policyroute.scrub.judging import Judged
from policyroute.scrub.outcome import Cut, Done, Refusal
from policyroute.scrub.profile import Profile
from policyroute.scrub.segment import OPEN

_LETTER: Final = re.compile(r"[^\W_]")
_SPOKEN: Final = frozenset({"text", "refusal", "file"})


def fallen_back(told: Sequence[Judged], profiles: Sequence[Profile]) -> tuple[list[Judged], bool]:
    """With the system's other text, and the other descriptions of tools, where the ones that were given may not go as
    they are; and whether the former is in it."""
    public = {name: text for profile in reversed(profiles) for name, text in profile.description_public.items()}
    found = [_described(each, public) for each in told]
    fallback = next((profile.system_fallback for profile in profiles if profile.system_fallback), "")
    system = [at for at, each in enumerate(found) if each.segment.role == "system"]
    if not fallback or all(found[at].whole for at in system):
        return found, False
    for at in system:
        if found[at].segment.kind not in OPEN:
            says = fallback if found[at].segment.kind == "text" else ""
            found[at] = _otherwise(found[at], says or None, "fallback")
            fallback = "" if says else fallback
    return found, True


def _described(each: Judged, public: Mapping[str, str]) -> Judged:
    """A text that is empty is an answer too."""
    segment = each.segment
    if segment.kind != "tool_description" or each.whole or segment.name not in public:
        return each
    return _otherwise(each, public[segment.name] or None, "public")


def _otherwise(each: Judged, told: str | None, how: Done) -> Judged:
    segment = each.segment
    label = max((piece.label for piece in each.pieces), default=Clearance.INTERNAL)
    selector = next((piece.selector for piece in each.pieces if piece.selector and piece.label == label), "")
    before, after = utf8_length(segment.text), utf8_length(told or "")
    cut = Cut(segment.path, segment.role, segment.kind, label, selector, how, before, after, segment.text)
    return replace(each, told=told, goes=[False] * len(each.pieces), cuts=(cut,), blocked=None)


def gutted(told: Sequence[Judged]) -> Refusal | None:
    """Where nothing is left of what the system says, or of what the user said last."""
    system = [each for each in told if each.segment.role == "system" and each.segment.kind in _SPOKEN]
    user = [each for each in told if each.segment.role == "user" and each.segment.kind in _SPOKEN]
    last = _turn(user[-1]) if user else ""
    for some in (system, [each for each in user if _turn(each) == last]):
        if _says(each.segment.text for each in some) and not _says(each.told or "" for each in some):
            return Refusal("gutted", _selector(some), some[0].segment.path)
    return None


def _turn(each: Judged) -> str:
    return each.segment.path.partition(".")[0]


def _says(texts: Iterable[str]) -> bool:
    return any(_LETTER.search(text) for text in texts)


def _selector(some: Sequence[Judged]) -> str:
    return next((cut.selector for each in some for cut in each.cuts), "")
