"""A secret that somebody writes into a policy is refused, and shown nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from policyroute.policy.model import Program
from policyroute.problems import Problem

SECRET = "sesame-5e5a0e-open"
Compiled = tuple[Program | None, tuple[Problem, ...]]


@pytest.mark.parametrize(
    "provider",
    [
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {SECRET}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, bogus: 1, api_key: {SECRET}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: [{SECRET}]}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{value: {SECRET}}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{env: {SECRET}}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_keys: [{SECRET}]}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{google: {SECRET}}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{google: {{credentials: {SECRET}}}}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{{SECRET}: 1}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{google: {{{SECRET}: 1}}}}}}",
        f"{{dialect: openai_chat, base_url: https://a.example, api_key: {{azure_ad: {{client_secret: {SECRET}}}}}}}",
        f"{{dialect: openai_chat, bogus: 1, api_key: {{azure_ad: {{tenant: a, client_id: {SECRET}}}}}}}",
        f"{{dialect: openai_chat, base_url: 'https://me:{SECRET}@a.example'}}",
        f"{{dialect: openai_chat, base_url: 'https://a.example/?key={SECRET}'}}",
        f"\n    dialect: openai_chat\n    base_url: https://a.example\n    api_key:\n      - x: {SECRET}\n        y: 1",
        f"\n    dialect: openai_chat\n    base_url: https://a.example\n    api_key: >\n      {SECRET}",
        f"\n    dialect: openai_chat\n    api_key: {SECRET}: x\n    base_url: https://a.example",
        f"\n    dialect: openai_chat\n    api_key: '{SECRET}\n    base_url: https://a.example",
    ],
)
def test_a_literal_secret_is_never_shown(provider: str, compile_text: Callable[[str], Compiled]) -> None:
    program, problems = compile_text(f"providers:\n  a: {provider}\n")
    unseen(program, problems)


@pytest.mark.parametrize(
    "client",
    [
        f"{{key_sha256: {SECRET}}}",
        f"{{key_sha256: [{'0' * 64}, {SECRET}]}}",
        f"{{key_sha256: {{{SECRET}: 1}}}}",
        f"{{key_sha256: {SECRET}, bogus: 1}}",
        f"{{key: {SECRET}}}",
        f"{{api_key: {SECRET}, team: 1}}",
        f"\n    key_sha256:\n      - {SECRET}",
        f"\n    key_sha256: >\n      {SECRET}",
        f"\n    key_sha256: {SECRET}: x",
        f"\n    key_sha256: ['{'0' * 64}', {SECRET}: x: y]",
        f"\n    key_sha256: '{SECRET}\n    team: x",
    ],
)
def test_the_key_of_a_client_is_never_shown(client: str, compile_text: Callable[[str], Compiled]) -> None:
    program, problems = compile_text(f"clients:\n  a: {client}\n")
    unseen(program, problems)


def test_a_key_of_ours_is_known_by_its_looks(compile_text: Callable[[str], Compiled]) -> None:
    _, problems = compile_text(
        "clients:\n  a: {team: 1, tier: plr_4cMKbv2ImdPO1pVmBvqXkGjuUWGpcoDqYFSdUqC2vEB1uqUWx}\n"
    )
    assert "plr_4cMK" not in str([problem.as_json() for problem in problems])


def unseen(program: Program | None, problems: tuple[Problem, ...]) -> None:
    assert program is None
    assert problems
    for problem in problems:
        assert SECRET not in str(problem)
        assert SECRET not in str(problem.as_json())
