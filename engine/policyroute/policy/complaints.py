"""What pydantic says of a file, as problems at their places.

Rule of this module: our words, not pydantic's, and never the value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from policyroute.policy.names import may_hold
from policyroute.policy.report import Report, suggestion
from policyroute.policy.schema import known_keys
from policyroute.policy.text import SECRET_KEY
from policyroute.policy.tree import File, Path, Scalar, dotted
from policyroute.policy.yaml_errors import quoting_hint

NULLABLE = ("constants", "tests")
"""Sections in which null is a value like any other; elsewhere a key without a value is a problem of its own."""

_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "union_tag_not_found": "a list or a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
_WRITTEN: Mapping[str, str] = {
    "NoneType": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "a map",
}
_QUOTED = re.compile(r"'([^']*)'")


def complain(error: ErrorDetails, file: File, report: Report) -> None:
    """Report one of pydantic's errors."""
    kind = error["type"]
    path = _path(error["loc"])
    if kind == "extra_forbidden":
        _unknown_key(path, file, report)
    elif kind == "missing":
        message = f"`{path[-1]}` is missing"
        report.error("missing-key", message, file.key_span(path[:-1]), path=dotted(_real(path[:-1], file)))
    elif kind in _EXPECTED:
        _wrong_type(_EXPECTED[kind], path, file, report)
    elif kind == "string_pattern_mismatch":
        _bad_name(error, path, file, report)
    elif kind == "literal_error":
        _unknown_word(error, path, file, report)
    else:
        code, message, hint = _worded(error)
        span = file.key_span(path) if code == "literal-secret" else file.span(path)
        hint = (_line_hint(path, file) or hint) if code == "wrong-type" else hint
        report.error(code, message, span, hint=hint, path=dotted(_real(path, file)))


def brief(error: ErrorDetails) -> str:
    """One of pydantic's errors about a value that stands in no file."""
    if error["type"] == "string_pattern_mismatch":
        return may_hold(error.get("ctx", {})["pattern"])
    return _worded(error)[1]


def _path(loc: tuple[int | str, ...]) -> Path:
    return tuple(step for step in loc if step != "[key]")


def _real(path: Path, file: File) -> Path:
    """The path without the steps that name alternatives of a type rather than something written."""
    kept: Path = ()
    for step in path:
        before = file.find(kept)
        if file.find((*kept, step)) != before:
            kept = (*kept, step)
    return kept


def _unknown_key(path: Path, file: File, report: Report) -> None:
    key, real = str(path[-1]), _real(path, file)
    hint = suggestion(key, known_keys(path[:-1]))
    # What stands where a secret is kept may be one, as a key too.
    hidden = any(SECRET_KEY.search(str(step)) for step in path[:-1])
    name, real = ("this", real[:-1]) if hidden else (f"`{key}`", real)
    report.error("unknown-key", f"{name} is not a key here", file.key_span(path), hint=hint, path=dotted(real))


def _wrong_type(expected: str, path: Path, file: File, report: Report) -> None:
    node = file.find(path)[0]
    if node.data is None and path[0] not in NULLABLE:
        return  # reported as a missing value
    found = _WRITTEN[type(node.data).__name__]
    hint = None
    if expected == "text" and isinstance(node, Scalar) and found != "nothing":
        hint = f'to mean the text, quote it: "{node.text}"'
    elif expected.startswith("a list") and isinstance(node, Scalar):
        hint = "a single item is a list too: [name]"
    found = "a fraction" if expected == "a whole number" and found == "a number" else found
    message = f"expected {expected}, found {found}"
    report.error("wrong-type", message, file.span(path), hint=hint, path=dotted(_real(path, file)))


def _bad_name(error: ErrorDetails, path: Path, file: File, report: Report) -> None:
    of_key = "[key]" in error["loc"]
    span = file.key_span(path) if of_key else file.span(path)
    message = "not a name that may stand here"
    hint = may_hold(error.get("ctx", {})["pattern"])
    report.error("bad-name", message, span, hint=hint, path=dotted(_real(path, file)))


def _unknown_word(error: ErrorDetails, path: Path, file: File, report: Report) -> None:
    expected = str(error.get("ctx", {}).get("expected", ""))
    known = _QUOTED.findall(expected) or [expected]
    value, key = file.find(path)
    node = key if "[key]" in error["loc"] else value
    word = node.text if isinstance(node, Scalar) else ""
    message = f"`{word}` is not one of the known words" if word else "expected a word"
    report.error("wrong-value", message, file.of(node), hint=suggestion(word, known), path=dotted(_real(path, file)))


def _line_hint(path: Path, file: File) -> str | None:
    return quoting_hint(file.source.line(file.key_span(path).line))


def _worded(error: ErrorDetails) -> tuple[str, str, str | None]:
    """Code, message and hint of an error of ours, or of a value out of its range."""
    context: dict[str, Any] = error.get("ctx", {})
    if "-" in error["type"]:
        return error["type"], error["msg"], context.get("hint")
    message = re.sub(r"^(Input|String|List|Dictionary|Value) should ", "must ", error["msg"]).partition(" after")[0]
    return "wrong-value", message[0].lower() + message[1:], None
