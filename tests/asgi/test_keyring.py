"""From what a request carries to the client that sent it: every SDK's place, one key, nothing given away."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import build
from policyroute.policy.model import KnownClient
from policyroute.request import CREDENTIAL_HEADERS, BadRequest, ModelRequest
from policyroute_asgi import client_keys, credentials
from policyroute_asgi.keyring import Keyring

KEYS = [client_keys.new() for _ in range(4)]
POLICY = """
version: 1
providers: {p: {dialect: openai_chat, base_url: "embedded:"}}
targets: {t: {provider: p, model: m}}
default: {route: [t]}
"""
BODY = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'


def sha(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def clients(text: str) -> dict[str, KnownClient]:
    return dict(build({"policy.yaml": f"{POLICY}clients: {{{text}}}\n"}).program.clients)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    two, one = f"[{sha(KEYS[0])}, {sha(KEYS[1])}]", sha(KEYS[2])
    return Keyring(clients(f"ci: {{key_sha256: {two}}}, web: {{key_sha256: {one}}}"))


@pytest.mark.parametrize(("number", "name"), [(0, "ci"), (1, "ci"), (2, "web")])
def test_a_key_finds_its_client(keyring: Keyring, number: int, name: str) -> None:
    found = keyring.find(KEYS[number])
    assert found is not None
    assert found.client.facts.id == name
    assert found.digest == sha(KEYS[number])


NEARLY = [KEYS[3], KEYS[0][:-1], KEYS[0].lower(), sha(KEYS[0]), "\udc80", "\ud800", ""]


@given(st.text() | st.sampled_from(NEARLY))
def test_any_other_finds_nobody(keyring: Keyring, key: str) -> None:
    assert keyring.find(key) is None


def test_a_later_keyring_knows_who_is_still_there(keyring: Keyring) -> None:
    ci, rotated, web = (keyring.find(key) for key in KEYS[:3])
    assert ci and rotated and web
    later = Keyring(clients(f"ci: {{key_sha256: {sha(KEYS[1])}, team: new}}, other: {{key_sha256: {sha(KEYS[2])}}}"))
    assert keyring.knows(ci) and keyring.knows(web)
    assert [later.knows(each) for each in (ci, rotated, web)] == [False, True, False]


def test_nothing_shows_a_key_or_digest(keyring: Keyring) -> None:
    shown = f"{keyring!r} {keyring.find(KEYS[0])!r} {clients(f'a: {{key_sha256: {sha(KEYS[0])}}}')!r}"
    assert KEYS[0] not in shown
    assert sha(KEYS[0])[:16] not in shown


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer K")], b""),
        ([(b"authorization", b"bearer   K ")], b""),
        ([(b"x-api-key", b"K")], b""),
        ([(b"x-goog-api-key", b"K")], b""),
        ([(b"api-key", b"K")], b"api-version=2024-06-01"),
        ([], b"alt=sse&key=K"),
        ([], b"%6bey=%4B"),
        ([(b"authorization", b"Bearer K"), (b"x-api-key", b"K")], b"key=K"),
        ([(b"authorization", b"Basic dXNlcjpw"), (b"x-api-key", b"K")], b""),
        ([(b"authorization", b"Bearer "), (b"x-api-key", b"K")], b"key="),
    ],
)
def test_a_key_is_found_where_each_sdk_puts_it(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    assert credentials.presented(headers, query) == "K"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([], b""),
        ([(b"authorization", b"K")], b""),
        ([(b"authorization", b"Basic dXNlcjpw")], b""),
        ([(b"cookie", b"key=K")], b"api_key=K&KEY=K"),
    ],
)
def test_what_is_no_key_is_none(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    assert credentials.presented(headers, query) is None


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer K"), (b"x-api-key", b"sesame")], b""),
        ([(b"authorization", b"Bearer K"), (b"authorization", b"Bearer sesame")], b""),
        ([(b"x-api-key", b"K")], b"key=sesame"),
        ([], b"key=K&%6bey=sesame"),
    ],
)
def test_keys_that_differ_are_refused(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        credentials.presented(headers, query)
    assert (refused.value.status, refused.value.code) == (401, "ambiguous_credentials")
    assert "sesame" not in str(refused.value)


def test_the_refusal_is_one(keyring: Keyring) -> None:
    one, other = credentials.unknown(), credentials.unknown()
    assert (one.status, one.code, one.message) == (other.status, other.code, other.message)
    assert (one.status, one.code) == (401, "unauthenticated")


PLACES = ["Authorization", "X-Api-Key", "x-goog-api-key", "api-key"]


@pytest.mark.parametrize("place", PLACES)
def test_no_rule_sees_a_header_with_a_key(place: str) -> None:
    assert place.lower() in CREDENTIAL_HEADERS
    request = ModelRequest.read("openai_chat", BODY, {place: "Bearer sesame", "x-a": "b"})
    assert request.headers == {"x-a": "b"}


@pytest.mark.parametrize(
    "query",
    [b"key=sesame&a=b", b"a=b&%6Bey=sesame", "a=b&k%65y=ses%61me&key=sesame", {"key": "sesame", "a": "b"}],
)
def test_no_rule_sees_a_key_in_the_query(query: bytes | str | dict[str, str]) -> None:
    assert ModelRequest.read("openai_chat", BODY, query=query).query == {"a": "b"}


@given(st.integers(0, 52), st.characters(codec="ascii"))
def test_a_key_that_was_mistyped_is_known_to_be(place: int, other: str) -> None:
    key = KEYS[0]
    assert client_keys.is_whole(key)
    wrong = key[:place] + other + key[place + 1 :]
    assert client_keys.is_whole(wrong) == (wrong == key)
    assert not client_keys.is_whole(key[:-1])
    assert not client_keys.is_whole(key + other)


def test_keys_are_long_and_alike_in_nothing() -> None:
    assert len(set(KEYS)) == 4
    for key in KEYS:
        assert key.startswith("plr_") and len(key) == 53 and key[4:].isalnum() and key.isascii()
