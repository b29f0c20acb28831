"""A store's failures are counted as those of its files, in one range or in many."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._distribute import counted_stores
from logscan._failures.selection import HostNames
from logscan._jobs import ingest as ingesting
from logscan._jobs.ingest import ingest
from logscan._jobs.report import failures, report
from logscan._store import failure_rows, parquet_files
from logscan._store.contents import Contents
from logscan._store.failure_rows import FailuresFile, RowRange, rows_of
from logscan._store.needle_bits import GONE, NEIGHBOUR, TLS
from logscan._store.records import MOST_SOURCES
from logscan.values import Problem, Report
from support.growing import FIRST, grown
from support.logs import logs, shared_out, storms
from support.profiles import fewer

NOW = datetime(2026, 11, 24)
OPTIONS: tuple[dict[str, Any], ...] = (
    {"alert": "all", "each": True, "by": ("target", "host", "hour")},
    {"family": "not-tls", "each": True},
    {"alert": "all", "group": ("minute", "alias")},
    {"since": "2026-11-23 00:00:00.030", "until": "2026-11-23 23:59:59", "org": "o1"},
)
HEAD = "2026-11-23 {time} org:o env:e api:p rev:1 messageid:{id} main ERROR HTTP.CLIENT - "
TEXT = "HTTPClient.handshakeFailed() : SSLClientChannel[C:10.0.0.1:443 Remote host:10.0.0.2:51234]@{n} useCount=1 bytesRead=0 bytesWritten=0 age=1ms  lastIO=0ms handshake failed, message: Received fatal alert: bad_certificate\n"


def put(logs_folder: Path, folder: Path) -> None:
    assert ingest([logs_folder], store=folder / "store", workers=1).problems == []


@contextlib.contextmanager
def in_ranges(rows: int) -> Iterator[None]:
    """Share a store out in ranges of so many rows, about; 0: not at all."""
    with pytest.MonkeyPatch.context() as patch, shared_out(2 if rows else 1, 1 << 20):
        patch.setattr(counted_stores, "LEAST_ROWS", 1)
        patch.setattr(counted_stores, "MOST_ROWS", max(1, rows))
        patch.setattr(failure_rows, "BATCH_ROWS", (1, 5) if rows else failure_rows.BATCH_ROWS)
        yield


def counted(done: Report) -> tuple[object, ...]:
    """What a report counts, without the names that files have now, and what a look into them adds."""
    # Of failures at one time those of the file come first whose name does: names change by a rotation.
    kept = sorted((one._replace(place=one.place._replace(path="")) for one in done.failures), key=str)
    first = done.overview
    return (
        done.incidents, kept, done.other_alerts, done.elsewhere, done.counters.messages, done.counters.failures,
        done.counters.early_failures, done.counters.untimed, done.counters.bytes, first.alerts, first.bars, first.shared,
        first.findings, first.unmatched,
    )  # fmt: skip


def same(logs_folder: Path, folder: Path, options: dict[str, Any], ranges: tuple[int, ...]) -> Report:
    """The report of the files; those of the store are equal."""
    files = report(logs_folder, workers=1, now=NOW, **options)
    whole = None
    for rows in ranges:
        with in_ranges(rows):
            stored = report(folder / "store", now=NOW, **options)
        if "since" in options:  # of a store no part of a file is skipped
            stored = stored._replace(counters=replace(stored.counters, bytes=files.counters.bytes))
        assert counted(stored) == counted(files), rows
        whole = whole or stored
        assert stored == whole
    return files


@pytest.mark.thorough
@fewer(3)
@given(first=storms(), second=storms(), other=logs(), seed=st.integers(0, 1 << 20))
def test_ranges_of_a_store_and_its_files(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes, other: bytes, seed: int
) -> None:
    """Two hosts, two families, rotations at any byte, entries without an id or a time, rows that replace others."""
    folder = tmp_path_factory.mktemp("counting")
    rnd = random.Random(seed)
    for name in ("mp01", "mp02"):
        (folder / "logs" / name).mkdir(parents=True)
    (folder / "logs/mp01/other.log").write_bytes(FIRST.replace(b"FIRST", b"OTHER") + other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingesting, "TASK_BYTES", rnd.choice([1 << 11, 1 << 20]))
        patch.setattr(parquet_files, "ROW_GROUP", rnd.choice([3, 32_768]))
        for name, data in (("mp01", first), ("mp02", second)):
            for _ in grown(FIRST.replace(b"FIRST", name.encode()) + data, folder / "logs" / name, rnd):
                put(folder / "logs", folder)
    for options in rnd.sample(OPTIONS, 2):
        same(folder / "logs", folder, options, (0, rnd.choice([1, 3, 20])))
    streamed, files = (failures(folder / name, alert="all") for name in ("store", "logs"))
    assert sorted(one.place.offset for one in streamed) == sorted(one.place.offset for one in files)


@pytest.fixture
def two_hosts(tmp_path: Path) -> Path:
    """The logs of two hosts with 40 failures each, and their store."""
    for host in ("mp01", "mp02"):
        lines = [
            HEAD.format(time=f"00:{n:02}:00,000", id=f"{host}-{n}") + TEXT.format(n=n) for n in range(40)
        ]
        (tmp_path / "logs" / host).mkdir(parents=True)
        (tmp_path / "logs" / host / "system.log").write_text("".join(lines))
    put(tmp_path / "logs", tmp_path)
    return tmp_path


@pytest.mark.parametrize("fault", ["cut", "missing", "foreign"])
def test_a_damaged_file(two_hosts: Path, fault: str) -> None:
    """It is named once; the rest counts."""
    (bad,) = (two_hosts / "store").glob("kind=failures/*/host=mp02/*.parquet")
    if fault == "cut":
        bad.write_bytes(bad.read_bytes()[:-50])
    elif fault == "missing":
        bad.unlink()
    else:
        pq.write_table(pa.table({"source": pa.array([1], pa.int32())}), bad)
    files = report(two_hosts / "logs/mp01", host="mp01", workers=1, now=NOW)
    for rows in (0, 7):
        with in_ranges(rows):
            stored = report(two_hosts / "store", now=NOW)
        assert [problem.path for problem in stored.counters.problems] == [str(bad)]
        assert "its 40 rows of 2026-11-23 are left out" in stored.counters.problems[0].hint
        assert (stored.incidents, stored.counters.failures) == (files.incidents, 40)


def test_time_runs_back(tmp_path: Path) -> None:
    """Clocks go back: the ranges cannot be put together at that seam, and nothing is lost by it."""
    times = [f"02:{n:02}:00,000" for n in range(40)] + [f"01:{n:02}:00,000" for n in range(59, 19, -1)]
    lines = [HEAD.format(time=time, id=f"m-{n}") + TEXT.format(n=n) for n, time in enumerate(times)]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/system.log").write_text("".join(lines))
    put(tmp_path / "logs", tmp_path)
    files = same(tmp_path / "logs", tmp_path, {"alert": "all", "by": ("hour",)}, (0, 5))
    assert files.counters.failures == 80


@pytest.mark.parametrize("rows", [0, 1])
def test_a_message_goes_on_over_a_rotation(tmp_path: Path, rows: int) -> None:
    """Its lines stand in two files, the cut is in a header, and the first part was ingested before the second."""
    opening = HEAD.format(time="00:00:00,000", id="m-1") + TEXT.format(n=1)
    info = HEAD.format(time="00:00:00,001", id="m-1") + (
        "HTTPClient.handshakeFailed() : SSLInfo: KeyStore:java.security.KeyStore@1f KeyAlias:key TrustStore:null\n"
    )
    data = FIRST.decode() + opening + info + HEAD.format(time="00:00:01,000", id="m-2") + "A.b() : end\n"
    cut = data.index("org:o", data.index("SSLInfo") - len(info))
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs/system.log"
    for at in (len(FIRST) + len(opening) - 30, cut - 13, len(data)):
        log.write_text(data[:at])
        put(tmp_path / "logs", tmp_path)
        if at == cut - 13:
            log.rename(tmp_path / "logs/system.log.1")
            log.write_text(data[at:])
            break
    put(tmp_path / "logs", tmp_path)
    files = same(tmp_path / "logs", tmp_path, {"alert": "all", "each": True}, (rows,))
    (failure,) = files.failures
    assert failure.ssl_info is not None
    assert failure.ssl_info.key_alias == "key"


@pytest.mark.thorough
def test_other_processes(two_hosts: Path) -> None:
    """The same from processes of their own, hosts included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counted_stores, "LEAST_ROWS", 1)
        patch.setattr(counted_stores, "BYTES_OF_ROW", 1 << 30)
        stored = report(two_hosts / "store", alert="all", by="host", workers=2, now=NOW)
    files = report(two_hosts / "logs", alert="all", by="host", workers=1, now=NOW)
    assert counted(stored) == counted(files)
    assert {one.by for one in stored.incidents} == {(("host", "mp01"),), (("host", "mp02"),)}


