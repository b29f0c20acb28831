"""Standard streams that are closed or full: one line, the right exit code, no traceback, in every command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command import ROOT, SAMPLES, Run, environment

LOG = SAMPLES / "no-keystore" / "system.log"
ID = "router01.example.com-4321-1001-1"
PRINTING = {
    "report": ("report", LOG),
    "report_json": ("report", "--format", "json", "--each", LOG),
    "report_parquet": ("report", "--format", "parquet", "-o", "-", LOG),
    "search": ("search", ID, LOG),
    "search_json": ("search", "--json", ID, LOG),
    "search_count": ("search", "-c", ID, LOG),
    "search_ids": ("search", "--prefix", "--only-ids", "router", LOG),
    "export": ("export", "--format", "csv", "-o", "-", LOG),
    "export_parquet": ("export", "--format", "parquet", "-o", "-", LOG),
    "index_list": ("index", "--list", LOG),
    "cat": ("cat", "--store", "STORE"),
    "cat_list": ("cat", "--list", "--store", "STORE"),
    "sql": ("sql", "select count(*) from entries", "--store", "STORE"),
    "diagnose": ("diagnose", SAMPLES / "no-keystore"),
    "diagnose_json": ("diagnose", "--format", "json", SAMPLES / "no-keystore"),
    "gather": ("gather", "--review", SAMPLES / "no-keystore"),
    "tail": ("tail", "--from-start", "-"),
    "tail_entries": ("tail", "--entries", "--from-start", "-"),
    "config": ("config",),
    "help": ("--help",),
    "help_of_a_command": ("report", "--help"),
    "version": ("--version",),
}
"""Commands that print to standard output."""
SILENT = {
    "report": ("report", "-o", "out.txt", LOG),
    "export": ("export", "-o", "out.csv", LOG),
    "ingest": ("ingest", "--store", "new", LOG),
    "index": ("index", "--index", "new", LOG),
}
"""Commands that print to standard error only."""
QUICK = ("report", "search", "export_parquet", "sql", "tail", "config", "help")
"""One for each way to print: a table, entries, bytes, rows, lines as they come, and texts of the command line."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store."""
    made = tmp_path_factory.mktemp("streams")
    ingest = [sys.executable, "-m", "logscan", "ingest", "-q", "--store", "STORE", str(LOG)]
    subprocess.run(ingest, cwd=made, env=environment(), check=True)
    return made


def through_shell(
    redirection: str, arguments: tuple[str | Path, ...], cwd: Path
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a shell would with a redirection of its streams."""
    script = f'exec "$@" {redirection}'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "logscan", *map(str, arguments)]
    with LOG.open("rb") as stdin:
        return subprocess.run(
            command, stdin=stdin, capture_output=True, cwd=cwd, env=environment(), timeout=60
        )


def is_one_line(text: bytes) -> bool:
    return text.startswith(b"logscan: ") and text.count(b"\n") == 1


def ways() -> Iterator[Any]:
    """Every command with a full output; a closed one is the same to most of them."""
    for name in PRINTING:
        marks = () if name in QUICK else pytest.mark.thorough
        yield pytest.param(name, ">/dev/full", "no space left on device", marks=marks, id=f"{name}-full")
        marks = () if name in ("report", "export_parquet", "help") else pytest.mark.thorough
        yield pytest.param(name, ">&-", "it is closed", marks=marks, id=f"{name}-closed")


@pytest.mark.parametrize(("name", "redirection", "reason"), list(ways()))
def test_standard_output_fails(folder: Path, name: str, redirection: str, reason: str) -> None:
    """M1: exit code 2 and one line, not a traceback and 1, which means --fail-on or not found."""
    done = through_shell(redirection, PRINTING[name], folder)
    assert (done.returncode, done.stdout) == (2, b"")
    assert is_one_line(done.stderr), done.stderr.decode()
    assert done.stderr.endswith(f"standard output: cannot be written: {reason}\n".encode())


@pytest.mark.parametrize("name", SILENT)
def test_a_command_that_prints_nothing_needs_no_standard_output(tmp_path: Path, name: str) -> None:
    """M1: and none of its files gets the number of the closed stream, so that a print would end in it."""
    done = through_shell(">&-", SILENT[name], tmp_path)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("name", ["report", pytest.param("export", marks=pytest.mark.thorough)])
def test_standard_error_fails(folder: Path, name: str, redirection: str) -> None:
    """M1: what would stand there is lost, and is not printed elsewhere; the rest is as always."""
    always = through_shell("", PRINTING[name], folder)
    done = through_shell(redirection, PRINTING[name], folder)
    assert (done.returncode, done.stdout) == (0, always.stdout)


def test_an_error_without_standard_error(tmp_path: Path) -> None:
    """M1: the exit code says it; the message does not go to standard output."""
    for arguments in (("report", "missing.log"), ("report", "--no-such-option"), ("nonsense",)):
        done = through_shell("2>&-", arguments, tmp_path)
        assert (done.returncode, b"missing" in done.stdout) == (2, False)


@pytest.mark.parametrize("name", ["report", "diagnose"])
def test_a_closed_standard_input_that_is_not_read(folder: Path, name: str) -> None:
    """M1: nothing is missing."""
    done = through_shell("<&-", PRINTING[name], folder)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "arguments", [("report", "-"), ("search", ID, "-"), ("export", "-o", "out.csv", "-"), ("diagnose", "-")]
)
def test_a_closed_standard_input_that_is_read(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """M1: an input that cannot be read."""
    done = through_shell("<&-", arguments, tmp_path)
    assert done.returncode == 2
    assert b"standard input: bad file descriptor" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["report", "search", "export", "help"])
def test_a_reader_that_ends(folder: Path, name: str) -> None:
    """``| head``: silent, and a normal end."""
    command = [sys.executable, "-m", "logscan", *map(str, PRINTING[name])]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment()
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(60)) == (b"", 0)


def test_an_error_that_nobody_foresaw(run: Run, tmp_path: Path) -> None:
    """M13: one line that says where, and code 2; the traceback on request."""
    code = (
        "import sys; from logscan._jobs import report; report.report_selected = None\n"
        f"sys.argv = ['logscan', 'report', {str(LOG)!r}]\n"
        "from logscan._cli import main; main()"
    )
    for more, traced in (({}, False), ({"LOGSCAN_TRACEBACK": "1"}, True)):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, env=environment(**more), cwd=ROOT, timeout=60
        )
        assert (b"Traceback" in done.stderr) is traced
        if not traced:
            assert done.returncode == 2
            assert done.stderr.startswith(b"logscan: fault of logscan: TypeError: ")
            assert b"(report.py, line " in done.stderr
