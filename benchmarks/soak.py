"""Let ``logscan tail`` and other tools follow a busy, rotating log: delay, throughput and memory.

    python benchmarks/soak.py --seconds 120 --lines 20000

A writer appends generated entries at a steady rate and rotates by renaming. The message id of every failed
handshake contains the time at which it was written. So the delay from the writing of its last line to the
output is known for each reader, on the same file at the same time. The other readers are ``tail -F | grep``
and, if it is installed, rsyslog (``imfile`` follows files with inotify, a filter keeps lines with the word,
``ompipe`` writes them). The script also samples the resident memory and the processor time of logscan.

    python benchmarks/soak.py --millions 100

logscan follows this many million lines as fast as it can, to measure its memory. The writer is at most 200
blocks of 10,000 lines ahead.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
CHANNEL = (
    "2026-11-23 00:00:00,000 org:o env:e api:p{proxy} rev:1 messageid:t-{stamp}-{number} NIOThread@1 ERROR"
    " HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:10.0.0.1:443 Remote"
    " host:0.0.0.0:50100]@{number} useCount=1 bytesRead=0 bytesWritten=0 age=5ms  lastIO=5ms  handshake"
    " failed, message: Received fatal alert: bad_certificate\n"
)
OTHER = (
    "2026-11-23 00:00:00,000 org:o env:e api:p{proxy} rev:1 messageid:n-{number} NIOThread@1 INFO HTTP.SERVER"
    " - HTTPServer$Context.onRequest() : Keep alive is false Request Connection Header [close] from client\n"
)


RSYSLOG = """
module(load="imfile" mode="inotify")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" file="{folder}/system.log" tag="mp" reopenOnTruncate="on" ruleset="failed")
ruleset(name="failed") {{
    if $msg contains "handshakeFailed" then action(type="ompipe" pipe="{folder}/rsyslog.pipe" template="line")
}}
"""


def rsyslog(folder: str) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start rsyslog; return its process and its output."""
    pipe = f"{folder}/rsyslog.pipe"
    os.mkfifo(pipe)
    # A pipe that is open for reading and writing neither waits for its writer nor ends with it.
    stream = os.fdopen(os.open(pipe, os.O_RDWR), "rb", buffering=0)
    Path(folder, "rsyslog.conf").write_text(RSYSLOG.format(folder=folder), encoding="utf-8")
    command = ["rsyslogd", "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/rsyslog.pid"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    return process, io.BufferedReader(stream)


class Writer(threading.Thread):
    """Appends lines at a steady rate, in bursts of ten milliseconds, and rotates every few seconds."""

    def __init__(self, path: Path, lines: int, failing: float, seconds: float, every: float) -> None:
        super().__init__(daemon=True)
        self._path, self._rate, self._failing = path, lines, failing
        self._seconds, self._every = seconds, every
        self.lines = self.failures = self.rotations = 0

    def run(self) -> None:
        """Append lines until the time is over."""
        rnd = random.Random(1)
        begun = rotated = time.monotonic()
        file = self._path.open("ab", buffering=0)
        while (now := time.monotonic()) - begun < self._seconds:
            due = int((now - begun) * self._rate) - self.lines
            text = []
            for _ in range(due):
                failing = rnd.random() < self._failing
                self.failures += failing
                stamp = time.time_ns() // 1000
                shape = CHANNEL if failing else OTHER
                text.append(shape.format(proxy=self.lines % 7, number=self.lines, stamp=stamp))
                self.lines += 1
            file.write("".join(text).encode())
            if now - rotated > self._every:
                rotated = now
                self.rotations += 1
                self._path.rename(self._path.with_name(f"system.log.{self.rotations}"))
                file.close()
                file = self._path.open("ab", buffering=0)
                old = self._path.with_name(f"system.log.{self.rotations - 3}")
                if old.exists():
                    old.unlink()
            time.sleep(0.01)
        file.close()


def delays(stream: object, found: list[float]) -> None:
    """Collect the seconds from the stamp in a line to now, for each line that has one."""
    for line in stream:  # type: ignore[attr-defined]
        at = line.find(b"t-")
        if at >= 0:
            stamp = int(line[at + 2 : line.find(b"-", at + 2)])
            found.append(time.time() - stamp / 1e6)


def flood(logscan: str, millions: int, folder: str) -> None:
    """Write as fast as logscan follows; print its memory by lines."""
    log = Path(folder) / "system.log"
    log.write_bytes(b"")
    ours = subprocess.Popen([logscan, "tail", "--checkpoint", f"{folder}/state", log], stdout=subprocess.PIPE)
    found: list[float] = []
    threading.Thread(target=delays, args=(ours.stdout, found), daemon=True).start()
    time.sleep(2)
    quiet = "".join(OTHER.format(proxy=n % 7, number=n) for n in range(9_999)).encode()
    blocks, rotation = millions * 100, 0
    file = log.open("ab", buffering=0)
    begun = time.monotonic()
    samples = []
    for number in range(blocks):
        failing = CHANNEL.format(proxy=1, number=number, stamp=time.time_ns() // 1000).encode()
        file.write(failing + quiet)
        while number - len(found) > 200:
            time.sleep(0.005)
        if number % 500 == 499:  # a gigabyte
            rotation += 1
            log.rename(log.with_name(f"system.log.{rotation}"))
            file.close()
            file = log.open("ab", buffering=0)
            while number - len(found) > 1:
                time.sleep(0.005)
            log.with_name(f"system.log.{rotation}").unlink()
        if number % (blocks // 12) == 0:
            samples.append(((number + 1) * 10_000, memory(ours.pid)))
    while len(found) < blocks:
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    ours.terminate()
    ours.wait()
    size = blocks * (len(quiet) + len(failing))
    print(
        f"{blocks * 10_000:,} lines, {size / (1 << 30):.1f} GiB, {rotation} rotations in {seconds:.0f} s:"
        f" {blocks * 10_000 / seconds:,.0f} lines and {size / seconds / (1 << 20):.0f} MiB a second"
        f" (written and read at once); all {blocks:,} failures reported"
    )
    print("Resident memory (lines: MiB): ", end="")
    print(", ".join(f"{lines:,}: {mebibytes:.0f}" for lines, mebibytes in samples))


def memory(pid: int) -> float:
    """Resident memory of a process in MiB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def processor(pid: int) -> float:
    """Processor time of a process in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        parts = file.read().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def shown(name: str, found: list[float], expected: int) -> str:
    """One row of the table."""
    found.sort()
    p50, p99 = statistics.median(found), found[int(len(found) * 0.99)]
    times = " | ".join(f"{seconds * 1000:.0f}" for seconds in (p50, p99, found[-1]))
    return f"| {name} | {len(found):,} of {expected:,} | {times} |"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--lines", type=int, default=20_000, help="lines per second")
    parser.add_argument("--failing", type=float, default=0.001, help="share of lines that fail")
    parser.add_argument("--rotate", type=float, default=15, help="seconds between rotations")
    parser.add_argument("--logscan", default="logscan")
    parser.add_argument("--millions", type=int, help="millions of lines to follow as fast as possible")
    args = parser.parse_args()
    if args.millions:
        with tempfile.TemporaryDirectory() as folder:
            flood(args.logscan, args.millions, folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "system.log"
        log.write_bytes(b"")
        ours = subprocess.Popen(
            [args.logscan, "tail", "--checkpoint", f"{folder}/state", log], stdout=subprocess.PIPE
        )
        theirs = subprocess.Popen(
            f"tail -F {log} 2>/dev/null | grep --line-buffered handshakeFailed",
            shell=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        streams = {"logscan": ours.stdout, "tail -F, grep": theirs.stdout}
        others = [theirs]
        if shutil.which("rsyslogd"):
            process, streams["rsyslog"] = rsyslog(folder)
            others.append(process)
        found: dict[str, list[float]] = {name: [] for name in streams}
        for name, stream in streams.items():
            threading.Thread(target=delays, args=(stream, found[name]), daemon=True).start()
        time.sleep(2)
        writer = Writer(log, args.lines, args.failing, args.seconds, args.rotate)
        writer.start()
        samples = []
        used = {process.pid: processor(process.pid) for process in (ours, *others)}
        while writer.is_alive():
            time.sleep(max(1.0, args.seconds / 12))
            samples.append((writer.lines, memory(ours.pid)))
        time.sleep(2)
        used = {pid: (processor(pid) - before) / args.seconds for pid, before in used.items()}
        ours.terminate()
        ours.wait()
        for process in others:
            process.kill()
            process.wait()
    print(
        f"{writer.lines:,} lines in {args.seconds:.0f} s ({writer.lines / args.seconds:,.0f} a second),"
        f" {writer.rotations} rotations; logscan used {used[ours.pid]:.1%} of a core"
    )
    if len(others) > 1:
        print(f"rsyslog used {used[others[1].pid]:.1%} of a core")
    print("\n| reader | failures reported | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|")
    for name, values in found.items():
        print(shown(name, values, writer.failures))
    print("\nResident memory of logscan (lines written: MiB): ", end="")
    print(", ".join(f"{lines:,}: {size:.0f}" for lines, size in samples))
    if len(found["logscan"]) != writer.failures:
        sys.exit(f"logscan reported {len(found['logscan'])} of {writer.failures} failures")


if __name__ == "__main__":
    main()
