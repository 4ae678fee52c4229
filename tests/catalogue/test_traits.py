"""What models take at vendors: the rules that adaptation goes by, from the general to the particular."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from policyroute.catalogue import VENDORS, Traits, traits
from policyroute.catalogue.families import FAMILIES, VENDOR_ROWS, Source
from policyroute.catalogue.traits import BY_DIALECT, NAMES
from policyroute.cel.compile import Compiler
from policyroute.dialects import DIALECTS
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import catalogue
from policyroute.policy.model import Target

MODELS = catalogue()


def of(vendor: str, model: str, dialect: str = "", **declared: Any) -> Traits:
    spoken = dialect or VENDORS[vendor].dialect
    return traits(spoken, vendor, model, MODELS.find(vendor, model), declared)


def targets(providers: str, *written: str) -> dict[str, Target]:
    lines = [f"  t{index}: {each}" for index, each in enumerate(written)]
    text = "\n".join(["version: 1", f"providers: {providers}", "targets:", *lines, "default: {route: [t0]}"])
    program, problems = compile_policy({"p.yaml": text}, {}, Compiler())
    assert program is not None, "\n".join(map(str, problems))
    return dict(program.targets)


def test_every_dialect_has_traits_and_every_row_is_about_somebody() -> None:
    assert set(BY_DIALECT) == set(DIALECTS)
    for row in (*VENDOR_ROWS, *FAMILIES):
        assert set(row.vendors.split()) <= set(VENDORS)
        assert set(row.dialects.split()) <= set(DIALECTS)
        assert row.traits.keys() <= NAMES


SAID_OTHERWISE = frozenset(
    """service_tier developer max_tokens_name parallel_tools json_schema tool_choice efforts schema stop_max""".split()
)
"""Traits by which nothing is lost that was asked for: it is said in other words or by us, or was a hint."""


def test_what_is_only_believed_leaves_nothing_out_and_rules_nobody_out() -> None:
    for row in (*VENDOR_ROWS, *FAMILIES):
        assert row.source in get_args(Source)
        assert row.source != "believed" or row.traits.keys() <= SAID_OTHERWISE, row


def test_every_model_of_every_vendor_has_traits_in_every_dialect() -> None:
    for vendor in MODELS.vendors():
        for name in MODELS.names(vendor):
            for dialect in DIALECTS:
                made = of(vendor, name, dialect)
                assert made.temperature_max > 0 and made.stop_max >= 0, (vendor, name)


@pytest.mark.parametrize(
    ("vendor", "model", "expected"),
    [
        ("openai", "gpt-4o", {"sampling": True, "reasoning": "none", "stop_max": 4, "schema": "openai_strict"}),
        ("openai", "gpt-4o", {"max_tokens_name": "any", "call_id": "short", "video": False}),
        ("openai", "gpt-9", {"max_tokens_name": "max_completion_tokens"}),
        ("openai", "gpt-5-mini", {"sampling": False, "penalties": False, "stop_max": 0, "reasoning": "effort"}),
        ("openai", "gpt-5.2", {"sampling": True, "sampling_reasoning": False}),
        ("openai", "gpt-5.2-pro", {"sampling": False}),
        ("openai", "gpt-5.5", {"sampling": False, "efforts": ("none", "low", "medium", "high", "xhigh")}),
        ("openai", "gpt-5-chat-latest", {"sampling": True, "reasoning": "none"}),
        ("openai", "o3", {"sampling": False, "stop_max": 0, "parallel_tools": False}),
        ("azure", "o1-mini", {"system": False, "tools": True, "sampling": False}),
        ("azure", "my-deployment", {"system": True, "sampling": True, "reasoning": "effort"}),
        ("azure", "gpt-35-turbo", {"sampling": True, "reasoning": "none"}),
        ("anthropic", "claude-haiku-4-5", {"sampling": True, "prefill": True, "reasoning": "budget"}),
        ("anthropic", "claude-sonnet-4-5-20250929", {"sampling": True, "prefill": True, "json_schema": True}),
        ("anthropic", "claude-sonnet-4-6", {"sampling": True, "reasoning": "effort_or_budget", "prefill": False}),
        ("anthropic", "claude-sonnet-5", {"sampling": False, "mid_system": True, "reasoning": "effort"}),
        ("anthropic", "claude-sonnet-9", {"sampling": False, "mid_system": False, "prefill": False}),
        ("anthropic", "claude-fable-5", {"tool_choice": False}),
        ("anthropic", "claude-sonnet-4-20250514", {"json_schema": False, "prefill": True}),
        ("gemini", "gemini-2.5-flash", {"reasoning": "budget", "tools_with_schema": False}),
        ("gemini", "gemini-2.5-pro", {"efforts": ("low", "medium", "high")}),
        ("gemini", "gemini-3.5-flash", {"reasoning": "level", "tools_with_schema": True, "prefill": True}),
        ("gemini", "gemini-3.5-flash-lite", {"prefill": False}),
        ("vertex", "gemini-2.0-flash", {"reasoning": "none", "schema": "gemini_openapi"}),
        ("mistral", "mistral-large-latest", {"call_id": "nine", "alternate": True, "temperature_max": 1.5}),
        ("deepseek", "deepseek-v4-pro", {"reasoning_echo": True, "json_schema": False, "seed": False}),
        ("deepseek", "deepseek-reasoner", {"reasoning_echo": True, "tool_choice": False}),
        ("deepseek", "deepseek-chat", {"reasoning_echo": False, "reasoning": "none"}),
        ("xai", "grok-4.20-0309-reasoning", {"stop_max": 0}),
        ("xai", "grok-4.20-0309-non-reasoning", {"stop_max": 4}),
        ("ollama", "gpt-5", {"sampling": True, "tool_choice": False}),
        ("cerebras", "gemma-4-31b", {"images": True, "penalties": False}),
        ("anthropic", "claude-3-haiku-20240307", {"reasoning": "none", "sampling": True}),
        ("anthropic", "claude-3-7-sonnet-20250219", {"reasoning": "budget", "adaptive": False}),
    ],
)
def test_what_vendors_and_families_take(vendor: str, model: str, expected: dict[str, Any]) -> None:
    made = of(vendor, model)
    assert {name: getattr(made, name) for name in expected} == expected


def test_rules_of_a_vendors_own_dialect_do_not_hold_for_another() -> None:
    assert of("gemini", "gemini-2.5-pro", "openai_chat").reasoning == "effort"
    assert of("gemini", "gemini-2.5-pro", "openai_chat").schema == "plain"
    assert of("openai", "gpt-5", "openai_responses").call_id == "word"


def test_the_policy_has_the_last_word() -> None:
    made = of("openai", "o3", sampling=True, stop_max=2, reasoning=False)
    assert (made.sampling, made.stop_max, made.reasoning) == (True, 2, "none")
    assert of("openai", "gpt-4o", reasoning=True).reasoning == "effort"
    assert of("anthropic", "claude-haiku-4-5", reasoning=True).reasoning == "budget"


def test_a_target_has_traits_at_each_of_its_providers_and_supports_what_it_does_at_all() -> None:
    made = targets(
        "{a: {vendor: openai}, b: {vendor: azure, base_url: https://a.example}}", "{providers: [a, b], model: o1-mini}"
    )
    target = made["t0"]
    assert set(target.traits) == {"a", "b"}
    assert not target.traits["b"].system and not target.supports["system"]


def test_takes_and_supports_of_a_target() -> None:
    takes = "stop_max: 1, call_id: nine, schema: anthropic, efforts: [low], service_tier: [flex], alternate: true"
    written = f"{{provider: a, model: m, supports: {{system: false, reasoning: false}}, takes: {{{takes}}}}}"
    made = targets("{a: {dialect: openai_chat, base_url: https://a.example}}", written, "{provider: a, model: n}")
    own = made["t0"].traits["a"]
    assert (own.system, own.reasoning, own.stop_max, own.call_id, own.schema) == (False, "none", 1, "nine", "anthropic")
    assert (own.efforts, own.service_tier, own.alternate) == (("low",), ("flex",), True)
    assert made["t1"].traits["a"] == BY_DIALECT["openai_chat"]


@pytest.mark.parametrize("wrong", ["{temperature_max: 0}", "{call_id: ten}", "{stop_max: -1}", "{color: red}"])
def test_what_cannot_be_taken(wrong: str) -> None:
    text = (
        "version: 1\nproviders: {a: {vendor: openai}}\n"
        f"targets: {{t: {{provider: a, model: gpt-5.5, takes: {wrong}}}}}\ndefault: {{route: [t]}}"
    )
    program, problems = compile_policy({"p.yaml": text}, {}, Compiler())
    assert program is None and problems
