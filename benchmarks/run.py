"""Compare logscan with other tools, in one run, on generated data; write the table to RESULTS.md.

    python benchmarks/run.py                    # 1 GiB, five rounds, all jobs, to RESULTS.md
    python benchmarks/run.py --size 10GiB       # only the jobs that also run on large data
    python benchmarks/run.py --quick            # 8 MiB, compares answers, no times; for .ci/run

Times are those of whole processes with start-up, a warm page cache and alternating rounds. Before a job is
timed, all its commands must give the same answer. ``--install`` installs missing tools (apt-get and pip, as
root). Otherwise they are left out, and the table names them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, cast

import generate

HERE = Path(__file__).parent
LITERALS = ("handshakeFailed", "handshakeTimeout", "javax.net.ssl.SSL", "Received fatal alert")
APT = ("ripgrep", "mawk", "lnav")
PYPI = ("duckdb", "polars")

RE_LOOP = r"""
import re, sys
from collections import Counter
header = re.compile(r"^\S+ \S+ (?:org:(\S+) )?(?:env:(\S+) )?(?:api:(\S+) )?.*handshakeFailed\(\) : SSLC"
                    r".*message: (?:\(\w+\) )?Received fatal alert: (\w+)")
counts = Counter()
with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
    for line in file:
        found = header.match(line)
        if found:
            counts[found.groups()] += 1
for key, number in sorted(counts.items()):
    print(*key, number)
"""
MAWK = r"""
/handshakeFailed\(\) : SSLC.*Received fatal alert: / {
    o = e = a = ""
    for (i = 3; i <= 5; i++) {
        if ($i ~ /^org:/) o = substr($i, 5)
        if ($i ~ /^env:/) e = substr($i, 5)
        if ($i ~ /^api:/) a = substr($i, 5)
    }
    count[o " " e " " a " " $NF]++
}
END { for (key in count) print key, count[key] }
"""
DUCKDB = r"""
import duckdb, sys
duckdb.sql("set enable_progress_bar = false")
rows = duckdb.sql(f'''
  select regexp_extract(line, 'org:(\\S+)', 1) o, regexp_extract(line, 'env:(\\S+)', 1) e,
         regexp_extract(line, 'api:(\\S+)', 1) a,
         regexp_extract(line, 'Received fatal alert: (\\w+)', 1) alert, count(*)
  from read_csv('{sys.argv[1]}', columns={{'line': 'VARCHAR'}}, delim='\x01', quote='', escape='',
                header=false, max_line_size=10000000, auto_detect=false)
  where contains(line, 'handshakeFailed() : SSLC') and contains(line, 'Received fatal alert: ')
  group by all order by all''').fetchall()
for row in rows:
    print(*row)
"""
HEADER = (
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) +(?:org:(\S+) )?(?:env:(\S+) )?(?:api:(\S+) )?(?:rev:(\S+) )?"
    r"(?:messageid:(\S+) )?(\S+) ([A-Z]+) (\S+) - (?:(\S+)\.(\S+)\(\) : )?(.*)"
)
NAMES = (
    "time", "org", "env", "proxy", "revision", "message_id", "thread", "level", "logger", "class", "method",
    "message",
)  # fmt: skip
DUCKDB_EXPORT = rf"""
import duckdb, sys
duckdb.sql("set enable_progress_bar = false")
duckdb.sql(f'''
  copy (select f.* from (
    select regexp_extract(line, '{HEADER.replace("{", "{{").replace("}", "}}")}', {list(NAMES)}) f
    from read_csv('{{sys.argv[1]}}', columns={{{{'line': 'VARCHAR'}}}}, delim='\x01', quote='', escape='',
                  header=false, max_line_size=10000000, auto_detect=false)
    where line ~ '^\d{{{{4}}}}-')) to '{{sys.argv[2]}}' (format parquet, compression zstd)''')
"""
_names = iter(NAMES)
NAMED = re.sub(r"(?<!\\)\((?!\?)", lambda _: f"(?<{next(_names)}>", HEADER)
POLARS_EXPORT = rf"""
import polars as pl, sys
(pl.scan_csv(sys.argv[1], has_header=False, new_columns=["line"], separator="\x01", quote_char=None)
 .select(pl.col("line").str.extract_groups(r"{NAMED}")).unnest("line").filter(pl.col("time").is_not_null())
 .sink_parquet(sys.argv[2], compression="zstd"))
