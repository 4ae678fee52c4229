"""What `policyroute explain` says of a conversation: whose it is, where it is pinned, and whether it goes in circles.

Rule of this module: names, numbers and codes; what the model would be told is not shown, for it may quote a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.author.conversations import Held
from policyroute.decide.decision import Decision
from policyroute.sessions import next_turn


def held_json(kept: Held) -> dict[str, Any]:
    """The conversation as rules see it, and where it is pinned."""
    session = kept.session
    pin = session.pin if session is not None else None
    return {
        "id": kept.request.conversation_id or None,
        "turn": next_turn(session),
        "profile": kept.request.profile,
        "target": (session.target if session is not None else "") or None,
        "pinned": {"target": pin.target, "provider": pin.provider} if pin is not None else None,
        "switches": session.switches if session is not None else 0,
        "divergence": session.divergence if session is not None else 0,
        "labels": [label.label for label in kept.labels],
        "errors": [error.as_json() for error in kept.errors],
    }


def held_words(kept: Held, decision: Decision) -> Iterator[str]:
    """None for a request that belongs to no conversation."""
    session, name = kept.session, kept.request.conversation_id
    if name or session is not None:
        yield f"conversation {name or 'without a name'}, request {next_turn(session)}, {_how(decision)}"
    if session is not None and session.pin is not None:
        pin = session.pin
        moved = f", moved {pin.generation} times" if pin.generation else ""
        tried = f"not tried first: {decision.unpinned}" if decision.unpinned else "tried first"
        yield f"pinned to {pin.target} at {pin.provider}{moved}; {tried if decision.candidates else 'nobody is tried'}"
    for error in kept.errors:
        yield f"{error.rule}: {error.effect} erred ({error.reason}), {error.consequence}"


def _how(decision: Decision) -> str:
    held = decision.session
    pin = f"pinned, waits {held.max_wait:g}s{', goes back' if held.back else ''}" if held.pin else "not pinned"
    return f"{pin}, remembered for {held.ttl:g}s"


def circle_words(decision: Decision) -> Iterator[str]:
    reaction, watch = decision.reaction, decision.watch
    if reaction is not None:
        found = reaction.evidence
        tool = f" of {found.tool}" if found.tool else ""
        same = ", the result the same each time" if found.unchanged else ""
        steps = ", ".join(map(str, found.steps))
        yield f"goes round in circles: {found.kind}{tool}, {found.count} times, at steps {steps}{same}"
        left_out = f", {len(reaction.pruned)} calls left out" if reaction.pruned else ""
        yield f"time {reaction.level} in this conversation: {reaction.kind}{left_out}"
    elif watch.react:
        yield f"watched for circles: {', then '.join(watch.react)}; there is none"
