"""Compare logscan with other tools and with another logscan, in one run, on generated data.

    python benchmarks/run.py                              # 1 GiB, five rounds, all jobs, to RESULTS.md
    python benchmarks/run.py --beside ./older --rounds 3  # with another version beside it
    python benchmarks/run.py --jobs 'shares|tail'         # only these
    python benchmarks/run.py --size 10GiB                 # only the jobs that also run on large data
    python benchmarks/run.py --quick                      # 8 MiB, compares answers, no times; for .ci/run

The first table says what each goal is and what was reached; the second has every command. Times are those
of whole processes with start-up, a warm page cache and alternating rounds; before that, all commands of a job
that answer the same question must have given the same answer. ``--install`` installs missing tools (apt-get
and pip, as root). Otherwise they are left out, and the table names them. Another logscan is a command that
takes the same arguments and replaces its process, such as this script::

    #!/bin/sh
    cd /path/to/older/checkout && PYTHONPATH=. exec /path/to/venv/bin/python -m logscan "$@"
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import following
import generate
import peers
from comparisons import JOBS, Comparisons, Tool, truths
from generate import Recipe
from inputs import data_file
from measuring import HEAD, Job, compared, cores, goals, imported, machine, measure, rows

HERE = Path(__file__).parent
NEWEST = "<!-- newest first -->\n"
"""Before the newest table of RESULTS.md."""
HEAVY = ("numpy", "pyarrow", "pandas")
"""Modules that a job on sparse logs must not import."""
NAMED = (*HEAVY, "rich", "ahocorasick_rs", "multiprocessing", "asyncio", "sqlite3", "duckdb", "distributed")
"""Modules whose import is worth a word."""
LARGE = 10 << 30
RATE = 15e6
"""Bytes a second that a writer appends while tail follows."""


def imports(jobs: Comparisons) -> Iterator[str]:
    """Rows for what the sparse jobs of each logscan import; the first one must do without heavy modules."""
    sparse: dict[str, list[str | Path]] = {
        "search": ["search", "x", "/dev/null"],
        "report": ["report", "--alert", "all", jobs.plain],
        "report, 1 worker": ["report", "--alert", "all", "--workers", "1", jobs.plain],
    }
    for name, arguments in sparse.items():
        cells = []
        for number, tool in enumerate(jobs.tools):
            found = imported([tool.path, *arguments])
            heavy = sorted(found & set(HEAVY))
            if heavy and not number:
                raise SystemExit(f"{name}: {tool.label} imports {', '.join(heavy)}")
            cells.append(", ".join(sorted(found & set(NAMED))) or "none of note")
        yield f"| imports | {name}: no {', '.join(HEAVY)} | {' | '.join(cells)} |"


def tailing(jobs: Comparisons) -> Iterator[str]:
    """Rows for tail where every message fails."""
    size = max(1 << 20, jobs.size // 4)
    dense = jobs.failing(1.0, size)
    # 300 messages at once, a second of log for 25,000 entries: all entries of a message are near each other
    wide = data_file(
        jobs.folder, f"wide-{size // 1024}k.log", size, failing=1.0, milliseconds=0.08,
        recipe=Recipe(concurrent=300),
    )  # fmt: skip
    quiet = "5" if jobs.scale == 1 else "1"
    cases = (
        ("catching up", dense, ()),
        (f"catching up, --quiet-time {quiet} (many open messages)", dense, ("--quiet-time", quiet)),
        ("catching up, 300 messages at once", wide, ()),
    )
    for name, log, more in cases:
        expected = truths(log)
        cells = []
        for tool in jobs.tools:
            # As JSON: a line for each failure, in every version.
            argv = [tool.path, "tail", "--json", "--alert", "all", "--from-start", *more, log]
            caught = following.catch_up(argv, expected)
            if caught.printed != expected and tool is jobs.tools[0] and not caught.ended:
                raise SystemExit(f"tail, {name}: {caught.printed:,} of {expected:,} failures")
            share = min(1.0, caught.printed / expected)
            rate = log.stat().st_size * share / caught.cpu / 1e6
            text = f"{rate:.1f} MB a CPU second, {caught.wall:.1f} s, {caught.peak:.0f} MiB"
            if caught.printed != expected:
                text += f", {caught.printed:,} of {expected:,} failures"
            cells.append(text if rate >= 25 and caught.peak <= 150 else f"**{text}**")
        yield f"| tail | {name}: ≥ 25 MB a CPU second, ≤ 150 MiB | {' | '.join(cells)} |"


def lagging(jobs: Comparisons) -> Iterator[str]:
    """Rows for tail beside a writer."""
    log = jobs.failing(1.0, max(1 << 20, jobs.size // 4))
    cells = []
    for tool in jobs.tools:
        live = jobs.folder / "live.log"
        lag = following.keep_up([tool.path, "tail", "--json", "--alert", "all", live], log, live, RATE)
        text = (
            f"median {lag.median:.2f} s, longest {lag.most:.2f} s at {lag.rate / 1e6:.0f} MB/s,"
            f" {lag.printed:,} of {lag.expected:,} failures"
        )
        cells.append(text if lag.most < 1 else f"**{text}**")
    yield f"| tail | lag < 1 s at {RATE / 1e6:.0f} MB/s, everything failing | {' | '.join(cells)} |"
    cells = [f"{following.quiet_cost(jobs.folder, tool.path) * 100:.2f} %" for tool in jobs.tools]
    yield f"| tail | 100 quiet files ≤ 0.5 % of a core | {' | '.join(cells)} |"


TABLES = (("start", imports), ("tail", tailing), ("tail", lagging))
"""What is measured in other ways than :mod:`measuring`'s, by the name of ``--jobs``."""


