"""Real system prompts, marked in many styles: what is marked stays behind, what is required is sent as it is."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.scrubbing import LOWER, asked, refused, said, system_of, told

from policyroute.clearance import Clearance
from policyroute.request.prompt import Prompt, Text, Turn
from policyroute.scrub import DEFAULT, Profile, Selector, Traces, leaks, segments
from policyroute.scrub.patterns import ranges, titles

CORPUS = Path(os.environ.get("POLICYROUTE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus")
SECRET = Clearance.CONFIDENTIAL
HIDDEN = [
    "Discounts above 37 percent need a word from Ottoline in the Bergen office before noon.",
    "The fallback vendor is Quillfeather; their contract ends when the third audit is signed.",
]
"""What nobody else may hear: put into every prompt, once as it is and once over two lines."""


def corpus(name: str) -> bytes:
    path = CORPUS / "scrubbing" / name
    if not path.exists():
        pytest.skip("the corpus is not at hand")
    return gzip.decompress(path.read_bytes())


def prompts() -> list[tuple[str, list[str]]]:
    """Texts, each with its clauses."""
    every: dict[str, dict[str, Any]] = yaml.safe_load(corpus("system-prompts.yaml.gz"))
    return [(each["instructions"].strip(), list(map(str, each["guardrails"]))) for each in every.values()]


Marked = tuple[str, Profile]


def by_tags(text: str, clauses: str) -> Marked:
    hidden = "\n".join(f"<confidential>{each}</confidential>" for each in HIDDEN)
    return f"{hidden}\n\n{text}\n\n<required>\n{clauses}\n</required>", DEFAULT


def by_tags_in_lines(text: str, clauses: str) -> Marked:
    words = text.split(" ")
    half = len(words) // 2
    between = f"<confidential>{HIDDEN[0]}</confidential> {' '.join(words[half:])} <secret>{HIDDEN[1]}</secret>"
    return f"{' '.join(words[:half])} {between}\n<required>{clauses}</required>", DEFAULT


def by_headings(text: str, clauses: str) -> Marked:
    hidden = "\n\n### Prices\n\n".join(HIDDEN)
    marked = f"{text}\n\n# Internal notes\n\n{hidden}\n\n# Rules\n\n{clauses}"
    return marked, _profile(heading="^Internal")


def by_labels(text: str, clauses: str) -> Marked:
    hidden = "\nContact: ".join(HIDDEN)
    return f"Internal:\n{hidden}\n\nRules:\n{clauses}\n\n{text}", _profile(heading="^Internal")


def by_blocks(text: str, clauses: str) -> Marked:
    hidden = "\n## More\n".join(HIDDEN)
    return (
        f"<internal_notes>\n{hidden}\n</internal_notes>\n\n{text}\n\n<rules>\n{clauses}\n</rules>",
        _profile(heading="^internal"),
    )


def by_a_pattern(text: str, clauses: str) -> Marked:
    hidden = "\n".join(f"[[{each}]]" for each in HIDDEN)
    return f"{text}\n\n{hidden}\n\n{clauses}", _profile(pattern=r"\[\[[^\]]*\]\]")


def _profile(heading: str = "", pattern: str = "") -> Profile:
    hidden = Selector(
        "hidden",
        SECRET,
        heading=titles(heading) if heading else None,
        pattern=ranges(pattern) if pattern else None,
    )
    return Profile("p", (Selector("rules", required=True, heading=titles("(?i)^rules$")), hidden))


STYLES: list[Callable[[str, str], Marked]] = [
    by_tags,
    by_tags_in_lines,
    by_headings,
    by_labels,
    by_blocks,
    by_a_pattern,
]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_what_is_marked_stays_behind_and_what_is_required_is_sent_as_it_is(style: Callable[..., Marked]) -> None:
    looked_for = {hidden: Traces(told(asked(f"Hi <secret>{hidden}</secret>")).withheld) for hidden in HIDDEN}
    for text, clauses in prompts():
        listed = "\n".join(f"- {clause}" for clause in clauses)
        marked, profile = style(text, listed)
        crossed = system_of(told(asked(marked), LOWER, profile).prompt)
        assert [hidden for hidden, traces in looked_for.items() if leaks(crossed, traces)] == []
        assert listed in crossed
        missing = set(text.split()) - set(crossed.split())
        assert not missing, "nothing else is gone"


def test_out_of_band_a_whole_message_stays_behind() -> None:
    profile = Profile("p", (Selector("oob", SECRET, metadata={"sensitivity": "confidential"}),))
    for text, clauses in prompts():
        turns = (
            Turn("system", (Text("\n".join(clauses)),)),
            Turn("system", (Text(text),), {"metadata": {"sensitivity": "confidential"}}),
            Turn("user", (Text("Hello"),)),
        )
        assert system_of(told(Prompt("openai_chat", turns), LOWER, profile).prompt) == "\n".join(clauses)


def test_without_labels_they_are_the_very_prompts() -> None:
    profile = _profile(heading="^Internal notes$", pattern=r"\bno-such-host\.corp\.example\b")
    for text, _ in prompts():
        prompt = asked(text)
        assert told(prompt).prompt is prompt
        assert told(prompt, LOWER, profile).prompt is prompt


def test_a_selector_that_takes_everything_is_refused() -> None:
    everything = [
        Selector("all", SECRET, role=frozenset({"system"})),
        Selector("all", SECRET, pattern=ranges(r"(?s)\S.*")),
    ]
    for text, _ in prompts():
        for selector in everything:
            assert refused(asked(text), LOWER, Profile("p", (selector,))).cause == "gutted"
        assert refused(asked(f"<confidential>{text}</confidential>")).cause == "gutted"


def test_whatever_is_asked_an_echo_has_nothing_to_confess() -> None:
    """The second provider says all that it was sent."""
    queries: list[str] = json.loads(corpus("extraction-attacks.json.gz"))
    assert queries
    traces = Traces(told(asked("Hi " + "".join(f"<secret>{each}</secret>" for each in HIDDEN))).withheld)
    for (text, clauses), query in zip(prompts() * len(queries), queries, strict=False):
        marked, _ = by_tags(text, "\n".join(clauses))
        confessed = f"Sure. {' '.join(HIDDEN)}"
        prompt = asked(marked, "Hello", Turn("assistant", (Text(confessed),)), Turn("user", (Text(query),)))
        crossed = told(prompt).prompt
        echo = "\n".join(segment.text for segment in segments(crossed))
        assert leaks(echo, traces) == frozenset()
        assert said(crossed.turns[-1].parts[0]) == query
