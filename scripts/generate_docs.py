"""Writes the generated blocks of the docs from the tables they come from; `--check` says whether they are current."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from policyroute.adapt import Room, fit
from policyroute.catalogue import traits
from policyroute.catalogue.vendors import reference as vendors
from policyroute.cel.functions import reference as functions
from policyroute.changes import Change
from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame
from policyroute.policy.reference import reference as vocabulary
from policyroute.request import ModelRequest

_DOCS = Path(__file__).parent.parent / "docs"
_EXAMPLES = _DOCS / "translation"
"""A request and an answer with everything that a dialect has words for."""


def _requests() -> str:
    """One row a thing that some client can say; a column a dialect of the provider."""
    rows: dict[str, dict[str, list[str]]] = {}
    for client in DIALECTS:
        prompt = _example(client).prompt
        for name, dialect in DIALECTS.items():
            if name == client:
                continue
            fitted = fit(prompt, dialect, "m", traits(name, "", "m", None, {}), Room(), stream=False, interactive=False)
            for change in fitted.changes:
                cells = rows.setdefault(f"`{client}`: `{change.field}`", {})
                cells.setdefault(name, []).append(_word(change))
    return _table("client: what it says", rows)


def _answers() -> str:
    """One row a thing that some provider can answer; a column a dialect of the client."""
    rows: dict[str, dict[str, list[str]]] = {}
    for provider, dialect in DIALECTS.items():
        body = (_EXAMPLES / f"{provider}.answer.json").read_bytes()
        for client in DIALECTS:
            if client == provider:
                continue
            events = dialect.answer(body)
            frame = Frame("1", "m", 0, _example(client))
            _, lost = DIALECTS[client].whole(events, frame)
            for kind in sorted(lost):
                rows.setdefault(f"`{provider}`: `{kind}`", {}).setdefault(client, []).append("left out")
    return _table("provider: what it answers", rows)


def _example(dialect: str) -> ModelRequest:
    data: dict[str, Any] = orjson.loads((_EXAMPLES / f"{dialect}.json").read_bytes())
    path = "/v1beta/models/m:generateContent"
    return ModelRequest.read(dialect, orjson.dumps(data), path=path)


def _word(change: Change) -> str:
    action = "left out" if change.action == "dropped" else change.action
    return f"{action}: {change.detail}" if change.detail else action


def _table(corner: str, rows: Mapping[str, Mapping[str, Iterable[str]]]) -> str:
    lines = [f"| {corner} | {' | '.join(f'`{name}`' for name in DIALECTS)} |", "|---" * (len(DIALECTS) + 1) + "|"]
    for row, cells in rows.items():
        own = row.split("`")[1]
        said = ["-" if name == own else "; ".join(dict.fromkeys(cells.get(name, ()))) for name in DIALECTS]
        lines.append(f"| {row} | {' | '.join(said)} |")
    return "\n".join(lines)


_BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "answers": ("translation.md", _answers),
    "functions": ("cel.md", functions),
    "requests": ("translation.md", _requests),
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
