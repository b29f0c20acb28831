"""The files beside a log: what is known of each by one look, and which may be rotated ones, by their names.

A name only hints at that, and at the order in which the files were written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from logscan._entries.sample import judge
from logscan._reading.fingerprint import TIME, Identity, digest
from logscan._reading.paths import is_packed
from logscan._reading.probe import HEAD, SAMPLE
from logscan._reading.unpack import first_bytes

Inode = tuple[int, int]
"""Device and inode."""

_LIVE_AGE = 2
"""The age, as :func:`logscan._reading.paths.describe` gives it, of a name without a mark of age."""
_AGE = re.compile(r"[0-9tz]{1,32}|old|bak|orig|prev|previous|rotated|save|log|gz|zst|bz2|xz")
"""A part of a file's name that may stand for its age or packing."""
_PARTS = re.compile(r"[^a-z0-9]+")


class Rotated(NamedTuple):
    """A file that stands beside a path."""

    path: str
    inode: Inode
    age: tuple[int, str, int]
    """Of its name: sorts files that are named alike oldest first."""
    size: int
    """Bytes as it lies there."""
    modified: int
    """Nanoseconds since 1970."""
    head: bytes
    """The first bytes of its text, at most :data:`HEAD`."""
    is_hinted: bool
    """Whether its name says that it may be a rotated file of the path."""

    @property
    def changed(self) -> float:
        """When it was last changed, in seconds since 1970."""
        return self.modified / 1e9

    @property
    def seconds(self) -> int:
        """The same, in whole seconds: not every packer keeps more of it."""
        return self.modified // 1_000_000_000

    @property
    def identity(self) -> Identity:
        """What it is known by."""
        return Identity(*self.inode, len(self.head), digest(self.head), self.seconds)

    def is_text_of(self, identity: Identity) -> bool:
        """Whether it is a file that is known, under another name or packed."""
        is_same = self.inode == (identity.device, identity.inode)
        return is_same or (len(self.head) > 0 and self.identity.text == identity.text)


class Listing(NamedTuple):
    """The files beside a path, oldest first, and when their folders were last changed."""

    changed: tuple[int, ...]
    files: list[Rotated]

    def find(self, identity: Identity) -> int | None:
        """Which of them is a file, packed or not; ``None`` where none is."""
        same = (n for n, file in enumerate(self.files) if file.is_text_of(identity))
        return next(same, None)

    def has(self, identity: Identity) -> bool:
        """Whether one of them is a file, packed or not."""
        return self.find(identity) is not None

    @property
    def inodes(self) -> set[tuple[str, Inode]]:
        """Every file by name and inode."""
        return {(file.path, file.inode) for file in self.files}


class NameTest:
    """Whether the name of a file hints that it is a rotated one: but for marks of age and packing it is made
    of the same parts as the name of the log, or it matches a pattern.

    Args:
        name: that of the log.
        patterns: further names, as the shell writes them.
    """

    def __init__(self, name: str, patterns: Sequence[str]) -> None:
        self._parts = _parts(name)
        self._patterns = patterns

    def __call__(self, name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in self._patterns):
            return True
        if not self._parts or name.startswith("."):
            return False
        rest = _parts(name)
        for part in self._parts:  # those of the log, in their order; all others are marks of age
            while rest and rest[0] != part:
                if not _AGE.fullmatch(rest.pop(0)):
                    return False
            if not rest:
                return False
            rest.pop(0)
        return all(_AGE.fullmatch(part) for part in rest)


def _parts(name: str) -> list[str]:
    return [part for part in _PARTS.split(name.lower()) if part and part != "log"]


def in_order(files: list[Rotated]) -> list[Rotated]:
    """Files in the order in which they were written: by their names where those are of one kind, else by the
    time of the first entry in each."""
    kinds = {file.age[0] for file in files if file.is_hinted}
    if len(kinds) == 1 and kinds != {_LIVE_AGE}:
        return sorted(files, key=lambda file: file.age)
    files = sorted(files, key=lambda file: (file.modified, file.age, _numbers(file.path)))
    times = {file.path: _first_time(file) for file in files}
    # A file that shows no time keeps its place after the one that was changed before it.
    latest = datetime.min
    keys: dict[str, datetime] = {}
    for file in files:
        latest = keys[file.path] = times[file.path] or latest
    return sorted(files, key=lambda file: keys[file.path])


def _numbers(path: str) -> list[int]:
    """The numbers in a name: of two files that were changed in one moment the one with the lower is older."""
    return [int(number) for number in re.findall(r"[0-9]{1,18}", os.path.basename(path))]


def _first_time(file: Rotated) -> datetime | None:
    sample = judge(file.head)
    if sample.first is None and len(file.head) == HEAD:
        sample = judge(first_bytes(file.path, SAMPLE))
    return None if sample.first is None else sample.first.time.replace(tzinfo=None)


def is_copy(file: Rotated, other: Rotated) -> bool:
    """Whether two files hold the same text, packed or not: a beginning has the time of its first entry. Part
    of an entry has none: then the names must be the same, but for the packing."""
    if file.head != other.head:
        return False
    one, two = (os.path.splitext(path)[0] if is_packed(path) else path for path in (file.path, other.path))
    return one == two or TIME.search(file.head) is not None


def is_better(file: Rotated, other: Rotated) -> bool:
    """Which of two files of the same text to read: the plain one, the longer one."""
    return (not is_packed(file.path), file.size) > (not is_packed(other.path), other.size)
