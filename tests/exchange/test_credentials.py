"""How a provider is shown its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policyroute import ModelRequest
from policyroute.catalogue import AUTH_STYLES
from policyroute.decide.decision import Candidate, Hop
from policyroute.exchange.payload import Outbound, build
from policyroute.request import CREDENTIAL_HEADERS

MakeCandidate = Callable[..., Candidate]


def sent(candidate: Candidate, **provider: Any) -> Outbound:
    aimed = replace(candidate, provider=replace(candidate.provider, **provider))
    body = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
    request = ModelRequest.read("openai_chat", body, {})
    return build(request, Hop(aimed, None), "secret-1").outbound


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("", "authorization", "Bearer secret-1"),
        ("bearer", "authorization", "Bearer secret-1"),
        ("api-key", "api-key", "secret-1"),
        ("x-api-key", "x-api-key", "secret-1"),
        ("x-goog-api-key", "x-goog-api-key", "secret-1"),
        ("x-portkey-api-key", "x-portkey-api-key", "secret-1"),
    ],
)
def test_a_key_is_in_one_header_and_no_other(candidate: MakeCandidate, auth: str, header: str, value: str) -> None:
    headers = dict(sent(candidate("a"), auth=auth).headers)
    assert headers[header] == value
    assert [name for name, each in headers.items() if "secret-1" in each] == [header]


def test_what_shows_a_key_is_seen_by_no_rule() -> None:
    assert {header for header, _ in AUTH_STYLES.values()} <= CREDENTIAL_HEADERS


def test_the_version_stays_behind_the_path(candidate: MakeCandidate) -> None:
    base = "https://mine.example/openai/deployments/gpt?api-version=2024-10-21"
    url = sent(candidate("a"), base_url=base).url
    assert url == "https://mine.example/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
