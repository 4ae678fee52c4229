"""`policyroute probe` at targets of all four dialects: what each provider is sent, what has drifted, what is kept."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.support.asgi import serving
from tests.support.written import WRITTEN

from policyroute.dialects import DIALECTS
from policyroute.dialects.shapes import items, obj
from policyroute_asgi.cli import probe as command
from policyroute_asgi.embedded import EmbeddedProvider

Run = Callable[..., tuple[int, str, str]]

KEYS = {f"{name.upper()}_KEY": f"sk-{name}-0123456789" for name in DIALECTS}
CASES = (
    "plain answer",
    "one tool",
    "parallel tools",
    "schema",
    "nested schema",
    "long input",
    "harmless, but sounds harmful",
    "personal data, invented",
    "code",
    "image",
    "unicode",
    "stop sequence",
    "many turns with tool results",
)


def policy(url: str = "embedded:", model: str = "ok", *, keys: bool = False) -> str:
    """One provider and one target, both of the dialect's name, for each of them."""
    lines = ["version: 1", "providers:"]
    for name in DIALECTS:
        key = f", api_key: {{env: {name.upper()}_KEY}}" if keys else ""
        lines.append(f'  {name}: {{dialect: {name}, base_url: "{url}", region: eu{key}}}')
    lines += ["targets:", *(f"  {name}: {{provider: {name}, model: {model}}}" for name in DIALECTS)]
    return "\n".join([*lines, f"default: {{route: [{next(iter(DIALECTS))}]}}", ""])


class Watched(EmbeddedProvider):
    """Keeps what it is asked: path, headers and body."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, json.loads(body)))
        await super().__call__(scope, again, send)

    def of(self, name: str) -> list[Any]:
        """The bodies that came in this dialect."""
        end = {"openai_chat": "/completions", "openai_responses": "/responses", "anthropic": "/messages"}.get(name, "t")
        return [body for path, _, body in self.asked if path.endswith(end)]


async def in_a_process(*words: object, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "policyroute_asgi", "probe", *map(str, words)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in KEYS} | dict(env or {}),
    )
    out, err = (said.decode() for said in await started.communicate())
    WRITTEN.add("process probe stdout", out)
    WRITTEN.add("process probe stderr", err)
    assert started.returncode is not None
    return started.returncode, out, err


@pytest.fixture
async def live() -> AsyncIterator[tuple[Watched, str]]:
    provider = Watched()
    async with serving(provider) as url:
        yield provider, f"{url}/v1beta"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Where each value in it is, by names; arrays by `[]`."""
    yield path
    for name, each in obj(value).items():
        yield from paths(each, f"{path}.{name}" if path else name)
    for each in items(value):
        yield from paths(each, f"{path}.[]")


NATIVE: Mapping[str, Mapping[str, str]] = {
    "openai_chat": {
        "image": "messages.[].content.[].image_url.url",
        "tool": "tools.[].function.parameters.properties",
        "must": "tool_choice",
        "schema": "response_format.json_schema.schema.properties",
        "result": "messages.[].tool_call_id",
        "stop": "stop",
    },
    "openai_responses": {
        "image": "input.[].content.[].image_url",
        "tool": "tools.[].parameters.properties",
        "must": "tool_choice",
        "schema": "text.format.schema.properties",
        "result": "input.[].call_id",
    },
    "anthropic": {
        "image": "messages.[].content.[].source.data",
        "tool": "tools.[].input_schema.properties",
        "must": "tool_choice.type",
        "schema": "output_config.format.schema.properties",
        "result": "messages.[].content.[].tool_use_id",
        "stop": "stop_sequences",
    },
    "gemini": {
        "image": "contents.[].parts.[].inlineData.data",
        "tool": "tools.[].functionDeclarations.[].parametersJsonSchema.properties",
        "must": "toolConfig.functionCallingConfig.mode",
        "schema": "generationConfig.responseJsonSchema.properties",
        "result": "contents.[].parts.[].functionResponse.response",
        "stop": "generationConfig.stopSequences",
    },
}
"""What the edge cases of the suite are in each dialect's own words. Responses has none for stop sequences."""


