"""How far a connection is with what its client sends.

Rule of this module: it is said of the newest request alone; those before it may still wait for their answer.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    BETWEEN = "no request has begun that is not complete"
    HEAD = "reading a head"
    BODY = "reading a body"
    DEAF = "nothing more is read as a request"
