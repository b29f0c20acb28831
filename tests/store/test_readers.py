"""Other programs read the table: polars, pandas, pyarrow and DuckDB see logscan's own rows, at one version.

The readers of Delta Lake of Spark, Trino and DuckDB are no packages of Python. What they ask of a table is compared
with the protocol here.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from logscan import read_entries
from logscan._jobs.ingest import ingest
from logscan._jobs.sql import sql
from logscan._store import upkeep
from support.command import ROOT

deltalake = pytest.importorskip("deltalake")
duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")
pandas = pytest.importorskip("pandas")

HOSTS = ("mp 01", "100%", "50%25", "münchen-é", "a=b", "rack/1:x", "007", "日本", "qu\"o'te")
"""Names that directories, addresses and SQL write in different ways."""
COLUMNS = (
    "time", "zone", "org", "env", "proxy", "revision", "message_id", "thread", "level", "logger", "class", "method",
    "message", "continuation", "file", "offset",
)  # fmt: skip
"""Those that the rows of the table and of the files have."""
HEADER = "2026-11-2{day} 00:00:0{n},123 org:o env:e api:p rev:1 messageid:m{host}-{day}-{n} NIOThread@1 "
Row = tuple[Any, ...]


def text_of(host: int) -> str:
    """A log of two days, whose first line belongs to no entry."""
    lines = [
        HEADER.format(day=day, n=n, host=host) + f"INFO X - ünï {n}\n" + "\tat a.B(C.java:1)\n" * (n == 2)
        for day in (0, 1)
        for n in range(4)
    ]
    return "\tat lost.Head(X.java)\n" + "".join(lines)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Host → its log."""
    folder = tmp_path_factory.mktemp("hosts")
    found = {}
    for number, host in enumerate(HOSTS):
        found[host] = folder / f"log{number}.log"
        found[host].write_text(text_of(number), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def store(logs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of them, and of the sample logs."""
    folder = str(tmp_path_factory.mktemp("table") / "store")
    names = [f"{host}=*/{path.name}" for host, path in logs.items() if "=" not in host]
    ingest([str(path) for path in logs.values()], store=folder, host=names, workers=1)
    ingest([str(ROOT / "sample_logs")], store=folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def wanted(logs: dict[str, Path], store: str) -> list[Row]:
    """Kind is entries: host, date and columns of each row, as the files have them."""
    rows: list[Row] = []
    for host, path in logs.items():
        shown = host if "=" not in host else "log4"
        day = date(1, 1, 1)
        for row in read_entries(str(path)).astype(object).to_dict("records"):
            when = None if pandas.isna(row["time"]) else row["time"].to_pydatetime()
            day = when.date() if when is not None else day
            values = [None if pandas.isna(row[name]) else row[name] for name in COLUMNS[1:]]
            rows.append((shown, day, when, *values))
    return sorted(rows, key=by_place)


def by_place(row: Row) -> tuple[str, int]:
    return row[0], row[-1]


def listed(store: str, **conditions: str) -> list[str]:
    """The list of files that the log names."""
    where = [("kind", "=", "entries"), *((name, "=", value) for name, value in conditions.items())]
    files: list[str] = deltalake.DeltaTable(store).file_uris(file_pruning_predicate=where)
    return files


def rows_of(frame: Any) -> list[Row]:
    """Rows of a frame of polars, without those of the sample logs."""
    picked = frame.select("host", "date", *COLUMNS).rows()
    return sorted((row for row in picked if "sample_logs" not in row[-2]), key=by_place)


def test_polars(store: str, wanted: list[Row]) -> None:
    """``scan_delta``: every row and column; filters by partition, id and time."""
    table = polars.scan_delta(store).filter(polars.col("kind") == "entries")
    assert rows_of(table.collect()) == wanted
    conditions: list[tuple[Any, Callable[[Row], object]]] = [
        (polars.col("host") == "münchen-é", lambda row: row[0] == "münchen-é"),
        (polars.col("host") == "50%25", lambda row: row[0] == "50%25"),
        (polars.col("host") == "007", lambda row: row[0] == "007"),
        (polars.col("date") == date(2026, 11, 21), lambda row: row[1] == date(2026, 11, 21)),
        (polars.col("date") == date(1, 1, 1), lambda row: row[1] == date(1, 1, 1)),
        (polars.col("message_id") == "m3-1-2", lambda row: row[8] == "m3-1-2"),
        (
            polars.col("time").is_between(datetime(2026, 11, 20, 0, 0, 2), datetime(2026, 11, 21)),
            lambda row: row[2] and datetime(2026, 11, 20, 0, 0, 2) <= row[2] <= datetime(2026, 11, 21),
        ),
    ]
    for condition, fits in conditions:
        found = rows_of(table.filter(condition).collect())
        assert found == [row for row in wanted if fits(row)] != []


def test_lists_of_files(store: str, wanted: list[Row]) -> None:
    """pyarrow, pandas and DuckDB read the list of files that the log gives."""
    files = listed(store)
    parts = pa.schema([("kind", pa.string()), ("date", pa.date32()), ("host", pa.string())])
    dataset = ds.dataset(
        files, partitioning=ds.partitioning(parts, flavor="hive"), partition_base_dir=store, format="parquet"
    )
    assert rows_of(polars.from_arrow(dataset.to_table())) == wanted
    one = dataset.to_table(filter=(ds.field("host") == "日本") & (ds.field("date") == date(1, 1, 1)))
    assert one.num_rows == 1
    frame = pandas.read_parquet(listed(store, host="rack/1:x"))
    assert sorted(frame["offset"]) == [row[-1] for row in wanted if row[0] == "rack/1:x"]
    assert {str(host) for host in frame["host"]} == {"rack/1:x"}
    table = duckdb.read_parquet(files, hive_partitioning=True)
    assert rows_of(table.pl()) == wanted
    assert table.filter("message_id = 'm7-1-3' and host = '日本'").count("*").fetchall() == [(1,)]
    assert len(listed(store, host="qu\"o'te", date="2026-11-21")) == 1


def test_sql_over_odd_hosts(store: str, wanted: list[Row]) -> None:
    """The view of ``logscan sql`` has the same hosts, also one that looks like a number."""
    query = "select host, count(*) n from entries where file not like '%sample_logs%' group by 1 order by 1"
    found = {row["host"]: row["n"] for row in sql(query, stores=store).rows}
    assert found == {host: sum(row[0] == host for row in wanted) for host in {row[0] for row in wanted}}
    assert "kind" not in sql("select * from entries limit 1", stores=store).columns


def test_a_reader_at_work_while_files_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that it has opened the table with stay, and so do their rows, until the days of a vacuum have gone by."""
    monkeypatch.setattr(upkeep, "MANY_FILES", 4)
    folder = str(tmp_path / "store")
    for number in range(upkeep.MANY_FILES):
        if number == upkeep.MANY_FILES - 1:
            table = deltalake.DeltaTable(folder)
            lazy = polars.scan_delta(table).filter(polars.col("kind") == "entries")
            files = table.file_uris(file_pruning_predicate=[("kind", "=", "entries")])
        (tmp_path / f"log{number:02}.log").write_text(text_of(number))
        done = ingest([str(tmp_path / f"log{number:02}.log")], store=folder, host=["mp"], workers=1)
    assert done.merged > 0
    assert len(listed(folder)) < len(files) == 3 * number
    assert lazy.select(polars.len()).collect().item() == 9 * number
    assert duckdb.read_parquet(files).count("*").fetchall() == [(9 * number,)]
    now = polars.scan_delta(folder).filter(polars.col("kind") == "entries")
    assert now.select(polars.len()).collect().item() == 9 * (number + 1)


def actions(store: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the commits of a table say."""
    for path in sorted((Path(store) / "_delta_log").glob("*.json")):
        for line in path.read_text().splitlines():
            yield from json.loads(line).items()


PLAIN = {"string", "date", "integer", "timestamp_ntz", "long", "byte", "binary", "boolean"}


def types(of: Any) -> Iterator[str]:
    """The types of columns within columns; a column that must not be null is an invariant, which has a feature."""
    if isinstance(of, str):
        yield of
    elif of["type"] == "struct":
        for field in of["fields"]:
            assert (field["nullable"], field["metadata"]) == (True, {}), field
            yield from types(field["type"])
    else:
        assert (of["type"], of["containsNull"]) == ("array", True)
        yield from types(of["elementType"])


def test_what_the_protocol_asks_of_a_table(store: str) -> None:
    """For readers that cannot run here: features, types, values of partitions, statistics, properties."""
    said = list(actions(store))
    (protocol,) = [value for name, value in said if name == "protocol"]
    assert protocol == {
        "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"],
        "writerFeatures": ["timestampNtz"],
    }  # fmt: skip
    (about,) = [value for name, value in said if name == "metaData"]
    assert about["partitionColumns"] == ["kind", "date", "host"]
    assert {name for name in about["configuration"] if not name.startswith("logscan.")} <= {
        "delta.checkpointInterval", "delta.deletedFileRetentionDuration", "delta.logRetentionDuration"
    }  # fmt: skip
    assert set(types(json.loads(about["schemaString"]))) <= PLAIN
    adds = [value for name, value in said if name == "add"]
    assert len(adds) > 3 * len(HOSTS)
    for add in adds:
        assert add.get("deletionVector") is None
        assert re.fullmatch(r"[!-~]+", add["path"])
        name = unquote(add["path"])
        parts = dict(folder.split("=", 1) for folder in name.split("/")[:3])
        assert {key: unquote(value) for key, value in parts.items()} == add["partitionValues"]
        metadata = pq.read_metadata(Path(store) / name)
        assert (add["size"], len(metadata.schema.names) > 1) == ((Path(store) / name).stat().st_size, True)
        said_of_rows = json.loads(add["stats"])
        assert said_of_rows["numRecords"] == metadata.num_rows
        table = pq.read_table(Path(store) / name, partitioning=None)
        for column, low in said_of_rows["minValues"].items():
            high = said_of_rows["maxValues"][column]
            values = [value for value in table[column].to_pylist() if value is not None]
            if column == "time":
                low, high = datetime.fromisoformat(low), datetime.fromisoformat(high)
                assert low.tzinfo is None
            # Bounds may be wide: those of a dictionary are those of all its words.
            assert all(low <= value <= high for value in values)
        assert ("source" in said_of_rows["minValues"]) == (add["partitionValues"]["kind"] != "state")
    ids = [add for add in adds if "message_id" in json.loads(add["stats"])["minValues"]]
    assert len(ids) > 2 * len(HOSTS)


def test_after_a_checkpoint(store: str, wanted: list[Row]) -> None:
    """Readers that begin at a checkpoint see the same."""
    table = deltalake.DeltaTable(store)
    table.create_checkpoint()
    assert list((Path(store) / "_delta_log").glob("*.checkpoint.parquet"))
    assert rows_of(polars.scan_delta(store).filter(polars.col("kind") == "entries").collect()) == wanted


def test_the_examples_of_the_page(tmp_path: Path) -> None:
    """The programs of docs/archive-readers.md print what it shows."""
    page = (ROOT / "docs/archive-readers.md").read_text()
    examples = re.findall(r"```python\n(.*?)```\n\nIts output:\n\n```text\n(.*?)```", page, re.DOTALL)
    assert len(examples) == page.count("```python") == 3
    ingest([str(ROOT / "sample_logs")], store=str(tmp_path / "archive"), workers=1)
    for code, output in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("/tmp/archive", str(tmp_path / "archive")), {})
        assert printed.getvalue() == output
