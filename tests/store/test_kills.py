"""kill -9 at any moment of what changes a store, with readers at work: the text is right, and the next run ends it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from logscan._jobs.ingest import ingest
from logscan._jobs.search import find
from logscan._store import delta_actions, upkeep
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan._store.records import ENTRIES, FAILURES, list_of
from logscan.values import Counters
from support.command import environment
from support.launching import Kill, launcher

KILLS = int(os.environ.get("LOGSCAN_TEST_KILLS", "24"))
"""Kills of the thorough test; 200 were done when the store was made."""
FILES, LINES = 6, 6
KEPT_DAYS = 3
_RUN = """
import logscan._jobs.ingest as ingest
import logscan._store.upkeep as upkeep
import logscan._distribute.executors as executors
ingest.BATCH_FILES, upkeep.MANY_FILES = 2, 3
executors.FORK_FROM = executors.SPAWN_FROM = 1
from logscan._cli import main
main()
"""
"""An ingest of many commits, which merges soon, and gives small files to other processes."""
_READER = """
import os, sys, time
from logscan._jobs.report import report
from logscan._jobs.search import find
from logscan._store.open_store import Store
from logscan.errors import InputError
from logscan.values import Counters

folder, parent, lines = sys.argv[1], os.getppid(), int(sys.argv[2])
texts = {name: open(os.path.join(folder, "logs", name), "rb").read() for name in os.listdir(os.path.join(folder, "logs"))}
most, rounds = {}, 0
while os.getppid() == parent and not os.path.exists(os.path.join(folder, "stop")):
    stores = sorted(name for name in os.listdir(folder) if name.startswith("store"))
    if not stores:
        time.sleep(0.01)
        continue
    path = os.path.join(folder, stores[-1])
    try:
        store = Store(path)
        listed = store.ordered
        for source in listed:
            name = os.path.basename(source.path)
            text = b"".join(store.text(source.id))
            assert text == texts[name] or not text and path.endswith(("keep", "vacuum")), ("cat", name, len(text))
        counters = Counters()
        found = {}
        for name, text in texts.items():
            id = text.partition(b"messageid:")[2].split()[0].decode()
            spans = list(find([id], [path], counters))
            assert [one.span.data for one in spans] in ([], [text.splitlines(True)[0]]), ("search", spans)
            found[name] = len(spans)
        made = report(path, alert="all", workers=1)
        problems = counters.problems + made.counters.problems
        assert not problems, ("problems", problems)
        failures = sum(one.failed_handshakes for one in made.incidents)
        assert failures % lines == 0 and failures <= lines * len(texts), ("report", failures)
        state = (len(listed), sum(found.values()), failures)
        before = most.get(path, (0, 0, 0))
        assert "keep" in path or all(new >= old for new, old in zip(state, before)), ("fewer", before, state)
        most[path] = state
        rounds += 1
        time.sleep(0.2)
    except InputError as error:
        if "no store is there" not in str(error):
            raise
        assert path not in most, "the store is gone"
