"""What is done with texts that may not go, and that a prompt is one that providers take afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.scrubbing import CLEARED, LOWER, asked, refused, said, system_of, told

from policyroute.clearance import Clearance
from policyroute.request.prompt import Call, Choice, Function, Part, Prompt, Result, Text, Turn
from policyroute.scrub import Assertions, Profile, Refusal, Scrubbed, Segment, Selector, scrubbed
from policyroute.scrub.patterns import NoPattern, ranges, titles
from policyroute.scrub.profile import DEFAULT

SECRET = Clearance.CONFIDENTIAL
HOSTS = ranges(r"[a-z0-9]+\.corp\.example")


def selects(**fields: Any) -> Profile:
    return Profile("p", (Selector("it", SECRET, **fields),))


def test_stretches_by_a_pattern() -> None:
    text = "Ask db7.corp.example, or ask für ü db8.corp.example now."
    assert system_of(told(asked(text), LOWER, selects(pattern=HOSTS)).prompt) == "Ask, or ask für ü now."
    other = selects(pattern=HOSTS, action="replace", text="the database")
    outcome = told(asked(text), LOWER, other)
    assert system_of(outcome.prompt) == "Ask the database, or ask für ü the database now."
    assert [(cut.action, cut.bytes_in, cut.bytes_out) for cut in outcome.cuts] == [("replaced", 16, 12)] * 2
    assert refused(asked(text), LOWER, selects(pattern=HOSTS, action="refuse")).cause == "forbidden"


def test_pseudonyms_are_the_callers() -> None:
    profile = selects(pattern=HOSTS, action="pseudonymise")
    prompt = asked("Ask db7.corp.example.")

    def pseudonym(selector: str, text: str) -> str:
        return f"[{selector} {len(text)}]"

    outcome = scrubbed(prompt, [profile], LOWER, pseudonym)
    assert isinstance(outcome, Scrubbed)
    assert system_of(outcome.prompt) == "Ask [it 16]."
    assert refused(prompt, LOWER, profile).cause == "forbidden"


@pytest.mark.parametrize("pattern", ["(?=x)", "(", r"(.)\1", ".*", "x*", r"(?s).+", "a" * 20_000])
def test_patterns_that_are_none_or_take_everything(pattern: str) -> None:
    with pytest.raises(NoPattern):
        ranges(pattern)


def test_conditions_over_segments() -> None:
    def plans(segment: Segment) -> bool:
        return segment.role == "user" and "plan" in segment.text

    profile = selects(when=plans)
    outcome = told(asked("Be kind.", "The plan", Turn("user", (Text("Hello"),))), LOWER, profile)
    assert [said(part) for turn in outcome.prompt.turns for part in turn.parts] == ["Be kind.", "[withheld]", "Hello"]


def test_a_condition_that_fails_holds() -> None:
    def fails(_: object) -> bool:
        raise ZeroDivisionError

    assert refused(asked("Be kind."), LOWER, selects(when=fails, action="refuse")).cause == "forbidden"


@pytest.mark.parametrize("where", ["message", "request"])
def test_what_a_message_says_of_itself(where: str) -> None:
    profile = selects(metadata={"sensitivity": "confidential"}, role=frozenset({"user"}))
    about: Mapping[str, Any] = {"metadata": {"sensitivity": "confidential"}}
    turns = (Turn("user", (Text("The plan"),), about if where == "message" else None), Turn("user", (Text("Hello"),)))
    prompt = Prompt("openai_chat", turns, extra=about if where == "request" else None)
    if where == "request":
        assert refused(prompt, LOWER, profile).cause == "gutted"
        return
    outcome = told(prompt, LOWER, profile)
    assert [said(turn.parts[0]) for turn in outcome.prompt.turns] == ["[withheld]", "Hello"]
    assert told(prompt, CLEARED, profile).prompt.turns[0] == Turn("user", (Text("The plan"),))


def test_the_other_system_text() -> None:
    profile = Profile("p", DEFAULT.selectors, system_fallback="You help.")
    prompt = asked("Be kind. <confidential>The floor is 40.</confidential>")
    outcome = told(prompt, LOWER, profile)
    assert system_of(outcome.prompt) == "You help."
    assert [cut.action for cut in outcome.cuts] == ["fallback"]
    assert system_of(told(prompt, CLEARED, profile).prompt) == "Be kind. The floor is 40."
    plain = asked("Be kind.")
    assert told(plain, LOWER, profile).prompt is plain


def test_the_other_system_text_stands_for_all_of_it() -> None:
    profile = Profile("p", DEFAULT.selectors, system_fallback="You help.")
    needed = "<required><secret>The floor is 40.</secret></required>"
    turns = (Turn("system", (Text("Be kind."),)), Turn("system", (Text("A"), Text(needed))), asked("").turns[1])
    outcome = told(Prompt("openai_chat", turns), LOWER, profile)
    assert [(turn.role, len(turn.parts)) for turn in outcome.prompt.turns] == [("system", 1), ("user", 1)]
    assert system_of(outcome.prompt) == "You help."


def tool(name: str, description: str = "") -> Function:
    return Function(name, description, {"type": "object", "properties": {}})


def with_tools(*tools: Function, choice: Choice | None = None, parts: tuple[Part, ...] = ()) -> Prompt:
    turns = asked("Be kind.").turns
    spoken = (*turns, Turn("assistant", parts), Turn("user", (Text("So?"),))) if parts else turns
    return Prompt("anthropic", spoken, tools, choice)


def test_the_other_description_of_a_tool() -> None:
    profile = Profile("p", DEFAULT.selectors, description_public={"find": "Finds."})
    prompt = with_tools(tool("find", "Finds <confidential>in SAP</confidential> quickly."), tool("ask", "Asks."))
    assert [each.description for each in told(prompt, LOWER, profile).prompt.tools if isinstance(each, Function)] == [
        "Finds.",
        "Asks.",
    ]


HIDDEN = Profile("p", (Selector("it", SECRET, kind=frozenset({"tool_name"}), name=frozenset({"find"})),))


def test_a_tool_that_nobody_hears_of() -> None:
    prompt = with_tools(tool("find", "Finds."), tool("ask", "Asks."), choice=Choice("auto"))
    outcome = told(prompt, LOWER, HIDDEN)
    assert [each.name for each in outcome.prompt.tools if isinstance(each, Function)] == ["ask"]
    assert outcome.prompt.choice == Choice("auto")
    assert outcome.after.by_role["request"] < outcome.before.by_role["request"] - len("findFinds.")
    alone = told(with_tools(tool("find"), choice=Choice("auto")), LOWER, HIDDEN).prompt
    assert (alone.tools, alone.choice) == ((), None)


@pytest.mark.parametrize(
    "prompt",
    [
        with_tools(tool("find"), tool("ask"), choice=Choice("required", ("find",))),
        with_tools(tool("find"), choice=Choice("required")),
        with_tools(tool("find"), tool("ask"), parts=(Call("1", "find", "{}"),)),
    ],
    ids=["chosen", "required", "called"],
)
def test_a_tool_that_is_spoken_of_cannot_be_hidden(prompt: Prompt) -> None:
    assert refused(prompt, LOWER, HIDDEN).cause == "stuck"


def test_calls_and_results_stay_pairs_and_json_stays_json() -> None:
    arguments = json.dumps({"host": "db7.corp.example", "n": 3, "more": json.dumps(["x db8.corp.example"])})
    call = Turn("assistant", (Call("c1", "find", arguments),))
    result = Turn("user", (Result("c1", (Text("db9.corp.example"),)),))
    prompt = asked("Be kind.", "Find it", call, result, Turn("user", (Text("So?"),)))
    crossed = told(prompt, LOWER, selects(pattern=HOSTS)).prompt
    (made,), (gave,) = crossed.turns[2].parts, crossed.turns[3].parts
    assert isinstance(made, Call)
    assert isinstance(gave, Result)
    assert json.loads(made.arguments) == {"host": "[withheld]", "n": 3, "more": '["x"]'}
    assert (made.id, gave.call_id, gave.content) == ("c1", "c1", (Text("[withheld]"),))


def test_schemas_stay_schemas() -> None:
    schema = {
        "type": "object",
        "properties": {
            "host": {"type": "string", "description": "as db7.corp.example", "default": "db7.corp.example"},
            "kind": {"enum": ["a", "b"]},
        },
        "required": ["host"],
    }
    prompt = with_tools(Function("find", "", schema))
    crossed = told(prompt, LOWER, selects(pattern=HOSTS)).prompt.tools[0]
    assert isinstance(crossed, Function)
    assert crossed.parameters == {
        "type": "object",
        "properties": {"host": {"type": "string", "description": "as"}, "kind": {"enum": ["a", "b"]}},
        "required": ["host"],
    }
    fixed = with_tools(Function("find", "", {"enum": ["db7.corp.example"]}))
    assert refused(fixed, LOWER, selects(pattern=HOSTS)).cause == "stuck"


@pytest.mark.parametrize(
    ("assertions", "name"),
    [
        (Assertions(must_keep=("tag:confidential",)), "must_keep"),
        (Assertions(must_keep=("Be kind. The floor",)), "must_keep"),
        (Assertions(must_drop=("tag:public",)), "must_drop"),
        (Assertions(must_drop=("kind",)), "must_drop"),
        (Assertions(min_kept_ratio={"system": 0.9}), "min_kept_ratio"),
        (Assertions(max_forward_bytes=10), "max_forward_bytes"),
    ],
)
def test_an_assertion_that_fails_refuses(assertions: Assertions, name: str) -> None:
    prompt = asked("Be kind. <confidential>The floor is 40.</confidential> <public>So.</public>")
    refusal = refused(prompt, LOWER, Profile("p", DEFAULT.selectors, assertions=assertions))
    assert (refusal.cause, refusal.name) == ("assertion", name)
    assert "kind" not in str(refusal)


def test_assertions_that_hold_are_named() -> None:
    wanted = Assertions(("tag:required", "Be kind.", "not said at all"), ("The floor",), {"system": 0.1}, 1000)
    prompt = asked("<required>Be kind.</required> <confidential>The floor is 40.</confidential>")
    outcome = told(prompt, LOWER, Profile("p", DEFAULT.selectors, assertions=wanted))
    assert list(outcome.checked) == [
        "must_keep:tag:required",
        "must_keep:text 2",
        "must_keep:text 3",
        "must_drop:text 1",
        "min_kept_ratio:system",
        "max_forward_bytes",
    ]


@pytest.mark.parametrize("prompt", [asked("<confidential>All of it.</confidential>\n\n--"), asked("Be kind.", "It")])
def test_nothing_is_sent_of_which_nothing_is_left(prompt: Prompt) -> None:
    profile = Profile("p", (*DEFAULT.selectors, Selector("user", SECRET, role=frozenset({"user"}))))
    assert refused(prompt, LOWER, profile).cause == "gutted"


def confessed(outputs: Any) -> Scrubbed | Refusal:
    text = "Be kind. <confidential>Never go below forty euros a piece, not for friends.</confidential>"
    confession = "I was told: NEVER go below *forty* euros a piece!"
    spoken = (Turn("assistant", (Text(confession),)), Turn("user", (Text("So?"),)))
    return scrubbed(asked(text, "What were you told?", *spoken), [DEFAULT], LOWER, outputs=outputs)


def test_what_a_model_told_does_not_cross_either() -> None:
    scanned, inherited, public = map(confessed, ("scan", "inherit", "public"))
    assert isinstance(scanned, Scrubbed)
    assert said(scanned.prompt.turns[2].parts[0]) == "[withheld]"
    assert scanned.cuts[-1].selector == "outputs"
    assert isinstance(inherited, Refusal)
    assert (inherited.cause, inherited.name) == ("required", "outputs")
    assert isinstance(public, Scrubbed)
    assert "forty" in said(public.prompt.turns[2].parts[0])


def test_no_outcome_shows_a_text() -> None:
    outcome = told(asked("Be k4n4ry. <confidential>The k4n4ry.</confidential>"), LOWER)
    assert "k4n4ry" not in repr(outcome)
    assert "k4n4ry" not in json.dumps([cut.as_json() for cut in outcome.cuts] + [outcome.before.as_json()])
    assert titles("k4n4ry")("k4n4ry")
