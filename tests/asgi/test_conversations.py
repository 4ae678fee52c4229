"""Conversations stay where they began, move for a reason, and say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.conversing import POLICY, conversing
from tests.support.echoing import Echo, Echoes

pytestmark = pytest.mark.anyio

ELSEWHERE = {"x-route": "elsewhere"}
IMAGE = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}],
}


def providers() -> Echoes:
    return Echoes(home=Echo(), away=Echo(), far=Echo("anthropic"))


async def test_a_conversation_stays_where_it_began_though_a_later_route_omits_it(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        assert await client.served() == "one"
        assert await client.served(headers=ELSEWHERE) == "one"
        assert await client.served(name="c2", headers=ELSEWHERE) == "two"
        assert await client.served(name="", headers=ELSEWHERE) == "two"
    said = [answer.headers.get("x-policyroute-session") for answer in client.answers]
    assert said == ["turn=1; pin=new", "turn=2; pin=kept", "turn=1; pin=new", None]


async def test_without_pin_every_request_goes_where_its_rules_say(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        assert await client.served(headers={"x-router-profile": "CHAT"}) == "one"
        assert await client.served(headers={"x-router-profile": "CHAT", **ELSEWHERE}) == "two"
    assert client.last["pin"] is False


async def test_it_moves_when_somebody_else_answers_and_stays_there(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes) as client:
        await client.served()
        echoes.by_host["home"].down = True
        assert await client.served() == "two"
        echoes.by_host["home"].down = False
        assert await client.served() == "two"
        assert await client.served(name="c2") in {"one", "two"}
    assert client.answers[1].headers["x-policyroute-session"] == "turn=2; pin=moved; why=unavailable"
    assert client.answers[2].headers["x-policyroute-session"] == "turn=3; pin=kept"
    moved, kept = client.log.lines[1]["session"], client.log.lines[2]["session"]
    assert (moved["pinned"], moved["moved"], moved["switches"]) == ("one/home", "unavailable", 0)
    assert (kept["pinned"], kept["moved"], kept["switches"]) == ("two/away", None, 1)


async def test_with_return_it_goes_back_once_its_home_is_well(tmp_path: Path) -> None:
    echoes = providers()
    policy = POLICY.replace("pin: true,", "pin: true, return: true,")
    async with conversing(tmp_path, echoes, policy) as client:
        await client.served()
        echoes.by_host["home"].down = True
        assert await client.served() == "two"
        echoes.by_host["home"].down = False
        for _ in range(100):  # its home rests for a moment after it has failed
            if await client.served() == "one":
                break
            await asyncio.sleep(0.05)
        assert await client.served(headers=ELSEWHERE) == "one"
    assert client.answers[-2].headers["x-policyroute-session"].endswith("pin=moved; why=returned")


async def test_where_nobody_else_answers_it_does_not_move(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes) as client:
        await client.served()
        for echo in echoes.by_host.values():
            echo.down = True
        assert (await client.ask("Hello.")).status_code == 502
        for echo in echoes.by_host.values():
            echo.down = False
        assert await client.served() == "one"


async def test_it_moves_where_the_pinned_one_cannot_take_it(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        await client.served()
        assert await client.served(IMAGE) == "two"
    assert client.answers[-1].headers["x-policyroute-session"] == "turn=2; pin=moved; why=supports"


async def test_a_floor_holds_for_where_it_moves_to(tmp_path: Path) -> None:
    echoes = providers()
    policy = POLICY.replace("session: {pin: true, max_wait: 5s}", "session: {pin: true}\n    quality_floor: 0.8")
    async with conversing(tmp_path, echoes, policy) as client:
        await client.served()
        echoes.by_host["home"].down = echoes.by_host["away"].down = True
        answer = await client.ask("Hello.")
    assert answer.status_code == 502 and not echoes.by_host["far"].got


async def test_a_profile_is_picked_once(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        await client.served()
        assert await client.served(headers={"x-router-profile": "", **ELSEWHERE}) == "one"
        assert await client.served(headers={"x-router-profile": "CHAT", **ELSEWHERE}) == "one"
    assert [line["profile"] for line in client.log.lines] == ["AGENT"] * 3


async def test_settings_are_those_of_the_first_request(tmp_path: Path) -> None:
    policy = POLICY.replace('when: request.profile == "AGENT"', 'when: request.headers["x-pin"] == "yes"')
    async with conversing(tmp_path, providers(), policy) as client:
        await client.served()
        await client.served(headers={"x-pin": "yes"})
        assert await client.served(headers={"x-pin": "yes", **ELSEWHERE}) == "two"
        await client.served(name="c2", headers={"x-pin": "yes"})
        assert await client.served(name="c2", headers=ELSEWHERE) == "one"


async def test_another_worker_finds_it_where_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with (
        conversing(tmp_path / "a", providers(), state_dir=state) as one,
        conversing(tmp_path / "b", providers(), state_dir=state) as other,
    ):
        assert await one.served() == "one"
        assert await other.served(headers=ELSEWHERE) == "one"
        assert await one.served(headers=ELSEWHERE) == "one"
    assert other.answers[0].headers["x-policyroute-session"] == "turn=2; pin=kept"


async def test_of_requests_at_once_the_first_pins_it(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        await asyncio.gather(*[client.served(headers=ELSEWHERE if n % 2 else {}) for n in range(20)])
        assert len({await client.served(headers=ELSEWHERE if n % 2 else {}) for n in range(6)}) == 1


async def test_the_policy_may_say_what_a_conversation_is(tmp_path: Path) -> None:
    policy = POLICY.replace("session: {pin: true", "session: {key: 'request.headers[\"x-ticket\"]', pin: true")
    async with conversing(tmp_path, providers(), policy) as client:
        await client.served(headers={"x-ticket": "T1"})
        assert await client.served(name="c2", headers={"x-ticket": "T1", **ELSEWHERE}) == "one"
        assert await client.served(headers={"x-ticket": "T2", **ELSEWHERE}) == "two"


async def test_a_conversation_may_be_known_by_how_it_opens(tmp_path: Path) -> None:
    key = 'session.id != "" ? session.id : request.opening'
    policy = POLICY.replace("session: {pin: true", f"session: {{key: '{key}', pin: true")
    async with conversing(tmp_path, providers(), policy) as client:
        await client.served("Find the report.", name="")
        follow = ("Find the report.", "Which one?", "The last.")
        assert await client.served(*follow, name="", headers=ELSEWHERE) == "one"
        assert await client.served("Find another.", name="", headers=ELSEWHERE) == "two"
        assert await client.served(*follow, name="c9", headers=ELSEWHERE) == "two"


async def test_a_stream_that_its_client_left_has_begun_the_conversation(tmp_path: Path) -> None:
    echoes = Echoes(home=Echo(says=lambda _: "word " * 2000, piece=20), away=Echo(), far=Echo("anthropic"))
    async with conversing(tmp_path, echoes) as client:
        await client.leave("Hello.")
        assert await client.served(headers=ELSEWHERE) == "one"
    assert [line["outcome"] for line in client.log.lines] == ["client_closed", "ok"]


async def test_a_retry_after_that_is_short_is_waited_out(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes) as client:
        await client.served()
        echoes.by_host["home"].busy = ["1"]
        assert await client.served() == "one"
        echoes.by_host["home"].busy = ["9"]
        assert await client.served() == "two"
    assert client.answers[1].headers["x-policyroute-session"] == "turn=2; pin=kept"
    assert client.answers[2].headers["x-policyroute-session"] == "turn=3; pin=moved; why=rate_limited"


async def test_a_request_that_is_refused_leaves_the_conversation_as_it_was(tmp_path: Path) -> None:
    policy = POLICY.replace(
        "rules:\n", 'rules:\n  - id: no\n    when: request.headers["x-no"] == "yes"\n    deny: {code: no_way}\n'
    )
    async with conversing(tmp_path, providers(), policy) as client:
        await client.served()
        assert (await client.ask("Hello.", headers={"x-no": "yes"})).status_code == 403
        assert await client.served(headers=ELSEWHERE) == "one"
    assert client.answers[-1].headers["x-policyroute-session"] == "turn=3; pin=kept"


async def test_rules_see_the_conversation(tmp_path: Path) -> None:
    policy = POLICY.replace(
        "rules:\n",
        "rules:\n  - id: budget\n    when: session.turn > 3\n    deny: {status: 400, code: too_many_turns}\n"
        '  - id: moved\n    when: session.switches > 0 && session.target == "two"\n'
        "    response_headers: {set: {x-moved: 'yes'}}\n",
    )
    echoes = providers()
    async with conversing(tmp_path, echoes, policy) as client:
        await client.served()
        echoes.by_host["home"].down = True
        await client.served()
        await client.served()
        answer = await client.ask("Hello.")
    assert [each.headers.get("x-moved") for each in client.answers[:3]] == [None, None, "yes"]
    assert answer.json()["error"]["code"] == "too_many_turns"


async def test_tenants_have_their_own(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers()) as client:
        await client.served()
        async with client.of("another") as other:
            assert await other.served(headers=ELSEWHERE) == "two"
        assert await client.served(headers=ELSEWHERE) == "one"
