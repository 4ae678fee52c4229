"""What has to be true of what is sent, looked into: neither too much nor too little is gone.

Rule of this module: an assertion is named by its own name and its place in the author's list, never by text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from policyroute.clearance import Clearance
from policyroute.dialects.shapes import utf8_length
from policyroute.scrub.judging import Judged
from policyroute.scrub.outcome import Refusal, Sizes
from policyroute.scrub.profile import Gate, Profile


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """What is looked into. `fallback`: the system says other words, which its author has read."""

    all: Sequence[Judged]
    gate: Gate
    before: Sizes
    after: Sizes
    fallback: bool


def checked(profiles: Iterable[Profile], told: Told) -> tuple[str, ...] | Refusal:
    """Their names; or the first one that does not hold."""
    found: list[str] = []
    for profile in profiles:
        for name, detail, ok in (*_kept(profile, told), *_dropped(profile, told), *_much(profile, told)):
            if not ok:
                return Refusal("assertion", name, detail=detail)
            found.append(f"{name}:{detail}" if detail else name)
    return tuple(found)


_Asked = Iterator[tuple[str, str, bool]]
"""Name, which of them, and whether it is true."""


def _named(wanted: Sequence[str], profile: Profile) -> Iterator[tuple[str, str, bool]]:
    """Each, what it is called, and whether it is a selector's id."""
    ids = {selector.id for selector in profile.selectors}
    for at, each in enumerate(wanted):
        yield each, each if each in ids else f"text {at + 1}", each in ids


def _kept(profile: Profile, told: Told) -> _Asked:
    looked = [each for each in told.all if not (told.fallback and each.segment.role == "system")]
    for wanted, name, selects in _named(profile.assertions.must_keep, profile):
        ok = all(_whole(each, wanted) if selects else _verbatim(each, wanted) for each in looked)
        yield "must_keep", name, ok


def _whole(each: Judged, selector: str) -> bool:
    return all(goes or piece.markup for goes, piece in zip(each.goes, each.pieces, strict=True) if selector in piece.by)


def _verbatim(each: Judged, wanted: str) -> bool:
    if wanted not in _without_markup(each):
        return True
    return wanted in (each.told or "")


def _without_markup(each: Judged) -> str:
    if len(each.pieces) == 1:
        return each.segment.text
    return "".join(piece.text for piece in each.pieces if not piece.markup)


def _dropped(profile: Profile, told: Told) -> _Asked:
    """Of what crosses: a receiver that has it already gets it again."""
    if not told.gate.crossing:
        return
    for unwanted, name, selects in _named(profile.assertions.must_drop, profile):
        if selects:
            ok = not any(
                goes and unwanted in piece.by
                for each in told.all
                for goes, piece in zip(each.goes, each.pieces, strict=True)
            )
        else:
            ok = not any(unwanted in (each.told or "") for each in told.all)
        yield "must_drop", name, ok


def _much(profile: Profile, told: Told) -> _Asked:
    for role, ratio in profile.assertions.min_kept_ratio.items():
        if not (told.fallback and role == "system"):
            had = told.before.by_role.get(role, 0)
            yield "min_kept_ratio", role, told.after.by_role.get(role, 0) >= ratio * had
    most = profile.assertions.max_forward_bytes
    if most is not None:
        yield "max_forward_bytes", "", told.after.total <= most


def sizes_before(all_: Iterable[Judged]) -> Sizes:
    by_role: dict[str, int] = {}
    by_label: dict[str, int] = {}
    for each in all_:
        for piece in each.pieces:
            _count(by_role, each.segment.role, utf8_length(piece.text))
            _count(by_label, piece.label.label, utf8_length(piece.text))
    return Sizes(by_role, by_label)


def sizes_after(all_: Iterable[Judged]) -> Sizes:
    """What was put in the place of something is public."""
    by_role: dict[str, int] = {}
    by_label: dict[str, int] = {}
    for each in all_:
        said = utf8_length(each.told or "")
        _count(by_role, each.segment.role, said)
        for label, size in _labelled(each, said).items():
            _count(by_label, label, size)
    return Sizes(by_role, by_label)


def _labelled(each: Judged, said: int) -> Mapping[str, int]:
    """The bytes that are said, by label; white space that is gone is nobody's."""
    found: dict[str, int] = {}
    left = said
    for goes, piece in zip(each.goes, each.pieces, strict=True):
        if goes and left:
            size = min(left, utf8_length(piece.text))
            _count(found, piece.label.label, size)
            left -= size
    _count(found, Clearance.PUBLIC.label, left)
    return found


def _count(sizes: dict[str, int], name: str, size: int) -> None:
    if size:
        sizes[name] = sizes.get(name, 0) + size
