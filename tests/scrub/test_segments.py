"""Every string that a request carries is a segment, in every dialect; and all are rewritten by the same walk."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.support.scrubbing import BODIES, Marks
from tests.support.strings import every

from policyroute import ModelRequest
from policyroute.clearance import Clearance
from policyroute.dialects import DIALECTS
from policyroute.request.prompt import Call, Prompt, Result
from policyroute.scrub import DEFAULT, Gate, Profile, Scrubbed, Selector, normalised, scrubbed, segments

pytestmark = pytest.mark.parametrize("dialect", BODIES)

FIXED = {"tool_name", "parameter_name", "schema_name", "parameter_value", "schema_value", "id", "word", "other"}
"""Kinds of which some cannot be taken out of what they stand in."""


def read(dialect: str) -> tuple[Prompt, list[str]]:
    mark = Marks()
    body = BODIES[dialect](mark)
    return DIALECTS[dialect].read(body), mark.made


def written(prompt: Prompt, dialect: str) -> str:
    """All strings of the body, text files and JSON in strings read."""
    data: dict[str, Any] = DIALECTS[dialect].write(prompt, "m", False).data
    return "\n".join(_plain(each) for each in every(data))


def _plain(text: str) -> str:
    tail = text.rpartition(",")[2]
    try:
        return text + base64.b64decode(tail, validate=True).decode()
    except ValueError:
        return text


def test_each_string_is_seen(dialect: str) -> None:
    prompt, marks = read(dialect)
    found = segments(prompt)
    missing = [mark for mark in marks if not any(mark in segment.text for segment in found)]
    assert missing == []


def test_a_prompt_of_which_nothing_is_labelled_is_the_very_prompt(dialect: str) -> None:
    prompt, _ = read(dialect)
    outcome = scrubbed(prompt, [DEFAULT], Gate(Clearance.INTERNAL, crossing=True))
    assert isinstance(outcome, Scrubbed)
    assert outcome.prompt is prompt
    assert outcome.before == outcome.after


@pytest.mark.parametrize("receiver", BODIES)
def test_what_is_labelled_is_in_no_body_of_any_dialect(dialect: str, receiver: str) -> None:
    """Everything at once that can be taken out without breaking what it stands in."""
    prompt, marks = read(dialect)
    found = segments(prompt)
    last = [segment.path for segment in found if segment.role == "user" and segment.kind in ("text", "file")][-1]
    kept = ("turns[0].", last.partition(".")[0])
    gone = {
        segment.text
        for segment in found
        if segment.kind not in FIXED and segment.role != "system" and not segment.path.startswith(kept)
    }
    profile = Profile("all", (Selector("gone", Clearance.CONFIDENTIAL, when=lambda segment: segment.text in gone),))
    outcome = scrubbed(prompt, [profile], Gate(Clearance.INTERNAL, crossing=True))
    assert isinstance(outcome, Scrubbed), outcome
    body = written(outcome.prompt, receiver)
    assert [mark for mark in marks if any(mark in text for text in gone) and mark in body] == []
    assert outcome.after.total < outcome.before.total


@pytest.mark.parametrize("receiver", BODIES)
def test_only_text_crosses(dialect: str, receiver: str) -> None:
    """Normalised, and then written anywhere: no id, signature, thought or reference of the one before."""
    prompt, marks = read(dialect)
    told, changes = normalised(prompt)
    body = written(told, receiver)
    for kind in ("call_", "toolu_", "rs_", "resp_"):
        assert [mark for mark in marks if mark.startswith(kind) and mark in body] == []
    private = {
        segment.text
        for segment in segments(prompt)
        if segment.kind in ("reasoning", "user_id", "metadata") or "signature" in segment.path.lower()
    }
    assert [text for text in private if text in body] == []
    assert changes
    assert normalised(told)[0] is told


def test_it_is_written_as_it_was_read(dialect: str) -> None:
    mark = Marks()
    body = BODIES[dialect](mark)
    prompt = DIALECTS[dialect].read(json.loads(json.dumps(body)))
    assert DIALECTS[dialect].write(prompt, "m", False).data.keys() >= body.keys() - {"model"}


@pytest.mark.parametrize("receiver", BODIES)
def test_what_is_left_is_a_request(dialect: str, receiver: str) -> None:
    """Scrubbed of all results, thoughts and arguments, normalised, and written: taken as any client's is."""
    prompt, _ = read(dialect)
    gone = frozenset({"result", "reasoning", "arguments", "file", "url"})
    profile = Profile(
        "p", (Selector("gone", Clearance.CONFIDENTIAL, kind=gone, role=frozenset({"assistant", "tool"})),)
    )
    outcome = scrubbed(prompt, [profile], Gate(Clearance.INTERNAL, crossing=True))
    assert isinstance(outcome, Scrubbed)
    told, _ = normalised(outcome.prompt)
    body = json.dumps({"model": "m", **DIALECTS[receiver].write(told, "m", False).data}).encode()
    path = "/v1beta/models/m:generateContent" if receiver == "gemini" else ""
    again = ModelRequest.read(receiver, body, path=path).prompt
    calls = [part.id for turn in again.turns for part in turn.parts if isinstance(part, Call)]
    results = [part.call_id for turn in again.turns for part in turn.parts if isinstance(part, Result)]
    assert calls == results
    assert calls
