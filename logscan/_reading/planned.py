"""A file as it was when work was planned: whoever reads it, here or on another machine, checks that it is the
same one.

A path means something else in another working directory, on another mount, or after a rotation.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import NamedTuple

from logscan._reading.fingerprint import digest
from logscan._reading.paths import LogFile
from logscan._reading.remote import is_remote
from logscan._reading.unpack import ByteStream, first_bytes, open_bytes, read_at
from logscan.errors import InputError


class PlannedFile(NamedTuple):
    """A file as the command saw it."""

    path: str
    """Its absolute path, or its address."""
    shown: str
    """Its path as it was given."""
    size: int
    """Bytes as it lay there; it may have grown since."""
    head_size: int
    """Bytes of its text that ``head`` is made of."""
    head: str
    """Digest of its beginning."""
    is_plain: bool
    """Whether its bytes are its text."""
    is_known: bool
    """Whether the command could look at it."""

    def open(self, skip: int = 0, *, forget: bool = False) -> ByteStream:
        """Open its text at an offset, unpacked in a thread of its own.

        Raises:
            InputError: it cannot be opened here, or it is another file. The message names this machine.
        """
        difference = self._difference()  # first: not all file systems read two files at the same time
        if difference:
            raise InputError(
                f"{self.shown}: is another file on {_here()} than where the work was planned ({difference})",
                f"do all workers see the same files at {self.path}? was it rotated meanwhile?",
            )
        try:
            return open_bytes(self.path, skip, forget=forget, ahead=True)
        except InputError as error:
            words = str(error).replace(self.path, self.shown, 1)
            raise InputError(words + (f" on {_here()}" if self.is_known else ""), error.hint) from error

    def _difference(self) -> str:
        """What is different here; nothing where it is the same file, or has grown."""
        with contextlib.suppress(OSError, InputError):  # opening it says that
            if self.is_known and not is_remote(self.path):
                size = os.stat(self.path).st_size
                if size < self.size:
                    return f"{size:,} bytes, at least {self.size:,} were expected"
            if self.is_known and digest(self._beginning()) != self.head:
                return "it begins with other bytes"
        return ""

    def _beginning(self) -> bytes:
        size = self.head_size
        return read_at(self.path, 0, size) if self.is_plain else first_bytes(self.path, size)


def planned(file: LogFile) -> PlannedFile:
    """A file as its probe saw it, by a path that holds everywhere."""
    probe = file.probe
    path = file.path if is_remote(file.path) else os.path.abspath(file.path)
    return PlannedFile(
        path, file.path, probe.size, len(probe.head), digest(probe.head), probe.packing.is_plain,
        probe.is_file,
    )  # fmt: skip


def _here() -> str:
    return socket.gethostname()
