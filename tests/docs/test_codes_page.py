"""The gateway's page has every code that the edge answers with of its own accord."""

from __future__ import annotations

import re
from pathlib import Path

import policyroute_asgi

PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
EDGE = Path(policyroute_asgi.__file__).parent
CODE = re.compile(r'(?:BadRequest|ClientError)\(\s*(?:\d+,\s*)?"(\w+)"|^_?[A-Z_]*CODE = "(\w+)"', re.MULTILINE)


def test_every_code_is_documented() -> None:
    sources = [path for path in EDGE.rglob("*.py") if "embedded" not in path.parts]  # that one speaks as a provider
    found = {
        code for path in sources for pair in CODE.findall(path.read_text(encoding="utf-8")) for code in pair if code
    }
    assert {"not_operator", "client_rate_limited", "head_too_large", "invalid_http"} <= found
    rows = PAGE.read_text(encoding="utf-8").partition("| code | status | |")[2].partition("\n\n")[0]
    told = {
        code for row in rows.splitlines() for code in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert found - told == set()
