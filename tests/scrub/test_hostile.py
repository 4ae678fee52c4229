"""Texts that are made to take long: they are done with, or refused, and what may not go does not."""

from __future__ import annotations

import pytest
from tests.support.scrubbing import LOWER, asked

from policyroute.clearance import Clearance
from policyroute.request.prompt import Call, Prompt, Text, Turn
from policyroute.scrub import DEFAULT, Profile, Refusal, Selector, Traces, asserted, glance, normalised, scrubbed
from policyroute.scrub.patterns import ranges, titles

EVERYTHING = Profile(
    "p",
    (
        *DEFAULT.selectors,
        Selector("re", Clearance.CONFIDENTIAL, pattern=ranges("a.*?b|a")),
        Selector("heading", Clearance.CONFIDENTIAL, heading=titles("^x")),
    ),
)
MANY = 1_000_000
TEXTS = {
    "one letter": "a" * 40_000,
    "a long one": "a" * MANY,
    "openings": "<" * MANY,
    "spaced openings": "< " * (MANY // 2),
    "tags that begin": "<confidential>" * 70_000,
    "tags": "<confidential>a</confidential>" * 30_000,
    "zero width": "<con" + "\u200b" * MANY + "fidential>40</confidential>",
    "marks": "<\u0441" + "\u0301" * 300_000 + "onfidential>",
    "escapes": "&amp;" * 200_000 + "lt;confidential&gt;",
    "headings": "# x\n" * 200_000,
    "labels": "x: y\n" * 200_000,
    "blocks": "<x>\n" * 200_000,
    "lines": "\n" * MANY,
    "brackets": "[" * MANY,
    "base64": "QUFB" * 200_000,
}

HARMLESS = {"one letter", "a long one", "openings", "spaced openings", "brackets", "base64", "lines"}
SECTIONS = {"headings", "labels", "blocks"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_system_text(name: str) -> None:
    text = TEXTS[name]
    for profile in (DEFAULT, EVERYTHING):
        outcome = scrubbed(asked(text), [profile], LOWER)
        if isinstance(outcome, Refusal):
            assert outcome.cause in ("tags", "exhausted", "gutted")
        else:
            assert outcome.prompt.turns[0].parts == asked(text).turns[0].parts
            assert name in HARMLESS or (profile is DEFAULT and name in SECTIONS)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_a_model_and_a_body(name: str) -> None:
    secret = "Be kind. <confidential>the floor price is forty euros a piece</confidential>"
    said = (Turn("assistant", (Text(TEXTS[name]), Call("c", "f", TEXTS[name]))), Turn("user", (Text("So?"),)))
    outcome = scrubbed(asked(secret, "Hello", *said), [DEFAULT], LOWER)
    if isinstance(outcome, Refusal):
        assert (outcome.cause, outcome.name) == ("exhausted", "outputs")
    told = scrubbed(asked(secret), [DEFAULT], LOWER)
    assert not isinstance(told, Refusal)
    assert asserted(TEXTS[name][:40_000].encode(), Traces(told.withheld)) == frozenset()


@pytest.mark.parametrize("depth", [60, 70, 900, 200_000])
def test_deep_arguments(depth: int) -> None:
    said = "[" * depth + '"the floor price is forty euros a piece"' + "]" * depth
    prompt = asked("Be kind.", "x", Turn("assistant", (Call("c", "f", said),)), Turn("user", (Text("So?"),)))
    floor = Profile("p", (Selector("it", Clearance.CONFIDENTIAL, pattern=ranges("floor price")),))
    outcome = scrubbed(prompt, [floor], LOWER)
    assert not isinstance(outcome, Refusal)
    (call,) = outcome.prompt.turns[2].parts
    assert isinstance(call, Call)
    assert "floor" not in call.arguments
    assert len(call.arguments) == len(said) - len("floor price ")


def test_a_schema_that_nests_deeply_is_left_as_it_is() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(150):
        schema = {"type": "array", "items": schema}
    prompt = Prompt("anthropic", asked("Be kind.").turns)
    assert normalised(prompt)[0] is prompt


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b'{"messages": [{"content": "Be kind. a < b"}]}', False),
        (b'{"messages": [{"content": "A confidential matter"}]}', False),
        (b'{"messages": [{"content": "<Confidential>40"}]}', True),
        (b'{"messages": [{"content": "\\u003cconfidential>40"}]}', True),
        (b'{"messages": [{"content": "&lt;confidential&gt;40"}]}', True),
        ('{"messages": [{"content": "<\u0441onfidential>40"}]}'.encode(), True),
    ],
)
def test_at_a_glance(body: bytes, seen: bool) -> None:
    assert glance(body) is seen
    assert glance(body, [EVERYTHING])
    assert not glance(body, [])
