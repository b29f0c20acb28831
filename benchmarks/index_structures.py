"""Compare structures that map a message id to blocks of a log: size, time to build, time of a look-up.

Each structure gets the same postings (32 bits of an id, the number of a block of 128 KiB) of one generated
log. A look-up is timed inside a running Python, and as a new process with its imports.

    python benchmarks/index_structures.py [--size 1GiB]

Needs lmdb and logscan[archive].
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from generate import parse_size, write

from logscan._index.postings import Collector
from logscan._jobs.index import BLOCK_BYTES

Postings = list[tuple[int, int]]
LOOK_UPS = 200


def rows(folder: Path, postings: Postings) -> None:
    """SQLite with one row per posting."""
    base = sqlite3.connect(folder / "index", isolation_level=None)
    base.execute("CREATE TABLE p(h INTEGER, b INTEGER, PRIMARY KEY(h, b)) WITHOUT ROWID")
    base.execute("BEGIN")
    base.executemany("INSERT INTO p VALUES(?, ?)", postings)
    base.execute("COMMIT")
    base.close()


def buckets(folder: Path, postings: Postings) -> None:
    """SQLite with one blob per bucket of 2,048 postings, as logscan has it."""
    collector = Collector()
    collector._found = [value << 16 | block for value, block in postings]  # noqa: SLF001 - no text here
    base = sqlite3.connect(folder / "index", isolation_level=None)
    base.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, hashes BLOB, blocks BLOB)")
    base.execute("BEGIN")
    base.executemany("INSERT INTO p VALUES(NULL, ?, ?)", collector.buckets())
    base.execute("COMMIT")
    base.close()


def flat(folder: Path, postings: Postings) -> None:
    """A sorted file with eight bytes per posting."""
    values = b"".join((value << 16 | block).to_bytes(8, "little") for value, block in postings)
    (folder / "index").write_bytes(values)


def table(postings: Postings) -> pa.Table:
    """The postings in two columns."""
    values, blocks = zip(*postings, strict=True)
    return pa.table({"h": pa.array(values, pa.int64()), "b": pa.array(blocks, pa.int32())})


def duck(folder: Path, postings: Postings) -> None:
    """A sorted table of DuckDB."""
    import duckdb

    with duckdb.connect(str(folder / "index")) as base:
        base.register("t", table(postings))
        base.execute("CREATE TABLE p AS SELECT * FROM t ORDER BY h")


def lmdb(folder: Path, postings: Postings) -> None:
    """LMDB with keys and no values."""
    import lmdb

    keys = (value.to_bytes(4, "big") + block.to_bytes(3, "big") for value, block in postings)
    with (
        lmdb.open(str(folder / "index"), map_size=1 << 32) as base,
        base.begin(write=True) as change,
        change.cursor() as cursor,
    ):
        cursor.putmulti(((key, b"") for key in keys), append=True)


def parquet(folder: Path, postings: Postings) -> None:
    """A sorted Parquet file with row groups of 65,536."""
    pq.write_table(
        table(postings), folder / "index", compression="zstd", row_group_size=1 << 16, use_dictionary=False,
        column_encoding="DELTA_BINARY_PACKED",
    )  # fmt: skip


class Structure(NamedTuple):
    """One structure for postings."""

    name: str
    build: object
    find: str
    """Code of the process: it defines ``find(hash)``, which returns the blocks."""


STRUCTURES = (
    Structure("SQLite, a row a posting", rows, """
import sqlite3
base = sqlite3.connect("index")
def find(h):
    return [b for b, in base.execute("SELECT b FROM p WHERE h = ?", (h,))]
"""),
    Structure("SQLite, a blob a bucket", buckets, """
import sqlite3
from logscan._index.postings import blocks_of, bucket_of
base = sqlite3.connect("index")
n = base.execute("SELECT max(id) FROM p").fetchone()[0]
def find(h):
    row = base.execute("SELECT hashes, blocks FROM p WHERE id = ?", (bucket_of(h, n) + 1,)).fetchone()
    return blocks_of(h, *row)
