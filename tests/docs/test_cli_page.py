"""docs/cli.md has every option of every command, and none that there is not."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from policyroute_asgi.cli import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = {
    command: text
    for heading, text in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for command in heading.split(", ")
}


def written(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The longest spelling of each, those of a command's own commands too."""
    for action in parser._actions:
        if action.option_strings and action.dest != "help":
            yield max(action.option_strings, key=len)
        elif isinstance(action.choices, Mapping):
            for inner in cast(Mapping[str, argparse.ArgumentParser], action.choices).values():
                yield from options(inner)


def options_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"policyroute_asgi.cli.{command}").configure(parser)
    return set(options(parser))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    assert options_of(command) - written(SECTIONS[command]) == set()


def test_none_is_documented_that_is_not_there() -> None:
    there = {"--help"}.union(*map(options_of, COMMANDS))
    assert written(PAGE) - there == set()
