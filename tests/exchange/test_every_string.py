"""No value that a rule pseudonymises is in the bytes for a provider, wherever it stood in the request, and however it
was written there."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest
from tests.support.machine import Make
from tests.support.strings import every

from policyroute.decide.decision import Candidate, Hop
from policyroute.dialects import DIALECTS
from policyroute.dialects.shapes import items, obj
from policyroute.exchange.passage import Passage
from policyroute.exchange.payload import Payload, build
from policyroute.exchange.redacting import Secrecy
from policyroute.policy.actions import Redact
from policyroute.redact.known import Known
from policyroute.redact.modes import Mode
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.request import BadRequest, ModelRequest

RICH: Final = Path(__file__).parent / "rich"
RULE: Final = Redact(
    ("pii", "secrets"), {"case": "CASE-[0-9]{6}"}, Mode.PSEUDONYM, known=True, restore=True, in_urls=False
)
VALUES: Final = (
    "zoe.quill@mail.example",
    "4111111111111111",
    "DE89370400440532013000",
    "CASE-204718",
    "Ottoline Vexley",
)
CLIENT: Final = Known({"customer": ["Ottoline Vexley"]})

Put = Callable[[str, str], str]
"""A value into what stood there."""

WAYS: Final[dict[str, Put]] = {
    "beside it": lambda stood, value: f"{stood} {value}.",
    "alone": lambda _, value: value,
    "in JSON": lambda _, value: json.dumps({"a": [json.dumps({"b": f"of {value}"})]}),
    "in base64": lambda stood, value: base64.b64encode(f"{stood}: this is of {value}, and more".encode()).decode(),
    "in escapes": lambda _, value: '{"a": "' + "".join(f"\\u{ord(each):04x}" for each in value) + '"}',
}
STRUCTURE: Final = frozenset({"type", "role", "model", "mimeType", "media_type", "detail", "mode", "required", "id"})
"""What a request is built of: nobody's words. The ids of parts stay with the provider that gave them."""

Place = tuple[str | int, ...]


