"""OpenAI Responses: parts of a content that are no text.

Rule of this module: a form that is not read exactly is not read at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from policyroute.dialects.extras import changed, take_text
from policyroute.dialects.openai import PDF, file_name, placed
from policyroute.dialects.shapes import obj, text, without
from policyroute.request.prompt import Media, MediaKind

_WEB: Final = ("http://", "https://")
_MP3: Final = ("mp3", "audio/mpeg")
_DETAILS: Final = frozenset({"low", "high", "auto", "original"})


def read(part: dict[str, Any]) -> Media | None:
    """None where the part is no medium, or none of a form that we know."""
    reader = _READERS.get(text(part.get("type")))
    return reader(without(part, "type")) if reader else None


def write(media: Media) -> dict[str, Any]:
    """The part that was read."""
    return changed(_WRITERS[media.kind](media), media.extra)


def foreign(media: Media) -> dict[str, Any] | None:
    """The part for a medium that another dialect named; None where there are no words for it."""
    if media.kind == "image":
        return _foreign_image(media)
    return _foreign_file(media) if media.kind == "file" else None


def _read_image(rest: dict[str, Any]) -> Media | None:
    place, kept = take_text(rest, "image_url"), take_text(rest, "file_id")
    if not (place or kept):
        return None
    detail = take_text(rest, "detail")
    mime, data, url = placed(place)
    return Media("image", mime, data, url, kept, detail=detail, extra=rest or None)


def _read_file(rest: dict[str, Any]) -> Media | None:
    mime, held, bare = placed(text(rest.get("file_data")))
    data = held or bare
    if data.startswith("data:") or (mime and not data):
        return None
    take_text(rest, "file_data")
    url, kept = take_text(rest, "file_url"), take_text(rest, "file_id")
    if not (data or url or kept):
        return None
    name, detail = take_text(rest, "filename"), take_text(rest, "detail")
    return Media("file", mime, data, url, kept, name, detail, rest or None)


def _read_sound(rest: dict[str, Any]) -> Media | None:
    sound = obj(rest.pop("input_audio", None))
    data, form = text(sound.get("data")), text(sound.get("format"))
    mime = _MP3[1] if form == _MP3[0] else f"audio/{form}"
    media = Media("audio", mime, data, extra=rest or None)
    return media if data and _write_sound(media)["input_audio"] == sound else None


_READERS: Final[dict[str, Callable[[dict[str, Any]], Media | None]]] = {
    "input_image": _read_image,
    "input_file": _read_file,
    "input_audio": _read_sound,
}


def _write_image(media: Media) -> dict[str, Any]:
    part = {"type": "input_image", "image_url": _address(media), "file_id": media.file_id, "detail": media.detail}
    return _said(part)


def _write_file(media: Media) -> dict[str, Any]:
    return _said(
        {
            "type": "input_file",
            "file_data": _address(Media("file", media.mime, media.data)) if media.mime else media.data,
            "file_url": media.url,
            "file_id": media.file_id,
            "filename": media.name,
            "detail": media.detail,
        }
    )


def _write_sound(media: Media) -> dict[str, Any]:
    form = _MP3[0] if media.mime == _MP3[1] else media.mime.removeprefix("audio/")
    return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}


def _write_film(media: Media) -> dict[str, Any]:
    """Never read here: a film is written as what such a part would be."""
    return _said({"type": "input_video", "video_url": _address(media)})


_WRITERS: Final[dict[MediaKind, Callable[[Media], dict[str, Any]]]] = {
    "image": _write_image,
    "file": _write_file,
    "audio": _write_sound,
    "video": _write_film,
}


def _said(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value}


def _address(media: Media) -> str:
    return media.url or (f"data:{media.mime};base64,{media.data}" if media.data else "")


def _foreign_image(media: Media) -> dict[str, Any] | None:
    if not media.data and not media.url.startswith((*_WEB, "data:")):
        return None
    detail = media.detail if media.detail in _DETAILS else ""
    return _write_image(Media("image", media.mime or "image/png", media.data, media.url, detail=detail))


def _foreign_file(media: Media) -> dict[str, Any] | None:
    """One by its address has no name of its own here."""
    if not media.data:
        return _write_file(Media("file", url=media.url)) if media.url.startswith(_WEB) else None
    mime = media.mime or PDF
    return _write_file(Media("file", mime, media.data, name=file_name(media, mime)))
