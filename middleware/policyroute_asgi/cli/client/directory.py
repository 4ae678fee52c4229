"""What the actions on clients have in common: reading a directory as far as it goes, and naming keys without them.

Rule of this module: a policy that is broken elsewhere is no reason not to list or revoke a key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from policyroute.policy import files
from policyroute.policy.keyholders import Keyholders, keyholders
from policyroute.problems import Span
from policyroute_asgi.cli import render

SHOWN: Final = 8
"""Digits of a digest that are enough to tell it from the others."""


def read(directory: Path) -> Keyholders | None:
    """The clients of the directory; None where there is nothing to read. What could not be read is said."""
    texts, problems = files.read_directory(directory)
    for problem in problems:
        render.complain(f"{render.place(problem, directory) or directory}: {problem.message}")
    if not texts:
        return None
    found = keyholders(texts)
    for name in found.unread:
        render.complain(f"{render.path(name, directory)} is not YAML and was passed over: see `policyroute check`")
    return found


def short(digest: str) -> str:
    return digest[:SHOWN]


def place(span: Span, directory: Path) -> str:
    """`directory/file:line:column`, and the last line where it is another."""
    lines = f" to line {span.end_line}" if span.end_line > span.line else ""
    return f"{render.path(span.file, directory)}:{span.line}:{span.column}{lines}"
