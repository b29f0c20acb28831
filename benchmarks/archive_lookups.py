"""Measure look-ups and reports of a large store beside DuckDB, polars and rg -z, on generated data.

    python benchmarks/archive_lookups.py                                  # 50 GiB, to RESULTS.md
    python benchmarks/archive_lookups.py --size 2 --data /tmp/archive     # 2 GiB; the store is kept there
    python benchmarks/archive_lookups.py --size 10 --failing 0.1
    python benchmarks/archive_lookups.py --size 4 --piece 16MiB           # a trial

The logs are made 1 GiB at a time from a seed, each of another day and host with ids of its own, ingested, and
deleted: the disk needs about a tenth of the size, and 4 GiB. Of the first one a packed copy stays, which ``rg
-z`` searches; its time is multiplied by the size. Times are medians of whole processes with start-up, in
alternating rounds, with another id in each round; all ways must find as many rows as the search finds
entries. A store that ``--data`` holds is used again if it has the size. Needs polars; ripgrep is left out
where it is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import generate
from archive_layouts import clp_stream
from inputs import ids_of, packed
from measuring import Command, Use, machine, run

DUCKDB = """
import duckdb, glob, sys
files = glob.glob(sys.argv[1] + "/kind=entries/*/*/*.parquet")
duckdb.execute("SET enable_progress_bar = false")
found = duckdb.execute("SELECT * FROM read_parquet(?) WHERE " + sys.argv[3], [files, sys.argv[2]]).fetchall()
print(len(found))
"""
POLARS = """
import glob, polars, sys
files = glob.glob(sys.argv[1] + "/kind=entries/*/*/*.parquet")
name = polars.col("message_id")
asked = name.str.starts_with(sys.argv[2]) if sys.argv[3] == "prefix" else name == sys.argv[2]
print(len(polars.scan_parquet(files, hive_partitioning=False).filter(asked).collect()))
"""

CLP = """
import sys
from clp_ffi_py.ir import ClpIrFileReader, QueryBuilder
from clp_ffi_py.wildcard_query import SubstringWildcardQuery
from pathlib import Path
asked = QueryBuilder().add_wildcard_query(SubstringWildcardQuery(sys.argv[2], case_sensitive=True)).build()
with ClpIrFileReader(Path(sys.argv[1])) as reader:
    print(sum(1 for _ in reader.search(asked)))
