"""What a client is told: the `openai` SDK raises its own exception, and our keys are never blamed on it."""

from __future__ import annotations

import httpx2
import openai
import pytest

from policyroute.dialects import VOICES, ClientError
from policyroute.dialects.shapes import obj
from policyroute.failures import Failure, FailureKind
from policyroute.request import BadRequest

CHAT = VOICES["openai_chat"]

RAISED: dict[FailureKind, type[openai.APIStatusError]] = {
    FailureKind.RATE_LIMITED: openai.RateLimitError,
    FailureKind.QUOTA_EXHAUSTED: openai.RateLimitError,
    FailureKind.CONTEXT_OVERFLOW: openai.BadRequestError,
    FailureKind.CONTENT_FILTERED: openai.BadRequestError,
    FailureKind.REFUSED: openai.BadRequestError,
    FailureKind.INVALID_REQUEST: openai.BadRequestError,
    FailureKind.MODEL_NOT_FOUND: openai.NotFoundError,
}


def raised(error: ClientError, *, stream: bytes | None = None) -> openai.APIError:
    """What the SDK makes of this error: as an HTTP answer, or at the end of a stream that began with `stream`."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        if stream is None:
            return httpx2.Response(error.status, headers=error.headers(), content=CHAT.error_body(error))
        events = stream + CHAT.error_event(error)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    client = openai.OpenAI(
        api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    with client, pytest.raises(openai.APIError) as caught:
        if stream is None:
            client.chat.completions.create(model="m", messages=[])
        else:
            list(client.chat.completions.create(model="m", messages=[], stream=True))
    return caught.value


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_raises_the_exception_its_users_expect(kind: FailureKind) -> None:
    error = raised(ClientError.of_failure(Failure(kind, "Said so.", status=403), "d1"))
    assert type(error) is RAISED.get(kind, openai.InternalServerError)
    assert isinstance(error, openai.APIStatusError)
    assert error.status_code not in (401, 403)
    assert obj(error.body)["policyroute"]["decision_id"] == "d1"
    assert error.code
    assert error.type


def test_our_key_refused_is_our_trouble() -> None:
    failure = Failure(FailureKind.AUTH, "Your key sk-1 is bad", status=401, retry_after=3.0)
    error = ClientError.of_failure(failure)
    assert (error.status, error.code, error.retry, error.retry_after) == (502, "upstream_auth", False, None)
    assert "sk-1" not in error.message


def test_waits_are_passed_on() -> None:
    error = ClientError.of_failure(Failure(FailureKind.RATE_LIMITED, "Busy.", 429, retry_after=1.2))
    assert dict(error.headers()) == {"retry-after": "2", "x-should-retry": "true"}
    assert obj(raised(error).body)["policyroute"] == {"retry": True, "retry_after": 1.2}


def test_waits_are_told_to_the_millisecond() -> None:
    error = ClientError.of_failure(Failure(FailureKind.RATE_LIMITED, "Busy.", 429, retry_after=6.998793750000004))
    assert obj(raised(error).body)["policyroute"] == {"retry": True, "retry_after": 6.999}


def test_a_providers_own_status_for_a_bad_request_is_kept() -> None:
    for status, shown in ((422, 422), (404, 404), (401, 400), (500, 400), (None, 400)):
        failure = Failure(FailureKind.INVALID_REQUEST, "Bad.", status)
        assert ClientError.of_failure(failure).status == shown


def test_a_bad_request_and_a_denial() -> None:
    bad = raised(ClientError.of_bad_request(BadRequest("invalid_role", "No such role.", param="messages[0].role")))
    assert isinstance(bad, openai.BadRequestError)
    assert (bad.code, bad.param, bad.type) == ("invalid_role", "messages[0].role", "invalid_request_error")
    denied = raised(ClientError.of_denial(403, "not_yours", "Not yours.", "d1"))
    assert isinstance(denied, openai.PermissionDeniedError)
    assert denied.code == "not_yours"


def test_an_error_inside_a_stream_raises() -> None:
    begun = b'data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n'
    error = ClientError.of_failure(Failure(FailureKind.STREAM_BROKEN, "The provider hung up."))
    sdk = raised(error, stream=begun)
    assert sdk.message == "The provider hung up."
    assert sdk.code == "stream_broken"
    assert b"[DONE]" not in CHAT.error_event(error)


def test_the_list_of_models() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=CHAT.models(["auto", "gpt"], created=5))

    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))) as client:
        found = list(client.models.list())
    assert [(model.id, model.created) for model in found] == [("auto", 5), ("gpt", 5)]
