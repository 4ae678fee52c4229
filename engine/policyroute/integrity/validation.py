"""Whether an answer fits a JSON Schema, and if not, where and why.

Rule of this module: bounded, whatever a client, a policy or a model sends. Patterns are RE2's, nothing is fetched, no
`format` is asserted, and a check that takes too much work says that it cannot tell.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson
from jsonschema import exceptions as untyped_exceptions
from jsonschema.exceptions import ValidationError
from referencing import Registry

from policyroute.integrity.canonical import canonical
from policyroute.integrity.keywords import CHECKING
from policyroute.integrity.prepared import Prepared
from policyroute.integrity.wording import no_json, told
from policyroute.integrity.work import Unusable, allowed
from policyroute.schemas.vocabulary import is_map

_best_match: Any = getattr(untyped_exceptions, "best_match")  # noqa: B009 - its types are partly unknown

__all__ = ["ANY_OBJECT", "Invalid", "Unusable", "Validator", "validator"]

ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
"""What `json_object` demands."""

MAX_TEXT: Final = 1024 * 1024
"""Bytes of an answer that is checked."""
MAX_SCHEMA: Final = 256 * 1024
"""Bytes of a schema that is checked against."""
_NOTHING_ELSE: Final[Registry[Any]] = Registry()
"""Where schemas are looked for that are not in the one at hand: nowhere."""
_SMALL: Final = 16 * 1024
_FEW: Final = 8
"""Bytes and patterns of a schema that is kept with many others: a pattern may take 100 KB."""
_ERRORS: Final = 5
"""Errors of which the best is told."""
_LONGEST_PATH: Final = 200
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Invalid:
    """`path` says where, in the words of the schema alone (`$.steps[0].name`; a name that it does not have is `*`);
    `message`, for the model that answered, may repeat what it said; `keyword` is the schema's that failed, or
    `json`."""

    path: str
    message: str = field(repr=False)
    keyword: str


class Validator:
    """Checks answers against one schema. `hash` (sha256, hex) is the same for schemas that differ in nothing but
    titles, descriptions, examples and the like."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises Unusable."""
        prepared = Prepared(schema)
        self.hash = hashlib.sha256(canonical(schema)).hexdigest()
        self._names = prepared.names
        self._inner: Any = CHECKING(prepared.schema, registry=_NOTHING_ELSE)

    def check(self, text: str) -> Invalid | None:
        """What is wrong with it. Raises Unusable where that cannot be told."""
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > MAX_TEXT:
            raise Unusable("the answer is too large")
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return Invalid("$", no_json(error), "json")
        with allowed():
            try:
                return self._checked(value)
            except RecursionError:
                raise Unusable("the answer is too deep, or the schema refers to itself") from None

    def _checked(self, value: Any) -> Invalid | None:
        errors: list[ValidationError] = list(islice(self._inner.iter_errors(value), _ERRORS))
        if not errors:
            return None
        found: ValidationError = _best_match(errors)
        path = self._path(found)
        return Invalid(path, told(path, found), str(found.validator or "false"))

    def _path(self, error: ValidationError) -> str:
        steps: list[Any] = [*error.absolute_path]
        if error.validator == "required" and is_map(error.instance):
            wanted: Any = error.validator_value
            steps += [name for name in wanted if name not in error.instance][:1]
        path = "$" + "".join(map(self._step, steps))
        return path if len(path) <= _LONGEST_PATH else path[: _LONGEST_PATH - 1] + "…"

    def _step(self, step: str | int) -> str:
        if isinstance(step, int):
            return f"[{step}]"
        known = step in self._names and len(step) <= _LONGEST_PATH
        if not known or _WORD.fullmatch(step):
            return f".{step if known else '*'}"
        return f"[{orjson.dumps(step).decode()}]"


def validator(schema: Mapping[str, Any]) -> Validator:
    """For this schema, kept for the next answer. Raises Unusable."""
    try:
        text = orjson.dumps(schema)
    except (TypeError, orjson.JSONEncodeError):
        raise Unusable("the schema is no JSON") from None
    if len(text) > MAX_SCHEMA:
        raise Unusable("the schema is too large")
    small = len(text) <= _SMALL and text.count(b'"pattern":') <= _FEW and b'"patternProperties":' not in text
    made = (_kept_small if small else _kept_large)(text)
    if isinstance(made, Unusable):
        raise made
    return made


def _made(text: bytes) -> Validator | Unusable:
    try:
        return Validator(orjson.loads(text))
    except Unusable as reason:
        return reason


_kept_small = lru_cache(maxsize=128)(_made)
_kept_large = lru_cache(maxsize=8)(_made)
