"""Sections by their headings, as authors write them: where one begins, and that none ends too early."""

from __future__ import annotations

import pytest
from tests.support.scrubbing import LOWER, asked, refused, system_of, told

from policyroute.clearance import Clearance
from policyroute.scrub import Profile, Selector
from policyroute.scrub.patterns import titles

INTERNAL = Profile("internal", (Selector("section", Clearance.CONFIDENTIAL, heading=titles("(?i)^internal")),))

TEXTS = {
    "markdown": ("# Bot\nHi.\n\n## Internal\nA\n\n### Deeper\nB\n\n## Rules\nC", "# Bot\nHi.\n\n## Rules\nC"),
    "higher ends it": ("## Internal\nA\n# Rules\nC", "# Rules\nC"),
    "deeper does not": ("# Internal\nA\n## Rules\nB\n# Next\nC", "# Next\nC"),
    "closed heading": ("## Internal ##\nA\n## Rules ##\nC", "## Rules ##\nC"),
    "underlined": ("Internal\n========\nA\n\nRules\n=====\nC", "Rules\n=====\nC"),
    "underlined lower": ("Bot\n===\nHi\n\nInternal notes\n---\nA\n\nRules\n---\nC", "Bot\n===\nHi\n\nRules\n---\nC"),
    "bold": ("Hi.\n\n**Internal**\nA\n\n**Rules**\nC", "Hi.\n\n**Rules**\nC"),
    "bold with a colon": ("Hi.\n**Internal:**\nA\n**Rules:**\nC", "Hi.\n**Rules:**\nC"),
    "label lines": ("Hi.\nInternal:\nA\nContact: Bob\nRules:\nC", "Hi.\nRules:\nC"),
    "labels with text": ("Hi.\nInternal: A\nRules: C", "Hi.\nRules: C"),
    "a block": ("Hi.\n<internal_notes>\nA\n</internal_notes>\n<rules>\nC\n</rules>", "Hi.\n<rules>\nC\n</rules>"),
    "a block in itself": ("Hi\n<internal>\n<internal>\nA\n</internal>\nB\n</internal>\nC", "Hi\nC"),
    "in a block": ("<notes>\n## Internal\nA\n</notes>\nC", "<notes>\n</notes>\nC"),
    "code is no end": ("Hi\n## Internal\n```sh\n# a comment\nA\n```\nB\n## Rules\nC", "Hi\n## Rules\nC"),
    "to the end": ("Hi\n## Internal\nA\n\nB", "Hi"),
    "twice": ("Hi\n## Internal\nA\n## Rules\nC\n## Internal too\nB\n## End\nD", "Hi\n## Rules\nC\n## End\nD"),
    "numbered": ("Hi\n## 2. Internal\nA\n## 3. Rules\nC", "Hi\n## 3. Rules\nC"),
    "a sign before it": ("Hi\n### \U0001f512 Internal\nA\n### Rules\nC", "Hi\n### Rules\nC"),
    "between rules": ("Hi\n=== Internal ===\nA\nNote: B\n=== Rules ===\nC", "Hi\n=== Rules ===\nC"),
    "between dashes": ("Hi\n--- Internal ---\nA\n\n--- Rules ---\nC", "Hi\n--- Rules ---\nC"),
    "in brackets": ("Hi\n[Internal]\nA\nNote: B\n[Rules]\nC", "Hi\n[Rules]\nC"),
    "brackets end nothing else": ('Hi\n**Internal**\nA\n["b"]\nB\n**Rules**\nC', "Hi\n**Rules**\nC"),
    "windows": ("Hi\r\n## Internal\r\nA\r\n## Rules\r\nC", "Hi\r\n## Rules\r\nC"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_section_stays_behind_with_its_heading(name: str) -> None:
    text, left = TEXTS[name]
    assert system_of(told(asked(text, "Hello"), LOWER, INTERNAL).prompt) == left


@pytest.mark.parametrize(
    "text", ["Be kind.\n\nThe word internal in a line, or: internal", "## Rules\nNothing internal:\nat all\n"]
)
def test_without_such_a_heading_nothing_is_changed(text: str) -> None:
    prompt = asked(text)
    assert told(prompt, LOWER, INTERNAL).prompt is prompt


@pytest.mark.parametrize("text", ["## Internal\nAll\n### of it", "<internal>\nAll of it", "Internal: all of it"])
def test_a_section_that_is_all_of_the_text_is_refused(text: str) -> None:
    assert refused(asked(text), LOWER, INTERNAL).cause == "gutted"


def test_a_required_section_is_sent_as_it_is() -> None:
    text = "## Rules\n  1. Be kind.\n\n  2. Be   short.\n## Internal\nA"
    profile = Profile("p", (Selector("rules", required=True, heading=titles("^Rules")), *INTERNAL.selectors))
    assert system_of(told(asked(text), LOWER, profile).prompt) == text.partition("\n## Internal")[0]
