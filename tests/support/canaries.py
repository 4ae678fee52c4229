"""Keys and prompts that can be told from everything else: none of them may be in anything that the product writes.

Write keys and prompts of tests with these, by name: whatever holds the mark is a leak, wherever it is found.
"""

from __future__ import annotations

MARK = "k4n4ry"

PROVIDER_KEY = f"sk-{MARK}-0123456789-{MARK}"
"""A key of ours at a provider; whoever shows its beginning or its end shows the mark."""
OWN_KEY = f"sk-{MARK}-the-callers-own-{MARK}"
"""A provider's key that a caller brings."""
PROMPT = f"Sing, {MARK}, at a quarter to nine"


def client_key(name: str) -> str:
    """A key that a client of the gateway calls with."""
    return f"plr_{MARK}_{name}_{MARK}"