@pytest.mark.anyio
async def test_the_suite_is_asked_in_each_dialects_own_words_and_answered_again_from_recordings(
    live: tuple[Watched, str], tmp_path: Path
) -> None:
    provider, url = live
    policies, recorded, baseline = tmp_path / "main.yaml", tmp_path / "recorded", tmp_path / "probe.json"
    policies.write_text(policy(url, keys=True))
    common = ("--policies", policies, "--baseline", baseline, "--format", "json")
    status, out, _ = await in_a_process(*common, "--save", "--record", recorded, env=KEYS)
    assert status == 0, out
    results = json.loads(out)["results"]
    assert [(each["target"], each["case"]) for each in results] == [(name, case) for name in DIALECTS for case in CASES]
    for name, expected in NATIVE.items():
        bodies = provider.of(name)
        assert len(bodies) == len(CASES)
        every = [set(paths(body)) for body in bodies]
        assert [what for what, path in expected.items() if not any(path in each for each in every)] == []
        assert "inlineData" in json.dumps(bodies) or "base64" in json.dumps(bodies)
        theirs = [headers for _, headers, _ in provider.asked if KEYS[f"{name.upper()}_KEY"] in str(headers)]
        assert len(theirs) == len(CASES)

    kept = {file.name: file.read_text() for file in recorded.iterdir()}
    assert len(kept) == len(results)
    assert [name for name, text in kept.items() for key in KEYS.values() if key in text] == []
    policies.write_text(policy("https://nowhere.invalid/v1", keys=True))
    before = len(provider.asked)
    status, out, _ = await in_a_process(*common, "--recordings", recorded)
    assert status == 0, out
    again = json.loads(out)["results"]
    assert [figures(each) for each in again] == [figures(each) for each in results]
    assert len(provider.asked) == before


