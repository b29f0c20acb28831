"""Files that are written: as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from logscan.errors import OutputError
from logscan.sources import reason_of


@contextlib.contextmanager
def written(path: str) -> Iterator[IO[bytes]]:
    """A file to write; when the block ends well it stands at the path, on disk, in one step.

    A reader sees the old or the new one, never a part; so does the machine after a crash.

    Raises:
        OutputError: it cannot be written; what stood there is unchanged.
    """
    target = Path(os.path.realpath(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {reason_of(error)}", "is the directory there and writable?"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        else:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from error
        raise