"""
"""Both leave out all lines of an entry after the first, so they write less than logscan."""


@dataclass
class Command:
    """One way to do a job."""

    name: str
    argv: Sequence[str | Path]
    answer: Callable[[bytes], object] = lambda data: len(data.splitlines())
    """Makes the answer of the output. It must be equal for all commands of a job."""
    asked: Sequence[str | Path] | None = None
    """The command that gives the answer, if it differs from the one that is timed."""
    stdin: Path | None = None
    times: list[float] = field(default_factory=list)
    peak: int = 0
    """Largest resident set, KiB."""


@dataclass
class Job:
    """Commands that do the same work."""

    name: str
    size: int
    commands: list[Command]
    compare: bool = True


RUNNER = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([time.perf_counter() - begun, usage.ru_maxrss], file)
"""
"""Runs a command from a small process: peak memory of a child includes that of its parent at the fork."""


def run(command: Command, asked: bool = False) -> tuple[bytes, float, int]:
    """Output, seconds and peak KiB of one whole process."""
    parts = command.asked if asked and command.asked else command.argv
    with (
        tempfile.TemporaryFile() as out,
        tempfile.NamedTemporaryFile() as told,
        open(command.stdin or os.devnull, "rb") as given,
    ):
        argv = [sys.executable, "-S", "-c", RUNNER, told.name, *(str(part) for part in parts)]
        subprocess.run(argv, stdin=given, stdout=out, check=True)
        seconds, peak = json.load(told)
        out.seek(0)
        return out.read(), seconds, peak


def aggregated(data: bytes) -> object:
    """The counts by org, env, proxy and alert, from lines of text."""
    rows = [line.split() for line in data.decode().splitlines()]
    return {tuple(row[:-1]): int(row[-1]) for row in rows}


def from_logscan(data: bytes) -> object:
    """The same counts from logscan's JSON lines: southbound alerts that channel lines received."""
    counts: Counter[tuple[str, ...]] = Counter()
    for line in data.decode().splitlines():
        row = json.loads(line)
        if row["refused_by"] == "peer" and row["channel_id"] and row["side"] == "southbound":
            counts[row["org"], row["env"], row["proxy"], row["alert"]] += 1
    return dict(counts)


def incidents(data: bytes) -> object:
    """The counts of a report, without the columns that depend on file names."""
    rows = json.loads(data)["incidents"]
    return [[row[name] for name in ("org", "env", "proxy", "alert", "failed_handshakes")] for row in rows]


def last_quarter(path: Path) -> str:
    """The time a quarter of an hour before the end of a log."""
    with path.open("rb") as file:
        file.seek(-65536, os.SEEK_END)
        lines = [line for line in file.read().decode().splitlines()[1:] if line.startswith("20")]
    return str(datetime.fromisoformat(lines[-1][:23]) - timedelta(minutes=15))


def other_alerts(data: bytes) -> object:
    """The alerts that a report counts outside its selection."""
    return sorted(json.loads(data)["outside_selection"]["alerts"].items())


def rows_of(path: Path) -> Callable[[bytes], object]:
    """Counts of an exported file: rows, values of some columns, a hash of the ids, the size of the texts."""

    def read(_: bytes) -> object:
        import pyarrow.parquet as pq

        table = pq.read_table(path, columns=["level", "proxy", "message_id", "message"])
        column = {name: [value or None for value in table[name].to_pylist()] for name in table.column_names}
        return [
            table.num_rows,
            sorted(Counter(column["level"]).items(), key=str),
            sorted(Counter(column["proxy"]).items(), key=str),
            hash(tuple(column["message_id"])),
            sum(len((value or "").strip()) for value in column["message"]),
        ]

    return read


def first_number(data: bytes) -> object:
    """The count that a search tool prints."""
    return int(data.split()[-1].rpartition(b":")[2])


def data_file(
    folder: Path, name: str, size: int, *, failing: float, seed: int, milliseconds: float = 2.0
) -> Path:
    """A generated log, written once."""
    path = folder / name
    if not path.exists():
        with path.open("wb") as log, path.with_name(name + ".truth.jsonl").open("w") as truth:
            generate.write(log, truth, size, seed=seed, failing=failing, milliseconds=milliseconds)
    return path


