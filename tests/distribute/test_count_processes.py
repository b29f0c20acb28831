"""Processes that share the work by message id count what one counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._distribute import count_processes as sharing
from logscan._failures.joining import SHARDS, shard_of
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import Counted, CountRequest, merge
from logscan._jobs import report as batch
from logscan._scanning.plan import Limits
from logscan.errors import InputError
from logscan.values import Report
from support.command import ROOT, Run, environment
from support.logs import logs
from support.profiles import fewer

EVERYTHING = Selection(alerts=frozenset())


def counted(report: Report) -> list[object]:
    return [report.incidents, report.failures, report.other_alerts, report.elsewhere, report.counters]


@fewer(3)
@given(
    data=logs(),
    of=st.integers(2, SHARDS),
    window=st.sampled_from([1, 4, 10_000]),
    front=st.sampled_from([b"", b"<13>Nov 23 mp01 - - "]),
)
def test_shares_add_up(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, of: int, window: int, front: bytes
) -> None:
    """Whatever the log, however many share it, however small the window."""
    path = tmp_path_factory.mktemp("shared") / "a.log"
    data = data.replace(b"messageid:m-2", b"messageid:m\xff2").replace(b"messageid:m-3 ", b"")
    path.write_bytes(b"".join(front + line for line in data.splitlines(keepends=True)))
    limits = Limits(window=window, workers=1)
    alone = batch.report_selected([str(path)], EVERYTHING, by=("target",), limits=limits, each=True)

    def in_shares(request: CountRequest, count: sharing.Count, progress: object = None) -> Counted:
        done = count(request, (0, of), None)
        for number in range(1, of):
            merge(done, count(request, (number, of), None))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "count_shared", in_shares)
        shared = batch.report_selected([str(path)], EVERYTHING, by=("target",), limits=limits, each=True)
    assert counted(shared) == counted(alone)


def test_every_part_is_used() -> None:
    assert {shard_of(f"m-{number}") for number in range(50)} == set(range(SHARDS))
    assert shard_of(None) == 0


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which a third of the messages fail."""
    path = tmp_path_factory.mktemp("busy") / "system.log"
    generate = [sys.executable, str(ROOT / "benchmarks" / "generate.py"), str(path)]
    subprocess.run([*generate, "--size", "6MiB", "--failing", "0.3", "--seed", "3"], check=True)
    return path


def test_real_processes(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started where much fails, with rules for host names, and not where little does."""
    hosts = HostNames(["mp07"])
    alone = batch.report_selected([str(busy)], EVERYTHING, limits=Limits(workers=1), host_of=hosts, each=True)
    started: list[int] = []
    other = sharing._Other.__init__

    def start(self: sharing._Other, question: bytes, number: int, of: int) -> None:
        started.append(number)
        other(self, question, number, of)

    monkeypatch.setattr(sharing._Other, "__init__", start)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    batch.report_selected([str(busy)], EVERYTHING, limits=Limits(workers=3))
    assert started == []  # too little to pay for processes
    monkeypatch.setattr(sharing, "MANY_NEEDLES", 1000)
    shared = batch.report_selected(
        [str(busy)], EVERYTHING, limits=Limits(workers=3), host_of=hosts, each=True
    )
    assert started == [1, 2]
    assert counted(shared) == counted(alone)
    assert alone.counters.failures > 1000


def test_an_unusual_host_of_stays_in_one_process(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MANY_NEEDLES", 1000)
    done = batch.report_selected([str(busy)], EVERYTHING, host_of=lambda path: "x", each=True)
    assert {failure.host for failure in done.failures} == {"x"}


def test_a_process_that_dies_is_reported(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its share is missing, so there is no result."""
    monkeypatch.setattr(sharing, "MANY_NEEDLES", 1000)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    other = sharing._Other.__init__

    def start_and_kill(self: sharing._Other, question: bytes, number: int, of: int) -> None:
        other(self, question, number, of)
        self._process.kill()

    monkeypatch.setattr(sharing._Other, "__init__", start_and_kill)
    with pytest.raises(InputError, match="ended with status -9"):
        batch.report_selected([str(busy)], EVERYTHING)


def test_through_the_command(run: Run, busy: Path, tmp_path: Path) -> None:
    """The command's own output, with and without; big enough to share."""
    many = tmp_path / "many.log"
    many.write_bytes(busy.read_bytes() * 4)
    one = run("report", "--alert", "all", "--workers", "1", many)
    two = subprocess.run(
        [sys.executable, "-m", "logscan", "report", "--alert", "all", str(many)],
        capture_output=True, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert one.stdout == two.stdout
    assert two.returncode == 0
