"""Rows of a store: the columns that the grammar gives, and the bytes that went in, in every layout."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from archived_layouts import OTHERS
from archived_layouts import printed as as_carried
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries import arrow as columns
from logscan._entries.buffers import numbers
from logscan._entries.layouts import LAYOUTS as GRAMMARS
from logscan._entries.learned import learned_from
from logscan._entries.openers import Openers
from logscan._entries.parse import decode, header_id, owner_of, parse
from logscan._store.layout_bits import PIECE, row_bytes
from logscan._store.roundtrip import to_bytes, to_rows
from logscan.values import Counters, Place, Span
from support.layouts import LAYOUTS, printed
from support.logs import entries, logs
from support.mixed_layouts import mixed


@given(
    data=st.one_of(entries(), logs()),
    layouts=st.one_of(st.none(), st.integers(0, 1 << 30)),
    carried=st.one_of(st.none(), st.sampled_from(sorted(OTHERS))),
    learned=st.booleans(),
)
def test_rows_and_bytes(data: bytes, layouts: int | None, carried: str | None, learned: bool) -> None:
    """Each column as the grammar has it, each byte as it was, for many rows at once and for one."""
    if layouts is not None:
        data = mixed(data, random.Random(layouts))
    if carried is not None:
        text = data.decode("latin-1" if carried == "latin-1" else "utf-8", "replace")
        data = b"".join(as_carried(carried, re.findall(r"[^\n]*\n|[^\n]+", text)))
    layout = learned_from(data)
    if not learned:
        layout = next(one for one in GRAMMARS if one.name == layout.name)
    batch, starts = to_rows(data, "x.log", 7, layout)
    batch.validate(full=True)
    assert b"".join(to_bytes(batch).to_pylist()) == data
    ends = [*starts[1:].tolist(), len(data)]
    rows = batch.to_pylist()
    openers = Openers(layout).all(data, 0, len(data))
    assert [
        start for start, row in zip(starts.tolist(), rows, strict=True) if not row["form"] & PIECE
    ] == openers
    for row, begin, end in zip(rows, starts.tolist(), ends, strict=True):
        assert row_bytes(row) == data[begin:end]
        span = Span(data[begin:end], Place("x.log", begin + 7), 0, bool(row["form"] & PIECE))
        expected = columns._row(parse(span, Counters()))
        if row["message_id"] in _owners(span):  # what a search of the file counts it to
            expected["message_id"] = row["message_id"]
        assert {name: row[name] for name in expected} == expected


def _owners(span: Span) -> set[str | None]:
    """The ids by which a search without the grammar finds an entry, or lines that open none."""
    plain = header_id(span.data.lstrip(b"\0"))
    return {owner_of(span.data), None if plain is None else decode(plain)} - {None}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_layout_keeps_its_bytes_twice(name: str, end: bytes) -> None:
    """Whatever is regular is in the columns and in few shapes."""
    lines = [
        b"2026-11-23 00:00:%02d,%03d org:o env:e api:p%d rev:%d messageid:m-%d NIOThread@%d %b HTTP.CLIENT -"
        b" %btext %d\n" % (n, n, n % 3, n, n, n % 4, level, (b"A$B.c() : ", b"")[n % 2], n)
        for n, level in enumerate((b"INFO", b"WARN", b"ERROR", b"DEBUG") * 12)
    ]
    lines[7:7] = [b"java.lang.X: y\n", b"\tat a.b.C.d(C.java:1)\n"]
    data = printed(b"".join(lines), name).replace(b"\n", end)
    batch, _ = to_rows(data, "x.log", 0, learned_from(data))
    assert batch.num_rows == 48
    assert batch.column("raw").null_count == 48
    assert batch.column("shape").null_count == 0
    assert len(batch.column("shape").dictionary) <= 6
    assert b"".join(to_bytes(batch).to_pylist()) == data


def test_prefixes_of_all_lines() -> None:
    """What a shipper or grep put before the lines below an entry's first is no reason to keep the bytes."""
    data = b"".join(
        b"a.log:%d:2026-11-23 00:00:01,%03d main INFO L - x %d\n" % (3 * n, n, n)
        + b"a.log-%d-\tat a.b.C\nbare\n" % (3 * n + 1)
        for n in range(200)
    )
    batch, _ = to_rows(data, "x.log", 0, learned_from(data))
    assert batch.column("raw").null_count == batch.num_rows == 200
    assert set(batch.column("continuation").to_pylist()) == {"\tat a.b.C\nbare"}
    assert batch.column("prefix")[1].as_py() == "a.log:3:\na.log-4-\n"
    assert b"".join(to_bytes(batch).to_pylist()) == data


def test_rows_of_version_1() -> None:
    """Bytes that were kept by bits alone come back from the bits."""
    data = (
        b"2026-11-23 00:00:01,006 org:o env:e api:p rev:1 messageid:m-1 main INFO L - A.b() : x \n\tat y\n"
        b"2026-11-23 00:00:01.006  org:o  main INFO L - x\n"
    )
    batch, _ = to_rows(data, "x.log", 0, learned_from(data))
    names = [name for name in batch.schema.names if name not in ("shape", "prefix")]
    old = batch.select(names)
    old = old.set_column(
        names.index("form"), "form", numbers(np.array([16, 7]), batch.schema.field("form").type)
    )
    assert b"".join(to_bytes(old).to_pylist()) == data
    assert b"".join(map(row_bytes, old.to_pylist())) == data
