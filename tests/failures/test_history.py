"""Kept runs: compared, replaced, locked; and the same text counted once, whatever its files are called."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from support.command import ROOT, environment, logscan

LINE = (
    "2026-11-{day:02} {hour:02}:00:00,{number:03} org:o env:e api:{proxy} rev:1 messageid:m-{day}-{hour}-{proxy}-{number} NIOThread@1 ERROR"
    " HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:10.0.0.1:443 Remote host:0.0.0.0:50100]@1"
    " useCount=1 bytesRead=0 bytesWritten=0 age=5ms  lastIO=5ms  handshake failed, message: Received fatal alert:"
    " bad_certificate\n"
)


def night(day: int, **failures: int) -> str:
    """A night's log: so many failures of each proxy."""
    return "".join(
        LINE.format(day=day, hour=3, number=number, proxy=proxy)
        for proxy, count in failures.items()
        for number in range(count)
    )


def report(folder: Path, day: int, *more: str) -> subprocess.CompletedProcess[bytes]:
    """The nightly run."""
    return logscan(
        "report", "system.log", "--since", f"2026-11-{day:02}", "--until", f"2026-11-{day + 1:02}", "--history", "kept",
        *more, cwd=folder,
    )  # fmt: skip


def kept(folder: Path) -> list[str]:
    """The files of the history."""
    return sorted(path.name for path in (folder / "kept").glob("*.parquet"))


def test_what_has_changed(tmp_path: Path) -> None:
    """New, growing, continuing, shrinking and gone, in words and as the exit code."""
    log = tmp_path / "system.log"
    log.write_text(night(1, a=10, b=10, c=10, d=3) + night(2, a=20, b=11, c=2, n=1))
    done = report(tmp_path, 1, "--compare", "previous", "--fail-on", "new")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"First run: nothing to compare with.\n")
    done = report(tmp_path, 2, "--compare", "previous", "--details", "0")
    text = done.stdout.decode()
    assert "Since 2026-11-01T0000_2026-11-02T0000:" in text
    for state, name, words in (
        ("new", "n", "1"), ("growing", "a", "20, 10 before"), ("continuing", "b", "11, 10 before"),
        ("shrinking", "c", "2, 10 before"), ("resolved", "d", "3 then"),
    ):  # fmt: skip
        assert f"  {state:<10}  o / e / {name}: bad_certificate ({words})" in text
    assert report(tmp_path, 2, "--compare", "previous", "--fail-on", "new").returncode == 1
    assert report(tmp_path, 2, "--compare", "2026-11-01", "--fail-on", "growing").returncode == 1
    log.write_text(night(1, a=10) + night(2, a=10))
    report(tmp_path, 1)
    assert report(tmp_path, 2, "--compare", "previous", "--fail-on", "growing").returncode == 0


def test_other_failures_rise(tmp_path: Path) -> None:
    """One line says so, also where nothing was selected; older files, which lack the number, are read."""
    other = "bad_certificate", "unknown_ca"
    log = tmp_path / "system.log"
    log.write_text(
        night(1, a=2, b=2).replace(*other) + night(2, a=9).replace(*other) + night(3, a=9).replace(*other)
    )
    quiet = ("--compare", "previous", "--quiet", "--alert", "bad_certificate")
    done = report(tmp_path, 1, *quiet)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = report(tmp_path, 2, *quiet)
    line = b"TLS failures outside the selection rose: 9, 4 before (--alert all shows them).\n"
    assert (done.stdout, done.stderr) == (line, b"")
    assert report(tmp_path, 3, *quiet).stdout == b""  # as many as in the night before
    first = min(kept(tmp_path))
    table = pq.read_table(tmp_path / "kept" / first)
    header = json.loads(table.schema.metadata[b"logscan"])
    assert header.pop("outside") == 4
    table = table.replace_schema_metadata({b"logscan": json.dumps(header).encode()})
    pq.write_table(table, tmp_path / "kept" / first)
    assert report(tmp_path, 2, *quiet).stdout == b""


def test_a_date_without_a_run(tmp_path: Path) -> None:
    """A date that is named and has no run is a mistake; a first night is none."""
    (tmp_path / "system.log").write_text(night(1, a=3))
    done = report(tmp_path, 1, "--compare", "2025-01-01")
    assert (done.returncode, b"--compare 2025-01-01: no such run" in done.stderr) == (0, True)


def test_a_night_is_replaced(tmp_path: Path) -> None:
    """The same range again replaces the file; another selection stands beside it; the file is a usual Parquet."""
    (tmp_path / "system.log").write_text(night(1, a=3))
    report(tmp_path, 1)
    first = kept(tmp_path)
    (tmp_path / "system.log").write_text(night(1, a=5))
    report(tmp_path, 1)
    assert kept(tmp_path) == first
    frame = pd.read_parquet(tmp_path / "kept" / first[0])
    assert frame["failed_handshakes"].tolist() == [5]
    report(tmp_path, 1, "--alert", "all")
    assert len(kept(tmp_path)) == 2


def test_lengths_count(tmp_path: Path) -> None:
    """A week is compared with a night by failures an hour."""
    (tmp_path / "system.log").write_text(night(1, a=10) + night(2, a=10) + night(3, a=10) + night(4, a=10))
    report(tmp_path, 1)
    done = logscan(
        "report", "system.log", "--since", "2026-11-02", "--until", "2026-11-05", "--history", "kept", "--compare",
        "previous", "--fail-on", "growing", cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, b"continuing" in done.stdout) == (0, True)


def test_what_could_not_be_read_is_not_kept(tmp_path: Path) -> None:
    """A run that lacks a file does not pass for a good night."""
    (tmp_path / "system.log").write_text(night(1, a=3))
    done = logscan("report", "system.log", "missing.log", "--history", "kept", cwd=tmp_path)
    assert (done.returncode, b"is not kept" in done.stderr, kept(tmp_path)) == (2, True, [])


