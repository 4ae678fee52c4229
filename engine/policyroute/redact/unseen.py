"""Characters that nobody sees.

Rule of this module: a table.
"""

from __future__ import annotations

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef"
)
"""Zero-width characters, marks of direction, selectors and tags, as the inside of a class of `re`."""
