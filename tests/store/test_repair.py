"""A store that was damaged, lost its log, or has another one: nothing that can be read is lost."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from logscan._jobs.ingest import Ingested, ingest
from logscan._jobs.report import report
from logscan._jobs.store import check_store, history_of_store, repair_store, restore_store, vacuum_store
from logscan._store import upkeep
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan._store.records import ENTRIES, FAILURES, STATE
from logscan.errors import InputError, UsageError
from logscan.values import Counters
from support.command import ROOT, logscan

LINE = "2026-11-{:02} 10:00:{:02},{:03} org:o env:e api:p rev:1 messageid:{}-{} main ERROR A - B.c() : {}\n"
FAULT = "handshakeFailed() : Received fatal alert: bad_certificate"


def lines(name: str, count: int = 20, day: int = 25) -> str:
    """A small log, in which each fifth message fails."""
    return "".join(
        LINE.format(day, n % 60, n, name, n, FAULT if n % 5 == 0 else f"text {n}") for n in range(count)
    )


def put(folder: Path, *names: str, **options: object) -> Ingested:
    """Ingest logs of a folder into its store."""
    return ingest([str(folder / name) for name in names], store=folder / "S", workers=1, **options)  # type: ignore[arg-type]


def texts(folder: Path) -> dict[str, bytes]:
    """Log → its text in the store."""
    store = Store(str(folder / "S"))
    return {os.path.basename(source.path): b"".join(store.text(source.id)) for source in store.ordered}


def failed(folder: Path) -> int:
    return sum(one.failed_handshakes for one in report([str(folder / "S")]).incidents)


def parquet(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (folder / "S").rglob("*.parquet")}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three logs, two of them in a store."""
    for name in "abc":
        (tmp_path / f"{name}.log").write_text(lines(name))
    assert put(tmp_path, "a.log", "b.log").new == 2
    return tmp_path


def test_a_lost_log(three: Path) -> None:
    """C1: nothing is removed; the ingest refuses, and repair takes the files as a store."""
    before = parquet(three)
    expected, count = texts(three), failed(three)
    shutil.rmtree(three / "S/_delta_log")
    with pytest.raises(UsageError, match="no log"):
        put(three, "c.log")
    with pytest.raises(InputError, match="no log"):
        Store(str(three / "S"))
    assert parquet(three) == before
    assert repair_store(three / "S").rows == 40
    assert before.items() <= parquet(three).items()
    assert (texts(three), failed(three)) == (expected, count)
    again = put(three, "a.log", "b.log", "c.log")
    assert (again.new, again.known) == (1, 2)
    assert texts(three) == expected | {"c.log": (three / "c.log").read_bytes()}


def test_a_lost_log_and_lost_records(three: Path) -> None:
    """Then the files' own footers tell what they hold."""
    expected = texts(three)
    shutil.rmtree(three / "S/_delta_log")
    shutil.rmtree(three / f"S/kind={STATE}")
    repair_store(three / "S")
    assert (texts(three), failed(three)) == (expected, 8)
    assert put(three, "a.log", "b.log").known == 2


def test_an_old_store_without_manifest(tmp_path: Path) -> None:
    """C1 as it was found: Parquet files of version 0.1.0, and no word of what they are."""
    folder = Path(shutil.copytree(ROOT / "tests/data/store_v1", tmp_path / "old"))
    (folder / "store/logscan-store.json").unlink()
    with pytest.raises(UsageError, match="no log"):
        ingest([str(folder / "system.log")], store=folder / "store", workers=1)
    repair_store(folder / "store")
    held = Store(str(folder / "store"))
    assert b"".join(held.text(held.ordered[0].id)) == (folder / "system.log").read_bytes()
    assert ingest([str(folder / "system.log")], store=folder / "store", workers=1).known == 1


def test_an_older_log(three: Path) -> None:
    """C2: what was ingested since that backup is taken in again, though its log has gone."""
    shutil.copytree(three / "S/_delta_log", three / "backup")
    put(three, "c.log")
    expected = texts(three)
    (three / "c.log").unlink()
    shutil.rmtree(three / "S/_delta_log")
    (three / "backup").rename(three / "S/_delta_log")
    (three / "d.log").write_text(lines("d"))
    with pytest.raises(InputError, match="does not end with the newest commit"):
        put(three, "d.log")
    with pytest.raises(InputError, match="does not end with the newest commit"):
        texts(three)
    assert logscan("store", "check", "S", cwd=three).returncode == 2
    assert [name for name, _ in check_store(three / "S").unnamed if f"kind={ENTRIES}" in name]
    done = repair_store(three / "S")
    assert (done.rows, done.problems) == (20, [])
    assert texts(three) == expected
    put(three, "d.log")
    assert texts(three) == expected | {"d.log": (three / "d.log").read_bytes()}
    assert failed(three) == 16
    assert repair_store(three / "S").rows == 0


