"""Sink: a file of JSON lines to which each failed handshake is appended once, however often it is offered."""

from __future__ import annotations

import json
import os

from logscan.errors import OutputError, reason_of

REMEMBERED = 8 << 20
"""Bytes of the file's end whose ids are read when it is opened: far more than a run repeats."""


class Sink:
    """An output file.

    Args:
        path: appended to; made when it is not there.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1
        self._ids: set[str] = set()
        self._waiting = b""
        """Lines that could not be written yet."""
        self.reopen()

    def reopen(self) -> None:
        """Open the file that stands at the path now.

        Raises:
            OutputError: it cannot be opened.
        """
        self.close()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._descriptor).st_size
            recent = os.pread(self._descriptor, REMEMBERED, max(0, size - REMEMBERED))
            whole = recent.rfind(b"\n") + 1
            if whole < len(recent):  # a line that a crash cut short is offered again
                os.ftruncate(self._descriptor, size - len(recent) + whole)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {reason_of(error)}") from error
        for line in recent[:whole].splitlines():
            try:
                name = json.loads(line)["id"]
            except (ValueError, KeyError, TypeError):
                continue
            self._ids.add(str(name))

    def add(self, name: str, line: str) -> bool:
        """Append a failure's line unless it stands there; whether it was new."""
        if name in self._ids:
            return False
        self._ids.add(name)
        self._waiting += line.encode("utf-8", "backslashreplace") + b"\n"
        return True

    def flush(self) -> None:
        """Bring what waits to disk.

        Raises:
            OutputError: it cannot be written; it goes on waiting.
        """
        if not self._waiting:
            return
        try:
            before = os.fstat(self._descriptor).st_size
            try:
                written = os.write(self._descriptor, self._waiting)
                if written < len(self._waiting):
                    written += os.write(self._descriptor, self._waiting[written:])
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, before)  # no half lines
                raise
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written: {reason_of(error)}",
                "it is tried again; nothing is lost yet",
            ) from error
        self._waiting = b""

    def close(self) -> None:
        """Release the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
