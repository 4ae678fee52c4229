"""What `examples/deploy` says, read as those read it who run it; and a command of it, run."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import yaml
from tests.support.processes import PATIENCE, overheard

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "deploy"


def joined(name: str) -> list[str]:
    """The lines of a file without comments, those that end in a backslash joined with the next."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    said = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    return said.replace("\\\n", " ").splitlines()


def unit() -> Mapping[str, list[str]]:
    """What the systemd unit says of each key."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in joined("policyroute.service"):
        key, is_setting, value = line.partition("=")
        if is_setting:
            found[key].append(value)
    return found


def image() -> Mapping[str, list[str]]:
    """What the Containerfile says by each instruction."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in joined("Containerfile"):
        instruction, _, rest = line.partition(" ")
        found[instruction].append(rest)
    return found


def pod() -> Mapping[str, Any]:
    """The pod's part of the manifest for Kubernetes."""
    deployment = next(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
    spec: Mapping[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def unit_command() -> list[str]:
    return shlex.split(unit()["ExecStart"][0])


def image_entry() -> list[str]:
    words: list[str] = json.loads(image()["ENTRYPOINT"][0])
    return words


def image_command() -> list[str]:
    return [*image_entry(), *json.loads(image()["CMD"][0])]


def pod_command() -> list[str]:
    """Options are `--name=value` there; this has two words for them, as the others have."""
    args = [word for arg in pod()["containers"][0]["args"] for word in arg.split("=", 1)]
    return [*image_entry(), *args]


def option(command: Sequence[str], name: str) -> str:
    return command[command.index(name) + 1]


def elsewhere(words: Sequence[str], places: Mapping[str, object]) -> list[str]:
    """The words with other places and ports: each of `places` has to be the beginning of one."""
    moved = list(words)
    for old, new in places.items():
        assert any(word.startswith(old) for word in moved), (old, words)
        moved = [f"{new}{word.removeprefix(old)}" if word.startswith(old) else word for word in moved]
    return moved


class Service:
    """A running command, and what it says on its console, line by line."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int] = (), **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            env={**os.environ, **environment},
        )
        self._name = Path(command[0]).name
        self._lines: Queue[str] = Queue()
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self, text: str) -> str:
        """The next line with this text."""
        while line := self._lines.get(timeout=PATIENCE):
            self._said.append(line)
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r} but {''.join(self._said)}")

    def address(self) -> str:
        """Where it listens, once it does."""
        return self.says("listening on ").partition("listening on ")[2].split()[0]

    def tell(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def end(self) -> int:
        """Has it end in good order; its exit status."""
        self._process.terminate()
        return self.ended()

    def ended(self) -> int:
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as console:
            for line in overheard(f"{self._name} stderr", console):
                self._lines.put(line)
        self._lines.put("")