"""

FIRST = datetime(2026, 1, 1)
"""The day of the first log."""
GENERATED = 4
"""Logs that are generated; the others are these with other days and ids, since that takes seconds."""


class Bench:
    """The store, and the measurements on it."""

    def __init__(
        self,
        folder: Path,
        count: int,
        piece: int,
        failing: float,
        *,
        rounds: int,
        logscan: Sequence[str],
        layout: str = generate.USUAL.layout,
    ) -> None:
        self.folder, self.count, self.piece = folder, count, piece
        self.failing, self.rounds, self.layout = failing, rounds, layout
        self.logscan: list[str | Path] = [*logscan]
        self.name = f"{failing:g}" if layout == generate.USUAL.layout else f"{layout}-{failing:g}"
        self.store = folder / f"store-{self.name}"
        self.sample = folder / f"sample-{self.name}.log.gz"
        self.ir = folder / f"sample-{self.name}.clp.zst"
        self.ids = folder / f"ids-{self.name}.txt"
        self.rows: list[str] = []

    def say(self, what: str, *values: str) -> None:
        """Add a row to the table, and print it."""
        self.rows.append(f"| {what} | {' | '.join([*values, '', ''][:3])} |")
        print(self.rows[-1], flush=True)

    def fill(self) -> None:
        """Ingest what is missing, 1 GiB at a time."""
        done = len(self.ids.read_text().splitlines()) // 20 if self.ids.exists() else 0
        spent = Use(0.0, 0.0, 0)
        for number in range(done, self.count):
            day = FIRST + timedelta(days=number)
            log = self.folder / f"mp{number % 7}-{self.name}" / f"system-{day:%Y-%m-%d}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            self.make(number, day, log)
            use = run(Command("", [*self.logscan, "ingest", "-q", "--store", self.store, log]))[1]
            spent = Use(spent.wall + use.wall, spent.cpu + use.cpu, max(spent.peak, use.peak))
            if not number:
                packed(log, ".gz").rename(self.sample)
                if importlib.util.find_spec("clp_ffi_py"):
                    with self.ir.open("wb") as out:
                        out.writelines(clp_stream(log))
            with self.ids.open("a") as file:
                file.writelines(f"{name}\n" for name in ids_of(log, 30)[:20])
            log.unlink()
            print(f"{number + 1} of {self.count}, {use.wall:.0f} s", flush=True)
        if self.count > done:
            count = self.count - done
            self.say(
                f"ingest of {self.piece >> 20:,} MiB",
                f"{spent.wall / count:.1f} s",
                f"{spent.cpu / count:.1f} s CPU",
            )

        # The files of before a merge stay for a week: other readers would find their rows twice.
        run(Command("", [*self.logscan, "store", "vacuum", "-q", "--older-than", "0", self.store]))

    def make(self, number: int, day: datetime, log: Path) -> None:
        """Make the log of a day: one of a few generated ones, with the ids of a router's next process."""
        made = self.folder / f"generated-{self.name}-{number % GENERATED}.log"
        if not made.exists():
            with made.open("wb") as file:
                generate.write(
                    file,
                    None,
                    self.piece,
                    seed=1 + number % GENERATED,
                    failing=self.failing,
                    start=FIRST,
                    recipe=generate.Recipe(layout=self.layout),
                )
        old = new = b""
        with made.open("rb") as read, log.open("wb") as file:
            while lines := read.readlines(1 << 26):
                text = b"".join(lines)
                text = text.replace(f"{FIRST:%Y-%m-%d} ".encode(), f"{day:%Y-%m-%d} ".encode())
                if not old and (found := re.search(rb"\.example\.com-(\d+)-", text)):
                    old, new = found[0], b".example.com-%d-" % (int(found[1]) + 100 * number)
                file.write(text.replace(old, new))

    def sizes(self) -> None:
        """The size of the store, and of its parts."""
        gz = self.sample.stat().st_size * self.count
        for what, folder in (
            ("entries", "kind=entries"), ("lists of ids", "_ids"), ("failures", "kind=failures"),
            ("state", "kind=state"), ("log", "_delta_log"),
        ):  # fmt: skip
            paths = [path for path in (self.store / folder).rglob("*") if path.is_file()]
            held = sum(path.stat().st_size for path in paths)
            self.say(
                f"size: {what}",
                f"{held / 1e6:,.1f} MB",
                f"{held / gz:.2%} of the `.gz`",
                f"{len(paths):,} files",
            )

    def look_ups(self) -> None:
        """Measure the look-ups."""
        names = random.Random(5).sample(self.ids.read_text().split(), self.rounds)
        absent = [f"{name[:-2]}x{name[-2:]}" for name in names]
        beginnings = [name[:-3] for name in names]
        self.compare("one id", names)
        self.compare("an absent id", absent)
        self.compare("a beginning", beginnings, prefix=True)

    def compare(self, what: str, names: Sequence[str], *, prefix: bool = False) -> None:
        """Measure one kind of look-up in all ways."""
        where = "starts_with(message_id, $2)" if prefix else "message_id = $2"
        sql = where.replace("$2", "?")
        ours = [*self.logscan, "search", "-h", *(["--prefix"] if prefix else []), "--store", self.store]
        ways: dict[str, Callable[[str], list[str | Path]]] = {
            "logscan": lambda name: [*ours, name],
            "DuckDB": lambda name: [sys.executable, "-c", DUCKDB, self.store, name, sql],
            "polars": lambda name: [
                sys.executable, "-c", POLARS, self.store, name, "prefix" if prefix else "whole",
            ],
        }  # fmt: skip
        uses: dict[str, list[Use]] = {name: [] for name in ways}
        for name in names:
            counted = run(Command("", [*ours, "-c", name]))[0]
            entries = sum(int(line.rpartition(b":")[2]) for line in counted.splitlines())
            for way, argv in ways.items():
                output, use = run(Command(way, argv(name)))
                uses[way].append(use)
                if way != "logscan" and int(output) != entries:
                    raise SystemExit(f"{name}: {way} finds {int(output)} rows, the search {entries} entries")
        self.tell(what, uses)
        if shutil.which("rg") and not prefix:
            self.of_one_log(f"{what}: rg -z of the `.gz`", ["rg", "-z", "-c", "-F", names[0], self.sample])
        if self.ir.exists() and not prefix:
            self.of_one_log(f"{what}: CLP's IR", [sys.executable, "-c", CLP, self.ir, names[0]])

    def of_one_log(self, what: str, argv: list[str | Path]) -> None:
        """Measure a program that reads all there is, on one log."""
        use = run(Command("", argv))[1]
        self.say(what, f"{use.wall * self.count:,.1f} s", "of one log, multiplied")

    def tell(self, what: str, uses: Mapping[str, Sequence[Use]]) -> None:
        """Add the rows of some ways."""
        duck = statistics.median(use.wall for use in uses["DuckDB"])
        for way, held in uses.items():
            wall, cpu = (
                statistics.median(values) for values in ([u.wall for u in held], [u.cpu for u in held])
            )
            peak = max(use.peak for use in held)
            self.say(
                f"{what}: {way}", f"{wall * 1e3:,.0f} ms", f"{cpu * 1e3:,.0f} ms CPU, {peak >> 10:,} MiB",
                f"{wall / duck:.2f} × DuckDB",
            )  # fmt: skip

    def report(self) -> None:
        """Measure a report of all failures of the store."""
        argv = [*self.logscan, "report", "--alert", "all", "--format", "csv", "--store", self.store]
        uses = [run(Command("", argv))[1] for _ in range(3)]
        wall = statistics.median(use.wall for use in uses)
        self.say("report of all", f"{wall:.2f} s", f"{max(use.peak for use in uses) >> 10:,} MiB")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=int, default=50, metavar="GIB", help="logs; default: %(default)s")
    parser.add_argument("--piece", type=generate.parse_size, default=1 << 30, help="default: 1GiB")
    parser.add_argument("--failing", type=float, default=0.001, help="share of failing messages")
    parser.add_argument("--layout", default=generate.USUAL.layout, help="one of the generator's")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--data", type=Path, help="folder of the store; default: a temporary folder")
    parser.add_argument("--logscan", help="the command to measure; default: this Python's")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    args = parser.parse_args()
    logscan = [args.logscan] if args.logscan else [sys.executable, "-m", "logscan"]
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = args.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(
            folder, args.size, args.piece, args.failing,
            rounds=args.rounds, logscan=logscan, layout=args.layout,
        )  # fmt: skip
        bench.fill()
        bench.sizes()
        bench.look_ups()
        bench.report()
    size = args.size * args.piece / 2**30
    layout = "" if args.layout == generate.USUAL.layout else f", {args.layout}"
    title = (
        f"## Look-ups in a store of {size:g} GiB, {args.failing:.1%} failing{layout}, {datetime.now().date()}"
    )
    text = "\n".join([title, "", machine(), "", "| what | | | |", "|---|---|---|---|", *bench.rows, ""])
    with args.output.open("a") as file:
        file.write("\n" + text)


if __name__ == "__main__":
    main()
