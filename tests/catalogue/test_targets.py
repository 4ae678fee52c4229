"""What providers and targets of a policy get from the catalogue, and what a policy says instead."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import jsonschema
import pytest

from policyroute.absent import ABSENT
from policyroute.cel.compile import Compiler
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import catalogue
from policyroute.policy.model import Price, Program
from policyroute.policy.schema import json_schema
from policyroute.problems import Problem


def compiled(providers: str, *targets: str) -> tuple[Program | None, Sequence[Problem]]:
    lines = [f"  t{index}: {each}" for index, each in enumerate(targets)]
    text = "\n".join(["version: 1", f"providers: {providers}", "targets:", *lines, "default: {route: [t0]}"])
    return compile_policy({"p.yaml": text}, {}, Compiler())


def good(providers: str, *targets: str) -> Program:
    program, problems = compiled(providers, *targets)
    assert program is not None and not problems, "\n".join(map(str, problems))
    return program


def codes(providers: str, *targets: str) -> list[str]:
    return [each.code for each in compiled(providers, *targets)[1]]


def test_a_vendor_fills_what_is_not_written() -> None:
    made = good("{a: {vendor: openai}}", "{provider: a, model: gpt-5.5}").providers["a"]
    assert (made.dialect, made.base_url, made.failure_domains) == (
        "openai_chat",
        "https://api.openai.com/v1",
        ("azure",),
    )


def test_a_policy_overrides_its_vendor() -> None:
    written = "{vendor: openai, dialect: anthropic, base_url: https://x.example/v1, failure_domains: []}"
    made = good(f"{{a: {written}}}", "{provider: a, model: gpt-5.5}").providers["a"]
    assert (made.dialect, made.base_url, made.failure_domains) == ("anthropic", "https://x.example/v1", ())


def test_a_vendor_nobody_knows_gets_the_nearest_name() -> None:
    problems = compiled("{a: {vendor: openia}}", "{provider: a, model: m}")[1]
    assert "openai" in (problems[0].hint or "")


def test_what_neither_policy_nor_vendor_says_is_missing() -> None:
    assert codes("{a: {vendor: azure}}", "{provider: a, model: m}") == ["missing-key"]
    assert codes("{a: {region: us}}", "{provider: a, model: m}") == ["missing-key", "missing-key"]
    assert codes("{a: {dialect: openai_chat}}", "{provider: a, model: m}") == ["missing-key"]


def test_a_target_gets_window_price_and_capabilities() -> None:
    known = catalogue().find("anthropic", "claude-sonnet-5")
    made = good("{a: {vendor: anthropic}}", "{provider: a, model: claude-sonnet-5}").targets["t0"]
    assert known is not None
    assert (made.context_window, made.max_output_tokens) == (known.context_window, known.max_output_tokens)
    price = known.price
    assert (made.price.input, made.price.output) == (price.input, price.output)
    assert (made.price.cached_input, made.price.cache_write) == (price.cached_input, price.cache_write)
    assert made.price.tiers["batch"].output == known.tiers["batch"].output
    assert made.supports["tools"] and made.supports["images"] and not made.supports["embeddings"]


def test_a_model_that_makes_embeddings_does_nothing_else() -> None:
    made = good("{a: {vendor: openai}}", "{provider: a, model: text-embedding-3-small}").targets["t0"]
    assert made.supports["embeddings"] and not made.supports["chat"] and not made.supports["tools"]


def test_a_policy_overrides_the_catalogue() -> None:
    said = "context_window: 9, max_output_tokens: 8, price: {input: 1}, supports: {tools: false}"
    made = good("{a: {vendor: openai}}", f"{{provider: a, model: gpt-5.5, {said}}}").targets["t0"]
    assert (made.context_window, made.max_output_tokens) == (9, 8)
    assert made.price == Price(1, ABSENT, ABSENT, ABSENT)
    assert not made.supports["tools"] and made.supports["images"]


def test_an_unknown_model_is_told_and_left_as_it_is() -> None:
    program, problems = compiled("{a: {vendor: openai}}", "{provider: a, model: gpt-5.5x}")
    assert [each.code for each in problems] == ["unknown-model"]
    assert "context_window" in (problems[0].hint or "") and "gpt-5.5" in (problems[0].hint or "")
    assert program is not None
    made = program.targets["t0"]
    assert (made.context_window, made.price.input) == (ABSENT, ABSENT)
    assert made.supports["tools"]


def test_nothing_is_told_where_the_policy_says_it_or_the_vendor_lists_no_models() -> None:
    good("{a: {vendor: openai}}", "{provider: a, model: x, context_window: 9, price: {input: 1, output: 1}}")
    good("{a: {vendor: ollama}}", "{provider: a, model: x}")


def test_a_public_address_is_recognised_and_another_server_is_not() -> None:
    there = "{dialect: openai_chat, base_url: https://api.openai.com/v1}"
    house = "{dialect: openai_chat, base_url: https://house.example/v1}"
    text = f"{{a: {there}, b: {house}}}"
    made = good(text, "{provider: a, model: gpt-5.5}", "{provider: b, model: gpt-5.5}")
    assert made.targets["t0"].context_window is not ABSENT
    assert made.targets["t1"].context_window is ABSENT
    assert made.providers["a"].failure_domains == ()


def test_of_two_vendors_the_least_holds() -> None:
    first, second = (catalogue().find(vendor, "gpt-5.5") for vendor in ("openai", "azure"))
    text = "{a: {vendor: openai}, b: {vendor: azure, base_url: https://mine.example/openai/v1}}"
    made = good(text, "{providers: [a, b], model: gpt-5.5}").targets["t0"]
    assert first and second and first.context_window and second.context_window
    assert first.context_window != second.context_window
    assert made.context_window == min(first.context_window, second.context_window)
    assert made.price.output == max(first.price.output or 0, second.price.output or 0)


@pytest.mark.parametrize(
    ("provider", "good"),
    [
        ({"vendor": "openai"}, True),
        ({"dialect": "openai_chat", "base_url": "https://x.example/v1"}, True),
        ({"region": "us"}, False),
        ({"dialect": "openai_chat"}, False),
        ({"vendor": "openia"}, False),
    ],
)
def test_editors_want_a_vendor_or_an_address_with_its_dialect(provider: dict[str, str], good: bool) -> None:
    document = {"version": 1, "providers": {"a": provider}}
    with nullcontext() if good else pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)


def test_a_vendor_says_how_a_key_is_shown_and_a_policy_otherwise() -> None:
    base = "base_url: https://a.example/openai?api-version=2024-10-21"
    made = good(
        f"{{a: {{vendor: azure, {base}}}, b: {{vendor: azure, {base}, auth: bearer}}, c: {{vendor: openai}}}}",
        "{providers: [a, b, c], model: gpt-5.5}",
    ).providers
    assert [made[name].auth for name in "abc"] == ["api-key", "bearer", ""]
    assert made["a"].base_url == "https://a.example/openai?api-version=2024-10-21"


@pytest.mark.parametrize("query", ["key=1", "api-version=1&key=2", "api-version="])
def test_no_other_query_stands_in_an_address(query: str) -> None:
    written = f'{{vendor: azure, base_url: "https://a.example/openai?{query}"}}'
    assert codes(f"{{a: {written}}}", "{provider: a, model: gpt-5.5}") == ["bad-url"]


def test_a_price_for_long_requests_comes_from_the_catalogue_with_the_rest() -> None:
    known = catalogue().find("openai", "gpt-5.5")
    above = good("{a: {vendor: openai}}", "{provider: a, model: gpt-5.5}").targets["t0"].price.above
    assert known and known.above and above
    assert (above[0], above[1].input, above[1].output) == (known.above[0], known.above[1].input, known.above[1].output)


def test_a_policy_writes_its_own_price_for_long_requests() -> None:
    price = "price: {input: 1, cached_input: 0.5, output: 4, above: {tokens: 200000, input: 2, output: 6}}"
    made = good("{a: {vendor: openai}}", f"{{provider: a, model: gpt-5.5, {price}}}").targets["t0"]
    assert made.price == Price(1, 0.5, ABSENT, 4, above=(200_000, Price(2, 0.5, ABSENT, 6)))
    assert good("{a: {vendor: openai}}", "{provider: a, model: gpt-5.5, price: {input: 1}}").targets["t0"].price == (
        Price(1, ABSENT, ABSENT, ABSENT)
    )


def test_a_price_for_long_requests_says_for_how_long_ones() -> None:
    price = "price: {input: 1, output: 4, above: {input: 2}}"
    assert codes("{a: {vendor: openai}}", f"{{provider: a, model: gpt-5.5, {price}}}") == ["missing-key"]


def test_of_two_vendors_a_long_request_costs_what_the_dearer_takes() -> None:
    text = "{a: {vendor: xai}, b: {vendor: azure, base_url: https://mine.example/openai/v1}}"
    only = [
        (vendor, name)
        for vendor in ("xai", "azure")
        for name in catalogue().names(vendor)
        if (one := catalogue().find(vendor, name)) and one.above
    ]
    assert {vendor for vendor, _ in only} == {"xai", "azure"}
    for _, name in only:
        found = [one for vendor in ("xai", "azure") if (one := catalogue().find(vendor, name))]
        made = compiled(text, f"{{providers: [a, b], model: '{name}'}}")[0]
        assert made is not None
        above = made.targets["t0"].price.above
        assert above is not None
        assert above[0] == min(one.above[0] for one in found if one.above)
        assert above[1].output == max((one.above[1] if one.above else one.price).output or 0 for one in found)


def test_a_target_says_who_says_what_is_known_of_it() -> None:
    said = catalogue().origin
    house = "{dialect: openai_chat, base_url: https://house.example/v1}"
    made = good(
        f"{{a: {{vendor: openai}}, b: {house}}}",
        "{provider: a, model: gpt-5.5}",
        "{provider: a, model: gpt-5.5, context_window: 9, price: {input: 1}, supports: {tools: false}}",
        "{provider: b, model: gpt-5.5}",
    ).targets
    facts = ("context_window", "max_output_tokens", "price", "supports")
    assert made["t0"].origins == dict.fromkeys(facts, said)
    assert made["t1"].origins == dict(zip(facts, ("policy", said, "policy", f"policy, else {said}"), strict=True))
    assert made["t2"].origins == {"supports": "dialect and vendor"}