def packed(path: Path, suffix: str) -> Path:
    """The packed form of a log."""
    target = path.with_name(path.name + suffix)
    if not target.exists():
        with path.open("rb") as data, open_packed(target, suffix) as out:
            shutil.copyfileobj(data, out, 1 << 20)
    return target


def open_packed(path: Path, suffix: str) -> IO[bytes]:
    """An open file to write, packed according to the suffix."""
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb", 6))
    if suffix == ".zst":
        from backports import zstd

        return cast("IO[bytes]", zstd.open(path, "wb", level=3))
    return path.open("wb")


def split(path: Path, parts: int, suffix: str) -> Path:
    """The same log as a rotated log of many files."""
    folder = path.with_name(f"{path.stem}-{parts}{suffix}")
    if not folder.exists():
        folder.mkdir()
        step = path.stat().st_size // parts + 1
        with path.open("rb") as data:
            for number in range(parts):
                with open_packed(folder / f"system-2026-11-23.{number}.log{suffix}", suffix) as out:
                    out.write(data.read(step))
    return folder


def ids_of(path: Path, count: int) -> list[str]:
    """Message ids from random places of a log."""
    rnd = random.Random(1)
    found: list[str] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(found) < count:
            file.seek(rnd.randrange(max(1, size - 4096)))
            at = (text := file.read(4096)).find(b"messageid:")
            if at >= 0 and (end := text.find(b" ", at)) > 0:
                name = text[at + 10 : end].decode()
                if name not in found[-50:]:
                    found.append(name)
    return list(dict.fromkeys(found))


