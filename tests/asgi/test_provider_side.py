"""The gateway and the middleware seen from both sides at once: what a provider gets of a request, and a client of an
answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Answer, ask
from tests.support.canaries import OWN_KEY, PROVIDER_KEY
from tests.support.edge import JSON, Log, chat
from tests.support.providers import Asked, answer, error, http, provider

from policyroute.request import Client
from policyroute_asgi import ANONYMOUS, Gateway, Router, gateway
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.identity import Identify
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


async def whole(asked: Asked) -> bool:
    await asked.say(http("200 OK", answer()))
    return True


async def refuses(asked: Asked) -> bool:
    key = asked.headers["authorization"]
    await asked.say(http("401 Unauthorized", error(f"Incorrect API key provided: {key}", "invalid_api_key")))
    return True


async def forbids(asked: Asked) -> bool:
    key = asked.headers["authorization"]
    await asked.say(http("403 Forbidden", error(f"{key} has no access to the model m", "permission_denied")))
    return True


def policy(folder: Path, providers: dict[str, str], rules: str = "") -> Path:
    """Each provider with one target, `t-` and its name, tried in this order."""
    targets = ", ".join(f"t-{name}: {{provider: {name}, model: m}}" for name in providers)
    text = ["version: 1", "providers:"]
    text += [f"  {name}: {{dialect: openai_chat, {settings}}}" for name, settings in providers.items()]
    text += [f"targets: {{{targets}}}", rules]
    text += [f"default: {{route: [{', '.join(f't-{name}' for name in providers)}]}}"]
    (folder / "policy.yaml").write_text("\n".join(text))
    return folder


def told(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["error"]
    return found


async def post(app: Any, *headers: tuple[str, str], path: str = CHAT) -> Answer:
    return await ask(app, "POST", path, chat("auto"), [*JSON, *headers])


# Bring your own key ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "path"),
    [
        (("X-Provider-Key", OWN_KEY), CHAT),
        (("X-Provider-Key", f"vendor={OWN_KEY}"), CHAT),
        (("Authorization", f"Bearer {OWN_KEY}"), CHAT),
        (("x-api-key", OWN_KEY), CHAT),
        (("x-other", "1"), f"{CHAT}?key={OWN_KEY}"),
    ],
)
async def test_the_callers_key_goes_upstream_and_nowhere_else(
    tmp_path: Path, log: Log, header: tuple[str, str], path: str
) -> None:
    async with provider(whole) as vendor:
        app = gateway(policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"}), log=log)
        assert (await post(app, header, path=path)).status == 200
        await app.aclose()
        [asked] = vendor.asked
    assert asked.headers["authorization"] == f"Bearer {OWN_KEY}"
    assert [name for name, value in asked.headers.items() if OWN_KEY in value] == ["authorization"]
    assert OWN_KEY not in asked.line + asked.body.decode()
    assert log.lines and OWN_KEY.encode() not in log.text


async def test_a_key_is_asked_for(tmp_path: Path) -> None:
    async with provider(whole) as vendor:
        app = gateway(policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"}), log=None)
        refused = await post(app)
        strange = await post(app, ("X-Provider-Key", "vendor=sk-\xe9"))
        await app.aclose()
        assert not vendor.asked
    assert (refused.status, told(refused)["code"]) == (401, "missing_client_key")
    assert "X-Provider-Key: vendor=" in told(refused)["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert (strange.status, told(strange)["code"]) == (400, "invalid_provider_key")


async def test_a_key_without_a_name_is_for_nobody_where_there_are_two_vendors(tmp_path: Path) -> None:
    async with provider(whole) as one, provider(whole) as other:
        app = gateway(
            policy(
                tmp_path,
                {
                    "one": f"base_url: {one.base_url}, api_key: from_client",
                    "other": f"base_url: {other.base_url}, api_key: from_client",
                },
            ),
            log=None,
        )
        for header in (("X-Provider-Key", OWN_KEY), ("Authorization", f"Bearer {OWN_KEY}")):
            assert (await post(app, header)).status == 401
        assert (await post(app, ("X-Provider-Key", f"other={OWN_KEY}"))).status == 200
        await app.aclose()
        assert (len(one.asked), len(other.asked)) == (0, 1)


@pytest.mark.parametrize(("does", "status"), [(refuses, 401), (forbids, 403)])
async def test_a_key_that_the_provider_refuses_is_the_callers_affair(
    tmp_path: Path, log: Log, does: Callable[[Asked], Awaitable[bool]], status: int
) -> None:
    async with provider(does) as vendor:
        app = gateway(policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"}), log=log)
        refused = await post(app, ("X-Provider-Key", OWN_KEY))
        await app.aclose()
    assert (refused.status, told(refused)["code"]) == (status, "provider_key_refused")
    assert OWN_KEY.encode() not in refused.body + log.text
    assert log.lines[0]["outcome"] == "provider_key_refused"


async def test_the_log_says_by_which_key_each_attempt_went_and_never_the_key(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses_one(asked: Asked) -> bool:
        return await (refuses if asked.headers["authorization"] == f"Bearer {PROVIDER_KEY}-1" else whole)(asked)

    monkeypatch.setenv("KEY_ONE", f"{PROVIDER_KEY}-1")
    (tmp_path / "second-key").write_text("another\n")
    async with provider(refuses_one) as pooled, provider(refuses) as own, provider(whole) as open_to_all:
        pool = "api_keys: [{env: KEY_ONE}, {file: second-key}]"
        for settings in (
            {"pooled": f"base_url: {pooled.base_url}, {pool}"},
            {"own": f"base_url: {own.base_url}, api_key: from_client"},
            {"open": f"base_url: {open_to_all.base_url}"},
        ):
            app = gateway(policy(tmp_path, settings), log=log)
            await post(app, ("X-Provider-Key", f"own={OWN_KEY}"))
            await app.aclose()
    keys = [[attempt["key"] for attempt in line["attempts"]] for line in log.lines]
    assert keys == [["env KEY_ONE", "file second-key"], ["client"], [None]]
    assert not any(key in log.text for key in (PROVIDER_KEY.encode(), OWN_KEY.encode(), b"another"))


def header_says(scope: Any) -> Client:
    return Client(id="somebody")


@pytest.mark.parametrize(("who", "goes"), [(header_says, False), (ANONYMOUS, True)])
async def test_the_credential_that_an_app_goes_by_never_reaches_a_provider(
    tmp_path: Path, who: Identify, goes: bool
) -> None:
    async with provider(whole) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"})
        app = gateway(folder, client=who, log=None)
        status = (await post(app, ("Authorization", "Bearer the-apps-session"))).status
        assert (await post(app, ("X-Provider-Key", OWN_KEY))).status == 200
        await app.aclose()
        assert (status == 200) is goes
        assert len(vendor.asked) == 1 + goes


async def test_the_key_of_a_client_of_the_gateway_never_reaches_a_provider(tmp_path: Path) -> None:
    key = "plr_of-a-client-of-the-gateway"
    clients = f"clients: {{ci: {{key_sha256: {sha256(key.encode()).hexdigest()}}}}}"
    async with provider(whole) as vendor:
        settings = {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"}
        app = gateway(policy(tmp_path, settings, clients), log=None)
        ours = ("Authorization", f"Bearer {key}")
        assert told(await post(app, ours))["code"] == "missing_client_key"
        assert (await post(app, ours, ("X-Provider-Key", OWN_KEY))).status == 200
        assert (await post(app, ("X-Provider-Key", OWN_KEY))).status == 401
        await app.aclose()
        [asked] = vendor.asked
    assert asked.headers["authorization"] == f"Bearer {OWN_KEY}"


async def test_an_apps_own_sdk_brings_its_key(tmp_path: Path) -> None:
    async with provider(whole) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"})
        async with Router(folder, log=None) as router, router.http_client(client=Client(id="batch")) as http_client:
            headers = {"authorization": f"Bearer {OWN_KEY}", "content-type": "application/json"}
            done = await http_client.post("http://any.example" + CHAT, content=chat("auto"), headers=headers)
        assert done.status_code == 200
        assert vendor.asked[0].headers["authorization"] == f"Bearer {OWN_KEY}"


async def test_no_rule_sees_a_key(tmp_path: Path) -> None:
    rules = """
