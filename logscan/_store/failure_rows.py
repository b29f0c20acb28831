"""The failures of a store for counting: what is there, and the rows of a range in the order of the log.

It asks little of the store: its files of failures, its sources, and their order. Several rows may stand for
one entry: it was longer each time, or it was cut at last (:data:`~logscan._store.needle_bits.GONE`). So the
row that is cut counts, else the longest, whichever file holds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from logscan._failures.count_rows import Rows
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan._store.needle_bits import GONE
from logscan._store.picked_rows import damage_errors
from logscan._store.storage import opened
from logscan.errors import first_line
from logscan.values import Problem

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[Any]

COLUMNS = ("source", "offset", "needles", "orphan", "beyond", "file", "raw")
BATCH_BYTES = 8 << 20
"""Bytes in memory at once of each file that is open, about."""
BATCH_ROWS = (16, 8192)
"""Rows of a batch, at least and at most."""


class FailuresFile(NamedTuple):
    """One Parquet file with failures, its rows in the order of the log."""

    path: str
    date: str
    host: str
    rows: int
    parts: tuple[tuple[int, int, int], ...]
    """Source, first and last offset of its rows."""


class StoredSource(NamedTuple):
    """One file of a log."""

    path: str
    """Its name in rows."""
    size: int
    """Bytes of its text."""
    after: int | None
    """The source that it continues."""


@dataclass(frozen=True)
class StoredFailures:
    """What must be known of a store to count its failures."""

    files: tuple[FailuresFile, ...]
    sources: Mapping[int, StoredSource]
    """Number → source."""
    order: Mapping[int, int]
    """Number of a source → its place in the order of reading."""

    def begins(self, gap: int) -> dict[int, int]:
        """Number of a source → bytes of text before it, if so many bytes more lie between two streams."""
        begins: dict[int, int] = {}
        end, previous = 0, None
        for number in sorted(self.sources, key=self.order.__getitem__):
            source = self.sources[number]
            goes_on = source.after is not None and source.after == previous
            begins[number] = end if goes_on else end + gap
            end = begins[number] + source.size
            previous = number
        return begins


class RowRange(NamedTuple):
    """The rows of some bytes of a store's text: a value that travels to workers."""

    files: tuple[FailuresFile, ...]
    begins: dict[int, int]
    """Number of a source → where it begins in that text."""
    begin: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of text."""
        return self.end - self.begin


def rows_of(part: RowRange, bits: int, problems: list[Problem]) -> Iterator[Rows]:
    """The entries of a range that hold a needle of some kinds, with their places counted from its beginning.

    Args:
        part: the range.
        bits: of the needles.
        problems: takes a file that cannot be read; the rest of its rows are left out.
    """
    import numpy as np

    # Numbers of sources are random and large: their places cannot be an array by number.
    numbers = np.array(sorted(part.begins), np.int64)
    places = numbers, np.array([part.begins[number] for number in numbers.tolist()], np.int64)
    names = _Names()
    waiting = deque(sorted((_first_place(file, part), n) for n, file in enumerate(part.files)))
    active: list[_Cursor] = []
    kept: _Piece | None = None
    while active or waiting:
        while waiting and (not active or waiting[0][0] <= min(cursor.last for cursor in active)):
            cursor = _Cursor(part.files[waiting.popleft()[1]], part, places, names)
            if _advanced(cursor, problems):
                active.append(cursor)
        if not active:
            break
        bound = min(cursor.last for cursor in active)
        pieces = [cursor.take(bound) for cursor in active]
        piece = _joined([kept, *pieces] if kept is not None else pieces)
        # Further rows of its last entry may come.
        whole, kept = piece.split(int(np.searchsorted(piece.places, piece.places[-1])))
        yield whole.rows(bits, part.begin, names)
        active = [cursor for cursor in active if not cursor.is_empty or _advanced(cursor, problems)]
    if kept is not None:
        yield kept.rows(bits, part.begin, names)


def unreadable(file: FailuresFile, error: Exception) -> Problem:
    """Says that a file cannot be read."""
    return Problem(
        file.path,
        f"cannot be read ({first_line(error)})",
        f"its {file.rows:,} rows of {file.date} are left out; restore it, or repair the store with its logs"
        " at hand",
    )


def _first_place(file: FailuresFile, part: RowRange) -> int:
    return min(part.begins[number] + first for number, first, _ in file.parts if number in part.begins)


class _Names:
    """Names of files as numbers."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.all)
            self.all.append(name)
        return self._numbers[name]


