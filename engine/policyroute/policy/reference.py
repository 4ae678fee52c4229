"""The vocabulary as Markdown: a table for each root, generated into docs/cel.md.

Rule of this module: it says what `policy.vocabulary` says, and adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyroute.cel.types import DYN, Kind, Type
from policyroute.policy.vocabulary import ROOT_DOCS, roots

_TABLES = ("request", "client", "session", "gateway", "content", "budgets", "target", "response", "usage")


def reference() -> str:
    """The vocabulary as Markdown: a table for each root, generated into docs/cel.md."""
    types = roots(budgets=["NAME"])
    parts = [_section(name, types[name]) for name in _TABLES]
    others = [f"`{name}`: {ROOT_DOCS[name]}." for name in ("targets", "variables")]
    return "\n\n".join([*parts, *others, "`constants`: the policy's own `constants`."])


def _section(name: str, type_: Type) -> str:
    rows = "\n".join(_rows(name, type_))
    return f"### `{name}`\n\n{ROOT_DOCS[name].capitalize()}.\n\n| field | type | meaning |\n|---|---|---|\n{rows}"


def _rows(prefix: str, type_: Type) -> Iterator[str]:
    for name, field in type_.fields.items():
        place = f"{prefix}.{name}"
        inner = field.type.item if field.type.kind is Kind.LIST else field.type
        notes = [field.doc, *(["optional: ask `has()` first"] if field.optional else [])]
        yield f"| `{place}` | {_spelled(field.type)} | {'; '.join(notes)} |"
        if inner is not None and inner.kind is Kind.RECORD:
            yield from _rows(f"{place}[]" if inner is not field.type else place, inner)


def _spelled(type_: Type) -> str:
    if type_.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in type_.choices)
    if type_.total:
        return "total map of strings"
    if type_.kind is Kind.LIST:
        item = type_.item or DYN
        return f"list of {item if item.choices else _spelled(item)}"
    return str(type_)
