"""Faults of the system while a command runs: full disks, broken disks, little memory. One line, code 2."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import ROOT, SAMPLES, Run, environment, named

LOG = SAMPLES / "no-keystore" / "system.log"


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that lets calls on some files fail."""
    if shutil.which("gcc") is None or sys.platform != "linux":
        pytest.skip("needs gcc and Linux")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = ROOT / "tests" / "support" / "faults.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return str(library)


def is_one_error(text: bytes) -> bool:
    """One message, with a hint below it or not."""
    lines = text.decode().splitlines()
    return lines[0].startswith("logscan: ") and len(lines) <= 2 and "fault of logscan" not in lines[0]


READING = {
    "report": ("report",),
    "search": ("search", "no-such-id"),
    "export": ("export", "-q", "-o", "out.csv"),
    "ingest": ("ingest", "-q", "--store", "store"),
    "index": ("index", "-q", "--index", "index"),
    "diagnose": ("diagnose",),
}


@pytest.mark.parametrize("name", named(READING, ["search", "index", "diagnose"]))
def test_a_disk_that_cannot_be_read(run: Run, faults: str, tmp_path: Path, name: str) -> None:
    """EIO: the log is named; diagnose left it out without a word."""
    shutil.copy(LOG, tmp_path / "broken.log")
    preloaded = {"LD_PRELOAD": faults, "FAULT_CALL": "read", "FAULT_NAME": "broken.log"}
    done = run(*READING[name], "broken.log", cwd=tmp_path, **preloaded)
    assert done.returncode == 2
    first, *others = done.stderr.splitlines()
    assert first == b"logscan: broken.log: input/output error"
    assert all(line.startswith(b"logscan: nothing was read, so ") for line in others)
    assert (len(others), done.stdout) == (int(name in ("report", "export", "diagnose")), b"")


WRITING = {
    "report": ("report", "-o", "broken"),
    "export": ("export", "-q", "-o", "broken.parquet"),
    "gather": ("gather", "-o", "broken.zip"),
    "history": ("report", "--history", "broken"),
    "ingest": ("ingest", "-q", "--store", "broken"),
    "index": ("index", "-q", "--index", "broken"),
}


@pytest.mark.parametrize("call", named(["write", "fsync"], ["write"]))
@pytest.mark.parametrize("name", named(WRITING, ["report", "ingest", "index"]))
def test_a_disk_that_cannot_be_written(run: Run, faults: str, tmp_path: Path, name: str, call: str) -> None:
    """EIO: also where a lock notes its process, and where what was written is synced."""
    preloaded = {"LD_PRELOAD": faults, "FAULT_CALL": call, "FAULT_NAME": "broken"}
    done = run(*WRITING[name], LOG, cwd=tmp_path, **preloaded)
    assert done.returncode == 2
    assert is_one_error(done.stderr), done.stderr.decode()
    assert b"broken" in done.stderr
    assert b"i/o error" in done.stderr.lower() or b"input/output error" in done.stderr
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file()
        and path.stat().st_size
        and path.suffix != ".lock"
        and path.name != "00000000000000000000.json"  # a store that was made, and holds nothing
    ]


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """``ulimit -f``: a full disk in small."""
    log = tmp_path / "a.log"
    log.write_bytes(LOG.read_bytes() * 200)
    for arguments in (
        ("export", "-q", "-o", "x.csv"), ("index", "-q", "--index", "index"), ("report", "--each", "-o", "x.txt"),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "logscan", *arguments, str(log)],
            cwd=tmp_path, capture_output=True, env=environment(), timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        )  # fmt: skip
        assert done.returncode == 2, arguments
        assert is_one_error(done.stderr), done.stderr.decode()
    assert not list(tmp_path.rglob("*.logscan-part"))


def test_too_little_memory(tmp_path: Path) -> None:
    """M13: where Python or Arrow cannot get memory, that is said, with code 2."""
    code = (
        "from logscan._render import files\n"
        "def none(*_): raise MemoryError\n"
        "files.write_entries = none\nfrom logscan._cli import main\nmain()"
    )
    command = [sys.executable, "-c", code, "export", "-q", "-o", "x.csv", str(LOG)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(b"logscan: there is not enough memory\n")
    assert not list(tmp_path.iterdir())
