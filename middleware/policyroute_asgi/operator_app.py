"""The operator's own address: pages to read, and what may be asked for.

Rule of this module: who can connect is let in, so nobody else must be able to: it is a socket of the owner's, or
loopback where no web page can make a browser ask.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from policyroute.request import BadRequest
from policyroute_asgi.guard import Guard
from policyroute_asgi.operator import READING, Page, Pages, answer, json


class OperatorApp:
    """A plain ASGI app. `pages` are read, `actions` are asked for by POST."""

    def __init__(self, pages: Pages, actions: Pages) -> None:
        self._pages = pages
        self._actions = actions
        self._guard = Guard()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(await self._page(scope), scope, send)

    async def _page(self, scope: Scope) -> Page:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            self._guard.check(headers)
        except BadRequest as error:
            return json(error.status, {"error": "not for web pages: ask by address, and without an Origin"})
        path, method = scope["path"], scope["method"]
        page, action = self._pages.get(path), self._actions.get(path)
        if page is None and action is None:
            return json(404, {"error": "there is no such path", "paths": [*self._pages, *self._actions]})
        chosen = page if method in READING else action if method == "POST" else None
        if chosen is None:
            return json(405, {"error": f"use {'GET' if action is None else 'POST'} for {path}"})
        return await chosen()
