"""The section in the policy that is served: what it opens, what keeps a gateway from starting, what an edit changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.auditing import codes, verified

from policyroute.policy.accounts import SecretRef
from policyroute.policy.audits import Audit
from policyroute.problems import PolicyErrors
from policyroute_asgi import Router
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.audit.settings import KEY_FILE, Settings, settled
from policyroute_asgi.preparation import Preparation, Prepared

pytestmark = pytest.mark.anyio

POLICY = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:", region: eu}}
targets: {small: {provider: here, model: s}}
default: {route: [small]}
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    return say(made, "audit: fail_closed")


def say(directory: Path, section: str) -> Path:
    (directory / "main.yaml").write_text(f"{POLICY}{section}\n")
    return directory


def prepared(directory: Path, state: Path | None, **environment: str) -> Prepared:
    return Preparation(directory, state, environment=environment).from_directory()


def settings(found: Prepared) -> Settings:
    assert found.active is not None, found.problems
    assert found.active.audit is not None
    return found.active.audit


def problem(found: Prepared) -> str:
    assert found.active is None
    [only] = found.problems
    return only.code


def test_one_word_is_enough(directory: Path, state: Path) -> None:
    found = settings(prepared(directory, state))
    assert (found.directory, found.to, found.buffer) == (state / "audit", "jsonl", 0)
    assert (state / KEY_FILE).read_bytes().strip() == found.key
    assert (state / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert found == settings(prepared(directory, state))
    assert found.key.decode() not in repr(found)


def test_a_key_of_ones_own_is_named_and_then_no_other_is_made(directory: Path, state: Path) -> None:
    say(directory, "audit: {to: sqlite, path: /srv/audit, key: {env: AUDIT_KEY}}")
    assert problem(prepared(directory, state)) == "missing-secret"
    assert problem(prepared(directory, state, AUDIT_KEY="short")) == "audit-short-key"
    assert not (state / KEY_FILE).exists()


def test_an_absolute_path_and_a_key_need_no_state_directory(directory: Path, tmp_path: Path) -> None:
    say(directory, f"audit: {{path: {tmp_path / 'here'}, key: {{env: AUDIT_KEY}}}}")
    found = settings(prepared(directory, None, AUDIT_KEY="k" * 16))
    assert (found.directory, found.key) == (tmp_path / "here", b"k" * 16)


@pytest.mark.parametrize("section", ["audit: fail_closed", "audit: buffer", "audit: {path: /srv/audit}"])
def test_without_a_place_nothing_starts(directory: Path, section: str) -> None:
    assert problem(prepared(say(directory, section), None)) == "audit-no-place"


def test_where_a_file_stands_in_the_way_only_patience_starts(directory: Path, state: Path) -> None:
    state.mkdir()
    (state / "audit").write_text("in the way")
    assert problem(prepared(directory, state)) == "audit-unwritable"
    found = prepared(say(directory, "audit: buffer"), state)
    assert [each.code for each in found.problems] == ["audit-unwritable"]
    assert settings(found).buffer == 10_000


def test_without_a_key_nobody_is_patient(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    found, problems = settled(Audit(buffer=5), None, tmp_path / "state")
    assert found is None
    assert [(each.code, each.severity.value) for each in problems] == [("audit-unwritable", "error")]
    with_key = settled(Audit(buffer=5, key=SecretRef("env", "K")), "k" * 32, tmp_path / "state")
    assert with_key[0] is not None


async def test_a_service_begins_its_chain_and_ends_it_with_a_head(directory: Path, state: Path) -> None:
    for entries in (1, 2):
        async with Router(directory, state_dir=state, log=None):
            assert [each.entries for each in verified(state / "audit")] == [entries]
        assert set(codes(state / "audit")) <= {"restarted", "unsealed"}


async def test_a_service_that_cannot_record_does_not_start(directory: Path, state: Path) -> None:
    (state / "audit" / "j1.lock").mkdir(parents=True)
    with pytest.raises(PolicyErrors) as raised:
        async with Router(directory, state_dir=state, log=None):
            pass
    assert [each.code for each in raised.value.problems] == ["audit-unwritable"]


async def test_an_edit_of_the_section_alone_takes_effect(directory: Path, state: Path) -> None:
    holder = PolicyHolder(Preparation(directory, state), watch=False)
    await holder.start()
    async with Router(holder, state_dir=state, log=None):
        assert len(verified(state / "audit")) == 1
        say(directory, "audit: {path: elsewhere, to: sqlite}")
        await holder.reload()
    await holder.aclose()
    assert [each.entries for each in verified(state / "elsewhere")] == [1]
    assert (state / "audit" / "j1.head").exists()
