"""``logscan sql``: one row for each entry, however the log was cut; stores in an object store."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logscan import read_entries
from logscan._jobs.ingest import ingest
from logscan._jobs.sql import sql
from support.command import SAMPLES, logscan
from support.growing import FIRST, grown
from support.logs import logs
from support.object_store import ObjectStore
from support.profiles import fewer

pytest.importorskip("deltalake")
pytest.importorskip("duckdb")
LOST = b"\tat lost.head.Of(Entry.java:1)\njavax.net.ssl.SSLException: lost head\n"
LAST = (
    b"2026-11-23 00:00:00,000 org:o env:e api:p1 rev:1 messageid:m-3 NIOThread@0 INFO HTTP.SERVER -"
    b" HTTPServer$Context.onRequest() : handshakeFailed is only a word here\n"
)


@fewer(5)
@given(data=logs(), seed=st.integers(0, 1 << 20))
@example(data=LOST + LAST, seed=523)  # a rotation within the time, an ingest before its line has a message id
def test_a_row_for_each_entry(tmp_path_factory: pytest.TempPathFactory, data: bytes, seed: int) -> None:
    """A log that grows and is rotated at any byte: as many entries as the files have, also within a line."""
    folder = tmp_path_factory.mktemp("sql")
    (folder / "logs").mkdir()
    for _ in grown(FIRST + data, folder / "logs", random.Random(seed)):
        ingest([str(folder / "logs")], store=str(folder / "store"), workers=1)
    answer = sql("select count(*) n from entries", stores=str(folder / "store"))
    assert answer.rows[0]["n"] == len(read_entries(str(folder / "logs")))


def test_an_entry_that_a_rotation_cut(tmp_path: Path) -> None:
    """Its second part is no row of its own; lines before the first entry are."""
    parts = (
        "\tat lost.Head(X.java)\n2026-11-23 00:00:01,000 main INFO X - first\n\tat a.B(C.java:1)\n",
        "\tat d.E(F.java:2)\n2026-11-23 00:00:02,000 main INFO X - second\n2026-11-23 00:0",
        "0:03,000 main INFO X - third\n",
    )
    for number, name in enumerate(("system-2026-11-23.0.log", "system-2026-11-23.1.log", "system.log")):
        (tmp_path / name).write_text(parts[number])
    stores = [str(tmp_path / "one"), str(tmp_path / "two")]
    for store in stores:
        ingest([str(path) for path in tmp_path.glob("*.log")], store=store, workers=1)
        answer = sql('select message, "offset" o from entries order by time nulls first, o', stores=store)
        assert len(answer.rows) == len(read_entries(str(tmp_path / "*.log"))) == 4
        assert [row["message"] for row in answer.rows][2:] == ["first", "second"]
    (row,) = sql("select count(*) n, count(distinct source) s from entries", stores=stores).rows
    assert row == {"n": 8, "s": 6}


@pytest.mark.thorough
def test_a_store_in_an_object_store(tmp_path: Path, s3: ObjectStore) -> None:
    """It is read without an extension that DuckDB would download, and nothing else may be read."""
    s3.client.create_bucket(Bucket="archive")
    s3.client.put_object(Bucket="archive", Key="secret.txt", Body=b"secret")
    logscan("ingest", "-q", SAMPLES, "--store", "s3://archive/store", cwd=tmp_path)
    query = "select count(*) n from entries where env = 'prod'"
    done = logscan("sql", query, "--store", "s3://archive/store", "--format", "jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b'{"n": 24}\n'), done.stderr.decode()
    query = "select * from entries, read_text('s3://archive/secret.txt')"
    done = logscan("sql", query, "--store", "s3://archive/store", cwd=tmp_path)
    assert (done.returncode, done.stdout, b"the query failed" in done.stderr) == (2, b"", True)
