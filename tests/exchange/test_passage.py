"""What passes to a candidate, seen in the payload: what is left of it is sent, and what cannot be done is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.support.machine import Make

from policyroute.clearance import Clearance
from policyroute.decide.decision import Candidate, Hop
from policyroute.exchange.passage import NotForIt, Passage
from policyroute.exchange.payload import build
from policyroute.exchange.redacting import Secrecy
from policyroute.policy.actions import Scrub
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.request import ModelRequest, Operation
from policyroute.scrub import DEFAULT, Profile, Selector

BODY = {
    "model": "m",
    "system": "Be kind. <confidential>Margins are thin.</confidential>",
    "messages": [{"role": "user", "content": "Hello"}],
}


def hop(candidate: Make, profile: Profile) -> Hop:
    made: Candidate = candidate("t")
    made = replace(made, provider=replace(made.provider, dialect="anthropic"))
    return Hop(made, None, scrubs=(("labels", Scrub(profile, Clearance.INTERNAL, "log", "scan")),))


def test_a_request_whose_tokens_are_counted_gets_no_fields_that_it_had_not(candidate: Make) -> None:
    """Anthropic refuses a `max_tokens` there."""
    body = json.dumps(BODY).encode()
    request = ModelRequest.read("anthropic", body, operation=Operation.COUNT_TOKENS)
    to = hop(candidate, DEFAULT)
    passage = Passage.of(request, to, Secrecy(b"k"), addition=None, crosses=False, measured=False)
    sent = json.loads(build(request, to, None, None, passage).outbound.body)
    assert sent == {**BODY, "model": "t-model", "system": "Be kind."}


def test_more_pseudonyms_than_there_may_be_refuse_the_candidate(candidate: Make) -> None:
    secret = Selector("secret", Clearance.CONFIDENTIAL, action="pseudonymise", tag="confidential")
    request = ModelRequest.read("anthropic", json.dumps({**BODY, "max_tokens": 9}).encode())
    to = hop(candidate, Profile("p", (secret,)))
    secrecy = Secrecy(b"k", pseudonyms=Pseudonyms(b"p", None, most=0))
    passage = Passage.of(request, to, secrecy, addition=None, crosses=False, measured=False)
    with pytest.raises(NotForIt) as refused:
        build(request, to, None, None, passage)
    assert (refused.value.reason.code, refused.value.reason.rule) == ("unsearchable", "labels")
