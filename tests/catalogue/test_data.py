"""The catalogue's data: every row is well formed, and the models people use are in it."""

from __future__ import annotations

import pytest

from policyroute.catalogue import VENDORS, Vendor, vendor_at
from policyroute.policy.addresses import base_url_trouble
from policyroute.policy.files import catalogue
from policyroute.request.efforts import EFFORTS

MODELS = catalogue()
ROWS = [(vendor, name) for vendor in sorted(MODELS.vendors()) for name in MODELS.names(vendor)]
NAMED = set("chat embeddings tools json_schema images files audio video reasoning prefill mid_system".split())
DENIED = {"-system", "-tool_choice", "-parallel_tools", "-sampling"}
WORDS = NAMED | DENIED | {sign + each for sign in "+-" for each in EFFORTS}


def test_every_row_is_well_formed() -> None:
    for vendor, name in ROWS:
        model = MODELS.find(vendor, name)
        assert model is not None
        for tokens in (model.context_window, model.max_output_tokens):
            assert tokens is None or 0 < tokens <= 100_000_000, (vendor, name)
        for rates in (model.price, *model.tiers.values(), *(model.above or ())[1:]):
            for price in (rates.input, rates.cached_input, rates.cache_write, rates.output):
                assert price is None or 0 <= price < 2000, (vendor, name)
        assert model.tiers.keys() <= {"batch", "flex", "priority"}, (vendor, name)
        assert model.above is None or model.above[0] in (100_000, 128_000, 200_000, 272_000), (vendor, name)
        assert (model.capabilities or set()) <= WORDS, (vendor, name)


def test_a_cached_token_is_hardly_ever_dearer_than_a_new_one() -> None:
    found = [model.price for row in ROWS if (model := MODELS.find(*row))]
    both = [each for each in found if each.cached_input is not None and each.input]
    dearer = [each for each in both if (each.cached_input or 0) > (each.input or 0)]
    assert len(both) > 200
    assert len(dearer) <= len(both) // 50


def test_a_long_request_is_never_cheaper_and_most_models_cost_less_in_batches() -> None:
    found = [model for row in ROWS if (model := MODELS.find(*row))]
    long = [(each.above[1], each.price) for each in found if each.above]
    assert len(long) > 100
    assert all((above.input or 0) >= (base.input or 0) for above, base in long)
    assert all((above.output or 0) >= (base.output or 0) for above, base in long)
    batch = [(each.tiers["batch"], each.price) for each in found if "batch" in each.tiers]
    assert len(batch) > 100
    assert sum((low.input or 0) < (base.input or 0) for low, base in batch) > len(batch) * 0.9


def test_every_vendor_with_rows_is_one_and_each_that_lists_models_has_some() -> None:
    assert MODELS.vendors() == {name for name, vendor in VENDORS.items() if vendor.lists_models}


def test_the_data_says_where_it_is_from() -> None:
    assert MODELS.source.startswith("litellm ")
    assert MODELS.date >= "2026-11-26"


@pytest.mark.parametrize("vendor", [each for each in VENDORS.values() if each.base_url], ids=lambda each: each.name)
def test_addresses_can_be_used(vendor: Vendor) -> None:
    assert vendor.base_url and base_url_trouble(vendor.base_url, insecure=False) is None
    if vendor.base_url.startswith("https:"):
        assert vendor_at(vendor.base_url) is vendor


@pytest.mark.parametrize(
    ("vendor", "alias", "name"),
    [
        ("openai", "gpt-5.5-2031-02-03", "gpt-5.5"),
        ("anthropic", "claude-sonnet-5-20310203", "claude-sonnet-5"),
        ("anthropic", "claude-sonnet-5@20310203", "claude-sonnet-5"),
        ("anthropic", "claude-sonnet-5-latest", "claude-sonnet-5"),
        ("mistral", "codestral", "codestral-latest"),
    ],
)
def test_dated_ids_and_aliases_are_found(vendor: str, alias: str, name: str) -> None:
    assert alias not in MODELS.names(vendor)
    assert MODELS.find(vendor, name) is not None
    assert MODELS.find(vendor, alias) == MODELS.find(vendor, name)


def test_a_row_of_its_own_comes_first_and_what_is_not_there_is_none() -> None:
    assert MODELS.find("openai", "gpt-4o-2024-05-13") != MODELS.find("openai", "gpt-4o")
    assert MODELS.find("openai", "gpt-none") is None
    assert MODELS.find("nobody", "gpt-5.5") is None
