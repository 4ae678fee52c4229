"""A token endpoint as Google and Entra have it: it checks what it is asked, and gives tokens that can be told apart."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.types import Receive, Scope, Send
from tests.support.canaries import MARK

EMAIL = "gateway@my-project.iam.gserviceaccount.com"
CLIENT_SECRET = f"{MARK}~client-secret-{MARK}"
KEY = generate_private_key(public_exponent=65537, key_size=2048)
OTHER = generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: RSAPrivateKey = KEY) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(url: str, key: RSAPrivateKey = KEY, **fields: Any) -> str:
    said = {"type": "service_account", "client_email": EMAIL, "private_key": pem(key), "private_key_id": "k1"}
    return json.dumps({**said, "token_uri": url, **fields}, indent=2)


def write_account(folder: Path, url: str, key: RSAPrivateKey = KEY) -> None:
    (folder / "sa.json").write_text(service_account(url, key))


def claims(assertion: str, key: RSAPrivateKey = KEY) -> tuple[dict[str, Any], dict[str, Any]]:
    """Head and claims of a signed assertion. Raises InvalidSignature."""
    head, body, signature = assertion.split(".")
    key.public_key().verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    return json.loads(_decoded(head)), json.loads(_decoded(body))


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Endpoint:
    """An ASGI app. `answers` come before its usual ones; `gate` holds them back; `asked` has the forms that came."""

    expires_in: Any = 3600
    answers: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    gate: asyncio.Event | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    paths: list[str] = field(default_factory=list[str])
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        assert (b"content-type", b"application/x-www-form-urlencoded") in scope["headers"]
        self.asked.append(dict(parse_qsl(body.decode(), strict_parsing=True)))
        self.paths.append(scope["path"])
        self.came.set()
        status, said = self.answers.pop(0) if self.answers else (200, self._token())
        if self.gate is not None:
            await self.gate.wait()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/json")]})
        await send({"type": "http.response.body", "body": said})

    def _token(self) -> bytes:
        said = {"access_token": token(len(self.asked)), "token_type": "Bearer", "expires_in": self.expires_in}
        return json.dumps(said).encode()


def token(number: int) -> str:
    """The one that is given to the nth who asks."""
    return f"ya29.{MARK}-{number}-{MARK}"
