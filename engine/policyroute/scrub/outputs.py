"""What models and tools said earlier in a conversation, which may hold what they were told.

Rule of this module: it only ever makes a text more secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from policyroute.clearance import Clearance
from policyroute.exhausted import Exhausted
from policyroute.scrub.labelling import Piece
from policyroute.scrub.leaking import MOST, leaks
from policyroute.scrub.profile import Gate
from policyroute.scrub.segment import OPEN, Segment
from policyroute.scrub.traces import Trace, Traces

Outputs = Literal["scan", "inherit", "public"]

SELECTOR: Final = "outputs"
"""Whoever labels what models and tools said."""


def of_models(found: Sequence[Segment], read: list[list[Piece]], gate: Gate, outputs: Outputs) -> list[list[Piece]]:
    """The pieces of all segments, those of models and tools judged by what the others are. Raises Exhausted."""
    if outputs == "public":
        return read
    theirs = [
        at for at, segment in enumerate(found) if segment.origin in ("model", "tool") and segment.kind not in OPEN
    ]
    if not theirs:
        return read
    if outputs == "inherit":
        return _inherited(found, read, theirs)
    return _scanned(found, read, theirs, gate)


def _inherited(found: Sequence[Segment], read: list[list[Piece]], theirs: Sequence[int]) -> list[list[Piece]]:
    """As secret as the most secret of what was said to them. It stays as required as it was."""
    told = [piece for segment, some in zip(found, read, strict=True) if segment.origin == "client" for piece in some]
    label = max((piece.label for piece in told if not piece.markup), default=Clearance.PUBLIC)
    for at in theirs:
        for piece in read[at]:
            if piece.label < label and not piece.markup:
                piece.label, piece.selector = label, SELECTOR
    return read


def _scanned(found: Sequence[Segment], read: list[list[Piece]], theirs: Sequence[int], gate: Gate) -> list[list[Piece]]:
    """What the author wrote and lets go may be said by anybody."""
    secret: list[Piece] = []
    besides: list[str] = []
    for segment, some in zip(found, read, strict=True):
        for piece in some:
            goes = gate.lets(piece.label, required=piece.required)
            if piece.selector and not goes:
                secret.append(piece)
            elif segment.authors and goes and not piece.markup:
                besides.append(piece.text)
    if not secret:
        return read
    labels: dict[str, Clearance] = {}
    for piece in secret:
        labels[piece.selector] = max(piece.label, labels.get(piece.selector, piece.label))
    if sum(len(found[at].text) for at in theirs if not found[at].text.isascii()) > MOST:
        raise Exhausted
    traces = Traces([Trace(piece.selector, piece.label, piece.text) for piece in secret], besides=besides)
    for at in theirs:
        left = " ".join([piece.text for piece in read[at] if gate.lets(piece.label, required=piece.required)])
        if names := leaks(left, traces):
            label = max(labels[name] for name in names)
            read[at] = [Piece(found[at].text, label, False, selector=SELECTOR, by=(SELECTOR,))]
    return read
