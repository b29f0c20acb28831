"""The library's ``tail``: what it gives, and what it holds while it waits."""

from __future__ import annotations

import io
import os
from itertools import islice
from pathlib import Path

import pytest

import logscan
from logscan._live.events import Waker
from logscan._live.followed_file import FollowedFile
from logscan._live.followed_input import SMALL
from logscan._live.options import FollowOptions
from logscan._live.run import Run
from logscan.values import Counters
from support.lines import ONE
from support.tailing import append


def given(watcher: logscan.Watcher) -> list[str | None]:
    """The messages of the failures that are given until a message called ``last``."""
    names: list[str | None] = []
    for update in watcher:
        names += [failure.message_id for failure in update.failures]
        if "last" in names:
            return names[:-1]
    raise AssertionError


def test_the_selection_is_applied(log: Path) -> None:
    """By kind, by place and by time; the counters and problems come with it."""
    texts = [
        ONE,
        ONE.replace("bad_certificate", "protocol_version").replace("m-1", "m-2"),
        ONE.replace("env:e", "env:f").replace("m-1", "m-3"),
        ONE.replace("2026-11-23", "2026-11-25").replace("m-1", "m-4"),
        ONE.replace("m-1", "last"),
    ]
    log.write_text("".join(texts))
    missing = log.with_name("missing.log")
    paths: list[str | Path] = [log, str(missing)]
    with logscan.tail(paths, from_start=True, quiet_time=0.01, env="e", until="2026-11-24") as watcher:
        assert given(watcher) == ["m-1"]
        assert watcher.counters.failures == 5
        assert [problem.path for problem in watcher.problems] == [str(missing)]
        assert watcher.files == 2


def test_one_path(log: Path) -> None:
    """A path may stand alone, as text or as a path; every alert on request."""
    log.write_text(ONE.replace("bad_certificate", "unknown_ca") + ONE.replace("m-1", "last"))
    for path in (log, str(log)):
        with logscan.tail(path, from_start=True, quiet_time=0.01, alert="all", host="mp1") as watcher:
            assert given(watcher) == ["m-1"]


def test_a_checkpoint(log: Path, tmp_path: Path) -> None:
    """A later run begins where an earlier one saved, and gives none of its failures again."""
    place = tmp_path / "checkpoint.json"
    log.write_text(ONE + ONE.replace("m-1", "last"))
    with logscan.tail(log, from_start=True, quiet_time=0.01, checkpoint=place) as watcher:
        assert given(watcher) == ["m-1"]
        watcher.save(place)
    append(log, ONE.replace("m-1", "m-2") + ONE.replace("m-1", "last").replace("00:00:0", "00:01:0"))
    with logscan.tail(log, quiet_time=0.01, checkpoint=place) as watcher:
        assert given(watcher) == ["m-2"]
    place.write_text("{")
    with pytest.raises(logscan.InputError, match="checkpoint"):
        logscan.tail(log, checkpoint=place)


def test_entries(log: Path) -> None:
    """Whole entries, whatever they say."""
    with logscan.tail(log, from_start=True, quiet_time=0.01, entries=True) as watcher:
        spans = (span for update in watcher for span in update.spans)
        texts = [span.data.decode() for span in islice(spans, 3)]
    assert "".join(texts) == ONE.replace("m-1", "old")


def test_wrong_keywords(tmp_path: Path) -> None:
    """An error in words of the library."""
    with pytest.raises(logscan.UsageError, match="no such alert"):
        logscan.tail(tmp_path, alert="nonsense")
    with pytest.raises(TypeError, match="unknown keyword 'color'"):
        logscan.tail(tmp_path, color="red")  # type: ignore[call-arg]


def test_a_folder_without_logs_waits(tmp_path: Path) -> None:
    """It is a problem that the caller can read, and no error: logs may come."""
    with logscan.tail(tmp_path, quiet_time=0.01) as watcher:
        assert [problem.hint for problem in watcher.problems] == ["waiting for one"]
        append(tmp_path / "system.log", ONE.replace("m-1", "last"))
        assert given(watcher) == []


def test_a_quiet_file_takes_little_memory(log: Path) -> None:
    """Its buffer grows when much is read at once, and shrinks after it."""
    source = FollowedFile(str(log), Run(Counters(), FollowOptions()), from_start=True)
    assert source.poll() == log.stat().st_size
    assert len(source.buffer) <= 3 * log.stat().st_size
    source.consume(source.end)
    text = "x" * (SMALL - 1) + "\n"
    append(log, text * 64)
    read = 0
    while count := source.poll():
        read += count
        assert source.buffer[: source.end].strip(b"x\n") == b""
        source.consume(source.end)
    assert read == len(text) * 64
    assert len(source.buffer) >= 1 << 20
    append(log, "the end")
    source.poll()
    source.shrink()
    assert len(source.buffer) == len("the end")
    assert source.buffer[: source.end] == b"the end"
    source.close()


class Sleeper:
    """A clock that notes how long it was to wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float, /) -> None:
        self.waits.append(seconds)


def test_events(log: Path) -> None:
    """An event names the followed path, through a link too; other files only mean a changed folder."""
    link = log.with_name("link.log")
    link.symlink_to(log)
    clock = Sleeper()
    waker = Waker(True, clock)
    waker.watch([str(log), str(link)])
    assert waker.events
    append(log, ONE)
    assert (waker.wait(20), waker.is_folder_changed) == ({str(log), str(link)}, False)
    log.with_name("new.log").touch()
    assert (waker.wait(20), waker.is_folder_changed) == (set(), True)
    assert clock.waits == []
    waker.close()


def test_without_events(log: Path) -> None:
    """Waiting is sleeping; afterwards any file may have changed."""
    clock = Sleeper()
    waker = Waker(False, clock)
    waker.watch([str(log)])
    assert not waker.events
    assert waker.wait(0.25) is None
    assert clock.waits == [0.25]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends when it is closed; the failures that are open then are given."""
    reader, writer = os.pipe()
    os.write(writer, ONE.encode())
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        with logscan.tail("-") as watcher:
            names = [failure.message_id for update in watcher for failure in update.failures]
    assert names == ["m-1"]
