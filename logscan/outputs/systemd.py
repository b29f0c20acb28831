"""systemd: tell the service manager that we are ready, alive and ending (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket


def tell(state: str) -> bool:
    """Send a state such as ``READY=1``; whether there is a service manager that listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(state.encode(), address)
        return True
    return False


def watchdog_seconds() -> float | None:
    """How often ``WATCHDOG=1`` must be sent: half of what the service manager waits; ``None``: never."""
    text = os.environ.get("WATCHDOG_USEC", "")
    owner = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(text) / 2_000_000 if text.isdigit() and owner == str(os.getpid()) else None
