"""Reading a directory: what counts as a policy file, and what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policyroute.author.load import load
from policyroute.policy.files import MAX_FILE, read, read_directory, shipped_packs
from policyroute.problems import PolicyErrors

WHOLE = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: https://demo.example/v1}}
targets: {one: {provider: demo, model: m}}
rules:
  - {id: a, expect: {schema: answer.schema.json}}
default: {route: [one]}
"""


def codes(path: Path) -> list[str]:
    return [f"{problem.span.file if problem.span else ''} {problem.code}" for problem in read_directory(path)[1]]


def test_yaml_files_are_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", ".hidden.yaml", "notes.md", "a.yaml~", ".a.yaml.swp"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub.yaml").mkdir()
    texts, problems = read_directory(tmp_path)
    assert list(texts.items()) == [("a.yaml", "a.yaml"), ("b.yaml", "b.yaml")]
    assert problems == ()


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    data = tmp_path / "..2026_01_01"
    data.mkdir()
    (data / "a.yaml").write_text("version: 1\n")
    (tmp_path / "..data").symlink_to(data, target_is_directory=True)
    (tmp_path / "a.yaml").symlink_to(tmp_path / "..data" / "a.yaml")
    assert read(tmp_path) == {"a.yaml": "version: 1\n"}


def test_one_file_is_a_set_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\n")
    (tmp_path / "b.yaml").write_text("version: 1\n")
    assert list(read(tmp_path / "a.yaml")) == ["a.yaml"]


NAMING = """
# yaml-language-server: $schema=policyroute.schema.json
rules:
  - {id: a, expect: {schema: "answer.schema.json"}}
"""


@pytest.mark.parametrize("name", ["", "a.yaml"])
def test_schemas_are_read_where_a_policy_names_them(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text(NAMING)
    (tmp_path / "answer.schema.json").write_text("{}")
    for other in ("policyroute", "large"):
        (tmp_path / f"{other}.schema.json").write_bytes(b" " * (MAX_FILE + 1))
    assert read(tmp_path / name) == {"a.yaml": NAMING, "answer.schema.json": "{}"}


def test_schemas_alone_are_no_policy(tmp_path: Path) -> None:
    (tmp_path / "answer.schema.json").write_text("{}")
    assert codes(tmp_path) == [f"{tmp_path.name} directory-empty"]


def test_a_schema_that_is_named_and_cannot_be_read_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WHOLE)
    (tmp_path / "answer.schema.json").write_bytes(b" " * (MAX_FILE + 1))
    with pytest.raises(PolicyErrors) as caught:
        load(tmp_path)
    assert [(problem.code, problem.hint) for problem in caught.value.problems] == [
        ("file-too-large", "make it smaller")
    ]


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read(tmp_path) == {"a.yaml": "version: 1\n"}


def test_every_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"version: 1\nx: \xff\n")
    (tmp_path / "b.yaml").write_bytes(b"#" * (MAX_FILE + 1))
    (tmp_path / "c.yml").write_text("version: 1\n")
    (tmp_path / "d.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "e.yaml").write_text("version: 1\n")
    texts, problems = read_directory(tmp_path)
    assert list(texts) == ["e.yaml"]
    assert sorted(codes(tmp_path)) == [
        "a.yaml file-not-utf8",
        "b.yaml file-too-large",
        "c.yml file-ignored",
        "d.yaml file-unreadable",
    ]
    assert next(problem.span.line for problem in problems if problem.span and problem.span.file == "a.yaml") == 2
    with pytest.raises(PolicyErrors) as caught:
        read(tmp_path)
    assert len(caught.value.problems) == 4


def test_a_directory_with_nothing_in_it(tmp_path: Path) -> None:
    assert codes(tmp_path) == [f"{tmp_path.name} directory-empty"]


def test_no_directory(tmp_path: Path) -> None:
    assert codes(tmp_path / "nowhere") == ["nowhere directory-missing"]


def test_too_much_in_a_directory(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.yaml").write_bytes(b"#" * MAX_FILE)
    assert [code.split()[1] for code in codes(tmp_path)] == ["directory-too-large"]


def test_the_shipped_packs_are_found() -> None:
    assert "profiles" in shipped_packs()


def test_a_pipe_is_no_policy_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "good.yaml").write_text("version: 1")
    texts, problems = read_directory(tmp_path)
    assert list(texts) == ["good.yaml"]
    assert [(problem.code, problem.span.file if problem.span else "") for problem in problems] == [
        ("file-unreadable", "pipe.yaml")
    ]
