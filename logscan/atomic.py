"""Files that are written: as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from logscan.errors import OutputError, UsageError, reason_of


@contextlib.contextmanager
def atomic_write(path: str, mode: int | None = None) -> Iterator[IO[bytes]]:
    """A file to write; when the block ends well it stands at the path, on disk, in one step.

    A reader sees the old or the new one, never a part; so does the machine after a crash.

    Args:
        path: where it will stand.
        mode: its permissions; else those of the file that stood there, or what the umask leaves.

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
        if mode is not None:
            os.chmod(temporary, mode)
        elif target.exists():
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


def locked(descriptor: int) -> bool:
    """Lock an open file for this run, as long as it is open; ``False`` when another run has it locked."""
    try:
        import fcntl
    except ImportError:  # not on this system
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


class Lock:
    """One run at a time uses a checkpoint.

    Raises:
        UsageError: another run uses it.
    """

    def __init__(self, path: str) -> None:
        self._file: Any = None
        try:
            import fcntl
        except ImportError:  # not on this system
            return
        try:
            self._file = open(f"{path}.lock", "a+", encoding="ascii")  # noqa: SIM115 - kept while we run
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip()
            self._file.close()
            raise UsageError(
                f"{path}: is in use by another run (process {owner or 'unknown'})",
                "wait for that run or end it, or give each its own",
            ) from error
        except OSError as error:
            raise UsageError(f"{path}: {reason_of(error)}", "is its directory there and writable?") from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others use it."""
        if self._file is not None:
            self._file.close()
