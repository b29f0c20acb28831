"""systemd: reports to the service manager that the run is ready, alive or ending (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket


def send(state: str) -> bool:
    """Send a state such as ``READY=1``; ``False`` when no service manager listens."""
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
    """Seconds between two ``WATCHDOG=1``: half of what the service manager allows; ``None``: none are due."""
    text = os.environ.get("WATCHDOG_USEC", "")
    owner = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(text) / 2_000_000 if text.isdigit() and owner == str(os.getpid()) else None
