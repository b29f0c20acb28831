"""search by conditions and ids, in any order of arguments; --message of report, diagnose and gather."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import logscan
from support.command import ROOT, Run

ROTATION = ROOT / "sample_logs/rotation"
ID = "router01.example.com-4321-5562-1"
OTHER = "router01.example.com-4321-5550-1"


@pytest.mark.parametrize("arguments", [[ID, ROTATION], [ROTATION, ID], [ROTATION, ID, OTHER]])
def test_search_in_any_order(arguments: list[str | Path], run: Run) -> None:
    """A path before the ids is a path."""
    done = run("search", "-h", "--only-ids", *arguments)
    assert (done.returncode, set(done.stdout.decode().split())) == (
        0,
        {str(each) for each in arguments} - {str(ROTATION)},
    )


def test_a_path_alone(run: Run) -> None:
    """It is said what is missing; with a condition it is what is searched."""
    done = run("search", ROTATION)
    assert (done.returncode, b"is a path" in done.stderr) == (2, True)
    assert run("search", "--level", "ERROR", "-c", "-h", ROTATION).stdout == b"6\n"


@pytest.mark.parametrize("more", [(), ("-C", "1"), ("-n",), ("--prefix",), ("--no-index",), ("--json",)])
def test_conditions_choose_among_the_entries_of_a_message(more: tuple[str, ...], run: Run) -> None:
    """However the entries are found."""
    assert run("search", "-q", ID, "--text", "SSLInfo", *more, ROTATION).returncode == 0
    done = run("search", ID, "--level", "INFO", *more, ROTATION)
    assert (done.returncode, b"none fulfils the other conditions" in done.stderr) == (1, True), done.stderr


def test_in_a_store_an_index_and_a_pipe(run: Run, tmp_path: Path) -> None:
    """The same entries from everywhere."""
    log = ROOT / "sample_logs/no-keystore/system.log"
    asked = (
        "--text",
        "handshake",
        "--level",
        "WARN+",
        "-i",
        "--tz",
        "UTC",
        "--since",
        "2026-11-23 02:14:07.5",
    )
    expected = run("search", "-h", *asked, log).stdout
    assert expected
    run("ingest", "--store", tmp_path / "store", log)
    assert run("search", "-h", *asked, "--store", tmp_path / "store").stdout == expected
    assert run("search", "-h", *asked, "-", stdin=log.read_bytes()).stdout == expected
    ids = run("search", "--only-ids", *asked, log).stdout.decode().split()
    expected = run("search", "-h", *ids, *asked, log).stdout
    run("index", "--index", tmp_path / "index", log)
    assert run("search", "-h", "--index", tmp_path / "index", *ids, *asked, log).stdout == expected
    assert run("search", "-h", *ids, *asked, "--store", tmp_path / "store").stdout == expected


@pytest.mark.parametrize("arguments", [("--message", ID), ("--message", f"{ID},x-1-1"), (ID,)])
def test_the_failures_of_one_message(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    """report, diagnose and gather look only at them; what has the form of an id and is no path is one."""
    report = json.loads(run("report", "--format", "json", *arguments, ROTATION).stdout)
    assert [row["sample_message_ids"] for row in report["incidents"]] == [[ID]]
    assert report["outside_selection"]["elsewhere"] == 1
    diagnosis = json.loads(run("diagnose", "--format", "json", *arguments, ROTATION).stdout)
    assert OTHER not in json.dumps(diagnosis)
    assert ID in json.dumps(diagnosis)
    run("gather", "-o", tmp_path / "support.zip", *arguments, ROTATION)
    with zipfile.ZipFile(tmp_path / "support.zip") as packed:
        entries = packed.read("system.log.txt").decode()
    assert (ID in entries, OTHER in entries) == (True, False)


def test_the_failures_of_one_message_in_the_library() -> None:
    """Counted, and one by one."""
    for each in (False, True):
        done = logscan.report(ROTATION, message=ID, each=each)
        assert [row.failed_handshakes for row in done.incidents] == [1]
    assert [failure.message_id for failure in logscan.failures(ROTATION, message=[ID, "x"])] == [ID]
