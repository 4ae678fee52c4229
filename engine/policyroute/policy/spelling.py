"""How single values are spelled in a policy: expressions, durations, names, secrets.

Rule of this module: one annotated type for each spelling, with its JSON Schema. An error's type is the problem's code,
and what was written is never part of its message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, LiteralString, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError

from policyroute.policy.accounts import SecretRef
from policyroute.policy.names import spelled
from policyroute.policy.text import DIGEST


class Strict(BaseModel):
    """A section: unknown keys and conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Shape:
    """In `Annotated[T, Shape(t)]`: checked as `t`, a type made from a table, which type checkers cannot follow."""

    annotation: Any

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self.annotation)


def one_of(names: Iterable[str]) -> Shape:
    """In `Annotated[str, one_of(names)]`: one of these."""
    return Shape(Literal[tuple(names)])


def is_map(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def wrong(code: LiteralString, message: LiteralString, hint: str | None = None) -> PydanticCustomError:
    """An error of ours inside pydantic's: `code` becomes the problem's."""
    return PydanticCustomError(code, message, {"hint": hint})


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+"
_WHOLE = re.compile(_DURATION)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


def seconds(text: Any) -> float:
    """A duration such as `50ms`, `3s`, `1m30s` or `24h`, in seconds. Raises PydanticCustomError."""
    if not isinstance(text, str) or len(text) > 40 or not _WHOLE.fullmatch(text):
        raise wrong("bad-duration", "not a duration", "a number with its unit: 50ms, 3s, 5m, 24h")
    return float(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def _positive(value: float) -> float:
    if value <= 0:
        raise wrong("bad-duration", "a limit must be longer than nothing", "leave the key out for no limit of your own")
    return value


Delay = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION}$", "description": "a duration: 50ms, 3s, 5m, 24h"}),
]
"""Seconds, zero included."""

Duration = Annotated[Delay, AfterValidator(_positive)]
"""Seconds, more than zero."""


def _expression(value: Any) -> str:
    if isinstance(value, dict | list) and value:
        raise wrong(
            "wrong-type",
            "this reads as a YAML map or list, not as an expression",
            "an expression that begins with `{` or `[` must be quoted",
        )
    if value is None or value == "" or isinstance(value, dict | list):
        raise wrong("wrong-type", "an expression is missing here", "leave the key out for a rule that always matches")
    return value if isinstance(value, str) else str(value)


Cel = Annotated[
    str,
    BeforeValidator(_expression),
    WithJsonSchema({"type": ["string", "boolean", "number"], "description": "a CEL expression"}),
]
"""A CEL expression. The text that is compiled is the file's, not this value: YAML would write `true` its own way."""

Name = Annotated[
    str, spelled(r"^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$", "A-Z, a-z, 0-9 and `_.:/@-`, and begins with a letter or digit")
]
"""Of a provider, a target, a rule of a pack."""

