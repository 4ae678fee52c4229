"""The `policyroute` command: one module a command, found by name.

Rule of this package: a command reads arguments, asks somebody else, and renders. Exit status: 0 good, 1 findings,
2 misuse.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from policyroute import __version__

GOOD, FINDINGS, MISUSE = 0, 1, 2

COMMANDS: dict[str, str] = {
    "serve": "run the gateway on a policy directory",
    "check": "say everything that is wrong with a policy directory",
    "test": "run the tests that a policy directory carries",
    "explain": "say what a policy decides for one request, and why",
    "probe": "ask every target the same edge cases, and say what has changed since last time",
    "report": "say from the log what was asked, failed, swapped and paid, and whether a second provider was needed",
    "client": "make a key for a client of the gateway, list clients, take a key back",
    "override": "for a while, try a target first or take a provider out, on every gateway at once",
    "audit": "show what of a conversation went to whom, and verify that no record was changed or removed",
    "schema": "print the JSON Schema of policy files, for editors",
    "init": "write a small, well-tuned policy directory to start from",
    "demo": "watch requests being routed, rules being edited and a stream failing over",
}
"""Each is the module of that name in this package. Only the one asked for is imported: `schema` needs no server."""


class Command(Protocol):
    """What a command's module has. `EXAMPLE` ends its `--help`."""

    EXAMPLE: str

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


class Options(Protocol):
    """A parser, or a group of its options."""

    def add_argument(self, *names: str, **how: Any) -> argparse.Action: ...


def whole(least: int, most: int) -> Callable[[str], int]:
    """The `type` of an option that takes a whole number within bounds."""

    def read(given: str) -> int:
        number = int(given) if given.isascii() and given.isdigit() else least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{given!r} is no whole number from {least} to {most}")
        return number

    return read


PORT = whole(0, 65_535)
SECONDS = whole(0, 86_400)


def secrets_option(parser: Options) -> None:
    parser.add_argument(
        "--secrets-dir",
        type=Path,
        metavar="DIR",
        help="where the files with keys are that the policy names (default: the policy directory)",
    )


def manual(summary: str, example: str) -> dict[str, Any]:
    """What a parser is told for its `--help`."""
    return {
        "description": summary[0].upper() + summary[1:] + ".",
        "epilog": "example:\n" + example,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` without the program's name. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in COMMANDS:
            return _command(words[0], words[1:])
        overview = _overview()
        if not words:
            overview.print_help(sys.stderr)
            return MISUSE
        overview.parse_args(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else MISUSE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `policyroute ... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    return MISUSE


def _command(name: str, words: list[str]) -> int:
    command = cast(Command, importlib.import_module(f"policyroute_asgi.cli.{name}"))
    parser = argparse.ArgumentParser(prog=f"policyroute {name}", **manual(COMMANDS[name], command.EXAMPLE))
    command.configure(parser)
    return command.run(parser.parse_args(words))


def _overview() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="policyroute",
        description="LLM routing, fallback and payload policy as hot-reloaded YAML rules.",
        epilog=f"commands:\n{listing}\n\nexample:\n  policyroute demo\n  policyroute serve --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"policyroute {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    return parser
