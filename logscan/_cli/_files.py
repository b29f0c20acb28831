"""Files that a command writes, and standard output by the name ``-``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import IO

from logscan import atomic
from logscan.nodes import descriptor_named


def write_atomically(path: str, data: bytes) -> None:
    """Write a file atomically (:func:`output_file`).

    Raises:
        OutputError: the file cannot be written; the old one is unchanged.
    """
    with output_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def output_file(path: str, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write atomically: a reader sees the old or the new one. ``-`` is standard output. A device, a
    FIFO or a socket is written to.

    Args:
        path: where to write.
        private: only its owner may read it.

    Raises:
        OutputError: the file cannot be written; the old one is unchanged.
    """
    if path == "-" or descriptor_named(path) == 1:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    mode = 0o600 if private else atomic.PUBLIC_FILE
    with atomic.output_file(path, mode=mode, is_exact=private) as file:
        yield file
