"""The jobs: what is measured, beside what, and which figures are its goals.

Each method of :class:`Comparisons` makes one job or several of one kind. Data is generated when a job is
made, so jobs that are left out cost nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import peers
from generate import Recipe
from inputs import data_file, ids_of, last_quarter, packed, split, truth_of
from measuring import Command, Goal, Job, Named
from printing import LAYOUTS

Argument = str | Path
Answer = Callable[[bytes], object]
MEBIBYTE = 1 << 20
LINEAR = 4.4
"""At most so many times the work for four times the data: 4, and a tenth for what a machine does beside."""
EXCEPTIONS = (5_000, 10_000, 20_000)


class Tool(NamedTuple):
    """A logscan that is measured."""

    label: str
    path: str


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
    names = ("org", "env", "proxy", "alert", "side", "failed_handshakes")
    return sorted(([row[name] for name in names] for row in rows), key=str)


def failed(data: bytes) -> object:
    """All failed handshakes of a report."""
    return sum(row["failed_handshakes"] for row in json.loads(data)["incidents"])


def rows_of(path: Path) -> Answer:
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


def length(data: bytes) -> object:
    """How much was printed."""
    return len(data)


def times(name: str, base: str, of: str = "wall") -> Callable[[Named], float]:
    """A figure of one command, as a multiple of the same of another."""

    def value(named: Named) -> float:
        return float(getattr(named(name), of) / getattr(named(base), of))

    return value


def peak_goal(*names: str) -> Goal:
    """No process of these commands takes more than 150 MiB."""
    text = f"peak of a process ≤ 150 MiB ({', '.join(names)})"
    return Goal(text, 150, lambda named: max(named(name).peak for name in names), "MiB")


class Comparisons:
    """Makes jobs on data of one size, in one folder, for one or two logscans."""

    def __init__(self, folder: Path, size: int, tools: Sequence[Tool], workers: Sequence[int]) -> None:
        self.folder = folder
        self.size = size
        self.tools = tools
        self.workers = workers
        self.scale = min(1.0, size / (1 << 30))

    def ours(
        self,
        name: str,
        *arguments: Argument,
        answer: Answer = incidents,
        same: str | None = "",
        size: int | None = None,
        asked: Sequence[Argument] | None = None,
        stdin: Path | None = None,
    ) -> list[Command]:
        """A command of each logscan; the second one's answer is compared with the first one's."""
        return [
            Command(
                name,
                [tool.path, *arguments],
                answer,
                same=same,
                asked=asked and [tool.path, *asked],
                stdin=stdin,
                size=self.size if size is None else size,
                tool=tool.label,
            )
            for tool in self.tools
        ]

    def peer(
        self, name: str, *argv: Argument, answer: Answer = length, same: str | None = None, size: int = -1
    ) -> Command:
        """A command of another tool."""
        return Command(name, argv, answer, same=same, size=self.size if size < 0 else size)

    @property
    def plain(self) -> Path:
        """0.1 % of messages failing."""
        return self.failing(0.001)

    def failing(self, share: float, size: int = 0, *, recipe: Recipe | None = None, name: str = "") -> Path:
        """A log in which a share of messages fails."""
        size = size or self.size
        name = f"{name or 'log'}-{share:g}-{size // 1024}k.log"
        return data_file(self.folder, name, size, failing=share, recipe=recipe or Recipe())

    def all_workers(
        self, name: str, *arguments: Argument, answer: Answer = incidents, same: str = ""
    ) -> list[Command]:
        """A command with each number of workers."""
        commands = []
        for number in self.workers:
            title = f"{name}, {workers(number)}".lstrip(", ")
            commands += self.ours(title, *arguments, "--workers", str(number), answer=answer, same=same)
        return commands

    def worker_goals(self, name: str, kind: str = "dense") -> list[Goal]:
        """More workers cost little processor time and save wall time."""
        found = []
        one = f"{name}, {workers(1)}".lstrip(", ")
        for number in self.workers[1:]:
            many = f"{name}, {workers(number)}".lstrip(", ")
            said = f"{name}: " if name else ""
            text = f"{said}processor time of {workers(number)} ÷ of one ≤ 1.2 ×"
            found.append(Goal(text, 1.2, times(many, one, "cpu")))
            if number == 2 and kind == "dense":
                text = f"{said}wall of two workers ÷ of one ≤ 0.65 ×"
                found.append(Goal(text, 0.65, times(many, one)))
            if number >= 16:
                least = 8 if kind == "dense" else 4
                text = f"{said}{workers(number)} ≥ {least} × as fast as one"
                found.append(Goal(text, least, times(one, many), at_least=True))
        return found

    def beside_goal(self, commands: Sequence[Command], name: str, said: str, limit: float) -> list[Goal]:
        """A command takes hardly more processor time than that of the other logscan, where there is one."""
        if len(self.tools) < 2:
            return []
        other = next(found for found in commands if (found.name, found.tool) == (name, self.tools[1].label))
        text = f"{said}: processor time ≤ {limit:g} × that of {other.tool}"
        return [Goal(text, limit, lambda named: named(name).cpu / other.cpu)]

    # The jobs.

    def shares(self) -> Iterator[Job]:
        """The report at three failing rates."""
        shares = {"0.1 %": 0.001, "10 %": 0.1, "100 %": 1.0}
        report = ("report", "--alert", "all", "--format", "json")
        commands = []
        for name, share in shares.items():
            commands += self.all_workers(name, *report, self.failing(share), same=name)
        goals = []
        for number in self.workers:
            base = f"0.1 %, {workers(number)}"
            for name, limit in (("10 %", 6.0), ("100 %", 15.0)):
                text = f"{name} ÷ 0.1 % ≤ {limit:g} ×, {workers(number)}"
                goals.append(Goal(text, limit, times(f"{name}, {workers(number)}", base)))
        for name in shares:
            goals += self.worker_goals(name, "sparse" if name == "0.1 %" else "dense")
            goals.append(peak_goal(*(f"{name}, {workers(number)}" for number in self.workers)))
        yield Job("report at 0.1, 10 and 100 % failing", commands, goals)

    def sparse(self) -> Iterator[Job]:
        """The report where next to nothing fails, beside the fastest count of its literals."""
        literals = [part for literal in peers.LITERALS for part in ("-e", literal)]
        report = ("report", "--alert", "all", "--format", "json")
        many = workers(self.workers[-1])

        def shown(named: Named) -> str:
            return (
                f"{named(many).wall:.2f} s where rg takes {named('rg -c, same literals').wall:.2f} s"
                f" and bare Python {named('python -c pass').wall:.3f} s"
            )

        goals = [
            Goal(
                "≤ 0.30 s where rg takes 0.10 s and bare Python 0.015 s: ≤ 3 × rg",
                3,
                times(many, "rg -c, same literals"),
                shown=shown,
            ),
        ]
        commands = self.all_workers("", *report, self.plain)
        goals += self.beside_goal(commands, workers(1), "one worker", 1.05)
        commands += [
            self.peer("rg -c, same literals", "rg", "-c", *literals, self.plain),
            self.peer("grep -c, same literals", "grep", "-c", "-F", *literals, self.plain),
            self.peer("python -c pass", sys.executable, "-c", "pass", size=0),
        ]
        yield Job("report beside a bare count", commands, goals)

    def beside_others(self) -> Iterator[Job]:
        """The report beside tools that can count the same."""
        commands = self.ours(
            "", "report", "--alert", "all", self.plain, answer=from_logscan,
            asked=["report", "--alert", "all", "--each", "--format", "jsonl", self.plain],
        )  # fmt: skip
        commands += [
            self.peer("mawk", "mawk", peers.MAWK, self.plain, answer=aggregated, same=""),
            self.peer("DuckDB", sys.executable, "-c", peers.DUCKDB, self.plain, answer=aggregated, same=""),
        ]
        if self.size <= 1 << 30:
            argv = (sys.executable, "-c", peers.RE_LOOP, self.plain)
            commands.append(self.peer("re loop", *argv, answer=aggregated, same=""))
        yield Job("report: all TLS failures", commands)

    def time_range(self) -> Iterator[Job]:
        """The end of a log of a day and a half."""
        pace = 60.0 * (1 << 30) / self.size
        days = data_file(self.folder, f"days-{self.size // 1024}k.log", self.size, seed=11, milliseconds=pace)
        hour = ("report", "--alert", "all", "--format", "json", "--tz", "UTC", "--since", last_quarter(days))
        commands = self.ours("", *hour, days) + self.ours("all read", *hour, "-", stdin=days)
        yield Job("report of the last quarter of an hour of a day and a half", commands)

    def compressed(self) -> Iterator[Job]:
        """One packed file."""
        literals = [part for literal in peers.LITERALS for part in ("-e", literal)]
        for suffix, limit in ((".gz", 0.4), (".zst", 0.9)):
            path = packed(self.plain, suffix)
            commands = self.ours("", "report", "--alert", "all", "--format", "json", path)
            commands.append(self.peer("rg -z -c", "rg", "-z", "-c", *literals, path))
            goal = Goal(f"≤ {limit} × rg -z", limit, times("", "rg -z -c"))
            yield Job(f"report over {suffix}", commands, [goal])

    def many_files(self) -> Iterator[Job]:
        """A rotated log of 40 files."""
        for suffix, name in ((".gz", "packed"), ("", "plain")):
            files = split(self.plain, 40, suffix)
            commands = self.all_workers("", "report", "--alert", "all", "--format", "json", files)
            kind = "dense" if suffix else "sparse"
            yield Job(f"report over 40 {name} files", commands, self.worker_goals("", kind))

    def search(self) -> Iterator[Job]:
        """Entries by message id."""
        one = ids_of(self.plain, 1)[0]
        many = self.folder / f"ids-{self.size // 1024}.txt"
        many.write_text("\n".join(ids_of(self.plain, 3000)) + "\n")
        commands = self.all_workers("", "search", "-c", one, self.plain, answer=first_number)
        commands += [
            self.peer("grep -F", "grep", "-cF", one + " ", self.plain, answer=first_number, same=""),
            self.peer("rg -F", "rg", "-cF", one + " ", self.plain, answer=first_number, same=""),
        ]
        if self.size <= 1 << 30:
            lnav = ("lnav", "-n", "-c", f":filter-in {one} ", self.plain)
            commands.append(self.peer("lnav", *lnav, answer=lambda data: len(data.splitlines()), same=""))
        yield Job("search: one id, matching lines", commands, self.worker_goals("", "sparse"))
        commands = self.ours("", "search", one, self.plain, answer=length)
        if self.size <= 1 << 30:
            member = rf"^.*messageid:{one} .*\n(?:(?!\d{{4}}-\d\d-\d\d ).*\n)*"
            rg = ("rg", "-U", "-P", "--no-filename", "-N", member, self.plain)
            commands.append(self.peer("rg -U, whole entries", *rg, same=""))
        yield Job("search: one id, whole entries", commands)
        commands = self.ours("", "search", "-c", "-f", many, self.plain, answer=first_number)
        commands += [
            self.peer("grep -F -f", "grep", "-cwF", "-f", many, self.plain, answer=first_number, same=""),
            self.peer("rg -F -f", "rg", "-cwF", "-f", many, self.plain, answer=first_number, same=""),
        ]
        yield Job("search -f: 3,000 ids", commands)

    def export(self) -> Iterator[Job]:
        """Every entry in columns, beside polars and DuckDB."""
        python = sys.executable
        commands: list[Command] = []
        for number in self.workers:
            commands += self._exported(self.plain, workers(number), "--workers", str(number))
        polars, duckdb = (self.folder / f"{name}.parquet" for name in ("polars", "duckdb"))
        script = peers.polars_export(LAYOUTS["single"])
        commands += [
            self.peer("polars", python, "-c", script, self.plain, polars, answer=rows_of(polars), same=""),
            self.peer(
                "DuckDB", python, "-c", peers.DUCKDB_EXPORT, self.plain, duckdb,
                answer=rows_of(duckdb), same="",
            ),
        ]  # fmt: skip
        many = workers(self.workers[-1])
        goal = Goal("single blank ≤ 0.5 × polars", 0.5, times(many, "polars"))
        yield Job("export: every entry to Parquet", commands, [goal, *self.worker_goals("")])

    def layouts(self) -> Iterator[Job]:
        """Export and ingest of every layout, on a quarter of the data."""
        size = max(MEBIBYTE, self.size // 4)
        logs = {name: self.failing(0.001, size, recipe=Recipe(layout=name), name=name) for name in LAYOUTS}
        commands: list[Command] = []
        goals: list[Goal] = []
        for name, layout in LAYOUTS.items():
            target = self.folder / "polars.parquet"
            script = peers.polars_export(layout)
            commands += self._exported(logs[name], name, size=size)
            commands.append(
                self.peer(
                    f"polars, {name}",
                    sys.executable,
                    "-c",
                    script,
                    logs[name],
                    target,
                    answer=rows_of(target),
                    same=name,
                    size=size,
                )
            )
            limit = 0.5 if name == "single" else 0.65
            goals.append(Goal(f"{name} ≤ {limit} × polars", limit, times(name, f"polars, {name}")))
        others = [name for name in LAYOUTS if name != "single"]
        goals += [
            Goal(f"{name} ≤ 1.3 × single, processor time", 1.3, times(name, "single", "cpu"))
            for name in others
        ]
        yield Job("export of every layout", commands, goals)
        commands = [command for name in LAYOUTS for command in self._ingested(logs[name], name, size=size)]
        goals = [
            Goal(f"{name} ≤ 1.3 × single, processor time", 1.3, times(name, "single", "cpu"))
            for name in others
        ]
        yield Job("ingest of every layout", commands, goals)

    def _exported(self, log: Path, name: str, *more: Argument, size: int | None = None) -> list[Command]:
        commands = self.ours(name, "export", log, "-q", *more, size=size, same=name if size else "")
        for command in commands:
            target = self.folder / f"{command.tool.replace(' ', '-')}.parquet"
            command.argv = [*command.argv, "-o", target]
            command.answer = rows_of(target)
        return commands

    def ingest(self) -> Iterator[Job]:
        """A new store."""
        files = split(self.plain, 40, "")
        commands: list[Command] = []
        for number in self.workers:
            commands += self._ingested(files, workers(number), "--workers", str(number))
        yield Job("ingest of 40 files", commands, self.worker_goals(""))

    def _ingested(self, log: Path, name: str, *more: Argument, size: int | None = None) -> list[Command]:
        commands = self.ours(name, "ingest", log, "-q", *more, size=size, same=name if size else "")
        for command in commands:
            store = self.folder / f"{command.tool.replace(' ', '-')}.store"
            logscan = command.argv[0]
            command.argv = [*command.argv, "--store", store]
            command.before = partial(shutil.rmtree, store, ignore_errors=True)
            command.answer = partial(_stored, logscan, store)
        return commands

    def irregular(self) -> Iterator[Job]:
        """The report of failures that are not alike."""
        size = max(MEBIBYTE, self.size // 4)
        report = ("report", "--alert", "all", "--format", "json", "--workers", "1")
        ways = {
            "regular": Recipe(),
            "60 % irregular": Recipe(layout="random", java=17, irregular=0.6),
            "unique texts": Recipe(irregular=1.0, ways=("unique-text",)),
        }
        commands: list[Command] = []
        goals: list[Goal] = []
        for name, recipe in ways.items():
            log = self.failing(0.1, size, recipe=recipe, name=name.replace(" ", "-"))
            # how many handshakes failed where lines are missing may be counted in different ways
            same = None if "irregular" in name else name
            commands += self.ours(name, *report, log, size=size, same=same)
            goals += self.beside_goal(commands, name, name, 1.2 if recipe.irregular else 1.0)
        yield Job("report of irregular failures, one worker", commands, goals)

    def one_id(self) -> Iterator[Job]:
        """Storms of one message id: twice and four times the entries."""
        report = ("report", "--alert", "all", "--format", "json", "--workers", "1")

        def each(named: Named) -> float:
            """A bound on what is kept of one message makes its cost linear, and may leave it high."""
            return 1000 * (named("20,000").cpu - named("5,000").cpu) / (15_000 * self.scale)

        commands: list[Command] = []
        for count in EXCEPTIONS:
            number = max(20, int(count * self.scale))
            path = self._storm(f"exceptions-{number}", Recipe(exceptions_of_one_id=number))
            size = path.stat().st_size
            commands += self.ours(f"{count:,}", *report, path, answer=failed, same=None, size=size)
        goals = [
            Goal(f"20,000 ÷ 5,000 ≤ {LINEAR} × the processor time", LINEAR, times("20,000", "5,000", "cpu")),
            Goal("processor time of each further one ≤ 0.2 ms", 0.2, each, "ms"),
            peak_goal("20,000"),
        ]
        yield Job("exceptions of one id, one worker", commands, goals)
        commands = []
        for count in (250_000, 1_000_000):
            number = max(60, int(count * self.scale))
            path = self._storm(f"one-id-{number}", Recipe(one_id=number))
            size = path.stat().st_size
            commands += self.ours(f"{count:,}", *report, path, answer=failed, same=None, size=size)
        expected = max(60, int(1_000_000 * self.scale)) // 3
        goals = [
            Goal(f"1,000,000 ÷ 250,000 ≤ {LINEAR} ×", LINEAR, times("1,000,000", "250,000", "cpu")),
            Goal(
                f"all {expected:,} failed handshakes",
                0,
                lambda named: abs(int(str(named("1,000,000").answered)) - expected),
                shown=lambda named: f"{named('1,000,000').answered:,}",
            ),
            peak_goal("1,000,000"),
        ]
        yield Job("entries of one id, one worker", commands, goals)

    def _storm(self, name: str, recipe: Recipe) -> Path:
        return data_file(self.folder, f"{name}.log", 0, recipe=recipe)

    def start(self) -> Iterator[Job]:
        """What a command takes before it does anything."""
        commands = self.ours("search, empty file", "search", "x", "/dev/null", answer=length, size=0)
        commands += self.ours("search --help", "search", "--help", answer=length, same=None, size=0)
        commands.append(self.peer("python -c pass", sys.executable, "-c", "pass", size=0))

        def over(named: Named) -> float:
            return 1000 * (named("search, empty file").wall - named("python -c pass").wall)

        yield Job("start-up", commands, [Goal("search ≤ 120 ms over bare Python", 120, over, "ms")])


def workers(number: int) -> str:
    """``2 workers``."""
    return f"{number} worker{'s' if number > 1 else ''}"


def _stored(logscan: Argument, store: Path, _: bytes) -> object:
    """What a store says of its failed handshakes."""
    asked = [logscan, "report", "--alert", "all", "--format", "json", "--store", store]
    return incidents(subprocess.run(asked, check=True, capture_output=True).stdout)


def truths(path: Path) -> int:
    """The failed handshakes of a generated log."""
    return truth_of(path).read_bytes().count(b"\n")


JOBS: tuple[tuple[str, Callable[[Comparisons], Iterator[Job]], bool], ...] = (
    ("shares", Comparisons.shares, False),
    ("sparse", Comparisons.sparse, True),
    ("others", Comparisons.beside_others, True),
    ("compressed", Comparisons.compressed, False),
    ("files", Comparisons.many_files, False),
    ("search", Comparisons.search, True),
    ("export", Comparisons.export, False),
    ("ingest", Comparisons.ingest, False),
    ("layouts", Comparisons.layouts, False),
    ("irregular", Comparisons.irregular, False),
    ("one-id", Comparisons.one_id, False),
    ("range", Comparisons.time_range, False),
    ("start", Comparisons.start, False),
)
"""Name, what makes it, and whether it also runs on 10 GiB."""