def figures(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seen"}


@pytest.mark.anyio
async def test_drift_a_missing_key_and_a_provider_that_is_down(live: tuple[Watched, str], tmp_path: Path) -> None:
    _, url = live
    policies, baseline = tmp_path / "main.yaml", tmp_path / "probe.json"
    policies.write_text(policy(url, keys=True))
    common = ("--policies", policies, "--baseline", baseline)
    status, out, _ = await in_a_process(*common, "--save", env=KEYS)
    assert (status, f"saved to {baseline}" in re.sub(r"\s+", " ", out)) == (0, True)
    before = json.loads(baseline.read_text())
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    said = policy(url, keys=True)
    said = said.replace("gemini, model: ok", "gemini, model: refuse")
    said = said.replace(f'anthropic, base_url: "{url}"', f'anthropic, base_url: "http://127.0.0.1:{port}"')
    policies.write_text(said)
    keys = {name: value for name, value in KEYS.items() if name != "OPENAI_RESPONSES_KEY"}
    status, out, _ = await in_a_process(*common, "--save", env=keys)
    assert status == 1
    assert re.search("skip every case: .*the environment variable `OPENAI_RESPONSES_KEY` is not set", out)
    assert out.count("no answer: unavailable") == len(CASES)
    assert re.search(r"^plain answer +gemini \(gemini\) +refused +false +true$", out, re.MULTILINE)
    after = json.loads(baseline.read_text())
    for name in ("anthropic", "openai_responses"):
        assert after["targets"][name] == before["targets"][name]
    assert after["targets"]["gemini"]["gemini"]["plain answer"]["refused"] is True


SUITE = """version: 1
latency: {factor: 2, ms: 20000}
cases:
  - name: words
    request: {messages: [{role: user, content: "Say a few words, please"}]}
  - name: person
    request:
      messages: [{role: user, content: Who?}]
      response_format:
        type: json_schema
        json_schema:
          name: person
          schema: {type: object, properties: {name: {type: string}}, required: [name], additionalProperties: false}
  - name: call
    request:
      messages: [{role: user, content: Weather?}]
      tools:
        - type: function
          function:
            name: look
            parameters:
              {type: object, properties: {at: {type: string}}, required: [at], additionalProperties: false}
      tool_choice: required
    expect: {tool: look, tools: 1}
"""

DRIFTS = {
    "refuse": {("words", "refused")},
    "broken-schema": {("person", "schema_valid"), ("call", "arguments_valid")},
    "truncated": {("words", "truncated")},
    "empty": {("words", "empty")},
    "parallel-3": {("call", "expect")},
}


@pytest.mark.parametrize("model", DRIFTS)
def test_each_kind_of_drift_is_told_at_each_dialect(model: str, tmp_path: Path, run: Run) -> None:
    policies, suite, baseline = tmp_path / "main.yaml", tmp_path / "suite.yaml", tmp_path / "probe.json"
    policies.write_text(policy())
    suite.write_text(SUITE)
    common = ("probe", "--policies", policies, "--suite", suite, "--baseline", baseline)
    assert run(*common, "--save")[0] == 0
    assert run(*common)[0] == 0
    policies.write_text(policy(model=model))
    status, out, _ = run(*common, "--format", "json")
    assert status == 1
    told = {
        (each["target"], each["case"], drift["what"]) for each in json.loads(out)["results"] for drift in each["drift"]
    }
    assert {(name, *each) for name in DIALECTS for each in DRIFTS[model]} <= told
    text = run(*common)[1]
    for name in DIALECTS:
        for case, what in DRIFTS[model]:
            assert re.search(rf"^{case} +{name} \({name}\) +{what} ", text, re.MULTILINE)


def slow_in(baseline: Path, milliseconds: float) -> None:
    """As if it had been that slow when it was saved."""
    kept = json.loads(baseline.read_text())
    for target in kept["targets"].values():
        for cases in target.values():
            for entry in cases.values():
                entry["ttft_ms"] = entry["total_ms"] = milliseconds
    baseline.write_text(json.dumps(kept))


def test_nothing_is_slow_before_it_was_so_three_times(tmp_path: Path, run: Run) -> None:
    policies, suite, baseline = tmp_path / "main.yaml", tmp_path / "suite.yaml", tmp_path / "probe.json"
    policies.write_text(policy())
    suite.write_text(SUITE.replace("ms: 20000", "ms: 0"))
    common = ("probe", "--policies", policies, "--suite", suite, "--baseline", baseline)
    run(*common, "--save")
    for milliseconds, status, times in ((1e9, 0, 1), (0.0, 1, 3)):
        slow_in(baseline, milliseconds)
        found, out, _ = run(*common, "--format", "json")
        assert (found, {each["times"] for each in json.loads(out)["results"]}) == (status, {times})


def test_one_slow_answer_of_several_is_no_drift_and_most_of_them_are(tmp_path: Path, run: Run) -> None:
    policies, suite, baseline = tmp_path / "main.yaml", tmp_path / "suite.yaml", tmp_path / "probe.json"
    policies.write_text(policy())
    suite.write_text(SUITE)
    common = ("probe", "--policies", policies, "--suite", suite, "--times", 3)
    run(*common, "--record", tmp_path / "kept", "--baseline", baseline, "--save")
    for slow, status in ((1, 0), (2, 1)):
        for file in (tmp_path / "kept").glob(f"*@{slow}.json"):
            file.write_text(json.dumps({**json.loads(file.read_text()), "first_ms": 90_000.0, "total_ms": 90_000.0}))
        found, out, _ = run(*common, "--recordings", tmp_path / "kept", "--baseline", baseline, "--format", "json")
        assert found == status
        drifts = {drift["what"] for each in json.loads(out)["results"] for drift in each["drift"]}
        assert drifts == ({"ttft_ms", "total_ms"} if status else set())


def test_a_baseline_changes_in_what_has_changed_and_nowhere_else(tmp_path: Path, run: Run) -> None:
    policies, suite, baseline = tmp_path / "main.yaml", tmp_path / "suite.yaml", tmp_path / "probe.json"
    policies.write_text(policy())
    suite.write_text(SUITE)
    common = ("probe", "--policies", policies, "--suite", suite, "--baseline", baseline, "--save")
    run(*common)
    before = baseline.read_text().splitlines()
    reordered = "\n".join(reversed(policy().partition("targets:\n")[2].splitlines()[:-1]))
    policies.write_text(policy().partition("targets:\n")[0] + f"targets:\n{reordered}\ndefault: {{route: [gemini]}}\n")
    run(*common)
    run(*common, "--target", "gemini")
    after = baseline.read_text().splitlines()
    changed = {line.split(":")[0].strip() for line in set(before) ^ set(after)}
    assert len(before) == len(after)
    assert changed <= {'"seen"', '"ttft_ms"', '"total_ms"'}


def test_the_example_of_its_help_can_be_run_as_it_stands(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "main.yaml").write_text(
        policy().replace("openai_chat: {prov", "mini: {prov", 1).replace("[openai_chat]", "[mini]")
    )
    shown = run("probe", "--help")[1]
    examples = [line.split()[1:] for line in command.EXAMPLE.splitlines()]
    assert all(line.strip() in shown for line in command.EXAMPLE.splitlines())
    assert run("probe", "--policies", "policies", "--record", "recorded")[0] == 0
    assert [run(*words)[0] for words in examples] == [0, 0, 0]
