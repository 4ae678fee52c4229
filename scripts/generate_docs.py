"""Writes the generated blocks of the docs from the tables they come from; `--check` says whether they are current."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from policyroute.catalogue.vendors import reference as vendors
from policyroute.cel.functions import reference as functions
from policyroute.policy.vocabulary import reference as vocabulary

_DOCS = Path(__file__).parent.parent / "docs"
_BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "functions": ("cel.md", functions),
    "vendors": ("catalogue.md", vendors),
    "vocabulary": ("cel.md", vocabulary),
}


def main() -> int:
    check = "--check" in sys.argv
    stale: list[str] = []
    for name, (page, write) in _BLOCKS.items():
        path = _DOCS / page
        text = path.read_text(encoding="utf-8")
        before, found, rest = text.partition(f"<!-- generated: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not found or not end:
            sys.stderr.write(f"{page} has no block {name}\n")
            return 1
        current = f"{before}{found}{write().strip()}\n{end}{after}"
        if current == text:
            continue
        stale.append(f"{page}: {name}")
        if not check:
            path.write_text(current, encoding="utf-8")
    if check and stale:
        sys.stderr.write(f"stale, run scripts/generate_docs.py: {', '.join(stale)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
