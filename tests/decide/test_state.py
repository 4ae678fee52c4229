from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policyroute import Latency, RoutingState

HERE = ("gpt", "openai")
figure = st.none() | st.floats(0, 100)
latencies = st.builds(Latency, figure, figure, figure)


def test_nothing_observed_reads_as_zero() -> None:
    assert RoutingState.empty().latency_at(HERE) == (Latency(0.0, 0.0, 0.0), False)


def test_what_is_known_reads_as_it_is_and_the_rest_as_the_peers_median() -> None:
    state = RoutingState({HERE: Latency(1.0, 2.0, 3.0), ("a", "b"): Latency(None, 4.0, None), ("c", "d"): Latency(3.0)})
    assert state.latency_at(HERE) == (Latency(1.0, 2.0, 3.0), True)
    assert state.latency_at(("a", "b")) == (Latency(2.0, 4.0, 3.0), False)
    assert state.latency_at(("c", "d")) == (Latency(3.0, 3.0, 3.0), False)
    assert state.latency_at(("new", "one")) == (Latency(2.0, 3.0, 3.0), False)


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), latencies))
def test_an_unknown_figure_lies_between_its_peers(known: dict[tuple[str, str], Latency]) -> None:
    read, own = RoutingState(known).latency_at(HERE)
    assert not own
    for column, value in enumerate(read):
        peers = [peer for each in known.values() if (peer := each[column]) is not None] or [0.0]
        assert value is not None
        assert min(peers) <= value <= max(peers)
