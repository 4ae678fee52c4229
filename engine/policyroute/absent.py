"""The value of an optional field that a request or target does not have.

`ABSENT` is not `None`: JSON null is a value. It is false, so that code which forgets to ask fails closed.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal


class Absent(Enum):
    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False


ABSENT: Final = Absent.ABSENT
