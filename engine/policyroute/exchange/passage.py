"""What of a request may go to the candidate of a hop: scrubbed at its gates, normalised where it crosses, redacted.

Rule of this module: it fails closed. What cannot be looked through, or be left out rightly, goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from policyroute.changes import Change
from policyroute.clearance import Clearance
from policyroute.decide.decision import Excluded, Hop
from policyroute.dialects.shapes import items
from policyroute.exchange.redacting import Secrecy
from policyroute.exchange.resume import Addition
from policyroute.exchange.verdict import UNREADABLE_LABELS
from policyroute.exhausted import Exhausted
from policyroute.policy.actions import Scrub
from policyroute.redact.modes import Blocked
from policyroute.request import ModelRequest
from policyroute.request.prompt import Prompt, Text, Turn
from policyroute.scrub import Gate, Outputs, Refusal, Scrubbed, Traces, asserted, glance, leaks, normalised, scrubbed

_T = TypeVar("_T")

CLEARANCE: Final = "clearance"
CONFESSION: Final = "confession"
"""The answer that it would go on with says what it may not know."""
BLOCKED: Final = "blocked"
UNSEARCHABLE: Final = "unsearchable"
"""It is too long, or too odd, to be looked through."""


class NotForIt(Exception):
    """What the request says may not go to this candidate, for this reason."""

    def __init__(self, reason: Excluded) -> None:
        super().__init__(reason.detail)
        self.reason = reason


class Passage:
    """To one candidate. `said` is what models said that it would be told of, or go on with.

    What came of it is there afterwards: `scrubbed`, `traces` of what is secret in it, `changes` (of the normalisation),
    and `counts` of what was redacted, by kind.
    """

    def __init__(self, hop: Hop, secrecy: Secrecy, said: Sequence[str], *, crosses: bool, measured: bool) -> None:
        self.scrubbed: Scrubbed | None = None
        self.traces = Traces()
        self.changes: tuple[Change, ...] = ()
        self.counts: Mapping[str, int] = {}
        self._hop = hop
        self._secrecy = secrecy
        self._withheld = Traces()
        self._said = said
        self._crosses = crosses
        self._measured = measured

    @classmethod
    def of(  # noqa: PLR0913 - whether there is anything to do is asked of all of these
        cls,
        request: ModelRequest,
        hop: Hop,
        secrecy: Secrecy,
        *,
        addition: Addition | None,
        crosses: bool,
        measured: bool,
    ) -> Passage | None:
        """None where nothing of a request can be kept from the candidate: nearly all are such. `addition` is what it is
        told beyond the request. `measured`: how much there is of what is asked for in any case."""
        told = addition is not None and not addition.empty
        scrubs = hop.scrubs
        if scrubs and not (told or hop.transforms or secrecy.labelled):
            profiles = [rule.profile for _, rule in scrubs]
            gate = Gate(hop.candidate.provider.clearance, crosses)
            scrubs = scrubs if glance(request.body, profiles, gate) else ()
        open_ = hop.candidate.provider.clearance >= Clearance.INTERNAL
        if open_ and not (crosses or scrubs or hop.redactions or measured):
            return None
        said = addition.said(request) if addition is not None else ()
        return cls(hop, secrecy, said, crosses=crosses, measured=measured)

    @property
    def pseudonyms(self) -> int:
        """How many may stand in what is sent."""
        pseudonyms = self._secrecy.pseudonyms
        return len(pseudonyms.values) if pseudonyms is not None else 0

    def prompt(self, prompt: Prompt) -> Prompt:
        """What is said, the very same where all of it may go. Raises NotForIt."""
        clearance = self._hop.candidate.provider.clearance
        if self._hop.scrubs or self._measured or clearance < Clearance.INTERNAL:
            prompt = self._scrub(prompt, [rule for _, rule in self._hop.scrubs])
        if self._crosses:
            prompt, self.changes = normalised(prompt)
        return prompt

    def _scrub(self, prompt: Prompt, rules: Sequence[Scrub]) -> Prompt:
        """By all rules at once, and each says its strictest."""
        clearance = self._hop.candidate.provider.clearance
        profiles = list({rule.profile.name: rule.profile for rule in rules}.values())
        outputs: list[Outputs] = sorted((rule.outputs for rule in rules), key=_STRICTEST.index)
        gate = Gate(clearance, self._crosses, min((rule.max_label for rule in rules), default=Clearance.INTERNAL))
        found = self._looked(
            lambda: scrubbed(prompt, profiles, gate, self._pseudonym, outputs[0] if outputs else "scan")
        )
        if isinstance(found, Refusal):
            raise self._not_for_it(UNREADABLE_LABELS if found.authors else CLEARANCE, str(found), self._scrubbing)
        canaries = [canary for profile in profiles for canary in profile.canaries]
        open_ = clearance >= Clearance.CONFIDENTIAL and not self._crosses
        before = [trace for trace in self._secrecy.labelled if not gate.lets(trace.label, required=False)]
        self._withheld = Traces((*found.withheld, *before), () if open_ else canaries, found.spoken)
        if any(leaks(text, self._withheld) for text in self._said):
            raise self._not_for_it(CONFESSION, "what was said so far is not for it", self._scrubbing)
        self.scrubbed, self.traces = found, Traces(found.traces, canaries)
        return found.prompt

    def embedded(self, data: Mapping[str, Any], dialect: str) -> None:
        """Texts that are only embedded go whole or not at all: the rest of one would be another text. Tags in them are
        nobody's, but selectors may label them. Raises NotForIt."""
        if self._hop.candidate.provider.clearance < Clearance.INTERNAL:
            raise self._not_for_it(CLEARANCE, "it may only be told what is public", None)
        rules = [rule for _, rule in self._hop.scrubs]
        given = data.get("input")
        texts = items(given) or [given]
        if not all(isinstance(text, str) for text in texts):
            if self._hop.redactions or glance(b"", [rule.profile for rule in rules]):
                rule = next(id for id, _ in (*self._hop.redactions, *self._hop.scrubs))
                raise self._not_for_it(UNSEARCHABLE, "texts that come as tokens cannot be looked through", rule)
        elif rules:
            prompt = Prompt(dialect, tuple(Turn("user", (Text(text),)) for text in texts if text))
            if self._scrub(prompt, rules) is not prompt:
                raise self._not_for_it(CLEARANCE, "a text that is embedded has what may not go", self._scrubbing)
            self.scrubbed, self.traces = None, Traces()  # all of it goes, and nothing is said

    def data(self, data: dict[str, Any]) -> dict[str, Any]:
        """The body, the very same where there is nothing to replace. Raises NotForIt."""
        data, self.counts = self._looked(lambda: self._secrecy.body(self._hop.redactions, data))
        return data

    def header(self, value: str) -> str:
        """The value of a header that the client or a rule gives. Raises NotForIt."""
        if leaks(value, self._withheld):
            raise self._not_for_it(CLEARANCE, "what is withheld from it stands in a header", self._scrubbing)
        return self._looked(lambda: self._secrecy.text(self._hop.redactions, value))

    def _looked(self, work: Callable[[], _T]) -> _T:
        """What comes of looking through something. Raises NotForIt where that cannot be done, or must not go."""
        try:
            return work()
        except Blocked as error:
            raise self._not_for_it(BLOCKED, f"a rule blocks what it found: {error.kind}", error.rule) from None
        except Exhausted:
            rule = next((id for id, _ in (*self._hop.redactions, *self._hop.scrubs)), None)
            raise self._not_for_it(UNSEARCHABLE, "it cannot be looked through for what must not go", rule) from None

    def checked(self, body: bytes) -> None:
        """The bytes that are about to be sent have nothing of what was withheld. Raises NotForIt."""
        if self._withheld and asserted(body, self._withheld):
            raise self._not_for_it(CLEARANCE, "what is withheld from it stands elsewhere too", self._scrubbing)

    @property
    def _scrubbing(self) -> str | None:
        return next((id for id, _ in self._hop.scrubs), None)

    def _pseudonym(self, selector: str, text: str) -> str:
        pseudonyms = self._secrecy.pseudonyms
        if pseudonyms is None:
            return f"[{selector}]"
        return pseudonyms.of(selector, text)

    def _not_for_it(self, code: str, detail: str, rule: str | None) -> NotForIt:
        candidate = self._hop.candidate
        return NotForIt(Excluded(candidate.target, candidate.provider.name, code, rule, detail))


_STRICTEST: Final[tuple[Outputs, ...]] = ("inherit", "scan", "public")
