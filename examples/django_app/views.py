"""The views of the Django project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST


def home(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"app": "example"})


@login_required
def hello(request: HttpRequest, name: str) -> JsonResponse:
    return JsonResponse({"hello": name, "from": request.user.get_username()})


@login_required
@require_POST
def echo(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"bytes": len(request.body)})


@login_required
def ticks(request: HttpRequest) -> StreamingHttpResponse:
    async def events() -> AsyncIterator[str]:
        for number in count(1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingHttpResponse(events(), content_type="text/event-stream")
