"""`policyroute explain --boundary`: it shows what the gateway does, and no text that nobody asked to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.echoing import Echo, Echoes, everything

from policyroute_asgi import ANONYMOUS, Router

Run = Callable[..., tuple[int, str, str]]

POLICY = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true, region: eu, clearance: confidential}
  away: {dialect: openai_chat, base_url: "http://away/v1", insecure: true}
  far: {dialect: anthropic, base_url: "http://far/v1", insecure: true, clearance: confidential}
  open: {dialect: openai_chat, base_url: "http://open/v1", insecure: true, clearance: public}
targets:
  one: {provider: home, model: m}
  two: {provider: away, model: m}
  three: {provider: far, model: m}
  four: {provider: open, model: m}
scrub:
  house:
    select:
      - {id: prices, re: 'EUR [0-9]+', label: confidential, replace: EUR ...}
      - {id: results, kind: result, label: confidential}
    assert: {min_kept_ratio: {user: 0.5}}
rules:
  - {id: labels, scrub: {use: house, outputs: public}}
  - {id: pii, redact: {detect: [pii, secrets], where: 'target.provider != "home"'}}
default: {route: [four, one, two, three], fallback: {retries: 0, swap_delay: 0ms, max_swaps: 3}}
"""
SECRET = "The codename of the launch is Tangerine Heron."
ASKED = "Write to zoe.quill@mail.example about card 4111 1111 1111 1111, it costs EUR 4200."
BODY: dict[str, Any] = {
    "model": "auto",
    "user": "user-77",
    "messages": [
        {"role": "system", "content": f"You write letters. <confidential>{SECRET}</confidential> Be kind."},
        {"role": "user", "content": ASKED},
    ],
}
WORDS = ("Tangerine", "letters", "zoe.quill", "4111", "4200", "costs", "user-77")
RICH = Path(__file__).parents[1] / "exchange" / "rich"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "main.yaml").write_text(POLICY)
    return made


@pytest.fixture
def ask(tmp_path: Path, policies: Path, run: Run) -> Callable[..., str]:
    """What the command says of a request, which it explains."""

    def asked(given: object, *options: str) -> str:
        file = tmp_path / "request.json"
        file.write_text(json.dumps(given))
        status, out, err = run("explain", file, "--policies", policies, *options)
        assert (status, err) == (0, "")
        return out

    return asked


def test_every_hop_is_shown_with_sizes_and_rules_and_no_text(ask: Callable[..., str]) -> None:
    out = ask(BODY, "--boundary")
    assert out.startswith("goes to one, then two, then three\n"), "the other may not be told"
    four, one, two, three = (f"{part}\n" for part in _hops(out))
    assert four.startswith("four at open (public): nobody has it so far")
    assert "passed over (clearance by rule labels): what is required may not go (at turns[0].parts[0].text)" in four
    assert one.startswith("one at home (eu, confidential): it begins here")
    assert "tags, and blanks" in one and "EUR" not in one and "found" not in one
    assert "by tag:confidential" not in one
    assert two.startswith("two at away (internal): it crosses")
    assert "scrubbed by labels (house)\n" in two and "redacted by pii (mask)\n" in two
    assert f"dropped {len(SECRET)} bytes: confidential text of system at turns[0].parts[0].text, by tag:conf" in two
    assert "replaced 8 bytes by 7: confidential text of user at turns[1].parts[0].text, by prices\n" in two
    assert f"confidential 0 of {len(SECRET) + 8}\n" in two
    assert f"user {len(ASKED) - 1} of {len(ASKED)}, " in two
    assert "asserted min_kept_ratio:user\n" in two
    assert "found email 1, card 1\n" in two
    assert "normalised user=dropped\n" in two
    assert "adapted max_tokens=added\n" in three
    assert out.endswith("if one fails, two, then three can be told\n")
    for word in WORDS:
        assert word not in out


