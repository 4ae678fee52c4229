"""What making a policy ready gives, with files, keys and a state directory that are right, wrong or gone."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from policyroute.author.load import build, rebuild
from policyroute.cel.compile import Compiler
from policyroute.decide import PolicySet
from policyroute.policy.files import MAX_FILE
from policyroute.problems import Severity
from policyroute_asgi.last_good import NAME
from policyroute_asgi.preparation import Preparation, Prepared, yielding

Policy = Callable[[str], str]
SECRET = "sk-very-secret-indeed"


class Counting:
    """The real build, counted."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, sources: Mapping[str, str]) -> PolicySet:
        self.times += 1
        return build(sources)


def with_key(text: str, key: str) -> str:
    return text.replace("region: eu}", f"region: eu, api_key: {{{key}}}}}")


def codes(prepared: Prepared) -> list[str]:
    return [problem.code for problem in prepared.problems]


def test_a_good_directory_is_served(directory: Path) -> None:
    prepared = Preparation(directory).from_directory()
    assert prepared.active is not None
    assert prepared.active.policy.program.default.route.items == ("small",)
    assert prepared.active.keys == {}
    assert prepared.problems == ()


def test_text_that_did_not_change_is_not_built_again(directory: Path) -> None:
    counting = Counting()
    preparation = Preparation(directory, build=counting)
    first = preparation.from_directory().active
    (directory / "main.yaml").touch()
    second = preparation.from_directory().active
    assert first is not None and second is not None
    assert counting.times == 1
    assert second.policy is first.policy


def test_unless_it_is_asked_for(directory: Path) -> None:
    counting = Counting()
    preparation = Preparation(directory, build=counting)
    preparation.from_directory()
    preparation.from_directory(again=True)
    assert counting.times == 2


def test_a_schema_is_part_of_the_policy(directory: Path, tmp_path: Path) -> None:
    text = (directory / "main.yaml").read_text()
    (directory / "main.yaml").write_text(f"{text}rules: [{{id: a, expect: {{schema: answer.schema.json}}}}]\n")
    schema = directory / "answer.schema.json"
    schema.write_text('{"required": ["a"]}')
    preparation = Preparation(directory, tmp_path / "state")
    first = preparation.from_directory().active
    schema.write_text('{"required": ["b"]}')
    second = preparation.from_directory().active
    assert first is not None and second is not None
    assert first.policy.revision != second.policy.revision

    schema.write_bytes(b" " * (MAX_FILE + 1))
    assert codes(preparation.from_directory()) == ["file-too-large"]
    schema.write_text("{")
    broken = preparation.from_directory()
    assert (broken.active, codes(broken)) == (None, ["wrong-schema"])
    kept = Preparation(directory, tmp_path / "state").from_last_good().active
    assert kept is not None
    assert kept.policy.revision == second.policy.revision
    (rule,) = kept.policy.program.rules
    assert rule.expect is not None and rule.expect.schema == {"required": ["b"]}
    elsewhere = rebuild(second.for_others()["sources"], Compiler())
    assert elsewhere.revision == second.policy.revision


def test_every_problem_comes_with_its_place(directory: Path) -> None:
    (directory / "main.yaml").write_text("version: 1\nrule: []\ntargets: {a: {provider: nobody, model: m}}\n")
    prepared = Preparation(directory).from_directory()
    assert prepared.active is None
    assert len(prepared.problems) >= 2
    assert {problem.span.file for problem in prepared.problems if problem.span} == {"main.yaml"}


def test_a_directory_that_is_gone_is_a_problem(tmp_path: Path) -> None:
    prepared = Preparation(tmp_path / "nowhere").from_directory()
    assert prepared.active is None
    assert prepared.problems


def test_a_bug_in_the_build_is_a_problem_and_shows_no_values(directory: Path) -> None:
    def buggy(sources: Mapping[str, str]) -> PolicySet:
        raise RuntimeError(SECRET)

    prepared = Preparation(directory, build=buggy).from_directory()
    assert prepared.active is None
    assert codes(prepared) == ["internal-error"]
    assert SECRET not in str(prepared)


def test_while_it_builds_others_get_the_interpreter_often(directory: Path) -> None:
    seen: list[tuple[float, bool]] = []

    def noting(sources: Mapping[str, str]) -> PolicySet:
        seen.append((sys.getswitchinterval(), gc.isenabled()))
        return build(sources)

    before = sys.getswitchinterval()
    Preparation(directory, build=noting).from_directory()
    assert seen[0][0] < before == sys.getswitchinterval()
    assert not seen[0][1] and gc.isenabled()


def test_what_is_the_processes_is_put_back_when_the_last_of_several_has_built(directory: Path) -> None:
    begun, over = threading.Event(), threading.Event()
    usual = sys.getswitchinterval()

    def first(sources: Mapping[str, str]) -> PolicySet:
        begun.set()
        assert over.wait(15)
        return build(sources)

    one = threading.Thread(target=Preparation(directory, build=first).from_directory)
    one.start()
    assert begun.wait(15)
    with yielding(freeze=False):  # it begins in the middle of the other, and ends after it
        over.set()
        one.join(15)
        assert sys.getswitchinterval() < usual and not gc.isenabled()
    assert sys.getswitchinterval() == usual and gc.isenabled()


