"""Budgets through a router: what is let through, what is told, and what of it outlives the process."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from policyroute_asgi import Router

pytestmark = pytest.mark.anyio
COST = 0.021
"""USD of one call: about 1 token of input and 10 of output are expected, at these prices."""
POLICY = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:"}}
targets: {small: {provider: here, model: ok, price: {input: 1000, output: 2000}}}
rules: [{id: cap, budget: {name: team, limit_usd: 1.00, per: client.team, window: 300d}}]
default: {route: [small]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "policy.yaml").write_text(POLICY)
    return made


async def asked(router: Router, team: str, times: int) -> list[tuple[int, dict[str, Any]]]:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
    async with router.http_client(client={"id": "ann", "team": team}) as client:
        answers = await asyncio.gather(
            *[client.post("http://any/v1/chat/completions", json=body) for _ in range(times)]
        )
    return [
        (answer.status_code, {**answer.json(), "retry": answer.headers.get("x-should-retry")}) for answer in answers
    ]


async def test_fifty_at_once_overshoot_by_no_more_than_one_call(folder: Path) -> None:
    async with Router(folder) as router:
        answers = await asked(router, "red", 60)
    served = Counter(status for status, _ in answers)
    assert served.keys() == {200, 402}
    assert (served[200] - 1) * COST < 1.0 <= served[200] * COST, "what is expected fills the budget, and no more"
    refused = next(said for status, said in answers if status == 402)
    assert refused["error"]["code"] == "budget_exceeded"
    assert "team" in refused["error"]["message"]
    assert refused["retry"] == "false"


async def test_each_key_has_a_budget_of_its_own(folder: Path) -> None:
    async with Router(folder) as router:
        await asked(router, "red", 60)
        assert [status for status, _ in await asked(router, "blue", 1)] == [200]


async def test_what_was_spent_outlives_the_router(folder: Path, tmp_path: Path) -> None:
    """A call costs $0.007, so that $0.10 is enough for 15."""
    (folder / "policy.yaml").write_text(POLICY.replace("1.00", "0.10"))
    served = list[int]()
    for times in (8, 9):
        async with Router(folder, state_dir=tmp_path / "state") as router:
            for _ in range(times):
                served += [status for status, _ in await asked(router, "red", 1)]
    assert served == [200] * 15 + [402] * 2