def test_json_has_the_same(ask: Callable[..., str]) -> None:
    out = ask(BODY, "--boundary", "--format", "json")
    for word in WORDS:
        assert word not in out
    told = json.loads(out)
    four, one, two, _ = told["boundary"]["hops"]
    assert [each["refusal"] for each in told["candidates"][:2]] == [four["refusal"], None]
    assert (four["told"], four["refusal"]["code"], four["crosses"]) == (None, "clearance", False)
    assert one["told"]["cuts"] == [] and not one["crosses"]
    assert two["crosses"] and two["told"]["found"] == {"email": 1, "card": 1}
    assert two["scrubs"] == [{"rule": "labels", "profile": "house"}]
    assert two["redactions"] == [{"rule": "pii", "mode": "mask"}]
    assert {cut["rule"] for cut in two["told"]["cuts"]} == {"tag:confidential", "prices"}
    assert two["told"]["normalised"] == [{"action": "dropped", "field": "user", "detail": ""}]
    assert told["boundary"]["home"] == {"target": "one", "provider": "home"}
    assert [each["target"] for each in told["boundary"]["left"]] == ["two", "three"]
    assert "boundary" not in json.loads(ask(BODY, "--format", "json"))


@pytest.mark.anyio
async def test_what_is_shown_is_what_the_gateway_sends(ask: Callable[..., str], policies: Path) -> None:
    told = json.loads(ask(BODY, "--show-text", "--format", "json"))["boundary"]["hops"]
    echoes = Echoes(
        home=Echo(down=True), away=Echo(down=True), far=Echo("anthropic"), open=Echo(says=lambda _: "never asked")
    )
    async with (
        Router(policies, transport=echoes) as router,
        router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
    ):
        assert (await client.post("/v1/chat/completions", json=BODY)).status_code == 200
    for host, hop in zip(("open", "home", "away", "far"), told, strict=True):
        got = echoes.by_host[host].got
        assert [json.loads(body) for body in got] == ([hop["body"]] if hop["told"] else [])
        assert [len(body) for body in got] == ([hop["told"]["bytes"]] if hop["told"] else [])


def test_the_prompt_is_shown_where_that_is_asked(ask: Callable[..., str]) -> None:
    body = {**BODY, "messages": [{"role": "user", "content": f"{ASKED}\x1b[2J\u202e"}]}
    out = ask(body, "--show-text")
    _, one, two, three = _hops(out)
    assert "zoe.quill@mail.example" in one and "costs EUR 4200" in one
    for hop in (two, three):
        assert "Write to [EMAIL] about card [CARD], it costs EUR ..." in hop
    assert "\x1b" not in out and "\u202e" not in out, "nothing in it does anything to a terminal"


def test_nobody_left_is_said(ask: Callable[..., str], policies: Path) -> None:
    (policies / "main.yaml").write_text(POLICY.replace("[four, one, two, three]", "[one, four]"))
    assert ask(BODY, "--boundary").endswith("nobody is left if one fails: the client gets its failure\n")
    (policies / "main.yaml").write_text(POLICY.replace("[four, one, two, three]", "[four]"))
    out = ask(BODY, "--boundary")
    assert out.startswith("goes to nobody: all are passed over\n")
    assert out.endswith("nobody may be told what it says: the client gets 403 not_for_any_provider\n")


def test_a_candidate_that_is_passed_over_is_called_so_without_being_asked(ask: Callable[..., str]) -> None:
    out = ask(BODY)
    assert "what would cross" not in out
    assert "passed over (clearance by rule labels)" in out.partition("four at open")[2].partition("one at home")[0]


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_no_string_of_a_rich_request_is_shown(dialect: str, ask: Callable[..., str], policies: Path) -> None:
    (policies / "main.yaml").write_text(POLICY.replace("[four, one, two, three]", "[one, two, three]"))
    body = (RICH / f"{dialect}.json").read_text()
    given = {"request": {"dialect": dialect, "body": json.loads(body)}}
    out = ask(given, "--boundary") + ask(given, "--boundary", "--format", "json")
    assert "by results" in out, "something is taken out"
    said = {text for text in everything(body).splitlines() if " " in text or any(map(str.isdigit, text))}
    assert len(said) > 15
    assert [text for text in said if text in out] == []


def _hops(out: str) -> list[str]:
    """What is said of each, from its name on."""
    shown = out.partition("what would cross\n")[2].splitlines()
    starts = [at for at, line in enumerate(shown) if line[:4].strip().rstrip(".").isdigit()]
    return [
        "\n".join(line.strip() for line in shown[start:end]).partition(". ")[2]
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]
