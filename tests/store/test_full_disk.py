"""A store on a disk that is full: a run says so, and the store holds whole files; with more space the next ends
the work."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import environment, logscan

LINE = "2026-11-25 10:{:02}:{:02},{:03} org:acme env:prod api:pay rev:1 messageid:{}-{} NIOThread@{} INFO HTTP.CLIENT - {}\n"


def make_log(path: Path, count: int) -> bytes:
    """A log whose lines differ."""
    text = "".join(
        LINE.format(
            n // 60_000 % 60,
            n // 1000 % 60,
            n % 1000,
            path.stem,
            n,
            n % 9,
            zlib.crc32(f"{path.stem} {n}".encode()) ** 3,
        )
        for n in range(count)
    )
    path.write_text(text)
    return text.encode()


@contextlib.contextmanager
def small_disk(place: Path, kib: int) -> Iterator[None]:
    """A file system of a size at a place; skips where nobody may mount one."""
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", place], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.thorough
@pytest.mark.parametrize("kib", [60, 150, 250, 350, 450])
def test_the_disk_is_full(tmp_path: Path, kib: int) -> None:
    """At any moment: of a log all is in the store, or nothing."""
    texts = {make_log(tmp_path / "a.log", 8_000), make_log(tmp_path / "b.log", 16_000)}
    with small_disk(tmp_path / "disk", kib):
        store = tmp_path / "disk/S"
        for name in ("a.log", "b.log"):
            done = logscan("ingest", "-q", "--store", store, tmp_path / name, cwd=tmp_path)
            assert done.returncode in (0, 2), done.stderr
            assert done.returncode == 0 or b"No space left on device" in done.stderr
            assert b"Traceback" not in done.stderr
        if done.returncode == 0:
            pytest.fail("the disk was not full: make it smaller")
        checked = logscan("store", "check", store, cwd=tmp_path)
        assert b" 0 damaged files" in checked.stdout + checked.stderr
        assert not list(store.rglob(".incoming/*")), "a full disk keeps what is unfinished"
        subprocess.run(["mount", "-o", "remount,size=20m", tmp_path / "disk"], check=True)
        done = logscan("ingest", "-q", "--store", store, tmp_path / "a.log", tmp_path / "b.log", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        held = logscan("cat", "--store", store, cwd=tmp_path).stdout
        assert sorted(held.splitlines()) == sorted(b"".join(texts).splitlines())


@pytest.mark.thorough
def test_a_disk_that_nobody_may_write(tmp_path: Path) -> None:
    """One line, and exit code 2; what is there is read."""
    text = make_log(tmp_path / "a.log", 10)
    make_log(tmp_path / "b.log", 10)
    with small_disk(tmp_path / "disk", 4096):
        store = tmp_path / "disk/S"
        assert logscan("ingest", "-q", "--store", store, tmp_path / "a.log", cwd=tmp_path).returncode == 0
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True)
        for place in (store, tmp_path / "disk/T"):
            done = logscan("ingest", "--store", place, tmp_path / "b.log", cwd=tmp_path)
            assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
            assert b"read-only file system" in done.stderr.lower()
        assert logscan("cat", "--store", store, cwd=tmp_path).stdout == text


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_is_asked_to_end(tmp_path: Path, number: int) -> None:
    """It ends with the signal's code, at any moment; the store holds whole files, and the next run the rest."""
    text = make_log(tmp_path / "a.log", 60_000)
    for delay in (0.2, 0.5, 0.8, 1.1):
        process = subprocess.Popen(
            [sys.executable, "-m", "logscan", "ingest", "-q", "--store", "S", "a.log"],
            cwd=tmp_path, env=environment(), stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(delay)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert process.returncode in (0, 128 + number), error
        assert b"Traceback" not in error
    assert (
        logscan("ingest", "-q", "--store", tmp_path / "S", tmp_path / "a.log", cwd=tmp_path).returncode == 0
    )
    assert logscan("cat", "--store", tmp_path / "S", cwd=tmp_path).stdout == text
    assert not list((tmp_path / "S").rglob(".incoming/*"))
