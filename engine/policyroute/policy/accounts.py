"""What a provider is shown, as a policy names it: a secret at its place, or an account that gets tokens.

Rule of this module: where a secret is, never what it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is, never what it is. `kind` is `env` (a variable's name) or `file` (a path)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """A Google service account. `credentials` is its key: the JSON that Google's console gives."""

    credentials: SecretRef


@dataclass(frozen=True, slots=True)
class EntraApp:
    """An application registered with Microsoft Entra ID (Azure AD). `authority` has no trailing slash."""

    tenant: str
    client_id: str
    client_secret: SecretRef
    authority: str
    scope: str


Account = GoogleAccount | EntraApp
KeyRef = SecretRef | Account
