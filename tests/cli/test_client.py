"""`policyroute client`: a key is printed once, pasted lines work, and what is revoked is written down."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from policyroute import build
from policyroute.author.load import load
from policyroute_asgi import client_keys, last_good, revocations

Run = Callable[..., tuple[int, str, str]]
Spoil = Callable[[str, str], None]
KEY = client_keys.new()
ONE, TWO = "1" * 63 + "a", "2" * 63 + "b"
CLIENTS = f"""version: 1
clients:
  ci:
    key_sha256:
      - {ONE}
      - {TWO}
    team: build
  web: {{key_sha256: {sha256(KEY.encode()).hexdigest()}, role: operator, models: ["gpt-*"], rate_limit: {{rpm: 60}}}}
"""


@pytest.fixture
def clients(directory: Path) -> Path:
    file = directory / "who.yaml"
    file.write_text(CLIENTS)
    return file


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def key_of(out: str) -> str:
    keys: list[str] = re.findall(r"plr_\w+", out)
    assert len(keys) == 1
    return keys[0]


@pytest.mark.parametrize("action", ["add", "list", "revoke"])
def test_help_has_an_example_that_fits_a_narrow_terminal(
    action: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    status, out, _ = run("client", action, "--help")
    assert status == 0
    assert f"policyroute client {action}" in out.split("example:")[1]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("ad",),
        ("add",),
        ("add", "a b"),
        ("add", "ci", "--tag", "x"),
        ("add", "ci", "--tag", "a=1", "--tag", "a=2"),
        ("add", "ci", "--rpm", "0"),
        ("add", "ci", "--rpm", "\u0661\u0662"),
        ("add", "ci", "--profiles", ","),
        ("add", "ci", "--rotate"),
        ("add", "ci", "--rotate", "--dir", ".", "--team", "x"),
        ("list",),
        ("revoke", "ci", "."),
        ("revoke", "ci", "--state-dir", "."),
        ("revoke", "--state-dir", "."),
        ("revoke", "--key-sha256", "12345678", "--state-dir", "."),
        ("revoke", "ci", ".", "--key-sha256", "key", "--state-dir", "."),
    ],
    ids=" ".join,
)
def test_misuse_is_status_2(words: tuple[str, ...], run: Run) -> None:
    status, out, err = run("client", *words)
    assert (status, out) == (2, "")
    assert err and "Traceback" not in err


def test_the_lines_of_a_new_client_are_a_policy(directory: Path, run: Run) -> None:
    words = (
        "add ci --tenant acme --team build --tier pro --tag region=eu --tag note=no --role operator --rpm 60 --tpm 9"
    )
    granted = ("--models", "s*, l", "--profiles", "CHAT,AGENT")
    status, out, _ = run("client", *words.split(), *granted, "--dir", directory)
    assert status == 0
    (directory / "who.yaml").write_text("version: 1\n" + out[out.index("clients:") :])
    client = load(directory).program.clients["ci"]
    key = key_of(out)
    assert client_keys.is_whole(key)
    assert client.keys == (sha256(key.encode()).hexdigest(),)
    facts = client.facts
    assert (facts.id, facts.tenant, facts.team, facts.tier, facts.role) == ("ci", "acme", "build", "pro", "operator")
    assert (facts.tags, facts.profiles, facts.models) == (
        {"region": "eu", "note": "no"},
        ("CHAT", "AGENT"),
        ("s*", "l"),
    )
    assert client.rate_limit is not None
    assert (client.rate_limit.rpm, client.rate_limit.tpm, client.rate_limit.concurrency) == (60, 9, None)


def test_a_key_as_json(run: Run) -> None:
    status, out, _ = run("client", "add", "ci", "--format", "json")
    assert status == 0
    made = json.loads(out)
    assert made["key_sha256"] == sha256(made["key"].encode()).hexdigest()
    assert made["key"] not in made["yaml"] and made["key_sha256"] in made["yaml"]
    assert made["client"] == "ci"


@pytest.mark.usefixtures("clients")
def test_a_name_that_is_there_is_refused_or_rotated(directory: Path, run: Run) -> None:
    status, out, err = run("client", "add", "ci", "--dir", directory)
    assert (status, out) == (1, "")
    assert f"{directory}/who.yaml:3:3 to line 7" in err and "--rotate" in err
    status, out, _ = run("client", "add", "ci", "--dir", directory, "--rotate")
    assert status == 0
    new = sha256(key_of(out).encode()).hexdigest()
    assert f"key_sha256: [{ONE}, {TWO}, {new}]" in out
    assert f"{directory}/who.yaml:3:3" in out
    status, _, err = run("client", "add", "nobody", "--dir", directory, "--rotate")
    assert status == 1
    assert "no client is called `nobody`" in err


@pytest.mark.usefixtures("clients")
def test_a_new_client_goes_to_the_others(directory: Path, run: Run) -> None:
    for name in ("new", "newer"):
        out = run("client", "add", name, "--dir", directory)[1]
        assert f"under `clients:` in {directory}/who.yaml" in out
        with (directory / "who.yaml").open("a") as file:
            file.write(out.partition("who.yaml:\n\n")[2])
    assert {"ci", "new", "newer"} <= set(load(directory).program.clients)


def test_lines_for_a_further_client_are_indented_as_the_others(directory: Path, clients: Path, run: Run) -> None:
    clients.write_text(f"version: 1\nclients:\n      ci: {{key_sha256: {ONE}}}\n")
    out = run("client", "add", "new", "--tag", "a=b", "--dir", directory)[1]
    with clients.open("a") as file:
        file.write(out.partition("who.yaml:\n\n")[2])
    assert set(load(directory).program.clients) == {"ci", "new"}


def test_what_is_granted_and_is_not_there_is_a_warning(directory: Path, run: Run) -> None:
    granted = ("--profiles", "AGENT,AGNET", "--models", "small,s*,gpt-*")
    status, out, err = run("client", "add", "ci", *granted, "--dir", directory)
    assert (status, "clients:" in out) == (0, True)
    assert "`AGNET`" in err and "CHAT, AGENT, BATCH, SAVINGS" in err and "`gpt-*`" in err
    assert "`AGENT`" not in err and "`s*`" not in err and "`small`" not in err
    assert run("client", "add", "ci", "--profiles", "AGENT", "--models", "s", "--dir", directory)[2] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a b",), "NAME cannot be that: it may hold A-Z, a-z, 0-9"),
        (("ci", "--tag", "a b=c"), "`--tag` cannot be that: it may hold"),
        (("ci", "--profiles", "a b"), "`--profiles` cannot be that: it may hold"),
        (("ci", "--models", ","), "`--models` cannot be that: must have at least 1 item"),
        (("ci", "--team", "x" * 300), "`--team` cannot be that: must have at most 128 characters"),
    ],
)
def test_what_cannot_be_is_said_in_words(words: tuple[str, ...], said: str, run: Run) -> None:
    status, _, err = run("client", "add", *words)
    assert status == 2 and said in err and "pattern" not in err


@pytest.mark.usefixtures("clients")
def test_a_file_of_revoked_keys_that_cannot_be_read_is_said_with_what_to_do(
    directory: Path, state: Path, run: Run
) -> None:
    state.mkdir()
    (state / "revoked.json").write_text("{")
    for action in (("list", directory), ("revoke", "ci", directory)):
        status, _, err = run("client", *action, "--state-dir", state)
        assert (status, "revoked.json" in err, "put it back from a copy" in err) == (1, True, True)
    assert (state / "revoked.json").read_text() == "{"


def test_a_directory_that_is_not_there(tmp_path: Path, run: Run) -> None:
    for words in (("list", tmp_path / "no"), ("add", "ci", "--dir", tmp_path / "no")):
        status, out, err = run("client", *words)
        assert (status, out) == (1, "")
        assert "no" in err


@pytest.mark.usefixtures("clients")
def test_list_says_who_may_what(directory: Path, run: Run, state: Path) -> None:
    revocations.add(state, [revocations.Revocation(TWO, "ci", 1.0)])
    status, out, _ = run("client", "list", directory, "--state-dir", state)
    assert status == 0
    digest = sha256(KEY.encode()).hexdigest()
    assert out.splitlines() == [
        "ci   tenant ci, team build; keys 11111111, 22222222 revoked",
        f"web  operator, tenant web, models gpt-*, 60 rpm; keys {digest[:8]}",
    ]
    status, out, _ = run("client", "list", directory, "--state-dir", state, "--format", "json")
    assert status == 0
    ci, web = json.loads(out)["clients"]
    assert ci["keys"] == [{"begins": "11111111", "revoked": False}, {"begins": "22222222", "revoked": True}]
    assert (web["role"], web["tenant"], web["models"], web["line"]) == ("operator", "web", ["gpt-*"], 8)
    assert ONE not in out and digest not in out


def test_list_of_nobody(directory: Path, run: Run) -> None:
    status, out, _ = run("client", "list", directory)
    assert status == 0
    assert out.startswith("no clients")


@pytest.mark.usefixtures("clients")
def test_list_finds_whose_a_key_is(directory: Path, state: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def whose(key: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{key}\n"))
        return run("client", "list", directory, "--whose", "--state-dir", state)

    status, out, err = whose(KEY)
    assert status == 0
    assert out.startswith("web ") and "ci" not in out
    for wrong, said in ((KEY[:-1], "checksum"), (client_keys.new(), "no client has this key"), ("x", "no client")):
        status, out, err = whose(wrong)
        assert (status, out) == (1, "")
        assert said in err and "plr_" not in err


@pytest.mark.usefixtures("clients")
def test_no_command_shows_a_key_that_is_in_use(
    directory: Path, state: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [
        ("client", "list", directory, "--state-dir", state),
        ("client", "list", directory, "--state-dir", state, "--whose"),
        ("client", "add", "web", "--rotate", "--dir", directory, "--format", "json"),
        ("client", "revoke", "web", directory, "--state-dir", state),
        ("check", directory, "--format", "json"),
    ]
    for words in commands:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
        _, out, err = run(*words)
        assert out
        assert KEY not in out + err
        assert not {KEY[place : place + 12] for place in range(len(KEY) - 11)} & _pieces(out + err)


def _pieces(text: str) -> set[str]:
    return {text[place : place + 12] for place in range(len(text) - 11)}


@pytest.mark.usefixtures("clients")
def test_revoke_writes_every_key_of_the_client_and_says_what_to_take_out(
    directory: Path, state: Path, run: Run
) -> None:
    status, out, _ = run("client", "revoke", "ci", directory, "--state-dir", state)
    assert status == 0
    assert [(each.client, each.key_sha256) for each in revocations.load(state)] == [("ci", ONE), ("ci", TWO)]
    assert "revoked 2 keys of ci: 11111111, 22222222" in out
    assert f"{directory}/who.yaml:3:3 to line 7" in out
    status, out, _ = run("client", "revoke", "ci", directory, "--state-dir", state)
    assert status == 0
    assert "they were already" in out


@pytest.mark.usefixtures("clients")
def test_one_key_is_revoked_by_its_digest_or_the_beginning_of_it(directory: Path, state: Path, run: Run) -> None:
    words = ("client", "revoke", "ci", directory, "--state-dir", state, "--key-sha256", TWO[:8])
    status, out, _ = run(*words, "--format", "json")
    assert status == 0
    said = json.loads(out)
    assert said["revoked"] == [{"client": "ci", "key_sha256": TWO}]
    assert said["new"] == [TWO]
    assert [(each["file"], each["line"]) for each in said["places"]] == [("who.yaml", 6)]
    status, _, err = run("client", "revoke", "ci", directory, "--state-dir", state, "--key-sha256", "33333333")
    assert status == 1
    assert "begins with 33333333" in err


def test_a_digest_that_no_policy_has_is_revoked_nevertheless(state: Path, run: Run) -> None:
    assert run("client", "revoke", "--key-sha256", ONE.upper(), "--state-dir", state)[0] == 0
    assert [each.key_sha256 for each in revocations.load(state)] == [ONE]


def test_a_beginning_of_several_keys_is_not_enough(directory: Path, state: Path, run: Run) -> None:
    text = f"version: 1\nclients: {{ci: {{key_sha256: [{'3' * 63}a, {'3' * 63}b]}}}}\n"
    (directory / "who.yaml").write_text(text)
    status, _, err = run("client", "revoke", "ci", directory, "--state-dir", state, "--key-sha256", "3" * 10)
    assert status == 1
    assert "2 keys begin" in err
    assert revocations.load(state) == ()


@pytest.mark.parametrize(
    "text",
    [
        CLIENTS + "rules: [{id: a, route: [nobody]}]\n",
        CLIENTS + "bogus: 1\n",
        CLIENTS.replace("team: build", "team: 3\n    bogus: 1"),
        CLIENTS.replace(f"- {TWO}", f"- {TWO}\n      - not-a-digest"),
    ],
)
def test_a_policy_that_is_broken_does_not_keep_a_key_alive(directory: Path, state: Path, run: Run, text: str) -> None:
    (directory / "who.yaml").write_text(text)
    (directory / "other.yaml").write_text("version: 1\nrules: [\n")
    status, _, err = run("client", "revoke", "ci", directory, "--state-dir", state)
    assert status == 0
    assert f"{directory}/other.yaml is not YAML" in err
    assert {each.key_sha256 for each in revocations.load(state)} == {ONE, TWO}
    status, out, _ = run("client", "list", directory, "--state-dir", state)
    assert status == 1
    assert "11111111 revoked" in out


def test_keys_of_the_policy_that_is_still_served_are_revoked_with_them(
    directory: Path, state: Path, clients: Path, run: Run
) -> None:
    last_good.save(state, last_good.LastGood("r", 1.0, {"who.yaml": CLIENTS}))
    clients.write_text(CLIENTS.replace(f"      - {ONE}\n", "") + "rules: [{id: a, route: [nobody]}]\n")
    assert run("client", "revoke", "ci", directory, "--state-dir", state)[0] == 0
    assert {each.key_sha256 for each in revocations.load(state)} == {ONE, TWO}
    clients.write_text("version: 1\nclients: {ci: [\n")
    assert run("client", "revoke", "web", directory, "--state-dir", state)[0] == 0
    assert len(revocations.load(state)) == 3


@pytest.mark.usefixtures("clients")
def test_what_cannot_be_revoked_is_said(directory: Path, state: Path, tmp_path: Path, run: Run) -> None:
    status, out, err = run("client", "revoke", "cii", directory, "--state-dir", state)
    assert (status, out) == (1, "")
    assert "did you mean `ci`?" in err
    (tmp_path / "file").write_text("")
    status, out, err = run("client", "revoke", "ci", directory, "--state-dir", tmp_path / "file")
    assert (status, out) == (1, "")
    assert "nothing was revoked" in err
    state.mkdir()
    (state / revocations.NAME).write_text("{")
    for words in (("revoke", "ci", directory), ("list", directory)):
        status, out, err = run("client", *words, "--state-dir", state)
        assert (status, out) == (1, "")
        assert os.fspath(state / revocations.NAME) in err


def test_a_key_is_of_use_and_never_in_a_problem(directory: Path, run: Run) -> None:
    """Who pastes the key itself is told, and does not find it in what is printed."""
    (directory / "who.yaml").write_text(f"version: 1\nclients: {{ci: {{key_sha256: {KEY}}}}}\n")
    for format in ("text", "json", "github"):
        status, out, err = run("check", directory, "--format", format)
        assert status == 1
        assert "policyroute client add" in out
        assert KEY not in out + err


def test_the_starting_policy_can_get_its_first_client(tmp_path: Path, run: Run) -> None:
    directory = tmp_path / "policies"
    assert "policyroute client add" in run("init", directory)[1]
    _, out, _ = run("client", "add", "me", "--dir", directory)
    (directory / "clients.yaml").write_text("version: 1\n" + out[out.index("clients:") :])
    assert run("check", directory, "--format", "json")[0] == 0
    texts = {path.name: path.read_text() for path in directory.glob("*.yaml")}
    assert list(build(texts).program.clients) == ["me"]
