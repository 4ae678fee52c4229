"""A provider without key or network, for the demo, the quickstart and tests; it misbehaves by model name."""

from __future__ import annotations

from typing import Final

from policyroute_asgi.embedded.provider import ConnectionCut, EmbeddedProvider

embedded_provider: Final = EmbeddedProvider()
"""What `base_url: "embedded:"` reaches."""

__all__ = ["ConnectionCut", "EmbeddedProvider", "embedded_provider"]
