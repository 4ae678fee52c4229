"""Provider messages made fit to be shown: providers echo keys, wholly or masked, in what they say about them.

Rule of this module: when in doubt it goes. A message is for people; nothing parses it afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_MESSAGE: Final = 600
_GONE = "[redacted]"

_KEY_LIKE = re.compile(
    r"""(?ix)
    \b(?:sk|pk|rk|gsk|xai|ghp|hf|pplx|nvapi|csk|r8|ya29)[-_.*][^\s"'<>,;)\]]*   # a vendor's prefix
    | \bAIza[^\s"'<>,;)\]]*
    | \bBearer\s+[^\s"'<>,;)\]]+
    | [\w.-]*\*{3,}[\w.*-]*                          # a masked key keeps its ends
    | (?<=key:\s)[^\s"'<>,;)\]]+                     # whatever a message calls a key
    | (?<=provided:\s)[^\s"'<>,;)\]]+
    | \b(?=\w*\d)(?=\w*[A-Za-z])\w{28,}\b            # long, letters and digits: hex, base64, random
    """
)


def scrub(message: str, secrets: Iterable[str] = ()) -> str:
    """The message without the given secrets and without anything that looks like a key, shortened."""
    for secret in secrets:
        if secret:
            message = message.replace(secret, _GONE)
    # Long texts are cut first: the patterns then see a bounded length.
    shown = _KEY_LIKE.sub(_GONE, message[: 2 * MAX_MESSAGE])
    return shown if len(shown) <= MAX_MESSAGE else shown[: MAX_MESSAGE - 1] + "…"
