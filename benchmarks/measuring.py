"""Runs the commands of a job in turn, compares their answers, and makes rows of tables from their figures.

Wall time is that of the command as a user waits for it. Processor time and peak memory are those of all
processes that it started, also of those that outlive it: the runner adopts them. Peak memory is the largest
resident set of one process.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from inputs import warm

LIMIT = 900
"""Seconds after which a command is ended: it has no answer then, and its figures are lower bounds."""
PATIENCE = 90.0
"""A command that has taken so many seconds in all is not run again."""


class Use(NamedTuple):
    """What one run of a command used."""

    wall: float
    cpu: float
    peak: int
    """KiB."""


@dataclass
class Command:
    """One way to do a job."""

    name: str
    argv: Sequence[str | Path]
    answer: Callable[[bytes], object] = lambda data: len(data.splitlines())
    """Makes the answer of the output."""
    same: str | None = ""
    """Commands of a job with the same text here must give the same answer; None: with none."""
    asked: Sequence[str | Path] | None = None
    """The command that gives the answer, if it differs from the one that is timed."""
    stdin: Path | None = None
    before: Callable[[], object] | None = None
    """Done before each run, outside its time."""
    size: int = 0
    """Bytes of text that it reads."""
    tool: str = ""
    """Which logscan runs it; nothing for other tools."""
    uses: list[Use] = field(default_factory=list)
    answered: object = None
    """The answer that it gave."""
    ended: bool = False
    """Whether the limit ended it."""

    @property
    def title(self) -> str:
        """The name with the tool's."""
        return ", ".join(filter(None, (self.tool, self.name)))

    @property
    def wall(self) -> float:
        """Median of the seconds."""
        return statistics.median(use.wall for use in self.uses)

    @property
    def cpu(self) -> float:
        """Median of the processor seconds."""
        return statistics.median(use.cpu for use in self.uses)

    @property
    def peak(self) -> float:
        """Largest resident set of a process, MiB."""
        return max(use.peak for use in self.uses) / 1024


Named = Callable[[str], Command]
"""Gives the command of a job by its name: of one logscan, or another tool's."""


@dataclass
class Goal:
    """A figure that a job shall reach."""

    text: str
    limit: float
    value: Callable[[Named], float]
    unit: str = "×"
    at_least: bool = False
    shown: Callable[[Named], str] | None = None
    """Says more than the value."""

    def reached(self, named: Named) -> str:
        """The figure, and whether it is the goal's."""
        try:
            value = self.value(named)
        except LookupError:  # a command that is not there
            return "not measured"
        text = self.shown(named) if self.shown else f"{value:.3g} {self.unit}"
        good = value >= self.limit if self.at_least else value <= self.limit
        return text if good else f"**{text}**"


@dataclass
class Job:
    """Commands that do the same work, or the same on different data."""

    name: str
    commands: list[Command]
    goals: list[Goal] = field(default_factory=list)


RUNNER = """
import ctypes, json, os, resource, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
ended = False
def end(*_):
    global ended
    ended = True
    os.killpg(process.pid, signal.SIGKILL)
begun = time.perf_counter()
process = subprocess.Popen(sys.argv[3:], stderr=subprocess.DEVNULL, start_new_session=True)
signal.signal(signal.SIGALRM, end)
signal.signal(signal.SIGINT, end)
signal.alarm(int(sys.argv[2]))
status = process.wait()
wall = time.perf_counter() - begun
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.alarm(60)
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([ended, status, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss], file)
"""
"""Runs a command from a small process: peak memory of a child includes that of its parent at the fork."""


