"""What a client may use of the targets.

Rule of this module: a glob that cannot be read grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyroute.cel.patterns import PatternError, compile_glob
from policyroute.policy.model import Target


def reached(globs: Iterable[str], target: Target) -> bool:
    """Whether one of the globs (`*` any run of characters, `?` any one) fits the target's name or its model id."""
    return any(_fits(glob, target) for glob in globs)


def _fits(glob: str, target: Target) -> bool:
    try:
        fits = compile_glob(glob)
    except PatternError:
        return False
    return fits(target.name) or fits(target.model)
