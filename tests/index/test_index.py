"""The light index: a search through it finds what a search without it finds, whatever became of the files."""

from __future__ import annotations

import bz2
import gc
import gzip
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan import InputError
from logscan._index import lookup, places, postings, seek_points
from logscan._index.database import VERSION, IndexDatabase
from logscan._jobs import index as indexing
from logscan._jobs.search import find
from logscan.values import Counters, Problem
from support.command import ROOT, environment, logscan
from support.growing import FIRST, grown
from support.killing import calls, run
from support.logs import entries, logs
from support.profiles import fewer

SIDECAR = places.SIDECAR
SIZE = 4 << 20
"""Bytes of a log: many blocks, several seek points."""
Answer = list[tuple[bytes, str, int, int]]


def search(ids: list[str], folder: Path, index: str | None) -> tuple[Answer, list[Problem], Counters]:
    """What is found, the problems, the counters."""
    counters = Counters()
    found = [
        (one.span.data, one.span.place.path, one.span.place.offset, one.span.cut)
        for one in find(ids, [str(folder)], counters, index=index)
    ]
    return found, counters.problems, counters


def same(ids: list[str], folder: Path, index: str = "") -> int:
    """Check that both find the same; returns the bytes that the index skipped."""
    found, problems, counters = search(ids, folder, index)
    expected, problems_without, _ = search(ids, folder, None)
    assert found == expected
    assert problems == problems_without
    return counters.indexed_bytes


