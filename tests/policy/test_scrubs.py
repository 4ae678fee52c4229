"""The section `scrub`: what is written does what it says."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.scrubbing import LOWER, asked, refused, system_of, told

from policyroute.policy.model import Program
from policyroute.request.prompt import Text, Turn
from policyroute.scrub import DEFAULT, Profile, Scrubbed, scrubbed

Made = Callable[[str], Program]


def profile(made: Program) -> Profile:
    effect = made.rules[0].scrub
    assert effect is not None
    return effect.profile


def written(select: str, program: Made, more: str = "") -> Profile:
    text = f"""
version: 1
constants: {{host: corp.example}}
scrub:
  mine:
    select: [{select}]
{more}
rules: [{{id: labels, scrub: {{use: mine}}}}]
"""
    return profile(program(text))


def test_the_shipped_one_goes_by_tags(program: Made) -> None:
    assert profile(program("rules: [{id: labels, scrub: {use: default}}]")) is DEFAULT


def test_each_way_to_select(program: Made) -> None:
    text = "Be kind.\n\n## Prices\nForty at corp.example.\n\n## Rules\nBe short."
    ways = {
        "{id: a, heading: ^Prices, label: secret}": "Be kind.\n\n## Rules\nBe short.",
        "{id: a, re: '(?i)forty [a-z]+ ', label: secret}": text.replace("Forty at ", ""),
        "{id: a, re: Forty, label: secret, replace: Some}": text.replace("Forty", "Some"),
        "{id: a, heading: ^Prices, re: e, label: secret, replace: E}": (
            "Be kind.\n\n## PricEs\nForty at corp.ExamplE.\n\n## Rules\nBe short."
        ),
    }
    for select, left in ways.items():
        assert system_of(told(asked(text), LOWER, written(select, program)).prompt) == left


def test_conditions_read_segments_and_constants(program: Made) -> None:
    condition = 'segment.kind == "text" && segment.text.contains(constants.host) && segment.label == "internal"'
    select = f"{{id: a, cel: '{condition}', label: secret}}"
    turns = (Turn("assistant", (Text("It is on corp.example."),)), Turn("user", (Text("So?"),)))
    outcome = told(asked("Be kind.", "Where?", *turns), LOWER, written(select, program))
    assert [cut.path for cut in outcome.cuts] == ["turns[2].parts[0].text"]


def test_tags_are_those_that_are_written(program: Made) -> None:
    text = "Be <nda>very</nda> kind. <confidential>So.</confidential>"
    own = written("", program, "    tags: {nda: secret}")
    assert system_of(told(asked(text), LOWER, own).prompt) == "Be kind. <confidential>So.</confidential>"
    none = written("", program, "    tags: {}")
    prompt = asked(text)
    assert told(prompt, LOWER, none).prompt is prompt


def test_what_is_asserted_and_said_instead(program: Made) -> None:
    more = """
    system_fallback: You help.
    defaults: {user: confidential}
    assert: {max_forward_bytes: 100}
"""
    own = written("{id: a, re: forty, label: secret}", program, more)
    outcome = scrubbed(asked("Be forty."), [own], LOWER)
    assert not isinstance(outcome, Scrubbed)
    assert outcome.cause == "required", "the user's text is confidential, and nobody said that it may stay behind"
    longer = written("{id: a, re: forty, label: secret}", program, more.replace("user: conf", "stop: conf"))
    assert system_of(told(asked("Be forty."), LOWER, longer).prompt) == "You help."
    assert refused(asked("Be short.", "x" * 100), LOWER, longer).name == "max_forward_bytes"
