"""Compare the store, the light index and the cluster with other tools, in one run, on generated data.

    python benchmarks/fleet.py                             # 8 files of 512 MiB, three rounds, to RESULTS.md
    python benchmarks/fleet.py --files 4 --size 64MiB      # smaller

Times are those of whole processes with start-up, a warm page cache and alternating rounds. All ways to look
up an id must print the same entries. Needs ripgrep, polars and logscan[cluster].
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import generate
from inputs import ids_of, packed
from measuring import Command, machine, run
from peers import polars_export
from printing import LAYOUTS

INSIDE = """
import sys, time
from logscan import search
def find(name):
    return sum(1 for _ in search([name], paths=sys.argv[1]))
ids = sys.argv[2:]
find(ids[0])
times = []
for name in ids * 2:
    begun = time.perf_counter()
    assert find(name)
    times.append(time.perf_counter() - begun)
print(sorted(times)[len(times) // 2])
"""
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=":0")
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""

MEMORY = '{"MALLOC_MMAP_THRESHOLD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "268435456"}'
"""Environment of the workers (docs/cluster.md)."""


class Bench:
    """The data, and the measurements on it."""

    def __init__(self, folder: Path, files: int, size: int, rounds: int, logscan: str) -> None:
        self.folder, self.rounds, self.logscan = folder, rounds, logscan
        self.plain, self.gz = folder / "plain", folder / "gz"
        for place in (self.plain, self.gz):
            place.mkdir(parents=True, exist_ok=True)
        for number in range(files):
            day = datetime(2026, 11, 1) + timedelta(days=number)
            path = self.plain / f"system-{day:%Y-%m-%d}.log"
            if not path.exists():
                with path.open("wb") as log:
                    generate.write(log, None, size, seed=number + 1, failing=0.001, start=day)
            target = self.gz / f"{path.name}.gz"
            if not target.exists():
                packed(path, ".gz").rename(target)
        self.logs = sorted(self.plain.glob("*.log"))
        self.packed = sorted(self.gz.glob("*.gz"))
        self.size = sum(path.stat().st_size for path in self.logs)
        chosen = random.Random(3).choices(self.logs, k=10)
        self.ids = [ids_of(path, 200)[at] for at, path in enumerate(chosen)]
        self.rows: list[str] = []

    def say(self, what: str, value: str, more: str = "") -> None:
        """Add a row to the table, and print it."""
        self.rows.append(f"| {what} | {value} | {more} |")
        print(self.rows[-1], flush=True)

    def alternate(self, ways: Mapping[str, Callable[[], float]]) -> dict[str, float]:
        """Medians of the seconds that each way takes, in alternating rounds."""
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(self.rounds):
            for name, way in ways.items():
                times[name].append(way())
        return {name: statistics.median(held) for name, held in times.items()}

    def timed(self, *argv: str | Path) -> float:
        """Seconds that a command takes."""
        return run(Command("", argv))[1].wall

    def ingest(self) -> Path:
        """Measure ingest, polars and the sizes."""
        store, parquet = self.folder / "store", self.folder / "polars.parquet"

        def ours() -> float:
            shutil.rmtree(store, ignore_errors=True)
            return self.timed(self.logscan, "ingest", "-q", "--store", store, self.plain)

        def polars() -> float:
            return self.timed(
                sys.executable, "-c", polars_export(LAYOUTS["single"]), f"{self.plain}/*.log", parquet
            )

        medians = self.alternate({"logscan ingest": ours, "polars": polars, "wc -l": self._counted})
        for name, seconds in medians.items():
            self.say(f"read all: {name}", f"{self.size / seconds / 2**20:,.0f} MiB/s", f"{seconds:.2f} s")
        held = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        gz = sum(path.stat().st_size for path in self.packed)
        self.say("store ÷ `.gz`", f"{held / gz:.2f}", f"{held / 1e6:,.0f} MB, {gz / 1e6:,.0f} MB")
        return store

    def _counted(self) -> float:
        return self.timed("wc", "-l", *self.logs)

    def index(self) -> None:
        """Measure the light index of plain and of packed files."""
        for place in (self.plain, self.gz):
            for old in place.glob(".logscan-index*"):
                old.unlink()
            seconds = self.timed(self.logscan, "index", "-q", place)
            held = next(place.glob(".logscan-index*")).stat().st_size
            self.say(
                f"index of {place.name}",
                f"{held / self.size:.2%} of the text",
                f"{seconds:.1f} s, {self.size / seconds / 2**20:,.0f} MiB/s",
            )

    def look_ups(self, store: Path) -> None:
        """Measure the search for one id in every way, as a process and inside Python."""
        search = [self.logscan, "search", "-h"]
        ways: dict[str, Sequence[str | Path]] = {
            "store": [*search, "--store", store],
            "index of plain": search,
            "index of gz": search,
            "scan of plain": [*search, "--no-index"],
            "scan of gz": [*search, "--no-index"],
            "rg -z -F": ["rg", "-z", "-F", "--no-filename"],
        }
        where = {"index of plain": self.plain, "scan of plain": self.plain}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for one in self.ids:
            answers: dict[str, bytes] = {}
            for name, argv in ways.items():
                paths = [] if name == "store" else [where.get(name, self.gz)]
                answers[name], use = run(Command(name, [*argv, one, *paths]))
                times[name].append(use.wall)
            answers.pop("rg -z -F")
            if len(set(answers.values())) != 1 or not answers["store"]:
                raise SystemExit(f"{one}: the answers differ")
        rg = statistics.median(times["rg -z -F"])
        for name, held in times.items():
            median = statistics.median(held)
            self.say(f"one id: {name}", f"{median * 1e3:,.0f} ms", f"{rg / median:,.1f} × as fast as rg -z")
        for name, path in (("store", store), ("index of plain", self.plain), ("index of gz", self.gz)):
            asked = [sys.executable, "-c", INSIDE, str(path), *self.ids]
            seconds = float(subprocess.run(asked, check=True, capture_output=True).stdout)
            self.say(f"one id, inside Python: {name}", f"{seconds * 1e3:,.1f} ms")

    def report(self, *where: str | Path) -> float:
        """Seconds of a report of all TLS failures."""
        return self.timed(self.logscan, "report", "--alert", "all", "--host", "mp", *where)

    def reports(self, store: Path | None) -> None:
        """Measure reports of the store and of the files."""
        places = {"plain": [str(self.plain)], "gz": [str(self.gz)]}
        if store is not None:
            places["store"] = ["--store", str(store)]
        asked = [self.logscan, "report", "--alert", "all", "--host", "mp", "--format", "csv"]
        if len({run(Command("", [*asked, *where]))[0] for where in places.values()}) != 1:
            raise SystemExit("the reports differ")
        ways = {name: partial(self.report, *where) for name, where in places.items()}
        for name, seconds in self.alternate(ways).items():
            self.say(f"report: {name}", f"{seconds:.2f} s")

    def cluster(self) -> None:
        """Measure reports with 1, 2 and 4 workers, of plain and packed files."""
        empty = self.folder / "empty.log"
        empty.write_text("2026-11-01 00:00:00,000 main INFO X - quiet\n")
        for count in (1, 2, 4):
            with self._running(count) as address:
                on_it = partial(self.report, "--cluster", address)
                on_it(self.plain)  # the workers import what they need
                ways = {
                    name: partial(on_it, place)
                    for name, place in (("plain", self.plain), ("gz", self.gz), ("an empty log", empty))
                }
                for name, seconds in self.alternate(ways).items():
                    self.say(f"report on {count} workers: {name}", f"{seconds:.2f} s")

    @contextlib.contextmanager
    def _running(self, count: int) -> Iterator[str]:
        script = self.folder / "cluster.py"
        script.write_text(CLUSTER)
        process = subprocess.Popen(
            [sys.executable, script, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": MEMORY},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()
            process.communicate()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--size", type=generate.parse_size, default=512 << 20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder of the logs; default: a temporary folder")
    parser.add_argument("--logscan", default=shutil.which("logscan"), help="the command to measure")
    parser.add_argument("--cluster", action="store_true", help="only reports of files and the cluster")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed logscan is compiled
    with tempfile.TemporaryDirectory() as temporary:
        begun = time.monotonic()
        bench = Bench(args.data or Path(temporary), args.files, args.size, args.rounds, args.logscan)
        print(f"data in {time.monotonic() - begun:.0f} s", flush=True)
        if args.cluster:
            bench.reports(None)
        else:
            store = bench.ingest()
            bench.index()
            bench.look_ups(store)
            bench.reports(store)
        bench.cluster()
    title = f"## Store, index, cluster: {args.files} files of {args.size >> 20} MiB, {datetime.now().date()}"
    text = "\n".join([title, "", machine(), "", "| what | | |", "|---|---|---|", *bench.rows, ""])
    with args.output.open("a") as file:
        file.write("\n" + text)


if __name__ == "__main__":
    main()