rules:
  - id: looks
    when: request.headers.exists(name, name in ["x-provider-key", "authorization"]) || "key" in request.query
    deny: {}
"""
    async with provider(whole) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: from_client"}, rules)
        app = gateway(folder, log=None)
        seen = ("X-Provider-Key", OWN_KEY), ("Authorization", "Bearer other")
        assert (await post(app, *seen, path=f"{CHAT}?key=third")).status == 200
        await app.aclose()


# Headers --------------------------------------------------------------------------------------------------------------


async def test_nothing_of_a_providers_headers_reaches_the_client(tmp_path: Path) -> None:
    theirs = (
        "connection: keep-alive, x-secret",
        "keep-alive: timeout=5",
        "set-cookie: tenant=one",
        "server: vendor/1",
        "x-secret: organisation-7",
        "openai-organization: acme",
        "x-policyroute-target: forged",
        "x-request-id: theirs",
        "access-control-allow-origin: *",
        "content-security-policy: none",
    )

    async def talks(asked: Asked) -> bool:
        await asked.say(http("200 OK", answer(), *theirs))
        return True

    async with provider(talks) as vendor:
        app = gateway(policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}"}), log=None, expose="full")
        headers = (await post(app)).headers
        await app.aclose()
    assert set(headers) == {
        "content-type",
        "content-length",
        "x-request-id",
        "x-policyroute-decision-id",
        "x-policyroute-target",
        "x-policyroute-rule",
        "x-policyroute-revision",
        "x-policyroute-attempts",
    }
    assert headers["x-policyroute-target"] == "t-vendor"
    assert headers["x-request-id"] == headers["x-policyroute-decision-id"]


SPLITS = [
    "one\r\nX-Injected: 1",
    "one\nX-Injected: 1",
    "one\rX-Injected: 1",
    "one\x00",
    "one\x85X-Injected: 1",
    "one\u2028X-Injected: 1",
    "one\x7f",
    "\u560d\u560aX-Injected: 1",
    "x" * 10_000,
]
BOTH_WAYS = """
rules:
  - id: says-who
    request_headers: {set: {X-Team: {cel: client.team}, X-Tag: {cel: 'client.tags["t"]'}}}
  - id: says-it-back
    response_headers: {set: {X-Echo: {cel: client.team}}}
