"""`policyroute override`: what is said is kept, listed and taken back; a name that means nothing is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policyroute.author.load import load
from policyroute.policy import files
from policyroute_asgi import last_good, overrides

Run = Callable[..., tuple[int, str, str]]
POLICY = """version: 1
providers:
  one: {dialect: openai_chat, base_url: "embedded:"}
  two: {dialect: openai_chat, base_url: "embedded:"}
targets:
  both: {providers: [one, two], model: both}
  mini: {provider: one, model: mini}
default: {route: [both, mini]}
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a gateway that has served the policy."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "main.yaml").write_text(POLICY)
    texts, _ = files.read_directory(served)
    state = tmp_path / "state"
    last_good.save(state, last_good.LastGood(load(served).revision, 17.0, texts))
    return state


def listed(run: Run, state: Path) -> list[dict[str, Any]]:
    status, out, _ = run("override", "list", "--state-dir", state, "--format", "json")
    assert status == 0
    found: list[dict[str, Any]] = json.loads(out)["overrides"]
    return found


@pytest.mark.parametrize("action", ["use", "drain", "clear", "list"])
def test_help_has_an_example(action: str, run: Run) -> None:
    status, out, _ = run("override", action, "--help")
    assert status == 0
    assert f"policyroute override {action}" in out.split("example:")[1]


def test_what_is_said_is_listed_the_last_first_until_it_is_taken_back(run: Run, state: Path) -> None:
    assert run("override", "list", "--state-dir", state) == (0, "no override is in force\n", "")
    before = time.time()
    status, out, err = run(
        "override", "drain", "one", "--for", "1h30m", "--reason", "they are down", "--state-dir", state
    )
    assert (status, err) == (0, "")
    assert re.match(r"drain one: for 1 h 30 min, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ; they are down\n", out)
    assert "nobody serves mini until then" in out
    assert run("override", "use", "both", "--state-dir", state)[0] == 0
    use, drain = listed(run, state)
    assert (use["action"], use["name"], use["reason"]) == ("use", "both", "")
    assert (drain["action"], drain["name"], drain["reason"]) == ("drain", "one", "they are down")
    assert before + 3600 <= use["until"] <= time.time() + 3600
    assert before + 5400 <= drain["until"] <= time.time() + 5400
    assert "use both: for 1 h 00 min" in run("override", "list", "--state-dir", state)[1]

    assert run("override", "use", "one", "--state-dir", state)[0] == 1
    status, out, _ = run("override", "clear", "one", "--state-dir", state)
    assert status == 0
    assert out.startswith("taken back: drain one: ")
    assert [each["name"] for each in listed(run, state)] == ["both"]
    run("override", "drain", "two", "--state-dir", state)
    cleared = json.loads(run("override", "clear", "--state-dir", state, "--format", "json")[1])["cleared"]
    assert [each["name"] for each in cleared] == ["both", "two"]
    assert listed(run, state) == []


def test_the_last_of_a_name_takes_the_place_of_the_one_before(run: Run, state: Path) -> None:
    run("override", "drain", "both", "--state-dir", state)
    run("override", "use", "both", "--for", "5m", "--state-dir", state)
    (only,) = listed(run, state)
    assert only["action"] == "use"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("use", "minni"), "did you mean `mini`"),
        (("use", "one"), "`one` is a provider: `use` takes a target, such as both, mini"),
        (("drain", "onne"), "no provider or target `onne`"),
        (("clear", "one"), "there is no override of `one`"),
    ],
)
def test_a_name_that_means_nothing_is_refused(words: tuple[str, ...], hint: str, run: Run, state: Path) -> None:
    status, out, err = run("override", *words, "--state-dir", state)
    assert (status, out) == (1, "")
    assert hint in " ".join(err.split())
    assert listed(run, state) == []


@pytest.mark.parametrize(
    "words",
    [
        ("use",),
        ("use", "mini"),
        ("use", "mini", "--for", "2", "--state-dir", "."),
        ("use", "mini", "--for", "0s", "--state-dir", "."),
        ("drain", "one", "--for", "31d", "--state-dir", "."),
        ("drain", "one", "--reason", "two\nlines", "--state-dir", "."),
        ("drain", "one", "--reason", "x" * 201, "--state-dir", "."),
        ("list",),
        ("clear",),
    ],
)
def test_misuse(words: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    assert run("override", *words)[0] == 2
    assert not (tmp_path / overrides.NAME).exists()


def test_before_anything_was_served_it_is_written_and_said_that_nobody_knows_the_name(run: Run, tmp_path: Path) -> None:
    state = tmp_path / "new"
    status, _, err = run("override", "drain", "any", "--state-dir", state)
    assert status == 0
    assert "was not there" in " ".join(err.split())
    _, _, err = run("override", "drain", "other", "--state-dir", state)
    assert "cannot be known" in " ".join(err.split())
    assert {each["name"] for each in listed(run, state)} == {"any", "other"}


def test_a_file_that_cannot_be_read_is_left_alone(run: Run, state: Path) -> None:
    (state / overrides.NAME).write_text("{")
    for words in (("use", "mini"), ("drain", "one"), ("clear",), ("list",)):
        status, _, err = run("override", *words, "--state-dir", state)
        assert (status, "move it away" in " ".join(err.split())) == (1, True)
    assert (state / overrides.NAME).read_text() == "{"


def test_where_the_file_is_gone_nobody_says_that_nothing_holds(run: Run, state: Path) -> None:
    """A gateway that runs goes on with what it knew."""
    run("override", "drain", "one", "--state-dir", state)
    (state / overrides.NAME).unlink()
    status, out, err = run("override", "clear", "one", "--state-dir", state)
    assert (status, out) == (1, "")
    assert "without a name ends what gateways still go by" in " ".join(err.split())
    status, out, _ = run("override", "clear", "--state-dir", state)
    assert status == 0
    assert "what gateways still went by ends" in " ".join(out.split())
    assert listed(run, state) == []
    assert run("override", "clear", "--state-dir", state) == (0, "no override was in force\n", "")


@pytest.mark.parametrize("action", ["list", "clear"])
def test_a_directory_that_is_not_there_is_no_answer(action: str, run: Run, tmp_path: Path) -> None:
    status, out, err = run("override", action, "--state-dir", tmp_path / "typo")
    assert (status, out) == (1, "")
    assert "typo is not there: is it the one that the gateway was started with?" in " ".join(err.split())
