"""Remote files: ``s3://``, ``gs://``, ``abfs://``, ``https://`` through fsspec, ``ssh://`` through ssh.

Credentials are the provider's usual ones. Other settings of a file system can be in fsspec's own
configuration. After a broken connection, reading continues where it broke.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from logscan._reading.patience import SilentError, within
from logscan._reading.remote_faults import fault, is_final, silence
from logscan._reading.ssh import is_ssh
from logscan.errors import EXTRA_OF, InputError, MissingPackageError, need
from logscan.shown import without_password

REQUEST_BYTES = 4 << 20
"""Bytes of one request."""
ANSWER_SECONDS = 30.0
"""How long a server may be silent before that is an error."""
BLOCK_SECONDS = 120.0
"""The same while it sends a block: a slow line needs that long for :data:`REQUEST_BYTES`."""
SILENT_SECONDS = 300.0
"""How long a server that has never answered is not asked again: each of its files would wait anew."""
_ATTEMPTS = 4
"""Attempts of one request, with the first."""
_PAUSE_SECONDS = 0.5
"""Pause before the second attempt; it doubles before each later attempt."""
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs",
    "az": "adlfs", "http": "aiohttp", "https": "aiohttp",
}  # fmt: skip
_TAGS = (
    "ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime",
    "Last-Modified",
)  # fmt: skip
"""The names that file systems give to a value that changes with a file."""
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError, ValueError)
_ANSWERED: set[str] = set()
"""Servers that have answered at least once; by scheme and name."""
_SILENT: dict[str, float] = {}
"""Those that never have, and until when they are not asked again."""
T = TypeVar("T")


def is_remote(path: str) -> bool:
    """Whether a path is an address."""
    return "://" in path


def _ssh() -> ModuleType:
    """What reads files of hosts; most runs read none."""
    from logscan._reading import ssh_files

    return ssh_files


class Address(str):
    """An address with credentials: as text it shows none, and it opens by them."""

    real: str


def address(path: str) -> str:
    """The address of a path as the program carries it: whatever becomes text of it shows no password."""
    shown = without_password(path)
    if shown == path or isinstance(path, Address):
        return path
    made = Address(shown)
    made.real = path
    return made


def expand(path: str) -> list[str]:
    """The files of an address: those that match a pattern, all below a directory, else the address itself.

    Raises:
        InputError: the address cannot be listed.
    """
    if is_ssh(path):
        listed: list[str] = _ssh().expand(path)
        return listed
    path = address(path)
    fs, name = _system(path)
    if _has_magic(name):
        return sorted(_address(fs, path, file) for file in _with_retries(path, lambda: fs.glob(name)))
    if path.startswith(("http://", "https://")) and not path.endswith("/"):
        return [path]
    if _with_retries(path, lambda: bool(fs.isdir(name))):
        return sorted(_address(fs, path, file) for file in _with_retries(path, lambda: fs.find(name)))
    return [path]


def _address(fs: Any, path: str, name: str) -> str:
    """The address of a file that was found at ``path``: with its host, which file systems leave out."""
    host = urlsplit(_real(path)).netloc
    if name.startswith("/") and host:
        return address(f"{path.partition('://')[0]}://{host}{name}")
    return address(str(fs.unstrip_protocol(name)))


def _real(path: str) -> str:
    return path.real if isinstance(path, Address) else path


def size(path: str) -> int | None:
    """Bytes of a file; ``None`` if the server does not say.

    Raises:
        InputError: the file is missing or forbidden.
    """
    if is_ssh(path):
        return int(_ssh().size(path))
    fs, name = _system(path)
    count = _with_retries(path, lambda: fs.size(name))
    return None if count is None else int(count)


def stamp(path: str) -> tuple[int, int] | None:
    """A number made of a file's tag or time, and its size: they change with the file. ``None`` if the server
    gives neither.

    Raises:
        InputError: the file is missing or forbidden.
    """
    if is_ssh(path):
        return int(_ssh().modified(path)), _ssh().size(path)
    fs, name = _system(path)
    info: dict[str, Any] = _with_retries(path, lambda: fs.info(name))
    tag = next((info[key] for key in _TAGS if info.get(key)), None)
    if tag is None or info.get("size") is None:
        return None
    return int.from_bytes(blake2b(str(tag).encode(), digest_size=7).digest(), "big"), int(info["size"])


def modified(path: str) -> float:
    """When a file was written, in seconds since 1970; infinite if the server does not say.

    Raises:
        InputError: the file is missing or forbidden.
    """
    if is_ssh(path):
        return float(_ssh().modified(path))
    fs, name = _system(path)
    with contextlib.suppress(Exception):  # not every file system tells it
        return float(_with_retries(path, lambda: fs.modified(name)).timestamp())
    return float("inf")


def read_at(path: str, offset: int, count: int) -> bytes:
    """Some bytes of a file; fewer at its end.

    Raises:
        InputError: the file cannot be read.
    """
    if is_ssh(path):
        return bytes(_ssh().read_at(path, offset, count))
    fs, name = _system(path)
    data = _with_retries(path, lambda: fs.cat_file(name, start=offset, end=offset + count))
    return bytes(data[:count])


def names_below(path: str, most: int | None = None) -> list[tuple[str, int]]:
    """Name below an address, and bytes, of each file there; at most ``most``.

    Raises:
        InputError: the address cannot be listed.
    """
    fs, folder = _system(path)

    def found() -> list[tuple[str, int]]:
        names: list[tuple[str, int]] = []
        fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for parent, _, files in fs.walk(folder, detail=True):
                for name, about in files.items():
                    if name:
                        below = f"{parent}/{name}".removeprefix(folder.rstrip("/")).lstrip("/")
                        names.append((below, int(about.get("size") or 0)))
                if most is not None and len(names) >= most:
                    break
        return names

    return sorted(_with_retries(path, found, BLOCK_SECONDS if most is None else ANSWER_SECONDS))[:most]


def put(local: str, path: str) -> None:
    """Copy a file of this machine to an address.

    Raises:
        InputError: the server refuses it, or cannot be reached.
    """
    fs, name = _system(path)
    blocks = 1 + os.path.getsize(local) // REQUEST_BYTES  # a slow line needs its time for many
    _with_retries(path, lambda: fs.put_file(local, name), BLOCK_SECONDS * blocks)


def remove(path: str) -> None:
    """Remove a file; one that is not there is left out.

    Raises:
        InputError: the server refuses it, or cannot be reached.
    """
    fs, name = _system(path)

    def removed() -> None:
        with contextlib.suppress(FileNotFoundError):
            fs.rm_file(name)

    _with_retries(path, removed)


def seekable(path: str) -> Any:
    """A file that can be read at any place.

    Raises:
        InputError: the file cannot be opened.
    """
    fs, name = _system(path)
    return _with_retries(path, lambda: fs.open(name, "rb", block_size=1 << 20, cache_type="readahead"))


def file_system(path: str) -> Any:
    """The file system of an address, for another library; raises as :func:`size`."""
    return _system(path)[0]


def open_file(path: str, offset: int = 0) -> io.RawIOBase:
    """The bytes of a file from an offset on, in order.

    Raises:
        InputError: it cannot be opened.
    """
    return _ssh().SshFile(path, offset) if is_ssh(path) else RemoteFile(path, offset)


class RemoteFile(io.RawIOBase):
    """The bytes of a file from an offset on, in order.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: str, offset: int = 0, block: int = REQUEST_BYTES) -> None:
        super().__init__()
        self._path, self._block = path, block
        self._position = offset
        self._file: Any = None
        _with_retries(path, self._reopen)

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def readinto(self, view: Any, /) -> int:
        """Read some bytes into a buffer; returns their number, 0 at the end.

        Raises:
            InputError: all attempts failed.
        """
        try:
            data = _with_retries(self._path, lambda: self._read(len(view)), BLOCK_SECONDS)
        except InputError:
            self._file = None  # a silent server would not answer its closing either
            raise
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Release the connection."""
        if not self.closed and self._file is not None:
            file, self._file = self._file, None
            if sys.is_finalizing():  # the threads that would answer have ended: the system closes it
                return
            with contextlib.suppress(SilentError):  # all that was wanted of it was read
                within(ANSWER_SECONDS, file.close)
        super().close()

    def _read(self, count: int) -> bytes:
        if self._file is None:
            self._reopen()
        try:
            return bytes(self._file.read(min(count, self._block)))
        except Exception:
            self._file = None
            raise

    def _reopen(self) -> None:
        fs, name = _system(self._path)
        self._file = fs.open(name, "rb", block_size=self._block, cache_type="readahead")
        if self._position:
            self._file.seek(self._position)


def _system(path: str) -> tuple[Any, str]:
    """The file system of an address, and the file's name in it."""
    scheme = path.partition("://")[0]
    if scheme in ("sftp", "ssh"):
        what = "is no address any more" if scheme == "sftp" else "can be read from, and no more"
        raise InputError(
            f"{path}: {scheme}:// {what}", f"write ssh://{path.partition('://')[2]} to read logs"
        )
    fsspec = need("fsspec", f"{scheme}://")
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        package = _PACKAGES.get(scheme, scheme)
        raise MissingPackageError(package, path, pip="" if package in EXTRA_OF else package) from error
    except ValueError as error:
        raise InputError(
            f"{path}: {scheme}:// is not known", "use ssh, s3, gs, abfs or https; fsspec lists more"
        ) from error
    system: tuple[Any, str] = _with_retries(
        path, lambda: fsspec.core.url_to_fs(_real(path)), is_answer=False
    )  # some connect here
    return system


