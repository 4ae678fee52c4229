"""`policyroute explain`: a body, a `given:`, standard input, and what cannot be explained."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.conversing import call, result

from policyroute.policy.files import catalogue

Run = Callable[..., tuple[int, str, str]]

BODY = {"model": "late", "messages": [{"role": "user", "content": "Hush: 4711"}]}


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[object], Path]:
    def write(data: object) -> Path:
        file = tmp_path / "request.json"
        file.write_text(data if isinstance(data, str) else json.dumps(data))
        return file

    return write


def test_a_body_is_explained(directory: Path, run: Run, ask: Callable[[object], Path]) -> None:
    status, out, _ = run("explain", ask(BODY), "--policies", directory)
    assert status == 0
    assert out.splitlines()[0] == "goes to late, then small"
    assert 'no  request.profile == "AGENT" it is "CHAT"' in out
    assert "not named by the route: large" in out
    assert "4711" not in out


def test_what_is_done_about_answers_is_shown(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    (directory / "answer.schema.json").write_text("{}")
    spoil(
        "rules:\n",
        "rules:\n  - {id: whole, fallback: {mid_stream: continue}, hold: {tools: true, schema: true},"
        " resume: {message: 'Geheim: {task}'}, expect: {schema: answer.schema.json}}\n",
    )
    _, out, _ = run("explain", ask(BODY), "--policies", directory)
    assert "an answer that breaks off: continue" in out
    assert "held until they are whole: tool calls and answers by a schema" in out
    assert "answers have to fit answer.schema.json (whole)" in out
    _, out, _ = run("explain", ask(BODY), "--policies", directory, "--format", "json")
    decision = json.loads(out)["decision"]
    assert decision["fallback"]["mid_stream"] == "continue"
    assert decision["hold"] == {"tools": True, "schema": True, "max_bytes": 1_048_576}
    assert decision["resume"] == {"enabled": True, "max_bytes": 8192}
    assert decision["expected"] == {"rule": "whole", "file": "answer.schema.json"}


def test_what_is_redacted_and_scrubbed_is_shown_by_candidate(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    spoil(
        "rules:\n",
        "rules:\n"
        "  - {id: keys, redact: {detect: [secrets], where: target.name == 'late'}}\n"
        "  - {id: labels, scrub: {}}\n"
        "  - {id: cards, phase: response, redact: {detect: [card]}}\n",
    )
    _, out, _ = run("explain", ask(BODY), "--policies", directory)
    late, _, small = out.partition("1. late")[2].partition("2. small")
    assert "redacted before it is asked by keys" in late
    assert "redacted" not in small.replace("its answer redacted", "")
    for candidate in (late, small):
        assert "scrubbed before it is asked by labels" in candidate
        assert "its answer redacted by cards" in candidate
    assert "yes cards (response)" in out


def test_headers_may_be_added(directory: Path, run: Run, ask: Callable[[object], Path]) -> None:
    _, out, _ = run("explain", ask(BODY), "--policies", directory, "-H", "X-Router-Profile: AGENT")
    assert "routed by agents; applied: agents" in out


def test_what_a_test_has_under_given_is_explained_as_json(
    directory: Path, run: Run, ask: Callable[[object], Path]
) -> None:
    given = {"request": {"profile": "AGENT"}, "client": {"tier": "pro"}}
    status, out, _ = run("explain", ask(given), "--policies", directory, "--format", "json")
    assert status == 0
    report = json.loads(out)
    assert report["decision"]["route_rule"] == "agents"
    assert [rule["result"] for rule in report["rules"]] == ["matched"]


def test_an_answer_may_be_given(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    spoil("rules:\n", "rules:\n  - {id: no, phase: response, when: response.refused, deny: {code: refused_here}}\n")
    _, out, _ = run("explain", ask(BODY), "--policies", directory)
    assert "  ?  no (response)" in out
    given = {"request": {"body": BODY}, "response": {"finish_reason": "refusal", "text": "Hush: 4711"}}
    status, out, _ = run("explain", ask(given), "--policies", directory)
    assert status == 0
    assert "\nanswer denied 403 refused_here by rule no" in out
    assert "applied to the answer: no" in out
    assert "4711" not in out


def test_standard_input(directory: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(BODY).encode())))
    status, out, _ = run("explain", "-", "--policies", directory)
    assert status == 0
    assert out.startswith("goes to late")


def test_a_policy_whose_tests_fail_can_still_be_asked(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    spoil("expect: {target: large", "expect: {target: small")
    assert run("explain", ask(BODY), "--policies", directory)[0] == 0


@pytest.mark.parametrize("data", ["{", "[]", '{"request": {"input_tokns": 1}}'])
def test_what_is_no_request_is_misuse(data: str, directory: Path, run: Run, ask: Callable[[object], Path]) -> None:
    status, out, err = run("explain", ask(data), "--policies", directory)
    assert (status, out) == (2, "")
    assert err.startswith("policyroute: cannot explain ")


def test_a_header_without_a_colon_is_misuse(directory: Path, run: Run, ask: Callable[[object], Path]) -> None:
    assert run("explain", ask(BODY), "--policies", directory, "-H", "AGENT")[0] == 2


def test_a_file_that_is_not_there_is_misuse(directory: Path, run: Run) -> None:
    assert run("explain", directory / "no.json", "--policies", directory)[0] == 2


def test_a_body_that_no_gateway_would_take_is_a_finding(
    directory: Path, run: Run, ask: Callable[[object], Path]
) -> None:
    status, _, err = run("explain", ask({"model": 3}), "--policies", directory)
    assert status == 1
    assert "no gateway would take this request" in err


def test_a_policy_that_cannot_be_used_is_a_finding(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    spoil("route: [large]", "route: [lrage]")
    status, out, _ = run("explain", ask(BODY), "--policies", directory)
    assert status == 1
    assert "did you mean `large`?" in out


def test_a_client_of_the_policy_asks_with_what_it_was_granted(
    directory: Path, run: Run, ask: Callable[[object], Path]
) -> None:
    who = "clients: {ci: {key_sha256: '" + "a" * 64 + "', models: [small], profiles: [CHAT], team: build}}\n"
    (directory / "who.yaml").write_text(f"version: 1\n{who}")
    words = ("explain", ask(BODY), "--policies", directory, "--client")
    status, out, _ = run(*words, "ci")
    assert status == 0
    assert out.splitlines()[0] == "goes to small"
    assert "late at here: it is not granted to the client" in out
    status, _, err = run(*words, "ci", "-H", "X-Router-Profile: AGENT")
    assert status == 1
    assert "The profile AGENT is not granted to this client: it may use CHAT." in err
    status, _, err = run(*words, "cii")
    assert status == 1
    assert "did you mean `ci`?" in err


def test_who_says_what_is_known_of_a_target_is_shown(directory: Path, run: Run, ask: Callable[[object], Path]) -> None:
    (directory / "vendors.yaml").write_text("""version: 1
