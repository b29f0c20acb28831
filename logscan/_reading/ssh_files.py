"""Files of hosts, copied byte for byte through ssh: with ``cat`` and ``tail``, which every host has."""

from __future__ import annotations

import io
import os
import secrets
import shlex
from typing import Any

from logscan._reading.paths import DEFAULT_PATTERNS
from logscan._reading.ssh import parsed
from logscan._reading.ssh_process import Remote
from logscan.errors import InputError

MOST_ANSWER = 8 << 20
"""Bytes of a list of files."""
_MOST_NOISE = 1 << 20
_MAGIC = "*?[]"


def expand(path: str) -> list[str]:
    """The files of an address: those that match a pattern, all logs below a directory, else itself.

    Raises:
        InputError: the host cannot be reached.
    """
    host, there = parsed(path)
    patterns = DEFAULT_PATTERNS if there == "/" else (there,)
    found = "; ".join(
        f'for f in {_pattern(each)}; do if [ -d "$f" ]; then find "$f" -type f -name "*.log*";'
        ' elif [ -e "$f" ]; then printf "%s\\n" "$f"; fi; done'
        for each in patterns
    )
    names = os.fsdecode(_answer(path, found)).splitlines()
    return [f"{host.address}{name}" for name in sorted(set(names)) if name.startswith("/")] or [path]


def size(path: str) -> int:
    """Bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    count = _answer(path, f"wc -c < {_quoted(path)}").split()
    if not count or not count[0].isdigit() or len(count[0]) > 18:
        raise InputError(f"{path}: not found, or not readable", "check the path")
    return int(count[0])


def modified(path: str) -> float:
    """When a file was written, in seconds since 1970; infinite where the host does not say.

    Raises:
        InputError: the host cannot be reached.
    """
    said = _answer(path, f"stat -c %Y -- {_quoted(path)}").split()
    return float(said[0]) if said and said[0].isdigit() and len(said[0]) < 15 else float("inf")


def read_at(path: str, offset: int, count: int) -> bytes:
    """Some bytes of a file; fewer at its end.

    Raises:
        InputError: it cannot be read.
    """
    script = f"tail -c +{offset + 1} -- {_quoted(path)} | head -c {count}"
    return _answer(path, script, count)


class SshFile(io.RawIOBase):
    """The bytes of a file from an offset on, in order.

    Raises:
        InputError: the host cannot be reached.
    """

    def __init__(self, path: str, offset: int = 0) -> None:
        super().__init__()
        self._path = path
        quoted = _quoted(path)
        self._remote, self._held = _begun(
            path, f"exec tail -c +{offset + 1} -- {quoted}" if offset else f"exec cat -- {quoted}"
        )
        self._ended = False

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def readinto(self, view: Any, /) -> int:
        """Read some bytes into a buffer; returns their number, 0 at the end.

        Raises:
            InputError: the connection broke, or the file cannot be read.
        """
        if not self._held and not self._ended:
            self._held = self._remote.read()
            if not self._held:
                self._ended = True
                if not self._remote.succeeded():
                    raise _named(self._path, self._remote.fault())
        count = min(len(view), len(self._held))
        view[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def close(self) -> None:
        """End the connection."""
        if not self.closed:
            self._remote.close()
        super().close()


def _begun(path: str, script: str) -> tuple[Remote, bytes]:
    """A script that has begun to print, and what it has printed; what a login prints is left out."""
    host, _ = parsed(path)
    mark = secrets.token_hex(12)
    remote = Remote(host, f"echo; echo {mark}; {script}")
    remote.end_input()
    held = b""
    sign = f"\n{mark}\n".encode()
    try:
        while (at := held.find(sign)) < 0:
            data = remote.read()
            held += data
            if not data or len(held) > _MOST_NOISE:
                break
    except BaseException:
        remote.close()
        raise
    if at < 0:
        fault = remote.fault()
        remote.close()
        raise fault
    return remote, held[at + len(sign) :]


def _answer(path: str, script: str, most: int = MOST_ANSWER) -> bytes:
    remote, held = _begun(path, script)
    parts = [held]
    count = len(held)
    try:
        while count <= most and (data := remote.read()):
            parts.append(data)
            count += len(data)
    finally:
        remote.close()
    if count > most:
        raise InputError(f"{path}: the host sends more than it was asked for", "try ssh by hand")
    return b"".join(parts)


def _named(path: str, error: InputError) -> InputError:
    """A fault of the host with the path of the file."""
    host, _ = parsed(path)
    return InputError(
        f"{path}: {str(error).removeprefix(host.address + ': ')}", "check the path and its rights"
    )


def _quoted(path: str) -> str:
    return shlex.quote(parsed(path)[1])


def _pattern(path: str) -> str:
    """A path of which the shell expands the wildcards, and nothing else."""
    return "".join(char if char in _MAGIC else shlex.quote(char) for char in path)
