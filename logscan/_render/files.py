"""Files of entries: writes batches of Arrow columns as Parquet, Arrow, CSV or JSON lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any

from logscan._render.safe import FORMULA

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "arrow", "csv", "jsonl")
SUFFIXES = {
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".csv": "csv",
    ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
AHEAD = 8
"""Batches that may wait to be written."""
ROW_GROUP = 131_072
"""Rows of a Parquet row group; about 40 MB of log."""


def write_entries(batches: Iterable[pa.RecordBatch], file: IO[bytes], output_format: str) -> int:
    """Write all batches; returns the number of rows.

    Parquet: zstd, statistics where they help to skip rows, dictionaries for columns of few different values.
    Arrow: the IPC file format, zstd, plain strings. CSV: times as ISO text, missing values as empty fields,
    empty texts in quotes. JSON lines: one object per line, missing values as ``null``.
    """
    writers: dict[str, Callable[[IO[bytes]], _Parquet | _Plain | _JsonLines]] = {
        "parquet": _Parquet, "arrow": _arrow, "csv": _csv, "jsonl": _JsonLines,
    }  # fmt: skip
    rows = 0
    writer: _Parquet | _Plain | _JsonLines | None = None
    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as thread:  # the next columns are made while some are written
        for batch in batches:
            # Not before the first batch: a process that has no pyarrow yet can be forked for it.
            writer = writer or writers[output_format](file)
            rows += batch.num_rows
            under_way.append(thread.submit(writer.write, batch))
            if len(under_way) > AHEAD:
                under_way.popleft().result()
        for written in under_way:
            written.result()
    (writer or writers[output_format](file)).close()
    return rows


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        from logscan._entries.arrow import SCHEMA, WORDS

        words = [field.name for field in SCHEMA if field.type == WORDS]
        self._writer: Any = pq.ParquetWriter(
            file,
            SCHEMA,
            compression="zstd",
            compression_level=1,  # higher levels cost more time than they save (measured)
            use_dictionary=words,
            write_statistics=["time", "message_id", "offset", *words],
        )
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        # The writer stores plain strings if a row group has several dictionaries.
        table = pa.Table.from_batches(self._waiting).unify_dictionaries()
        self._writer.write_table(table, row_group_size=2 * ROW_GROUP)
        self._waiting, self._rows = [], 0


class _Plain:
    """A writer of Arrow, for columns of plain strings."""

    def __init__(self, writer: Any, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch.cast(self._schema))

    def close(self) -> None:
        self._writer.close()


def _arrow(file: IO[bytes]) -> _Plain:
    import pyarrow as pa

    from logscan._entries.arrow import plain_schema

    options = pa.ipc.IpcWriteOptions(compression="zstd")
    return _Plain(pa.ipc.new_file(file, plain_schema(), options=options), plain_schema())


def _csv(file: IO[bytes]) -> _Plain:
    import pyarrow.csv

    from logscan._entries.arrow import plain_schema

    return _Csv(pyarrow.csv.CSVWriter(file, plain_schema()), plain_schema())


class _Csv(_Plain):
    """Cells that a spreadsheet would take for a formula begin with an apostrophe, as in a report."""

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        plain = batch.cast(self._schema)
        for number, column in enumerate(plain.columns):
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                formulas = pc.match_substring_regex(column, FORMULA)
                if pc.any(formulas).as_py():
                    quoted = pc.binary_join_element_wise("'", column, "")
                    plain = plain.set_column(
                        number, self._schema[number], pc.if_else(formulas, quoted, column)
                    )
        self._writer.write_batch(plain)


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        from logscan._entries.arrow import plain_schema

        self._file = file
        self._schema = plain_schema()

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            frame = batch.cast(self._schema).to_pandas(timestamp_as_object=False)
            text = frame.to_json(
                orient="records", lines=True, date_format="iso", date_unit="us", force_ascii=False
            )
            self._file.write(text.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        pass
