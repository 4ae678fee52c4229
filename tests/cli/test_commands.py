"""The commands that read a policy directory and say something, run in process as `main([...])`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from policyroute_asgi.cli import COMMANDS

Run = Callable[..., tuple[int, str, str]]
Spoil = Callable[[str, str], None]


def found(out: str) -> list[dict[str, Any]]:
    problems: list[dict[str, Any]] = json.loads(out)["problems"]
    return problems


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, run: Run) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"policyroute {command}" in out.split("example:")[1]


def test_help_lists_the_commands(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize(
    "words", [[], ["chekc"], ["check"], ["check", "x", "--format", "xml"], ["serve", "x", "--port", "p"]]
)
def test_misuse_is_status_2_and_said_on_standard_error(words: list[str], run: Run) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert "usage: policyroute" in err


def test_check_of_a_good_directory(directory: Path, run: Run) -> None:
    status, out, _ = run("check", directory)
    assert status == 0
    assert out.startswith("usable: 0 errors, 0 warnings, revision ")


def test_check_finds_everything_at_once(directory: Path, run: Run, spoil: Spoil) -> None:
    spoil("route: [large]", "route: [lrage]")
    spoil("request.profile", "request.profil")
    status, out, _ = run("check", directory)
    assert status == 1
    assert f"{directory}/main.yaml:6:" in out
    assert "did you mean `large`?" in out and "did you mean `profile`?" in out
    assert out.rstrip().splitlines()[-1].startswith("not usable: 2 errors")


def test_check_as_json(directory: Path, run: Run, spoil: Spoil) -> None:
    _, out, _ = run("check", directory, "--format", "json")
    good = json.loads(out)
    assert (good["ok"], good["problems"]) == (True, [])
    spoil("route: [large]", "route: [lrage]")
    status, out, _ = run("check", directory, "--format", "json")
    assert status == 1
    bad = json.loads(out)
    assert (bad["ok"], bad["revision"]) == (False, None)
    assert {"code", "severity", "message", "file", "line", "column", "hint"} <= bad["problems"][0].keys()


def test_check_as_github_annotations(directory: Path, run: Run, spoil: Spoil) -> None:
    spoil("route: [large]", "route: [lrage]")
    status, out, _ = run("check", directory, "--format", "github")
    assert status == 1
    assert out.startswith(f"::error file={directory}/main.yaml,line=6,")


def test_a_missing_key_is_a_warning_here(
    directory: Path, run: Run, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HERE_KEY", raising=False)
    spoil("region: eu}", "region: eu, api_key: {env: HERE_KEY}}")
    status, out, _ = run("check", directory, "--format", "json")
    assert status == 0
    assert [(problem["code"], problem["severity"]) for problem in found(out)] == [("missing-secret", "warning")]
    assert run("check", directory, "--strict")[0] == 1
    assert run("test", directory)[0] == 0


@pytest.mark.parametrize("command", ["check", "test"])
def test_the_secrets_directory_is_named_here_as_for_serve(
    directory: Path, tmp_path: Path, run: Run, spoil: Spoil, command: str
) -> None:
    spoil("region: eu}", f"region: eu, api_key: {{file: {tmp_path / 'run' / 'key'}}}}}")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "key").write_text("sk-not-for-print")
    status, out, _ = run(command, directory, "--format", "json")
    assert status == 0
    assert [(problem["code"], problem["severity"]) for problem in found(out)] == [("secret-outside", "warning")]
    status, out, _ = run(command, directory, "--format", "json", "--secrets-dir", tmp_path / "run")
    assert (status, found(out)) == (0, [])
    assert "not-for-print" not in out


def test_a_key_is_never_printed(directory: Path, run: Run, spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE_KEY", "sk-not\nfor-print")
    spoil("region: eu}", "region: eu, api_key: {env: HERE_KEY}}")
    for format in ("text", "json", "github"):
        assert "for-print" not in "".join(map(str, run("check", directory, "--format", format)))


def test_check_of_nothing(tmp_path: Path, run: Run) -> None:
    assert run("check", tmp_path / "nowhere")[0] == 1
    assert run("check", tmp_path)[0] == 1


def test_schema_accepts_what_load_accepts(directory: Path, run: Run) -> None:
    status, out, _ = run("schema")
    assert status == 0
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((directory / "main.yaml").read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "rule": []}, schema)


def test_init_writes_what_is_good_and_nothing_twice(tmp_path: Path, run: Run) -> None:
    directory = tmp_path / "new" / "policies"
    assert run("init", directory)[0] == 0
    assert {path.name for path in directory.iterdir()} == {"main.yaml", "policyroute.schema.json"}
    status, out, _ = run("check", directory, "--format", "json")
    assert status == 0
    assert {problem["code"] for problem in found(out)} <= {"missing-secret"}
    assert run("test", directory)[0] == 0
    jsonschema.validate(
        yaml.safe_load((directory / "main.yaml").read_text()),
        json.loads((directory / "policyroute.schema.json").read_text()),
    )

    (directory / "main.yaml").write_text("# mine\n")
    status, _, err = run("init", directory)
    assert status == 1
    assert "nothing was written" in err
    assert (directory / "main.yaml").read_text() == "# mine\n"


def test_init_does_not_touch_a_file_that_is_there(tmp_path: Path, run: Run) -> None:
    (tmp_path / "policyroute.schema.json").write_text("{}")
    assert run("init", tmp_path)[0] == 1
    assert (tmp_path / "policyroute.schema.json").read_text() == "{}"


def test_test_says_what_failed_and_what_was_decided_instead(directory: Path, run: Run, spoil: Spoil) -> None:
    status, out, _ = run("test", directory)
    assert status == 0
    assert out.splitlines()[-1] == "1 passed, 0 failed"
    spoil("expect: {target: large", "expect: {target: small")
    status, out, _ = run("test", directory)
    assert status == 1
    assert f"FAIL agents get the large one {directory}/main.yaml:9" in out
    assert "target is `large`, not `small`" in out
    assert out.splitlines()[-1] == "0 passed, 1 failed"


def test_test_as_json_and_annotations(directory: Path, run: Run, spoil: Spoil) -> None:
    spoil("expect: {target: large", "expect: {target: small")
    status, out, _ = run("test", directory, "--format", "json")
    report = json.loads(out)
    assert status == 1
    assert (report["ok"], report["tests"][0]["passed"], report["tests"][0]["line"]) == (False, False, 9)
    status, out, _ = run("test", directory, "--format", "github")
    assert status == 1
    assert out.startswith(f"::error file={directory}/main.yaml,line=9,")


def test_test_of_what_does_not_load(directory: Path, run: Run, spoil: Spoil) -> None:
    spoil("route: [large]", "route: [lrage]")
    status, out, _ = run("test", directory)
    assert status == 1
    assert "did you mean `large`?" in out
    assert json.loads(run("test", directory, "--format", "json")[1])["ok"] is False
