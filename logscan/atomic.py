"""Files that are written: as a whole or not at all. What cannot be replaced (a device, a FIFO, a socket) is
written to."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from logscan.errors import OutputError, UsageError, reason_of
from logscan.nodes import Kind, descriptor_named, kind_of, logged_wait

PRIVATE_FILE, PRIVATE_FOLDER = 0o640, 0o750
"""Modes of what logscan keeps for itself (history, stores, indexes, checkpoints): not for all users, because
it holds names of proxies and backends. The umask may take more away."""
PUBLIC_FILE = 0o666
"""Mode of a result that somebody asked for by its name: only the umask limits it, as for every tool."""
_UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}\.logscan-part", re.DOTALL)
"""Names of temporary files."""
_LONGEST_NAME = 200
"""Bytes of a file's name that its temporary file takes over: a name has at most 255."""
_swept: set[str] = set()
"""Directories in which this process has looked for temporary files of killed runs."""


class OneWay(io.FileIO):
    """A file that is written from its beginning to its end. It says so: some devices say that one can go back
    in them, and a writer of zip or Parquet believes it."""

    def seekable(self) -> bool:
        """See :class:`io.FileIO`."""
        return False

    def tell(self) -> int:
        """See :class:`io.FileIO`."""
        raise io.UnsupportedOperation("tell")


@contextlib.contextmanager
def output_file(
    path: str, *, mode: int = PUBLIC_FILE, is_exact: bool = False, wait: bool = True
) -> Iterator[IO[bytes]]:
    """A result to write: a file atomically (:func:`atomic_write`); what cannot be replaced is written to.

    Args:
        path: a file, a device, a FIFO, a socket, or the name of an open descriptor as ``/dev/fd/3``.
        mode: of a new file, as far as the umask allows.
        is_exact: also of a file that stood there.
        wait: for the reader of a FIFO; else its absence is an error.

    Raises:
        OutputError: it cannot be written; a file is unchanged.
    """
    descriptor = descriptor_named(path)
    kind = kind_of(path)
    if descriptor is None and (kind is None or not kind.is_stream):
        with atomic_write(path, mode=mode, is_exact=is_exact) as file:
            yield file
        return
    try:
        with _stream(path, descriptor, kind, wait) as file:
            yield file
            file.flush()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from error


def _stream(path: str, descriptor: int | None, kind: Kind | None, wait: bool) -> IO[bytes]:
    """A stream to write to.

    Raises:
        OSError: it cannot be opened.
    """
    if descriptor is not None:
        # Not opened again: a file would be written from its beginning, and a socket cannot be opened.
        return io.BufferedWriter(OneWay(os.dup(descriptor), "wb"))
    if kind is Kind.SOCKET:
        import socket

        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            return io.BufferedWriter(OneWay(connection.detach(), "wb"))
    flags = os.O_WRONLY | os.O_CLOEXEC | (0 if wait else os.O_NONBLOCK)
    with logged_wait(path, "a reader"):
        return io.BufferedWriter(OneWay(os.open(path, flags), "wb"))


@contextlib.contextmanager
def atomic_write(path: str, *, mode: int = PRIVATE_FILE, is_exact: bool = False) -> Iterator[IO[bytes]]:
    """A file to write; when the block ends well it stands at the path, on disk, in one step.

    A reader sees the old or the new one, never a part; so does the machine after a crash. A run that is
    killed leaves a temporary file; the next run that writes to the directory removes it.

    Args:
        path: the file.
        mode: of a new file, as far as the umask allows; a file that stands there keeps its own.
        is_exact: it does not.

    Raises:
        OutputError: it cannot be written, or something else than a file stands there; that is unchanged.
    """
    check_replaceable(path)
    target = Path(os.path.realpath(path))
    _sweep(str(target.parent))
    try:
        temporary, file = _temporary(target)
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise OutputError(
            f"{path}: cannot be written: {reason}", "is the directory there and writable?"
        ) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, mode if is_exact else _mode_of(target, mode))
            os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from error
        raise


def check_replaceable(path: str) -> None:
    """Check that a path is that of a file, or free.

    Raises:
        OutputError: a directory, a device, a FIFO or a socket stands there.
    """
    kind = kind_of(path)
    if kind not in (None, Kind.FILE):
        raise OutputError(f"{path}: is a {kind.value}, not a file", "name a file, or a path that is free")


def make_private_folder(path: str) -> None:
    """Make a directory that is not for all users, unless there is one.

    Raises:
        OSError: it cannot be made.
    """
    kind = kind_of(path)
    if kind not in (None, Kind.DIRECTORY):
        raise NotADirectoryError(0, f"is a {kind.value}, not a directory", path)
    os.makedirs(path, PRIVATE_FOLDER, exist_ok=True)


def make_private_file(path: str) -> None:
    """Make an empty file that is not for all users, unless there is one.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, PRIVATE_FILE))


def _mode_of(target: Path, mode: int) -> int:
    """The mode of a file that is to stand at a path."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return mode & ~mask


def _temporary(target: Path) -> tuple[str, IO[bytes]]:
    """A new file beside a target. Its lock says that its writer lives."""
    name = os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])
    while True:
        handle, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".logscan-part", dir=target.parent)
        file = os.fdopen(handle, "wb")
        lock(handle)
        if os.path.exists(path):  # another run may have removed it before it was locked
            return path, file
        file.close()


def _sweep(folder: str) -> None:
    """Remove the temporary files of killed runs from a directory, once in the life of this process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _UNFINISHED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError), open(entry.path, "rb") as file:
                    if lock(file.fileno()):
                        os.unlink(entry.path)


def lock(descriptor: int) -> bool | None:
    """Lock an open file as long as it is open; ``False``: another run has the lock; ``None``: the system, or
    the file system, has no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
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
            check_replaceable(f"{path}.lock")
            make_private_file(f"{path}.lock")
            self._file = open(f"{path}.lock", "a+", encoding="ascii")  # noqa: SIM115 - kept while we run
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip()
            self._file.close()
            raise UsageError(
                f"{path}: is in use by another run (process {owner or 'unknown'})",
                "wait for that run or end it, or give each its own",
            ) from error
        except OSError as error:
            self.release()
            raise UsageError(f"{path}: {reason_of(error)}", "is its directory there and writable?") from error

    def release(self) -> None:
        """Let others use it."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # the number of this process, on a full disk
                self._file.close()