def jobs(folder: Path, size: int, logscan: str, large: bool, python: str) -> list[Job]:
    """All jobs on data of one size."""
    name = f"plain-{size // (1 << 20)}MiB.log" if not large else "plain-10GiB.log"
    plain = data_file(folder, name, size, failing=0.001, seed=7)
    one = ids_of(plain, 1)[0]
    many = folder / f"ids-{size >> 20}.txt"
    many.write_text("\n".join(ids_of(plain, 3000)) + "\n")
    literals = [part for literal in LITERALS for part in ("-e", literal)]
    report = [logscan, "report", "--alert", "all"]
    member = rf"^.*messageid:{one} .*\n(?:(?!\d{{4}}-\d\d-\d\d ).*\n)*"
    length: Callable[[bytes], object] = len
    everything = [
        Job(
            "report: all TLS failures",
            size,
            [
                Command(
                    "logscan",
                    [*report, plain],
                    from_logscan,
                    [*report, "--each", "--format", "jsonl", plain],
                ),
                Command("mawk", ["mawk", MAWK, plain], aggregated),
                Command("DuckDB", [python, "-c", DUCKDB, plain], aggregated),
                Command("re loop", [sys.executable, "-c", RE_LOOP, plain], aggregated),
            ],
        ),
        Job(
            "report beside a bare count",
            size,
            [
                Command("logscan", [*report, plain]),
                Command("rg -c, same literals", ["rg", "-c", *literals, plain]),
                Command("grep -c, same literals", ["grep", "-c", "-F", *literals, plain]),
            ],
            compare=False,
        ),
        Job(
            "search: one id, matching lines",
            size,
            [
                Command("logscan", [logscan, "search", "-c", one, plain], first_number),
                Command("grep -F", ["grep", "-cF", one + " ", plain], first_number),
                Command("rg -F", ["rg", "-cF", one + " ", plain], first_number),
                Command(
                    "lnav",
                    ["lnav", "-n", "-c", f":filter-in {one} ", plain],
                    lambda data: len(data.splitlines()),
                ),
            ],
        ),
        Job(
            "search: one id, whole entries",
            size,
            [
                Command("logscan", [logscan, "search", one, plain], length),
                Command(
                    "rg -U, whole entries", ["rg", "-U", "-P", "--no-filename", "-N", member, plain], length
                ),
            ],
        ),
        Job(
            "search -f: 3,000 ids",
            size,
            [
                Command("logscan", [logscan, "search", "-c", "-f", many, plain], first_number),
                Command("grep -F -f", ["grep", "-cwF", "-f", many, plain], first_number),
                Command("rg -F -f", ["rg", "-cwF", "-f", many, plain], first_number),
            ],
        ),
    ]
    if large:
        slow = ("re loop", "rg -U, whole entries", "lnav")  # they take minutes and gigabytes of memory
        for job in everything:
            job.commands = [command for command in job.commands if command.name not in slow]
        return [job for job in everything if len(job.commands) > 1]
    busy = data_file(folder, f"busy-{size >> 20}MiB.log", size, failing=0.1, seed=9)
    gz, zst = packed(plain, ".gz"), packed(plain, ".zst")
    files = split(plain, 40, ".gz")
    plain_files = split(plain, 40, "")
    table = [logscan, "report", "--alert", "bad_certificate", "--format", "json"]
    out = {name: folder / f"{name}.parquet" for name in ("logscan", "polars", "duckdb")}
    pace = 60.0 * (1 << 30) / size
    days = data_file(folder, f"days-{size >> 20}MiB.log", size, failing=0.001, seed=11, milliseconds=pace)
    hour = [logscan, "report", "--alert", "all", "--format", "json", "--tz", "UTC", "--since"]
    return [
        *everything,
        Job(
            "export: every entry to Parquet",
            size,
            [
                Command(
                    "logscan", [logscan, "export", plain, "-q", "-o", out["logscan"]], rows_of(out["logscan"])
                ),
                Command(
                    "polars", [python, "-c", POLARS_EXPORT, plain, out["polars"]], rows_of(out["polars"])
                ),
                Command(
                    "DuckDB", [python, "-c", DUCKDB_EXPORT, plain, out["duckdb"]], rows_of(out["duckdb"])
                ),
            ],
        ),
        Job(
            "report at 10 % failing",
            size,
            [
                Command("logscan", [*report, busy]),
                Command("logscan, 1 worker", [*report, "--workers", "1", busy]),
                Command("logscan at 0.1 %", [*report, plain]),
            ],
            compare=False,
        ),
        Job(
            "report of the last quarter of an hour of a day and a half",
            size,
            [
                Command("logscan", [*hour, last_quarter(days), days], incidents),
                Command("logscan, all read", [*hour, last_quarter(days), "-"], incidents, stdin=days),
            ],
        ),
        Job(
            "report over .gz",
            size,
            [Command("logscan", [*report, gz]), Command("rg -z -c", ["rg", "-z", "-c", *literals, gz])],
            compare=False,
        ),
        Job(
            "report over .zst",
            size,
            [Command("logscan", [*report, zst]), Command("rg -z -c", ["rg", "-z", "-c", *literals, zst])],
            compare=False,
        ),
        Job(
            "report over 40 files .gz",
            size,
            [
                Command("logscan, 2 workers", [*table, files], other_alerts),
                Command("logscan, 1 worker", [*table, "--workers", "1", files], other_alerts),
            ],
        ),
        Job(
            "report over 40 plain files",
            size,
            [
                Command("logscan, 2 workers", [*table, plain_files], other_alerts),
                Command("logscan, 1 worker", [*table, "--workers", "1", plain_files], other_alerts),
            ],
        ),
        Job(
            "start-up",
            0,
            [
                Command("logscan search --help", [logscan, "search", "--help"]),
                Command("logscan search, empty file", [logscan, "search", "x", "/dev/null"]),
                Command("python -c pass", [python, "-c", "pass"]),
            ],
            compare=False,
        ),
    ]


def tail_throughput(folder: Path, source: Path, logscan: str) -> tuple[float, int]:
    """MiB/s at which tail reads appended lines, and the number of failures that it prints."""
    truth = source.with_name(source.name + ".truth.jsonl").read_text().count("\n")
    live = folder / "live.log"
    live.write_bytes(b"")
    process = subprocess.Popen(
        [logscan, "tail", "--all", "--quiet-time", "0.05", "--poll-interval", "0.01", live],
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    time.sleep(1.5)
    begun = time.perf_counter()
    with source.open("rb") as data, live.open("ab", buffering=0) as out:
        while block := data.read(1 << 20):
            out.write(block)
    for _ in range(truth):
        process.stdout.readline()
    seconds = time.perf_counter() - begun - 0.05
    process.terminate()
    process.wait()
    process.stdout.close()
    live.unlink()
    return source.stat().st_size / seconds / (1 << 20), truth


def quiet_cost(folder: Path, logscan: str) -> float:
    """Share of one core that a tail of 100 quiet files takes."""
    quiet = folder / "quiet"
    quiet.mkdir(exist_ok=True)
    for number in range(100):
        (quiet / f"mp{number:03}.log").write_text("2026-11-23 00:00:00,000 main INFO A - x\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    short = subprocess.Popen([logscan, "tail", quiet], stdout=subprocess.DEVNULL)
    time.sleep(2)
    short.terminate()
    short.wait()
    middle = resource.getrusage(resource.RUSAGE_CHILDREN)
    long = subprocess.Popen([logscan, "tail", quiet], stdout=subprocess.DEVNULL)
    time.sleep(12)
    long.terminate()
    long.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    def used(later: resource.struct_rusage, earlier: resource.struct_rusage) -> float:
        return later.ru_utime + later.ru_stime - earlier.ru_utime - earlier.ru_stime

    return (used(after, middle) - used(middle, before)) / 10


def install() -> None:
    """Install the other tools with apt-get and pip."""
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    subprocess.run(["apt-get", "install", "-y", "-qq", *APT], check=False)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *PYPI], check=False)


