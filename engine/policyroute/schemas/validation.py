"""stub until merged"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invalid:
    path: str
    message: str
    keyword: str