"""


def as_client(team: str) -> Client:
    return Client(team=team, tags={"t": "fine"})


def as_mapping(team: str) -> dict[str, Any]:
    return {"team": team, "tags": {"t": "fine"}}


@pytest.mark.parametrize("facts", [as_client, as_mapping])
@pytest.mark.parametrize("team", SPLITS)
async def test_no_client_facts_split_a_header_in_either_direction(
    tmp_path: Path, team: str, facts: Callable[[str], Any]
) -> None:
    async with provider(whole) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}"}, BOTH_WAYS)
        app = gateway(folder, client=lambda scope: facts(team), log=None)
        back = await post(app)
        await app.aclose()
        [asked] = vendor.asked
    assert back.status == 200
    for names in (set(asked.headers), set(back.headers)):
        assert not names & {"x-injected", "x-team", "x-echo"}
    assert "x-tag" not in asked.headers  # the rule is skipped as a whole, and counted


async def test_plain_client_facts_arrive(tmp_path: Path) -> None:
    async with provider(whole) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}"}, BOTH_WAYS)
        app = gateway(folder, client=lambda scope: as_client("research"), log=None)
        back = await post(app)
        await app.aclose()
        [asked] = vendor.asked
    assert (asked.headers["x-team"], asked.headers["x-tag"], back.headers["x-echo"]) == ("research", "fine", "research")


# Keys of ours ---------------------------------------------------------------------------------------------------------


def keys_ready(metrics: str, provider: str) -> dict[str, float]:
    lines = [line for line in metrics.splitlines() if line.startswith("policyroute_provider_keys{")]
    found = {line.split('state="')[1].split('"')[0]: float(line.split(" ")[-1]) for line in lines if provider in line}
    return {state: number for state, number in found.items() if number}


async def test_a_refused_key_is_in_the_metrics_and_new_keys_put_it_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def old_key_is_refused(asked: Asked) -> bool:
        return await (whole if "new" in asked.headers["authorization"] else refuses)(asked)

    async def metrics(app: Gateway) -> dict[str, float]:
        return keys_ready((await ask(app, "GET", "/metrics")).body.decode(), "vendor")

    (tmp_path / "vendor.key").write_text(PROVIDER_KEY)
    async with provider(old_key_is_refused) as vendor:
        folder = policy(tmp_path, {"vendor": f"base_url: {vendor.base_url}, api_key: {{file: vendor.key}}"})
        holder = PolicyHolder(Preparation(folder), watch=False)
        app = gateway(holder, log=None)
        refused = await post(app)
        assert (refused.status, told(refused)["code"]) == (502, "upstream_auth")
        assert await metrics(app) == {"auth": 1}
        (tmp_path / "vendor.key").write_text(f"{PROVIDER_KEY}-new")
        await holder.reload()
        assert (await post(app)).status == 200
        assert await metrics(app) == {"ready": 1}
        await app.aclose()
        await holder.aclose()
    assert "file vendor.key" in caplog.text
    assert PROVIDER_KEY not in caplog.text and PROVIDER_KEY.encode() not in refused.body
