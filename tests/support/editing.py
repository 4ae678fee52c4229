"""Edits of a policy file while somebody reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def editing(directory: Path) -> Callable[[str, str], None]:
    """Replaces text in `main.yaml`, as editors do: nobody sees half of it."""

    def replace(old: str, new: str) -> None:
        text = (directory / "main.yaml").read_text()
        assert old in text
        (directory / ".main.yaml.new").write_text(text.replace(old, new))
        (directory / ".main.yaml.new").replace(directory / "main.yaml")

    return replace
