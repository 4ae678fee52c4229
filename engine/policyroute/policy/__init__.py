"""The policy language: YAML with positions, checked, resolved and compiled into a `Program`."""
