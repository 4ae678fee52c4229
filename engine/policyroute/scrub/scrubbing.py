"""What of a prompt goes to a receiver: read, labelled, judged at the gates, and put together again.

Rule of this module: pure, and from the original prompt. What cannot be done right is a `Refusal`; there is no prompt
that is half scrubbed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from policyroute.clearance import Clearance
from policyroute.dialects.shapes import obj, same
from policyroute.exhausted import Exhausted
from policyroute.request.prompt import Function, Prompt, Turn
from policyroute.scrub.asserting import Told, checked, sizes_after, sizes_before
from policyroute.scrub.instead import fallen_back, gutted
from policyroute.scrub.judging import Judged, Pseudonym, judged
from policyroute.scrub.labelling import Piece, Reader
from policyroute.scrub.nested import Stuck
from policyroute.scrub.outcome import Refusal, Scrubbed
from policyroute.scrub.outputs import SELECTOR as OUTPUTS
from policyroute.scrub.outputs import Outputs, of_models
from policyroute.scrub.profile import Gate, Profile
from policyroute.scrub.segment import Segment
from policyroute.scrub.tags import Untidy, tagged
from policyroute.scrub.traces import Trace
from policyroute.scrub.walk import rewritten, segments


def scrubbed(
    prompt: Prompt,
    profiles: Sequence[Profile],
    gate: Gate,
    pseudonym: Pseudonym | None = None,
    outputs: Outputs = "scan",
) -> Scrubbed | Refusal:
    """`pseudonym` is given a selector's id and a text. `outputs`: what models and tools said is looked through for
    what this receiver may not know (`scan`), is as secret as what they were told (`inherit`), or is what its own
    selectors say (`public`)."""
    found = segments(prompt)
    read = _read(found, profiles)
    if isinstance(read, Refusal):
        return read
    try:
        read = of_models(found, read, gate, outputs)
    except Exhausted:
        return Refusal("exhausted", OUTPUTS, detail="there is too much to look through")
    first = [judged(segment, some, gate, pseudonym) for segment, some in zip(found, read, strict=True)]
    told, fallback = fallen_back(first, profiles)
    blocked = next((each.blocked for each in told if each.blocked), None) or gutted(told) or _tagged(told, profiles)
    if blocked:
        return blocked
    return _put_together(prompt, profiles, gate, told, fallback=fallback)


def _read(found: Sequence[Segment], profiles: Sequence[Profile]) -> list[list[Piece]] | Refusal:
    reader = Reader(profiles)
    read: list[list[Piece]] = []
    for segment in found:
        try:
            read.append(reader.pieces(segment))
        except Untidy as error:
            return Refusal("tags", place=f"{segment.path}:{error.at}", detail=error.why)
        except Exhausted:
            return Refusal("exhausted", place=segment.path, detail="a selector took too long")
    return read


def _tagged(told: Sequence[Judged], profiles: Sequence[Profile]) -> Refusal | None:
    """Where what is left, put together, is a tag again."""
    names = frozenset[str]().union(*(profile.tags for profile in profiles))
    for each in told:
        if each.segment.trusted and each.told and each.told is not each.segment.text:
            try:
                clean = tagged(each.told, names) is None
            except (Untidy, Exhausted):
                clean = False
            if not clean:
                return Refusal("tags", place=f"{each.segment.path}:0", detail="without its tags it has tags again")
    return None


def _put_together(
    prompt: Prompt, profiles: Sequence[Profile], gate: Gate, told: list[Judged], *, fallback: bool
) -> Scrubbed | Refusal:
    try:
        written = _rewritten(prompt, told)
    except Stuck as error:
        return Refusal("stuck", place=error.path)
    new = _choosing(_undescribed(written, profiles), prompt)
    if isinstance(new, Refusal):
        return new
    before, after = sizes_before(told), sizes_after(_without_gone(told))
    asserted = checked(profiles, Told(told, gate, before, after, fallback=fallback))
    if isinstance(asserted, Refusal):
        return asserted
    cuts = tuple(cut for each in told for cut in each.cuts)
    return Scrubbed(new, cuts, before, after, _traces(told), _withheld(told), _spoken(told), asserted)


def _rewritten(prompt: Prompt, told: Sequence[Judged]) -> Prompt:
    if all(each.told == each.segment.text for each in told):
        return prompt
    left = iter(told)

    def visit(segment: Segment) -> str | None:
        each = next(left)
        assert each.segment.path == segment.path
        return each.told

    return rewritten(prompt, visit)


def _choosing(prompt: Prompt, original: Prompt) -> Prompt | Refusal:
    """A choice among tools is one among those that are offered."""
    if len(prompt.tools) == len(original.tools) or prompt.choice is None:
        return prompt
    offered = {tool.name for tool in prompt.tools if isinstance(tool, Function)}
    if not offered.issuperset(prompt.choice.names) or (prompt.choice.mode == "required" and not prompt.tools):
        return Refusal("stuck", place="choice")
    return prompt if prompt.tools else replace(prompt, choice=None, parallel=None)


def _undescribed(prompt: Prompt, profiles: Sequence[Profile]) -> Prompt:
    """Without what messages say of themselves to us: `metadata` that selectors go by."""
    names = {name for profile in profiles for selector in profile.selectors for name in selector.metadata}
    if not names:
        return prompt
    turns = tuple(_plain(turn, names) for turn in prompt.turns)
    return prompt if same(turns, prompt.turns) else replace(prompt, turns=turns)


def _plain(turn: Turn, names: set[str]) -> Turn:
    said = obj((turn.extra or {}).get("metadata"))
    if turn.extra is None or names.isdisjoint(said):
        return turn
    return Turn(
        turn.role, turn.parts, {name: value for name, value in turn.extra.items() if name != "metadata"} or None
    )


_GONE_WITH: frozenset[str] = frozenset({"text", "refusal", "reasoning", "result", "file", "url", "tool_name"})


def _without_gone(told: Sequence[Judged]) -> list[Judged]:
    """What stands in a part or a tool that is gone is gone with it."""
    gone = tuple(
        each.segment.path.rpartition(".")[0] + "."
        for each in told
        if each.told is None and each.segment.kind in _GONE_WITH
    )
    return [each for each in told if not each.segment.path.startswith(gone)] if gone else list(told)


def _traces(told: Sequence[Judged]) -> tuple[Trace, ...]:
    return tuple(
        Trace(piece.selector, piece.label, piece.text)
        for each in told
        for piece in each.pieces
        if not piece.markup and piece.selector and piece.label > Clearance.INTERNAL
    )


def _withheld(told: Sequence[Judged]) -> tuple[Trace, ...]:
    return tuple(
        Trace(piece.selector, piece.label, piece.text)
        for each in told
        for goes, piece in zip(each.goes, each.pieces, strict=True)
        if not goes and not piece.markup
    )


def _spoken(told: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(
        piece.text
        for each in told
        if each.segment.authors
        for goes, piece in zip(each.goes, each.pieces, strict=True)
        if goes
    )
