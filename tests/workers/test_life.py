"""How workers come, go and come back, and what the supervisor says of it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.support.auditing import verified
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


@pytest.mark.skipif(sys.platform != "linux", reason="whose child a process is is asked in Linux' way")
def test_many_workers_are_started_some_at_a_time(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag, begun = tmp_path / "wait", tmp_path / "begun"
    begun.mkdir()
    flag.touch()
    code = f"open({str(begun)!r} + f'/{{os.getpid()}}', 'w').close()\n    "
    code += f"while os.path.exists({str(flag)!r}): time.sleep(0.01)"
    gateway = serve("--workers", 10, environment=spoiled(code))
    pid = gateway.process.pid
    while len(list(begun.iterdir())) < 8:
        pass
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    flag.unlink()
    assert len(started) == 8
    gateway.says("10 workers serve")
    gateway.tell(signal.SIGTERM)
    assert gateway.ended()[0] == 0


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


def test_a_worker_that_dies_during_a_rolling_restart_is_told_of_and_its_place_is_filled(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag, begun = tmp_path / "wait", tmp_path / "begun"
    code = f"while os.path.exists({str(flag)!r}): open({str(begun)!r}, 'w').close(); time.sleep(0.01)"
    gateway = serve(*TWO, environment=spoiled(code))
    with gateway.client() as client:
        flag.touch()
        gateway.tell(signal.SIGUSR2)
        while not begun.exists():
            pass
        first = next(each for each in workers(client) if each["worker"] == 1 and each["state"] == "serving")
        os.kill(int(str(first["pid"])), signal.SIGKILL)
        gone(first["pid"])
        assert ask(client, "auto").status_code == 200  # by the other one
        flag.unlink()
        assert "worker 1" in gateway.says("was killed by SIGKILL")
        gateway.says("2 new workers serve")
        assert 'policyroute_worker_restarts_total{reason="died"} 1.0' in client.get("/metrics").text
        while [each["state"] for each in workers(client)] != ["serving", "serving"]:
            pass


def test_a_successor_that_is_killed_ends_the_rolling_restart_and_the_next_one_works(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag = tmp_path / "wait"
    gateway = serve(*TWO, environment=spoiled(f"while os.path.exists({str(flag)!r}): time.sleep(0.01)"))
    with gateway.client() as client:
        before = workers(client)
        flag.touch()
        gateway.tell(signal.SIGUSR2)
        while len(there := workers(client)) < 3:
            pass
        (successor,) = (each for each in there if each["state"] == "starting")
        os.kill(int(str(successor["pid"])), signal.SIGKILL)
        assert "it was killed by SIGKILL" in gateway.says("rolling restart given up")
        assert workers(client) == before
        flag.unlink()
        gateway.tell(signal.SIGUSR2)
        gateway.says("2 new workers serve")


def test_a_stop_in_the_middle_of_a_rolling_restart_is_in_order(
    serve: Serve, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag = tmp_path / "wait"
    gateway = serve(*TWO, environment=spoiled(f"while os.path.exists({str(flag)!r}): time.sleep(0.01)"))
    body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
    with gateway.client() as client:
        flag.touch()
        gateway.tell(signal.SIGUSR2)
        while len(workers(client)) < 3:
            pass
        with client.stream("POST", CHAT, json=body) as response:
            lines = response.iter_lines()
            next(lines)
            gateway.tell(signal.SIGTERM)
            flag.unlink()
            assert [line for line in lines if line][-1] == "data: [DONE]"
    assert gateway.ended()[0] == 0
    assert "Traceback" not in gateway.rest()


def test_an_edit_in_the_middle_of_a_rolling_restart_reaches_the_successors(
    serve: Serve, edit: Edit, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flag = tmp_path / "wait"
    gateway = serve(*TWO, environment=spoiled(f"while os.path.exists({str(flag)!r}): time.sleep(0.01)"))
    with gateway.client() as client:
        flag.touch()
        gateway.tell(signal.SIGUSR2)
        while len(workers(client)) < 3:
            pass
        edit("route: [requested, small]", "route: [requested, large]")
        gateway.says("all workers serve policy")
        flag.unlink()
        gateway.says("2 new workers serve")
        for _ in range(8):
            with httpx.Client(base_url=client.base_url) as other:
                assert ask(other, "auto").headers["x-policyroute-target"] == "large"


def test_a_worker_that_cannot_make_a_policy_ends_what_it_has_open_and_is_replaced(
    serve: Serve, edit: Edit, spoiled: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    edit("version: 1", "version: 1\nuse: [profiles]")
    # As when a pack is exchanged under a gateway that runs.
    gateway = serve(
        *TWO,
        environment=spoiled(
            "import policyroute.author.load as load; real = load.shipped_packs; load.shipped_packs = lambda: {"
            f"name: text + '\\n' * os.path.exists({str(tmp_path / 'other')!r}) for name, text in real().items()}}"
        ),
    )
    body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four " * 3}]}
    with gateway.client() as client:
        with client.stream("POST", CHAT, json=body) as response:
            lines = response.iter_lines()
            next(lines)
            (tmp_path / "other").touch()
            edit("route: [requested, small]", "route: [requested, large]")
            assert "cannot go on: policy " in gateway.says("it is replaced now")
            (tmp_path / "other").unlink()
            assert [line for line in lines if line][-1] == "data: [DONE]"
        while [each["state"] for each in workers(client)] != ["serving", "serving"]:
            pass
        for _ in range(8):
            with httpx.Client(base_url=client.base_url) as other:
                assert ask(other, "auto").headers["x-policyroute-target"] == "large"
        # Of both, or of the one that got there while the other pack was there.
        assert re.search(r'policyroute_worker_restarts_total\{reason="policy"\} [1-9]', client.get("/metrics").text)


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


@pytest.mark.skipif(sys.platform != "linux", reason="who holds a lock is asked in Linux' way")
def test_who_is_killed_in_the_middle_of_writing_the_log_takes_no_line_of_another_along(serve: Serve) -> None:
    gateway = serve(*TWO)
    with gateway.client() as client:
        pid = workers(client)[0]["pid"]

        def log(name: str) -> None:
            """One line with this name, of whichever worker."""
            with httpx.Client(base_url=client.base_url, headers={"x-request-id": name}) as other:
                assert ask(other, "auto").status_code == 200

        with writing_of(int(str(pid))) as stuck, ThreadPoolExecutor(24) as many:
            while (killed := stuck()) is None:
                list(many.map(log, ["before"] * 24))  # what is written at once is more than the kernel keeps whole
        os.kill(killed, signal.SIGKILL)
        gateway.says("it is replaced now")
        for number in range(20):
            log(f"after-{number}")
    gateway.tell(signal.SIGTERM)
    status, out = gateway.ended()  # reads for the first time
    assert status == 0
    whole = [line for line in out.splitlines() if line.endswith("}")]
    assert len(out.splitlines()) - len(whole) <= 1  # what it was at
    names = {json.loads(line)["request_id"] for line in whole}
    assert names == {"before", *(f"after-{number}" for number in range(20))}


@contextmanager
def writing_of(worker: int) -> Generator[Callable[[], int | None]]:
    """Asks which process has the turn to write the log and cannot, because standard output is full."""
    lock = Path(f"/proc/{worker}/cmdline").read_text().split("\0")[-2]
    turn = os.open(f"/proc/{worker}/fd/{lock}", os.O_RDWR)
    out = os.open(f"/proc/{worker}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
    form = "hhqqi"  # struct flock

    def stuck() -> int | None:
        if select.select([], [out], [], 0)[1]:
            return None
        asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, holder = struct.unpack(form, fcntl.fcntl(turn, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else int(holder)

    try:
        yield stuck
    finally:
        os.close(turn)
        os.close(out)


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
    said = gateway.rest()
    assert "not started" not in said and "Traceback" not in said


def test_each_worker_audits_in_a_chain_of_its_own(serve: Serve, directory: Path, tmp_path: Path) -> None:
    (directory / "audit.yaml").write_text("version: 1\naudit: {key: {env: AUDIT_KEY}}\n")
    key = "k" * 32
    gateway = serve(*TWO, "--state-dir", tmp_path, environment={"AUDIT_KEY": key})
    gateway.says("listening")
    assert [each.entries for each in verified(tmp_path / "audit", key.encode())] == [1, 1]
    gateway.tell(signal.SIGTERM)
    gateway.ended()
    assert [each.findings for each in verified(tmp_path / "audit", key.encode())] == [[], []]
