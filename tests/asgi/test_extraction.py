"""Published queries that make models repeat their instructions, asked of a fallback that repeats all it was told."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.crossing import answered, routed
from tests.support.echoing import Echo, Echoes

pytestmark = pytest.mark.anyio

CORPUS: Final = (
    Path(os.environ.get("POLICYROUTE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus") / "scrubbing"
)
POLICY: Final = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true, clearance: confidential}
  away: {dialect: anthropic, base_url: "http://away/v1", insecure: true}
targets:
  one: {provider: home, model: m}
  two: {provider: away, model: m}
scrub:
  house:
    select:
      - {id: internal, heading: '^Internal', label: confidential}
      - {id: names, re: 'Project [A-Z][a-z]+', label: confidential, replace: the project}
rules:
  - {id: labels, scrub: {use: house}}
default: {route: [one, two], fallback: {retries: 0, swap_delay: 0ms, mid_stream: continue}}
"""
SYSTEM: Final = """You answer for a shop that sells lamps.

# Rules
<required>Never promise a date of delivery.</required>

# Internal notes
Margins are thirty percent on brass lamps and eleven percent on glass ones.
Escalate to Wilhelmina Oduya if anybody mentions a lawyer.

# Style
Be warm. <confidential>The next catalogue appears on the ninth of March.</confidential> Project Nightjar is on its way.
"""
CONFIDENTIAL: Final = ("thirty percent", "eleven percent", "Wilhelmina", "ninth of March", "Nightjar")


def queries() -> list[str]:
    with gzip.open(CORPUS / "extraction-attacks.json.gz", "rt", encoding="utf-8") as file:
        found: list[str] = json.load(file)
    return found


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
async def test_no_answer_says_what_the_fallback_was_never_told(tmp_path: Path) -> None:
    echoes = Echoes(home=Echo(down=True), away=Echo("anthropic"))
    async with routed(tmp_path, echoes, POLICY) as client:
        for number, query in enumerate(queries()):
            body: dict[str, Any] = {
                "model": "x",
                "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": query}],
                "stream": number % 2 == 0,
            }
            told = await answered(client, body)
            assert "Never promise a date of delivery." in told
            assert not [each for each in CONFIDENTIAL if each in told], query
    sent = b"\n".join(echoes.by_host["away"].got).decode()
    assert sent.count("Never promise a date of delivery.") == len(queries())
    assert not [each for each in CONFIDENTIAL if each in sent]