def test_other_versions_and_damage(tmp_path: Path) -> None:
    """The errors of a newer file and of a damaged one name the file; nothing is overwritten."""
    (tmp_path / "system.log").write_text(night(1, a=3) + night(2, a=3))
    report(tmp_path, 1)
    (name,) = kept(tmp_path)
    path = tmp_path / "kept" / name
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"logscan"]) | {"version": 99}
    pq.write_table(table.replace_schema_metadata({b"logscan": json.dumps(about).encode()}), path)
    done = report(tmp_path, 2, "--compare", "previous")
    assert (done.returncode, b"newer logscan (version 99" in done.stderr, name.encode() in done.stderr) == (
        2,
        True,
        True,
    )
    path.write_bytes(b"PAR1 nonsense")
    done = report(tmp_path, 2, "--compare", "previous")
    assert (done.returncode, b"not a run of logscan's history" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--compare", "previous"), b"needs earlier runs"), (("--fail-on", "new"), b"needs a run to compare with"),
        (("--fail-on", "0"), b"unknown"), (("--fail-on", "soon"), b"unknown"),
        (("--history", "kept", "--compare", "yesterday"), b"expected previous or a date"),
        (("--history", "system.log"), b"directory"),
    ],
)  # fmt: skip
def test_bad_use(args: tuple[str, ...], message: bytes, tmp_path: Path) -> None:
    """An error says what is wrong."""
    (tmp_path / "system.log").write_text(night(1, a=1))
    done = logscan("report", "system.log", *args, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_two_runs_do_not_collide(tmp_path: Path) -> None:
    """The second says that the first is at work."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "system.log").write_text(night(1, a=1))
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; from logscan.atomic import Lock; held = Lock('kept/report'); print('held', flush=True);"
         " sys.stdin.read()"],
        cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = report(tmp_path, 1)
        assert (done.returncode, b"in use by another run" in done.stderr) == (2, True)
    finally:
        holder.communicate(b"", timeout=30)
    assert report(tmp_path, 1).returncode == 0


def count(folder: Path, *paths: str) -> tuple[int, str]:
    """Failed handshakes, and the messages."""
    done = logscan("report", *paths, "--format", "json", cwd=folder)
    found = json.loads(done.stdout)
    return sum(row["failed_handshakes"] for row in found["incidents"]), done.stderr.decode()


def test_the_same_text_is_counted_once(tmp_path: Path) -> None:
    """Rotated, packed, copied earlier: by content."""
    text = night(1, a=40)
    (tmp_path / "system.log.1").write_text(text)
    (tmp_path / "system.log.1.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "copy.log").write_text(text[: len(text) // 2])
    (tmp_path / "system.log").write_text(night(2, a=2))
    number, messages = count(tmp_path, ".")
    assert number == 42
    assert messages == "logscan: 2 files are copies of others: counted once\n  --stats names them\n"
    done = logscan("search", "-c", "m-1-3-a-7", ".", cwd=tmp_path)
    assert done.stdout.splitlines() == [b"./system.log.1:1"]
    # Two packed forms.
    assert count(tmp_path, "system.log.1.gz", "copy.log")[0] == 40


def test_what_is_alike_is_not_the_same(tmp_path: Path) -> None:
    """Logs that begin alike and go on differently are two."""
    (tmp_path / "a.log").write_text(night(1, a=20) + night(2, b=3))
    (tmp_path / "b.log").write_text(night(1, a=20) + night(3, c=3))
    assert count(tmp_path, "a.log", "b.log") == (46, "")


def test_repeated_words_are_no_copy(tmp_path: Path) -> None:
    """Parts of one long line, cut by rotation, begin and end alike."""
    line = night(1, a=1).rstrip("\n") + " word" * 300 + "\n"
    for number, (start, end) in enumerate(((0, 400), (400, 800), (800, None))):
        (tmp_path / ("system.log" + f".{2 - number}" * (number < 2))).write_text(line[start:end])
    done = logscan("report", ".", "--format", "json", "--stats", cwd=tmp_path)
    assert f"bytes scanned{len(line):>39,}" in done.stderr.decode()


def test_sample_page_opens_without_history(tmp_path: Path) -> None:
    """html needs nothing but the logs."""
    done = logscan("report", ROOT / "sample_logs", "--format", "html", cwd=tmp_path)
    assert done.stdout.startswith(b"<!doctype html>")
    assert b"Received fatal alert: bad_certificate" in done.stdout


@pytest.mark.parametrize("fault", ["template", "directory", "full"])
def test_the_old_report_stays_whole(fault: str, tmp_path: Path) -> None:
    """Whatever keeps the new one from being made."""
    (tmp_path / "system.log").write_text(night(1, a=1))
    old = tmp_path / "report.html"
    old.write_text("old")
    args = [sys.executable, "-m", "logscan"]
    output = "report.html"
    if fault == "template":
        broken = "import jinja2; jinja2.Environment.from_string = lambda *a: 1 / 0"
        args = [
            sys.executable,
            "-c",
            f"{broken}; import runpy; runpy.run_module('logscan', run_name='__main__')",
        ]
    elif fault == "full":
        args = ["sh", "-c", 'ulimit -f 1; trap "" XFSZ; exec "$@"', "sh", *args]
    else:
        output = "not/there/report.html"
    done = subprocess.run(
        [*args, "report", "system.log", "--format", "html", "-o", output],
        cwd=tmp_path, env=environment(), capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "system.log"]
    if fault != "template":
        assert done.returncode == 2
        assert b"cannot be written" in done.stderr, done.stderr
