"""Small versions of the simulations: a gateway with its workers, real connections, simulated clients and models."""

from __future__ import annotations

from scripts.simulations import agents, domains, integrity, sessions
from scripts.simulations.report import all_held, table


def test_profiles_keep_their_promises_under_changing_load() -> None:
    promises = sessions.run(sessions.Plan(conversations=100, workers=2, places=30))
    assert all_held(promises), table("sessions", promises)


def test_loops_end_with_the_agent_profile() -> None:
    promises = agents.run(agents.Plan(agents=30))
    assert all_held(promises), table("agents", promises)


def test_who_breaks_a_schema_is_left_for_that_schema_only() -> None:
    promises = integrity.run(integrity.Plan(runs=20))
    assert all_held(promises), table("integrity", promises)


def test_the_right_domain_is_blamed_and_none_where_there_is_none() -> None:
    promises = domains.run(domains.Plan(runs=2, rate=0.3))
    assert all_held(promises), table("domains", promises)