RuleId = Annotated[
    str, spelled(r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", "A-Z, a-z, 0-9 and `_.:-`, and begins with a letter or digit")
]

ENVIRONMENT = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""What a variable of the environment is called."""

Identifier = Annotated[str, spelled(ENVIRONMENT, "A-Z, a-z, 0-9 and `_`, and does not begin with a digit")]
"""What CEL can name, and an environment."""

Tags = dict[Name, Annotated[str, Field(max_length=256)]]


_NEARLY_DIGEST = re.compile(r"(?:sha-?256[:=])?[0-9a-f]*")
MAKE_KEY = "`policyroute client add NAME` makes a key and prints its line"


def _digest(value: Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if DIGEST.fullmatch(text):
        return text
    if _NEARLY_DIGEST.fullmatch(text):
        hint = MAKE_KEY if isinstance(value, str | list | dict) else "digits alone are a number: quote it"
        raise wrong("bad-digest", "not the sha256 of a key: that is 64 hex digits", hint)
    raise wrong(
        "literal-secret",
        "this is the sha256 of no key; if it is a key, it does not belong into a policy",
        f"hash it: {MAKE_KEY}",
    )


def _one_or_more(value: Any) -> Any:
    return value if is_list(value) else [value]


_DIGEST_SCHEMA = {"type": "string", "pattern": f"^{DIGEST.pattern}$"}

Digests = Annotated[
    list[Annotated[str, BeforeValidator(_digest)]],
    Field(min_length=1, max_length=16),
    BeforeValidator(_one_or_more),
    WithJsonSchema(
        {
            "anyOf": [_DIGEST_SCHEMA, {"type": "array", "items": _DIGEST_SCHEMA, "minItems": 1, "maxItems": 16}],
            "description": "the sha256 of the client's key, hex; several while one is being replaced",
        }
    ),
]
"""One sha256 or a list of them, hex, in lower case."""

ProfileName = Annotated[
    str, spelled(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "A-Z, a-z, 0-9 and `_.-`, and begins with a letter or digit", 64)
]


class Computed(Strict):
    """`{cel: ...}` where a value may stand: an expression that gives it."""

    cel: Cel


FilePath = Annotated[str, spelled(r"^[^\x00-\x1f\x7f]+$", "anything but control characters, and is not empty", 1024)]
"""The path of a file, on one line: what is in it does not stand in a policy."""


class Secret(Strict):
    """Where a secret is: `{env: NAME}` or `{file: path}`."""

    env: Identifier | None = None
    file: FilePath | None = None

    @property
    def place(self) -> SecretRef:
        return SecretRef("env", self.env) if self.env is not None else SecretRef("file", self.file or "")


FROM_CLIENT = "from_client"
"""The `api_key` that stands for the caller's own."""


def _reference(value: Any) -> Any:
    if not is_map(value) or not value:
        raise wrong("literal-secret", "a secret is not written into a policy", "write {env: NAME} or {file: path}")
    if "env" in value and "file" in value:
        raise wrong("wrong-value", "a secret is at one place", "write {env: NAME} or {file: path}, not both")
    return value


SecretReference = Annotated[Secret, BeforeValidator(_reference)]


class GoogleSpec(Strict):
    """A Google service account, which gets tokens for Vertex AI and the Gemini API."""

    credentials: Annotated[SecretReference, Field(description="the account's key: Google's JSON")]


_Id = Annotated[str, spelled(r"^[A-Za-z0-9][A-Za-z0-9.-]*$", "A-Z, a-z, 0-9 and `.-`, as Entra shows it", 128)]


class EntraSpec(Strict):
    """An application of Microsoft Entra ID (Azure AD), which gets tokens with its client secret."""

    tenant: _Id
    client_id: _Id
    client_secret: SecretReference
    authority: Annotated[str, Field(description="of another cloud")] = "https://login.microsoftonline.com"
    scope: Annotated[str, spelled(r"^[a-z]+://[!-~]+$", "an address, such as https://ai.azure.com/.default", 256)] = (
        "https://cognitiveservices.azure.com/.default"
    )


class KeySource(Secret):
    """Where a key is, or the account that gets tokens in its place."""

    google: GoogleSpec | None = None
    azure_ad: EntraSpec | None = None


ACCOUNT_WORDS = frozenset({"google", "azure_ad"}) | GoogleSpec.model_fields.keys() | EntraSpec.model_fields.keys()
"""The keys under a key's that are no secrets themselves."""


def _source(value: Any) -> Any:
    if is_map(value) and len(value.keys() & KeySource.model_fields.keys()) > 1:
        hint = "write {env: NAME}, {file: path}, {google: ...} or {azure_ad: ...}, one of them"
        raise wrong("wrong-value", "a key is at one place, or an account gets it", hint)
    return _reference(value)


KeyReference = Annotated[KeySource, BeforeValidator(_source)]

ApiKey = Annotated[
    Annotated[KeyReference, Tag("secret")] | Annotated[Literal["from_client"], Tag("client")],
    Discriminator(lambda value: "client" if value == FROM_CLIENT else "secret"),
]
"""A key's place, an account, or `from_client`."""
