"""What a rule's `transform` does to a request: to its body in the client's dialect, or to the prompt read from it.

Rule of this module: nothing given is changed; every transform sees what the one before it made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.catalogue import BY_DIALECT
from policyroute.decide.decision import Candidate
from policyroute.dialects.dialect import Body, Edits
from policyroute.policy.actions import Transform
from policyroute.policy.spelling import is_map
from policyroute.request.prompt import Prompt

_re2: Any = untyped_re2

_ROUTED: Final = ("model", "messages", "contents", "input", "stream")
"""Fields that routing and the client decide; `raw` does not reach them."""

_REFERENCE: Final = re.compile(r"\\([0-9\\])")
_MAX_ADDED: Final = 64 * 1024 * 1024
"""Bytes that rewriting may put into one text: a short pattern with a long replacement must not fill the memory."""


def applied(data: Body, transform: Transform, editor: Edits[Body]) -> Body:
    """What it says in no dialect's words."""
    for name in transform.remove:
        if editor.has(data, name):
            data = editor.drop(data, name)
    for name, value in transform.default.items():
        if not editor.has(data, name):
            data = editor.put(data, name, value.literal)
    for name, value in transform.set.items():
        data = editor.put(data, name, value.literal)
    prepend, append, instead = transform.system_prepend, transform.system_append, transform.system_replace
    if prepend or append or instead is not None:
        data = editor.system(data, prepend=prepend, append=append, replace=instead)
    for rewrite in transform.rewrite:
        data = editor.rewrite(data, _rewriter(rewrite.find, rewrite.replace))
    return data


def tier(transform: Transform, candidate: Candidate) -> str:
    """The service tier that it asks for, where the model is known to have it: one that only its dialect has words for
    may be refused. Empty where there is none."""
    asked, taken = transform.service_tier, candidate.traits.service_tier
    guessed = taken == BY_DIALECT[candidate.provider.dialect].service_tier
    known = asked in taken and (not guessed or asked in candidate.spec.price.tiers)
    return asked if known else ""


def noted(prompt: Prompt, transform: Transform, candidate: Candidate) -> Prompt:
    """What it says that only a prompt has words for: each dialect writes it in its own way, or has none."""
    if prompt.service_tier is None and (asked := tier(transform, candidate)):
        prompt = replace(prompt, service_tier=asked)
    if transform.safety:
        prompt = replace(prompt, safety={**prompt.safety, **transform.safety})
    return replace(prompt, cache=True) if transform.cache else prompt


def in_its_words(data: dict[str, Any], transform: Transform, dialect: str) -> dict[str, Any]:
    """What it says in the provider's own."""
    vendor = {name: value for name, value in transform.raw.get(dialect, {}).items() if name not in _ROUTED}
    return _patched(data, vendor) if vendor else data


def _patched(data: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): null removes, maps are merged, everything else replaces."""
    merged = {name: value for name, value in data.items() if name not in patch or patch[name] is not None}
    for name, value in patch.items():
        if is_map(value):
            inner: Any = merged.get(name)
            merged[name] = _patched(inner if is_map(inner) else {}, value)
        elif value is not None:
            merged[name] = value
    return merged


@lru_cache(maxsize=512)
def _rewriter(find: str, replace: str) -> Callable[[str], str]:
    """By RE2: time linear in the text, whatever the pattern."""
    pattern = _re2.compile(find)
    most = _MAX_ADDED // (len(replace) + 1)

    def expanded(found: Any) -> str:
        return _REFERENCE.sub(lambda ref: _referred(found, ref[1]), replace)

    return lambda said: str(pattern.sub(expanded, said, count=most))


def _referred(found: Any, number: str) -> str:
    """What a group matched: empty where it matched nothing or there is none. A second backslash stands for one."""
    if number == "\\":
        return number
    return (found.group(int(number)) or "") if int(number) <= found.re.groups else ""
