"""A Django project that also answers an OpenAI SDK, by policy.

    uvicorn django_app.asgi:application --app-dir examples

Django's own MIDDLEWARE runs inside Django, so it cannot guard what never reaches Django. `KeyAuth` runs outside, and
asks Django's authentication backends. Django has no websockets without Channels, so the example has none.
"""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from policyroute_asgi import PolicyRouteMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")
django = get_asgi_application()

from django.conf import settings  # noqa: E402 - models may be imported from here on

from .auth import KeyAuth, who  # noqa: E402

policyroute = PolicyRouteMiddleware(django, policies=settings.POLICIES, client=who)
application = KeyAuth(policyroute)
