"""What rules of redaction come to for one attempt: detectors, modes, and the values that are known already.

Rule of this module: a value that has a pseudonym is looked for wherever it stands, whether a detector would know it
there or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.policy.actions import Redact
from policyroute.redact.detectors import detector
from policyroute.redact.known import Known, findable
from policyroute.redact.modes import Rule
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.replacing import Redaction
from policyroute.scrub.traces import Trace

Rules = Sequence[tuple[str, Redact]]
"""Rule ids and what they do."""

REMEMBERED: Final = "value"
"""The kind of a value that is only known because it was found before."""


@dataclass(slots=True)
class Secrecy:
    """What is known of what is secret before a request is looked at: the key that hashes are made with, the app's own
    values of the client, the pseudonyms of its conversation, and what was labelled in that before."""

    key: bytes = field(repr=False)
    client: Known | None = None
    pseudonyms: Pseudonyms | None = field(default=None, repr=False)
    labelled: tuple[Trace, ...] = field(default=(), repr=False)
    _known: Known | None = field(default=None, init=False)
    _remembered: int = field(default=0, init=False)

    def redaction(self, rules: Rules) -> Redaction | None:
        """None where no rule asks for any. It counts, and so is one attempt's."""
        if not rules:
            return None
        made = [
            Rule(id, detector(each.detect, tuple(each.patterns.items())), each.mode, each.known) for id, each in rules
        ]
        return Redaction(made, self._all(), self.pseudonyms, self.key)

    def body(self, rules: Rules, data: Any) -> tuple[Any, Mapping[str, int]]:
        """A body with its values replaced, the same object where there are none, and how many there were of each kind.
        Raises Blocked, and Exhausted."""
        first = self.redaction(rules)
        if first is None:
            return data, {}
        news = len(self.pseudonyms.new) if self.pseudonyms is not None else 0
        data = first.body(data)
        if self.pseudonyms is None or len(self.pseudonyms.new) == news:
            return data, dict(first.counts)
        again = self.redaction(rules)  # what was found in one place may stand unrecognised in another
        assert again is not None, "there are rules"
        data = again.body(data)
        return data, {kind: first.counts[kind] + again.counts[kind] for kind in {**first.counts, **again.counts}}

    def text(self, rules: Rules, text: str) -> str:
        """A text that stands beside a body, the same object where there is nothing to replace. Raises Blocked, and
        Exhausted."""
        found = self.redaction(rules)
        return text if found is None else found.text(text)

    def _all(self) -> Known | None:
        """Both kinds of values. Those that were found before, and are too short to be looked for, are not."""
        if self.pseudonyms is not None and len(self.pseudonyms.values) > self._remembered:  # none is ever taken back
            values = self.pseudonyms.values
            self._remembered = len(values)
            self._known = Known({REMEMBERED: tuple(filter(findable, values.values()))}, self.client)
        return self._known or self.client