def tools_of(logscan: str, beside: str | None) -> list[Tool]:
    """The measured logscan, and another one."""
    found = [Tool("logscan", logscan)]
    if beside:
        asked = subprocess.run([beside, "--version"], check=True, capture_output=True, text=True)
        version = asked.stdout.split()[-1]
        found.append(Tool(f"other {version}", beside))
    return found


def chosen(comparisons: Comparisons, pattern: str) -> Iterator[Job]:
    """The jobs whose name a pattern finds, without the commands of missing tools."""
    for name, make, large in JOBS:
        if re.search(pattern, name) and (large or comparisons.size < LARGE):
            yield from make(comparisons)


def without_missing(job: Job, missing: set[str]) -> Job:
    """Leave out what is not installed, and note it."""
    kept = []
    for command in job.commands:
        if command.tool or peers.available(str(command.argv[0]), command.name.partition(",")[0]):
            kept.append(command)
        else:
            missing.add(command.name.partition(",")[0])
    job.commands = kept
    return job


def compare_only(comparisons: Comparisons, pattern: str) -> str:
    """All answers, without times; ends the run where two differ."""
    missing: set[str] = set()
    count = 0
    for job in chosen(comparisons, pattern):
        compared(without_missing(job, missing))
        count += 1
    for name, table in TABLES:
        if table is not lagging and re.search(pattern, name):
            list(table(comparisons))
            count += 1
    return f"{count} jobs: all answers are equal; left out: {', '.join(sorted(missing)) or 'nothing'}"


def measured(comparisons: Comparisons, pattern: str, rounds: int) -> tuple[list[str], list[str], set[str]]:
    """Rows of the table of goals and of that of all commands, and the tools that are missing."""
    missing: set[str] = set()
    labels = [tool.label for tool in comparisons.tools]
    short: list[str] = []
    long: list[str] = []
    for job in chosen(comparisons, pattern):
        measure(without_missing(job, missing), rounds)
        long += _shown(rows(job))
        short += _shown(goals(job, labels))
    if comparisons.size < LARGE:
        for name, table in TABLES:
            if re.search(pattern, name):
                short += _shown(table(comparisons))
    return short, long, missing


def _shown(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        print(line, flush=True)
        yield line


def section(args: argparse.Namespace, tools: Sequence[Tool], workers: Sequence[int]) -> str:
    """The title of a run, its machine and its tables."""
    args.data.mkdir(parents=True, exist_ok=True)
    comparisons = Comparisons(args.data, args.size, tools, workers)
    short, long, missing = measured(comparisons, args.jobs, args.rounds)
    size = f"{args.size >> 30} GiB" if args.size >> 30 else f"{args.size >> 20} MiB"
    head = "".join(f" {tool.label} |" for tool in tools)
    return "\n".join(
        [
            f"## {size}, {args.rounds} rounds, {datetime.now().date()}\n",
            f"{machine()}\n",
            *([f"Left out: {', '.join(sorted(missing))}.\n"] if missing else []),
            f"| job | goal |{head}\n|---|---|{'---|' * len(tools)}",
            *short,
            "\nGoals that were not reached are bold. All commands:\n",
            *HEAD,
            *long,
            "\n",
        ]
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=generate.parse_size, default=1 << 30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder of the logs; default: a temporary folder")
    parser.add_argument("--logscan", default=shutil.which("logscan"), help="the command to measure")
    parser.add_argument("--beside", help="another logscan to measure in the same jobs (see above)")
    parser.add_argument("--workers", help="numbers of workers, the first 1; default: 1 and all cores")
    names = ", ".join(dict.fromkeys([*(name for name, _, _ in JOBS), *(name for name, _ in TABLES)]))
    parser.add_argument("--jobs", default="", metavar="PATTERN", help=f"only these of {names}")
    parser.add_argument("--quick", action="store_true", help="compare answers on little data, without times")
    parser.add_argument("--install", action="store_true", help="install missing tools first")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    args = parser.parse_args()
    if not args.logscan:
        parser.error("there is no logscan to measure: name one with --logscan")
    workers = [int(number) for number in args.workers.split(",")] if args.workers else [1, max(2, cores())]
    if args.install:
        peers.install()
    tools = tools_of(args.logscan, args.beside)
    with tempfile.TemporaryDirectory() as temporary:
        args.data = args.data or Path(temporary)
        if args.quick:
            args.data.mkdir(parents=True, exist_ok=True)
            print(compare_only(Comparisons(args.data, 8 << 20, tools, workers), args.jobs))
            return
        text = section(args, tools, workers)
    before, mark, after = args.output.read_text().partition(NEWEST) if args.output.exists() else ("", "", "")
    args.output.write_text(
        f"{before}{mark or NEWEST}\n{text}{after}" if mark else f"{NEWEST}\n{text}{before}"
    )


if __name__ == "__main__":
    main()
