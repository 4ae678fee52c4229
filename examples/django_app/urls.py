"""The routes of the Django project. LLM paths are none of them."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("", views.home),
    path("hello/<name>", views.hello),
    path("echo", views.echo),
    path("ticks", views.ticks),
]
