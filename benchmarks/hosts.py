"""What a report over ssh costs: by an installed logscan, by the agent, and by the ways without them.

Real sshd's on this machine are the hosts; so the network costs nothing, and the bytes that cross are shown
beside the seconds. ``nerdlog's way`` is what it runs on each host: grep and awk there, lines back.

    python benchmarks/hosts.py                  # one log of 1 GiB, and of 64 MiB on 12 hosts
    python benchmarks/hosts.py --size 64M --hosts 4
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from generate import parse_size, write

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.sshd import Hosts  # noqa: E402 - after its place is known

LOGSCAN = f"{shlex.quote(sys.executable)} -m logscan"
NEEDLES = "handshakeFailed|onException|handshake failed"


ROUNDS = 3
WAYS = {"full": "logscan installed there", "bare": "agent"}


def seconds_of(line: str, env: dict[str, str]) -> float:
    """The wall time of a shell command."""
    begun = time.perf_counter()
    done = subprocess.run(line, shell=True, env=env, capture_output=True, check=False)
    if done.returncode > 1:
        raise SystemExit(f"{line}: {done.stderr.decode()[-400:]}")
    return time.perf_counter() - begun


def counted_ssh(hosts: Hosts) -> Path:
    """In place of ssh: the same, and it writes down the bytes that come back."""
    counts = hosts.folder / "counts"
    real = (hosts.folder / "bin/ssh").read_text().replace("exec ", "")
    script = real.rstrip() + f" | tee >(trap '' TERM; wc -c >> {counts})\n"
    (hosts.folder / "bin/ssh").write_text(script.replace("#!/bin/sh", "#!/bin/bash"))
    return counts


def main() -> None:
    """Print the table for RESULTS.md: medians of rounds in which the ways alternate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1G")
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--failing", type=float, default=0.001)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logscan-hosts-") as name:
        folder = Path(name)
        (folder / "ssh").mkdir()
        hosts = Hosts(folder / "ssh")
        try:
            measure(folder, hosts, given)
        finally:
            hosts.close()


def measure(folder: Path, hosts: Hosts, given: argparse.Namespace) -> None:
    """Run all ways, and print one row for each."""
    size = parse_size(given.size)
    for number in range(given.hosts):
        (folder / f"mp{number:02}").mkdir()
        with (folder / f"mp{number:02}/system.log").open("wb") as file:
            share = size if not number else size // 16
            write(
                file,
                None,
                share,
                seed=number,
                failing=given.failing,
                start=datetime(2026, 11, 23),
                milliseconds=20,
            )
        hosts.name(f"full{number:02}", "full")
        hosts.name(f"bare{number:02}", "bare")
    env = {**os.environ, **hosts.env, "PYTHONPATH": str(ROOT)}
    counts = counted_ssh(hosts)
    log = folder / "mp00/system.log"
    several = range(1, given.hosts)
    rows = [
        ("local", f"{LOGSCAN} report --format csv {log}"),
        ("logscan installed there", f"{LOGSCAN} report --format csv ssh://full00{log}"),
        ("agent (Python there)", f"{LOGSCAN} report --format csv ssh://bare00{log}"),
        ("--pull", f"{LOGSCAN} report --pull --format csv ssh://bare00{log}"),
        ("ssh cat | logscan report -", f"ssh bare00 cat {log} | {LOGSCAN} report --format csv -"),
        (
            "nerdlog's way: grep and awk there",
            f"ssh bare00 \"grep -E '{NEEDLES}' {log} | awk '{{print}}'\" | wc -l",
        ),
        *(
            (
                f"{given.hosts - 1} hosts at once, {WAYS[way]}",
                f"{LOGSCAN} report --format csv "
                + " ".join(f"ssh://{way}{n:02}{folder}/mp{n:02}/system.log" for n in several),
            )
            for way in ("full", "bare")
        ),
    ]
    print(f"One log of {given.size}, {given.failing:.1%} failing; the others {size // 16 >> 20} MiB each.\n")
    times: dict[str, list[float]] = {label: [] for label, _ in rows}
    crossed: dict[str, int] = {}
    for _ in range(ROUNDS):
        for label, line in rows:
            counts.write_text("")
            times[label].append(seconds_of(line, env))
            time.sleep(0.3)  # the counter ends after the command
            crossed[label] = sum(map(int, counts.read_text().split()))
    local = statistics.median(times["local"])
    print("| way | seconds | ÷ local | bytes that cross |\n|---|---|---|---|")
    for label, held in times.items():
        seconds = statistics.median(held)
        print(f"| {label} | {seconds:.2f} | {seconds / local:.1f} | {crossed[label]:,} |")


if __name__ == "__main__":
    main()
