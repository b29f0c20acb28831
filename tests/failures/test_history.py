"""Kept runs: compared, replaced, locked; and the same text counted once, whatever its files are called."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logscan._failures import history_files
from logscan.errors import InputError
from support import core_alone
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
    return sorted(path.name for path in (folder / "kept").glob("*.jsonl"))


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
    header, *rows = lines(tmp_path / "kept" / first)
    assert header.pop("outside") == 4
    write(tmp_path / "kept" / first, header, *rows)
    assert report(tmp_path, 2, *quiet).stdout == b""


def test_a_date_without_a_run(tmp_path: Path) -> None:
    """A date that is named and has no run is a mistake; a first night is none."""
    (tmp_path / "system.log").write_text(night(1, a=3))
    done = report(tmp_path, 1, "--compare", "2025-01-01")
    assert (done.returncode, b"--compare 2025-01-01: no such run" in done.stderr) == (0, True)


def test_a_night_is_replaced(tmp_path: Path) -> None:
    """The same range again replaces the file; another selection stands beside it; its lines have the fields of a report."""
    (tmp_path / "system.log").write_text(night(1, a=3))
    report(tmp_path, 1)
    first = kept(tmp_path)
    (tmp_path / "system.log").write_text(night(1, a=5))
    report(tmp_path, 1)
    assert kept(tmp_path) == first
    _, row = lines(tmp_path / "kept" / first[0])
    done = logscan("report", "system.log", "--until", "2026-11-02", "--format", "jsonl", cwd=tmp_path)
    assert row.pop("key") == ["o", "e", "a", "bad_certificate", "southbound"]
    assert row == json.loads(done.stdout)
    assert row["failed_handshakes"] == 5
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


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, *rows: dict[str, Any]) -> None:
    """A file of these objects."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


