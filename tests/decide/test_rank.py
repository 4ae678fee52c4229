"""`rank` beside `route`: in which order the candidates of the default route are tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from policyroute import Decision, Latency, ModelRequest, RoutingState
from policyroute.decide import GatewayLoad

Ask = Callable[..., ModelRequest]
Decide = Callable[..., Decision]
Names = Callable[[Decision], list[str]]

DEFAULT = "default: {route: [requested, gpt, eu, mini]}\n"
CHEAPEST = DEFAULT + "rules: [{id: cheap, rank: cost}]\n"


def test_the_default_route_is_tried_by_rank(decide: Decide, names: Names) -> None:
    decision = decide(CHEAPEST)
    assert names(decision) == ["mini@openai", "gpt@openai", "gpt@azure", "eu@frankfurt"]
    assert [each.why for each in decision.candidates] == ["ranked", "ranked", "ranked", "unranked"]
    assert (decision.route_rule, decision.fired, decision.errors) == ("default", ("cheap",), ())


def test_where_the_client_names_one_the_route_stays_as_it_is_written(decide: Decide, ask: Ask, names: Names) -> None:
    decision = decide(CHEAPEST, ask("gpt"))
    assert names(decision) == ["gpt@openai", "gpt@azure", "eu@frankfurt", "mini@openai"]
    assert [each.why for each in decision.candidates] == ["requested", "requested", "routed", "routed"]


def test_a_wish_that_cannot_be_had_is_none(decide: Decide, ask: Ask, names: Names) -> None:
    policy = DEFAULT + "rules: [{id: cheap, rank: cost}, {id: no, require: target.name != 'gpt'}]\n"
    assert names(decide(policy, ask("gpt"))) == ["mini@openai", "eu@frankfurt"]


@pytest.mark.parametrize(
    "text",
    [
        "default: {route: [gpt, mini]}\nrules: [{id: r, rank: cost}, {id: own, route: [gpt, mini]}]\n",
        "default: {route: {targets: [gpt, mini], rank: -target.quality}}\nrules: [{id: r, rank: cost}]\n",
        "default: {route: {targets: [gpt, mini], weights: {gpt: 1}}}\nrules: [{id: r, rank: cost}]\n",
        "default: {route: [gpt, mini]}\nrules: [{id: r, mode: shadow, rank: cost}]\n",
        "default: {route: [gpt, mini]}\nrules: [{id: r, when: request.stream, rank: cost}]\n",
    ],
)
def test_it_ranks_nothing_that_has_an_order_of_its_own(decide: Decide, names: Names, text: str) -> None:
    assert names(decide(text))[0] == "gpt@openai"


def test_the_first_matching_rule_ranks(decide: Decide, names: Names) -> None:
    rules = "rules: [{id: no, when: request.stream, rank: cost}, {id: a, rank: target.quality}, {id: b, rank: cost}]\n"
    assert names(decide("default: {route: [gpt, eu, mini]}\n" + rules))[0] == "mini@openai"
    rules = "rules: [{id: a, rank: -target.quality}, {id: b, rank: cost}]\n"
    assert names(decide("default: {route: [mini, eu, gpt]}\n" + rules))[0] == "gpt@openai"


def test_what_ranks_alike_keeps_the_order_that_is_written(decide: Decide, ask: Ask, names: Names) -> None:
    policy = DEFAULT + "rules: [{id: alike, rank: '1'}]\n"
    orders = {tuple(names(decide(policy, ask(id=f"r{n}")))) for n in range(20)}
    assert orders == {("gpt@openai", "gpt@azure", "eu@frankfurt", "mini@openai")}


def test_an_order_that_cannot_be_had_is_that_of_the_route(decide: Decide, names: Names) -> None:
    decision = decide(DEFAULT + "rules: [{id: bad, rank: '1 / target.in_flight'}]\n")
    assert names(decision) == ["gpt@openai", "gpt@azure", "eu@frankfurt", "mini@openai"]
    assert {(each.rule, each.effect, each.consequence) for each in decision.errors} == {("bad", "rank", "skipped")}


def test_it_sees_the_moment(decide: Decide, names: Names) -> None:
    fast = RoutingState(latency={("mini", "openai"): Latency(0.1, 0.1, 0.1), ("gpt", "azure"): Latency(0.5, 0.5, 0.5)})
    policy = DEFAULT + "rules: [{id: fast, rank: latency}]\n"
    assert names(decide(policy, state=fast)) == ["mini@openai", "gpt@openai", "eu@frankfurt", "gpt@azure"]
    busy = "rules: [{id: busy, rank: 'gateway.load > 0.5 ? target.quality : -target.quality'}]\n"
    targets = "default: {route: [gpt, eu, mini]}\n"
    assert names(decide(targets + busy))[0] == "gpt@openai"
    assert names(decide(targets + busy, state=RoutingState(gateway=GatewayLoad(load=0.6))))[0] == "mini@openai"


def test_the_accounts_of_a_target_share_what_is_spread_over_them(decide: Decide, ask: Ask, names: Names) -> None:
    policy = "default: {route: [gpt]}\nrules: [{id: spread, rank: 'bucket(request.id + target.provider, 1000)'}]\n"
    first = Counter(names(decide(policy, ask(id=f"r{n}")))[0] for n in range(60))
    assert min(first["gpt@openai"], first["gpt@azure"]) > 15


def test_one_who_is_alone_is_not_ranked(decide: Decide) -> None:
    (alone,) = decide("default: {route: [mini]}\nrules: [{id: bad, rank: '1 / target.in_flight'}]\n").candidates
    assert (alone.why, alone.facts) == ("routed", None)
