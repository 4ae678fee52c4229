"""How long a worker is waited for. Seconds are told, so none passes here."""

from __future__ import annotations

from policyroute_asgi.workers.patience import BEHIND, SILENT, START, Ending, Patience


def after(patience: Patience, seconds: int, *, starting: bool = False, current: bool = True) -> Ending | None:
    """What is said in the last of so many seconds, in which nothing is heard; the ones before have to be uneventful."""
    for _ in range(seconds - 1):
        assert patience.second(starting=starting, current=current) is None
    return patience.second(starting=starting, current=current)


def test_who_says_nothing_hangs() -> None:
    patience = Patience()
    assert after(patience, SILENT) is None
    patience.heard()
    assert after(patience, SILENT) is None
    assert patience.second(starting=False, current=True) == Ending("hung", "said nothing for 30 s")


def test_a_start_takes_its_time_but_not_for_ever() -> None:
    ending = after(Patience(), START + 1, starting=True, current=False)
    assert ending == Ending("died", "did not serve within 60 s")


def test_a_start_is_over_when_it_serves() -> None:
    patience = Patience()
    assert after(patience, START, starting=True, current=False) is None
    patience.heard()
    patience.moved_on()
    assert after(patience, SILENT) is None


def test_a_policy_that_is_not_taken_up() -> None:
    patience = Patience()
    for _ in range(BEHIND):
        patience.heard()
        assert patience.second(starting=False, current=False) is None
    patience.heard()
    assert patience.second(starting=False, current=False) == Ending(
        "policy", "did not serve the new policy within 60 s"
    )


def test_who_is_overtaken_by_edit_after_edit_is_not_blamed() -> None:
    patience = Patience()
    for _ in range(10):
        assert after(patience, BEHIND // 3, current=False) is None
        patience.heard()
        patience.moved_on()  # to what was the newest policy a moment ago


def test_who_has_caught_up_gets_all_the_time_for_the_next_policy() -> None:
    patience = Patience()
    for _ in range(5):
        for current in (*[False] * BEHIND, True):
            patience.heard()
            assert patience.second(starting=False, current=current) is None