@pytest.mark.parametrize("freeze", [True, False])
def test_what_was_built_is_exempt_from_collection_only_if_asked(directory: Path, freeze: bool) -> None:
    before = gc.get_freeze_count()
    try:
        Preparation(directory, freeze=freeze).from_directory()
        assert (gc.get_freeze_count() > before) is freeze
    finally:
        gc.unfreeze()


def test_what_is_garbage_is_not_exempt_from_collection(directory: Path) -> None:
    class Request:
        """One whose parts refer to each other, as those of a client that left do."""

    gone = Request()
    gone.itself = gone  # type: ignore[attr-defined]
    seen = weakref.ref(gone)
    gc.disable()
    try:
        del gone
        Preparation(directory, freeze=True).from_directory()
        gc.collect()
        assert seen() is None
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("key", ["env: HERE_KEY", "file: here-key"])
def test_a_key_is_found_and_never_shown(directory: Path, policy: Policy, key: str) -> None:
    (directory / "main.yaml").write_text(with_key(policy("small"), key))
    (directory / "here-key").write_text(f"{SECRET}\n")
    prepared = Preparation(directory, environment={"HERE_KEY": SECRET}).from_directory()
    assert prepared.active is not None
    assert [each.value for each in prepared.active.keys["here"]] == [SECRET]
    assert SECRET not in repr(prepared)


@pytest.mark.parametrize(
    ("key", "environment", "content"),
    [
        ("env: HERE_KEY", {}, None),
        ("env: HERE_KEY", {"HERE_KEY": " "}, None),
        ("env: HERE_KEY", {"HERE_KEY": f"{SECRET}\r\nX-Injected: 1"}, None),
        ("file: here-key", {}, None),
        ("file: here-key", {}, b"\n"),
        ("file: here-key", {}, b"\xff\xfe" + SECRET.encode()),
    ],
)
def test_a_key_that_cannot_be_had_refuses_the_policy(
    directory: Path, policy: Policy, key: str, environment: dict[str, str], content: bytes | None
) -> None:
    (directory / "main.yaml").write_text(with_key(policy("small"), key))
    if content is not None:
        (directory / "here-key").write_bytes(content)
    prepared = Preparation(directory, environment=environment).from_directory()
    assert prepared.active is None
    assert codes(prepared) == ["missing-secret"]
    assert prepared.problems[0].span is not None
    assert SECRET not in str(prepared.problems)


def test_a_key_that_appears_needs_no_second_build(directory: Path, policy: Policy) -> None:
    counting = Counting()
    (directory / "main.yaml").write_text(with_key(policy("small"), "file: here-key"))
    preparation = Preparation(directory, build=counting)
    assert preparation.from_directory().active is None
    (directory / "here-key").write_text(SECRET)
    assert preparation.from_directory().active is not None
    assert counting.times == 1


def test_the_last_good_one_outlives_the_process(directory: Path, tmp_path: Path, policy: Policy) -> None:
    state = tmp_path / "state"
    good = Preparation(directory, state).from_directory().active
    (directory / "main.yaml").write_text("version: 1\n")
    later = Preparation(directory, state)
    assert later.from_directory().active is None
    kept = later.from_last_good().active
    assert good is not None and kept is not None
    assert kept.policy.revision == good.policy.revision


def test_what_was_broken_is_never_kept(directory: Path, tmp_path: Path) -> None:
    (directory / "main.yaml").write_text("version: 1\n")
    preparation = Preparation(directory, tmp_path / "state")
    preparation.from_directory()
    assert not (tmp_path / "state").exists()
    assert preparation.from_last_good() == Prepared(None, ())


def test_a_last_good_that_is_good_no_longer_says_why(directory: Path, tmp_path: Path, policy: Policy) -> None:
    (directory / "main.yaml").write_text(with_key(policy("small"), "env: HERE_KEY"))
    Preparation(directory, tmp_path, environment={"HERE_KEY": SECRET}).from_directory()
    kept = Preparation(directory, tmp_path, environment={}).from_last_good()
    assert kept.active is None
    assert codes(kept) == ["missing-secret"]


def test_no_key_is_kept(directory: Path, tmp_path: Path, policy: Policy) -> None:
    (directory / "main.yaml").write_text(with_key(policy("small"), "env: HERE_KEY"))
    Preparation(directory, tmp_path, environment={"HERE_KEY": SECRET}).from_directory()
    assert SECRET not in (tmp_path / NAME).read_text()


def test_a_state_directory_that_cannot_be_written_is_a_warning(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    prepared = Preparation(directory, tmp_path / "state").from_directory()
    assert prepared.active is not None
    assert [(problem.code, problem.severity) for problem in prepared.problems] == [
        ("last-good-not-saved", Severity.WARNING)
    ]
