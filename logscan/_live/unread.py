"""How much of a log a run has to read that goes on where another stopped."""

from __future__ import annotations

import os
from collections.abc import Sequence

from logscan._live.rotation import RotationSet
from logscan._reading.fingerprint import Identity, Mark, continues, identify


def unread_of(
    path: str, mark: Mark, beside: Sequence[Identity], rotated: Sequence[str] = ()
) -> tuple[str | None, int]:
    """The file in which a run goes on that stopped at a mark, and how much it has to read; ``None`` where
    what was read is not there any more."""
    size = 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        pass
    else:
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            if identify(file.fileno())[:2] == mark.identity[:2] and continues(descriptor, mark):
                return path, size - mark.position
    unread = RotationSet(path, beside, rotated).open_unread(mark, ())
    files = [*unread.files, *([unread.rest] if unread.rest else [])]
    for each in files:
        each.stream.close()
    left = sum(max(0, each.size - each.offset) for each in files) + size
    return unread.rest.path if unread.rest else None, left
