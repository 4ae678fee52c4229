"""Settings of a Django project, with what the example does not need left out."""

from __future__ import annotations

from pathlib import Path

POLICIES = Path(__file__).parents[1] / "policies"
API_KEYS = {"ann-key": "ann", "bob-key": "bob"}
PLANS = {"ann": ("research", "pro"), "bob": ("support", "free")}

SECRET_KEY = "not-a-secret-in-an-example"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_app.urls"
ASGI_APPLICATION = "django_app.asgi.application"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
AUTHENTICATION_BACKENDS = ["django_app.auth.KeyBackend"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_app.auth.ScopeUserMiddleware",
]