class _Piece(NamedTuple):
    """Some rows in their order; one element of each array for each row."""

    text: bytes
    starts: Numbers
    ends: Numbers
    places: Numbers
    offsets: Numbers
    needles: Numbers
    orphan: Numbers
    beyond: Numbers
    names: Numbers

    def at(self, rows: Any) -> _Piece:
        """Some of them."""
        return _Piece(self.text, *(column[rows] for column in self[1:]))

    def split(self, at: int) -> tuple[_Piece, _Piece]:
        """The first rows, and the others."""
        begin = int(self.starts[at:].min())
        rest = self.at(slice(at, None))
        rest = rest._replace(
            text=self.text[begin : int(rest.ends.max())], starts=rest.starts - begin, ends=rest.ends - begin
        )
        return self.at(slice(at)), rest

    def rows(self, bits: int, begin: int, names: _Names) -> Rows:
        """The entries that count, of rows that hold all of each entry."""
        import numpy as np

        piece = self
        repeated = piece.places[1:] == piece.places[:-1]
        if repeated.any():
            sizes = piece.ends - piece.starts + piece.beyond
            order = np.lexsort((sizes, (piece.needles & GONE) != 0, piece.places))
            piece = piece.at(order)
            piece = piece.at(np.append(piece.places[1:] != piece.places[:-1], [True]))
        wanted = (piece.needles & bits) != 0
        if not wanted.all():
            piece = piece.at(wanted)
        piece = piece.without_holes()
        odd = np.flatnonzero(piece.orphan | (piece.beyond != 0)).tolist()
        return Rows(
            piece.text,
            piece.starts.tolist(),
            piece.ends.tolist(),
            (piece.places - begin).tolist(),
            piece.offsets.tolist(),
            [names.all[number] for number in piece.names.tolist()],
            {row: (bool(piece.orphan[row]), int(piece.beyond[row])) for row in odd},
        )

    def without_holes(self) -> _Piece:
        """An entry begins after the NUL bytes before it. The text of most rows is without them."""
        import numpy as np

        left_out = np.where(self.ends - self.starts < DEFAULT_MAX_ENTRY, self.beyond, 0)
        first = np.frombuffer(self.text + b"x", np.uint8)[self.starts]
        for row in np.flatnonzero((first == 0) & (self.ends > self.starts)).tolist():
            data = self.text[self.starts[row] : self.ends[row]]
            left_out[row] -= len(data) - len(data.lstrip(b"\0"))
        if not left_out.any():
            return self
        within = np.maximum(-left_out, 0)
        left_out = np.abs(left_out)
        return self._replace(
            starts=self.starts + within, places=self.places + left_out, offsets=self.offsets + left_out,
            beyond=np.where(within == 0, self.beyond - left_out, self.beyond),
        )  # fmt: skip


def _joined(pieces: list[_Piece]) -> _Piece:
    """Pieces as one, in the order of the log."""
    import numpy as np

    if len(pieces) == 1:
        return pieces[0]
    shift, shifted = 0, []
    for piece in pieces:
        shifted.append(piece._replace(starts=piece.starts + shift, ends=piece.ends + shift))
        shift += len(piece.text)
    columns = [np.concatenate(column) for column in list(zip(*shifted, strict=True))[1:]]
    whole = _Piece(b"".join(piece.text for piece in pieces), *columns)
    if (whole.places[1:] >= whole.places[:-1]).all():
        return whole
    return whole.at(np.argsort(whole.places, kind="stable"))


def _advanced(cursor: _Cursor, problems: list[Problem]) -> bool:
    try:
        return cursor.advance()
    except damage_errors() as error:
        problems.append(unreadable(cursor.file, error))
        return False


