"""An answer that breaks off goes on at another provider, and the client cannot tell where."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from tests.support.asking import GOING_ON, Got, asked
from tests.support.tellers import ANSWER, Ending, Manner, Teller

from policyroute.dialects import DIALECTS
from policyroute.events import Finished, FinishReason, Started, StreamEvent
from policyroute.failures import FailureKind
from policyroute.request.prompt import Prompt

pytestmark = pytest.mark.anyio

PAIRS = list(product(DIALECTS, DIALECTS))
NEXT = dict(zip(DIALECTS, [*list(DIALECTS)[1:], next(iter(DIALECTS))], strict=True))
CUTS = range(61)
TOKENS = (len(ANSWER) + 3) // 4
ENDINGS: tuple[Ending, ...] = ("cut", "error", "500")
SOME = (0, 1, 2, 3, 7, 20, 41, 58, 59, 60)


def is_whole(got: Got) -> bool:
    return got.failure is None and got.text == ANSWER and got.is_one_answer


def is_told(got: Got) -> bool:
    """The client knows that what it has is not all, and nothing of it is wrong."""
    return got.failure is not None and ANSWER.startswith(got.text) and b"[DONE]" not in got.raw


@pytest.mark.parametrize(("client", "first", "second"), list(product(DIALECTS, DIALECTS, DIALECTS)))
async def test_a_cut_at_any_event_is_not_seen(client: str, first: str, second: str) -> None:
    for cut in CUTS:
        got = await asked(client, Teller(first, cut), Teller(second))
        assert is_whole(got), (cut, got.failure, got.text)
        assert got.usage is None or got.usage.output in range(TOKENS, TOKENS + 2), cut


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@pytest.mark.parametrize("ending", ["reset", "error", "silent", "malformed", "500"])
async def test_whatever_breaks_it_off(client: str, provider: str, ending: Ending) -> None:
    for cut in SOME:
        got = await asked(client, Teller(provider, cut, ending), Teller(NEXT[provider]))
        assert is_whole(got), (cut, got.failure, got.text)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@pytest.mark.parametrize("manner", ["exact", "tail", "over"])
@pytest.mark.parametrize("prefill", [False, True])
async def test_however_it_is_gone_on_with(client: str, provider: str, manner: Manner, prefill: bool) -> None:
    for cut in SOME:
        got = await asked(client, Teller(provider, cut), Teller(NEXT[provider], manner=manner), prefill=prefill)
        assert is_whole(got), (cut, got.failure, got.text)
        if cut in {7, 20}:
            assert got.ways[-1][-1] == ("prefill" if prefill else "instruct")


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_who_takes_no_answer_that_is_begun_is_told_to_go_on(client: str, provider: str) -> None:
    got = await asked(client, Teller(provider, 20), Teller(NEXT[provider], manner="refuses"), prefill=True)
    assert is_whole(got)
    assert [way for _, _, way in got.ways] == [None, "prefill", "instruct"]
    assert got.record.attempts[1].outcome == "invalid_request"


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_an_answer_asked_for_again_is_given_from_where_it_says_more(client: str, provider: str) -> None:
    afresh = replace(GOING_ON, mid_stream="restart")
    for cut in SOME:
        got = await asked(client, Teller(provider, cut), Teller(NEXT[provider]), fallback=afresh)
        assert is_whole(got), (cut, got.failure, got.text)
    other = "Nine owls sat in a barn, and then they were gone. Nobody knows why, and nobody ever asked."
    got = await asked(client, Teller(provider, 20), Teller(NEXT[provider], answer=other), fallback=afresh)
    assert is_told(got)
    assert got.ways[-1] == ("b", "stream_broken", "afresh")
    assert got.record.attempts[-1].code == "departed"


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("mode", ["continue", "restart"])
async def test_blanks_are_not_what_an_answer_says(client: str, mode: str) -> None:
    """Some models begin with line ends after they thought: any answer may follow them."""
    for answer in (ANSWER, f"\n{ANSWER}", f"\n\n{ANSWER}"):
        first, second = Teller(client, 10, answer=f"\n\n{' ' * 600}{ANSWER}"), Teller(NEXT[client], answer=answer)
        got = await asked(client, first, second, fallback=replace(GOING_ON, mid_stream=mode))
        assert (got.failure, got.text.strip(), got.is_one_answer) == (None, ANSWER, True), answer[:3]


class Refuser(Teller):
    """Does not want to go on with it."""

    def events(self, prompt: Prompt) -> list[StreamEvent]:
        return [Started("theirs", "m"), Finished(FinishReason.REFUSAL)]


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_who_refuses_to_go_on_is_gone_around_only_where_a_rule_says_so(client: str, provider: str) -> None:
    refusals = {FailureKind.REFUSED, FailureKind.CONTENT_FILTERED}
    around = replace(GOING_ON, after=GOING_ON.after | refusals)
    tellers = Teller(provider, 20), Refuser(NEXT[provider]), Teller(provider)
    assert is_whole(await asked(client, *tellers, fallback=around))
    told = await asked(client, Teller(provider, 20), Refuser(NEXT[provider]), fallback=around)
    assert told.failure is not None
    assert told.failure.kind in refusals
    passed_on = await asked(client, Teller(provider, 20), Refuser(NEXT[provider]), Teller(provider))
    assert (passed_on.failure, len(passed_on.ways), passed_on.is_one_answer) == (None, 2, True)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_where_all_fail_the_client_is_told(client: str, provider: str) -> None:
    for cut, ending in product(SOME, ENDINGS):
        got = await asked(
            client,
            Teller(provider, cut),
            Teller(NEXT[provider], 5, ending, again=True),
            Teller(provider, 0, again=True),
        )
        assert is_told(got) or is_whole(got), (cut, ending, got.text)
        assert is_told(got) or cut > 50, (cut, ending)
        assert got.failure is None or got.failure.kind is FailureKind.STREAM_BROKEN
