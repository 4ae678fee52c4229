"""OpenAI Chat Completions: parts of a message's content that are no text.

Rule of this module: two tables, one each way, and a form that is not read exactly is not read at all. Says nothing of
who may say what: only a provider knows which media its models take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.extras import inner, joined, nested, take_text
from policyroute.dialects.openai import PDF, file_name, placed
from policyroute.dialects.shapes import obj
from policyroute.request.prompt import Media, MediaKind

_WEB: Final = ("http://", "https://", "data:", "gs://")
_SOUNDS: Final = {"mp3": "audio/mpeg"}
_FORMATS: Final = {mime: name for name, mime in _SOUNDS.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/wav": "wav",
}


def read(part: dict[str, Any]) -> Media | None:
    """None where the part is no medium, or none of a form that we know."""
    reader = _READERS.get(str(part.get("type")))
    return reader({name: value for name, value in part.items() if name != "type"}) if reader else None


def write(media: Media) -> dict[str, Any]:
    """The part that was read."""
    extra = media.extra or {}
    if media.kind == "audio":
        sound = {"data": media.data, "format": _format(media.mime)}
        return joined({"type": "input_audio", "input_audio": joined(sound, inner(extra, "input_audio"))}, extra)
    if media.kind == "file" and extra.get("file") is ABSENT:
        named = {"document_name": media.name} if media.name else {}
        return joined({"type": "document_url", "document_url": _where(media), **named}, extra)
    if media.kind == "file":
        return joined({"type": "file", "file": joined(_file(media), inner(extra, "file"))}, extra)
    name = "image_url" if media.kind == "image" else "video_url"
    held = {"url": _where(media)} | ({"detail": media.detail} if media.detail else {})
    return joined({"type": name, name: joined(held, inner(extra, name))}, extra)


def told(media: Media) -> dict[str, Any] | None:
    """The part for a medium that another dialect named; None where there are no words for it."""
    return _TELLERS[media.kind](media)


def _linked(kind: MediaKind, name: str) -> Callable[[dict[str, Any]], Media | None]:
    def read(rest: dict[str, Any]) -> Media | None:
        holder = rest.get(name)
        left = {"url": holder} if isinstance(holder, str) else dict(obj(holder))
        place = take_text(left, "url")
        if not place:
            return None
        detail = take_text(left, "detail")
        nested(rest, name, left)
        mime, data, url = placed(place)
        return Media(kind, mime=mime, data=data, url=url, detail=detail, extra=rest or None)

    return read


def _sound(rest: dict[str, Any]) -> Media | None:
    left = dict(obj(rest.get("input_audio")))
    data, form = take_text(left, "data"), take_text(left, "format")
    mime = _SOUNDS.get(form, f"audio/{form}")
    if not (data and form) or _format(mime) != form:
        return None
    nested(rest, "input_audio", left)
    return Media("audio", mime=mime, data=data, extra=rest or None)


def _read_file(rest: dict[str, Any]) -> Media | None:
    left = dict(obj(rest.get("file")))
    given, kept, name = take_text(left, "file_data"), take_text(left, "file_id"), take_text(left, "filename")
    if not (given or kept):
        return None
    nested(rest, "file", left)
    mime, data, url = placed(given) if given.startswith(_WEB) else ("", given, "")
    return Media("file", mime=mime, data=data, url=url, file_id=kept, name=name, extra=rest or None)


def _document(rest: dict[str, Any]) -> Media | None:
    place = take_text(rest, "document_url")
    if not place:
        return None
    name = take_text(rest, "document_name")
    mime, data, url = placed(place)
    return Media("file", mime=mime, data=data, url=url, name=name, extra={**rest, "file": ABSENT})


_READERS: Final[dict[str, Callable[[dict[str, Any]], Media | None]]] = {
    "image_url": _linked("image", "image_url"),
    "video_url": _linked("video", "video_url"),
    "input_audio": _sound,
    "file": _read_file,
    "document_url": _document,
}


def _where(media: Media) -> str:
    return media.url or f"data:{media.mime or 'application/octet-stream'};base64,{media.data}"


def _file(media: Media) -> dict[str, Any]:
    held: dict[str, Any] = {}
    if media.data or media.url:
        held["file_data"] = media.url or (_where(media) if media.mime else media.data)
    if media.file_id:
        held["file_id"] = media.file_id
    if media.name:
        held["filename"] = media.name
    return held


def _format(mime: str) -> str:
    return _FORMATS.get(mime) or mime.removeprefix("audio/")


def _tell_image(media: Media) -> dict[str, Any] | None:
    if not (media.data or media.url):
        return None
    held = {"url": _where(Media("image", mime=media.mime or "image/png", data=media.data, url=media.url))}
    return {"type": "image_url", "image_url": held | ({"detail": media.detail} if media.detail else {})}


def _tell_file(media: Media) -> dict[str, Any] | None:
    if not media.data:
        return None
    mime = media.mime or PDF
    return {
        "type": "file",
        "file": {"filename": file_name(media, mime), "file_data": f"data:{mime};base64,{media.data}"},
    }


def _tell_sound(media: Media) -> dict[str, Any] | None:
    form = _format(media.mime)
    if not media.data or form not in ("wav", "mp3"):
        return None
    return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}


def _tell_nothing(media: Media) -> dict[str, Any] | None:
    del media
    return None


_TELLERS: Final[dict[MediaKind, Callable[[Media], dict[str, Any] | None]]] = {
    "image": _tell_image,
    "file": _tell_file,
    "audio": _tell_sound,
    "video": _tell_nothing,
}
