"""The answer that an embedded test or `explain` gives, and what the rules make of it.

Rule of this module: an answer that is given is heard as a provider's would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policyroute.decide import Decision, PolicySet, RoutingState
from policyroute.decide.answers import Answer
from policyroute.decide.judging import Verdict
from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta, Usage
from policyroute.exchange.heard import Heard
from policyroute.exchange.integrity import demanded
from policyroute.policy.cases import Given, GivenResponse
from policyroute.policy.openings import Refusals
from policyroute.request import ModelRequest


def answer_of(given: Given, refusals: Refusals | None, request: ModelRequest, decision: Decision) -> Answer | None:
    """To this request, of which that was decided; None where none is given."""
    if given.response is None and given.usage is None:
        return None
    said = given.response or GivenResponse()
    heard = Heard(refusals, words=True)
    heard.add(list(_events(said, given)), end=True)
    answer = heard.answer()
    if said.refused is not None:
        answer = replace(answer, refused=said.refused)
    fits = said.schema_valid
    if fits is None:
        demand = demanded(request, decision.expected.schema if decision.expected else None)
        fits = demand.measured(answer).valid if demand is not None else True
    return replace(answer, schema_valid=fits)


def verdict_on(policy: PolicySet, decision: Decision, state: RoutingState, answer: Answer | None) -> Verdict:
    """Of the first candidate's answer."""
    if answer is None or decision.denied is not None or not decision.candidates:
        return Verdict()
    return policy.judge(decision, decision.candidates[0], state, answer)


def _events(said: GivenResponse, given: Given) -> Iterator[StreamEvent]:
    if said.text:
        yield TextDelta(said.text)
    for index, call in enumerate(said.tool_calls):
        yield ToolCallDelta(index, f"call_{index}", call.name, "{}")
    if (used := given.usage) is not None:
        cached, written = used.cached_input_tokens, used.cache_write_tokens
        yield Usage(used.input_tokens, used.output_tokens, cached, written, used.reasoning_tokens)
    usual = FinishReason.TOOL_CALLS if said.tool_calls else FinishReason.STOP
    yield Finished(FinishReason(said.finish_reason or usual))
