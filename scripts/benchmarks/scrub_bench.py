"""How long it takes to scrub a prompt of 20 KB, to look through what is sent and said, and what hostile texts cost."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from policyroute.clearance import Clearance
from policyroute.request.prompt import Prompt, Text, Turn
from policyroute.scrub import (
    DEFAULT,
    Gate,
    Listening,
    Profile,
    Refusal,
    Scrubbed,
    Selector,
    Traces,
    asserted,
    normalised,
    scrubbed,
)
from policyroute.scrub.patterns import ranges, titles
from scripts.benchmarks.report import Figure, timed, usual_and_worst

_P50, _P99, _HOSTILE, _DELTA = 2.0, 10.0, 250.0, 8.0
_LOWER = Gate(Clearance.INTERNAL, crossing=True)
_WORDS = """the answer of every customer who asks about a price should say when it was last changed and by which office
so that nobody has to look it up again while other people wait for their turn""".split()
_EVERYTHING = Profile(
    "everything",
    (
        *DEFAULT.selectors,
        Selector("pattern", Clearance.CONFIDENTIAL, pattern=ranges("a.*?b|a")),
        Selector("heading", Clearance.CONFIDENTIAL, heading=titles("^Internal")),
    ),
)


def run(rounds: int) -> list[Figure]:
    rng = random.Random(13)
    prompts = [_prompt(rng) for _ in range(20 * rounds)]
    told = [_told(prompt) for prompt in prompts]
    bodies = [(_body(outcome.prompt), Traces(outcome.withheld, (), outcome.spoken)) for outcome in told]
    detail = "system text with 1.5 KB confidential, 40 turns"
    return [
        *_timed("scrubbing 20 KB for who may not know all", [partial(_told, prompt) for prompt in prompts], detail),
        *_timed("normalising it", [partial(normalised, prompt) for prompt in prompts], detail),
        *_timed("looking through its bytes", [partial(asserted, body, traces) for body, traces in bodies], detail),
        _listening(bodies[0][1], _text(rng, 4000)),
        *[_hostile(what, text) for what, text in _bad().items()],
    ]


def _text(rng: random.Random, size: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(size // 5))


def _prompt(rng: random.Random) -> Prompt:
    secret = f"<confidential>\n{_text(rng, 1500)}\n</confidential>"
    turns = [Turn("system", (Text(f"{_text(rng, 3000)}\n{secret}\n{_text(rng, 500)}"),))]
    for _ in range(20):
        turns.append(Turn("user", (Text(_text(rng, 300)),)))
        turns.append(Turn("assistant", (Text(_text(rng, 450)),)))
    return Prompt("openai_chat", (*turns, Turn("user", (Text("Go on."),))))


def _told(prompt: Prompt) -> Scrubbed:
    outcome = scrubbed(prompt, [DEFAULT], _LOWER)
    assert isinstance(outcome, Scrubbed)
    return outcome


def _body(prompt: Prompt) -> bytes:
    return orjson.dumps([part.text for turn in prompt.turns for part in turn.parts if isinstance(part, Text)])


def _timed(what: str, work: list[Callable[[], Any]], detail: str) -> list[Figure]:
    return usual_and_worst(what, [timed(each)[0] for each in work], (_P50, _P99), detail)


def _listening(traces: Traces, text: str) -> Figure:
    listening = Listening(traces)
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    spent, _ = timed(lambda: [listening.heard(piece) for piece in pieces])
    return Figure("listening to a delta", spent * 1000 / len(pieces), "µs", _DELTA, f"{len(pieces)} of 4 letters")


def _bad() -> dict[str, str]:
    return {
        "40 KB of `a`": "a" * 40_000,
        "5 MB of `a`": "a" * 5_000_000,
        "5 MB of `<`": "<" * 5_000_000,
        "0.9 MB of `<`": "<" * 900_000,
        "5 MB of tags": "<confidential>a</confidential> " * 160_000,
        "0.9 MB without width": "\u200b" * 900_000,
        "1 MB of disguised tags": "<\u0441onfidential>" * 65_000,
        "5 MB of headings": "# x\n" * 1_200_000,
    }


def _hostile(what: str, text: str) -> Figure:
    """As the system's text, with everything looked for."""
    prompt = Prompt("openai_chat", (Turn("system", (Text(text),)), Turn("user", (Text("Hello"),))))
    spent, outcome = timed(lambda: scrubbed(prompt, [_EVERYTHING], _LOWER))
    return Figure(what, spent, "ms", _HOSTILE, "refused" if isinstance(outcome, Refusal) else "done")
