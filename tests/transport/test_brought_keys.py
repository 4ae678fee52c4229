"""Provider keys that callers bring: what is read of a request, and where each may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.exchanges import candidate

from policyroute.policy.model import Provider
from policyroute.request import BadRequest
from policyroute_asgi.brought_keys import BroughtKeys, brought_keys

ONE = frozenset({"https://vendor.example:443"})
TWO = ONE | {"https://other.example:443"}


def provider(name: str) -> Provider:
    return candidate(name, "https://vendor.example/v1", client_key=True).provider


def read(*headers: tuple[str, str], query: str = "", credential: bool = True) -> BroughtKeys:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return brought_keys(raw, query.encode(), allow_credential=credential)


def of(keys: BroughtKeys, name: str, origins: frozenset[str] = ONE) -> str | None:
    return keys.within(origins).of(provider(name))


def test_a_named_key_goes_to_its_provider_and_nowhere_else() -> None:
    keys = read(("X-Provider-Key", "openai=sk-1, anthropic = sk-2"))
    for origins in (ONE, TWO):
        assert of(keys, "openai", origins) == "sk-1"
        assert of(keys, "anthropic", origins) == "sk-2"
        assert of(keys, "mistral", origins) is None


def test_several_headers_are_one() -> None:
    keys = read(("X-Provider-Key", "a=1"), ("X-Provider-Key", "b=2"))
    assert (of(keys, "a"), of(keys, "b")) == ("1", "2")


@pytest.mark.parametrize(
    "header",
    [
        ("X-Provider-Key", "sk-1"),
        ("Authorization", "Bearer sk-1"),
        ("x-api-key", "sk-1"),
        ("x-goog-api-key", "sk-1"),
        ("api-key", "sk-1"),
    ],
)
def test_a_key_without_a_name_goes_to_one_origin_or_nowhere(header: tuple[str, str]) -> None:
    assert of(read(header), "openai") == "sk-1"
    assert of(read(header), "openai", TWO) is None


def test_googles_place_in_the_query() -> None:
    assert of(read(query="alt=sse&key=sk-1"), "gemini") == "sk-1"


def test_the_callers_credential_is_no_provider_key_where_it_says_who_calls() -> None:
    assert of(read(("Authorization", "Bearer sk-1"), credential=False), "openai") is None
    assert of(read(("X-Provider-Key", "sk-1"), credential=False), "openai") == "sk-1"


@pytest.mark.parametrize(("given", "expected"), [("sk-1", "sk-1"), ("other=sk-1", None)])
def test_what_an_sdk_has_to_send_is_not_taken_beside_the_header(given: str, expected: str | None) -> None:
    keys = read(("Authorization", "Bearer unused"), ("X-Provider-Key", given))
    assert of(keys, "openai") == expected


def test_a_bare_key_may_end_as_base64_does() -> None:
    assert of(read(("X-Provider-Key", "c2VzYW1l==")), "openai") == "c2VzYW1l=="
    assert of(read(("X-Provider-Key", "openai=c2VzYW1l==")), "openai") == "c2VzYW1l=="


def test_a_misspelt_name_is_no_bare_key() -> None:
    assert of(read(("X-Provider-Key", "opnai=sk-1")), "openai") is None


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Provider-Key", "a=1, sk-2")],
        [("X-Provider-Key", "sk-1, sk-2")],
        [("X-Provider-Key", "a=1, a=2")],
        [("X-Provider-Key", "=sk-1")],
        [("X-Provider-Key", "a b=sk-1")],
        [("X-Provider-Key", "sk-\r\nX-Other: 1")],
        [("X-Provider-Key", "a=sk-\x00")],
        [("X-Provider-Key", "a=sk-\xe9")],
        [("X-Provider-Key", "a=" + "k" * 5000)],
        [("Authorization", "Bearer sk-\n1")],
    ],
)
def test_what_cannot_be_a_key_is_refused_and_not_repeated(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest) as caught:
        read(*headers)
    assert (caught.value.status, caught.value.code) == (400, "invalid_provider_key")
    assert "sk-" not in caught.value.message


def test_two_credentials_that_differ_are_not_chosen_from() -> None:
    with pytest.raises(BadRequest, match="differ"):
        read(("Authorization", "Bearer one"), ("x-api-key", "two"))


def test_no_key_is_in_a_repr() -> None:
    assert "sk-1" not in repr(read(("X-Provider-Key", "a=sk-1"))) + repr(read(("X-Provider-Key", "sk-1")))


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(value: bytes) -> None:
    try:
        keys = brought_keys([(b"x-provider-key", value)], b"", allow_credential=True)
    except BadRequest:
        return
    for key in (*keys.named.values(), keys.bare or ""):
        assert key.isascii() and (key == "" or key.isprintable())
