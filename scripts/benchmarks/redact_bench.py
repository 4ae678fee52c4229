"""How long it takes to look through a text for all kinds together: 20 KB as agents send them, and hostile ones."""

from __future__ import annotations

import base64
import random
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from policyroute.exhausted import Exhausted
from policyroute.redact.detector import Detector
from scripts.benchmarks.report import Figure, percentile, timed, usual_and_worst

_SIZE = 20 * 1024
_P50, _P99, _HOSTILE = 2.0, 10.0, 250.0
_DENSE, _PLAIN = 12.0, 3.0
_WORDS = ("customer", "branch", "depot")
_DOCS = Path(__file__).parents[2] / "docs"
_SAID = (
    "Could you move my appointment to Friday? My number is +49 30 901820, or write to jane.doe@example.com. ",
    "The order of last week was paid with card 4111 1111 1111 1111 and has not arrived at our office yet. ",
    "Please transfer the rest to DE89 3704 0044 0532 0130 00; our server at 203.0.113.7 answers again. ",
    "export SERVICE_TOKEN=9f8e7d6c5b4a39281706f5e4d3c2b1a0 is what the script says, is that right? ",
)


def run(rounds: int) -> list[Figure]:
    detector = Detector(["all"])
    rng = random.Random(11)
    samples = [timed(partial(detector.find, text))[0] for _ in range(rounds) for text in _texts(rng)]
    detail = f"{len(samples)} texts: prose with personal data, markdown, code"
    figures = usual_and_worst("looking through 20 KB", samples, (_P50, _P99), detail)
    figures += [_dense(detector, rng), _small(detector)]
    figures += [_hostile(detector, what, text) for what, text in _bad(rng)]
    return figures


def _texts(rng: random.Random) -> Iterator[str]:
    """Fresh ones: RE2 is quicker with a text that it has seen."""
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted(_DOCS.glob("*.md")))
    library = Path(sysconfig.get_path("stdlib"))
    code = "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(library.glob("a*.py")))
    for source in (pages, code):
        at = rng.randrange(len(source) - _SIZE)
        yield source[at : at + _SIZE]
        prose = pages[at % 50_000 :][:_SIZE].split("\n")
        for _ in range(12):
            prose.insert(rng.randrange(len(prose)), rng.choice(_SAID))
        yield "\n".join(prose)[:_SIZE]


def _dense(detector: Detector, rng: random.Random) -> Figure:
    texts = ["".join(rng.choice(_SAID) for _ in range(_SIZE // 80))[:_SIZE] for _ in range(20)]
    samples = [timed(partial(detector.find, text))[0] for text in texts]
    return Figure("20 KB with something in every sentence, p50", percentile(samples, 0.5), "ms", _DENSE, "20 texts")


def _small(detector: Detector) -> Figure:
    """Names, types and descriptions, as tool schemas have them."""
    texts = [f"The city and state of the {_WORDS[at % 3]} to look for" for at in range(1000)]
    taken, _ = timed(lambda: [detector.find(text) for text in texts])
    return Figure("a string of plain words", taken, "µs", _PLAIN, "mean of 1,000")


def _bad(rng: random.Random) -> Iterator[tuple[str, str]]:
    yield "40 KB of `a`", "a" * 40_000
    yield "20 KB of base64", base64.b64encode(rng.randbytes(15 * 1024)).decode()
    yield "5 MB of text", "some words " * 500_000
    yield "zero-width characters between digits", "4\u200b" * 20_000
    yield "500 KB of Cyrillic twins", "\u0430" * 500_000
    yield "500 KB of digits", "4111 1111 1111 1112 " * 25_000
    yield "500 KB of telephone numbers", "+49 30 1234567 " * 33_000
    yield "500 KB of keywords", "ssn 123456789 " * 35_000
    yield "500 KB of escapes", "%41" * 160_000
    yield "500 KB of small base64 words", "QUJDREVGR0hJSktMTU5P " * 23_000
    yield "500 KB of private keys that do not end", "-----BEGIN PRIVATE KEY-----" * 18_000


def _hostile(detector: Detector, what: str, text: str) -> Figure:
    def looked() -> str:
        try:
            return f"{len(detector.find(text))} found"
        except Exhausted:
            return "refused"

    spent, outcome = timed(looked)
    return Figure(what, spent, "ms", _HOSTILE, outcome)
