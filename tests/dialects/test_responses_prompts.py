"""Bodies of OpenAI Responses as prompts: what is read, and that writing it gives the body again."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.counted import counted

from policyroute import BadRequest, ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.dialects.openai_responses import OpenAIResponses
from policyroute.dialects.shapes import compact, items
from policyroute.dialects.turns import unsaid
from policyroute.request.prompt import Call, Media, Other, Refusal, Result, Text, Thought

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

RESPONSES = OpenAIResponses()
LOGPROBS = "message.output_text.logprobs"


def unstreamed(body: dict[str, Any]) -> None:
    if not body.get("stream"):
        body.pop("stream", None)
        body.pop("stream_options", None)


def logprobs_last(body: dict[str, Any]) -> None:
    included = items(body.get("include"))
    if included.count(LOGPROBS) == 1:
        body["include"] = [*(name for name in included if name != LOGPROBS), LOGPROBS]


def arguments_text(body: dict[str, Any]) -> None:
    """Of calls that have a name."""
    for item in items(body.get("input")):
        name = {"function_call": "arguments", "custom_tool_call": "input"}.get(str(item.get("type")), "")
        if item.get("name") and isinstance(item.get(name), dict | list) and "custom_tool_call" not in item:
            item[name] = compact(item[name])


NORMAL: tuple[Callable[[dict[str, Any]], None], ...] = (unstreamed, logprobs_last, arguments_text)
"""What is written otherwise than it came, and says the same."""


def normal(body: dict[str, Any]) -> dict[str, Any]:
    body = copy.deepcopy(body)
    for normalise in NORMAL:
        normalise(body)
    return body


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = RESPONSES.write(RESPONSES.read(body), body["model"], bool(body.get("stream")))
    assert written.changes == ()
    return written.data


def strictly(value: Any) -> str:
    """As JSON, where `1` is neither `true` nor `1.0`."""
    return json.dumps(value, sort_keys=True)


def test_every_recorded_body_is_written_as_it_was_read(responses: list[Recording]) -> None:
    counts: Counter[str] = Counter()
    for recording in responses:
        try:
            body = ModelRequest.read("openai_responses", json.dumps(recording.request).encode()).data
        except BadRequest:
            counts["refused"] += 1
            continue
        found = again(body)
        assert strictly(found) == strictly(normal(body)), recording.name
        counts["exact"] += found == body
        for normalise in NORMAL:
            otherwise = copy.deepcopy(body)
            normalise(otherwise)
            counts[normalise.__name__] += otherwise != body
    counted("recorded Responses requests", {"tried": len(responses), **counts})
    assert counts["exact"] + counts["unstreamed"] == len(responses) - counts["refused"]
    assert all(counts[name] >= least for name, least in COUNTS.items()), counts


COUNTS = {"exact": 121, "unstreamed": 115}


def test_what_is_read() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "instructions": "be kind",
        "input": [
            {"role": "developer", "content": "and short"},
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "look"}, {"type": "input_image", "file_id": "f"}],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "x",
            },
            {"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "any text"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"type": "web_search_call", "id": "ws_1"},
        ],
    }
    turns = RESPONSES.read(body).turns
    kinds = [(turn.role, [Other if isinstance(part, Other) else type(part) for part in turn.parts]) for turn in turns]
    assert kinds == [
        ("system", [Text]),
        ("system", [Text]),
        ("user", [Text, Media]),
        ("assistant", [Thought]),
        ("assistant", [Refusal]),
        ("assistant", [Call]),
        ("assistant", [Call]),
        ("user", [Result]),
        ("user", [Result]),
        ("assistant", [Other]),
    ]
    assert again(body) == body


NAMES = st.sampled_from(
    """type text role id call_id name arguments input output content summary encrypted_content refusal annotations
    logprobs image_url file_id file_url file_data filename detail input_audio data format status phase custom_tool_call
    custom_tool_call_output schema strict verbosity effort mode tools description parameters instructions""".split()
)
KINDS = st.sampled_from(
    """message reasoning function_call custom_tool_call function_call_output custom_tool_call_output web_search_call
    item_reference input_text output_text text refusal summary_text reasoning_text input_image input_file input_audio
    function allowed_tools json_schema json_object auto required none high user developer""".split()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | KINDS
    | st.sampled_from(
        ["", "data:image/png;base64,QUJD", "data:application/pdf;base64,", "data:,x", "https://x.example"]
    )
    | st.sampled_from(["QUJD", "mp3", "mpeg", LOGPROBS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@st.composite
def typed(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(KINDS)
    rest = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    return {**rest, "type": kind, **({kind: rest.get("text", "x")} if draw(st.booleans()) else {})}


@st.composite
def said_items(draw: st.DrawFn) -> dict[str, Any]:
    rest = draw(st.dictionaries(NAMES, VALUES | st.lists(typed(), max_size=2), max_size=5))
    held = draw(st.sampled_from(["content", "output", "summary"]))
    item = {**rest, held: draw(st.text(max_size=2) | st.lists(typed(), max_size=3)), "call_id": "c"}
    if draw(st.booleans()):
        return {**item, "role": draw(st.sampled_from(["system", "developer", "user", "assistant"])), "type": "message"}
    return {**item, "type": draw(KINDS), "name": draw(st.text(max_size=2))}


TOPS = st.dictionaries(
    st.sampled_from(
        """stream max_output_tokens temperature top_p include top_logprobs reasoning text tools tool_choice instructions
        metadata user service_tier parallel_tool_calls modalities prompt_cache_key stream_options store""".split()
    ),
    VALUES | typed() | st.lists(typed(), max_size=2),
    max_size=6,
)
CALLS = [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]


@settings(max_examples=150)
@given(st.lists(said_items(), min_size=1, max_size=3) | st.text(min_size=1, max_size=3), TOPS)
def test_whatever_it_holds_a_body_is_written_as_it_was_read(given_: list[Any] | str, top: dict[str, Any]) -> None:
    body: dict[str, Any] = {**top, "model": "m", "input": given_ if isinstance(given_, str) else [*CALLS, *given_]}
    try:
        ModelRequest.read("openai_responses", json.dumps(body).encode())
    except BadRequest:
        return
    assert strictly(again(body)) == strictly(normal(body))
    read = RESPONSES.read(body)
    for dialect in DIALECTS:
        written = DIALECTS[dialect].write(replace(read, dialect="elsewhere"), "m", stream=True)
        json.dumps(written.data)
    unsaid(read)
