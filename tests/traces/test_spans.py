"""The spans of requests, as a tracer provider's exporter gets them from a gateway and from a middleware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id, get_current_span
from starlette.types import Receive, Scope, Send
from tests.support.asgi import HeaderPairs, ask, call, lifespan
from tests.support.canaries import PROMPT
from tests.support.edge import JSON, SECRET, Counting, chat

from policyroute_asgi import Gateway, PolicyRouteMiddleware, gateway

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"

Served = Callable[..., Any]


@pytest.fixture
async def app(policies: Path, upstream: Counting, provider: TracerProvider) -> Any:
    app = gateway(policies, log=None, transport=upstream, traces=provider)
    async with lifespan(app):
        yield app


def said(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_span_id(span.context.span_id)


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_trace_id(span.context.trace_id)


def parent_of(span: ReadableSpan) -> str | None:
    return format_span_id(span.parent.span_id) if span.parent is not None else None


def spans(exported: InMemorySpanExporter) -> tuple[list[ReadableSpan], ReadableSpan]:
    """The attempts' in order, and the request's."""
    *attempts, request = exported.get_finished_spans()
    return attempts, request


async def test_a_request_that_is_swapped_has_a_span_an_attempt(
    app: Gateway, upstream: Counting, exported: InMemorySpanExporter
) -> None:
    headers = [*JSON, ("traceparent", TRACEPARENT), ("tracestate", "vendor=1")]
    body = chat("swap", stream=True, stream_options={"include_usage": True})
    answer = await ask(app, "POST", CHAT, body, headers)
    (first, second), request = spans(exported)
    assert request.name == f"POST {CHAT}"
    assert request.kind is SpanKind.SERVER
    assert parent_of(request) == PARENT
    assert {trace_of(span) for span in (first, second, request)} == {TRACE}
    assert [parent_of(span) for span in (first, second)] == [id_of(request), id_of(request)]
    assert (first.name, second.name) == ("chat throttle-7s", "chat ok")
    assert (first.kind, second.kind) == (SpanKind.CLIENT, SpanKind.CLIENT)
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert (said(first)["error.type"], said(first)["http.response.status_code"]) == ("rate_limited", 429)
    assert [format_span_id(link.context.span_id) for link in second.links] == [id_of(first)]
    assert dict(second.links[0].attributes or {}) == {"policyroute.cause": "rate_limited"}
    assert not first.links
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "ok",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "ok",
        "gen_ai.response.finish_reasons": ("stop",),
        "policyroute.attempt.number": 2,
        "policyroute.target": "ok",
        "policyroute.provider": "demo",
        "policyroute.outcome": "ok",
        "policyroute.key": "env POLICYROUTE_TEST_KEY",
    }
    assert {name: said(second).get(name) for name in expected} == expected
    assert said(second)["gen_ai.usage.input_tokens"] > 0
    assert said(second)["gen_ai.usage.output_tokens"] > 0
    assert said(second)["gen_ai.response.time_to_first_chunk"] > 0
    expected = {
        "http.response.status_code": 200,
        "policyroute.decision.id": answer.headers["x-policyroute-decision-id"],
        "policyroute.rule": "swap",
        "policyroute.attempts": 2,
        "policyroute.target": "ok",
        "policyroute.outcome": "ok",
        "policyroute.requested_model": "swap",
        "policyroute.client": "local",
    }
    assert {name: said(request).get(name) for name in expected} == expected
    assert not [name for name in said(request) if name.startswith("gen_ai.usage")]
    assert request.status.status_code is StatusCode.UNSET
    # What a provider is sent says that its spans come below the attempt's.
    parents = [sent.headers["traceparent"] for sent in upstream.requests]
    assert parents == [f"00-{TRACE}-{id_of(span)}-01" for span in (first, second)]
    assert {sent.headers["tracestate"] for sent in upstream.requests} == {"vendor=1"}


async def test_spans_nest_in_time(app: Gateway, exported: InMemorySpanExporter) -> None:
    await ask(app, "POST", CHAT, chat("swap", stream=True), JSON)
    (first, second), request = spans(exported)
    times = [request.start_time, first.start_time, first.end_time, second.start_time, second.end_time, request.end_time]
    assert times == sorted(times, key=lambda each: each or 0)
    (committed,) = request.events
    assert committed.name == "policyroute.committed"
    assert (second.start_time or 0) <= committed.timestamp <= (second.end_time or 0)


async def test_there_is_no_content_and_no_key_in_spans(app: Gateway, exported: InMemorySpanExporter) -> None:
    bearer = ("authorization", "Bearer sk-callers-own")
    for model in ("swap", "ok", "500", "garbage", "forbidden", "cut"):
        answer = await ask(app, "POST", CHAT, chat(model, stream=True), [*JSON, bearer, ("baggage", "user=me")])
    text = "".join(span.to_json() for span in exported.get_finished_spans())
    assert answer.status == 200
    assert len(exported.get_finished_spans()) >= 11
    for never in (PROMPT, SECRET, "sk-callers-own", "user=me", "Not for you"):
        assert never not in text


@pytest.mark.parametrize(
    ("model", "status", "trouble", "attempt"),
    [
        ("ok", 200, None, None),
        ("500", 502, "unavailable", "unavailable"),
        ("cut", 200, "stream_broken", "stream_broken"),
        ("forbidden", 403, None, None),
        ("unheard-of", 404, None, None),
    ],
)
async def test_what_failed_is_an_error_of_whose_fault_it_is(  # noqa: PLR0913, PLR0917 - a table
    app: Gateway,
    exported: InMemorySpanExporter,
    model: str,
    status: int,
    trouble: str | None,
    attempt: str | None,
) -> None:
    answer = await ask(app, "POST", CHAT, chat(model, stream=True), JSON)
    attempts, request = spans(exported)
    assert answer.status == said(request)["http.response.status_code"] == status
    assert said(request).get("error.type") == trouble
    assert request.status.is_ok is (trouble is None)
    assert [said(span).get("error.type") for span in attempts] == ([attempt] if model in {"ok", "500", "cut"} else [])
    assert all(span.status.description is None for span in (*attempts, request))


async def test_a_client_that_leaves_ends_its_spans(app: Gateway, exported: InMemorySpanExporter) -> None:
    stream = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
    await stream.next()
    stream.hang_up()
    await stream.finish()
    (attempt,), request = spans(exported)
    assert said(attempt)["policyroute.outcome"] == said(request)["policyroute.outcome"] == "client_closed"
    assert (attempt.status.status_code, request.status.status_code) == (StatusCode.UNSET, StatusCode.UNSET)


async def test_a_gemini_models_name_is_not_in_the_name_of_a_span(app: Gateway, exported: InMemorySpanExporter) -> None:
    body = b'{"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}'
    await ask(app, "POST", "/v1beta/models/ok:generateContent", body, JSON)
    _, request = spans(exported)
    assert request.name == "POST /v1beta/models/{model}:generateContent"


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([], {"traceparent": True, "tracestate": None}),
        ([("traceparent", "nonsense"), ("tracestate", "vendor=1")], {"traceparent": True, "tracestate": None}),
    ],
)
async def test_a_trace_that_begins_here_has_nothing_of_the_clients(
    app: Gateway, upstream: Counting, headers: HeaderPairs, sent: Mapping[str, Any]
) -> None:
    await ask(app, "POST", CHAT, chat("ok"), [*JSON, *headers])
    (request,) = upstream.requests
    assert request.headers["traceparent"].startswith("00-")
    assert request.headers.get("tracestate") == sent["tracestate"]


@pytest.mark.parametrize("headers", [[], [("traceparent", TRACEPARENT)]])
@pytest.mark.parametrize(("change", "expected"), [("{remove: [traceparent]}", None), ("{set: {traceparent: x}}", "x")])
async def test_what_a_rule_says_of_the_header_stands(  # noqa: PLR0913, PLR0917 - a table
    policies: Path,
    upstream: Counting,
    provider: TracerProvider,
    headers: HeaderPairs,
    change: str,
    expected: str | None,
) -> None:
    rule = f"rules:\n  - {{id: untraced, request_headers: {change}}}\n"
    (policies / "policy.yaml").write_text((policies / "policy.yaml").read_text().replace("rules:\n", rule))
    app = gateway(policies, log=None, transport=upstream, traces=provider)
    async with lifespan(app):
        await ask(app, "POST", CHAT, chat("ok"), [*JSON, *headers])
    (request,) = upstream.requests
    assert request.headers.get("traceparent") == expected


async def test_below_the_span_of_an_apps_request(
    policies: Path, upstream: Counting, provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    seen = list[str]()

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...

    def who(scope: Scope) -> dict[str, str]:
        seen.append(format_span_id(get_current_span().get_span_context().span_id))
        return {"id": "me", "tenant": "us"}

    routed = PolicyRouteMiddleware(nothing, policies, client=who, log=None, transport=upstream, traces=provider)
    tracer = provider.get_tracer("app")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with tracer.start_as_current_span("app") as around:
            await routed(scope, receive, send)
            assert get_current_span() is around

    await ask(app, "POST", CHAT, chat("ok"), [*JSON, ("traceparent", TRACEPARENT), ("tracestate", "vendor=1")])
    await routed.aclose()
    attempt, request, around = exported.get_finished_spans()
    assert (around.name, request.kind) == ("app", SpanKind.INTERNAL)
    assert parent_of(request) == id_of(around)
    assert seen == [id_of(request)]
    assert id_of(attempt) in upstream.requests[0].headers["traceparent"]
    assert "tracestate" not in upstream.requests[0].headers


async def test_what_is_not_sampled_is_passed_on_all_the_same(
    policies: Path, upstream: Counting, exported: InMemorySpanExporter
) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    app = gateway(policies, log=None, transport=upstream, traces=provider)
    async with lifespan(app):
        await ask(app, "POST", CHAT, chat("ok"), [*JSON, ("traceparent", TRACEPARENT)])
    assert upstream.requests[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert upstream.requests[0].headers["traceparent"].endswith("-00")
    assert exported.get_finished_spans() == ()


class Broken(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("as processors of an app may")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("as processors of an app may")


async def test_a_tracer_that_fails_fails_no_request(policies: Path, upstream: Counting) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    app = gateway(policies, log=None, transport=upstream, traces=provider)
    async with lifespan(app):
        answer = await ask(app, "POST", CHAT, chat("swap"), JSON)
    assert answer.status == 200


async def test_without_traces_the_clients_header_goes_as_it_is(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream, traces=None)
    async with lifespan(app):
        await ask(app, "POST", CHAT, chat("ok"), [*JSON, ("traceparent", TRACEPARENT)])
    assert upstream.requests[0].headers["traceparent"] == TRACEPARENT
