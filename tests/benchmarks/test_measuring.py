"""What the benchmarks measure is what a command used, with all its processes, and wrong answers end the run."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import measuring
import peers
import printing
import pytest
from comparisons import JOBS, Comparisons, Tool
from measuring import Command, Goal, Job, Use

WORK = "x = bytearray(200 << 20); [number for number in range(5_000_000)]"


def shell(text: str) -> Command:
    return Command("", ["sh", "-c", text])


def test_processes_that_outlive_the_command_are_counted() -> None:
    """Their processor time and memory are the command's."""
    alone = measuring.run(shell(f"{sys.executable} -c '{WORK}'"))[1]
    left = measuring.run(shell(f"{sys.executable} -c '{WORK}' & sleep 0.01"))[1]
    assert left.peak > 200 << 10 < alone.peak
    assert left.cpu > alone.cpu / 4


def test_a_command_that_takes_too_long_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no answer then."""
    monkeypatch.setattr(measuring, "LIMIT", 1)
    command = shell("sleep 1000 & sleep 1000")
    measuring.run(command)
    assert command.ended


def test_a_command_that_fails_ends_the_run() -> None:
    """Exit code 1 is "not found"; others are errors."""
    measuring.run(shell("exit 1"))
    with pytest.raises(SystemExit, match="exit code 3"):
        measuring.run(shell("exit 3"))


def test_answers_are_compared_where_they_are_of_one_question() -> None:
    """One question may have many commands; different questions have different answers."""

    def printed(text: str, same: str | None) -> Command:
        return Command(text, ["echo", text], bytes.strip, same=same)

    measuring.compared(
        Job("fine", [printed("a", "1"), printed("a", "1"), printed("b", "2"), printed("c", None)])
    )
    with pytest.raises(SystemExit, match="differ"):
        measuring.compared(Job("wrong", [printed("a", "1"), printed("b", "1")]))


def test_goals_are_read_for_each_logscan() -> None:
    """Other tools are the same for both; what is not reached is bold."""
    commands = [
        Command("", [], tool="logscan", uses=[Use(1.0, 1.0, 1024)] * 3),
        Command("", [], tool="other", uses=[Use(4.0, 4.0, 1024), Use(4.2, 4.0, 1024), Use(9.0, 9.0, 1024)]),
        Command("peer", [], uses=[Use(2.0, 2.0, 1024)]),
    ]
    ratio = Goal("≤ 2 × peer", 2, lambda named: named("").wall / named("peer").wall)
    absent = Goal("≤ 1", 1, lambda named: named("absent").wall)
    found = list(measuring.goals(Job("job", commands, [ratio, absent]), ["logscan", "other"]))
    assert found == [
        "| job | ≤ 2 × peer | 0.5 × | **2.1 ×** |",
        "| job | ≤ 1 | not measured | not measured |",
    ]
    assert len(list(measuring.rows(Job("job", commands)))) == 3


def test_every_job_can_be_made(tmp_path: Path) -> None:
    """Each has a first command of the measured logscan, and goals that name commands it has."""
    logscan = shutil.which("true") or "true"
    comparisons = Comparisons(tmp_path, 1 << 20, [Tool("logscan", logscan), Tool("other", logscan)], [1, 2])
    jobs = [job for _, make, _ in JOBS for job in make(comparisons)]
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        assert job.commands[0].tool == "logscan"
        for command in job.commands:
            command.uses.append(Use(1.0, 1.0, 1024))
            command.answered = 0
        assert not [row for row in measuring.goals(job, ["logscan", "other"]) if "not measured" in row]


@pytest.mark.parametrize("name", printing.LAYOUTS)
def test_the_expression_of_other_tools_reads_each_layout(name: str) -> None:
    """polars and DuckDB are asked what they can answer."""
    layout = printing.LAYOUTS[name]
    printer = printing.Printer(layout)
    context = "org:acme env:prod api:orders rev:3 messageid:m-1 "
    rest = "INFO HTTP.CLIENT - HTTPClient$Context.onConnect() : text\n"
    line = printer.entry("2026-11-23 00:00:00,123", context, "NIOThread@2", rest)
    found = re.match(peers.header(layout), line.rstrip())
    assert found
    named = dict(zip(peers.NAMES, found.groups(), strict=True))
    gone = {printing.KEYS[key] for key in (*layout.absent, *layout.empty)}
    assert {key for key in printing.KEYS.values() if not named[key]} == gone
    assert (named["message_id"], named["level"], named["logger"]) == ("m-1", "INFO", "HTTP.CLIENT")
    assert (named["class"], named["method"], named["message"]) == ("HTTPClient$Context", "onConnect", "text")
    assert named["thread"].endswith("2")
