from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from policyroute.cel.compile import Compiler
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import shipped_packs
from policyroute.policy.model import Program
from policyroute.problems import Problem

BASE = """\
version: 1
providers:
  openai: {dialect: openai_chat, base_url: https://openai.example/v1, region: us}
  frankfurt: {dialect: openai_chat, base_url: https://eu.example/v1, region: eu, clearance: confidential}
targets:
  gpt: {provider: openai, model: gpt-5.5, quality: 0.92, price: {input: 4, output: 16}}
  mini: {provider: openai, model: gpt-5-mini, quality: 0.75, price: {input: 0.25, output: 2.0}}
  eu: {provider: frankfurt, model: qwen3-235b}
"""
DEFAULT = "version: 1\ndefault: {route: [requested, gpt]}\n"

Compiled = tuple[Program | None, tuple[Problem, ...]]
Compile = Callable[[Mapping[str, str]], Compiled]


def compiled(files: Mapping[str, str]) -> Compiled:
    """The files alone."""
    return compile_policy(files, shipped_packs(), Compiler())


def with_base(text: str, name: str = "policy.yaml") -> Mapping[str, str]:
    """The text as a file, with providers, targets and (unless it has one) a default beside it."""
    whole = text if "version:" in text else "version: 1\n" + text
    files = {"00-base.yaml": BASE, name: whole}
    return files if "\ndefault:" in whole else {**files, "99-default.yaml": DEFAULT}


@pytest.fixture(scope="session")
def compile_files() -> Compile:
    return compiled


@pytest.fixture(scope="session")
def compile_text() -> Callable[[str], Compiled]:
    return lambda text: compiled(with_base(text))


@pytest.fixture(scope="session")
def program() -> Callable[[str], Program]:
    """The program of a text that has no problems."""

    def make(text: str) -> Program:
        made, problems = compiled(with_base(text))
        assert made is not None, "\n".join(map(str, problems))
        return made

    return make


@pytest.fixture(scope="session")
def based() -> Callable[[str], Mapping[str, str]]:
    return with_base