def test_a_unit_takes_the_hosts_of_its_own_files() -> None:
    """With the rules, and for the name that a file has in rows."""
    names = HostNames(["x=*/x.log"], {"/a/system.log": "a", "/b/system.log.1": "b", "/c/system.log": "c"})
    own = names.only(["/a/system.log", "/b/system.log.1"])
    assert own.__reduce__()[1] == (("x=*/x.log",), {"/a/system.log": "a", "/b/system.log.1": "b"})
    assert [own(path) for path in ("/a/system.log", "/b/system.log.1", "/c/x.log")] == ["a", "b", "x"]


@given(seed=st.integers(0, 1 << 30))
def test_rows_of_files_are_merged(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Of several rows of one entry the one that is cut counts, else the longest, wherever they are."""
    folder = tmp_path_factory.mktemp("rows")
    rnd = random.Random(seed)
    begins = {3: 10, 0: 10 + 50 + rnd.choice([0, 7])}
    rows = []
    for source in begins:
        for offset in sorted(rnd.sample(range(50), rnd.randrange(12))):
            size = 0
            for _ in range(rnd.choice([1, 1, 1, 2, 3])):
                size += rnd.randrange(1, 9)
                rows.append((source, offset, rnd.choice([TLS, NEIGHBOUR, TLS | NEIGHBOUR]), size))
            if rnd.random() < 0.2:
                rows.append((source, offset, GONE | rnd.choice([0, TLS]), rnd.randrange(1, 4)))
    files = []
    for number in range(3):
        own = [row for row in rows if hash((row, seed)) % 3 == number]
        if not own:
            continue
        path = str(folder / f"{number}.parquet")
        raws = [bytes([65 + number]) * size for *_, size in own]
        held = [min(len(raw), 6) for raw in raws]
        table = pa.table(
            {
                "source": pa.array([row[0] for row in own], pa.int32()), "offset": pa.array([row[1] for row in own], pa.int64()),
                "needles": pa.array([row[2] for row in own], pa.int8()), "orphan": pa.array([row[1] % 2 == 0 for row in own]),
                "beyond": pa.array([len(raw) - size for raw, size in zip(raws, held, strict=True)], pa.int64()),
                "file": pa.array([f"f{row[0]}" for row in own]),
                "raw": pa.array([raw[:size] for raw, size in zip(raws, held, strict=True)], pa.binary()),
            }
        )  # fmt: skip
        pq.write_table(table, path, row_group_size=rnd.choice([2, 100]))
        parts = tuple(
            (source, min(offsets), max(offsets))
            for source in begins
            if (offsets := [row[1] for row in own if row[0] == source])
        )
        files.append(FailuresFile(path, "2026-11-23", "mp", len(own), parts))
    best: dict[tuple[int, int], tuple[bool, int, int]] = {}
    for source, offset, bits, size in rows:
        key = (begins[source] + offset, source)
        best[key] = max(best.get(key, (False, 0, 0)), (bool(bits & GONE), size, bits))
    begin, end = sorted(rnd.sample(range(130), 2))
    bits = rnd.choice([TLS, TLS | NEIGHBOUR])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failure_rows, "BATCH_ROWS", (1, rnd.choice([1, 2, 100])))
        patch.setattr(failure_rows, "DEFAULT_MAX_ENTRY", 6)
        problems: list[Problem] = []
        given_rows = [
            (at, path, offset, end_ - start + odd.get(number, (False, 0))[1], odd.get(number, (False, 0))[0])
            for text, starts, ends, ats, offsets, paths, odd in rows_of(
                RowRange(tuple(files), begins, begin, end), bits, problems
            )
            for number, (start, end_, at, offset, path) in enumerate(
                zip(starts, ends, ats, offsets, paths, strict=True)
            )
            if text[start:end_] == text[start : start + 1] * (end_ - start)
        ]
    expected = [
        (at - begin, f"f{source}", at - begins[source], size, (at - begins[source]) % 2 == 0)
        for (at, source), (_, size, found) in sorted(best.items())
        if begin <= at < end and found & bits
    ]
    assert (given_rows, problems) == (expected, [])
    assert np.all(np.diff([row[0] for row in given_rows]) > 0)


def test_large_numbers_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources have random numbers up to 2**31: the memory of a report does not follow them."""
    numbers = iter(range(MOST_SOURCES, 0, -1))
    monkeypatch.setattr(Contents, "new_number", lambda _: next(numbers))
    (tmp_path / "system.log").write_text(HEAD.format(time="00:00:00,000", id="m") + TEXT.format(n=1))
    put(tmp_path / "system.log", tmp_path)
    tracemalloc.start()
    try:
        assert sum(one.failed_handshakes for one in report(tmp_path / "store", alert="all").incidents) == 1
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
