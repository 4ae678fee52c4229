"""httpx without its command line, which brings rich, pygments and click into every process that has them installed:
4 MB of a gateway's memory.

Rule of this module: it is imported before httpx. Whoever wants that command line imports it all the same.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_COMMAND_LINE: Final = "httpx._main"  # which httpx does without where it cannot be imported

_modules: dict[str, Any] = sys.modules
if "httpx" not in _modules:
    _modules[_COMMAND_LINE] = None
    import httpx as httpx  # noqa: PLC0414 - imported now, while that is so

    del _modules[_COMMAND_LINE]
