"""The search for keys and prompts in what is written finds them, so that finding none says something."""

from __future__ import annotations

import logging
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.canaries import MARK, OWN_KEY, PROMPT, PROVIDER_KEY, client_key
from tests.support.written import Listening, Written

from policyroute_asgi import client_keys


@pytest.fixture
def written() -> Written:
    return Written()


ROOT = Path(__file__).parents[2]
SAID = [
    PROVIDER_KEY,
    PROVIDER_KEY[:9],
    PROVIDER_KEY[-6:],
    OWN_KEY.upper(),
    client_key("ann"),
    f'{{"content": "{PROMPT}"}}',
    PROMPT.encode().hex(),
    *(b64encode(b"u" * before + OWN_KEY.encode()).decode() for before in range(5)),
    b64encode(f"user:{PROVIDER_KEY}".encode()).decode(),
    client_keys.new(),
]


@pytest.mark.parametrize("said", SAID, ids=range(len(SAID)))
def test_it_finds_what_is_written_in_any_spelling(written: Written, said: str) -> None:
    for text in (said, f"before {said} after", f"\u00e9\n{said}"):
        written.leaks.clear()
        written.add("lines", text)
        written.add("lines", text.encode())
        assert [leak.source for leak in written.leaks] == ["lines", "lines"]
    assert "test_it_finds_what_is_written_in_any_spelling" in written.leaks[0].test


def test_it_finds_nothing_where_there_is_nothing(written: Written) -> None:
    key = client_keys.new()
    written.add("lines", f"a canary, plr_, {key[:-1]}, {key[:-1]}~, {'0' * 64}")
    assert written.leaks == []
    assert written.sizes == {"lines": len(f"a canary, plr_, {key[:-1]}, {key[:-1]}~, {'0' * 64}")}


def test_it_hears_what_is_logged_and_what_exceptions_say(written: Written) -> None:
    logger = logging.getLogger("leaks.in.tests")
    logger.propagate = False
    logger.addHandler(listening := Listening(written))
    try:
        logger.warning("the key is %s", PROVIDER_KEY)
        try:
            raise ValueError(PROMPT)
        except ValueError:
            logger.exception("a bug")
        logger.warning("nothing")
    finally:
        logger.removeHandler(listening)
    assert [leak.source for leak in written.leaks] == ["logger leaks.in.tests"] * 2


def test_it_reads_what_a_process_says(written: Written) -> None:
    code = f"import sys; print({PROMPT!r}); print({OWN_KEY!r}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    written.process("leaky", done)
    assert [leak.source for leak in written.leaks] == ["process leaky stdout", "process leaky stderr"]


def test_it_reads_files_but_for_those_that_tests_write(written: Written) -> None:
    with TemporaryDirectory() as name:  # not where the run's own search would find it
        folder = Path(name)
        (folder / "state").mkdir()
        for file in ("state/last-good.json", "state/.last-good.json.tmp", "policy.yaml", "vendor.key"):
            (folder / file).write_text(PROVIDER_KEY)
        (folder / "link").symlink_to(folder / "vendor.key")
        written.files(folder)
    assert sorted(leak.source for leak in written.leaks) == [
        "file state/.last-good.json.tmp",
        "file state/last-good.json",
    ]


@pytest.mark.parametrize(
    ("path", "status", "header", "body", "leaky"),
    [
        ("/v1/x", 400, b"", MARK.encode(), True),
        ("/metrics", 200, b"", MARK.encode(), True),
        ("/v1/x", 200, MARK.encode(), b"", True),
        ("/v1/x", 200, b"", b'data: {"error": {"policyroute": {}, "message": "%b"}}\n\n' % MARK.encode(), True),
        ("/v1/x", 200, b"", b'data: {"content": "%b"}\n\n' % MARK.encode(), False),
    ],
)
def test_it_reads_what_clients_are_told(  # noqa: PLR0913, PLR0917 - a table
    written: Written, path: str, status: int, header: bytes, body: bytes, leaky: bool
) -> None:
    written.answer(path, status, [(b"x-a", header)], body)
    assert bool(written.leaks) is leaky


LEAKING = """
import logging
from tests.support.canaries import PROVIDER_KEY

def test_it():
    logging.getLogger("policyroute.test").info("the key is %s", KEY)
"""


@pytest.mark.parametrize(
    ("processes", "key", "status"), [(0, "PROVIDER_KEY", 1), (1, "PROVIDER_KEY", 1), (0, "'none'", 0)]
)
def test_a_run_in_which_a_key_was_written_fails(tmp_path: Path, processes: int, key: str, status: int) -> None:
    path = tmp_path / "test_leaking.py"
    path.write_text(LEAKING.replace("KEY)", f"{key})"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        f"-n{processes}",
        f"--basetemp={tmp_path / 'base'}",
    ]
    ran = subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, "FAILED: a canary in logger policyroute.test" in ran.stdout) == (status, status == 1)
    assert "1 passed" in ran.stdout
