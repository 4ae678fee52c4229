"""What OpenAI's two dialects say alike.

Rule of this module: no shape of a body or an answer stands here, only what both of them put into theirs.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from typing import Final

from policyroute.changes import Changes
from policyroute.request.efforts import effort_of
from policyroute.request.prompt import Call, Media, Prompt, Result

TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority"})
PDF: Final = "application/pdf"

_DATA: Final = re.compile(r"data:([^;,]+);base64,")


def effort_told(prompt: Prompt, changes: Changes) -> str | None:
    """A number of tokens to think with is said as the effort that is nearest from below; None where there is none to
    be said."""
    tokens = prompt.thinking_tokens
    if tokens is None:
        return None
    if prompt.effort is not None or tokens < 0:
        changes.add("dropped", "thinking_tokens")
        return None
    changes.add("rewritten", "thinking_tokens")
    return effort_of(tokens)


class CallIds:
    """The ids of the calls of one conversation, as another dialect's prompt is told: those without one are called by
    their number."""

    def __init__(self) -> None:
        self._called = 0
        self._open: list[tuple[str, str]] = []

    def of(self, call: Call) -> str:
        call_id = call.id or f"call_{self._called}"
        self._called += 1
        self._open.append((call.name, call_id))
        return call_id

    def answered(self, result: Result) -> str:
        """The id of the call that a result is of: its own, or that of the first open call of its name."""
        names = (result.name, "")
        fits = [
            (name, call_id)
            for name, call_id in self._open
            if (call_id == result.call_id if result.call_id else not result.name or name in names)
        ]
        if not fits:
            return result.call_id or f"call_{self._called}"
        self._open.remove(fits[0])
        return fits[0][1]


def placed(place: str) -> tuple[str, str, str]:
    """Type, data and URL of a place. Only a data URL of the usual form is taken apart."""
    found = _DATA.match(place)
    return (found[1], place[found.end() :], "") if found else ("", "", place)


def file_name(media: Media, mime: str) -> str:
    """A file has to have a name."""
    return media.name or f"file.{'pdf' if mime == PDF else mime.rpartition('/')[2]}"


def text_of(media: Media) -> str:
    """The text of a file that is a text, which there are words for; empty for any other."""
    if media.kind != "file" or not media.mime.startswith("text/") or not media.data:
        return ""
    try:
        return b64decode(media.data, validate=True).decode()
    except (Error, UnicodeDecodeError):
        return ""
