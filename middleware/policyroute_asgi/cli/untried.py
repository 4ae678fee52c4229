"""A policy set whose tests have not been run: for the commands that are asked about failing tests.

Rule of this module: for authors only. What serves traffic comes from `author.load`.
"""

from __future__ import annotations

from pathlib import Path

from policyroute.cel.compile import Compiler
from policyroute.decide import PolicySet
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import read_directory, shipped_packs
from policyroute.problems import PolicyErrors


def untried(directory: Path) -> PolicySet:
    """Raises PolicyErrors with every problem but failing tests."""
    texts, unread = read_directory(directory)
    program, problems = compile_policy(texts, shipped_packs(), Compiler(), unread)
    if program is None:
        raise PolicyErrors(problems)
    return PolicySet(program)
