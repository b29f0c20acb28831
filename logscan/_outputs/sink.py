"""Sink: appends each failed handshake to a file of JSON lines, once, however often it is added. A device or
FIFO is written to: it has no lines to look at again."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter

from logscan.atomic import lock
from logscan.errors import OutputError, UsageError, reason_of

REMEMBERED = 8 << 20
"""Bytes at the end of the file whose ids are read when it is opened: far more than a run repeats."""
WAITING = 16 << 20
"""Bytes that may wait to be written; beyond it reading waits as well."""


class Sink:
    """An output file.

    Args:
        path: the file to append to; it is created if it does not exist.

    Raises:
        OutputError: the file cannot be opened.
        UsageError: another run writes to it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1
        self._is_file = False
        """Whether it is a regular file, which can be read back; else a pipe or a device."""
        self._ids: Counter[str] = Counter()
        """Of the failures that an earlier run wrote, each as often as it stands there."""
        self._waiting = bytearray()
        """Lines that could not be written yet."""
        self.problem = ""
        """Why the last flush failed; empty: it did not."""
        self.reopen()
        self._read_ids()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that nothing should be read before."""
        return len(self._waiting) > WAITING

    def reopen(self) -> None:
        """Open the file that is at the path now, and lock it.

        Raises:
            OutputError: the file cannot be opened.
            UsageError: another run writes to it.
        """
        self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._descriptor = os.open(self.path, flags, 0o666)
            self._is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {reason_of(error)}") from error
        if self._is_file and lock(self._descriptor) is False:
            self.close()
            raise UsageError(f"{self.path}: another run writes to it", "give each run an output of its own")

    def add(self, failure_id: str, line: str) -> bool:
        """Append a failure's line; ``False`` when an earlier run wrote it."""
        if self._ids[failure_id]:
            self._ids[failure_id] -= 1
            return False
        self._waiting += line.encode("utf-8", "backslashreplace") + b"\n"
        return True

    def flush(self) -> None:
        """Write the lines that wait to disk.

        Raises:
            OutputError: they cannot be written; they are kept for the next flush.
        """
        if not self._waiting:
            return
        self.problem = ""
        try:
            if self._is_file:
                self._write_whole()
            else:
                self._write_what_fits()
        except OSError as error:
            self.problem = f"{self.path}: cannot be written: {reason_of(error)}"
            raise OutputError(
                self.problem,
                "logscan tries again; no failure is lost",
            ) from error

    def _write_whole(self) -> None:
        before = os.fstat(self._descriptor).st_size
        try:
            with memoryview(self._waiting) as waiting:
                written = 0
                while written < len(waiting):
                    written += os.write(self._descriptor, waiting[written:])
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, before)  # no half lines
            raise
        self._waiting.clear()

    def _write_what_fits(self) -> None:
        """Into a pipe or a device: what was written is gone; the rest waits for its reader."""
        while self._waiting:
            del self._waiting[: os.write(self._descriptor, self._waiting)]

    def _read_ids(self) -> None:
        """Read which failures the file has; half a line at its end is removed.

        Raises:
            OutputError: it cannot be read.
        """
        if not self._is_file:
            return
        try:
            size = os.fstat(self._descriptor).st_size
            recent = os.pread(self._descriptor, REMEMBERED, max(0, size - REMEMBERED))
            whole = recent.rfind(b"\n") + 1
            if whole < len(recent):  # a crash cut the last line: its failure is added again
                os.ftruncate(self._descriptor, size - len(recent) + whole)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {reason_of(error)}") from error
        for line in recent[:whole].splitlines():
            try:
                failure_id = json.loads(line)["id"]
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            self._ids[str(failure_id)] += 1

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
