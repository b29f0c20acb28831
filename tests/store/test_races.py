"""Several writers at once: each source is in the store once, byte for byte, whoever wins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from logscan._jobs.search import find
from logscan._store.open_store import Store
from logscan.values import Counters
from support.command import environment
from support.object_store import ObjectStore

RACES = int(os.environ.get("LOGSCAN_TEST_RACES", "20"))
"""Races of the thorough tests; 500 of each were run when the store was made."""
ROUNDS = 5
"""Races for one store, with the one that makes it."""
_WRITER = """
import os, socket, sys, time
from logscan._jobs import ingest as ingesting
from logscan._store import upkeep

class NoLock:
    def __init__(self, path):
        pass
    def release(self):
        pass

folder, stores, me, writers, races, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
upkeep.Lock = NoLock  # as on two hosts that do not see each other's locks
socket.gethostname = lambda: f"host{me}"
ingesting.BATCH_FILES = 2
begun = 0
usual = ingesting._Ingest.begin
def counting(self, streams):
    global begun
    begun += 1
    usual(self, streams)
ingesting._Ingest.begin = counting
parent = os.getppid()
LINE = "2026-11-{:02} 00:00:00,{:03} org:o env:e api:p rev:1 messageid:{} main ERROR A - handshakeFailed() : bad_certificate\\n"

def log(name, *ids):
    with open(os.path.join(folder, "logs", name), "a") as file:
        file.write("".join(LINE.format(1 + number % 28, number % 1000, one) for number, one in enumerate(ids)))

for race in range(races):
    store, number = race // rounds, race % rounds
    mine = [f"own-{store}-{number}-{me}-{n}.log" for n in range(3)]
    for name in mine:
        log(name, f"{name}-a", f"{name}-b")
    if not me:
        for n in range(3):
            log(f"same-{store}-{number}-{n}.log", f"s-{store}-{number}-{n}-a", f"s-{store}-{number}-{n}-b")
        log(f"grown-{store}.log", f"g-{store}-{number}-a", f"g-{store}-{number}-b")
    open(os.path.join(folder, f"ready-{race}-{me}"), "w").close()
    begin = time.monotonic()
    while not all(os.path.exists(os.path.join(folder, f"ready-{race}-{n}")) for n in range(writers)):
        assert os.getppid() == parent and time.monotonic() < begin + 900, f'another writer has ended before race {race}'
        time.sleep(0.001)
    both = [f"same-{store}-{number}-{n}.log" for n in range(3)] + [f"grown-{store}.log"]
    names = [both, mine, mine + both][race % 3]
    done = ingesting.ingest([os.path.join(folder, "logs", name) for name in names], store=f"{stores}{store}", workers=1)
    assert not done.problems, done.problems
print(begun - races)
"""
"""One of the writers: in each race all begin at the same time. It prints how often it had to start over."""


def race(folder: Path, stores: str, writers: int, races: int, env: dict[str, str]) -> int:
    """Let them race; returns how often one had to start over."""
    (folder / "logs").mkdir()
    arguments = [str(folder), stores]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, *arguments, str(me), str(writers), str(races), str(ROUNDS)],
            env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for me in range(writers)
    ]  # fmt: skip
    ends = [(process.communicate(timeout=3000), process.returncode) for process in processes]
    failed = [error.decode() for (_, error), status in ends if status]
    assert not failed, "\n".join(failed)
    for number in range(races // ROUNDS):
        check(folder / "logs", f"{stores}{number}", number)
    return sum(int(output) for (output, _), _ in ends)


def check(logs: Path, store: str, number: int) -> None:
    """All files of a store's races that were ingested are there once, as a whole."""
    held = Store(store)
    texts = {os.path.basename(source.path): b"".join(held.text(source.id)) for source in held.ordered}
    assert len(texts) == len(held.ordered)
    in_both = [one % ROUNDS for one in range(number * ROUNDS, (number + 1) * ROUNDS) if one % 3 != 1]
    for name, text in texts.items():
        whole = (logs / name).read_bytes()
        # It may have grown since it was ingested last.
        assert text == whole or (name.startswith("grown") and whole.startswith(text)), name
    assert {f"same-{number}-{one}-{n}.log" for one in in_both for n in range(3)} <= set(texts)
    assert texts[f"grown-{number}.log"].count(b"\n") >= 2 * (1 + max(in_both))
    ids = [
        word[10:].decode()
        for text in texts.values()
        for word in text.split()
        if word.startswith(b"messageid:")
    ]
    counters = Counters()
    assert len(list(find(ids, [store], counters))) == len(ids)
    assert not counters.problems


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("writers", [2, 4])
def test_writers_race_without_a_lock(tmp_path: Path, writers: int) -> None:
    """On a disk, as from hosts that do not see each other's locks."""
    again = race(tmp_path, str(tmp_path / "store"), writers, RACES, {})
    assert again  # else they did not race


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_writers_race_in_an_object_store(tmp_path: Path, s3: ObjectStore) -> None:
    """On a server that speaks S3."""
    s3.client.create_bucket(Bucket="races")
    again = race(tmp_path, "s3://races/store", 2, RACES, s3.env)
    assert again
