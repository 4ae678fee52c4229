"""What is known of a conversation from one request to the next: its settings, its pin, and how it has fared."""

from policyroute.sessions.session import (
    DIVERGENCE,
    Pin,
    Place,
    Session,
    Turn,
    added,
    next_turn,
    read,
    rewritten,
    written,
)
from policyroute.sessions.settings import DEFAULT_SETTINGS, Settings

__all__ = [
    "DEFAULT_SETTINGS",
    "DIVERGENCE",
    "Pin",
    "Place",
    "Session",
    "Settings",
    "Turn",
    "added",
    "next_turn",
    "read",
    "rewritten",
    "written",
]
