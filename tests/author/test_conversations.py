"""Embedded tests of conversations: what is given of one, and what is expected."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.support.conversing import looping

from policyroute import PolicyErrors, build
from policyroute.problems import errors

POLICY = """
version: 1
providers: {one: {dialect: openai_chat, base_url: https://one.example/v1}}
targets:
  a: {provider: one, model: a, quality: 0.9, price: {input: 3.0, cached_input: 0.3, output: 15.0}}
  b: {provider: one, model: b, quality: 0.7, price: {input: 2.0, output: 15.0}}
rules:
  - {id: agents, when: request.profile == "AGENT", session: {pin: true, return: true}, divergence: {react: [nudge]}}
  - {id: secret, when: 'session.labels.exists(l, l == "secret")', require: target.name != "b"}
  - {id: old, when: 'session.age > duration("1h") || session.turn > 9', quality_floor: 0.8}
  - {id: keyed, when: session.id == "", session: {key: '"by " + client.id'}}
  - {id: named, when: session.id == "by ci", response_headers: {set: {X-By: key}}}
  - {id: warm, when: 'targets["a"].cache_warm', response_headers: {set: {X-Warm: yes}}}
default: {route: [b, a]}
"""
LOOPING = looping(3)


def failures(given: dict[str, Any], expect: dict[str, Any]) -> str:
    """What the test that this makes fails with; empty where it passes."""
    tests = yaml.safe_dump([{"name": "it", "given": given, "expect": expect}])
    try:
        build({"a.yaml": POLICY, "b.yaml": "version: 1\ntests:\n" + tests})
    except PolicyErrors as error:
        (problem,) = errors(error.problems)
        return problem.message
    return ""


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ({}, {"pinned": False, "target": "b", "reaction": "none", "react": [], "session": {"pin": False}}),
        ({"session": {"target": "a"}}, {"pinned": True, "candidates": ["a", "b"]}),
        ({"session": {"id": "c", "target": "a"}, "client": {"models": ["b"]}}, {"pinned": False, "excluded": ["a"]}),
        ({"request": {"profile": "AGENT"}}, {"session": {"pin": True, "return": True}, "react": ["nudge"]}),
        ({"session": {"profile": "AGENT", "turn": 2}}, {"fired": ["agents"]}),
        ({"session": {"profile": "AGENT", "turn": 2}}, {"session": {"pin": True, "return": True}}),
        ({"session": {"profile": "AGENT", "target": "b"}}, {"session": {"pin": True, "return": True}}),
        ({"session": {"target": "b"}}, {"session": {"pin": True, "return": False}}),
        ({"session": {"labels": ["secret", "public"]}}, {"excluded": ["b"]}),
        ({"session": {"age": "2h"}}, {"fired": ["old"]}),
        ({"session": {"turn": 10}}, {"fired": ["old"]}),
        ({"session": {"turn": 9, "age": "1h"}}, {"not_fired": ["old"]}),
        ({"client": {"id": "ci"}}, {"fired": ["named"], "not_fired": ["keyed"]}),
        ({"targets": {"a": {"cache_warm": True}}}, {"fired": ["warm"]}),
        ({"request": {"profile": "AGENT", "body": {"model": "auto", "messages": LOOPING}}}, {"reaction": "nudge"}),
    ],
)
def test_it_is_as_it_would_be_in_traffic(given: dict[str, Any], expect: dict[str, Any]) -> None:
    assert failures(given, expect) == ""


@pytest.mark.parametrize(
    ("given", "expect", "said"),
    [
        ({"session": {"target": "a"}}, {"pinned": False}, "it goes where it is pinned"),
        (
            {"session": {"target": "b", "labels": ["secret"]}},
            {"pinned": True},
            "it does not go where it is pinned (require)",
        ),
        ({}, {"reaction": "stop"}, "reaction is none, not stop"),
        ({}, {"react": ["stop"]}, "react is [], not ['stop']"),
        ({}, {"session": {"return": True, "ttl": "1h"}}, "session.return is False, not True"),
        ({"session": {"switches": 1}}, {"pinned": True}, "`switches` and no `target`"),
    ],
)
def test_what_is_otherwise_is_said(given: dict[str, Any], expect: dict[str, Any], said: str) -> None:
    assert said in failures(given, expect)