def run(command: Command, asked: bool = False) -> tuple[bytes, Use]:
    """Output and figures of one whole command; it must end well or find nothing."""
    parts = command.asked if asked and command.asked else command.argv
    if command.before:
        command.before()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.NamedTemporaryFile() as figures,
        open(command.stdin or os.devnull, "rb") as given,
    ):
        argv = [sys.executable, "-S", "-c", RUNNER, figures.name, str(LIMIT), *map(str, parts)]
        subprocess.run(argv, stdin=given, stdout=out, check=True)
        ended, status, wall, cpu, peak = json.load(figures)
        command.ended |= ended
        if not ended and status not in (0, 1):
            raise SystemExit(f"{' '.join(map(str, parts))}: exit code {status}")
        out.seek(0)
        return out.read(), Use(wall, cpu, peak)


def compared(job: Job) -> None:
    """Run each command once; end the whole run if commands that must agree do not."""
    answers: dict[str, dict[str, object]] = {}
    for command in job.commands:
        output, use = run(command)
        command.uses.append(use)
        if command.ended:
            continue
        if command.asked:
            output, _ = run(command, asked=True)
        command.answered = command.answer(output)
        if command.same is not None:
            answers.setdefault(command.same, {})[command.title] = command.answered
    for of_same in answers.values():
        if len({_comparable(answer) for answer in of_same.values()}) != 1:
            texts = "\n".join(f"  {title}: {str(answer)[:2000]}" for title, answer in of_same.items())
            raise SystemExit(f"{job.name}: the answers differ\n{texts}")


def _comparable(answer: object) -> str:
    return repr(sorted(answer.items()) if isinstance(answer, dict) else answer)


def measure(job: Job, rounds: int) -> None:
    """Run the commands in alternating rounds; the first one also compares the answers."""
    for path in {Path(part) for command in job.commands for part in command.argv[1:] if _is_path(part)}:
        warm(path)
    compared(job)
    if all(sum(use.wall for use in command.uses) < PATIENCE / 10 for command in job.commands):
        for command in job.commands:  # the first round may have met a cold cache
            command.uses.clear()
    for _ in range(rounds):
        for command in job.commands:
            if len(command.uses) < rounds and sum(use.wall for use in command.uses) < PATIENCE:
                command.uses.append(run(command)[1])


def _is_path(part: str | Path) -> bool:
    return isinstance(part, Path) and part.exists() and "/dev" not in part.parts


def rows(job: Job) -> Iterator[str]:
    """The commands of a job as rows of a table, with ratios to the first."""
    first = job.commands[0]
    for at, command in enumerate(job.commands):
        more = "> " if command.ended else ""
        rate = f"{command.size / command.wall / 1e9:.2f}" if command.size else ""
        ratio = f"{first.wall / command.wall:.2f}" if at else ""
        low = min(use.wall for use in command.uses)
        yield (
            f"| {'' if at else job.name} | {command.title} | {len(command.uses)} | {more}{command.wall:.3f} |"
            f" {low:.3f} | {more}{command.cpu:.3f} | {rate} | {ratio} | {command.peak:.0f} |"
        )


HEAD = (
    "| job | command | runs | median s | minimum s | CPU s | GB/s | first ÷ this | peak MiB |",
    "|---|---|---|---|---|---|---|---|---|",
)


def goals(job: Job, tools: Sequence[str]) -> Iterator[str]:
    """The goals of a job as rows of a table, with what each logscan reached."""
    for goal in job.goals:
        cells = " | ".join(goal.reached(_names(job, tool)) for tool in tools)
        yield f"| {job.name} | {goal.text} | {cells} |"


def _names(job: Job, tool: str) -> Named:
    def named(name: str) -> Command:
        for command in job.commands:
            if command.name == name and command.tool in (tool, "") and command.uses:
                return command
        raise LookupError(name)

    return named


def machine() -> str:
    """Processor, cores and versions of this machine."""
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {cores()} cores, Python {platform.python_version()}, Linux {platform.release()}"


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*(\S+)$", re.MULTILINE)


def imported(argv: Sequence[str | Path]) -> set[str]:
    """Top-level modules that a command in Python imports, in any of its processes."""
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([*map(str, argv)], env=environment, capture_output=True, check=False, text=True)
    return {name.partition(".")[0] for name in IMPORTED.findall(done.stderr)}
