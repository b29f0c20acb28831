"""What a store of very many files costs: one more ingest, opening it, a look-up, the list of its logs.

A few hundred small logs are ingested by the command. Their Parquet files are then linked under further names,
hosts and dates, and committed with sources of their own, as an ingest commits them. Rows of linked files name
the source that they were made from, so a look-up is asked for an id of a log that was really ingested.

    python benchmarks/archive_files.py                     # 1,000 and 10,000 logs
    python benchmarks/archive_files.py 100000 --folder /data/tmp
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from generate import parse_size, write
from measuring import Command, run

from logscan._store.contents import Contents
from logscan._store.records import STATE, DataFile, Source, folder_of

TEMPLATES = 200
"""Logs that are really ingested."""
HOSTS_A_DAY = 1_000
FIRST_DAY = date(2025, 11, 23)
ABSENT = "router99.example.com-999999-9999999-1"


@dataclass
class Template:
    """One log that was really ingested."""

    source: Source
    files: list[DataFile]


def made_log(path: Path, size: int, seed: int) -> str:
    """Write a log of one host; returns the id of a message in it."""
    with path.open("wb") as log:
        write(log, None, size, seed=seed, failing=0.01, start=datetime(2026, 11, 23), milliseconds=20)
    found = re.search(rb"messageid:(\S+)", path.read_bytes())
    if found is None:
        raise SystemExit("no message in the log: make it larger")
    return found[1].decode()


def logscan(*arguments: str | Path) -> list[str]:
    """The argument vector of a command."""
    return [sys.executable, "-m", "logscan", *map(str, arguments)]


def templates(store: Path, logs: Path, size: int, count: int) -> list[Template]:
    """Ingest some logs as a user does."""
    logs.mkdir()
    for number in range(count):
        made_log(logs / f"mp{number:05d}.log", size, seed=number)
    run(Command("ingest", logscan("ingest", "-q", "--workers", "1", logs, "--store", store)))
    contents = Contents(str(store))
    found = {number: Template(source, []) for number, source in contents.sources.items()}
    for kind in ("entries", "failures"):
        for file in contents.of_kind(kind):
            found[file.sources[0]].files.append(file)
    statistics_of = {column: contents.log.bounds(column) for column in ("message_id", "org", "env", "proxy")}
    for template in found.values():
        for file in template.files:
            file.statistics = {
                column: bounds[file.name] for column, bounds in statistics_of.items() if file.name in bounds
            }
    return list(found.values())


def grow(store: Path, made: Sequence[Template], begin: int, end: int, batch: int) -> float:
    """Link and commit sources ``begin`` to ``end``; returns the median of the seconds of the last commits."""
    contents = Contents(str(store))
    work = str(store / ".incoming" / "grow")
    times: list[float] = []
    for at in range(begin, end, batch):
        numbers = range(at, min(at + batch, end))
        files: list[DataFile] = []
        sources: list[Source] = []
        for number in numbers:
            template = made[number % len(made)]
            source, new = linked(contents, store, template, number)
            sources.append(source)
            files += new
        contents.state.note(sources)
        begun = time.perf_counter()
        contents.commit("ingest", files, work=work)
        times.append(time.perf_counter() - begun)
        if sys.stderr.isatty():
            print(f"\r{numbers[-1] + 1:,}", end="", file=sys.stderr)
    return statistics.median(times[-10:]) if times else 0.0


def linked(contents: Contents, store: Path, template: Template, number: int) -> tuple[Source, list[DataFile]]:
    """A source like another, on a host and a day of its own, and its files."""
    host = f"mp{number % HOSTS_A_DAY:05d}"
    day = (FIRST_DAY + timedelta(days=number // HOSTS_A_DAY)).isoformat()
    place = f"/var/log/{host}/system-{day}.log"
    own = hashlib.blake2b(place.encode(), digest_size=16).hexdigest()
    source = replace(
        template.source, id=contents.new_number(), path=place, stem=f"/var/log/{host}/system.log", host=host,
        head=own, tail=own, rank=number, place=place, stamp=f"1:{number}:{template.source.size}:1",
        last=None, after=None,
    )  # fmt: skip
    files = []
    for file in template.files:
        begin, ending = file.name.rpartition("/")[2].removesuffix(".parquet"), ""
        if "-b" in begin:
            begin, _, ending = begin.rpartition("-b")
            ending = f"-b{ending}"
        folder = folder_of(file.kind, day, host)
        name = f"{folder}/{source.id:06d}-{secrets.token_hex(4)}{ending}.parquet"
        (store / folder).mkdir(parents=True, exist_ok=True)
        os.link(store / file.name, store / name)
        parts = [(source.id, first, last) for _, first, last in file.parts]
        files.append(replace(file, name=name, parts=parts))
    return source, files


def size_of(paths: Sequence[Path]) -> int:
    """Bytes of some files."""
    return sum(path.stat().st_size for path in paths)


def measured(store: Path, folder: Path, size: int, rounds: int) -> list[str]:
    """The row of one store, as whole processes: medians, and the largest peak."""
    seeds = iter(range(10_000_000, 11_000_000))
    wanted = ""

    def one_more() -> None:
        nonlocal wanted
        wanted = made_log(folder / f"mp-new-{secrets.token_hex(4)}.log", size, next(seeds))

    texts: list[str] = []
    peak = 0.0
    jobs = ["ingest", "absent", "id", "list"]
    uses: dict[str, list[tuple[float, float]]] = {job: [] for job in jobs}
    for _ in range(rounds):
        one_more()
        newest = max(folder.glob("mp-new-*.log"), key=lambda path: path.stat().st_mtime_ns)
        commands = {
            "ingest": logscan("ingest", "-q", "--workers", "1", newest, "--store", store),
            "absent": logscan("search", "-c", "-h", ABSENT, "--store", store),
            "id": logscan("search", "-c", "-h", wanted, "--store", store),
            "list": logscan("cat", "-l", "--store", store),
        }
        for job in jobs:
            output, use = run(Command(job, commands[job]))
            if job == "id" and int(output) < 1:
                raise SystemExit("the id of the last log is not found")
            uses[job].append((use.wall, use.cpu))
            peak = max(peak, use.peak / 1024)
    for job in jobs:
        wall = statistics.median(wall for wall, _ in uses[job])
        cpu = statistics.median(cpu for _, cpu in uses[job])
        texts.append(f"{wall:.2f} / {cpu:.2f}")
    return [*texts, f"{peak:,.0f}"]


def main(arguments: Sequence[str]) -> None:
    """Make the stores and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("logs", type=int, nargs="*", default=[1_000, 10_000], help="numbers of logs")
    parser.add_argument("--size", type=parse_size, default=parse_size("50kB"), help="bytes of each log")
    parser.add_argument("--batch", type=int, default=100, help="logs of a commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the stores are made; default: a temporary one")
    chosen = parser.parse_args(arguments)
    print("| logs | Parquet files | log, MB | state, MB | a commit of a batch, s | one more log, s / CPU s |"
          " absent id | an id | `cat -l` | peak, MiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        store = folder / "store"
        made = templates(store, folder / "logs", chosen.size, min(TEMPLATES, *chosen.logs))
        held = len(made)
        for count in sorted(chosen.logs):
            commit = grow(store, made, held, count, chosen.batch)
            held = max(held, count)
            contents = Contents(str(store))
            state = [store / file.name for file in contents.named(STATE)]
            log = [path for path in (store / "_delta_log").iterdir() if path.is_file()]
            row = measured(store, folder, chosen.size, chosen.rounds)
            print(f"| {count:,} | {len(contents.log.files):,} | {size_of(log) / 1e6:.1f} | "
                  f"{size_of(state) / 1e6:.1f} | {commit:.2f} | {' | '.join(row)} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
