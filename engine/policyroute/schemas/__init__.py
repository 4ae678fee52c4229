"""JSON Schemas, rewritten to what a target takes; and what is asked of a target that takes none.

Rule of this room: it knows JSON Schema and subsets of it as rows, no dialect and no vendor.
"""

from __future__ import annotations

from policyroute.schemas.fitted import fitted
from policyroute.schemas.optional import may_leave_out
from policyroute.schemas.subset import ANTHROPIC, GEMINI_JSON, GEMINI_OPENAPI, OPENAI_STRICT, PLAIN, SUBSETS, Subset
from policyroute.schemas.told import Told
from policyroute.schemas.wording import instruction, json_only

__all__ = [
    "ANTHROPIC",
    "GEMINI_JSON",
    "GEMINI_OPENAPI",
    "OPENAI_STRICT",
    "PLAIN",
    "SUBSETS",
    "Subset",
    "Told",
    "fitted",
    "instruction",
    "json_only",
    "may_leave_out",
]
