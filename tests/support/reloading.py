"""A policy that is held as a gateway holds it, and looks at nothing by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.preparation import Preparation

_NEVER: Final = 3600.0
"""Seconds between two looks that no event asks for."""


@asynccontextmanager
async def serving(preparation: Preparation) -> AsyncGenerator[PolicyHolder]:
    holder = PolicyHolder(preparation, heartbeat=_NEVER)
    try:
        await holder.start()
        yield holder
    finally:
        await holder.aclose()
