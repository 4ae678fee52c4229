"""`policyroute probe`: what targets are like, what of it is otherwise than last time, and answers kept as files."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.written import WRITTEN

Run = Callable[..., tuple[int, str, str]]
Spoil = Callable[[str, str], None]

POLICY = """version: 1
providers:
  here: {dialect: openai_chat, base_url: "embedded:", region: eu}
targets:
  small: {provider: here, model: ok}
default: {route: [small]}
"""
KEYED = POLICY.replace("region: eu}", "region: eu, api_key: {env: PROBE_KEY}}")
SUITE = """version: 1
cases:
  - name: words
    request: {messages: [{role: user, content: "Hush 4711"}]}
    expect: {refused: false}
  - name: person
    request:
      messages: [{role: user, content: Who?}]
      response_format:
        type: json_schema
        json_schema:
          name: person
          schema: {type: object, properties: {name: {type: string}}, required: [name]}
  - name: call
    request:
      messages: [{role: user, content: Weather?}]
      tools:
        - type: function
          function:
            {name: look, parameters: {type: object, properties: {at: {type: string}}, required: [at]}}
      tool_choice: required
    expect: {tool: look, tools: 1}
"""


class Probing:
    """A policy, a suite and a baseline, and the command on them."""

    def __init__(self, place: Path, run: Run) -> None:
        self.policy = place / "policies" / "main.yaml"
        self.policy.parent.mkdir()
        self.policy.write_text(POLICY)
        self.suite = place / "suite.yaml"
        self.suite.write_text(SUITE)
        self.baseline = place / "probe.json"
        self.recorded = place / "recorded"
        self._run = run

    def model(self, name: str) -> None:
        self.policy.write_text(self.policy.read_text().replace("model: ok", f"model: {name}"))

    def __call__(self, *words: object) -> tuple[int, str, str]:
        return self._run("probe", "--policies", self.policy.parent, "--suite", self.suite, *words)

    def compared(self, *words: object) -> tuple[int, str, str]:
        return self("--baseline", self.baseline, *words)

    def results(self, *words: object) -> tuple[int, dict[str, dict[str, Any]]]:
        """By case."""
        status, out, _ = self("--format", "json", *words)
        return status, {result["case"]: result for result in json.loads(out)["results"]}


@pytest.fixture
def probe(tmp_path: Path, run: Run) -> Probing:
    return Probing(tmp_path, run)


def test_a_target_that_answers_well_is_good_and_no_text_is_shown(probe: Probing) -> None:
    status, out, _ = probe()
    assert status == 0
    assert "3 as they should be, 0 not, 0 skipped" in out
    assert "4711" not in out


def test_answers_are_shown_where_that_is_asked_for(probe: Probing) -> None:
    assert "Hush 4711" in probe("--show")[1]


def test_what_is_seen_of_an_answer(probe: Probing) -> None:
    _, seen = probe.results()
    assert seen["words"]["outcome"] == "ok"
    assert seen["words"]["finish"] == "stop"
    assert seen["words"]["input_tokens"] > 0
    assert seen["words"]["ttft_ms"] <= seen["words"]["total_ms"]
    assert seen["words"]["schema_valid"] is None
    assert seen["person"]["schema_valid"] is True
    assert (seen["call"]["tools"], seen["call"]["arguments_valid"]) == (["look"], True)


@pytest.mark.parametrize(
    ("model", "case", "what", "was", "now"),
    [
        ("refuse", "words", "refused", False, True),
        ("broken-schema", "person", "schema_valid", True, False),
        ("broken-schema", "call", "arguments_valid", True, False),
        ("empty", "words", "empty", False, True),
    ],
)
def test_what_has_drifted_is_told(  # noqa: PLR0913, PLR0917 - a row of the table
    model: str, case: str, what: str, was: object, now: object, probe: Probing
) -> None:
    assert probe.compared("--save")[0] == 0
    assert probe.compared()[0] == 0
    probe.model(model)
    status, seen = probe.results("--baseline", probe.baseline)
    assert status == 1
    assert {"what": what, "was": was, "is": now} in seen[case]["drift"]
    assert "case" in probe.compared()[1]


def test_an_answer_that_is_slower_than_its_band_has_drifted(probe: Probing) -> None:
    probe.suite.write_text(SUITE.replace("cases:", "latency: {factor: 2, ms: 20}\ncases:", 1))
    probe.compared("--save")
    kept = json.loads(probe.baseline.read_text())
    for entry in kept["targets"]["small"]["here"].values():
        entry["ttft_ms"] = entry["total_ms"] = 1.0
    probe.baseline.write_text(json.dumps(kept))
    probe.model("slow-first-token-50ms")
    status, seen = probe.results("--baseline", probe.baseline)
    assert status == 1
    assert {"ttft_ms", "total_ms"} <= {each["what"] for each in seen["words"]["drift"]}
    probe.suite.write_text(SUITE.replace("cases:", "latency: {factor: 2, ms: 600000}\ncases:", 1))
    assert probe.compared()[0] == 0


def test_what_is_saved_is_good_from_then_on_and_reads_back_the_same(probe: Probing) -> None:
    probe.model("refuse")
    assert probe()[0] == 1
    assert probe.compared("--save")[0] == 0
    assert probe.compared()[0] == 0
    kept = json.loads(probe.baseline.read_text())
    assert list(kept["targets"]["small"]["here"]) == ["call", "person", "words"]
    assert "4711" not in probe.baseline.read_text()


def test_an_outage_is_a_finding_and_never_saved(probe: Probing) -> None:
    probe.compared("--save")
    before = probe.baseline.read_text()
    probe.model("throttle")
    status, out, _ = probe.compared("--save")
    assert status == 1
    assert "no answer: rate_limited" in out
    assert json.loads(probe.baseline.read_text()) == json.loads(before)


def test_a_truncated_answer_is_seen(probe: Probing, tmp_path: Path) -> None:
    probe("--record", probe.recorded)
    for file in probe.recorded.glob("*words*"):
        file.write_text(file.read_text().replace('finish_reason\\":\\"stop', 'finish_reason\\":\\"length'))
    probe.compared("--save")
    status, seen = probe.results("--baseline", probe.baseline, "--recordings", probe.recorded)
    assert status == 1
    assert seen["words"]["drift"] == [{"what": "truncated", "was": False, "is": True}]


@pytest.mark.parametrize(
    ("case", "code", "what"),
    [("person", "json_validate_failed", "schema_valid"), ("call", "tool_use_failed", "arguments_valid")],
)
def test_what_its_provider_calls_malformed_is_invalid_and_no_outage(
    case: str, code: str, what: str, probe: Probing
) -> None:
    probe.compared("--save", "--record", probe.recorded)
    (file,) = probe.recorded.glob(f"*{case}*")
    failed = {"error": {"message": "Failed to generate.", "type": "invalid_request_error", "code": code}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "status": 400, "body": json.dumps(failed)}))
    status, seen = probe.results("--baseline", probe.baseline, "--recordings", probe.recorded)
    assert status == 1
    assert {"what": what, "was": True, "is": False} in seen[case]["drift"]


def test_recordings_answer_without_the_provider_and_its_key(probe: Probing, monkeypatch: pytest.MonkeyPatch) -> None:
    probe.policy.write_text(KEYED)
    monkeypatch.setenv("PROBE_KEY", "sk-probe-0123456789")
    assert probe("--record", probe.recorded, "--times", 2)[0] == 0
    kept = [file.read_text() for file in sorted(probe.recorded.iterdir())]
    assert len(kept) == 6
    assert not any("sk-probe" in text for text in kept)
    monkeypatch.delenv("PROBE_KEY")
    probe.policy.write_text(KEYED.replace("embedded:", "https://nowhere.invalid/v1"))
    status, seen = probe.results("--recordings", probe.recorded, "--times", 2)
    assert status == 0
    assert seen["person"]["schema_valid"] is True


def test_a_recording_of_another_request_is_not_answered_from(probe: Probing) -> None:
    probe("--record", probe.recorded)
    probe.suite.write_text(SUITE.replace("Hush", "Loud"))
    status, seen = probe.results("--recordings", probe.recorded)
    assert status == 0
    assert seen["words"]["skipped"] == "its recording is of another request or model: record it again"


@pytest.mark.parametrize("text", ["{", "[]", '{"asked": 3}'])
def test_a_recording_that_is_none_is_skipped(text: str, probe: Probing) -> None:
    probe("--record", probe.recorded)
    for file in probe.recorded.glob("*words*"):
        file.write_text(text)
    assert probe.results("--recordings", probe.recorded)[1]["words"]["skipped"].startswith("its recording is ")


def test_a_target_without_its_key_is_skipped_and_the_others_are_asked(
    probe: Probing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROBE_KEY", raising=False)
    more = '  away: {dialect: openai_chat, base_url: "embedded:", region: us, api_key: {env: PROBE_KEY}}\ntargets:\n'
    probe.policy.write_text(POLICY.replace("targets:\n", more + "  far: {provider: away, model: ok}\n"))
    status, out, _ = probe()
    assert status == 0
    assert "the environment variable `PROBE_KEY` is not set" in out
    assert "3 as they should be, 0 not, 3 skipped" in out
    status, _, err = probe("--target", "far")
    assert status == 1
    assert "nothing was asked" in err


def test_a_case_that_needs_what_the_target_has_not_is_skipped(probe: Probing) -> None:
    probe.model("ok, supports: {tools: false}")
    status, seen = probe.results()
    assert status == 0
    assert "tools" in seen["call"]["skipped"]


def test_github_is_told_what_has_drifted(probe: Probing) -> None:
    probe.compared("--save")
    probe.model("refuse")
    _, out, _ = probe.compared("--format", "github")
    assert "::error title=probe-drift::case `words` at small (here): refused was false, is true" in out


def test_the_suite_that_is_shipped_is_good_at_a_good_target(run: Run, probe: Probing) -> None:
    status, out, _ = run("probe", "--policies", probe.policy.parent)
    assert status == 0
    assert "13 as they should be, 0 not, 0 skipped" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--save",), "--save needs --baseline FILE"),
        (("--baseline", "nowhere.json"), "make it with --save"),
        (("--target", "smal"), "did you mean `small`?"),
        (("--times", "0"), ""),
        (("--record", "a", "--recordings", "b"), ""),
    ],
)
def test_what_cannot_be_meant_is_misuse(words: tuple[str, ...], said: str, probe: Probing) -> None:
    status, _, err = probe(*words)
    assert status == 2
    assert said in err


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"version": 1, "targets": {"a": 3}}'])
def test_a_baseline_that_is_none_is_misuse(text: str, probe: Probing) -> None:
    probe.baseline.write_text(text)
    status, _, err = probe.compared()
    assert status == 2
    assert "cannot be used" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("refused: false", "refusd: false", "suite.yaml:5:14 error unknown-key"),
        ("version: 1", "version: 2", "suite.yaml:1:10 error wrong-value"),
        ("name: person\n    req", "name: words\n    req", "suite.yaml:6:11 error duplicate-name"),
        ("role: user, content: Who?", "role: 3, content: Who?", "suite.yaml:8:7 error wrong-value"),
        ("name: words\n    request", "request", "suite.yaml:3:5 error missing-key"),
    ],
)
def test_what_is_wrong_with_a_suite_is_told_with_its_place(old: str, new: str, said: str, probe: Probing) -> None:
    assert old in SUITE
    probe.suite.write_text(SUITE.replace(old, new))
    status, out, _ = probe()
    assert status == 1
    assert said in out


def test_ctrl_c_ends_it_and_nothing_is_written(probe: Probing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        probe.policy.write_text(POLICY.replace("embedded:", url))
        words = ("--policies", probe.policy.parent, "--baseline", probe.baseline, "--save")
        command = [sys.executable, "-m", "policyroute_asgi", "probe", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
    WRITTEN.add("process probe stdout", out)
    WRITTEN.add("process probe stderr", err)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not probe.baseline.exists()


def test_the_suite_in_the_docs_is_one(probe: Probing) -> None:
    page = (Path(__file__).parents[2] / "docs" / "probe.md").read_text(encoding="utf-8")
    probe.suite.write_text(page.partition("```yaml\n# suite.yaml\n")[2].partition("\n```\n")[0])
    status, seen = probe.results()
    assert status == 0
    assert seen["our order form"]["schema_valid"] is True
