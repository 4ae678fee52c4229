"""A failure domain that is down, through a gateway before real providers: who is asked, what the client and the log are
told, and how it ends. The clock is the test's own."""

from __future__ import annotations

import pytest
from tests.transport.test_cooling import BROKEN, WELL, Site, site

from policyroute.dialects.trouble import ClientError
from policyroute.failures import DOMAIN_DOWN, FailureKind
from policyroute.health.breaker import ROW
from policyroute.health.domains import FIRST_PROBE

pytestmark = pytest.mark.anyio


def use(it: Site, names: str) -> None:
    """A policy of these; they have no more than their region in common."""
    targets = {name: it.gateway.candidate(name, it.providers[name].base_url).spec for name in names}
    it.gateway.resting.use({}, targets)


async def fall(it: Site, names: str) -> None:
    it.says |= dict.fromkeys(names, BROKEN)
    for _ in range(ROW + 2):
        it.now += 30
        await it.ask(names)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "policyroute.health"]


async def test_it_is_left_out_and_one_probe_finds_out(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with site(kind) as it:
        use(it, "ab")
        await fall(it, "ab")
        assert lines(caplog)[-1] == "region eu is down, and left alone: a at a, b at b"
        heard, record = await it.ask("abc")
        assert heard.target == "c" and len(record.attempts) == 1
        assert [(each.target, each.code) for each in record.skipped] == [("a", DOMAIN_DOWN), ("b", DOMAIN_DOWN)]
        it.now += 30
        assert await it.asked("abc") == "ac"  # one of them is tried, not each
        assert await it.asked("abc") == "c"
        it.says = dict.fromkeys("abc", WELL)
        it.now += 30
        assert [await it.asked("abc") for _ in range(2)] == ["a", "a"]
        assert lines(caplog)[-1].startswith("region eu is up again after ")
        assert await it.asked("abc") == "a"
    assert sum("region eu is down" in line for line in lines(caplog)) == 1


async def test_where_there_is_nobody_else_it_fails_at_once_until_it_is_well(kind: str) -> None:
    async with site(kind) as it:
        use(it, "ab")
        await fall(it, "ab")
        heard, record = await it.ask("ab")
        assert not record.attempts and heard.failure is not None
        told = ClientError.of_failure(heard.failure)
        assert (told.status, told.code, told.retry) == (503, DOMAIN_DOWN, True)
        assert told.retry_after is not None and 0 < told.retry_after <= 30
        it.says = dict.fromkeys("ab", WELL)
        it.now += told.retry_after
        assert len(await it.asked("ab")) == 1


async def test_a_failure_that_somebody_met_is_told_before_it(kind: str) -> None:
    async with site(kind) as it:
        use(it, "ab")
        await fall(it, "ab")
        it.says["c"] = BROKEN
        heard, record = await it.ask("abc")
        assert [attempt.target for attempt in record.attempts] == ["c"]
        assert heard.failure is not None and heard.failure.code != DOMAIN_DOWN
        assert heard.failure.kind is FailureKind.UNAVAILABLE


async def test_who_rests_elsewhere_is_asked_before_nobody_is(kind: str) -> None:
    async with site(kind) as it:
        use(it, "ab")
        await fall(it, "ab")
        it.says["c"] = BROKEN
        for _ in range(ROW + 1):
            assert await it.asked("abc") == "c"


async def test_one_that_answers_keeps_its_region(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with site(kind) as it:
        use(it, "abc")
        it.says["a"] = it.says["b"] = BROKEN
        for _ in range(ROW + 2):
            it.now += FIRST_PROBE
            await it.ask("abc")
        assert it.gateway.resting.table
        assert not [line for line in lines(caplog) if "region" in line]
