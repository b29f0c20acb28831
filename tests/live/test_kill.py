"""kill -9 at any moment while a real writer rotates: nothing lost, nothing twice in the output file."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from support.command import ROOT, environment
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


@pytest.mark.timeout(280)
def test_kill_at_any_moment(tmp_path: Path) -> None:
    """A new run goes on where the killed one stood."""
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "system.log"
    log.write_bytes(b"")
    out = tmp_path / "out.jsonl"
    arguments = [
        sys.executable, "-m", "logscan", "tail", str(log), "--from-start", "--checkpoint", str(tmp_path / "state"),
        "--output", str(out), "--quiet-time", "0.03",
    ]  # fmt: skip
    writer = Writer(log, 5)
    rnd = random.Random(6)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(arguments, cwd=ROOT, env=environment(), stderr=subprocess.PIPE)

    process = start()
    while not (tmp_path / "state").exists():  # from here on it is promised
        time.sleep(0.02)
    process.kill()
    process.communicate()
    writer.start()
    for _ in range(KILLS):
        process = start()
        time.sleep(0.2 + rnd.random() * 1.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stderr
        told = process.stderr.read().decode()
        assert not told, told
        process.stderr.close()
    writer.stopping = True
    writer.join()
    process = start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.3)
        if out.exists() and out.read_bytes().count(b"\n") >= writer.count:
            break
    time.sleep(0.5)
    process.terminate()
    assert process.wait(timeout=20) == 0
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    names = [row["message_id"] for row in rows]
    missing = {f"m-{number}" for number in range(writer.count)} - set(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not missing
    assert not twice
    assert len({row["id"] for row in rows}) == writer.count > 5 * KILLS
