"""What replacing in requests, giving back in answers and censoring them cost, without looking for anything."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from statistics import median

from policyroute.events import StreamEvent, TextDelta, ToolCallDelta
from policyroute.redact.censoring import Censoring
from policyroute.redact.findings import Finding
from policyroute.redact.known import Known
from policyroute.redact.modes import Mode, Rule
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.replacing import Redaction
from policyroute.redact.restoring import Restoring
from scripts.benchmarks import policies
from scripts.benchmarks.report import Figure, timed

_ROUNDS = 9
_DELTA = 4


class _FindsNothing:
    reach = 200

    def find(self, text: str, known: Known | None = None) -> list[Finding]:
        return []

    def settled(self, text: str, found: Sequence[Finding], known: Known | None = None) -> int:
        return max(0, len(text) - self.reach)


def run() -> list[Figure]:
    rng = random.Random(5)
    bodies = [json.loads(policies.chat_request(rng)[0]) for _ in range(50)]
    size = sum(len(json.dumps(body)) for body in bodies) / 1024

    def replaced() -> None:
        for body in bodies:
            _redaction().body(body)

    pseudonyms = Pseudonyms(b"a conversation's key")
    tokens = [pseudonyms.of("email", f"user{number}@example.com") for number in range(1000)]
    words = ["the ", "Zebra ", "of Zürich ", "and ", "it. ", "https://x.example/a "]
    text = "".join(f"{rng.choice(tokens)} " if rng.random() < 1 / 20 else rng.choice(words) for _ in range(4000))
    told = _deltas(text)
    called: list[StreamEvent] = [ToolCallDelta(0, None, None, piece) for piece in _pieces(json.dumps({"x": text}))]
    return [
        Figure("replacing, a KB of a request", _time(replaced) / size, "µs", 100.0, f"{size / 50:.1f} KB a request"),
        Figure(
            "giving back, a delta of a text",
            _time(lambda: _through(Restoring(pseudonyms), told)) / len(told),
            "µs",
            8.0,
            "4 characters; every 20th word is one of 1,000 pseudonyms",
        ),
        Figure(
            "giving back, a delta of arguments",
            _time(lambda: _through(Restoring(pseudonyms), called)) / len(called),
            "µs",
            8.0,
            "the same, in one string of JSON",
        ),
        Figure(
            "censoring, a delta of a text",
            _time(lambda: _through(Censoring(_redaction()), told)) / len(told),
            "µs",
            None,
            "what it costs to look comes on top, once for 64 characters",
        ),
    ]


def _redaction() -> Redaction:
    return Redaction([Rule("r", _FindsNothing(), Mode.MASK)], None, None, b"key")


def _pieces(text: str) -> list[str]:
    return [text[at : at + _DELTA] for at in range(0, len(text), _DELTA)]


def _deltas(text: str) -> list[StreamEvent]:
    return [TextDelta(piece) for piece in _pieces(text)]


def _through(stage: Restoring | Censoring, events: list[StreamEvent]) -> None:
    for event in events:
        stage.passed([event])
    stage.rest()


def _time(work: Callable[[], None]) -> float:
    """Of one run, in microseconds."""
    return 1000 * median(timed(work)[0] for _ in range(_ROUNDS))
