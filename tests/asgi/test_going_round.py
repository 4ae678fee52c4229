"""An agent that goes round in circles: told so, shown less of it, given to another model, stopped; as the policy says.

And nothing of it ever reaches the client's history.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.conversing import POLICY, Conversing, call, conversing, looping, result
from tests.support.echoing import Echo, Echoes

pytestmark = pytest.mark.anyio

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def policy(*react: str) -> str:
    reactions = f"session: {{pin: true}}\n    divergence: {{react: [{', '.join(react)}]}}"
    return POLICY.replace("session: {pin: true, max_wait: 5s}", reactions)


def providers() -> Echoes:
    return Echoes(home=Echo(says=lambda _: "Done."), away=Echo(says=lambda _: "Done."), far=Echo("anthropic"))


async def ask(client: Conversing, history: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = await client.ask(*history, tools=TOOLS, **more)
    data: dict[str, Any] = answer.json()
    return data


def got(echoes: Echoes, host: str = "home") -> list[dict[str, Any]]:
    """The turns of the last request there."""
    turns: list[dict[str, Any]] = json.loads(echoes.by_host[host].got[-1])["messages"]
    return turns


def nudges(turns: list[dict[str, Any]]) -> list[str]:
    return [turn["content"] for turn in turns if str(turn["content"]).startswith("[gateway:")]


async def test_the_model_is_told_what_it_repeats_and_the_client_sees_nothing_of_it(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("nudge", "prune")) as client:
        for times in (1, 2):
            await ask(client, looping(times))
            assert got(echoes) == looping(times)
        told = await ask(client, looping(3))
    [nudge] = nudges(got(echoes))
    assert "look" in nudge and "/tmp/report" in nudge and "3" in nudge
    assert [turn for turn in got(echoes) if turn["content"] != nudge] == looping(3)
    assert told["choices"][0]["message"]["content"] == "Done."
    said = client.answers[-1].headers
    assert said["x-policyroute-session"] == "turn=3; pin=kept; reaction=nudge"
    assert "messages.system=added" in said["x-policyroute-adapted"]
    reaction = client.last["reaction"]
    assert (reaction["kind"], reaction["level"], reaction["evidence"]["tool"]) == ("nudge", 1, "look")
    assert "/tmp/report" not in client.log.text.decode()


async def test_if_that_does_not_help_it_is_shown_less_of_it(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("nudge", "prune")) as client:
        await ask(client, looping(3))
        await ask(client, looping(4))
    calls = [turn for turn in got(echoes) if turn.get("tool_calls")]
    results = [turn for turn in got(echoes) if turn["role"] == "tool"]
    assert 1 <= len(calls) == len(results) < 4
    assert {each["tool_calls"][0]["id"] for each in calls} == {each["tool_call_id"] for each in results}
    assert nudges(got(echoes))
    assert client.last["reaction"]["kind"] == "prune" and client.last["reaction"]["left_out"] == 4 - len(calls)


async def test_what_was_done_is_never_forgotten_and_one_who_has_recovered_is_left_alone(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("nudge", "prune")) as client:
        await ask(client, looping(3))
        recovered = [*looping(3), call(3, path="/srv"), result(3, "report.txt")]
        await ask(client, recovered)
        assert got(echoes) == recovered
        again = [*recovered, *[turn for n in range(4, 7) for turn in (call(n, path="/x"), result(n, "denied"))]]
        await ask(client, again)
    assert client.last["reaction"]["kind"] == "prune"


async def test_the_same_request_again_does_not_count_twice(tmp_path: Path) -> None:
    async with conversing(tmp_path, providers(), policy("nudge", "prune")) as client:
        for _ in range(3):
            await ask(client, looping(3))
    assert [line["session"]["reaction"]["kind"] for line in client.log.lines] == ["nudge"] * 3


async def test_another_model_is_asked_where_the_policy_says_so(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("swap")) as client:
        await ask(client, looping(2))
        await ask(client, looping(3))
        assert client.answers[-1].headers["x-policyroute-target"] == "two"
        await client.ask("Thanks.")
        assert client.answers[-1].headers["x-policyroute-target"] == "two"


async def test_a_third_is_asked_where_the_second_goes_round_too(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("swap")) as client:
        for times in range(2, 7):
            await ask(client, looping(times))
    targets = [answer.headers["x-policyroute-target"] for answer in client.answers]
    assert targets == ["one", "two", "three", "one", "two"]


async def test_or_the_agent_is_stopped(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("nudge", "stop")) as client:
        await ask(client, looping(3))
        asked = len(echoes.by_host["home"].got)
        error = (await ask(client, looping(4)))["error"]
    assert (client.answers[-1].status_code, error["code"]) == (400, "divergence")
    assert "look" in error["message"] and "/tmp/report" not in error["message"]
    assert len(echoes.by_host["home"].got) == asked


@pytest.mark.parametrize("name", ["c1", ""])
async def test_who_names_no_conversation_is_watched_too(tmp_path: Path, name: str) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes, policy("nudge", "stop")) as client:
        await ask(client, looping(3), name=name)
        assert nudges(got(echoes))
        await ask(client, looping(4), name=name)
    assert client.answers[-1].status_code == 400


async def test_nobody_is_watched_where_no_rule_says_so(tmp_path: Path) -> None:
    echoes = providers()
    async with conversing(tmp_path, echoes) as client:
        await ask(client, looping(9))
    assert got(echoes) == looping(9)


async def test_a_nudge_reaches_a_provider_of_another_dialect(tmp_path: Path) -> None:
    echoes = providers()
    only = policy("nudge").replace("route: [one, two, three]", "route: [three]")
    async with conversing(tmp_path, echoes, only) as client:
        answer = await client.ask(*looping(3), tools=TOOLS)
        assert answer.status_code == 200
    sent = json.loads(echoes.by_host["far"].got[-1])
    assert "[gateway:" in json.dumps(sent) and sent["messages"][-1]["role"] == "user"


def endless(_: str) -> str:
    return "I will look at the file again. " * 200


@pytest.mark.parametrize(("react", "told"), [(("nudge",), "whole"), (("nudge", "stop"), "error")])
async def test_an_answer_that_repeats_itself_without_end(tmp_path: Path, react: tuple[str, ...], told: str) -> None:
    echoes = Echoes(home=Echo(says=endless, piece=20), away=Echo(says=lambda _: " Done."), far=Echo("anthropic"))
    async with conversing(tmp_path, echoes, policy(*react)) as client:
        answer = await client.ask("Hello.", stream=True)
        await ask(client, looping(3))
    assert ("[DONE]" in answer.text) == (told == "whole")
    assert len(answer.text) < 20_000 or told == "whole"
    first, second = client.log.lines
    assert first["attempts"][0]["circled"] is True
    assert second["session"]["reaction"]["level"] == 2, "it has counted"


async def test_another_model_goes_on_with_it(tmp_path: Path) -> None:
    echoes = Echoes(home=Echo(says=endless, piece=20), away=Echo(says=lambda _: "Done."), far=Echo("anthropic"))
    given = policy("nudge", "swap").replace("swap_delay: 0ms", "swap_delay: 0ms, mid_stream: continue, retries: 0")
    given = given.replace("retries: 1, ", "")
    async with conversing(tmp_path, echoes, given) as client:
        answer = await client.ask("Hello.", stream=True)
    assert "[DONE]" in answer.text and "Done." in answer.text
    assert [each["code"] for each in client.log.lines[0]["attempts"]] == ["circling", None]
    assert not echoes.by_host["far"].got
