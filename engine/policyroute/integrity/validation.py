"""Whether an answer fits a JSON Schema, and if not, where and why.

Rule of this module: bounded, whatever a client, a policy or a model sends. Patterns are RE2's, nothing is fetched, no
`format` is asserted, and a check that takes too much work says that it cannot tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson
from jsonschema import Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator
from jsonschema import exceptions as untyped_exceptions
from jsonschema import validators as untyped_validators
from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable

from policyroute.cel.patterns import compile_pattern
from policyroute.integrity.canonical import canonical
from policyroute.integrity.wellformed import Unusable, inspected
from policyroute.schemas.vocabulary import is_list, is_map

_best_match: Any = getattr(untyped_exceptions, "best_match")  # noqa: B009 - its types are partly unknown
_extend: Any = getattr(untyped_validators, "extend")  # noqa: B009 - likewise

__all__ = ["ANY_OBJECT", "Invalid", "Unusable", "Validator", "validator"]

ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
"""What `json_object` demands."""

MAX_TEXT: Final = 1024 * 1024
"""Bytes of an answer that is checked."""
MAX_WORK: Final = 6_000
"""Keywords that are asked in one check, and errors by the size of what they are about: some 50 ms."""
_BYTES_A_KEYWORD: Final = 2_000
_KEPT: Final = 512
_ERRORS: Final = 5
"""Errors of which the best is told."""
_MESSAGE: Final = 400
_NAME: Final = 128

_left: ContextVar[list[int]] = ContextVar("work that is left")


class _TooMuch(Exception):
    """The check would take longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """`path` says where, in the words of the schema alone (`$.steps[0].name`; a name that it does not have is `*`);
    `message`, for the model that answered, may repeat what it said; `keyword` is the schema's that failed, or
    `json`."""

    path: str
    message: str = field(repr=False)
    keyword: str


_NO_JSON: Final = Invalid("$", "The answer is not JSON.", "json")


class Validator:
    """Checks answers against one schema. `hash` (sha256, hex) is the same for schemas that differ in nothing but
    titles, descriptions, examples and the like."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises Unusable."""
        self._names = inspected(schema)
        self.hash = hashlib.sha256(canonical(schema)).hexdigest()
        bare = {name: value for name, value in schema.items() if name != "$id"}
        self._inner: Any = _CLASSES.get(str(schema.get("$schema", "")).rstrip("#"), _LATEST)(bare)

    def check(self, text: str) -> Invalid | None:
        """What is wrong with it. Raises Unusable where that cannot be told."""
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > MAX_TEXT:
            raise Unusable("the answer is too large")
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            return _NO_JSON
        token = _left.set([MAX_WORK])
        try:
            errors: list[ValidationError] = list(islice(self._inner.iter_errors(value), _ERRORS))
            found: ValidationError | None = _best_match(errors)
        except _TooMuch:
            raise Unusable("the check takes too long") from None
        except (RecursionError, Unresolvable):
            raise Unusable("the schema refers to itself, or to nothing") from None
        finally:
            _left.reset(token)
        return None if found is None else self._told(found)

    def _told(self, error: ValidationError) -> Invalid:
        path = "$"
        for part in error.absolute_path:
            path += f"[{part}]" if isinstance(part, int) else f".{self._named(part)}"
        missing = _missing(error)
        if missing is not None:
            path += f".{self._named(missing)}"
        return Invalid(path, f"At {path}: {error.message[:_MESSAGE]}.", str(error.validator))

    def _named(self, name: str) -> str:
        return name if name in self._names and len(name) <= _NAME else "*"


def _missing(error: ValidationError) -> str | None:
    if error.validator != "required" or not is_map(error.instance):
        return None
    wanted: Any = error.validator_value
    return next((name for name in wanted if name not in error.instance), None)


def validator(schema: Mapping[str, Any]) -> Validator:
    """For this schema, kept for the next answer. Raises Unusable."""
    try:
        text = orjson.dumps(schema)
    except (TypeError, orjson.JSONEncodeError):
        raise Unusable("the schema is no JSON") from None
    made = _kept(text)
    if isinstance(made, Unusable):
        raise made
    return made


@lru_cache(maxsize=_KEPT)
def _kept(text: bytes) -> Validator | Unusable:
    try:
        return Validator(orjson.loads(text))
    except Unusable as reason:
        return reason


# Keywords -------------------------------------------------------------------------------------------------------------

_Found = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], Any]


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> _Found:
    if validator.is_type(instance, "string") and not compile_pattern(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any) -> _Found:
    if not is_map(instance):
        return
    for pattern, inner in patterns.items():
        matches = compile_pattern(pattern)
        for name, value in instance.items():
            _spend()
            if matches(name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, instance: Any, schema: Any) -> _Found:
    if not is_map(instance):
        return
    known = schema.get("properties", {})
    patterns = [compile_pattern(pattern) for pattern in schema.get("patternProperties", {})]
    extra = [name for name in instance if name not in known and not any(matches(name) for matches in patterns)]
    if inner is False and extra:
        yield ValidationError(f"the properties {', '.join(sorted(extra))!r} are not allowed")
    elif is_map(inner):
        for name in extra:
            yield from validator.descend(instance[name], inner, path=name)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> _Found:
    if wanted and is_list(instance):
        seen = {orjson.dumps(_plain(each), option=orjson.OPT_SORT_KEYS) for each in instance}
        if len(seen) < len(instance):
            yield ValidationError("the items are not unique")


def _plain(value: Any) -> Any:
    """1 and 1.0 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_OURS: Final[Mapping[str, _Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _spend(work: int = 1) -> None:
    left = _left.get()
    left[0] -= work
    if left[0] < 0:
        raise _TooMuch


def _counted(keyword: _Keyword) -> _Keyword:
    def asked(validator: Any, value: Any, instance: Any, schema: Any) -> _Found:
        _spend()
        for error in keyword(validator, value, instance, schema) or ():
            # Its message has the whole of the value in it.
            _spend(len(orjson.dumps(instance)) // _BYTES_A_KEYWORD)
            yield error

    return asked


def _class(base: Any) -> Any:
    keywords = {**base.VALIDATORS, **_OURS}
    return _extend(base, {name: _counted(keyword) for name, keyword in keywords.items()})


_LATEST: Final = _class(Draft202012Validator)
_CLASSES: Final = {
    "http://json-schema.org/draft-06/schema": _class(Draft6Validator),
    "http://json-schema.org/draft-07/schema": _class(Draft7Validator),
    "https://json-schema.org/draft/2019-09/schema": _class(Draft201909Validator),
}