providers: {openai: {vendor: openai}}
targets: {gpt: {provider: openai, model: gpt-5.5, context_window: 4000}}
rules: [{id: everybody, route: [gpt, small]}]
""")
    status, out, _ = run("explain", ask(BODY), "--policies", directory)
    assert status == 0
    words = " ".join(out.split())
    said = catalogue().origin
    assert "window 4000 (from policy)" in words
    assert re.search(rf"price [0-9.]+ / [0-9.]+, above 272000 tokens [^)]+; capabilities \(from {said}\)", words)
    _, out, _ = run("explain", ask(BODY), "--policies", directory, "--format", "json")
    gpt, small = (each["known"] for each in json.loads(out)["candidates"])
    assert gpt["context_window"] == {"value": 4000, "from": "policy"}
    assert gpt["price"]["from"] == gpt["supports"]["from"] == gpt["max_output_tokens"]["from"] == said
    assert gpt["price"]["value"]["above"]["tokens"] == 272_000
    assert gpt["price"]["value"]["tiers"].keys() == {"batch", "flex", "priority"}
    assert small.keys() == {"supports"}


LOOPING = [
    {"role": "user", "content": "Go"},
    *[turn for n in range(3) for turn in (call(n, "look_up", q="Hush"), result(n, "Hush, nothing"))],
]


def test_a_conversation_and_its_circles_are_shown(
    directory: Path, run: Run, ask: Callable[[object], Path], spoil: Callable[[str, str], None]
) -> None:
    spoil(
        "rules:\n",
        "rules:\n  - {id: watched, divergence: {react: [nudge, stop]}, session: {key: '\"of \" + session.id'}}\n"
        "  - {id: out, when: session.turn > 5, require: target.name != 'large'}\n",
    )
    given = {"request": {"body": {"model": "late", "messages": LOOPING}}, "session": {"id": "c1", "target": "large"}}
    _, out, _ = run("explain", ask(given), "--policies", directory)
    assert "conversation of c1, request 2, pinned, waits 2s, remembered for 86400s" in out
    assert "pinned to large at" in out and "; tried first" in out
    assert "goes round in circles: " in out and "of look_up, 3 times, at steps 1, 2, 3, the result the same each" in out
    assert "time 1 in this conversation: nudge" in out
    assert "Hush" not in out

    session = {"id": "c1", "target": "large", "switches": 2, "turn": 9, "divergence": 1}
    _, out, _ = run("explain", ask({**given, "session": session}), "--policies", directory)
    assert "moved 2 times; nobody is tried" in out
    assert "denied 400 divergence" in out
    said = json.loads(
        run("explain", ask({**given, "session": session}), "--policies", directory, "--format", "json")[1]
    )
    assert said["session"]["id"] == "of c1"
    assert (said["session"]["turn"], said["session"]["switches"], said["session"]["target"]) == (9, 2, "large")
    assert said["decision"]["reaction"]["kind"] == "stop"
    assert said["decision"]["reaction"]["evidence"]["steps"] == [1, 2, 3]

    calm = {"request": {"body": BODY}, "session": {"id": "c1", "target": "large", "turn": 9}}
    _, out, _ = run("explain", ask(calm), "--policies", directory)
    assert "; not tried first: require" in out
    assert "watched for circles: nudge, then stop; there is none" in out
