"""What a client is told in each dialect: the vendor's own SDK raises its own exception, in a stream and out of it."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from openai.types.responses import ResponseErrorEvent

from policyroute.dialects import DIALECTS, VOICES, ClientError
from policyroute.dialects.shapes import obj
from policyroute.events import Broken
from policyroute.failures import Failure, FailureKind
from policyroute.request import BadRequest

BUSY = ClientError(429, "rate_limited", "Busy.", retry=True, retry_after=6.9987, decision_id="d1")
BROKEN = ClientError.of_failure(Failure(FailureKind.STREAM_BROKEN, "The provider hung up."), "d1")
EXTRAS = {"retry": True, "retry_after": 6.999, "decision_id": "d1"}


def transport(status: int, body: bytes, headers: dict[str, str]) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(status, headers=headers, content=body))


def answering_with(body: bytes) -> httpx2.Client:
    return httpx2.Client(transport=transport(200, body, {}))


def answering(error: ClientError, voice: str, stream: bytes | None) -> httpx2.Client:
    """The error as an HTTP answer, or at the end of a stream that began with `stream`."""
    said = VOICES[voice]
    if stream is None:
        return httpx2.Client(transport=transport(error.status, said.error_body(error), dict(error.headers())))
    events = {"content-type": "text/event-stream"}
    return httpx2.Client(transport=transport(200, stream + said.error_event(error), events))


def raised_by_anthropic(error: ClientError, stream: bytes | None = None) -> anthropic.APIStatusError:
    with (
        anthropic.Anthropic(api_key="k", max_retries=0, http_client=answering(error, "anthropic", stream)) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        if stream is None:
            client.messages.create(model="m", max_tokens=1, messages=[])
        else:
            list(client.messages.create(model="m", max_tokens=1, messages=[], stream=True))
    return caught.value


RAISED: dict[FailureKind, type[anthropic.APIStatusError]] = {
    FailureKind.RATE_LIMITED: anthropic.RateLimitError,
    FailureKind.QUOTA_EXHAUSTED: anthropic.RateLimitError,
    FailureKind.CONTEXT_OVERFLOW: anthropic.BadRequestError,
    FailureKind.CONTENT_FILTERED: anthropic.BadRequestError,
    FailureKind.REFUSED: anthropic.BadRequestError,
    FailureKind.INVALID_REQUEST: anthropic.BadRequestError,
    FailureKind.MODEL_NOT_FOUND: anthropic.NotFoundError,
}


@pytest.mark.parametrize("kind", FailureKind)
def test_anthropics_sdk_raises_the_exception_its_users_expect(kind: FailureKind) -> None:
    told = ClientError.of_failure(Failure(kind, "Said so.", status=403), "d1")
    error = raised_by_anthropic(told)
    assert isinstance(error, RAISED.get(kind, anthropic.InternalServerError))
    assert error.status_code not in (401, 403)
    assert (error.error_code, error.api_message) == (told.code, told.message)
    assert error.type
    assert obj(obj(error.body)["error"])["policyroute"]["decision_id"] == "d1"
    assert obj(error.body)["request_id"] == "d1"


@pytest.mark.parametrize(
    ("status", "type_", "raised"),
    [
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (413, "request_too_large", anthropic.APIStatusError),
        (405, "invalid_request_error", anthropic.APIStatusError),
        (500, "api_error", anthropic.InternalServerError),
        (503, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_anthropics_names_for_our_own_refusals(status: int, type_: str, raised: type[Exception]) -> None:
    error = raised_by_anthropic(ClientError.of_denial(status, "not_yours", "Not yours."))
    assert isinstance(error, raised)
    assert (error.type, error.error_code) == (type_, "not_yours")


def test_an_error_inside_an_anthropic_stream_raises() -> None:
    begun = b'event: ping\ndata: {"type": "ping"}\n\n'
    error = raised_by_anthropic(BROKEN, begun)
    assert (error.api_message, error.type, error.error_code) == ("The provider hung up.", "api_error", "stream_broken")
    assert b"message_stop" not in VOICES["anthropic"].error_event(BROKEN)


def test_our_own_error_is_read_as_an_error_by_our_own_reader() -> None:
    """A gateway may well stand before a gateway."""
    for name, dialect in DIALECTS.items():
        reader = dialect.stream()
        events, raw = reader.feed(VOICES[name].error_event(BUSY))
        assert raw == b""
        last = events[-1]
        assert isinstance(last, Broken)
        for failure in (last.failure, dialect.failure(429, {}, VOICES[name].error_body(BUSY), 0.0)):
            assert (failure.kind, failure.message) == (FailureKind.RATE_LIMITED, "Busy.")


def raised_by_responses(error: ClientError, stream: bytes | None = None) -> openai.APIError:
    http_client = answering(error, "openai_responses", stream)
    with (
        openai.OpenAI(api_key="k", max_retries=0, http_client=http_client) as client,
        pytest.raises(openai.APIError) as caught,
    ):
        if stream is None:
            client.responses.create(model="m", input="x")
        else:
            list(client.responses.create(model="m", input="x", stream=True))
    return caught.value


def test_openais_sdk_raises_for_responses_too() -> None:
    error = raised_by_responses(BUSY)
    assert isinstance(error, openai.RateLimitError)
    assert (error.code, error.type) == ("rate_limited", "rate_limit_error")
    assert obj(error.body)["policyroute"] == EXTRAS
    begun = b'event: response.created\ndata: {"type": "response.created", "sequence_number": 0}\n\n'
    inside = raised_by_responses(BROKEN, begun)
    assert (inside.message, inside.code) == ("The provider hung up.", "stream_broken")


def test_a_responses_error_event_is_one_by_the_book() -> None:
    name, data = VOICES["openai_responses"].error_event(BUSY).decode().strip().split("\n")
    assert name == "event: error"
    event = ResponseErrorEvent.model_validate_json(data.removeprefix("data: "))
    assert (event.code, event.message, event.type) == ("rate_limited", "Busy.", "error")


def test_geminis_error_is_a_google_rpc_status() -> None:
    said = json.loads(VOICES["gemini"].error_body(BUSY))["error"]
    assert (said["code"], said["status"], said["message"]) == (429, "RESOURCE_EXHAUSTED", "Busy.")
    info, retry = said["details"]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == ("rate_limited", "policyroute")
    assert retry == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.999s"}
    assert said["policyroute"] == EXTRAS
    assert VOICES["gemini"].error_event(BUSY) == b"data: " + VOICES["gemini"].error_body(BUSY) + b"\n\n"


@pytest.mark.parametrize("voice", VOICES)
def test_the_field_at_fault_and_the_code_are_told_to_everybody(voice: str) -> None:
    error = ClientError.of_bad_request(BadRequest("invalid_role", "No such role.", param="messages[0].role"))
    for said in (VOICES[voice].error_body(error), VOICES[voice].error_event(error)):
        assert b'"invalid_role"' in said
        assert b"messages[0].role" in said
        assert b'"policyroute":{"retry":false}' in said


def test_anthropics_list_of_models() -> None:
    body = VOICES["anthropic"].models(["auto", "claude"], created=5)
    with anthropic.Anthropic(api_key="k", http_client=answering_with(body)) as client:
        page = client.models.list()
        assert [(model.id, model.display_name, model.created_at.timestamp()) for model in page] == [
            ("auto", "auto", 5.0),
            ("claude", "claude", 5.0),
        ]
    assert (page.first_id, page.last_id, page.has_more) == ("auto", "claude", False)
    assert json.loads(VOICES["anthropic"].models([]))["first_id"] is None
    assert json.loads(VOICES["anthropic"].model("claude", 5))["created_at"] == "1970-01-01T00:00:05Z"


def test_geminis_list_of_models() -> None:
    listed: list[dict[str, Any]] = json.loads(VOICES["gemini"].models(["auto"]))["models"]
    assert listed == [json.loads(VOICES["gemini"].model("auto"))]
    assert (listed[0]["name"], listed[0]["supportedGenerationMethods"]) == ("models/auto", ["generateContent"])


def test_a_count_of_tokens() -> None:
    body = VOICES["anthropic"].token_count(12)
    with anthropic.Anthropic(api_key="k", http_client=answering_with(body)) as client:
        assert client.messages.count_tokens(model="m", messages=[]).input_tokens == 12
    body = VOICES["openai_responses"].token_count(12)
    with openai.OpenAI(api_key="k", http_client=answering_with(body)) as responses:
        assert responses.responses.input_tokens.count(model="m", input="x").input_tokens == 12
    assert json.loads(VOICES["gemini"].token_count(12)) == {"totalTokens": 12}
