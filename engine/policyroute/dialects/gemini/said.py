"""Gemini: a turn of a conversation, and its parts, as the `Prompt` has them.

Rule of this module: as in `prompt`. A part that says several things at once, or that its role does not say, is an
`Other`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from policyroute.dialects.gemini.left import Left
from policyroute.dialects.gemini.parts import is_plain, kind_of
from policyroute.dialects.gemini.spelling import camel, either, many
from policyroute.dialects.shapes import compact, loads, obj, text
from policyroute.request.prompt import Call, Media, MediaKind, Other, Part, Result, Role, Text, Thought, Turn

_SAYS: Final = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
_KINDS: Final[Mapping[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video"}
_WEB: Final = ("https://", "http://")
_OWN: Final = "/v1beta/files/"
"""What the Files API keeps is one account's, though it has an address."""


def plain_turn(content: dict[str, Any]) -> Turn:
    """Of one that `is_plain_turn`."""
    return Turn("assistant" if content["role"] == "model" else "user", (Text(content["parts"][0]["text"]),))


def content_turn(left: Left, role: Role | None = None) -> Turn:
    """Of `contents`, or the system instruction, whose role says nothing."""
    if role is None:
        said = left.take("role", lambda value: value in ("user", "model"))
        role = "assistant" if said == "model" else "user"
    found = many(left.fields.get("parts"))
    if found:
        left.drop("parts")
    return Turn(role, tuple([_part(part, role) for part in found]), left.extra())


def _part(part: dict[str, Any], role: Role) -> Part:
    if is_plain(part):
        return Text(part["text"])
    says = [name for name in _SAYS if either(part, name) is not None]
    read = _READ.get(says[0]) if len(says) == 1 else None
    found = read and read(Left(part), role)
    return found or Other(kind_of(part) or camel(next(iter(part), "part")), part)


def _text(left: Left, role: Role) -> Part | None:
    said = left.drop("text")
    if not isinstance(said, str):
        return None
    if role == "assistant" and left.take("thought", lambda value: value is True):
        return Thought(said, left.extra())
    return Text(said, left.extra())


def _media(left: Left, name: str, where: str) -> Media | None:
    blob = left.inner(name)
    found = blob and blob.take(where, _is_text)
    if blob is None or not found:
        return None
    mime = blob.take("mimeType", _is_text) or ""
    called = blob.take("displayName", _is_text) or ""
    left.keep(name, blob, mapped=True)
    kind: MediaKind = _KINDS.get(mime.partition("/")[0].lower(), "file")
    if where == "data":
        return Media(kind, mime, data=found, name=called, extra=left.extra())
    if found.startswith(_WEB) and _OWN not in found:
        return Media(kind, mime, url=found, name=called, extra=left.extra())
    return Media(kind, mime, file_id=found, name=called, extra=left.extra())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _call(left: Left, role: Role) -> Part | None:
    called = left.inner("functionCall")
    name = called and called.take("name", _is_text)
    if called is None or not name or role != "assistant":
        return None
    args = called.take("args", lambda value: isinstance(value, dict))
    found = called.take("id", _is_text) or ""
    left.keep("functionCall", called, mapped=True)
    return Call(found, name, "" if args is None else compact(args), left.extra())


def _result(left: Left, role: Role) -> Part | None:
    told = left.inner("functionResponse")
    name = told and told.take("name", _is_text)
    if told is None or not name or role != "user":
        return None
    found = told.take("id", _is_text) or ""
    response = told.take("response", lambda value: isinstance(value, dict))
    content: list[Text | Media | Other] = []
    error = False
    if response is not None:
        said, error = _response(response)
        content.append(Text(said))
    parts = many(told.fields.get("parts"))
    if parts and response is not None:
        told.drop("parts")
        content += [_seen(part) for part in parts]
    left.keep("functionResponse", told, mapped=True)
    return Result(found, tuple(content), error, name, left.extra())


def _seen(part: dict[str, Any]) -> Media | Other:
    found = _part(part, "user")
    return found if isinstance(found, Media) else Other(kind_of(part) or "part", part)


def _response(response: dict[str, Any]) -> tuple[str, bool]:
    """What a function gave, and whether that is an error: see `written_response`, which is the way back."""
    if len(response) == 1:
        name, value = next(iter(response.items()))
        if name == "error" and (isinstance(value, dict) or _is_plain(value)):
            return (compact(obj(value)) if isinstance(value, dict) else text(value)), True
        if name == "output" and _is_plain(value):
            return text(value), False
    return compact(response), False


def _is_plain(value: Any) -> bool:
    """A text that is no JSON object."""
    return isinstance(value, str) and not isinstance(loads(value), dict)


def written_response(said: str, error: bool) -> dict[str, Any]:
    """The object that Gemini wants of every function: what is one already, else `output` or `error` with the text."""
    value = loads(said)
    found = obj(value) if isinstance(value, dict) else None
    if error:
        return {"error": said if found is None else found}
    return {"output": said} if found is None else found


_READ: Final[Mapping[str, Callable[[Left, Role], Part | None]]] = {
    "text": _text,
    "inlineData": lambda left, _: _media(left, "inlineData", "data"),
    "fileData": lambda left, _: _media(left, "fileData", "fileUri"),
    "functionCall": _call,
    "functionResponse": _result,
}
