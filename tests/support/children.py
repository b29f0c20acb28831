"""The processes that a process has started."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path


def children(parent: int) -> set[int]:
    """The numbers of the processes that a process has started and that still run, or were not waited for."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(folder.name))
    return found


def gone(names: Iterable[int], seconds: float = 20) -> bool:
    """Whether some processes end within some seconds."""
    names = list(names)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{name}").exists() for name in names):
            return True
        time.sleep(0.02)
    return False


def workers_of(process: subprocess.Popen[bytes], count: int = 2) -> set[int]:
    """The workers of a command, as soon as it has so many; fewer if it has ended."""
    deadline = time.monotonic() + 60
    while len(workers := children(process.pid)) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return workers
