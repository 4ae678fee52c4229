"""One text at the gates: what of it goes, and what stands where something does not.

Rule of this module: what is required goes as it is or nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from policyroute.dialects.shapes import utf8_length
from policyroute.scrub.joining import joined
from policyroute.scrub.labelling import Piece
from policyroute.scrub.outcome import Cut, Done, Refusal
from policyroute.scrub.profile import Gate
from policyroute.scrub.segment import Segment

Pseudonym = Callable[[str, str], str]
"""What stands for a text: of the selector's id and the text."""

_DONE: Final[dict[str, Done]] = {"drop": "dropped", "replace": "replaced", "pseudonymise": "pseudonymised"}


@dataclass(slots=True, repr=False)
class Judged:
    """`told` is said in the segment's place, None for nothing. `goes` says of each piece whether it is sent as it is.
    `blocked`: why nothing may be sent, unless somebody finds other words for this text."""

    segment: Segment
    pieces: Sequence[Piece]
    told: str | None
    goes: Sequence[bool] = (True,)
    cuts: Sequence[Cut] = ()
    blocked: Refusal | None = None

    @property
    def whole(self) -> bool:
        """Whether all of it goes, as it is."""
        return all(goes or piece.markup for goes, piece in zip(self.goes, self.pieces, strict=True))


def judged(segment: Segment, pieces: Sequence[Piece], gate: Gate, pseudonym: Pseudonym | None) -> Judged:
    if len(pieces) == 1 and not pieces[0].markup and gate.lets(pieces[0].label, required=pieces[0].required):
        return Judged(segment, pieces, segment.text)
    goes: list[bool] = []
    stretches: list[str | None] = []
    cuts: list[Cut] = []
    blocked: Refusal | None = None
    for piece in pieces:
        passes = not piece.markup and gate.lets(piece.label, required=piece.required)
        goes.append(passes)
        if passes:
            stretches.append(piece.text)
        elif piece.markup:
            stretches.append(None)
        else:
            why = _refused(piece, segment, pseudonym)
            blocked = blocked or why
            said = None if why else _instead(piece, pseudonym)
            stretches.append(said)
            cuts.append(_cut(segment, piece, said))
    told = joined(stretches)
    return Judged(segment, pieces, told or None, goes, cuts, blocked)


def _refused(piece: Piece, segment: Segment, pseudonym: Pseudonym | None) -> Refusal | None:
    if piece.required:
        return Refusal("required", piece.selector, segment.path)
    if piece.action == "refuse" or (piece.action == "pseudonymise" and pseudonym is None):
        return Refusal("forbidden", piece.selector, segment.path)
    return None


def _instead(piece: Piece, pseudonym: Pseudonym | None) -> str | None:
    if piece.action == "replace":
        return piece.instead or None
    if piece.action == "pseudonymise" and pseudonym is not None:
        return pseudonym(piece.selector, piece.text)
    return None


def _cut(segment: Segment, piece: Piece, said: str | None) -> Cut:
    return Cut(
        segment.path,
        segment.role,
        segment.kind,
        piece.label,
        piece.selector,
        _DONE.get(piece.action, "dropped") if said else "dropped",
        utf8_length(piece.text),
        utf8_length(said or ""),
        piece.text,
    )
