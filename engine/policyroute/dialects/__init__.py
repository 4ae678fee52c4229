"""Wire formats, without I/O: read and write requests, answers, errors and streams.

Importing this package teaches `ModelRequest.read` every dialect there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policyroute.dialects.anthropic import Anthropic
from policyroute.dialects.dialect import Dialect, StreamReader
from policyroute.dialects.gemini import Gemini
from policyroute.dialects.openai_chat import OpenAIChat
from policyroute.dialects.openai_responses import OpenAIResponses
from policyroute.dialects.trouble import ClientError
from policyroute.dialects.voices import VOICES, Voice
from policyroute.request import register

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (OpenAIChat(), OpenAIResponses(), Anthropic(), Gemini())
}

for _name, _dialect in DIALECTS.items():
    register(_name, _dialect.requests, _dialect.read)

__all__ = ["DIALECTS", "VOICES", "ClientError", "Dialect", "StreamReader", "Voice"]
