"""Every entry in columns: the same rows as the grammar gives, in every format, in a file that is whole."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries import arrow as columns
from logscan._entries.parse import parse
from logscan._jobs import export
from logscan._jobs.export import entry_batches
from logscan._render.safe import FORMULA
from logscan._scanning.needles import EveryEntryFinder
from logscan._scanning.plan import Limits
from logscan.times import time_range
from logscan.values import Counters
from support.command import ROOT, Run
from support.engine import blocks
from support.logs import BELOW, HEADERS, TEXTS, entries, logs, shared_out
from support.mixed_layouts import mixed


def rows_of(path: Path, limits: Limits) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for batch in entry_batches([str(path)], Counters(), limits=limits):
        batch.validate(full=True)
        found += batch.to_pylist()
    return [row | {"file": "x.log"} for row in found]


@given(
    data=st.one_of(entries(), logs()),
    block=st.sampled_from([1 << 9, 1 << 12, 1 << 20]),
    layouts=st.one_of(st.none(), st.integers(0, 1 << 30)),
)
def test_the_same_rows_as_the_grammar(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, block: int, layouts: int | None
) -> None:
    """Whatever stands in the log, in every layout, wherever blocks end."""
    if layouts is not None:
        data = mixed(data, random.Random(layouts))
    path = tmp_path_factory.mktemp("export") / "x.log"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "BLOCK", block)
        found = rows_of(path, Limits(block=block))
    scanned = [
        span
        for spans in blocks([str(path)], EveryEntryFinder, Counters(), Limits(block=block, workers=1))
        for span in spans
    ]
    expected = [columns._row(parse(span, Counters())) | {"file": "x.log"} for span in scanned]
    if found and expected and found[0]["offset"] != expected[0]["offset"]:
        assert found[0]["time"] is None  # lines before the first entry are a row as well
        assert found[0]["level"] is None
        found = found[1:]
    elif found and not expected:
        found = [row for row in found if row["level"] is not None]
    assert found == expected


def test_a_real_log(tmp_path: Path) -> None:
    """Sample logs, and rows in their order over a rotated family."""
    for path in sorted((ROOT / "sample_logs").rglob("*.log*")):
        found = [row for b in entry_batches([str(path)], Counters()) for row in b.to_pylist()]
        expected = [columns._row(entry) for entry in export.entries(str(path))]
        assert [row for row in found if row["level"]] == expected


def test_a_family_cut_anywhere(tmp_path: Path) -> None:
    """An entry that a rotation cut belongs to the file in which it begins."""
    data = b"".join(
        b"2026-11-23 00:00:01,%03d org:o env:e api:p rev:1 messageid:m-%d main ERROR H - A.b() : x\n\tat y\n"
        % (n, n)
        for n in range(40)
    )
    for cut in (1, 50, 90, 95, len(data) // 2, len(data) - 3):
        (tmp_path / "system.log.1").write_bytes(data[:cut])
        (tmp_path / "system.log").write_bytes(data[cut:])
        found = [row for batch in entry_batches([str(tmp_path)], Counters()) for row in batch.to_pylist()]
        assert [row["message_id"] for row in found] == [f"m-{n}" for n in range(40)]
        assert {row["continuation"] for row in found} == {"\tat y"}
        for number, row in enumerate(found):
            whole = Path(str(row["file"])).read_bytes()
            assert (b"2026-11-23 00:00:01,%03d" % number).startswith(
                whole[row["offset"] : row["offset"] + 23]
            )


def test_too_long_and_headless(tmp_path: Path) -> None:
    """An entry beyond the limit is cut and counted; lines without a header are a row."""
    path = tmp_path / "a.log"
    head = "2026-11-23 00:00:01,006 org:o env:e api:p rev:1 messageid:m-1 main ERROR H - A.b() : "
    path.write_text(f"\tat lost.Head\n{head}{'x' * 5000}\n{head}short\n")
    counters = Counters()
    batches = list(entry_batches([str(path)], counters, limits=Limits(max_entry=1024)))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [len(row["message"]) for row in rows] == [len("\tat lost.Head"), 1024 - len(head), 5]
    assert counters.cut_entries == 1
    assert counters.cut_bytes == len(head) + 5001 - 1024
    assert counters.orphan_lines == 1


SUFFIXES = ("parquet", "arrow", "csv", "jsonl")


def read_back(path: Path) -> list[dict[str, object]]:
    """The rows of an exported file."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".arrow":
        return list(pa.ipc.open_file(path).read_all().to_pylist())
    if path.suffix == ".csv":
        convert = pyarrow.csv.ConvertOptions(
            column_types=columns.plain_schema(), strings_can_be_null=True, quoted_strings_can_be_null=False,
            null_values=[""],
        )  # fmt: skip
        parse_options = pyarrow.csv.ParseOptions(newlines_in_values=True)
        table = pyarrow.csv.read_csv(path, convert_options=convert, parse_options=parse_options)
        return list(table.to_pylist())
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["time"] = None if row["time"] is None else pd.Timestamp(row["time"]).to_pydatetime()
    return rows


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_rows_back(run: Run, tmp_path: Path, suffix: str) -> None:
    """Through the real command, with times, missing values, quotes and line breaks."""
    log = tmp_path / "system.log"
    log.write_text(
        "".join(h + t + b + "\n" for h, t, b in zip(HEADERS, TEXTS * 2, BELOW * 2, strict=False))
        + HEADERS[0] + 'A.b() : "quoted", comma; <b>\u2028\n\tat "x", y\n'
    )  # fmt: skip
    out = tmp_path / f"out.{suffix}"
    done = run("export", str(log), "--output", str(out))
    assert done.returncode == 0, done.stderr
    expected = [columns._row(entry) for entry in export.entries(str(log))]
    if suffix == "csv":  # a spreadsheet must not take a cell for a formula
        expected = [
            {
                name: f"'{value}" if isinstance(value, str) and re.match(FORMULA, value) else value
                for name, value in row.items()
            }
            for row in expected
        ]
    assert f"{len(expected)} entries written" in done.stderr.decode()
    found = read_back(out)
    if suffix in ("csv", "jsonl"):
        found = [
            row | {"time": e["time"]} if _same_time(row, e) else row
            for row, e in zip(found, expected, strict=True)
        ]
    assert found == expected


