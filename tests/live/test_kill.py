"""kill -9 at any moment while a real writer rotates: nothing lost, nothing twice in the output file."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from support.killing import COMMAND, run, start
from support.lines import BAD, JAVA, channel, info, thrown

ONE = channel(BAD) + info("K@1", "alias") + thrown(JAVA)
KILLS = int(os.environ.get("KILLS", "24"))
"""In all, over the styles of rotation."""
STYLES = ("number", "copy", "dash", "dot", "hour", "time", "prefix", "mixed")
"""How rotated files are named; ``copy``: copied and truncated, with numbers."""


class Writer(threading.Thread):
    """Writes messages in pieces of any size and rotates in the middle of them, once or several times, and packs
    all rotated files or, as logrotate's delaycompress, all but the newest."""

    def __init__(self, log: Path, seed: int, style: str) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.rnd = random.Random(seed)
        self.count = 0
        self.rotations = 0
        self.stopping = False
        self._style = style
        self._rotated: list[Path] = []
        """Not packed, oldest first."""
        self._file = log.open("ab", buffering=0)

    def run(self) -> None:
        while not self.stopping:
            text = self.message()
            while text:
                size = self.rnd.randrange(1, 600)
                self._file.write(text[:size])
                text = text[size:]
                if self.rnd.random() < 0.005:
                    for _ in range(self.rnd.choice((1, 1, 1, 3))):
                        self.rotate()
            time.sleep(self.rnd.random() * 0.015)
        self._file.close()

    def message(self) -> bytes:
        """The next message: each has a time of its own."""
        text = ONE.replace("m-1", f"m-{self.count}")
        seconds, thousandths = divmod(self.count, 1000)
        moment = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{thousandths:03}"
        self.count += 1
        return re.sub(r"00:00:01,\d\d\d", moment, text).encode()

    def rotate(self) -> None:
        style = self.rnd.choice(STYLES[:-1]) if self._style == "mixed" else self._style
        name = self.next_name(style)
        if style == "copy":
            name.write_bytes(self.log.read_bytes())
            os.truncate(self.log, 0)
        else:
            self.log.rename(name)
            self._file.close()
            self._file = self.log.open("ab", buffering=0)
        self._rotated.append(name)
        for file in self._rotated[: -self.rnd.randrange(2) or None]:
            packed = file.with_name(file.name + ".gz")
            temporary = file.with_name(f".{file.name}.tmp")
            temporary.write_bytes(gzip.compress(file.read_bytes(), 1))
            about = file.stat()  # gzip keeps the time of the last change
            os.utime(temporary, ns=(about.st_atime_ns, about.st_mtime_ns))
            temporary.rename(packed)
            file.unlink()
            self._rotated.remove(file)

    def next_name(self, style: str) -> Path:
        """The name of the next rotated file; those with numbers make room for it."""
        self.rotations += 1
        number = self.rotations
        if style in ("number", "copy"):
            self.shift()
        day = f"{20260101 + number // 24}"
        return self.log.with_name({
            "number": "system.log.1",
            "copy": "system.log.1",
            "dash": f"system-2026-11-26.{number}.log",
            "dot": f"system.2026-11-26.{number}.log",
            "hour": f"system.log-{day}{number % 24:02}",
            "time": f"system.log.{day}T{number % 24:02}0000",
            "prefix": f"{day}{number % 24:02}.system.log",
        }[style])  # fmt: skip

    def shift(self) -> None:
        """system.log.1 becomes system.log.2, and so on."""
        for number in range(900, 0, -1):
            for suffix in ("", ".gz"):
                old = self.log.with_name(f"system.log.{number}{suffix}")
                if old.exists():
                    new = old.rename(self.log.with_name(f"system.log.{number + 1}{suffix}"))
                    self._rotated = [new if file == old else file for file in self._rotated]


@pytest.mark.thorough
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("style", STYLES)
def test_kill_at_any_moment(tmp_path: Path, style: str) -> None:
    """A new run goes on where the killed one stood."""
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "system.log"
    log.write_bytes(b"")
    out = tmp_path / "out.jsonl"
    state = tmp_path / "state"
    arguments = (
        "tail", log, "--from-start", "--checkpoint", state, "--output", out, "--quiet-time", "0.03",
    )  # fmt: skip
    writer = Writer(log, int(os.environ.get("SEED", "5")), style)
    rnd = random.Random(6)

    process = start(0, COMMAND, *arguments, cwd=tmp_path)
    while not state.exists():  # from here on it is promised
        time.sleep(0.02)
    process.kill()
    process.communicate()
    writer.start()
    for number in range(max(1, KILLS // len(STYLES))):
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
    expected = {f"m-{number}" for number in range(writer.count)}
    counts = Counter(names)
    lost, doubled = expected - set(names), {name for name in names if counts[name] > 1}
    print(
        f"{style}: {KILLS // len(STYLES)} kills, {writer.rotations} rotations, {writer.count} written,"
        f" {len(lost)} lost, {len(doubled)} doubled, {len(set(names) - expected)} alien"
    )
    for row in rows:
        if row["message_id"] in doubled:
            print(row["message_id"], row["id"], row["path"], row["offset"])
    assert (lost, doubled, set(names) - expected) == (set(), set(), set())
    assert len({row["id"] for row in rows}) == len(rows)
