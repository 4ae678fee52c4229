"""How workers come, go and come back, and what the supervisor says of it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.workers.conftest import Edit, Serve

from policyroute_asgi.preparation import Preparation

CHAT = "/v1/chat/completions"
TWO = ("--workers", 2)


def ask(client: httpx.Client, model: str, **fields: object) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "one two three four"}], **fields}
    return client.post(CHAT, json=body)


def workers(client: httpx.Client) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get("/-/policy").json()["workers"]
    return found


def gone(pid: object) -> None:
    """Returns when there is no such process."""
    while Path(f"/proc/{pid}").exists():
        pass


@pytest.fixture
def spoiled(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An environment in which this code runs first in every worker that starts, and in no other process."""

    def environment(code: str) -> dict[str, str]:
        (tmp_path / "sitecustomize.py").write_text(
            f"import os, sys, time\nif 'policyroute_asgi.workers' in sys.orig_argv:\n    {code}\n"
        )
        return {"PYTHONPATH": str(tmp_path)}

    return environment


def test_a_broken_edit_changes_nothing_but_the_reports(serve: Serve, edit: Edit) -> None:
    gateway = serve(*TWO)
    with gateway.client() as client:
        before = client.get("/-/policy").json()
        edit("route: [requested, small]", "route: [requested, smal]")
        gateway.says("is still served")
        for _ in range(8):  # whichever worker answers
            with httpx.Client(base_url=client.base_url) as other:
                ready = other.get("/readyz").json()
                assert ready == {"ready": True, "policy": "stale", "revision": before["revision"]}
                assert ask(other, "auto").status_code == 200
        told = client.get("/-/policy").json()
        assert (told["policy"], told["revision"], told["converged"]) == ("stale", before["revision"], True)
        assert "smal" in told["problems"][0]["message"]
        numbers = client.get("/metrics").text
        assert "policyroute_policy_in_sync 0.0" in numbers
        assert 'policyroute_reloads_total{outcome="refused"} 1.0' in numbers
        # A worker that starts now serves what the others serve.
        os.kill(int(str(workers(client)[0]["pid"])), signal.SIGKILL)
        gateway.says("it is replaced now")
        while [each["state"] for each in workers(client)] != ["serving", "serving"]:
            pass
        assert client.get("/-/policy").json()["revision"] == before["revision"]
        edit("route: [requested, smal]", "route: [requested, large]")
        gateway.says("all workers serve policy")
        for _ in range(8):
            with httpx.Client(base_url=client.base_url) as other:
                assert ask(other, "auto").headers["x-policyroute-target"] == "large"


def test_a_start_with_a_broken_directory_serves_the_last_good_policy(
    serve: Serve, edit: Edit, directory: Path, tmp_path: Path
) -> None:
    state = ("--state-dir", tmp_path / "state")
    Preparation(directory, tmp_path / "state").from_directory()
    edit("route: [requested, small]", "route: [requested, smal]")
    gateway = serve(*TWO, *state)
    gateway.says("THE POLICY DIRECTORY IS BROKEN")
    with gateway.client() as client:
        assert ask(client, "auto").headers["x-policyroute-target"] == "small"
        assert client.get("/readyz").json()["policy"] == "last_good"


def test_a_key_reaches_the_workers_by_no_way_that_others_can_see(serve: Serve, edit: Edit, directory: Path) -> None:
    (directory / "key").write_text("sk-the-first-0123456789")
    edit("region: eu}", "region: eu, api_key: {file: key}}")
    edit("{small: {provider: here, model: s}", "{small: {provider: here, model: auth}")
    gateway = serve(*TWO)
    with gateway.client() as client:
        shown = ask(client, "small").text
        assert ask(client, "small").status_code == 502
        for each in workers(client):
            process = Path(f"/proc/{each['pid']}")
            assert b"sk-the" not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert "sk-the" not in shown
        (directory / "key").write_text("sk-the-second-0123456789")
        edit("version: 1", "version: 1 # now")
        gateway.says("all workers serve policy")
    gateway.tell(signal.SIGTERM)
    _, out = gateway.ended()
    assert "sk-the" not in out + gateway.rest()
    assert not list(directory.parent.rglob("*last-good*"))


