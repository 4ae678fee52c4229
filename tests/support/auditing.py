"""Auditors on a directory, and what is found in it afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from policyroute.audit import Code, Finding, Marks, Verified, verify
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.auditor import Auditor
from policyroute_asgi.audit.settings import Settings
from policyroute_asgi.audit.writer import Count

KEY = b"k" * 32


@asynccontextmanager
async def auditing(settings: Settings | None, count: Count = lambda outcome, number: None) -> AsyncGenerator[Auditor]:
    auditor = Auditor(lambda: settings, count)
    try:
        await auditor.start()
        yield auditor
    finally:
        await auditor.aclose()


def verified(directory: Path, key: bytes = KEY) -> list[Verified]:
    heads = stored.heads(directory)
    return [verify(chain, lines, [Marks(key)], heads) for chain, lines in stored.chains(directory).items()]


def findings(directory: Path) -> list[Finding]:
    """Those of all chains that are no notes."""
    return [each for found in verified(directory) for each in found.findings if each.grave]


def codes(directory: Path) -> list[Code]:
    """Notes too."""
    return [each.code for found in verified(directory) for each in found.findings]
