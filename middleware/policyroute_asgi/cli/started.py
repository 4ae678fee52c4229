"""What is told to the service manager that started this process: systemd's `Type=notify`.

Rule of this module: where nobody wants to know, nothing is done; and nothing here depends on an answer.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def ready() -> None:
    """Requests are served, and signals are heard."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + address[1:] if address.startswith("@") else address)
        manager.sendall(b"READY=1")
