"""Conversations that really went on at another vendor: ours is what that vendor took, but for what never crosses."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.aimed import sent
from tests.support.counted import counted

from policyroute.dialects import DIALECTS
from policyroute.request.prompt import Call, Prompt, Result, Text, Turn

CORPUS = Path(os.environ.get("POLICYROUTE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus")
SPOKEN = {"generate": "gemini", "messages": "anthropic", "responses": "openai_responses"}
VENDORS = {"gemini": "vendor: gemini", "anthropic": "vendor: anthropic"}
VENDORS["openai_responses"] = "vendor: openai, dialect: openai_responses"


@dataclass(frozen=True)
class Handoff:
    """`asked` is what a client of the first vendor says next, `taken` what the second vendor was sent and answered."""

    name: str
    dialect: str
    asked: dict[str, Any]
    other: str
    model: str
    taken: dict[str, Any]


def handoffs() -> list[Handoff]:
    with gzip.open(CORPUS / "handoffs.jsonl.gz", "rt", encoding="utf-8") as rows:
        every = [json.loads(line) for line in rows]
    steps = [(one, two) for one, two in pairwise(every) if one["group"] == two["group"]]
    return [found for one, two in steps if one["api"] != two["api"] and (found := handoff(one, two))]


def handoff(one: dict[str, Any], two: dict[str, Any]) -> Handoff | None:
    dialect, other = SPOKEN[one["api"]], SPOKEN.get(two["api"])
    if other is None:
        return None  # Bedrock's, which is not spoken here
    taken = two["request"]["body"]
    model = two["model"] or re.findall(r"models/([^:]+):", two["request"]["path"])[0]
    last = [turn for turn in read(other, taken).turns if turn.role == "user"][-1]
    return Handoff(
        two["group"],
        dialect,
        asked(dialect, one["request"]["body"], one["response"]["body"], last),
        other,
        model,
        taken,
    )


def asked(dialect: str, body: dict[str, Any], answer: dict[str, Any], last: Turn) -> dict[str, Any]:
    """The next request of whoever sent this one and got this answer: with the results of calls, or more to say."""
    said = "\n".join(part.text for part in last.parts if isinstance(part, Text))
    if dialect == "gemini":
        turns = [answer["candidates"][0]["content"], {"role": "user", "parts": [{"text": said}]}]
        return {**body, "contents": [*body["contents"], *turns]}
    if dialect == "anthropic":
        turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": said}]
        return {**body, "messages": [*body["messages"], *turns]}
    gave = [
        {"type": "function_call_output", "call_id": part.call_id, "output": text_of(part)}
        for part in last.parts
        if isinstance(part, Result)
    ]
    return {
        **body,
        "input": [*body["input"], *answer["output"], *gave, *([{"role": "user", "content": said}] if said else [])],
    }


def read(dialect: str, body: dict[str, Any]) -> Prompt:
    return DIALECTS[dialect].read(body)


def text_of(result: Result) -> str:
    return "".join(part.text for part in result.content if isinstance(part, Text))


Told = list[tuple[str, ...]]


def told(prompt: Prompt) -> Told:
    """Who says, calls and is answered what, in order. Texts of one role in a row are one."""
    found: Told = []
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, Text) and found and found[-1][:2] == (turn.role, "says"):
                found[-1] = (*found[-1][:2], found[-1][2] + part.text)
            elif isinstance(part, Text):
                found.append((turn.role, "says", part.text))
            elif isinstance(part, Call):
                found.append((turn.role, "calls", part.id, part.name, json.dumps(json.loads(part.arguments))))
            elif isinstance(part, Result):
                found.append((turn.role, "gave", part.call_id, text_of(part)))
    return found


def thoughts(one: tuple[str, ...]) -> tuple[str, ...] | None:
    """Of another model: that client told them as text, we keep them back."""
    return (*one[:2], re.sub(r"<thinking>.*?</thinking>", "", one[2], flags=re.S)) if one[1] == "says" else one


def search_for_tools(one: tuple[str, ...]) -> tuple[str, ...] | None:
    """That client made up a search for tools, and its result, for a model that has one."""
    return None if "search_tools" in one or (one[1] == "gave" and not one[3]) else one


def notice_of_tools(one: tuple[str, ...]) -> tuple[str, ...] | None:
    """To a model that has none it said so, in text that it then left out for the other."""
    return None if one[1] == "says" and one[2].startswith("<system>The following tool(s) are now") else one


def wrapped_results(one: tuple[str, ...]) -> tuple[str, ...] | None:
    """What a tool gave is an object for Gemini: that client has a field for a text, which is JSON for us."""
    if one[1] != "gave" or '"return_value"' not in one[3]:
        return one
    return (*one[:3], json.loads(one[3])["return_value"])


DIFFERENCES = (thoughts, search_for_tools, notice_of_tools, wrapped_results)
"""What that client did otherwise than a gateway does."""


def but_for(difference: Callable[[tuple[str, ...]], tuple[str, ...] | None], what: Told) -> Told:
    return [found for one in what if (found := difference(one)) is not None]


@pytest.fixture(scope="module")
def known() -> list[Handoff]:
    if not CORPUS.is_dir():
        pytest.skip("the recorded conversations are not at hand")
    return handoffs()


def test_ours_is_what_the_second_vendor_took(known: list[Handoff]) -> None:
    counts: Counter[str] = Counter()
    for each in known:
        ours = sent(each.dialect, each.asked, VENDORS[each.other], each.model).body
        mine, theirs = told(read(each.other, ours)), told(read(each.other, each.taken))
        for difference in DIFFERENCES:
            if mine == theirs:
                break
            before = (mine, theirs)
            mine, theirs = but_for(difference, mine), but_for(difference, theirs)
            counts[difference.__name__] += (mine, theirs) != before
        assert mine == theirs, each.name
        counts["tried"] += 1
    counted("recorded conversations that went on at another vendor", counts)
    assert counts == {"tried": 7, "thoughts": 1, "search_for_tools": 2, "notice_of_tools": 1, "wrapped_results": 1}


def test_nothing_that_only_the_first_vendor_knows_crosses(known: list[Handoff]) -> None:
    for each in known:
        ours = json.dumps(sent(each.dialect, each.asked, VENDORS[each.other], each.model).body)
        for mark in ("encrypted_content", "rs_", "fc_", "msg_", "srvtoolu_", "thoughtSignature", "executableCode"):
            assert mark not in ours, each.name


def test_a_choice_among_tools_is_only_made_where_there_are_tools(known: list[Handoff]) -> None:
    for each in known:
        ours = sent(each.dialect, each.asked, VENDORS[each.other], each.model).body
        assert "tools" in ours or not {"tool_choice", "toolConfig"} & set(ours), each.name
