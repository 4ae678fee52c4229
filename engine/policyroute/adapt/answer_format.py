"""The form an answer is to have, for targets that enforce less of it, or nothing.

Rule of this module: what cannot be enforced is asked for, and said to be only that. The answer is judged by the
client's own schema, never by the one that was sent.
"""

from __future__ import annotations

from dataclasses import replace

from policyroute.adapt.schema import in_its_words
from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.dialects.turns import after_opening
from policyroute.request.prompt import Format, Prompt
from policyroute.schemas import OPENAI_STRICT, SUBSETS, instruction, json_only, may_leave_out


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    """`foreign`: the client speaks another dialect than the target."""
    wanted = prompt.format
    if wanted is None or wanted.type == "text":
        return prompt
    crowded = bool(prompt.tools) and not traits.tools_with_schema
    if wanted.type == "json_schema" and traits.json_schema and not crowded:
        held = _in_its_words(wanted, traits, changes, foreign=foreign)
        return prompt if held is wanted else replace(prompt, format=held)
    if wanted.type == "json_object" and traits.json_object and not crowded:
        return prompt
    changes.add("emulated", "response_format")
    said = instruction(wanted.schema) if wanted.type == "json_schema" else json_only()
    loose = Format("json_object") if traits.json_object and not crowded else None
    return replace(prompt, format=loose, turns=after_opening(prompt.turns, said))


def _in_its_words(wanted: Format, traits: Traits, changes: Changes, *, foreign: bool) -> Format:
    """Where being held strictly would ask for more than the client did (fields that may be left out must be there),
    the answer is not held so strictly."""
    if wanted.strict and SUBSETS[traits.schema].complete and may_leave_out(wanted.schema):
        changes.add("dropped", "response_format.strict", "it may leave fields out")
        return replace(wanted, strict=False)
    schema, unsaid = in_its_words(wanted.schema, traits.schema)
    same = schema is wanted.schema
    if traits.schema == OPENAI_STRICT.name and not wanted.strict:
        if not foreign or wanted.strict is False:
            return wanted
        if not same:
            changes.add("rewritten", "response_format.strict")
        return replace(wanted, strict=same)
    if same:
        return wanted
    changes.add("rewritten", "response_format.schema", " ".join(unsaid))
    return replace(wanted, schema=schema)
