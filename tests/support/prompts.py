"""Turns of a conversation that no dialect has words for yet."""

from __future__ import annotations

from policyroute.request.prompt import Part, Text, Turn

HELLO = Turn("user", (Text("hello"),))


def user(*parts: Part) -> Turn:
    return Turn("user", parts)


def assistant(*parts: Part) -> Turn:
    return Turn("assistant", parts)