def have(command: Command) -> bool:
    """Whether a tool is installed."""
    program = str(command.argv[0])
    if command.name in ("DuckDB", "polars"):
        load = [program, "-c", f"import {command.name.lower()}"]
        return subprocess.run(load, capture_output=True, check=False).returncode == 0
    return shutil.which(program) is not None


def machine() -> str:
    """Processor, cores and versions of this machine."""
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}"


def check(job: Job) -> None:
    """End the run if the commands of a job give different answers."""
    answers = {command.name: command.answer(run(command, asked=True)[0]) for command in job.commands}
    if (
        job.compare
        and len({repr(sorted(a.items()) if isinstance(a, dict) else a) for a in answers.values()}) != 1
    ):
        raise SystemExit(f"{job.name}: the answers differ: {answers}")


def measure(job: Job, rounds: int) -> list[str]:
    """Time the commands in alternating rounds; return rows of the table, with ratios to the first."""
    for _ in range(rounds):
        for command in job.commands:
            _, seconds, peak = run(command)
            command.times.append(seconds)
            command.peak = max(command.peak, peak)
    ours = statistics.median(job.commands[0].times)
    rows = []
    for at, command in enumerate(job.commands):
        low, name = min(command.times), "" if at else job.name
        median = statistics.median(command.times)
        rate = f"{job.size / median / 1e9:.2f}" if job.size else ""
        ratio = "" if not at else f"{ours / median:.2f}"
        rows.append(
            f"| {name} | {command.name} | {median:.3f} | {low:.3f} | {rate} | {ratio} |"
            f" {command.peak / 1024:.0f} |"
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=generate.parse_size, default=1 << 30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder of the logs; default: a temporary folder")
    parser.add_argument("--logscan", default=shutil.which("logscan"), help="the command to measure")
    parser.add_argument("--quick", action="store_true", help="compare answers on little data, without times")
    parser.add_argument("--install", action="store_true", help="install missing tools first")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    args = parser.parse_args()
    if args.install:
        install()
    size = 8 << 20 if args.quick else args.size
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        todo = jobs(folder, size, args.logscan, size >= 10 << 30, sys.executable)
        missing: set[str] = set()
        for job in todo:
            missing |= {command.name for command in job.commands if not have(command)}
            job.commands = [command for command in job.commands if have(command)]
            check(job)
        if args.quick:
            print(
                f"{len(todo)} jobs: all answers are equal;"
                f" left out: {', '.join(sorted(missing)) or 'nothing'}"
            )
            return
        head = [
            "| job | command | median s | minimum s | GB/s | logscan ÷ this | peak MiB |",
            "|---|---|---|---|---|---|---|",
        ]
        rows = [row for job in todo for row in measure(job, args.rounds)]
        more = []
        if size < 10 << 30:
            rate, count = tail_throughput(folder, folder / f"plain-{size >> 20}MiB.log", args.logscan)
            more = [
                f"- `tail --all` on appended lines: {rate:.0f} MiB/s; all of {count:,} failures were printed",
                f"- `tail` of 100 quiet files: {quiet_cost(folder, args.logscan) * 100:.2f} % of one core",
            ]
        title = f"## {size >> 30} GiB, {args.rounds} rounds, {datetime.now().date()}"
        left_out = f"\nLeft out: {', '.join(sorted(missing))}.\n" if missing else ""
        text = "\n".join([title, "", machine(), left_out, *head, *rows, "", *more, ""])
        with args.output.open("a") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
