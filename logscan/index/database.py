"""The catalogue: one SQLite file that says which logs are indexed, how far, and holds their postings.

Its tables: ``files`` (what each file is known by, how far it is covered), ``runs`` (a stretch of a file:
where its blocks begin and end), ``postings`` (``run << 16 | bucket`` → packed hashes and block numbers),
``points`` (seek points of packed files). Each run is written in one transaction together with how far its
file is then covered, so that a process that is killed leaves an index that is right, only shorter.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote
from zlib import crc32

from logscan.errors import InputError, OutputError
from logscan.index.postings import Collector, blocks_of, bucket_of, hash_of, pack_offsets, unpack_offsets
from logscan.index.seek_points import Point

VERSION = 1
PATIENCE = 30
"""Seconds to wait for another process that is writing."""
EDGE = 1024
"""Bytes by which a file's beginning, and the place to which it is covered, are known."""
_RUN = 16
"""Bits of a bucket's number."""
_SCHEMA = """
CREATE TABLE files(
    id INTEGER PRIMARY KEY, path BLOB NOT NULL, device INTEGER, inode INTEGER, size INTEGER, modified INTEGER,
    head BLOB, mark INTEGER, tail BLOB, layout TEXT, start INTEGER, stop INTEGER, whole INTEGER,
    rest BLOB
);
CREATE INDEX by_path ON files(path);
CREATE INDEX by_inode ON files(inode, device);
CREATE TABLE runs(
    id INTEGER PRIMARY KEY, file INTEGER, start INTEGER, stop INTEGER, buckets INTEGER, sum INTEGER,
    starts BLOB
);
CREATE INDEX by_file ON runs(file);
CREATE TABLE points(id INTEGER PRIMARY KEY, file INTEGER, at INTEGER, state BLOB);
CREATE INDEX by_place ON points(file, at);
CREATE TABLE postings(id INTEGER PRIMARY KEY, sum INTEGER, hashes BLOB, blocks BLOB);
"""


class State(NamedTuple):
    """A file as it is now."""

    device: int
    inode: int
    size: int
    modified: int


class Known(NamedTuple):
    """A file as far as it is indexed."""

    id: int
    path: str
    device: int
    inode: int
    size: int
    """Of the file as it lay there before it was indexed."""
    modified: int
    """When it was changed last before that, in nanoseconds."""
    head: bytes
    mark: int
    """A place in the file as it lies there: where ``tail`` ends."""
    tail: bytes
    layout: str
    start: int
    """Where its first entry begins, in its text."""
    stop: int
    """Where the first entry begins that is not covered: the last of the file at most."""
    whole: int
    """1: it was read to its end."""
    rest: bytes | None
    """Of a packed file: its text from ``stop`` on, so that it need not be unpacked for that."""

    def is_at(self, path: str, now: State, packed: bool) -> bool:
        """Whether a file is this one, or this one grown: by its state, and by its edges.

        Raises:
            OSError: it cannot be read.
        """
        if now.size != self.size or now.modified != self.modified:
            same = (now.device, now.inode) == (self.device, self.inode)
            if packed or not same or now.size <= self.size:
                return False
        return edges_of(path, self.mark) == (self.head, self.tail)


class Run(NamedTuple):
    """A stretch of a file's text, in blocks that begin where entries do."""

    start: int
    stop: int
    starts: list[int]
    """Where its blocks begin."""


def state_of(path: str) -> State:
    """What the system says of a file.

    Raises:
        OSError: it cannot be looked at.
    """
    about = os.stat(path)
    return State(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)


