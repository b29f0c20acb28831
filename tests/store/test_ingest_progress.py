"""Progress of an ingest: what its tasks have read, while they run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from logscan._entries.layouts import LAYOUTS
from logscan._store import ingest_progress
from logscan._store.ingest_progress import ABSENT, ReadMark, size_read
from logscan._store.ingest_task import IngestTask, run_task
from logscan._store.parquet_files import Target
from logscan.values import Counters
from support.command import SAMPLES

LOG = SAMPLES / "no-keystore/system.log"


def task(folder: Path, number: int = 0, end: int | None = None) -> IngestTask:
    """A task that ingests the log."""
    target = Target(str(folder / "incoming"), "mp", f"{number:06d}")
    return IngestTask(str(LOG), "system.log", number, LAYOUTS[0], 0, end, target, "file")


def test_a_task_notes_what_it_has_read(tmp_path: Path) -> None:
    """All of it in the end; nothing before it begins."""
    made = task(tmp_path)
    assert size_read(made.target) == 0
    run_task(made)
    assert size_read(made.target) == LOG.stat().st_size


def test_a_mark_that_cannot_be_written(tmp_path: Path) -> None:
    """It is left out: an ingest does not fail by its progress."""
    (tmp_path / "file").touch()
    mark = ReadMark(Target(str(tmp_path / "file" / "x"), "mp", "0"))
    mark.move(5)
    mark.close()


def test_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of all tasks, also of one that runs, and what is planned."""
    monkeypatch.setattr(ingest_progress, "EVERY", 0.01)
    tasks = [task(tmp_path, number, 100) for number in range(3)]
    came = threading.Event()
    sums = set()

    def progress(counters: Counters) -> None:
        assert counters.planned_bytes == 300
        sums.add(counters.bytes)
        if counters.bytes == 140:
            came.set()

    with ingest_progress.shown(tasks, progress):
        for number, size in enumerate((100, 40)):
            mark = ReadMark(tasks[number].target)
            mark.move(size)
            mark.close()
        assert came.wait(60)
    assert sums <= {0, 100, 140}
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_many_tasks(tmp_path: Path) -> None:
    """Those that have ended are not looked at again, nor those far ahead; the sum is right."""
    targets = [task(tmp_path, number).target for number in range(4 * ABSENT)]
    watched = ingest_progress._Watched(targets)
    for number, target in enumerate(targets):
        mark = ReadMark(target)
        mark.move(10)
        mark.close()
        assert watched.look() == 10 * (number + 1)
    assert watched._first > 2 * ABSENT