def test_one_damaged_file_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C3: repair never removes sound rows; with the log at hand it reads the damaged ones again."""
    monkeypatch.setattr(upkeep, "MANY_FILES", 4)
    for number in range(4):
        text = "".join(lines(f"m{number}", 12, day) for day in (20, 21))
        (tmp_path / f"system-2026-11-2{number}.log").write_text(text)
        put(tmp_path, f"system-2026-11-2{number}.log")
    (one, other) = Contents(str(tmp_path / "S")).of_kind(ENTRIES)
    assert len(one.sources) == 4
    expected, count = texts(tmp_path), failed(tmp_path)
    path = tmp_path / "S" / one.name
    path.write_bytes(path.read_bytes()[:-100])
    sound = (tmp_path / "S" / other.name).read_bytes()
    logs = tmp_path / "elsewhere"
    logs.mkdir()
    for log in list(tmp_path.glob("system-*.log")):
        log.rename(logs / log.name)
    damaged = check_store(tmp_path / "S").checked.damaged
    assert [(damage.file.name, len(damage.ranges)) for damage in damaged] == [(one.name, 4)]
    half = (logs / "system-2026-11-20.log").stat().st_size // 2
    assert {span.end - span.begin for span in damaged[0].ranges} == {half}
    left = repair_store(tmp_path / "S")
    assert [damage.file.name for damage in left.left] == [one.name]
    assert (tmp_path / "S" / other.name).read_bytes() == sound
    assert logscan("store", "repair", "S", cwd=tmp_path).returncode == 2
    done = logscan("store", "repair", "S", "elsewhere", cwd=tmp_path)
    assert (done.returncode, b"1 damaged file replaced" in done.stderr) == (0, True), done.stderr
    assert (texts(tmp_path), failed(tmp_path)) == (expected, count)
    assert check_store(tmp_path / "S").checked.damaged == []


def test_a_flipped_bit(three: Path) -> None:
    """Checksums of pages show it."""
    file = Contents(str(three / "S")).of_kind(ENTRIES)[0]
    path = three / "S" / file.name
    data = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path)
    column = metadata.row_group(0).column(metadata.schema.names.index("message"))
    data[column.data_page_offset + column.total_compressed_size - 9] ^= 1
    path.write_bytes(data)
    expected = {name: (three / name).read_bytes() for name in ("a.log", "b.log")}
    done = logscan("store", "check", "S", cwd=three)
    assert (done.returncode, b".log bytes 0 to " in done.stderr) == (2, True), done.stderr
    assert repair_store(three / "S").files == 1
    assert texts(three) == expected


@pytest.mark.parametrize("kind", [FAILURES, STATE])
def test_damage_beside_the_entries(kind: str, three: Path) -> None:
    """Failures are picked again; records are made again of what lies there."""
    put(three, "c.log")
    expected, count = texts(three), failed(three)
    file = max(Contents(str(three / "S")).named(kind), key=lambda file: file.rows)
    path = three / "S" / file.name
    path.write_bytes(path.read_bytes()[:-10])
    if kind == STATE:
        with pytest.raises(InputError, match="its records cannot be read"):
            texts(three)
    assert len(check_store(three / "S").checked.damaged) == 1
    done = repair_store(three / "S")
    assert (done.left, done.problems) == ([], [])
    assert (texts(three), failed(three)) == (expected, count)
    assert put(three, "a.log", "b.log", "c.log").known == 3
    assert check_store(three / "S").checked.damaged == []


def test_other_text_with_the_same_beginning_and_end(tmp_path: Path) -> None:
    """N1: an in-place change, and a copy with another middle, are other texts: both are kept."""
    text = lines("a", 200).encode()
    changed, later = text.replace(b"text 101", b"text XXX"), text.replace(b"text 103", b"text YYY")
    (tmp_path / "a.log").write_bytes(text)
    assert put(tmp_path, "a.log").new == 1
    (tmp_path / "b.log").write_bytes(changed)
    assert put(tmp_path, "b.log").new == 1
    (tmp_path / "c.log.gz").write_bytes(gzip.compress(text))
    assert put(tmp_path, "c.log.gz").known == 1
    with (tmp_path / "a.log").open("r+b") as file:
        file.write(later)
    os.utime(tmp_path / "a.log", (1, 1))
    assert put(tmp_path, "a.log").new == 1
    store = Store(str(tmp_path / "S"))
    held = [b"".join(store.text(source.id)) for source in store.ordered]
    assert sorted(held) == sorted([text, changed, later])
    last = text.replace(b"text 106", b"text ZZZ")
    with (tmp_path / "a.log").open("r+b") as file:
        file.write(last)
    os.utime(tmp_path / "a.log", (1, 1))  # the same size and time of change, too
    assert put(tmp_path, "a.log").new == 1


def test_time_travel(three: Path) -> None:
    """Versions are listed; one is restored, and that is undone; a vacuum forgets those that are old."""
    expected = texts(three)
    put(three, "c.log")
    whole = texts(three)
    assert [one.what for one in history_of_store(three / "S")][:2] == ["ingest", "ingest"]
    version = Contents(str(three / "S")).log.version
    restore_store(three / "S", version - 1)
    assert texts(three) == expected
    restore_store(three / "S", version)
    assert texts(three) == whole
    assert put(three, "a.log", "b.log", "c.log").known == 3
    assert put(three, keep=1).dropped > 0
    assert list(texts(three).values()) == [b"", b"", b""]
    assert vacuum_store(three / "S").files == []
    restore_store(three / "S", Contents(str(three / "S")).log.version - 1)
    assert texts(three) == whole
    put(three, keep=1)
    named = vacuum_store(three / "S", days=0, dry_run=True).files
    assert len(vacuum_store(three / "S", days=0).files) == len(named) >= 6
    shown = logscan("store", "restore", "S", "--version", str(version), cwd=three)
    assert (shown.returncode, b"bytes may be gone" in shown.stderr) == (2, True), shown.stderr
    for words in (("restore",), ("restore", "--version", "99"), ("check", "x.log"), ("clean",)):
        assert logscan("store", words[0], "S", *words[1:], cwd=three).returncode == 2


def test_left_over_files(three: Path) -> None:
    """Files of a run that was killed are named, not removed, unless that is asked for; others never."""
    folder = next((three / "S").glob(f"kind={ENTRIES}/*/*"))
    orphan = folder / "1-000000000000-aaaaaaaa.parquet"
    shutil.copy(next(folder.glob("*.parquet")), orphan)
    (three / "S/mine").mkdir()
    (three / "S/mine/foreign.parquet").write_bytes(b"x")
    os.utime(orphan, (1, 1))
    put(three, "c.log")
    assert repair_store(three / "S").rows == 0  # its rows are in the store
    assert orphan.exists()
    done = logscan("store", "vacuum", "S", cwd=three)
    assert b"1 file" in done.stderr
    assert b"that no log names stay" in done.stderr
    assert logscan("store", "vacuum", "S", "--unnamed", cwd=three).returncode == 0
    assert not orphan.exists()
    assert (three / "S/mine/foreign.parquet").exists()


def test_records_are_merged(tmp_path: Path) -> None:
    """Many ingests do not end in many files of state, and no record is lost by it."""
    for number in range(30):
        (tmp_path / f"{number}.log").write_text(lines(f"n{number}", 2))
        put(tmp_path, f"{number}.log")
    contents = Contents(str(tmp_path / "S"))
    assert len(contents.named(STATE)) < 16
    assert check_store(tmp_path / "S").unnamed == []
    assert len(contents.sources) == 30
    assert put(tmp_path, *(f"{number}.log" for number in range(30))).known == 30
    found = Store(str(tmp_path / "S")).find([f"n{number}-1" for number in range(30)], Counters())
    assert len(found) == 30


def test_files_by_the_batch(tmp_path: Path) -> None:
    """One commit for many files."""
    for number in range(30):
        (tmp_path / f"{number}.log").write_text(lines(f"n{number}", 2))
    put(tmp_path, *(f"{number}.log" for number in range(30)))
    assert len(history_of_store(tmp_path / "S")) <= 3