def edges_of(path: str, mark: int) -> tuple[bytes, bytes]:
    """Digests of a file's beginning, and of the bytes in front of a place.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        head = os.pread(file.fileno(), min(EDGE, mark), 0)
        tail = os.pread(file.fileno(), min(EDGE, mark), max(0, mark - EDGE))
    return blake2b(head, digest_size=16).digest(), blake2b(tail, digest_size=16).digest()


class Catalogue:
    """One index that is open.

    Args:
        path: of its file.
        write: make it where there is none.

    Raises:
        InputError: it is damaged, of another version, or cannot be opened.
        OutputError: it cannot be written.
    """

    def __init__(self, path: str, write: bool = False) -> None:
        self.path = path
        try:
            try:
                version = self._open("rwc" if write else "ro")
            except sqlite3.OperationalError:
                if write:
                    raise
                version = self._open("rw")  # a writer was killed: what it had begun must be taken back
            if write and version == 0:
                with self.change():
                    for statement in _SCHEMA.split(";"):
                        self._base.execute(statement)
                    self._base.execute(f"PRAGMA user_version = {VERSION}")
                version = VERSION
        except sqlite3.Error as error:
            raise (OutputError if write else InputError)(
                f"{path}: cannot be used as an index ({error})", self._remedy(write)
            ) from error
        if version != VERSION:
            raise InputError(
                f"{path}: an index of version {version}, this logscan has {VERSION}",
                "delete it, and logscan index makes it anew",
            )

    def _open(self, mode: str) -> int:
        address = f"file:{quote(os.fsencode(os.path.abspath(self.path)))}?mode={mode}"
        self._base = sqlite3.connect(address, PATIENCE, uri=True, isolation_level=None)
        version: int = self._base.execute("PRAGMA user_version").fetchone()[0]
        return version

    def close(self) -> None:
        """Let it go."""
        self._base.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """What is done inside is there as a whole, or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error})", self._remedy(write=True)
            ) from error

    def files(self) -> list[Known]:
        """All files that it knows.

        Raises:
            InputError: it is damaged.
        """
        return [_known(row) for row in self._rows("SELECT * FROM files ORDER BY path")]

    def known(self, path: str, packed: bool) -> Known | None:
        """What is known of a file as it lies there now; ``None`` where it was changed or is new.

        A file that was renamed is known by its inode, a copy by time and size. One that has grown is known as
        far as it was indexed.

        Raises:
            InputError: the index is damaged.
        """
        name = os.path.realpath(path)
        try:
            now = state_of(path)
            for row in self._rows(
                "SELECT * FROM files WHERE path = ? OR (inode = ? AND device = ?)",
                (os.fsencode(name), now.inode, now.device),
            ):
                one = _known(row)
                if one.is_at(path, now, packed):
                    return one
        except OSError:
            return None
        return None

    def ranges(self, file: Known, ids: Sequence[bytes]) -> list[tuple[int, int]]:
        """Where in a file's text entries of some ids may begin: ranges that begin and end where entries do.

        Raises:
            InputError: the index is damaged.
        """
        hashes = [hash_of(name) for name in ids]
        found: list[tuple[int, int]] = []
        for run, stop, buckets in self._rows(
            "SELECT id, stop, buckets FROM runs WHERE file = ? ORDER BY start", (file.id,)
        ):
            blocks = sorted({block for value in hashes for block in self._blocks(run, buckets, value)})
            if not blocks:
                continue
            starts = [*self._starts(run), stop]
            for block in blocks:
                begin, end = starts[block], starts[block + 1]
                if found and found[-1][1] == begin:
                    found[-1] = (found[-1][0], end)
                else:
                    found.append((begin, end))
        return found

    def put(self, file: Known, run: Run, postings: Collector, instead: int | None = None) -> Known:
        """Add a run to a file, and how far the file is covered then; a new file gets its number.

        Args:
            file: as it is to be known.
            run: the stretch; without blocks only the file is noted.
            postings: of its blocks.
            instead: the run in whose place it comes.

        Raises:
            OutputError: it cannot be written.
        """
        buckets = list(postings.buckets()) if run.starts else []
        with self.change():
            row = self._base.execute(
                f"INSERT OR REPLACE INTO files VALUES({', '.join('?' * len(file))})",
                (file.id or None, os.fsencode(file.path), *file[2:]),
            )
            file = file._replace(id=file.id or int(row.lastrowid or 0))
            if instead is not None:
                self._drop_run(instead)
            if buckets:
                starts = pack_offsets(run.starts)
                row = self._base.execute(
                    "INSERT INTO runs VALUES(NULL, ?, ?, ?, ?, ?, ?)",
                    (file.id, run.start, run.stop, len(buckets), crc32(starts), starts),
                )
                number = int(row.lastrowid or 0)
                self._base.executemany(
                    "INSERT INTO postings VALUES(?, ?, ?, ?)",
                    ((number << _RUN | at, _sum(*bucket), *bucket) for at, bucket in enumerate(buckets)),
                )
        return file

    def complete(self, file: Known, points: Sequence[Point]) -> None:
        """Note that a file was read to its end, and its seek points.

        Raises:
            OutputError: it cannot be written.
        """
        with self.change():
            self._base.execute("UPDATE files SET whole = 1, rest = ? WHERE id = ?", (file.rest, file.id))
            self._base.executemany(
                "INSERT INTO points VALUES(NULL, ?, ?, ?)", ((file.id, *point) for point in points)
            )

    def point(self, file: Known, position: int) -> Point | None:
        """The last seek point of a file in front of a position in its text.

        Raises:
            InputError: the index is damaged.
        """
        rows = self._rows(
            "SELECT at, state FROM points WHERE file = ? AND at <= ? ORDER BY at DESC LIMIT 1",
            (file.id, position),
        )
        return Point(*rows[0]) if rows else None

    def last_run(self, file: Known, least: int) -> tuple[int, Run, Collector] | None:
        """A file's last run, to be written again with more, where it covers less than that: its number, what
        it covers, its postings.

        Raises:
            InputError: the index is damaged.
        """
        rows = self._rows(
            "SELECT id, start, stop FROM runs WHERE file = ? ORDER BY start DESC LIMIT 1", (file.id,)
        )
        if not rows or rows[0][2] - rows[0][1] >= least:
            return None
        number, start, stop = rows[0]
        postings = Collector()
        for hashes, blocks in self._postings("id >= ? AND id < ?", _ids(number)):
            postings.extend(hashes, blocks)
        run = Run(start, stop, list(self._starts(number)))
        postings.skip(len(run.starts))
        return number, run, postings

    def forget(self, file: Known) -> None:
        """Drop a file.

        Raises:
            OutputError: it cannot be written.
        """
        with self.change():
            for (run,) in self._rows("SELECT id FROM runs WHERE file = ?", (file.id,)):
                self._drop_run(run)
            self._base.execute("DELETE FROM points WHERE file = ?", (file.id,))
            self._base.execute("DELETE FROM files WHERE id = ?", (file.id,))

    def rename(self, file: Known, path: str) -> None:
        """Note a file's new name.

        Raises:
            OutputError: it cannot be written.
        """
        with self.change():
            self._base.execute("UPDATE files SET path = ? WHERE id = ?", (os.fsencode(path), file.id))

    def _drop_run(self, run: int) -> None:
        self._base.execute("DELETE FROM postings WHERE id >= ? AND id < ?", _ids(run))
        self._base.execute("DELETE FROM runs WHERE id = ?", (run,))

    def _blocks(self, run: int, buckets: int, value: int) -> list[int]:
        held = self._postings("id = ?", (run << _RUN | bucket_of(value, buckets),))
        return [block for bucket in held for block in blocks_of(value, *bucket)]

    def _postings(self, which: str, values: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        for noted, hashes, blocks in self._rows(
            f"SELECT sum, hashes, blocks FROM postings WHERE {which} ORDER BY id",  # noqa: S608 - ours
            values,
        ):
            self._check(noted == _sum(hashes, blocks))
            yield hashes, blocks

    def _starts(self, run: int) -> Iterable[int]:
        ((noted, starts),) = self._rows("SELECT sum, starts FROM runs WHERE id = ?", (run,))
        self._check(noted == crc32(starts))
        return unpack_offsets(starts)

    def _check(self, is_whole: bool) -> None:
        if not is_whole:
            raise InputError(f"{self.path}: damaged", self._remedy(write=False))

    def _rows(self, question: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        try:
            return self._base.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path}: cannot be used as an index ({error})", self._remedy(write=False)
            ) from error

    def _remedy(self, write: bool) -> str:
        folder = os.path.dirname(os.path.abspath(self.path))
        if write and not os.access(folder, os.W_OK):
            return f"{folder} must be writable; --index DIR puts the index elsewhere"
        return "is another logscan index at work? if it is damaged, delete it: logscan index makes it anew"


def _known(row: Sequence[Any]) -> Known:
    return Known(row[0], os.fsdecode(row[1]), *row[2:])


def _sum(hashes: bytes, blocks: bytes) -> int:
    """SQLite keeps no checksums."""
    return crc32(blocks, crc32(hashes))


def _ids(run: int) -> tuple[int, int]:
    """The numbers of a run's postings: from, and up to."""
    return run << _RUN, (run + 1) << _RUN