def test_workers_that_keep_dying_are_replaced_ever_more_slowly(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag = tmp_path / "spoil"
    gateway = serve(*TWO, environment=spoiled(f"os.path.exists({str(flag)!r}) and os._exit(7)"))
    with gateway.client() as client:
        flag.touch()
        os.kill(int(str(workers(client)[0]["pid"])), signal.SIGKILL)
        assert "was killed by SIGKILL" in gateway.says("it is replaced now")
        assert "ended with status 7" in gateway.says("it is replaced in 0.25 s")
        assert ask(client, "auto").status_code == 200  # by the other one
        assert client.get("/readyz").status_code == 200
        flag.unlink()
        while [each["state"] for each in workers(client)] != ["serving", "serving"]:
            pass
        assert 'policyroute_worker_restarts_total{reason="died"} ' in client.get("/metrics").text


def test_a_worker_that_never_serves_makes_the_start_fail(
    serve: Serve, spoiled: Callable[[str], dict[str, str]]
) -> None:
    gateway = serve(*TWO, environment=spoiled("os._exit(7)"))
    assert "it ended with status 7" in gateway.says("not started: a worker does not serve")
    assert gateway.ended()[0] == 1


def test_a_successor_that_does_not_serve_ends_a_rolling_restart_and_nobody_is_retired(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag = tmp_path / "spoil"
    gateway = serve(*TWO, environment=spoiled(f"os.path.exists({str(flag)!r}) and os._exit(7)"))
    with gateway.client() as client:
        before = workers(client)
        flag.touch()
        gateway.tell(signal.SIGUSR2)
        assert "worker 1 goes on" in gateway.says("rolling restart given up")
        assert workers(client) == before
        assert ask(client, "auto").status_code == 200


def test_workers_end_in_order_when_their_supervisor_is_killed(serve: Serve) -> None:
    gateway = serve(*TWO)
    with gateway.client() as client:
        pids = [each["pid"] for each in workers(client)]
        body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
        with client.stream("POST", CHAT, json=body) as response:
            lines = response.iter_lines()
            next(lines)
            gateway.tell(signal.SIGKILL)
            assert [line for line in lines if line][-1] == "data: [DONE]"
    for pid in pids:
        gone(pid)


def test_a_second_signal_ends_what_is_open_and_tells_it_so(serve: Serve, edit: Edit) -> None:
    edit("model: slow-150ms", "model: stall")
    gateway = serve(*TWO, "--grace", 600)
    body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
    with gateway.client() as client, client.stream("POST", CHAT, json=body) as response:
        lines = response.iter_lines()
        next(lines)
        gateway.tell(signal.SIGTERM)
        refused(client)
        gateway.tell(signal.SIGTERM)
        last = [line for line in lines if line][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "shutting_down"
    status, out = gateway.ended()
    assert status == 0
    assert "Traceback" not in gateway.rest()
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["shutting_down"]


def test_a_signal_to_all_processes_is_no_second_one(serve: Serve) -> None:
    gateway = serve(*TWO)
    body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
    with gateway.client() as client:
        pids = [int(str(each["pid"])) for each in workers(client)]
        with client.stream("POST", CHAT, json=body) as response:
            lines = response.iter_lines()
            next(lines)
            for pid in (gateway.process.pid, *pids):
                os.kill(pid, signal.SIGTERM)
            assert [line for line in lines if line][-1] == "data: [DONE]"
    assert gateway.ended()[0] == 0


def test_log_lines_of_all_workers_stay_whole_where_the_reader_is_slow(serve: Serve) -> None:
    gateway = serve("--workers", 3)
    asked = 240
    with gateway.client() as client:
        for _ in range(12):  # over several connections, so that several workers answer
            with httpx.Client(base_url=client.base_url, timeout=30) as other:
                for _ in range(asked // 12):
                    assert ask(other, "auto").status_code == 200
    gateway.tell(signal.SIGTERM)
    status, out = gateway.ended()  # reads for the first time
    assert status == 0
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["ok"] * asked


def refused(client: httpx.Client) -> None:
    """Returns when no new connection is accepted: the first signal has been heard by all."""
    while True:
        try:
            httpx.get(client.base_url.join("/healthz"))
        except httpx.ConnectError:
            return
        except httpx.TransportError:
            pass


def test_a_stop_in_the_middle_of_the_start_is_no_failure(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    gateway = serve(*TWO, environment=spoiled(f"open({str(begun)!r}, 'w').close(); time.sleep(1)"))
    while not begun.exists():
        pass
    gateway.tell(signal.SIGTERM)
    assert gateway.ended()[0] == 0
    assert "not started" not in gateway.rest()