def _same_time(row: dict[str, object], expected: dict[str, object]) -> bool:
    return pd.Timestamp(row["time"]) == pd.Timestamp(expected["time"])  # type: ignore[arg-type]


def test_to_standard_output(run: Run) -> None:
    done = run("export", str(ROOT / "sample_logs"), "--output", "-", "--format", "csv", "--quiet")
    assert done.returncode == 0
    assert done.stdout.startswith(b'"time","zone","org"')
    assert done.stderr == b""


def test_a_time_range(run: Run, tmp_path: Path) -> None:
    """Rows in the range alone; a printed zone decides by itself; without a time: counted."""
    log = tmp_path / "system.log"
    log.write_text(
        "2026-11-23 10:00:00,000 org:o main INFO L - early\n"
        "2026-11-23 12:00:00,000 org:o main INFO L - in\n"
        "2026-11-23 11:30:00,000 UTC org:o main INFO L - in Berlin half past twelve\n"
        "org:o env:e main INFO L - no time\n"
        "2026-11-23 13:00:00,000 org:o main INFO L - late\n"
    )
    counters = Counters()
    times = time_range("2026-11-23 12:00", "2026-11-23 13:00", "Europe/Berlin")
    rows = [row["message"] for b in entry_batches([str(log)], counters, times=times) for row in b.to_pylist()]
    assert rows == ["in", "in Berlin half past twelve"]
    assert counters.untimed == 1
    out = tmp_path / "o.jsonl"
    done = run("export", str(log), "-o", str(out), "--since", "2026-11-23 13:00", "--tz", "Europe/Berlin")
    assert done.returncode == 0
    assert len(out.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "x.txt"], "cannot infer the format"),
        (["-o", "missing/x.csv"], "cannot be written"),
        (["-o", "x.csv", "--format", "xml"], "unknown"),
        ([], "--output is missing"),
    ],
)
def test_what_cannot_be_done(run: Run, tmp_path: Path, arguments: Sequence[str], words: str) -> None:
    done = run("export", str(ROOT / "sample_logs"), *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_bad_input_leaves_the_rest_and_says_so(run: Run, tmp_path: Path) -> None:
    """The good file is exported; a run that finds nothing at all leaves the old file."""
    good = tmp_path / "good.log"
    good.write_text(HEADERS[0] + "A.b() : x\n")
    out = tmp_path / "o.parquet"
    done = run("export", str(good), str(tmp_path / "missing.log"), "-o", str(out))
    assert done.returncode == 2
    assert "missing.log" in done.stderr.decode()
    assert len(read_back(out)) == 1
    before = out.read_bytes()
    (tmp_path / "empty").mkdir()
    done = run("export", str(tmp_path / "empty"), "-o", str(out))
    assert done.returncode == 2
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "good.log", "o.parquet"]


def test_an_empty_log_is_a_file_without_rows(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "system.log"
    log.write_bytes(b"")
    for suffix in SUFFIXES:
        out = tmp_path / f"o.{suffix}"
        assert run("export", str(log), "-o", str(out)).returncode == 0
        if suffix != "csv":
            assert read_back(out) == []


@given(data=entries(), size=st.sampled_from([200, 1500, 1 << 20]))
def test_units_give_the_same_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int) -> None:
    """By workers, in ranges of any size: the rows of one process, in their order."""
    path = tmp_path_factory.mktemp("units") / "x.log"
    path.write_bytes(data)
    counters, counted = Counters(), Counters()
    alone = [row for batch in entry_batches([str(path)], counters) for row in batch.to_pylist()]
    with shared_out(3, size):
        shared = [row for batch in entry_batches([str(path)], counted) for row in batch.to_pylist()]
    assert shared == alone
    assert counted == counters
