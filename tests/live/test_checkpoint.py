"""Checkpoints: going on where another run stopped, and the error where that is impossible."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._live import checkpoint
from logscan._live.checkpoint import Checkpoint, FileState, HostState
from logscan._reading.fingerprint import Identity, Mark
from logscan.errors import InputError
from support.lines import ONE
from support.tailing import Tail, append, until

IDENTITY = st.builds(Identity, st.integers(0), st.integers(0), st.integers(0, 1024), st.text(max_size=8))
MARK = st.builds(Mark, IDENTITY, st.integers(0), st.binary(max_size=64))
NOW = int(time.time())
FILES = st.dictionaries(
    st.text(min_size=1),
    st.builds(FileState, MARK, st.lists(IDENTITY, max_size=2).map(tuple), st.just(float(NOW))),
    max_size=3,
)
GIVEN = st.lists(st.text(), max_size=5).map(tuple)
HOST = st.builds(HostState, st.builds(Checkpoint, files=FILES, given=GIVEN), st.just(float(NOW)))
CHECKPOINT = st.builds(
    Checkpoint, files=FILES, given=GIVEN, hosts=st.dictionaries(st.text(min_size=1), HOST, max_size=2)
)


@given(saved=CHECKPOINT)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, saved: Checkpoint) -> None:
    path = str(tmp_path_factory.mktemp("state") / "checkpoint")
    checkpoint.save(path, saved)
    assert checkpoint.load(path) == saved


def resumed(running: list[Tail], log: Path, *more: str) -> tuple[Tail, Path]:
    state = log.with_name("state")
    tail = Tail("--checkpoint", state, "--from-start", *more, log)
    running.append(tail)
    return tail, state


def test_a_new_run_goes_on(follow: list[Tail], log: Path) -> None:
    """Nothing again, nothing left out, over rotations into gzip while nobody looked."""
    tail, _ = resumed(follow, log)
    assert "old" in tail.line()
    append(log, ONE)
    assert "m-1" in tail.line()
    assert tail.stop()[0] == 0
    append(log, ONE.replace("m-1", "m-2"))
    log.with_name("system.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.with_name("system.log.1").write_text(ONE.replace("m-1", "m-3"))
    log.write_text(ONE.replace("m-1", "m-4"))
    tail, _ = resumed(follow, log)
    assert [tail.line().rpartition(":")[2] for _ in range(3)] == ["m-2", "m-3", "m-4"]
    assert tail.prints_no_more(log)
    assert tail.stop() == (0, "")


@pytest.mark.parametrize(("cut", "is_printed_first"), [(100, False), (500, True)])
def test_a_line_that_was_begun(follow: list[Tail], log: Path, cut: int, is_printed_first: bool) -> None:
    """Stopped within the first line or a later one, completed later: printed once, whole."""
    tail, _ = resumed(follow, log)
    assert "old" in tail.line()
    append(log, ONE[:cut])
    if is_printed_first:
        assert "m-1" in tail.line()
    assert tail.look().stop()[0] == 0
    assert tail.lines.empty()
    append(log, ONE[cut:])
    tail, _ = resumed(follow, log)
    if not is_printed_first:
        assert "m-1" in tail.line()
    assert tail.prints_no_more(log)


def test_truncated_while_it_was_down(follow: list[Tail], log: Path) -> None:
    """copytruncate: the rest of the copy, then only what is new."""
    tail, _ = resumed(follow, log)
    assert "old" in tail.line()
    assert tail.stop()[0] == 0
    append(log, ONE)
    log.with_name("system.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, ONE.replace("m-1", "m-2"))
    tail, _ = resumed(follow, log)
    assert [tail.line().rpartition(":")[2] for _ in range(2)] == ["m-1", "m-2"]
    assert tail.prints_no_more(log)


def test_what_was_read_is_gone(follow: list[Tail], log: Path) -> None:
    """It is reported, and the file that stands there is read from its beginning."""
    tail, _ = resumed(follow, log)
    assert "old" in tail.line()
    assert tail.stop()[0] == 0
    log.unlink()
    log.write_text(ONE.replace("00:00:01", "00:09:01"))
    tail, _ = resumed(follow, log)
    assert "is not there any more" in tail.error()
    assert "m-1" in tail.line()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no checkpoint of logscan, or is damaged"),
        (b"{}", "is no checkpoint of logscan, or is damaged"),
        (b"\x00\xff" * 50, "is not a text file"),
        (b'{"logscan_checkpoint": 1, "files": {"x": {"position": 1}}, "told": []}', "is damaged"),
        (b'{"logscan_checkpoint": 1, "files": {"x": {"device": Infinity}}, "told": []}', "is damaged"),
        (b'{"logscan_checkpoint": 1, "files": {}, "told": [], "hosts": {"x": {"seen": 0}}}', "is damaged"),
        (b'{"logscan_checkpoint": 99}', "of another version of logscan (99; this one reads 1)"),
    ],
)
def test_a_checkpoint_that_cannot_be_used(follow: list[Tail], log: Path, content: bytes, words: str) -> None:
    """A clear message, nothing overwritten, and a choice to start over that keeps the old file."""
    state = log.with_name("state")
    state.write_bytes(content)
    tail, _ = resumed(follow, log)
    assert tail.process.wait(timeout=20) == 2
    error = tail.error()
    assert words in error
    assert str(state) in error
    assert "--start-over" in tail.error()
    assert state.read_bytes() == content
    tail, _ = resumed(follow, log, "--start-over")
    assert "renamed to" in tail.error()
    assert "old" in tail.line()
    aside = [path for path in log.parent.iterdir() if path.name.endswith(".aside")]
    assert [path.read_bytes() for path in aside] == [content]
    until(lambda: checkpoint.load(str(state)) is not None)


def test_two_runs_do_not_share_one(follow: list[Tail], log: Path) -> None:
    tail, state = resumed(follow, log)
    assert "old" in tail.line()
    second, _ = resumed(follow, log)
    assert second.process.wait(timeout=20) == 2
    error = second.error()
    assert f"in use by another run (process {tail.process.pid})" in error
    until(state.exists)


def test_another_set_of_files(follow: list[Tail], log: Path) -> None:
    """Marks of files that are not followed now are kept; new ones are read from their beginning."""
    tail, state = resumed(follow, log)
    assert "old" in tail.line()
    assert tail.stop()[0] == 0
    other = log.with_name("other.log")
    other.write_text(ONE)
    tail = Tail("--checkpoint", state, other)
    follow.append(tail)
    assert "m-1" in tail.line()
    assert tail.stop()[0] == 0
    loaded = checkpoint.load(str(state))
    assert loaded is not None
    assert set(loaded.files) == {str(log), str(other)}


def test_a_file_that_nobody_follows_is_forgotten(tmp_path: Path) -> None:
    """After thirty days."""
    path = tmp_path / "state"
    mark = Mark(Identity(1, 2, 3, "x"), 4, b"")
    now = time.time()
    files = {"a": FileState(mark, (), now - 31 * 86400), "b": FileState(mark, (), now - 86400)}
    checkpoint.save(str(path), Checkpoint(files))
    loaded = checkpoint.load(str(path))
    assert loaded is not None
    assert set(loaded.files) == {"b"}


def test_a_checkpoint_that_cannot_be_written(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """Following goes on, a problem is printed, and writing is tried again."""
    folder = tmp_path / "states"
    folder.mkdir()
    state = folder / "state"
    tail = Tail("--checkpoint", state, "--from-start", log)
    follow.append(tail)
    assert "old" in tail.line()
    until(state.exists)
    folder.rename(tmp_path / "moved")
    assert "cannot be written" in tail.error()
    append(log, ONE)
    assert "m-1" in tail.line()
    (tmp_path / "moved").rename(folder)
    before = json.loads(state.read_text())
    append(log, ONE.replace("m-1", "m-2"))
    assert "m-2" in tail.line()
    until(lambda: json.loads(state.read_text()) != before)


def test_garbage_never_raises_anything_else(tmp_path: Path) -> None:
    """Any byte of a checkpoint changed: loaded, or refused with our own error."""
    path = tmp_path / "state"
    state = FileState(Mark(Identity(1, 2, 3, "x"), 4, b"tail"), (Identity(1, 5, 3, "y"),), time.time())
    checkpoint.save(str(path), Checkpoint({"a": state}, ("i",)))
    whole = path.read_bytes()
    contents = [whole[:at] for at in range(len(whole))]
    contents += [
        whole[:at] + bytes([byte]) + whole[at + 1 :]
        for at in range(len(whole))
        for byte in (0x00, 0x22, 0x39, 0xFF)
    ]
    refusals = []
    for content in contents:
        path.write_bytes(content)
        try:
            checkpoint.load(str(path))
        except InputError as error:
            refusals.append(error)
    assert len(refusals) > len(whole)
    assert all(str(path) in str(error) and "--start-over" in error.hint for error in refusals)
