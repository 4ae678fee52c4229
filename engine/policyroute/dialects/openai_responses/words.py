"""OpenAI Responses, telling answers: the response around its items.

Rule of this module: what a response repeats of its request is the client's own words, and what was not asked has the
value that the API would have taken. Nothing that is told by us is kept anywhere.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.translation import Frame
from policyroute.events import FinishReason, Usage

_ID: Final = "resp_"
OURS: Final = "resp_policyroute_"
"""How the id of an answer begins that was told by us: no provider has it."""
_REPEATED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_WHY: Final = {FinishReason.LENGTH: "max_output_tokens", FinishReason.CONTENT_FILTER: "content_filter"}
_FAILED: Final = {"code": "server_error", "message": "The model ended its answer with an error."}


def ending(reason: FinishReason, *, refused: bool) -> tuple[str, str | None]:
    """The status of a response, and why it is incomplete. A refusal without words is what a filter does."""
    if reason is FinishReason.REFUSAL and not refused:
        reason = FinishReason.CONTENT_FILTER
    if reason is FinishReason.ERROR:
        return "failed", None
    why = _WHY.get(reason)
    return ("incomplete" if why else "completed"), why


def response_id(frame: Frame, given: str) -> str:
    """That of a provider of this dialect, who may have kept the answer by it."""
    return given if given.startswith(_ID) else OURS + frame.id


def response(frame: Frame, id: str, model: str) -> dict[str, Any]:
    """A response that has just begun."""
    asked = frame.request.data
    repeated = {name: asked[name] if asked.get(name) is not None else usual for name, usual in _REPEATED.items()}
    return {
        "id": id,
        "object": "response",
        "created_at": frame.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": model or frame.model,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **repeated,
    }


def ended(
    begun: dict[str, Any], status: str, why: str | None, output: list[Any], usage: Usage | None
) -> dict[str, Any]:
    return {
        **begun,
        "status": status,
        "completed_at": begun.get("created_at") if status == "completed" else None,
        "error": _FAILED if status == "failed" else None,
        "incomplete_details": {"reason": why} if why else None,
        "output": output,
        "usage": None if usage is None else counted(usage),
    }


def counted(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
