"""Files that were renamed away, for as long as a writer may have them open."""

from __future__ import annotations

import os
import time

from logscan._live.open_file import OpenFile
from logscan._live.piece_queue import Piece
from logscan._live.run import Run
from logscan._reading.fingerprint import Identity, identify
from logscan._reading.paths import is_packed
from logscan._reading.unpack import open_bytes


class RenamedFiles:
    """The files of one path that were renamed away and may still grow.

    Attributes:
        files: those that are open.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._clock = run.options.clock
        self.files: list[OpenFile] = []

    def add(self, file: OpenFile) -> None:
        """Look at a file for some time; it was read to its end."""
        file.until = self._clock.monotonic() + self._run.options.rotate_wait
        self.files.append(file)

    def watch(self, piece: Piece, identity: Identity) -> None:
        """Look for some time at the newest rotated file, which was read to its end: its writer may not have
        opened the new one yet."""
        if is_packed(piece.path):
            return
        try:
            descriptor, _ = self._run.open(piece.path)
        except OSError:  # it is gone, or renamed once more: nobody writes there now
            return
        file = OpenFile(descriptor, identify(descriptor, b""), piece.number, piece.offset)
        if file.inode == identity[:2]:
            file.identity = identity
            self.add(file)
        else:
            self._run.close(descriptor)

    def late(self, path: str) -> Piece | None:
        """What was written to one of them since, to be read under a path."""
        now = self._clock.monotonic()
        for file in list(self.files):
            size = os.fstat(file.descriptor).st_size
            if size > file.position:
                stream = open_bytes(f"/dev/fd/{file.descriptor}", file.position)
                piece = Piece(path, stream, file.number, file.position, size=size, modified=time.time())
                file.position, file.tail = size, b""
                file.until = now + self._run.options.rotate_wait
                return piece
            if now > file.until:
                self.files.remove(file)
                self._run.close(file.descriptor)
        return None

    def close(self) -> None:
        """Release the files."""
        for file in self.files:
            self._run.close(file.descriptor)
        self.files.clear()
