"""How one provider is connected to: proxy, authorities, client certificate, as values; and the SSL contexts they make.

Rule of this module: text and not files, so that it can be handed to another process; what a value holds is in no repr.
Making a context reads and computes for milliseconds: never on the event loop.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

MOST_CONTEXTS: Final = 64
_NO_CA: Final = "`ca` holds no certificate in PEM"
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Connection:
    """`proxy` is a URL, empty for none, None for what the environment says; `proxy_auth` is `user:password`.

    `ca`, `cert` and `key` are PEM text. `ca` stands in place of the system's authorities. `cert` may hold its key.
    """

    proxy: str | None = None
    proxy_auth: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    cert: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def proxy_login(self) -> tuple[str, str] | None:
        """User and password for the proxy."""
        if self.proxy_auth is None:
            return None
        user, _, password = self.proxy_auth.partition(":")
        return user, password

    @property
    def secured(self) -> tuple[str | None, str | None, str | None]:
        return self.ca, self.cert, self.key


PLAIN: Final = Connection()


class Unusable(Exception):
    """PEM text that no connection can be secured with. The message says which, and shows nothing of it."""


def ssl_context(connection: Connection, *, trust_env: bool) -> ssl.SSLContext:
    """Raises Unusable. Blocks: for threads."""
    ca = connection.ca
    context = httpx.create_ssl_context(trust_env=trust_env) if ca is None else _trusting(ca)
    if connection.cert is not None:
        _load(context, connection.cert, connection.key or "")
    return context


def _trusting(ca: str) -> ssl.SSLContext:
    found = _CERTIFICATE.findall(ca)
    if not found:  # Python would take the system's then
        raise Unusable(_NO_CA)
    try:
        return ssl.create_default_context(cadata="\n".join(found))
    except (ssl.SSLError, ValueError):
        raise Unusable(_NO_CA) from None


def _load(context: ssl.SSLContext, cert: str, key: str) -> None:
    try:
        with _as_file(f"{cert}\n{key}\n") as name:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(name, password=_no_password)
    except _Encrypted:
        raise Unusable("the client's key is encrypted: keep it without a passphrase") from None
    except (ssl.SSLError, ValueError):
        raise Unusable("`cert` and `key` are no certificate in PEM with the key that belongs to it") from None
    except OSError as error:
        raise Unusable(f"no file could be made for the client's certificate: {error.strerror}") from None


@contextmanager
def _as_file(text: str) -> Generator[str]:
    """Python takes a client's certificate from a file only: one in memory where there are such, else one that nobody
    else can read, for a moment. Raises OSError."""
    if sys.platform == "linux":
        handle = os.memfd_create("policyroute")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{handle}"
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield file.name


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    raise _Encrypted


class Contexts:
    """The SSL contexts of one transport. Those that were not asked for lately are forgotten beyond MOST_CONTEXTS."""

    def __init__(self, *, trust_env: bool) -> None:
        self.usual = ssl_context(PLAIN, trust_env=trust_env)
        self._trust_env = trust_env
        self._made: OrderedDict[tuple[str | None, ...], ssl.SSLContext] = OrderedDict()

    async def of(self, connection: Connection) -> ssl.SSLContext:
        wanted = connection.secured
        if wanted == PLAIN.secured:
            return self.usual
        made = self._made.get(wanted)
        if made is None:
            made = await asyncio.to_thread(ssl_context, connection, trust_env=self._trust_env)
            self._made[wanted] = made
            if len(self._made) > MOST_CONTEXTS:
                self._made.popitem(last=False)
        self._made.move_to_end(wanted)
        return made
