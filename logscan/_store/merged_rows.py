"""Rows of several Parquet files of a store, merged in the order of the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from logscan._store.picked_rows import WORDS, damage_errors
from logscan._store.records import ENTRIES, DataFile
from logscan._store.storage import opened

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 8192
"""Rows in memory at once, of each open file."""
_OFFSET_BITS = 42
"""Bits of a key that hold the offset: a source may have 4 TiB, and a store two million sources."""
_LONGEST_ROW = 16 << 20
"""Bytes of text in one row, at most."""


class Located(NamedTuple):
    """A Parquet file of the store, and its path."""

    path: str
    file: DataFile


class MergedRows:
    """The rows of some files in the order of the log. A file is open only while its rows are due.

    Args:
        files: all of one kind. Of two rows at one place, that of the later file comes later.
        order: source → its place in the order of reading.
        on_damage: called with a file that cannot be read, and the error. If it returns, the rows of the file
            are left out.
        sources: only the rows of these sources.
        begin: leave out row groups that end before this offset (of files with one source).
    """

    def __init__(
        self,
        files: Sequence[Located],
        order: Mapping[int, int],
        on_damage: Callable[[DataFile, Exception], None],
        *,
        sources: Collection[int] | None = None,
        begin: int | None = None,
    ) -> None:
        self._files, self._order = files, order
        self._on_damage = on_damage
        self._sources, self._begin = sources, begin

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        waiting = deque(sorted((self._first_key(file), n) for n, (_, file) in enumerate(self._files)))
        active: list[_Cursor] = []
        while waiting or active:
            least = min(active, key=lambda cursor: cursor.turn, default=None)
            if least is None or (waiting and waiting[0] < least.turn):
                number = waiting.popleft()[1]
                cursor = _Cursor(self._files[number], number, self._order, self._sources, self._begin)
                if self._advanced(cursor):
                    active.append(cursor)
                continue
            bounds = [cursor.key for cursor in active if cursor is not least]
            bounds += [waiting[0][0]] if waiting else []
            yield least.take(min(bounds) if bounds else None)
            if least.empty and not self._advanced(least):
                active.remove(least)

    def _first_key(self, file: DataFile) -> int:
        places = (self._order.get(source, 0) << _OFFSET_BITS | offset for source, offset, _ in file.parts)
        return min(places, default=0)

    def _advanced(self, cursor: _Cursor) -> bool:
        try:
            return cursor.advance()
        except damage_errors() as error:
            self._on_damage(cursor.file, error)
            return False


class _Cursor:
    """The rows of one file, some at a time."""

    def __init__(
        self,
        located: Located,
        number: int,
        order: Mapping[int, int],
        sources: Collection[int] | None,
        begin: int | None,
    ) -> None:
        self._path, self.file = located
        self._number = number
        self._order = order
        self._sources, self._begin = sources, begin
        self._batches: Iterator[Any] | None = None
        self._batch: Any = None
        self._keys: Any = None
        self._taken = 0

    @property
    def key(self) -> int:
        """The place of the next row in the order of reading."""
        return int(self._keys[self._taken])

    @property
    def turn(self) -> tuple[int, int]:
        """What decides whose row is next."""
        return self.key, self._number

    @property
    def empty(self) -> bool:
        """Whether all rows that were read have been taken."""
        return self._taken >= len(self._keys)

    def advance(self) -> bool:
        """Read some rows; ``False`` at the end."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from logscan._entries.buffers import numbers, values_of
        from logscan._store.parquet_files import completed

        if self._batches is None:
            self._batches = self._open()
        for batch in self._batches:
            if self._sources is not None and len(self.file.sources) > len(self._sources):
                wanted = numbers(np.array(list(self._sources)), pa.int32())
                batch = batch.filter(pc.is_in(batch.column("source"), wanted))
            if not batch.num_rows:
                continue
            sources, which = np.unique(values_of(batch.column("source")), return_inverse=True)
            places = np.array([self._order.get(source, 0) for source in sources.tolist()], np.int64)
            offsets = values_of(batch.column("offset"))
            self._keys = places[which] << _OFFSET_BITS | offsets
            self._batch, self._taken = completed(batch, self.file.kind), 0
            return True
        return False

    def take(self, bound: int | None) -> Any:
        """The next rows whose keys are less than ``bound``; at least one row."""
        import numpy as np

        end = len(self._keys) if bound is None else int(np.searchsorted(self._keys, bound))
        end = max(end, self._taken + 1)
        rows = self._batch.slice(self._taken, end - self._taken)
        self._taken = end
        return rows

    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        words = WORDS if self.file.kind == ENTRIES else WORDS[-1:]
        file = opened(self._path)
        metadata = pq.read_metadata(file)
        held = metadata.schema.names  # a file of version 1 has no shapes
        reader = pq.ParquetFile(
            file,
            metadata=metadata,
            pre_buffer=False,
            read_dictionary=[name for name in words if name in held],
        )
        groups = [n for n in range(reader.num_row_groups) if self._is_due(reader.metadata.row_group(n))]
        return iter(reader.iter_batches(_BATCH_ROWS, groups, use_threads=False) if groups else ())

    def _is_due(self, group: Any) -> bool:
        if self._begin is None or len(self.file.parts) > 1:
            return True
        names = [group.column(n).path_in_schema for n in range(group.num_columns)]
        statistics = group.column(names.index("offset")).statistics
        return statistics is None or statistics.max is None or statistics.max >= self._begin - _LONGEST_ROW
