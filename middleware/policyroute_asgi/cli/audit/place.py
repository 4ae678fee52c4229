"""Where the records are that a command is asked about, and the keys they were written with.

Rule of this module: a key is read from a file or a variable, never from the command line, where others could see it.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from policyroute.audit import Marks
from policyroute.policy.audits import Audit
from policyroute_asgi.audit.settings import KEY_FILE
from policyroute_asgi.cli import Options


class Misplaced(Exception):
    """The options name nothing that could be read: why, in words for whoever gave them."""


@dataclass(frozen=True, slots=True)
class Place:
    directory: Path
    keys: tuple[Marks, ...]


def options(parser: Options) -> None:
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="the gateway's: records are in its `audit`")
    parser.add_argument(
        "--audit", type=Path, metavar="DIR", help="the directory of the records, where the policy's `path` is another"
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a key that records were written with; may be repeated (default: audit.key in the state directory)",
    )
    parser.add_argument(
        "--key-env", action="append", default=[], metavar="NAME", help="the same in a variable; may be repeated"
    )


def of(arguments: argparse.Namespace) -> Place:
    """Raises Misplaced."""
    state: Path | None = arguments.state_dir
    directory: Path | None = arguments.audit
    if directory is None:
        if state is None:
            raise Misplaced("name the gateway's --state-dir, or the directory of the records: --audit")
        directory = state / Audit().path
    if not directory.is_dir():
        raise Misplaced(f"{directory}: there is no such directory")
    files: list[Path] = [*arguments.key_file]
    if state is not None and (state / KEY_FILE).exists():
        files.append(state / KEY_FILE)
    keys = [*map(_in_file, files), *map(_in_variable, arguments.key_env)]
    return Place(directory, tuple(Marks(key) for key in dict.fromkeys(keys)))


def _in_file(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise Misplaced(f"the key {path} cannot be read: {error.strerror}") from None


def _in_variable(name: str) -> bytes:
    value = os.environ.get(name, "").strip()
    if not value:
        raise Misplaced(f"the environment variable {name} is not set")
    return value.encode()