HEADER = {"version": 2, "label": "x", "hours": 24.0, "outside": 0, "incidents": 2}
ROW: dict[str, Any] = {"key": ["o", "e", "a", "bad_certificate", "southbound"], "failed_handshakes": 3}
WHOLE = "".join(json.dumps(row) + "\n" for row in (HEADER, ROW, ROW | {"key": [*"oebxy"]})).encode()
DAMAGE = {
    "newer": (
        WHOLE.replace(b'"version": 2', b'"version": 99'),
        "written by a newer logscan (version 99 of the",
    ),
    "empty": (b"", "line 1 is missing: it is empty"),
    "parquet": (b"PAR1 nonsense", "line 1 is cut off"),
    "cut": (WHOLE[:-9], "line 3 is cut off"),
    "short": (WHOLE[: WHOLE.rindex(b"{")], "line 3 is missing: it has 1 of 2 incidents"),
    "long": (WHOLE + b"{}\n", "line 4: after the last incident something follows"),
    "words": (WHOLE.replace(b'{"key"', b"key", 1), "line 2 is no JSON: "),
    "list": (b"[]\n", "line 1 is no JSON object"),
    "deep": (b"[" * 100_000 + b"\n", "line 1 is no JSON: "),
    "key": (WHOLE.replace(b'["o", "e", "a"', b'[["o"], "e", "a"'), "line 2: key has a part that is no text"),
    "count": (WHOLE.replace(b": 3}", b": true}", 1), "line 2: failed_handshakes is no number"),
    "many": (
        WHOLE.replace(b'"incidents": 2', b'"incidents": 9999999'),
        "line 1: incidents is not a number from",
    ),
    "hours": (WHOLE.replace(b"24.0", b'"day"'), "line 1: hours is no number"),
    "version": (WHOLE.replace(b'"version": 2', b'"version": null'), "line 1: version is no number"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_names_the_line(name: str, tmp_path: Path) -> None:
    """The file, the line and the reason; and nothing else than an error of ours."""
    data, reason = DAMAGE[name]
    path = tmp_path / "incidents-x--01234567.jsonl"
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        history_files.read(str(path))
    assert str(raised.value).startswith(f"{path}: ")
    assert reason in str(raised.value)
    assert raised.value.hint


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """What the damaged ones are made of."""
    path = tmp_path / "incidents-x--01234567.jsonl"
    path.write_bytes(WHOLE)
    kept = history_files.read(str(path))
    assert kept.counts == {tuple(ROW["key"]): 3, tuple("oebxy"): 3}
    assert (kept.label, kept.hours, kept.outside) == ("x", 24.0, 0)


def test_damage_ends_a_comparison(tmp_path: Path) -> None:
    """With the exit code of an input that cannot be read; nothing is overwritten."""
    (tmp_path / "system.log").write_text(night(1, a=3) + night(2, a=3))
    report(tmp_path, 1)
    (name,) = kept(tmp_path)
    path = tmp_path / "kept" / name
    path.write_bytes(path.read_bytes()[:-1])
    done = report(tmp_path, 2, "--compare", "previous")
    assert (done.returncode, b"line 2 is cut off" in done.stderr, name.encode() in done.stderr) == (
        2,
        True,
        True,
    )
    assert kept(tmp_path) == [name]


def as_parquet(path: Path, version: int = 1) -> Path:
    """The same run as logscan 0.1 kept it; the file takes its place."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, *rows = lines(path)
    about = {name: header[name] for name in ("label", "what", "hours", "made", "outside")}
    about |= {"version": version, "keys": [row.pop("key") for row in rows]}
    table = pa.Table.from_pylist(rows).replace_schema_metadata({b"logscan": json.dumps(about).encode()})
    path.unlink()
    path = path.with_suffix(".parquet")
    pq.write_table(table, path)
    return path


def test_the_parquet_of_earlier_versions(tmp_path: Path) -> None:
    """It is compared with; without pyarrow, one line has the command that adds it; a newer or damaged one is named."""
    (tmp_path / "system.log").write_text(night(1, a=3, b=1) + night(2, a=9))
    report(tmp_path, 1)
    (name,) = kept(tmp_path)
    old = as_parquet(tmp_path / "kept" / name)
    done = report(tmp_path, 2, "--compare", "previous")
    assert b"growing     o / e / a: bad_certificate (9, 3 before)" in done.stdout
    assert b"resolved    o / e / b: bad_certificate (1 then)" in done.stdout
    whole = old.read_bytes()
    for data, reason in (
        (whole[:-9], b"not a run of logscan's history"),
        (b"", b"not a run of logscan's history"),
    ):
        old.write_bytes(data)
        done = report(tmp_path, 2, "--compare", "previous")
        assert (done.returncode, reason in done.stderr, old.name.encode() in done.stderr) == (2, True, True)
    old.write_bytes(whole)
    env = core_alone.alone(tmp_path / "core")
    args = ["report", "system.log", "--since", "2026-11-02", "--until", "2026-11-03", "--history", "kept"]
    done = subprocess.run(
        [sys.executable, "-m", "logscan", *args, "--compare", "previous"],
        cwd=tmp_path, env=env, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert b"pip install 'apigee-logscan[archive]'" in done.stderr


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


def test_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """Runs of other selections each keep their own; of the same one, the later stays, whole."""
    (tmp_path / "system.log").write_text(night(1, a=3, b=1, c=2))
    calls = [("--proxy", name) for name in "abc"] + [("--proxy", "a")] * 3
    command = [
        sys.executable,
        "-m",
        "logscan",
        "report",
        "system.log",
        "--until",
        "2026-11-02",
        "--history",
        "kept",
    ]
    runs = [
        subprocess.Popen(
            [*command, *call],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for call in calls
    ]
    assert [(run.communicate(timeout=60)[1], run.returncode) for run in runs] == [(b"", 0)] * len(calls)
    files = kept(tmp_path)
    counts = sorted(sum(history_files.read(str(tmp_path / "kept" / name)).counts.values()) for name in files)
    assert counts == [1, 2, 3]
    assert sorted(os.listdir(tmp_path / "kept")) == files


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
