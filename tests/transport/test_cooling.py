"""Who has failed is left alone by the requests that come after, as long as somebody else can be asked. The clock of the
cool-downs is the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from tests.support.exchanges import FALLBACK, Gateway, Listener, candidate, transport_of
from tests.support.providers import (
    END,
    PATIENCE,
    STREAM,
    Asked,
    Provider,
    answer,
    error,
    event,
    http,
    part,
    provider,
)

from policyroute.decide.resolved import ResolvedFallback
from policyroute.failures import FailureKind
from policyroute.health.breaker import ROW
from policyroute.health.cooldowns import FIRST, LONGEST, PROBE
from policyroute.record import ExchangeRecord
from policyroute_asgi.brought_keys import BroughtKeys
from policyroute_asgi.resting import Resting, place_of

pytestmark = pytest.mark.anyio

OVERLOADED = http("529 Site is overloaded", error("Overloaded", "overloaded_error"))
PATIENTLY = http("529 Site is overloaded", error("Overloaded", "overloaded_error"), "retry-after: 20")
BROKEN = http("500 Internal Server Error", error("Oops", "server_error"))
WRONG = http("400 Bad Request", error("No such parameter", "invalid_request_error"))
LIMITED = http("429 Too Many Requests", error("Slow down", "rate_limit_exceeded"), "retry-after: 20")
NOT_FOUND = http("404 Not Found", error("No such model", "model_not_found"))
WELL = http("200 OK", answer())
CUT = STREAM + part(event({"content": "Half an ans"}))
AGAIN = replace(FALLBACK, retries=1)


@dataclass
class Site:
    """Providers `a`, `b`, `c`, each saying what it has in `says`, and a gateway before them at the time `now`."""

    says: dict[str, bytes]
    providers: Mapping[str, Provider] = field(default_factory=dict[str, Provider])
    gateway: Gateway = field(init=False)
    now: float = 1000.0

    async def ask(self, names: str = "ab", *, stream: bool = False) -> tuple[Listener, ExchangeRecord]:
        return await self.gateway.ask(*(self.providers[name].base_url for name in names), stream=stream)

    async def asked(self, names: str = "ab", *, stream: bool = False) -> str:
        """Whom one more request goes to, one after the other."""
        _, record = await self.ask(names, stream=stream)
        return "".join(attempt.target for attempt in record.attempts)

    async def script(self, name: str, asked: Asked) -> bool:
        said = self.says[name]
        await asked.say(said)
        return said is not CUT


@asynccontextmanager
async def site(
    kind: str, fallback: ResolvedFallback = FALLBACK, keys: dict[str, str | tuple[str, ...]] | None = None
) -> AsyncGenerator[Site]:
    it = Site(dict.fromkeys("abc", WELL))
    async with AsyncExitStack() as stack:
        it.providers = {name: await stack.enter_async_context(provider(partial(it.script, name))) for name in "abc"}
        resting = Resting(lambda: it.now)
        it.gateway = Gateway(transport_of(kind), keys=keys or {}, fallback=fallback, resting=resting)
        await stack.enter_async_context(it.gateway)
        yield it


# Passed over ----------------------------------------------------------------------------------------------------------


async def test_who_has_just_said_that_it_is_overloaded_is_not_asked_again_until_it_may_be(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = OVERLOADED
        assert await it.asked() == "ab"
        it.says["a"] = WELL
        heard, record = await it.ask()
        assert [(each.target, each.code) for each in record.skipped] == [("a", "cooling")]
        assert (heard.target, len(record.attempts)) == ("b", 1)
        it.now += FIRST
        assert await it.asked() == "a"
        assert await it.asked() == "a"


async def test_a_retry_after_is_kept_by_everybody(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = PATIENTLY
        assert await it.asked() == "ab"
        it.now += 19
        assert await it.asked() == "b"
        it.now += 1
        assert await it.asked() == "ab"


async def test_25_errors_do_not_stay_in_rotation_and_who_is_well_again_is_asked_within_30_seconds(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = BROKEN
        for _ in range(25):
            await it.ask()
        assert len(it.providers["a"].asked) == 2  # the first says nothing yet
        for _ in range(25):
            it.now += LONGEST
            assert await it.asked() == "ab"
            assert await it.asked() == "b"
        it.says["a"] = WELL
        it.now += LONGEST
        assert await it.asked() == "a"


async def test_a_stream_that_breaks_off_counts_though_the_client_got_some_of_it(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = CUT
        for _ in range(2):
            heard, _ = await it.ask(stream=True)
            assert heard.failure is not None and heard.failure.kind is FailureKind.STREAM_BROKEN
        it.says["b"] = STREAM + part(event({"content": "Hello"}) + event(finish="stop") + b"data: [DONE]\n\n") + END
        assert await it.asked(stream=True) == "b"


async def test_who_cannot_be_connected_to_is_left_alone(kind: str) -> None:
    async with site(kind) as it:
        nobody, well = "http://127.0.0.1:1/v1", it.providers["b"].base_url
        found = [(await it.gateway.ask(nobody, well))[1] for _ in range(3)]
        assert [len(record.attempts) for record in found] == [2, 2, 1]


async def test_a_request_that_is_wrong_cools_nothing(kind: str) -> None:
    async with site(kind) as it:
        for said in (WRONG, NOT_FOUND):
            it.says["a"] = said
            for _ in range(3):
                assert await it.asked() == "a"
        it.says["a"] = WELL
        assert await it.asked() == "a"


async def test_a_client_that_leaves_cools_nothing(kind: str) -> None:
    async with site(kind) as it:
        for _ in range(4):
            listener = Listener()
            it.says["a"] = STREAM + part(event({"content": "Hello"}))

            async def stays(asked: Asked) -> None:
                await asked.say(it.says["a"])
                await asked.left()

            async with provider(stays) as slow:
                gone = asyncio.create_task(it.gateway.ask(slow.base_url, stream=True, listener=listener))
                await asyncio.wait_for(listener.first.wait(), PATIENCE)
                listener.leave.set()
                _, record = await gone
            assert record.outcome == "client_closed"
        assert not it.gateway.resting.table


async def test_a_model_that_is_not_there_is_passed_over_where_the_policy_goes_on(kind: str) -> None:
    after = FALLBACK.after | {FailureKind.MODEL_NOT_FOUND}
    async with site(kind, replace(FALLBACK, after=after)) as it:
        it.says["a"] = NOT_FOUND
        assert await it.asked() == "ab"
        it.now += 500
        assert await it.asked() == "b"
        it.gateway.resting.use({}, {"a": candidate("a", "https://elsewhere.example").spec})
        assert await it.asked() == "ab"


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"a": "sk-1"}], ids=["no key", "one key"])
async def test_an_account_that_was_told_to_wait_waits_for_all(
    kind: str, keys: dict[str, str | tuple[str, ...]]
) -> None:
    async with site(kind, keys=keys) as it:
        it.says["a"] = LIMITED
        assert await it.asked() == "ab"
        it.says["a"] = WELL
        it.now += 19
        assert await it.asked() == "b"
        assert await it.asked("a") == "a"  # a key that is alone is used whatever it rests for
        it.now += 1
        assert await it.asked() == "a"


async def test_a_pool_of_keys_has_rests_of_its_own(kind: str) -> None:
    async with site(kind, keys={"a": ("sk-1", "sk-2")}) as it:
        it.says["a"] = LIMITED
        assert await it.asked() == "aab"
        assert not it.gateway.resting.table


async def test_a_callers_key_that_was_told_to_wait_is_the_callers(kind: str) -> None:
    async with site(kind) as it:
        it.gateway.takes_own, it.gateway.own_keys = "a", BroughtKeys({"a": "sk-own"})
        it.says["a"] = LIMITED
        assert [await it.asked() for _ in range(2)] == ["ab", "ab"]


# All of them ----------------------------------------------------------------------------------------------------------


async def test_where_everybody_rests_the_one_that_is_ready_first_is_asked(kind: str) -> None:
    async with site(kind) as it:
        it.says = {"a": PATIENTLY, "b": OVERLOADED, "c": PATIENTLY}
        assert await it.asked("abc") == "abc"
        it.says["b"] = WELL
        heard, record = await it.ask("abc")
        assert heard.complete and heard.target == "b"
        assert [(each.target, each.code) for each in record.skipped] == [("a", "cooling")]


async def test_who_is_alone_is_always_asked(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = PATIENTLY
        for _ in range(3):
            assert await it.asked("a") == "a"


async def test_nobody_is_passed_over_for_one_that_cannot_be_asked(kind: str) -> None:
    async with site(kind, keys={"b": "sk-1"}) as it:
        it.says = {"a": PATIENTLY, "b": http("401 Unauthorized", error("Incorrect API key", "invalid_api_key"))}
        assert await it.asked() == "ab"  # the only key of `b` is refused
        it.says["a"] = WELL
        heard, record = await it.ask()
        assert heard.target == "a" and not record.skipped


async def test_nor_where_the_policy_does_not_go_on_after_it(kind: str) -> None:
    async with site(kind, replace(FALLBACK, after=FALLBACK.after - {FailureKind.OVERLOADED})) as it:
        it.says["a"] = PATIENTLY
        assert [await it.asked() for _ in range(2)] == ["a", "a"]


async def test_what_is_told_is_what_it_rests_for_and_when_to_come_back(kind: str) -> None:
    async with site(kind) as it:
        it.says = {"a": PATIENTLY, "b": BROKEN}
        await it.ask()
        it.now += 5
        heard, record = await it.ask()
        assert [attempt.target for attempt in record.attempts] == ["b"]
    assert heard.failure is not None
    assert (heard.failure.kind, heard.failure.code) == (FailureKind.OVERLOADED, "cooling")
    assert heard.failure.retry_after == pytest.approx(15, abs=1)


# Circuits -------------------------------------------------------------------------------------------------------------


def opened(it: Site, name: str) -> bool:
    asked = it.gateway.candidate(name, it.providers[name].base_url)
    return it.gateway.resting.table.breakers.is_broken(place_of(asked.provider, asked.model))


async def test_25_errors_leave_nobody_in_rotation(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with site(kind) as it:
        it.says = dict.fromkeys("abc", BROKEN)
        for _ in range(25):
            it.now += 1
            await it.ask("abc")
        assert [opened(it, name) for name in "abc"] == [True] * 3
        it.now += LONGEST
        it.says = dict.fromkeys("abc", WELL)
        assert await it.asked("abc") == "a"  # nobody is refused for it
        assert opened(it, "a")
        assert await it.asked("abc") == "a"
        assert not opened(it, "a")
        assert [opened(it, name) for name in "bc"] == [True] * 2
    lines = [each.getMessage() for each in caplog.records if each.name == "policyroute.health"]
    assert lines[0].startswith("circuit of a at a open for 1")
    assert lines[-1] == "circuit of a at a closed"


async def test_while_it_is_down_one_of_fifty_finds_out(kind: str) -> None:
    async with site(kind) as it:
        asked, may_answer = asyncio.Event(), asyncio.Event()
        probing = False

        async def down(each: Asked) -> bool:
            if probing:
                asked.set()
                await may_answer.wait()
            await each.say(BROKEN)
            return True

        async with provider(down) as a:
            both = a.base_url, it.providers["b"].base_url
            for _ in range(ROW):
                it.now += LONGEST
                await it.gateway.ask(*both)
            before = len(a.asked)
            for expected in (1, 2):  # and again when the time is over that it is open for then
                probing = True
                asked.clear()
                it.now += LONGEST
                crowd = [asyncio.create_task(it.gateway.ask(*both)) for _ in range(50)]
                await asyncio.wait_for(asked.wait(), PATIENCE)
                it.now += 2 * PROBE  # a probe of a circuit is waited for
                later = await it.gateway.ask(*both)
                may_answer.set()
                assert {heard.target for heard, _ in [*await asyncio.gather(*crowd), later]} == {"b"}
                assert len(a.asked) == before + expected


async def test_streams_that_break_off_open_it_and_wrong_requests_do_not(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = WRONG
        for _ in range(ROW):
            await it.ask("a")
        assert not opened(it, "a")
        it.says["a"] = CUT
        for _ in range(ROW):
            await it.ask("a", stream=True)
        assert opened(it, "a")


async def test_a_reload_keeps_what_is_known_of_a_place_whatever_it_is_called(kind: str) -> None:
    async with site(kind) as it:
        it.says["a"] = BROKEN
        for _ in range(ROW):
            await it.ask("a")
        renamed = replace(candidate("other", it.providers["a"].base_url).spec)
        it.gateway.resting.use({}, {"other": renamed})
        assert opened(it, "a")


# Its own, and the first after it --------------------------------------------------------------------------------------


async def test_a_request_asks_again_what_it_has_itself_set_to_rest(kind: str) -> None:
    async with site(kind, AGAIN) as it:
        it.says["a"] = OVERLOADED
        assert await it.asked() == "aab"
        assert await it.asked() == "b"


async def test_of_fifty_at_once_one_goes_first(kind: str) -> None:
    async with site(kind) as it:
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def slow(each: Asked) -> bool:
            if len(a.asked) > 1:
                asked.set()
                await may_answer.wait()
            await each.say(OVERLOADED if len(a.asked) == 1 else WELL)
            return True

        async with provider(slow) as a:
            both = a.base_url, it.providers["b"].base_url
            await it.gateway.ask(*both)
            it.now += FIRST
            first = asyncio.create_task(it.gateway.ask(*both))
            await asyncio.wait_for(asked.wait(), PATIENCE)
            others = await asyncio.gather(*(it.gateway.ask(*both) for _ in range(49)))
            assert {heard.target for heard, _ in others} == {"b"}
            assert len(a.asked) == 2
            it.now += PROBE
            second = asyncio.create_task(it.gateway.ask(*both))  # the first one takes too long to be waited for
            may_answer.set()
            assert {(await each)[0].target for each in (first, second)} == {"a"}
            assert {heard.target for heard, _ in await asyncio.gather(*(it.gateway.ask(*both) for _ in range(9)))} == {
                "a"
            }


async def test_an_answer_that_begins_is_enough(kind: str) -> None:
    async with site(kind) as it:
        may_end = asyncio.Event()

        async def script(each: Asked) -> bool:
            if len(a.asked) == 1:
                await each.say(OVERLOADED)
                return True
            await each.say(STREAM + part(event({"content": "Hello"})))
            await may_end.wait()
            await each.say(part(event(finish="stop") + b"data: [DONE]\n\n") + END)
            return True

        async with provider(script) as a:
            both = a.base_url, it.providers["b"].base_url
            await it.gateway.ask(*both, stream=True)
            it.now += FIRST
            listeners = [Listener(), Listener()]
            streams = list[asyncio.Task[tuple[Listener, ExchangeRecord]]]()
            for each in listeners:
                streams.append(asyncio.create_task(it.gateway.ask(*both, stream=True, listener=each)))
                await asyncio.wait_for(each.first.wait(), PATIENCE)
            may_end.set()
            await asyncio.gather(*streams)
            assert [each.target for each in listeners] == ["a", "a"]
