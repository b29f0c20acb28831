"""What is regular in a log is in the store's columns, in whatever layout it is printed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import generate
import pyarrow as pa
import pytest
from archived_layouts import NAMES, OTHERS, printed
from generate import Recipe

from logscan import ingest
from logscan._entries.learned import learned_from
from logscan._entries.openers import Openers
from logscan._store.layout_bits import PIECE, row_bytes
from logscan._store.roundtrip import to_bytes, to_rows

START = datetime(2026, 11, 23)
LIMITS = {"no-time": 0.98, "no-time-indented": 0.98}
"""Beside :data:`LIMIT`: a log without times is smaller by what gzip needs for them."""
LIMIT = 0.9


@cache
def generated(layout: str, size: int) -> str:
    """A log with one failing message in fifty, and traces."""
    written = 0

    def enough() -> bool:
        return written >= size

    made = []
    for text, _ in generate.entries(
        7,
        0.02,
        START,
        enough,
        milliseconds=2.0,
        recipe=Recipe(layout=layout if layout in NAMES else "single"),
    ):
        made.append(text)
        written += len(text)
    return "".join(made)


def log_in(name: str, size: int) -> bytes:
    """A log in a layout."""
    if name not in OTHERS:
        return generated(name, size).encode()
    return b"".join(printed(name, generated("single", size).splitlines(keepends=True)))


def rows_of(data: bytes) -> tuple[pa.RecordBatch, list[int]]:
    """The rows of a log, and where they begin."""
    batch, starts = to_rows(data, "x.log", 0, learned_from(data[: 1 << 16]))
    return batch, starts.tolist()


def stored(folder: Path) -> Iterator[int]:
    """Sizes of the Parquet files with entries."""
    for path in folder.rglob("*.parquet"):
        if "failures" not in str(path.relative_to(folder)):
            yield path.stat().st_size


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_are_kept(name: str) -> None:
    """No row of a regular log has its bytes beside its columns, and all bytes come back."""
    data = log_in(name, 40_000)
    batch, starts = rows_of(data)
    assert batch.column("raw").null_count == batch.num_rows
    assert batch.column("shape").null_count == 0
    assert b"".join(to_bytes(batch).to_pylist()) == data
    assert b"".join(map(row_bytes, batch.to_pylist())) == data
    whole = [
        start
        for start, form in zip(starts, batch.column("form").to_pylist(), strict=True)
        if not form & PIECE
    ]
    assert whole == Openers(learned_from(data[: 1 << 16])).all(data, 0, len(data))


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_no_layout_costs_more_than_its_gz(name: str, tmp_path: Path) -> None:
    """The entries' Parquet files beside ``gzip -6``. Small stores are larger than large ones: see
    benchmarks/archive_layouts.py."""
    data = log_in(name, 8_000_000)
    log = tmp_path / "system.log"
    log.write_bytes(data)
    ingest([log], store=tmp_path / "store", workers=1)
    assert sum(stored(tmp_path / "store")) <= LIMITS.get(name, LIMIT) * len(gzip.compress(data, 6))


ODD = {
    "a byte that is no UTF-8": b"2026-11-23 00:00:01,006 org:o main INFO L - A.b() : x \xe4 y\n\tat \xfc\n",
    "braces in the header": b"2026-11-23 00:00:01,006 org:o {org} main INFO L - A.b() : x\n",
    "a field's name in the header": b"2026-11-23 00:00:01,006 org:{env} env:{time: ,3} main INFO {org} - {message}\n",
    "a field in a key": b"2026-11-23 00:00:01,006 org:a env:e api:p rev:1 messageid:m main INFO L - x\n"
    b"2026-11-23 00:00:01,006 o{message/3}rg:a env:e api:p rev:1 messageid:m main INFO L - x\n",
    "two times": b"2026-11-23 00:00:01,006 x 2026-11-23 00:00:01,006 org:o env:e main INFO L - x\n",
    "an escape and a byte": b"2026-11-23 00:00:01,006 main INFO L - \\xe4 \xe4\n",
    "CR LF in one line of two": b"2026-11-23 00:00:01,006 main INFO L - x\r\n\tat y\n",
    "the level before the time": b"INFO | 2026-11-23 00:00:01,006 org:o env:e main INFO L - x \xff\n",
    "wrapped": b"2026-11-23 00:00:01,006 org:o\nenv:e main INFO L -\n  A.b() : some\n text  \nthat goes on\n\tat y\n",
    "wrapped on many lines": b"2026-11-23 00:00:01,006 org:o\nenv:e main INFO L - x\n" + b"y z\n" * 3000,
    "a time that does not exist": b"2026-02-30 00:00:01,006 org:o main INFO L - A.b() : x\n",
    "no entry": b"\t\n{time: ,3} {message}\n\xff\n",
    "NUL bytes": b"\0" * 9 + b"2026-11-23 00:00:01,006 org:o env:e main INFO L - x\n",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_odd_rows(name: str, end: bytes) -> None:
    """Whatever stands in an entry, all its bytes come back, for many rows at once and for one."""
    data = (ODD[name] * 3)[:-1] + end
    batch, _ = rows_of(data)
    assert b"".join(to_bytes(batch).to_pylist()) == data
    assert b"".join(map(row_bytes, batch.to_pylist())) == data


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a byte that is no UTF-8", 0),
        ("wrapped", 0),
        ("two times", 0),
        ("an escape and a byte", 3),
        ("NUL bytes", 0),
    ],
)
def test_bytes_are_kept_only_where_columns_do_not_give_them(name: str, kept: int) -> None:
    """One odd byte in a field is no reason to keep an entry twice."""
    batch, _ = rows_of(ODD[name] * 3)
    assert batch.num_rows - batch.column("raw").null_count == kept


def test_many_shapes() -> None:
    """Rows whose shapes few others have are made one by one, in their order."""
    data = b"".join(
        b"2026-11-23 00:00:01,006%b main%bINFO L - x %d\n" % (b" " * (1 + n % 9), b" " * (1 + n // 9 % 9), n)
        for n in range(300)
    )
    batch, _ = rows_of(data)
    assert batch.column("raw").null_count == batch.num_rows
    assert b"".join(to_bytes(batch).to_pylist()) == data