def rich(dialect: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((RICH / f"{dialect}.json").read_text())
    return data


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of every string that is not of the structure."""
    if isinstance(value, dict):
        for name, inner in obj(value).items():
            if name not in STRUCTURE or isinstance(inner, dict):
                yield from places(inner, (*place, name))
    elif isinstance(value, list):
        for at, inner in enumerate(items(value)):
            yield from places(inner, (*place, at))
    elif isinstance(value, str):
        yield place


def with_it(data: dict[str, Any], place: Place, put: Callable[[str], str]) -> bytes:
    """The request with another string there; in a text file, in what the file says."""
    changed = json.loads(json.dumps(data))
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    stood = inner[place[-1]]
    head, comma, coded = stood.partition("base64,")
    if comma:
        inner[place[-1]] = head + comma + base64.b64encode(put(base64.b64decode(coded).decode()).encode()).decode()
    elif place[-1] == "data" and "mimeType" in inner:
        inner["data"] = base64.b64encode(put(base64.b64decode(stood).decode()).encode()).decode()
    else:
        inner[place[-1]] = put(stood)
    return json.dumps(changed).encode()


def readings(text: str, depth: int = 0) -> Iterator[str]:
    """A text, and what it says in JSON, in base64 and in percents."""
    yield text
    if depth > 6:
        return
    if "%" in text and unquote(text) != text:
        yield from readings(unquote(text), depth + 1)
    for _, _, coded in (text.rpartition("base64,"), ("", "", text)):
        with suppress(binascii.Error, UnicodeDecodeError, ValueError):
            yield from readings(base64.b64decode(coded, validate=True).decode(), depth + 1)
    if text[:1] in ("{", "[", '"'):
        try:
            value = json.loads(text)
        except ValueError:
            return
        for inner in every(value):
            yield from readings(inner, depth + 1)


def put_in(way: Put, value: str, stood: str) -> str:
    return way(stood, value)


def sent(candidate: Candidate, request: ModelRequest) -> Payload:
    hop = Hop(candidate, None, redactions=(("pii", RULE),))
    secrecy = Secrecy(b"k" * 32, CLIENT, Pseudonyms(b"p" * 32))
    passage = Passage.of(request, hop, secrecy, addition=None, crosses=True, measured=False)
    return build(request, hop, None, None, passage)


def leaks(payload: Payload) -> set[str]:
    out = payload.outbound
    said = [out.url, *(text for header in out.headers for text in header), *readings(out.body.decode())]
    return {value for text in said for value in VALUES if value in text}


@pytest.fixture(params=["its own", "another"])
def to(request: pytest.FixtureRequest, candidate: Make, of: str) -> Candidate:
    """Somebody of the client's dialect, and of the next."""
    made: Candidate = candidate("t")
    names = list(DIALECTS)
    dialect = of if request.param == "its own" else names[(names.index(of) + 1) % len(names)]
    return replace(made, provider=replace(made.provider, dialect=dialect))


@pytest.mark.parametrize("of", list(DIALECTS))
@pytest.mark.parametrize("way", list(WAYS))
def test_no_value_is_sent_wherever_it_stood(of: str, way: str, to: Candidate) -> None:
    data = rich(of)
    asked = 0
    for place in places(data):
        value = VALUES[asked % len(VALUES)]
        body = with_it(data, place, partial(put_in, WAYS[way], value))
        try:
            request = ModelRequest.read(of, body, path="/v1beta/models/m:generateContent")
        except BadRequest:
            continue
        asked += 1
        assert not leaks(sent(to, request)), place
    assert asked > 20


@pytest.mark.parametrize("of", list(DIALECTS))
def test_the_values_are_there_where_no_rule_asks(of: str, to: Candidate) -> None:
    """Or the test above would show nothing."""
    data = rich(of)
    found = 0
    for place in places(data):
        body = with_it(data, place, lambda stood: f"{stood} {VALUES[0]}")
        try:
            request = ModelRequest.read(of, body, path="/v1beta/models/m:generateContent")
        except BadRequest:
            continue
        found += bool(leaks(build(request, Hop(to, None), None)))
    assert found > 15


@pytest.mark.parametrize("of", list(DIALECTS))
def test_a_request_without_values_goes_byte_for_byte(of: str, to: Candidate) -> None:
    request = ModelRequest.read(of, json.dumps(rich(of)).encode(), path="/v1beta/models/m:generateContent")
    hop = Hop(to, None, redactions=(("pii", RULE),))
    passage = Passage.of(
        request, hop, Secrecy(b"k" * 32, CLIENT, Pseudonyms(b"p" * 32)), addition=None, crosses=False, measured=False
    )
    assert build(request, hop, None, None, passage).outbound.body == build(request, Hop(to, None), None).outbound.body


def test_no_header_has_a_value(candidate: Make) -> None:
    """The client's own is left out where it has one: nobody could use half of it."""
    given = {
        "x-request-id": f"of-{VALUES[0]}",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    body = json.dumps(rich("openai_chat")).encode()
    request = ModelRequest.read("openai_chat", body, path="/v1/chat/completions", headers=given)
    hop = Hop(candidate("t"), None, redactions=(("pii", RULE),), set_request_headers={"x-who": f"for {VALUES[4]}"})
    secrecy = Secrecy(b"k" * 32, CLIENT, Pseudonyms(b"p" * 32))
    passage = Passage.of(request, hop, secrecy, addition=None, crosses=False, measured=False)
    assert passage is not None
    headers = dict(build(request, hop, "sk-key", None, passage).outbound.headers)
    assert "x-request-id" not in headers
    assert headers["traceparent"] == given["traceparent"]
    assert headers["x-who"].startswith("for ZQ")
    assert headers["authorization"] == "Bearer sk-key"