print(rounds)
"""
"""Reads the newest store again and again: text, list, search and report must be those of whole files."""


def make_logs(folder: Path) -> dict[str, bytes]:
    """Logs of the last days, one day each, every entry a failure."""
    (folder / "logs").mkdir()
    for number in range(FILES):
        day = date.today() - timedelta(days=number)
        text = "".join(
            f"{day} 00:00:{second:02},000 org:o env:e api:p rev:1 messageid:m-{number}-{second} main ERROR"
            f" HTTP.CLIENT - A.handshakeFailed() : Received fatal alert: bad_certificate {number}\n"
            for second in range(LINES)
        )
        (folder / "logs" / f"system-{day}.log").write_text(text)
    return {path.name: path.read_bytes() for path in (folder / "logs").iterdir()}


@contextmanager
def readers(folder: Path, count: int) -> Iterator[None]:
    """Some processes that read the newest store; none may have failed, and each has read."""
    command = [sys.executable, "-c", _READER, str(folder), str(LINES)]
    processes = [
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        yield
    finally:
        (folder / "stop").touch()
        ends = [(process.communicate(timeout=60), process.returncode) for process in processes]
    for (output, error), status in ends:
        assert status == 0, error.decode()
        assert int(output) > 0


def prepare(folder: Path, what: str, number: int) -> Path:
    """A store with what is to be done: it appears as a whole."""
    hidden, store = folder / f"hidden{number}", folder / f"store{number:05}-{what}"
    logs = sorted((folder / "logs").iterdir())
    if what == "ingest":
        hidden = store
    elif what == "vacuum":
        for path in logs:
            ingest(path, store=hidden, workers=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(upkeep, "MANY_FILES", 2)
            patch.setattr(delta_actions, "time", _Past)
            # Files of one date and host are merged: those of the state are replaced as well.
            ingest((), store=hidden, keep=KEPT_DAYS, workers=1)
    else:
        for path in logs:
            ingest(path, store=hidden, workers=1)
    if what == "repair":
        damage(hidden)
    if hidden != store:
        hidden.rename(store)
    return store


def damage(store: Path) -> None:
    """A file of entries and one of failures are cut, and nothing names what was ingested last."""
    contents = Contents(str(store))
    for kind in (ENTRIES, FAILURES):
        path = store / contents.of_kind(kind)[0].name  # of the first commit
        path.write_bytes(path.read_bytes()[:-40])
    max((store / "_delta_log").glob("*.json")).unlink()


class _Past:
    """A clock of before: what is removed now was removed eight days ago."""

    @staticmethod
    def time() -> float:
        return time.time() - 8 * 86_400


def check(store: Path, texts: dict[str, bytes], dropped: bool, whole: bool) -> None:
    """Each source is there as a whole; ids are found once."""
    held = Store(str(store))
    names = [os.path.basename(source.path) for source in held.ordered]
    assert len(names) == len(set(names))
    gone = {name for name in texts if name < f"system-{date.today() - timedelta(days=KEPT_DAYS)}"}
    for source in held.ordered:
        name = os.path.basename(source.path)
        text = b"".join(held.text(source.id))
        assert text == texts[name] or (dropped and name in gone and not text), name
        if whole and dropped:
            assert bool(text) == (name not in gone)
        ids = [word[len(b"messageid:") :].decode() for word in text.split() if word.startswith(b"messageid:")]
        counters = Counters()
        if not ids:
            continue
        assert len(list(find(ids, [str(store)], counters))) == len(ids)
        assert not counters.problems
    rows = sum(file.rows for file in held.contents.of_kind(ENTRIES))
    assert rows == sum(len(b"".join(held.text(source.id)).splitlines()) for source in held.ordered)
    if whole:
        assert set(names) == set(texts)


def leftovers(store: Path) -> set[str]:
    """Files that are neither the store's, nor to be vacuumed, nor its log's."""
    log = Contents(str(store)).log
    removed = log.vacuum(0, dry_run=True)
    named = {file.name for file in log.files} | set(removed)
    named |= {list_of(name) for name in named}
    found = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    return {
        name
        for name in found - named - {".ingest.lock", ".newest"}
        if not (name.startswith("_delta_log/") and name.endswith((".json", ".checkpoint.parquet")))
        and name != "_delta_log/_last_checkpoint"
    }


def kills(tmp_path: Path, count: int, seed: int, kind: str) -> int:
    """Kill runs until there were so many kills; returns their number."""
    rnd = random.Random(seed)
    texts = make_logs(tmp_path)
    dropped = kind in ("keep", "vacuum")
    done = number = 0
    used = seconds = 0.0
    with readers(tmp_path, 2), launcher(tmp_path / "launcher") as starter:
        while done < count:
            number += 1
            store = prepare(tmp_path, kind, number)
            arguments = ["ingest", "logs", "--store", store.name, "-q"]
            arguments += ["--keep", f"{KEPT_DAYS}d"] if kind == "keep" else []
            if not used:
                begun = time.monotonic()
                assert starter.run(_RUN, *arguments, "--workers", "1", cwd=tmp_path) == 0, starter.error
                used, seconds = starter.used, time.monotonic() - begun
                check(store, texts, dropped, whole=True)
                assert not leftovers(store), leftovers(store)
                continue
            arguments += ["--workers", rnd.choice(["1"] * 5 + ["2"])]
            while True:  # also kill the run that would end a killed run's work
                at, kill = rnd.uniform(0, used), None
                if rnd.random() < 0.4:
                    at, kill = 0, Kill(rnd.uniform(0, seconds), group=rnd.random() < 0.5)
                status = starter.run(_RUN, *arguments, cwd=tmp_path, at=at, kill=kill)
                assert status in (0, -signal.SIGKILL, -signal.SIGPROF), starter.error
                done += status != 0
                if (store / "_delta_log/00000000000000000000.json").exists():
                    check(store, texts, dropped, whole=status == 0)
                if status == 0 or rnd.random() < 0.6:
                    break
            for path in (store / "_delta_log").glob("*tmp*"):
                os.utime(path, (0, 0))  # it exists for a moment only: an old one is left over
            assert starter.run(_RUN, *arguments, cwd=tmp_path) == 0, starter.error
            check(store, texts, dropped, whole=True)
            assert not leftovers(store), leftovers(store)
    return done


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", ["ingest", "merge", "keep", "vacuum"])
def test_killed_with_readers_at_work(tmp_path: Path, what: str) -> None:
    """After each kill the store holds whole files; no reader fails or sees less; the next run ends the work,
    and leaves nothing unfinished."""
    assert kills(tmp_path, max(1, KILLS // 4), len(what), what) >= KILLS // 4


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_a_repair_is_killed(tmp_path: Path) -> None:
    """A damaged store, whose log lost its last commit: after each kill nothing that was sound is gone, and the next
    repair makes it whole."""
    rnd = random.Random(5)
    texts = make_logs(tmp_path)
    done = number = 0
    used = 0.0
    with launcher(tmp_path / "launcher") as starter:
        while done < KILLS // 4:
            number += 1
            store = prepare(tmp_path, "repair", number)
            arguments = ["store", "repair", store.name, "-q"]
            before = {path: path.read_bytes() for path in store.rglob("*.parquet")}
            while used and rnd.random() < 0.8:
                status = starter.run(_RUN, *arguments, cwd=tmp_path, at=rnd.uniform(0, used))
                assert status in (0, -signal.SIGPROF), starter.error
                done += status != 0
                assert (
                    before.items() <= {path: path.read_bytes() for path in store.rglob("*.parquet")}.items()
                )
            assert starter.run(_RUN, *arguments, cwd=tmp_path) == 0, starter.error
            used = used or starter.used
            check(store, texts, dropped=False, whole=True)
            assert not (store / ".incoming").exists()
