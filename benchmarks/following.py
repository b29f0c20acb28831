"""How fast ``logscan tail`` follows: catching up with a log, keeping up with a writer, waiting for one."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
ID = re.compile(rb"messageid:(\S+)")
PRINTED = re.compile(rb'"message_id": ?"([^"]+)"')
CATCH_UP_LIMIT = 150.0
"""Seconds after which a run that does not catch up is ended; its rate is that of what it printed."""


class Caught(NamedTuple):
    """What one run of tail did and used."""

    printed: int
    wall: float
    """Until the last failure was printed."""
    cpu: float
    peak: float
    """MiB."""
    ended: bool
    """Whether the limit ended it."""


class Printed:
    """Reads what a command prints, in a thread, and notes when."""

    def __init__(self, process: subprocess.Popen[bytes], *, keep: bool = False) -> None:
        self.process = process
        self.keep = keep
        self.count = 0
        self.last = time.perf_counter()
        self.blocks: list[tuple[float, bytes]] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        while block := os.read(self.process.stdout.fileno(), 1 << 20):
            self.last = time.perf_counter()
            self.count += block.count(b"\n")
            if self.keep:
                self.blocks.append((self.last, block))

    def lines(self) -> list[tuple[float, bytes]]:
        """Whole lines, each with the time at which its end came."""
        found = []
        rest = b""
        for when, block in self.blocks:
            *whole, rest = (rest + block).split(b"\n")
            found += [(when, line) for line in whole]
        return found


def _cpu(pid: int) -> float:
    """Processor seconds of a process up to now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _idle(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a process did next to nothing for some seconds."""
    before = _cpu(process.pid)
    time.sleep(seconds)
    return process.poll() is not None or _cpu(process.pid) - before < 0.1 * seconds


def _stop(process: subprocess.Popen[bytes], printed: Printed) -> resource.struct_rusage:
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    printed.thread.join()
    assert process.stdout
    process.stdout.close()
    return usage


SHELL = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
"""Starts the command from a small process: peak memory of a child includes that of its parent at the fork."""


def _begin(argv: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    small = [sys.executable, "-S", "-c", SHELL, *map(str, argv)]
    return subprocess.Popen(small, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def catch_up(argv: Sequence[str | Path], expected: int) -> Caught:
    """Run a tail that begins at the start of a log until it has printed all, or waits."""
    begun = time.perf_counter()
    process = _begin(argv)
    printed = Printed(process)
    ended = False
    while printed.count < expected:
        quiet = time.perf_counter() - max(begun + 2, printed.last) > 3 and _idle(process, 2)
        ended = time.perf_counter() - begun > CATCH_UP_LIMIT
        if quiet or ended:
            break
        time.sleep(0.01)
    else:
        time.sleep(0.5)  # whether it prints more than all
    usage = _stop(process, printed)
    cpu = usage.ru_utime + usage.ru_stime
    return Caught(printed.count, printed.last - begun, cpu, usage.ru_maxrss / 1024, ended)


class Lag(NamedTuple):
    """Seconds from the write of a message's last line to the print of its last failure."""

    median: float
    most: float
    printed: int
    expected: int
    rate: float
    """Bytes a second that were really written."""


def keep_up(argv: Sequence[str | Path], source: Path, live: Path, rate: float) -> Lag:
    """Append a log to another that tail follows, at a steady rate; `argv` ends with the followed log."""
    data = source.read_bytes()
    ends: dict[bytes, int] = {}
    for found in ID.finditer(data):
        ends[found[1]] = found.end()
    live.write_bytes(b"")
    process = _begin(argv)
    printed = Printed(process, keep=True)
    time.sleep(2)
    places, times = _append(data, live, rate)
    while not _idle(process, 2) and time.perf_counter() - times[-1] < CATCH_UP_LIMIT:
        pass
    _stop(process, printed)
    lags: dict[bytes, float] = {}
    for when, line in printed.lines():
        named = PRINTED.search(line)
        if named and named[1] in ends:
            lags[named[1]] = when - times[bisect_left(places, ends[named[1]])]
    live.unlink()
    spent = times[-1] - times[0]
    values = list(lags.values()) or [float("inf")]
    expected = source.with_name(source.name + ".truth.jsonl").read_bytes().count(b"\n")
    return Lag(statistics.median(values), max(values), printed.count, expected, places[-1] / max(spent, 0.01))


def _append(data: bytes, live: Path, rate: float) -> tuple[list[int], list[float]]:
    """Write at a rate; the places up to which it was written, and when."""
    step = int(rate / 50)
    places, times = [], []
    begun = time.perf_counter()
    with live.open("ab", buffering=0) as out:
        for at in range(0, len(data), step):
            time.sleep(max(0.0, begun + at / rate - time.perf_counter()))
            out.write(data[at : at + step])
            places.append(min(len(data), at + step))
            times.append(time.perf_counter())
    return places, times


def quiet_cost(folder: Path, logscan: str) -> float:
    """Share of one core that a tail of 100 quiet files takes."""
    quiet = folder / "quiet"
    quiet.mkdir(exist_ok=True)
    for number in range(100):
        (quiet / f"mp{number:03}.log").write_text("2026-11-23 00:00:00,000 main INFO A - x\n")
    used = []
    for seconds in (2, 12):
        process = _begin([logscan, "tail", quiet])
        printed = Printed(process)
        time.sleep(seconds)
        usage = _stop(process, printed)
        used.append(usage.ru_utime + usage.ru_stime)
    return max(0.0, used[1] - used[0]) / 10
