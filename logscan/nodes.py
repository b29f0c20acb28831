"""What stands at a path: a file, a directory, or something that is not read or written like a file."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from enum import Enum, unique

WAIT_SECONDS = 1.0
"""How long the opening of a FIFO may wait for its other end before that is logged."""
_LINKS = 40
"""Symbolic links that are followed, as the kernel does."""
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self|proc/\d+)/fd/(\d+)")


@unique
class Kind(Enum):
    """What stands at a path; the value is its name in messages."""

    FILE = "regular file"
    DIRECTORY = "directory"
    FIFO = "FIFO"
    SOCKET = "socket"
    DEVICE = "device"

    @property
    def is_stream(self) -> bool:
        """Whether it is neither a file nor a directory: it has no size, and cannot be replaced by a file."""
        return self not in (Kind.FILE, Kind.DIRECTORY)


def kind_of(path: str) -> Kind | None:
    """What stands at a path, behind symbolic links; ``None``: nothing, or nothing that may be looked at."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    return kind_of_mode(mode)


def is_stream(path: str) -> bool:
    """Whether a path can be read only once: ``-`` (standard input), a FIFO, a device."""
    kind = kind_of(path)
    return path == "-" or (kind is not None and kind.is_stream)


def kind_of_mode(mode: int) -> Kind:
    """What a mode of :func:`os.stat` says."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISFIFO(mode):
        return Kind.FIFO
    return Kind.SOCKET if stat.S_ISSOCK(mode) else Kind.DEVICE


def descriptor_named(path: str) -> int | None:
    """The number of the open descriptor of this process that a path names: ``/dev/stdout``, ``/dev/fd/3``,
    or a link to such a name; ``None`` for other paths."""
    for _ in range(_LINKS):
        match = _DESCRIPTOR.fullmatch(path)
        if match is not None:
            own = path.startswith(("/dev/", "/proc/self/", f"/proc/{os.getpid()}/"))
            return int(match[1]) if own else None
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except (OSError, ValueError):
            return None
    return None


@contextlib.contextmanager
def logged_wait(path: str, other_end: str) -> Iterator[None]:
    """Log one line if the block takes longer than :data:`WAIT_SECONDS`: the opening of a FIFO waits for its
    other end, and nobody should wait without knowing for what. Without a handler, Python's logging prints it
    to standard error."""
    if kind_of(path) is not Kind.FIFO:
        yield
        return
    import logging  # not needed for files
    import threading

    message = f"logscan: {path.encode('utf-8', 'backslashreplace').decode()}: waits for {other_end}"
    timer = threading.Timer(WAIT_SECONDS, logging.getLogger("logscan").warning, (message,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
