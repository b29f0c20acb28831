"""kill -9 at any moment while a real writer rotates: nothing lost, nothing twice in the output file."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from support.killing import COMMAND, run, start
from support.lines import BAD, JAVA, channel, info, thrown

ONE = channel(BAD) + info("K@1", "alias") + thrown(JAVA)
KILLS = int(os.environ.get("KILLS", "25"))


class Writer(threading.Thread):
    """Writes messages in pieces of any size and rotates, by renaming and by copying, with and without gzip."""

    def __init__(self, log: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.rnd = random.Random(seed)
        self.count = 0
        self.stopping = False
        self._file = log.open("ab", buffering=0)

    def run(self) -> None:
        while not self.stopping:
            text = ONE.replace("m-1", f"m-{self.count}").encode()
            self.count += 1
            while text:
                size = self.rnd.randrange(1, 600)
                self._file.write(text[:size])
                text = text[size:]
            if self.rnd.random() < 0.02:
                self.rotate()
            time.sleep(self.rnd.random() * 0.015)
        self._file.close()

    def rotate(self) -> None:
        for number in range(400, 0, -1):
            for suffix in ("", ".gz"):
                old = self.log.with_name(f"system.log.{number}{suffix}")
                if old.exists():
                    old.rename(self.log.with_name(f"system.log.{number + 1}{suffix}"))
        first = self.log.with_name("system.log.1")
        if self.rnd.random() < 0.5:
            self.log.rename(first)
            self._file.close()
            self._file = self.log.open("ab", buffering=0)
        else:
            first.write_bytes(self.log.read_bytes())
            os.truncate(self.log, 0)
        second = self.log.with_name("system.log.2")
        if second.exists():  # as with delaycompress
            second.with_name("system.log.2.gz.tmp").write_bytes(gzip.compress(second.read_bytes(), 1))
            second.with_name("system.log.2.gz.tmp").rename(second.with_name("system.log.2.gz"))
            second.unlink()


@pytest.mark.thorough
@pytest.mark.timeout(280)
def test_kill_at_any_moment(tmp_path: Path) -> None:
    """A new run goes on where the killed one stood."""
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "system.log"
    log.write_bytes(b"")
    out = tmp_path / "out.jsonl"
    state = tmp_path / "state"
    arguments = (
        "tail", log, "--from-start", "--checkpoint", state, "--output", out, "--quiet-time", "0.03",
    )  # fmt: skip
    writer = Writer(log, 5)
    rnd = random.Random(6)

    process = start(0, COMMAND, *arguments, cwd=tmp_path)
    while not state.exists():  # from here on it is promised
        time.sleep(0.02)
    process.kill()
    process.communicate()
    writer.start()
    for number in range(KILLS):
        while writer.count < 5 * number:  # something to read for each
            time.sleep(0.02)
        # Some end while they read what was written meanwhile, some while they follow.
        status, error = run(round(10 ** rnd.uniform(3.5, 5.8)), COMMAND, *arguments, cwd=tmp_path)
        assert (status, error) == (-signal.SIGKILL, b"")
    writer.stopping = True
    writer.join()
    process = start(0, COMMAND, *arguments, cwd=tmp_path)
    last = f'"m-{writer.count - 1}"'
    while last not in out.read_text():
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    names = [row["message_id"] for row in rows]
    assert sorted(names, key=lambda name: int(name[2:])) == [f"m-{number}" for number in range(writer.count)]
    assert len({row["id"] for row in rows}) == len(rows)
