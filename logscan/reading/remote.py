"""Remote: files beyond the disk (``s3://``, ``gs://``, ``abfs://``, ``sftp://``, ``https://``) by fsspec.

Credentials are the provider's usual ones (environment, configuration files, roles of the machine); what else
a file system needs may stand in fsspec's own configuration. A connection that breaks in the middle is taken
up again where it broke.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import urlsplit

from logscan.errors import InputError, first_line

BLOCK = 4 << 20
"""Bytes asked for at once."""
ATTEMPTS = 4
"""Of one request, the first included."""
PAUSE = 0.5
"""Seconds in front of the second attempt; twice as many in front of each further one."""
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs",
    "az": "adlfs", "sftp": "paramiko", "ssh": "paramiko", "http": "aiohttp", "https": "aiohttp",
}  # fmt: skip
_TAGS = (
    "ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime",
    "Last-Modified",
)  # fmt: skip
"""What file systems call that which changes with a file."""
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError, ValueError)
T = TypeVar("T")


def is_remote(path: str) -> bool:
    """Whether a path is an address."""
    return "://" in path


def expand(path: str) -> list[str]:
    """The files of an address: of a pattern those that match, of a directory all below it, else itself.

    Raises:
        InputError: it cannot be listed.
    """
    fs, name = _system(path)
    if _has_magic(name):
        return sorted(_address(fs, path, found) for found in _told(path, lambda: fs.glob(name)))
    if path.startswith(("http://", "https://")) and not path.endswith("/"):
        return [path]
    if _told(path, lambda: bool(fs.isdir(name))):
        return sorted(_address(fs, path, found) for found in _told(path, lambda: fs.find(name)))
    return [path]


def _address(fs: Any, path: str, found: str) -> str:
    """The address of a file that was found at another: on the same host, which file systems leave out."""
    host = urlsplit(path).netloc
    if found.startswith("/") and host:
        return f"{path.partition('://')[0]}://{host}{found}"
    return str(fs.unstrip_protocol(found))


def size(path: str) -> int | None:
    """How many bytes a file has; ``None`` where the other side does not say.

    Raises:
        InputError: it is not there, or may not be read.
    """
    fs, name = _system(path)
    found = _told(path, lambda: fs.size(name))
    return None if found is None else int(found)


def stamp(path: str) -> tuple[int, int] | None:
    """What changes when a file does: a number of its tag or time, and its size; ``None`` where the other side
    tells neither.

    Raises:
        InputError: it is not there, or may not be read.
    """
    fs, name = _system(path)
    about: dict[str, Any] = _told(path, lambda: fs.info(name))
    tag = next((about[key] for key in _TAGS if about.get(key)), None)
    if tag is None or about.get("size") is None:
        return None
    return int.from_bytes(blake2b(str(tag).encode(), digest_size=7).digest(), "big"), int(about["size"])


def read_at(path: str, offset: int, count: int) -> bytes:
    """Some bytes of a file, fewer at its end.

    Raises:
        InputError: it cannot be read.
    """
    fs, name = _system(path)
    data = _told(path, lambda: fs.cat_file(name, start=offset, end=offset + count))
    return bytes(data[:count])


class RemoteFile(io.RawIOBase):
    """The bytes of a file from an offset on, in order.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, path: str, offset: int = 0, block: int = BLOCK) -> None:
        super().__init__()
        self._path, self._block = path, block
        self._position = offset
        self._file: Any = None
        _told(path, self._reopen)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, view: Any, /) -> int:
        """Fill a buffer as far as bytes are at hand; 0 at the end.

        Raises:
            InputError: they cannot be read, however often it was tried.
        """
        data = _told(self._path, lambda: self._read(len(view)))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Release the connection."""
        if not self.closed and self._file is not None:
            self._file.close()
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
    try:
        import fsspec
    except ImportError as error:
        raise InputError(f"{path}: fsspec is not installed", "pip install 'logscan[remote]'") from error
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        package = _PACKAGES.get(scheme, scheme)
        raise InputError(f"{path}: {package} is not installed", f"pip install {package}") from error
    except ValueError as error:
        raise InputError(
            f"{path}: {scheme}:// is not known", "s3, gs, abfs, sftp and https are; fsspec lists all"
        ) from error
    found: tuple[Any, str] = _told(path, lambda: fsspec.core.url_to_fs(path))  # some connect here
    return found


def _told(path: str, action: Callable[[], T]) -> T:
    """Do it, several times where the fault may pass.

    Raises:
        InputError: it failed each time, or for good.
    """
    pause = PAUSE
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except InputError:
            raise
        except Exception as error:
            if isinstance(error, _FINAL) or attempt == ATTEMPTS - 1 or _is_final(error):
                raise _fault(path, error) from error
            time.sleep(pause)
            pause *= 2
    raise AssertionError("unreachable")


def _is_final(error: Exception) -> bool:
    """Whether trying again is of no use, by the error's name or status: file systems have no type for it."""
    status = getattr(error, "status", None)
    name = type(error).__name__
    return status in (400, 401, 403, 404, 410) or "Credential" in name or _is_of_keys(error)


def _is_of_keys(error: Exception) -> bool:
    """Whether nobody could prove who is asking: SSH has no type of its own for having no key at all."""
    return "Auth" in type(error).__name__ or "uthentication" in str(error)


def _fault(path: str, error: Exception) -> InputError:
    words = first_line(error)
    name = type(error).__name__
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        if path.startswith("http"):  # fsspec tells a refusal as well as something that is not there so
            return InputError(
                f"{path}: not found, or not to be read without credentials", "check the address"
            )
        return InputError(f"{path}: not found", "check the address")
    if (
        isinstance(error, PermissionError)
        or status in (401, 403)
        or "Credential" in name
        or _is_of_keys(error)
    ):
        return InputError(
            f"{path}: may not be read ({words})",
            "give credentials in the provider's usual way (environment, profile, role), or ask for the"
            " right to read",
        )
    return InputError(f"{path}: {words}", "is the network there, and the address right?")


def _has_magic(name: str) -> bool:
    return any(mark in name for mark in "*[")