class _Cursor:
    """The rows of one file within a range, some at a time."""

    def __init__(
        self, file: FailuresFile, part: RowRange, places: tuple[Numbers, Numbers], names: _Names
    ) -> None:
        self.file = file
        self._part, self._places, self._names = part, places, names
        self._batches: Iterator[Any] | None = None
        self._piece: _Piece | None = None

    @property
    def last(self) -> int:
        """The place of the last row that was read."""
        assert self._piece is not None
        return int(self._piece.places[-1])

    @property
    def is_empty(self) -> bool:
        """Whether all rows that were read have been taken."""
        return self._piece is None or not len(self._piece.places)

    def advance(self) -> bool:
        """Read some rows; ``False`` at the end."""
        if self._batches is None:
            self._batches = self._open()
        for batch in self._batches:
            self._piece = self._within(batch)
            if not self.is_empty:
                return True
        return False

    def take(self, bound: int) -> _Piece:
        """The rows up to a place."""
        import numpy as np

        assert self._piece is not None
        end = int(np.searchsorted(self._piece.places, bound, "right"))
        taken = self._piece.at(slice(end))
        if end == len(self._piece.places):
            self._piece = None
            return taken
        self._piece = self._piece.at(slice(end, None))
        begin, stop = (int(taken.starts[0]), int(taken.ends[-1])) if end else (0, 0)
        return taken._replace(
            text=taken.text[begin:stop], starts=taken.starts - begin, ends=taken.ends - begin
        )

    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        begin, end = self._part.begin, self._part.end
        file = opened(self.file.path)
        metadata = pq.read_metadata(file)
        if not {*COLUMNS} <= {*metadata.schema.names}:
            raise OSError("columns are missing")
        reader = pq.ParquetFile(file, metadata=metadata, pre_buffer=False, read_dictionary=["file"])
        is_within = all(
            number in self._part.begins
            and begin <= self._part.begins[number] + first
            and self._part.begins[number] + last < end
            for number, first, last in self.file.parts
        )
        for group in range(metadata.num_row_groups):
            about = metadata.row_group(group)
            if not is_within:
                keys = reader.read_row_group(group, list(COLUMNS[:2]), use_threads=False)
                if not any(len(self._rows_within(batch)[1]) for batch in keys.to_batches()):
                    continue
            size = max(1, about.total_byte_size // max(1, about.num_rows))
            count = min(max(BATCH_BYTES // size, BATCH_ROWS[0]), BATCH_ROWS[1])
            yield from reader.iter_batches(count, [group], list(COLUMNS), use_threads=False)

    def _rows_within(self, batch: Any) -> tuple[Numbers, Numbers]:
        """The place of each row, and the numbers of those in the range."""
        import numpy as np

        from logscan._entries.buffers import values_of

        sources = values_of(batch.column("source"))
        numbers, all_begins = self._places
        begins = np.full(len(sources), -1, np.int64)
        if len(numbers):
            at = np.minimum(np.searchsorted(numbers, sources), len(numbers) - 1)
            begins = np.where(numbers[at] == sources, all_begins[at], -1)
        places = np.where(begins < 0, -1, begins + values_of(batch.column("offset")))
        return places, np.flatnonzero((places >= self._part.begin) & (places < self._part.end))

    def _within(self, batch: Any) -> _Piece:
        """The rows of a batch that are in the range."""
        import numpy as np

        from logscan._entries.buffers import present, values_of

        places, rows = self._rows_within(batch)
        raw, names = batch.column("raw"), batch.column("file")
        _, ends, text = raw.buffers()
        bounds = np.ndarray((len(raw) + 1,), np.int32, ends, raw.offset * 4).astype(np.int64)
        begin = int(bounds[0])
        data = b"" if text is None else text.slice(begin, int(bounds[-1]) - begin).to_pybytes()
        numbers = np.array([self._names[name] for name in names.dictionary.to_pylist()], np.int32)
        orphan = batch.column("orphan")
        bits = np.unpackbits(
            np.frombuffer(orphan.buffers()[1], np.uint8),
            count=orphan.offset + len(orphan), bitorder="little",
        )  # fmt: skip
        piece = _Piece(
            data,
            bounds[:-1] - begin,
            bounds[1:] - begin,
            places,
            values_of(batch.column("offset")),
            values_of(batch.column("needles")),
            bits[orphan.offset :].view(bool) & present(orphan),
            values_of(batch.column("beyond")),
            numbers[values_of(names.indices)],
        )
        return piece if len(rows) == len(places) else piece.at(rows)
