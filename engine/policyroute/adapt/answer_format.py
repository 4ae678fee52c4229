"""The form an answer is to have, for targets that enforce less of it, or nothing.

Rule of this module: what cannot be enforced is asked for, and said to be only that. The answer is judged by the
client's own schema, never by the one that was sent.
"""

from __future__ import annotations

from dataclasses import replace

from policyroute.adapt.steps import Changes
from policyroute.catalogue import Traits
from policyroute.request.prompt import Format, Prompt, Text, Turn
from policyroute.schemas import fitted as fitted_schema
from policyroute.schemas import instruction, json_only


def fitted(prompt: Prompt, traits: Traits, changes: Changes) -> Prompt:
    wanted = prompt.format
    if wanted is None or wanted.type == "text":
        return prompt
    crowded = bool(prompt.tools) and not traits.tools_with_schema
    if wanted.type == "json_schema" and traits.json_schema and not crowded:
        return _in_its_words(prompt, wanted, traits, changes)
    if wanted.type == "json_object" and traits.json_object and not crowded:
        return prompt
    changes.add("emulated", "response_format")
    said = instruction(wanted.schema) if wanted.type == "json_schema" else json_only()
    held = Format("json_object") if traits.json_object and not crowded else None
    return replace(prompt, format=held, turns=_told(prompt.turns, said))


def _in_its_words(prompt: Prompt, wanted: Format, traits: Traits, changes: Changes) -> Prompt:
    """Where holding an answer to the schema would ask for more than the client did (optional fields that must be
    there), it is not held to it so strictly."""
    schema, unsaid = fitted_schema(wanted.schema, traits.schema)
    if schema == wanted.schema:
        return prompt
    if traits.schema == _STRICT and not wanted.strict and "optional" in unsaid:
        return replace(prompt, format=replace(wanted, strict=False))
    changes.add("rewritten", "response_format.schema", " ".join(unsaid))
    return replace(prompt, format=replace(wanted, schema=schema))


_STRICT = "openai_strict"


def _told(turns: tuple[Turn, ...], said: str) -> tuple[Turn, ...]:
    """After the system text that opens the conversation, so that a longer one begins with the same bytes."""
    opening = next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return (*turns[:opening], Turn("system", (Text(said),)), *turns[opening:])