@fewer(5)
@given(
    data=st.one_of(logs(), entries()),
    seed=st.integers(0, 1 << 20),
    block=st.sampled_from([1 << 9, 1 << 11, 1 << 17]),
    extent=st.sampled_from([1 << 10, 1 << 13, 1 << 27]),
)
def test_finds_what_a_scan_finds(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, seed: int, block: int, extent: int
) -> None:
    """A log that grows, is rotated and packed, and is indexed now and then."""
    folder = tmp_path_factory.mktemp("index")
    rnd = random.Random(seed)
    ids = [f"m-{n}" for n in range(4)] + ["m", "mm-1", "mm-2", "nobody"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "BLOCK_BYTES", block)
        patch.setattr(indexing, "EXTENT_BYTES", extent)
        patch.setattr(indexing, "SMALL_EXTENT", extent // 2)
        patch.setattr(lookup, "_READ_BYTES", rnd.choice([1 << 9, 1 << 17]))
        patch.setattr(postings, "BUCKET_POSTINGS", rnd.choice([1, 2048]))
        for _ in grown(FIRST + data, folder, rnd):
            if rnd.random() < 0.7:
                indexing.index(folder, workers=1)
            for name in ids:
                same([name], folder)
            same(ids, folder)
        indexing.index(folder, workers=1)
        again = indexing.index(folder, workers=1)
        # Only files of one block are read again: their last entry may still grow.
        short = [state for state in indexing.states(folder) if state.covered == 0]
        assert all(state.word == "not indexed" and state.size < block + 4096 for state in short)
        assert (again.new, again.grown, again.removed) == (len(short), 0, 0)
        assert again.known == len(list(folder.glob("system*"))) - len(short)
        assert short or again.counters.bytes == 0
        for name in ids:
            same([name], folder)


def test_only_the_last_entry_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not covered, as it may grow again, but its file is known then: the next run does not read it."""
    monkeypatch.setattr(indexing, "BLOCK_BYTES", 512)
    monkeypatch.setattr(indexing, "SMALL_EXTENT", 512)
    entry = b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-1 t INFO L - x\n"
    log = tmp_path / "system.log"
    log.write_bytes(entry * 20)
    for word in ("new", "known", "grown", "known", "grown", "known"):
        if word == "grown":
            with log.open("ab") as file:
                file.write(b"\tat its.next.Line(Of.java)\n")
        done = indexing.index(tmp_path, workers=1)
        assert getattr(done, word) == 1, word
        assert (done.counters.bytes > 0) == (word != "known")
        assert same(["m-1"], tmp_path) == 0
    log.write_bytes(entry * 10 + entry.replace(b"m-1", b"m-2") * 20)  # another text of more bytes
    same(["m-1", "m-2"], tmp_path)


def test_a_renamed_file_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its change time is another one then; no later run takes that for a change of its text."""
    monkeypatch.setattr(indexing, "BLOCK_BYTES", 512)
    log = tmp_path / "system.log"
    log.write_bytes(b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-1 t INFO L - x\n" * 40)
    assert indexing.index(tmp_path, workers=1).new == 1
    before = log.stat().st_ctime_ns
    renamed = tmp_path / "system-2026-11-23.log"
    while log.stat().st_ctime_ns == before:  # the clock of the file system is coarse
        log.rename(renamed)
        renamed.rename(log)
    log.rename(renamed)
    for _ in range(3):
        done = indexing.index(tmp_path, workers=1)
        assert (done.known, done.new, done.removed, done.counters.bytes) == (1, 0, 0, 0)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of three times SIZE: one that is written, one rotated, one packed."""
    place = tmp_path_factory.mktemp("generated")
    for number, name in enumerate(["system-2026-11-21.log", "system-2026-11-22.log", "system.log"]):
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/generate.py", "--size", str(SIZE), "--seed", str(number), "--start",
             f"2026-11-2{number + 1}T10:00:00", place / name],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        (place / f"{name}.truth.jsonl").unlink()
    first = place / "system-2026-11-21.log"
    (place / f"{first.name}.gz").write_bytes(gzip.compress(first.read_bytes(), 6))
    first.unlink()
    return place


@pytest.fixture
def folder(generated: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of these logs, to do with as a test likes."""
    place = Path(shutil.copytree(generated, tmp_path / "logs"))
    yield place
    shutil.rmtree(place, ignore_errors=True)


def ids_of(folder: Path) -> list[str]:
    """Some message ids from each log."""
    found = []
    for path in sorted(folder.glob("system*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        names = sorted(postings.ids_in(data))
        found += [name.decode() for name in random.Random(7).sample(names, 4)]
    return found


def test_reads_little(folder: Path) -> None:
    """A look-up reads blocks, not files; without seek points a packed file is unpacked up to them."""
    done = indexing.index(folder, workers=2)
    assert (done.new, done.grown, done.known, done.removed) == (3, 0, 0, 0)
    assert done.size < 0.03 * done.counters.bytes
    for name in ids_of(folder):
        assert same([name], folder) > 2.7 * SIZE
    names = ids_of(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "indexed_gzip", None)
        for name in names[:4]:
            assert same([name], folder) > 2.7 * SIZE
        assert seek_points.points_of(str(next(folder.glob("*.gz")))) is None
    assert same(names, folder) > 1.5 * SIZE


def test_a_point_is_enough(folder: Path) -> None:
    """Each seek point alone opens the file from there on."""
    path = next(folder.glob("*.gz"))
    text = gzip.decompress(path.read_bytes())
    found = seek_points.points_of(str(path))
    assert found is not None
    assert found.size == len(text)
    assert len(found.points) > 1
    for point in found.points:
        with seek_points.open_at(str(path), point, point.at + 100) as stream:
            assert stream.read() == text[point.at + 100 :]
    broken = seek_points.Point(found.points[1].at, found.points[1].state[:-9])
    with pytest.raises(ValueError, match=r"incomplete|truncated"):
        seek_points.open_at(str(path), broken, broken.at)


def test_what_becomes_of_files(folder: Path) -> None:
    """Grown, renamed, copied, changed in place, truncated, removed: found out, and the answers are right."""
    names = ids_of(folder)
    indexing.index(folder, workers=1)
    log = folder / "system.log"
    whole = log.read_bytes()

    log.write_bytes(whole + b"2026-11-23 23:00:00,000 org:o env:e api:a rev:1 messageid:new-1 t INFO L - x\n")
    assert same(["new-1"], folder) > 0  # the same inode: what it has grown by is scanned
    done = indexing.index(folder, workers=1)
    assert (done.new, done.grown, done.known) == (0, 1, 2)
    assert done.counters.bytes < 1 << 20

    log.rename(folder / "system-2026-11-23.log")
    log.write_bytes(b"2026-11-24 00:00:00,000 org:o env:e api:a rev:1 messageid:new-2 t INFO L - x\n" * 2)
    same([*names, "new-1", "new-2"], folder)
    done = indexing.index(folder, workers=1)
    assert (done.new, done.grown, done.known, done.removed) == (1, 0, 3, 0)

    moved = folder / "system-2026-11-23.log"
    shutil.copy2(moved, folder / "copy")
    os.replace(folder / "copy", moved)  # another inode, the same file
    assert indexing.index(folder, workers=1).known == 4

    data = moved.read_bytes()
    state = moved.stat()
    moved.write_bytes(data.replace(b"messageid:new-1", b"messageid:now-1"))
    os.utime(moved, ns=(state.st_atime_ns, state.st_mtime_ns))  # the same time of change, too
    same(["new-1", "now-1"], folder)
    assert search(["now-1"], folder, "")[0]
    moved.write_bytes(data)
    assert indexing.index(folder, workers=1).new == 1
    state = moved.stat()
    swapped = data.replace(b"messageid:new-1", b"messageid:was-1")
    moved.write_bytes(swapped)  # the same size, inode, beginning
    os.utime(moved, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert same(["was-1"], folder) < len(data) + 2 * SIZE
    assert search(["was-1"], folder, "")[0]
    done = indexing.index(folder, workers=1)
    assert (done.new, done.known, done.removed) == (1, 3, 1)

    moved.write_bytes(swapped[: len(swapped) // 2])
    same(names, folder)
    moved.unlink()
    same([*names, "was-1"], folder)
    assert indexing.index(folder, workers=1).removed == 1
    with sqlite3.connect(folder / SIDECAR) as base:
        assert base.execute("select count(*) from files").fetchone()[0] == 3
    base.close()


def test_damaged_logs(folder: Path) -> None:
    """A packed file that ends in the middle is not indexed: a search reports the damage, with and without an index."""
    path = next(folder.glob("*.gz"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    done = logscan("index", folder, cwd=folder)
    assert done.returncode == 2
    assert b"damaged after byte" in done.stderr
    assert b"2 new files" in done.stderr
    name = ids_of_rest(folder)[0]
    assert same([name], folder) > 0
    path.write_bytes(data)
    assert indexing.index(folder, workers=1).new == 1
    packed_bz2 = folder / "system-2026-11-20.log.bz2"
    packed_bz2.write_bytes(bz2.compress(gzip.decompress(data)))
    path.unlink()
    indexing.index(folder, workers=1)
    assert same([name], folder) > 2.5 * SIZE
    (in_bz2, *_) = sorted(postings.ids_in(gzip.decompress(data)))
    assert same([in_bz2.decode()], folder) > 2.5 * SIZE


def ids_of_rest(folder: Path) -> list[str]:
    names = sorted(postings.ids_in((folder / "system.log").read_bytes()))
    return [name.decode() for name in names[:5]]


def test_damaged_indexes(folder: Path) -> None:
    """The index cannot be used: said so, and the search goes on without it; indexing says what to do."""
    name = ids_of_rest(folder)[0]
    expected = search([name], folder, None)[0]
    indexing.index(folder, workers=1)
    sidecar = folder / SIDECAR
    good = sidecar.read_bytes()

    def reason() -> str:
        found, problems, _ = search([name], folder, "")
        assert found == expected
        assert not any(problem.fatal for problem in problems)
        return problems[0].reason if problems else ""

    with sqlite3.connect(sidecar) as base:
        base.execute("update postings set blocks = zeroblob(length(blocks))")
    base.close()
    assert reason() == "damaged: not used"
    sidecar.write_bytes(b"something else" * 1000)
    assert "file is not a database" in reason()
    done = logscan("index", folder, cwd=folder)
    assert (done.returncode, b"delete it" in done.stderr) == (2, True)
    sidecar.write_bytes(good)
    with sqlite3.connect(sidecar) as base:
        base.execute("pragma user_version = 1")
    base.close()
    assert reason() == f"an index of version 1; this logscan reads version {VERSION}: not used"
    assert indexing.index(folder, workers=1).new == 3
    assert reason() == ""
    with sqlite3.connect(sidecar) as base:
        base.execute("pragma user_version = 99")
    base.close()
    assert "version 99" in reason()
    assert b"version 99" in logscan("index", folder, cwd=folder).stderr
    sidecar.unlink()
    assert reason() == ""
    gc.collect()  # since Python 3.13 an index that was not closed raises a warning, which fails the test


@pytest.mark.thorough
def test_a_killed_indexing_leaves_a_right_index(folder: Path, tmp_path: Path) -> None:
    """Whenever it is killed, the search is right, and the next run goes on."""
    names = ids_of(folder)
    code = (
        "import sys, logscan._jobs.index as i; i.EXTENT_BYTES = 1 << 20; i.SMALL_EXTENT = 1 << 19;"
        "i.index(sys.argv[1], workers=1)"
    )
    whole = calls(code, folder, cwd=tmp_path)
    (folder / SIDECAR).unlink()
    rnd = random.Random(11)
    for _ in range(6):
        status, _ = run(rnd.randrange(1, whole // 4), code, folder, cwd=tmp_path)
        assert status == -signal.SIGKILL
        same(names, folder)
    indexing.index(folder, workers=1)
    assert same(names[:1], folder) > 2.5 * SIZE
    assert indexing.index(folder, workers=1).known == 3
    with sqlite3.connect(folder / SIDECAR) as base:
        assert base.execute("select count(*) from files").fetchone()[0] == 3
    base.close()


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Bytes of a file's name that are no UTF-8."""
    place = tmp_path / os.fsdecode(b"l\xf6gs")
    place.mkdir()
    line = b"2026-11-24 00:00:00,000 org:o env:e api:a rev:1 messageid:new-%d t INFO L - x\n"
    (place / os.fsdecode(b"syst\xe9m.log")).write_bytes(line % 1 + line % 2)
    assert indexing.index(place, workers=1).new == 1
    assert same(["new-1"], place) == 0
    assert same(["new-2"], place) == len(line) - 1


def test_commands(folder: Path, tmp_path: Path) -> None:
    """Elsewhere, listed, without, not found, where nobody may write."""
    (name, *_) = ids_of_rest(folder)
    elsewhere = tmp_path / "index"
    assert logscan("index", "--index", elsewhere, folder, cwd=tmp_path).returncode == 0
    assert not (folder / SIDECAR).exists()
    listed = (
        logscan("index", "--list", "--index", elsewhere, folder, cwd=tmp_path).stdout.decode().splitlines()
    )
    assert [line.split("\t")[2] for line in listed] == ["indexed"] * 3
    listed = logscan("index", "--list", folder, cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split("\t")[2] for line in listed] == ["not indexed"] * 3
    answers = {
        logscan("search", *more, name, folder, cwd=tmp_path).stdout
        for more in ((), ("--index", elsewhere), ("--index", elsewhere, "--no-index"), ("--index", tmp_path))
    }
    done = logscan("search", "--index", tmp_path, name, folder, cwd=tmp_path)
    assert (done.returncode, b"no index is there: all is read" in done.stderr) == (0, True)
    assert len(answers) == 1
    assert answers != {b""}
    stats = logscan("search", "--stats", "--index", elsewhere, name, folder, cwd=tmp_path).stderr.decode()
    passed = next(line for line in stats.splitlines() if "skipped by the index" in line)
    assert int(passed.split()[-1].replace(",", "")) > 2.5 * SIZE
    done = logscan("search", "--index", elsewhere, name[:-1] + "x", folder, cwd=tmp_path)
    assert (done.returncode, b"--mentions and --prefix read the logs in full" in done.stderr) == (1, True)
    done = logscan("index", "https://example.com/system.log", cwd=tmp_path)
    assert (done.returncode, b"ingest it into a store" in done.stderr) == (2, True)
    (tmp_path / "file").write_text("")
    done = logscan("index", "--index", tmp_path / "file", folder, cwd=tmp_path)
    assert (done.returncode, b"name a directory for the index" in done.stderr) == (2, True)
    if os.geteuid():
        folder.chmod(0o555)
        done = logscan("index", folder, cwd=tmp_path)
        folder.chmod(0o755)
        assert (done.returncode, b"keep the index in another directory" in done.stderr) == (2, True)


def test_a_full_disk(folder: Path) -> None:
    """What was written stays right."""
    limit = (
        "import resource, sys, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "sys.argv = ['logscan', 'index', '--workers', '1', sys.argv[1]];"
        "from logscan._cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limit, folder], capture_output=True, env=environment(), timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert b"cannot be written" in done.stderr
    same(ids_of(folder), folder)


def test_two_at_once(folder: Path) -> None:
    """One of them indexes; the others say so, or find it done."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "logscan", "index", folder], env=environment(), stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for one in running:
        _, error = one.communicate(timeout=60)
        assert one.returncode == 0 or b"is in use by another run" in error, error
    assert any(one.returncode == 0 for one in running)
    for name in ids_of(folder):
        same([name], folder)


def test_versions_and_open_errors(tmp_path: Path) -> None:
    """There is none, and it must not be made by reading."""
    with pytest.raises(InputError, match="cannot be used as an index"):
        IndexDatabase(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
