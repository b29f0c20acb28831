"""The database of an index: one SQLite file with the logs that are indexed, how far, and their postings.

Its tables: ``files`` (how each file is recognised, how far it is covered), ``runs`` (extents of files, and
where their blocks begin), ``postings`` (``run << 16 | bucket`` → packed hashes and block numbers),
``points`` (seek points of packed files). An extent, and how far it covers its file, are written in one
transaction. So a process that is killed leaves an index that is right, only shorter.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote
from zlib import crc32

from logscan._index.indexed_file import Extent, IndexedFile
from logscan._index.postings import Collector, blocks_of, bucket_of, hash_of, pack_offsets, unpack_offsets
from logscan._index.seek_points import Point
from logscan._reading.fingerprint import stamp_of
from logscan.errors import InputError, OutputError
from logscan.nodes import Kind, kind_of

VERSION = 2
_WAIT_SECONDS = 30
"""How long to wait for another process that writes."""
_BUCKET_BITS = 16
"""Bits of a bucket's number in the number of its postings."""
_SCHEMA = """
CREATE TABLE files(
    id INTEGER PRIMARY KEY, path BLOB NOT NULL, device INTEGER, inode INTEGER, size INTEGER, modified INTEGER,
    changed INTEGER, head BLOB, mark INTEGER, tail BLOB, layout TEXT, start INTEGER, stop INTEGER,
    whole INTEGER, rest BLOB
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
_TABLES = ("files", "runs", "points", "postings")


class IndexDatabase:
    """One index that is open.

    Args:
        path: its file.
        write: make the file if there is none.

    Raises:
        InputError: the index is damaged, of another version, or cannot be opened.
        OutputError: the index cannot be written.
    """

    def __init__(self, path: str, write: bool = False) -> None:
        self.path = path
        kind = kind_of(path)
        if kind not in (None, Kind.FILE):  # SQLite would wait for the other end of a FIFO
            raise (OutputError if write else InputError)(
                f"{path}: is a {kind.value}, not an index", self._remedy(write)
            )
        try:
            try:
                version = self._open("rwc" if write else "ro")
            except sqlite3.OperationalError:
                if write:
                    raise
                version = self._open("rw")  # a writer was killed: SQLite must undo what it began
            if write and version < VERSION:  # of version 1, which knew less of its files, nothing is kept
                self._begin_anew()
                version = VERSION
        except sqlite3.Error as error:
            raise (OutputError if write else InputError)(
                f"{path}: cannot be used as an index ({error})", self._remedy(write)
            ) from error
        if version != VERSION:
            self._base.close()
            raise InputError(
                f"{path}: an index of version {version}; this logscan reads version {VERSION}",
                "index the logs again" if version < VERSION else "delete it, and index the logs again",
            )

    def _open(self, mode: str) -> int:
        address = f"file:{quote(os.fsencode(os.path.abspath(self.path)))}?mode={mode}"
        self._base = sqlite3.connect(address, timeout=_WAIT_SECONDS, uri=True, isolation_level=None)
        try:
            version: int = self._base.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error:
            self._base.close()
            raise
        return version

    def _begin_anew(self) -> None:
        try:
            with self.change():
                for name in _TABLES:
                    self._base.execute(f"DROP TABLE IF EXISTS {name}")
                for statement in _SCHEMA.split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        """Close the index."""
        self._base.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Write all changes of the block, or none of them.

        Raises:
            OutputError: the index cannot be written.
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

    def files(self) -> list[IndexedFile]:
        """All files in the index.

        Raises:
            InputError: the index is damaged.
        """
        return [_indexed_file(row) for row in self._rows("SELECT * FROM files ORDER BY path")]

    def known(self, path: str, packed: bool) -> IndexedFile | None:
        """A file as the index has it; ``None`` if it was changed or is new.

        A renamed file is recognised by its inode, a copy by time and size, a grown file by what was indexed.

        Raises:
            InputError: the index is damaged.
        """
        name = os.path.realpath(path)
        try:
            stamp = stamp_of(path)
            for row in self._rows(
                "SELECT * FROM files WHERE path = ? OR (inode = ? AND device = ?)",
                (os.fsencode(name), stamp.inode, stamp.device),
            ):
                file = _indexed_file(row)
                if file.is_at(path, stamp, packed):
                    return file
        except OSError:
            return None
        return None

    def ranges(self, file: IndexedFile, ids: Sequence[bytes]) -> list[tuple[int, int]]:
        """The ranges of a file's text that may hold entries of some ids. They begin and end with entries.

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

    def put(
        self, file: IndexedFile, extent: Extent, postings: Collector, *, replaces: int | None = None
    ) -> IndexedFile:
        """Add an extent to a file; returns the file, which has a number now.

        Args:
            file: the file as it is covered with the extent.
            extent: without blocks, only the file is written.
            postings: the postings of its blocks.
            replaces: number of the extent that it replaces.

        Raises:
            OutputError: the index cannot be written.
        """
        buckets = list(postings.buckets()) if extent.starts else []
        with self.change():
            row = self._base.execute(
                f"INSERT OR REPLACE INTO files VALUES({', '.join('?' * len(file))})",
                (file.id or None, os.fsencode(file.path), *file[2:]),
            )
            file = file._replace(id=file.id or int(row.lastrowid or 0))
            if replaces is not None:
                self._drop_extent(replaces)
            if buckets:
                starts = pack_offsets(extent.starts)
                row = self._base.execute(
                    "INSERT INTO runs VALUES(NULL, ?, ?, ?, ?, ?, ?)",
                    (file.id, extent.start, extent.stop, len(buckets), crc32(starts), starts),
                )
                number = int(row.lastrowid or 0)
                self._base.executemany(
                    "INSERT INTO postings VALUES(?, ?, ?, ?)",
                    (
                        (number << _BUCKET_BITS | at, _sum(*bucket), *bucket)
                        for at, bucket in enumerate(buckets)
                    ),
                )
        return file

    def complete(self, file: IndexedFile, points: Sequence[Point]) -> None:
        """Write that a file was read to its end, and its seek points.

        Raises:
            OutputError: the index cannot be written.
        """
        with self.change():
            self._base.execute("UPDATE files SET whole = 1, rest = ? WHERE id = ?", (file.rest, file.id))
            self._base.executemany(
                "INSERT INTO points VALUES(NULL, ?, ?, ?)", ((file.id, *point) for point in points)
            )

    def point(self, file: IndexedFile, position: int) -> Point | None:
        """The last seek point of a file at or before a position in its text.

        Raises:
            InputError: the index is damaged.
        """
        rows = self._rows(
            "SELECT at, state FROM points WHERE file = ? AND at <= ? ORDER BY at DESC LIMIT 1",
            (file.id, position),
        )
        return Point(*rows[0]) if rows else None

    def last_extent(self, file: IndexedFile, least: int) -> tuple[int, Extent, Collector] | None:
        """A file's last extent, if it covers fewer than ``least`` bytes: its number, itself, its postings.

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
        extent = Extent(start, stop, list(self._starts(number)))
        postings.skip(len(extent.starts))
        return number, extent, postings

    def forget(self, file: IndexedFile) -> None:
        """Remove a file from the index.

        Raises:
            OutputError: the index cannot be written.
        """
        with self.change():
            for (run,) in self._rows("SELECT id FROM runs WHERE file = ?", (file.id,)):
                self._drop_extent(run)
            self._base.execute("DELETE FROM points WHERE file = ?", (file.id,))
            self._base.execute("DELETE FROM files WHERE id = ?", (file.id,))

    def rename(self, file: IndexedFile, path: str, changed: int) -> None:
        """Write a file's new name, and when it got it.

        Raises:
            OutputError: the index cannot be written.
        """
        with self.change():
            self._base.execute(
                "UPDATE files SET path = ?, changed = ? WHERE id = ?", (os.fsencode(path), changed, file.id)
            )

    def _drop_extent(self, run: int) -> None:
        self._base.execute("DELETE FROM postings WHERE id >= ? AND id < ?", _ids(run))
        self._base.execute("DELETE FROM runs WHERE id = ?", (run,))

    def _blocks(self, run: int, buckets: int, value: int) -> list[int]:
        found = self._postings("id = ?", (run << _BUCKET_BITS | bucket_of(value, buckets),))
        return [block for bucket in found for block in blocks_of(value, *bucket)]

    def _postings(self, which: str, values: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        for checksum, hashes, blocks in self._rows(
            f"SELECT sum, hashes, blocks FROM postings WHERE {which} ORDER BY id",  # noqa: S608 - ours
            values,
        ):
            self._check(checksum == _sum(hashes, blocks))
            yield hashes, blocks

    def _starts(self, run: int) -> Iterable[int]:
        ((checksum, starts),) = self._rows("SELECT sum, starts FROM runs WHERE id = ?", (run,))
        self._check(checksum == crc32(starts))
        return unpack_offsets(starts)

    def _check(self, is_whole: bool) -> None:
        if not is_whole:
            raise InputError(f"{self.path}: damaged", self._remedy(write=False))

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        try:
            return self._base.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path}: cannot be used as an index ({error})", self._remedy(write=False)
            ) from error

    def _remedy(self, write: bool) -> str:
        folder = os.path.dirname(os.path.abspath(self.path))
        if write and not os.access(folder, os.W_OK):
            return f"{folder} must be writable; else keep the index in another directory"
        return "does another run write to it? if it is damaged, delete it, and index the logs again"


def _indexed_file(row: Sequence[Any]) -> IndexedFile:
    return IndexedFile(row[0], os.fsdecode(row[1]), *row[2:])


def _sum(hashes: bytes, blocks: bytes) -> int:
    """Checksum of some postings: SQLite has none."""
    return crc32(blocks, crc32(hashes))


def _ids(run: int) -> tuple[int, int]:
    """The numbers of an extent's postings: from, and up to."""
    return run << _BUCKET_BITS, (run + 1) << _BUCKET_BITS
