"""Anthropic Messages: images and documents as media, and back.

Rule of this module: what is not spelt as documented is no medium; what the API does not take is not written.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from policyroute.dialects.extras import joined
from policyroute.dialects.shapes import obj, text, without
from policyroute.request.prompt import Media, MediaKind

_KINDS: Final[dict[str, MediaKind]] = {"image": "image", "document": "file"}
_BLOCKS: Final = {"image": "image", "file": "document"}
_PLAIN: Final = "text/plain"
_PDF: Final = "application/pdf"
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_BEGINNINGS: Final = {
    "JVBERi": _PDF,
    "iVBORw": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""How data of a type begins in base64."""


def read(block: dict[str, Any]) -> Media | None:
    """Of an image or a document."""
    kind = _KINDS[block["type"]]
    found = _of_source(kind, obj(block.get("source")))
    if found is None:
        return None
    rest = without(block, "type", "source")
    title = text(block.get("title")) if kind == "file" else ""
    if title:
        del rest["title"]
    return Media(kind, found.mime, found.data, found.url, found.file_id, title, extra=rest or None)


def _of_source(kind: MediaKind, source: dict[str, Any]) -> Media | None:
    """None for what writing it would spell otherwise."""
    mime, data = text(source.get("media_type")), text(source.get("data"))
    if source.get("type") == "text":
        data = _encoded(data)
    found = Media(kind, mime, data, text(source.get("url")), text(source.get("file_id")))
    return found if source and _source(found) == source else None


def _encoded(said: str) -> str:
    try:
        return base64.b64encode(said.encode()).decode()
    except UnicodeEncodeError:
        return ""


def _source(media: Media) -> dict[str, str] | None:
    """Where the medium is, in the API's words."""
    if media.data and media.mime == _PLAIN and media.kind == "file":
        said = _decoded(media.data)
        return None if said is None else {"type": "text", "media_type": _PLAIN, "data": said}
    if media.data:
        return {"type": "base64", "media_type": media.mime, "data": media.data}
    if media.url:
        return {"type": "url", "url": media.url}
    return {"type": "file", "file_id": media.file_id}


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def own(media: Media) -> dict[str, Any]:
    """The block that was read."""
    block: dict[str, Any] = {"type": _BLOCKS.get(media.kind, "document"), "source": _source(media)}
    if media.name:
        block["title"] = media.name
    return joined(block, media.extra)


def foreign(media: Media) -> dict[str, Any] | None:
    """A block of what came in another dialect, None where the API takes no such thing."""
    mime = media.mime.partition(";")[0].strip().lower() or _guessed(media.data)
    image = mime in _IMAGES or (media.kind == "image" and not media.data)
    if media.kind not in _BLOCKS:
        return None
    if not media.data:
        return _linked(media, image) if media.url.startswith(("https://", "http://")) else None
    if not image and mime != _PDF:
        if not mime.startswith("text/") and mime != "application/json":
            return None
        mime = _PLAIN
    placed = _source(Media("image" if image else "file", mime, media.data))
    # A document of nothing is refused.
    return None if placed is None or not placed["data"].strip() else _block(media, image, placed)


def _linked(media: Media, image: bool) -> dict[str, Any]:
    return _block(media, image, {"type": "url", "url": media.url})


def _block(media: Media, image: bool, source: dict[str, str]) -> dict[str, Any]:
    if image:
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **({"title": media.name} if media.name else {})}


def _guessed(data: str) -> str:
    return next((mime for beginning, mime in _BEGINNINGS.items() if data.startswith(beginning)), "")