def _with_retries(path: str, action: Callable[[], T], seconds: float = 0, *, is_answer: bool = True) -> T:
    """Call it, with retries for faults that may pass.

    Args:
        path: the address.
        action: asks the server.
        seconds: how long that may take; 0: :data:`ANSWER_SECONDS`.
        is_answer: whether the server has answered when it returns.

    Raises:
        InputError: all attempts failed, or the fault is final.
    """
    pause, seconds = _PAUSE_SECONDS, seconds or ANSWER_SECONDS
    server = "/".join(_real(path).split("/", 3)[:3])
    if time.monotonic() < _SILENT.get(server, 0.0):
        raise silence(path, seconds)
    for attempt in range(_ATTEMPTS):
        try:
            value = within(seconds, action)
        except InputError:
            raise
        except SilentError as error:
            if server not in _ANSWERED:
                _SILENT[server] = time.monotonic() + SILENT_SECONDS
            raise silence(path, seconds) from error
        except Exception as error:
            if isinstance(error, _FINAL) or attempt == _ATTEMPTS - 1 or is_final(error):
                raise fault(path, error) from error
            time.sleep(pause)
            pause *= 2
        else:
            if is_answer:
                _ANSWERED.add(server)
            return value
    raise AssertionError("unreachable")


def _has_magic(name: str) -> bool:
    return any(mark in name for mark in "*[")
