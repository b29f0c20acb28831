"""Sink: appends each failed handshake to a file of JSON lines, once, however often it is added. A device or
FIFO is written to: it has no lines to look at again."""

from __future__ import annotations

import json
import os
import stat

from logscan.errors import OutputError, reason_of

REMEMBERED = 8 << 20
"""Bytes at the end of the file whose ids are read when it is opened: far more than a run repeats."""


class Sink:
    """An output file.

    Args:
        path: the file to append to; it is created if it does not exist.

    Raises:
        OutputError: the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1
        self._is_file = True
        self._ids: set[str] = set()
        self._waiting = b""
        """Lines that could not be written yet."""
        self.reopen()

    def reopen(self) -> None:
        """Open the file that is at the path now.

        Raises:
            OutputError: the file cannot be opened.
        """
        self.close()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            about = os.fstat(self._descriptor)
            self._is_file = stat.S_ISREG(about.st_mode)
            if not self._is_file:
                return
            size = about.st_size
            recent = os.pread(self._descriptor, REMEMBERED, max(0, size - REMEMBERED))
            whole = recent.rfind(b"\n") + 1
            if whole < len(recent):  # a crash cut the last line: its failure is added again
                os.ftruncate(self._descriptor, size - len(recent) + whole)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {reason_of(error)}") from error
        for line in recent[:whole].splitlines():
            try:
                failure_id = json.loads(line)["id"]
            except (ValueError, KeyError, TypeError):
                continue
            self._ids.add(str(failure_id))

    def add(self, failure_id: str, line: str) -> bool:
        """Append a failure's line; ``False`` when the file has it already."""
        if failure_id in self._ids:
            return False
        self._ids.add(failure_id)
        self._waiting += line.encode("utf-8", "backslashreplace") + b"\n"
        return True

    def flush(self) -> None:
        """Write the lines that wait to disk.

        Raises:
            OutputError: they cannot be written; they are kept for the next flush.
        """
        if not self._waiting:
            return
        try:
            before = os.fstat(self._descriptor).st_size
            try:
                written = os.write(self._descriptor, self._waiting)
                if written < len(self._waiting):
                    written += os.write(self._descriptor, self._waiting[written:])
                if self._is_file:
                    os.fsync(self._descriptor)
            except OSError:
                if self._is_file:
                    os.ftruncate(self._descriptor, before)  # no half lines
                raise
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written: {reason_of(error)}",
                "logscan tries again; no failure is lost",
            ) from error
        self._waiting = b""

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
