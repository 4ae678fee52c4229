"""What we say to clients ourselves, in every dialect that they may come with, served or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policyroute.dialects.voices.anthropic import AnthropicVoice
from policyroute.dialects.voices.gemini import GeminiVoice
from policyroute.dialects.voices.openai import ChatVoice, ResponsesVoice
from policyroute.dialects.voices.voice import Voice

VOICES: Final[Mapping[str, Voice]] = {
    "openai_chat": ChatVoice(),
    "openai_responses": ResponsesVoice(),
    "anthropic": AnthropicVoice(),
    "gemini": GeminiVoice(),
}

__all__ = ["VOICES", "Voice"]
