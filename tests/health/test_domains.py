"""When places that share something are left alone as one, who is blamed, and how it ends."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.failures import Failure, FailureKind
from policyroute.health.breaker import PROBE_EVERY, ROW
from policyroute.health.domains import FIRST_PROBE
from policyroute.health.places import MODEL, Place, Scope
from policyroute.health.table import HealthTable
from policyroute.health.together import Domain, Members, blamed, distinct

DOWN = Failure(FailureKind.UNAVAILABLE, "down")
LIMITED = Failure(FailureKind.RATE_LIMITED, "slow down")
GRID = [(provider, region) for provider in "abc" for region in ("eu", "us", "asia")]
"""Nine places: three providers in three regions each."""
ALL = Domain("all", "")


def place(provider: str, region: str) -> Place:
    return Place(f"https://{provider}.example/v1", region, "m", "chat", None)


PLACES = {each: place(*each) for each in GRID}


def declared() -> dict[Domain, frozenset[Scope]]:
    tags = [*(("provider", name, 0) for name in "abc"), *(("region", name, 1) for name in ("eu", "us", "asia"))]
    of = {
        Domain(tag, value): frozenset(PLACES[each].of(MODEL) for each in GRID if each[which] == value)
        for tag, value, which in tags
    }
    return {**of, ALL: frozenset(each.of(MODEL) for each in PLACES.values())}


class World:
    """Each place is asked once a second, unless it is left alone; those in `down` fail."""

    def __init__(self) -> None:
        self.table = HealthTable()
        self.now = 0.0
        self.down: set[tuple[str, str]] = set()
        self.failure = DOWN
        self.asked: list[tuple[tuple[str, str], float]] = []
        self.use(declared())

    def use(self, members: Members) -> None:
        circuits = [(each.of(MODEL), self.table.breakers.kept(each)) for each in PLACES.values()]
        self.table.domains.use(members, circuits, self.now)

    def goes_on(self, seconds: int) -> World:
        for _ in range(seconds):
            self.now += 1.0
            for name, where in PLACES.items():
                if self.table.cooling(where, self.now) is None:
                    self.ask(name, where)
        return self

    def ask(self, name: tuple[str, str], where: Place) -> None:
        table, now = self.table, self.now
        self.asked.append((name, now))
        waited = table.admitted(where, now)
        if name in self.down:
            table.failed(where, self.failure, now, now + 0.1)
        else:
            table.succeeded(where, None, now, now + 0.1)
        if waited:
            table.left(where, now + 0.1)
        table.domains.look(now + 0.1)

    @property
    def verdicts(self) -> list[Domain]:
        return list(self.table.domains.verdicts)


def broken(*down: tuple[str, str]) -> World:
    """After it was well for a while and those failed for a minute."""
    world = World().goes_on(60)
    world.down = set(down)
    return world.goes_on(60)


def of(value: str) -> list[tuple[str, str]]:
    return [each for each in GRID if value in each]


@pytest.mark.parametrize(("value", "domain"), [("a", Domain("provider", "a")), ("us", Domain("region", "us"))], ids=str)
def test_what_the_failing_have_in_common_is_blamed(value: str, domain: Domain) -> None:
    assert broken(*of(value)).verdicts == [domain]


def test_two_providers_are_two_verdicts_and_all_of_them_one() -> None:
    assert set(broken(*of("a"), *of("b")).verdicts) == {Domain("provider", "a"), Domain("provider", "b")}
    assert broken(*GRID).verdicts == [ALL]


@pytest.mark.parametrize("down", [[], *itertools.combinations(GRID[:5], 1), *itertools.combinations(GRID[:5], 2)])
def test_one_or_two_that_fail_are_no_domain(down: list[tuple[str, str]]) -> None:
    assert not broken(*down).verdicts


def test_a_keys_limits_are_no_domains() -> None:
    world = World().goes_on(60)
    world.down, world.failure = set(of("a")), LIMITED
    assert not world.goes_on(120).verdicts


def test_one_probe_at_a_time_and_at_least_every_30_seconds() -> None:
    world = broken(*of("a"))
    world.asked.clear()
    world.goes_on(300)
    probes = [at for name, at in world.asked if name[0] == "a"]
    gaps = [later - before for before, later in itertools.pairwise(probes)]
    assert probes and all(FIRST_PROBE < gap <= 31.0 for gap in gaps)
    assert len(probes) <= 300 / PROBE_EVERY + 1


def test_two_whole_answers_end_it_and_what_was_before_says_nothing_any_more() -> None:
    world = broken(*of("a"))
    world.down.clear()
    world.goes_on(60)
    assert not world.verdicts
    assert [(each.verdict.domain.value, each.begins) for each in world.table.domains.news] == [
        ("a", True),
        ("a", False),
    ]
    world.asked.clear()
    assert {name for name, _ in world.goes_on(60).asked} == set(GRID)
    assert not world.table


def test_attempts_that_began_before_it_end_nothing() -> None:
    world = broken(*of("a"))
    for _ in range(3):
        world.table.succeeded(PLACES["a", "eu"], None, 1.0, world.now)
    assert Domain("provider", "a") in world.verdicts


def test_a_reload_keeps_it_whatever_the_provider_is_called_then() -> None:
    world = broken(*of("a"))
    world.use({Domain("provider", "renamed") if each.value == "a" else each: of for each, of in declared().items()})
    assert world.table.verdict(PLACES["a", "eu"]) is not None
    world.down.clear()
    assert not world.goes_on(60).verdicts


def test_of_domains_with_the_same_members_the_first_is_blamed() -> None:
    provider, host = Domain("provider", "a"), Domain("host", "a.example")
    both = frozenset(PLACES[each].of(MODEL) for each in of("a"))
    assert distinct({provider: both, host: both, Domain("region", "x"): frozenset([*both][:1])}) == {provider: both}


def test_who_has_been_ill_for_long_is_ill_for_itself() -> None:
    members = distinct(declared())
    ill = members[Domain("provider", "a")]
    known = members[ALL]
    assert list(blamed(members, ill, known, dict.fromkeys(known, 0.002))) == [Domain("provider", "a")]
    assert not blamed(members, ill, known, dict.fromkeys(known, 0.1))


@given(ill=st.frozensets(st.sampled_from(GRID)), unknown=st.frozensets(st.sampled_from(GRID)))
def test_who_is_blamed_is_ill_and_has_a_domain(
    ill: frozenset[tuple[str, str]], unknown: frozenset[tuple[str, str]]
) -> None:
    members = distinct(declared())
    down = frozenset(PLACES[each].of(MODEL) for each in ill - unknown)
    known = frozenset(PLACES[each].of(MODEL) for each in GRID if each not in unknown)
    found = blamed(members, down, known, dict.fromkeys(known, 0.002))
    blames = [scope for places in found.values() for scope in places]
    assert len(blames) == len(set(blames)) and set(blames) <= down
    assert all(places <= members[domain] and len(places) > 1 for domain, places in found.items())


def test_five_failures_open_a_circuit_as_ever() -> None:
    world = World()
    for _ in range(ROW):
        world.table.failed(PLACES["a", "eu"], DOWN, 0.0, 0.1)
    assert world.table.breakers.is_broken(PLACES["a", "eu"]) and not world.table.domains
