"""Gemini: images, sounds, films and files as parts.

Rule of this module: as in `write`. Gemini wants to be told of what type everything is; where nobody said, the end of an
address is asked, and last the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from policyroute.changes import Changes
from policyroute.request.prompt import Media, MediaKind

_BY_KIND: Final[Mapping[MediaKind, str]] = {
    "image": "image/jpeg",
    "file": "application/pdf",
    "audio": "audio/wav",
    "video": "video/mp4",
}
_BY_END: Final = {
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "webm": "video/webm",
}


def written_media(part: Media, own: bool, changes: Changes) -> dict[str, Any] | None:
    """The part; None where only another account has it."""
    field = f"messages.{part.kind}"
    if part.file_id and not own:
        changes.add("dropped", field)
        return None
    place: dict[str, Any] = {}
    mime = part.mime if own else part.mime or _guessed(part)
    if mime:
        place["mimeType"] = mime
    if own:
        if part.name:
            place["displayName"] = part.name
    elif part.detail not in ("", "auto"):
        changes.add("dropped", f"{field}.detail")
    if part.data:
        return {"inlineData": {**place, "data": part.data}}
    if not (part.url or part.file_id):
        changes.add("dropped", field)
        return None
    if not own:
        changes.add("rewritten", field)
    return {"fileData": {**place, "fileUri": part.url or part.file_id}}


def _guessed(part: Media) -> str:
    try:
        named = urlsplit(part.url).path or part.name
    except ValueError:
        named = part.name
    end = (named if part.url else part.name).rpartition(".")[2].lower()
    return _BY_END.get(end, _BY_KIND[part.kind])