"""),
    Structure("a sorted file, halved", flat, """
import os
file = os.open("index", os.O_RDONLY)
n = os.fstat(file).st_size // 8
def at(i):
    return int.from_bytes(os.pread(file, 8, 8 * i), "little")
def find(h):
    low, high, found = 0, n, []
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if at(middle) >> 16 < h else (low, middle)
    while low < n and (v := at(low)) >> 16 == h:
        found.append(v & 0xFFFF)
        low += 1
    return found
"""),
    Structure("DuckDB, sorted", duck, """
import duckdb
base = duckdb.connect("index", read_only=True)
def find(h):
    return [b for b, in base.execute("SELECT b FROM p WHERE h = ?", (h,)).fetchall()]
"""),
    Structure("LMDB", lmdb, """
import lmdb
base = lmdb.open("index", readonly=True, lock=False)
asking = base.begin()
def find(h):
    key, found = h.to_bytes(4, "big"), []
    with asking.cursor() as cursor:
        there = cursor.set_range(key)
        while there and cursor.key()[:4] == key:
            found.append(int.from_bytes(cursor.key()[4:], "big"))
            there = cursor.next()
    return found
"""),
    Structure("Parquet, sorted, zstd", parquet, """
import pyarrow.compute as pc, pyarrow.parquet as pq
file = pq.ParquetFile("index")
about = [file.metadata.row_group(i).column(0).statistics for i in range(file.num_row_groups)]
def find(h):
    found = []
    for i, group in enumerate(about):
        if group.min <= h <= group.max:
            rows = file.read_row_group(i)
            found += rows.filter(pc.equal(rows["h"], h))["b"].to_pylist()
    return found
"""),
)  # fmt: skip


def postings_of(log: Path) -> Postings:
    """All postings of a log, sorted."""
    collector = Collector()
    with log.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            collector.add(data)
    return [(value >> 16, value & 0xFFFF) for value in sorted(set(collector._found))]  # noqa: SLF001


def measure(structure: Structure, folder: Path, postings: Postings, sought: Postings, size: int) -> None:
    """Measure one structure, and print its row of the table."""
    begun = time.perf_counter()
    assert callable(structure.build)
    structure.build(folder, postings)
    built = time.perf_counter() - begun
    held = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    inside = float(
        run(
            folder,
            f"{structure.find}\nimport time\ntimes = []\nfor h, b in {sought!r}:\n"
            "    begun = time.perf_counter()\n    found = find(h)\n"
            "    times.append(time.perf_counter() - begun)\n    assert b in found\n"
            "print(sorted(times)[len(times) // 2])",
        )
    )
    whole: list[float] = []
    for value, _ in sought[:9]:
        begun = time.perf_counter()
        run(folder, f"{structure.find}\nfind({value})")
        whole.append(time.perf_counter() - begun)
    print(
        f"{structure.name:26}{held / size:>9.2%}{built:>9.1f}{inside * 1e6:>12,.0f}"
        f"{statistics.median(whole) * 1e3:>12,.0f}",
        flush=True,
    )


def run(folder: Path, code: str) -> str:
    """The output of a Python process."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder
    )
    return done.stdout


def main() -> None:
    """Build and measure all structures with the same look-ups."""
    options = argparse.ArgumentParser()
    options.add_argument("--size", type=parse_size, default=parse_size("1GiB"))
    asked = options.parse_args()
    work = Path(tempfile.mkdtemp(prefix="index-structures-"))
    try:
        log = work / "system.log"
        with log.open("wb") as file:
            size = write(file, None, asked.size, seed=7)
        postings = postings_of(log)
        log.unlink()
        print(f"{size / 2**20:,.0f} MiB, {len(postings):,} postings")
        sought = random.Random(7).choices(postings, k=LOOK_UPS)
        print(f"{'':26}{'% of log':>9}{'build s':>9}{'look-up us':>12}{'process ms':>12}")
        for number, structure in enumerate(STRUCTURES):
            folder = work / str(number)
            folder.mkdir()
            measure(structure, folder, postings, sought, size)
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
