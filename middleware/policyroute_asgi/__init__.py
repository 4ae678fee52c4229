"""Policyroute's edge: ASGI, HTTP, reload, command line."""
