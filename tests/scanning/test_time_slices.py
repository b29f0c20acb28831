"""What cannot hold entries of a time range is not read, and nothing is lost by that."""

from __future__ import annotations

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.selection import Selection
from logscan._jobs.export import entry_batches
from logscan._jobs.report import report_selected as report
from logscan._scanning import time_slices as skipping
from logscan._scanning.plan import Limits
from logscan.times import TimeRange
from logscan.values import Counters
from support.command import Run
from support.logs import CHANNEL, INFO, REASONS, THROWN, shared_out

START = datetime(2026, 11, 23)


def timed_log(rnd: random.Random, count: int, minutes: float) -> list[bytes]:
    """Entries over some time: failures and others, jittered by seconds, some without a time."""
    entries = []
    for number in range(count):
        moment = START + timedelta(minutes=minutes * number / count, seconds=rnd.uniform(-5, 5))
        head = f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03d} org:o env:e api:p rev:1 messageid:m-{number // 3} T "
        if rnd.random() < 0.05:
            head = "org:o env:e api:p rev:1 messageid:x T "
        rest = rnd.choice(
            (CHANNEL, INFO, THROWN, "INFO A - B.c() : nothing\n", "INFO A - B.c() : more\n\tbelow\n")
        )
        entries.append((head + rest.format(m=number % 9, c=number, reason=rnd.choice(REASONS))).encode())
    return entries


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it pay for little logs."""
    monkeypatch.setattr(skipping, "WORTH_WHILE", 500)
    monkeypatch.setattr(skipping, "CLOSE", 300)
    monkeypatch.setattr(skipping, "_LOOK", 2000)


def found(paths: list[str], times: TimeRange, workers: int) -> tuple[list[Any], Counters]:
    done = report(paths, Selection(family=None, times=times), limits=Limits(workers=workers), each=True)
    return [done.incidents, done.failures, done.other_alerts, done.elsewhere], done.counters


@given(data=st.data(), seed=st.integers(0, 1 << 30), workers=st.sampled_from([1, 2]))
def test_the_same_with_and_without(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, seed: int, workers: int
) -> None:
    """Any range, any cut into plain and packed files, entries in any state around the bounds."""
    rnd = random.Random(seed)
    entries = timed_log(rnd, rnd.randrange(1, 200), rnd.choice((5, 600, 3000)))
    log = b"".join(entries)
    folder = tmp_path_factory.mktemp("log")
    cuts = sorted(rnd.randrange(len(log)) for _ in range(rnd.randrange(4)))
    parts = [log[a:b] for a, b in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    for number, part in enumerate(reversed(parts)):
        name = folder / ("system.log" + f".{number}" * (number > 0))
        if number and rnd.random() < 0.4:
            name.with_name(name.name + ".gz").write_bytes(gzip.compress(part, 1))
        else:
            name.write_bytes(part)
    minute = st.one_of(st.none(), st.integers(-200, 3200))
    since, until = data.draw(minute), data.draw(minute)
    times = TimeRange(
        None if since is None else START + timedelta(minutes=since),
        None if until is None else START + timedelta(minutes=until),
        None,
    )
    with shared_out(workers, 700):
        skipped, counters = found([str(folder)], times, workers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skipping, "WORTH_WHILE", 1 << 60)
        whole, _ = found([str(folder)], times, 1)
        rows = exported(folder, times)
    assert skipped == whole
    assert exported(folder, times) == rows
    assert counters.orphan_lines == 0


@pytest.mark.parametrize("width", [200, 201])
def test_an_entry_that_opens_where_a_time_was_looked_at(tmp_path: Path, width: int) -> None:
    """Entries as long as the steps between samples, further apart than the slack: none before the end is left out."""
    entries = []
    for number in range(skipping.SAMPLES):
        head = f"{START + timedelta(hours=2 * number):%Y-%m-%d %H:%M:%S},000 org:o env:e api:p rev:1 messageid:m-{number} T "
        entries.append((head + INFO.format(m=number, c=number, reason="")).encode())
    longest = max(width, *map(len, entries))
    (tmp_path / "system.log").write_bytes(b"".join(each[:-1].ljust(longest - 1) + b"\n" for each in entries))
    for number in range(0, skipping.SAMPLES, 7):
        until = START + timedelta(hours=2 * number, minutes=1)
        (_, failures, *_), _ = found([str(tmp_path)], TimeRange(None, until, None), 1)
        assert len(failures) == number + 1


def exported(folder: Path, times: TimeRange) -> list[Any]:
    return [row for b in entry_batches([str(folder)], Counters(), times=times) for row in b.to_pylist()]


def test_most_is_skipped(tmp_path: Path) -> None:
    """The last hour of two days costs a fraction, in one file and in a family."""
    entries = timed_log(random.Random(1), 3000, 2880)
    log = b"".join(entries)
    times = TimeRange(START + timedelta(hours=46), None, None)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "system.log").write_bytes(log)
    counters = found([str(tmp_path / "one")], times, 1)[1]
    assert counters.bytes < len(log) // 8
    assert counters.bytes + counters.skipped_bytes <= len(log)
    assert counters.bytes + counters.skipped_bytes > len(log) * 0.99
    assert counters.files == 1
    assert abs(counters.planned_bytes - counters.bytes) < 4096  # to the end of the last entry
    (tmp_path / "many").mkdir()
    for number in range(10):
        part = log[len(log) * (9 - number) // 10 : len(log) * (10 - number) // 10]
        (tmp_path / "many" / f"system.log.{number + 1}.gz").write_bytes(gzip.compress(part))
    counters = found([str(tmp_path / "many")], times, 1)[1]
    assert counters.skipped_files == 9
    assert counters.files == 1
    early = TimeRange(None, START + timedelta(hours=1), None)
    counters = found([str(tmp_path / "one")], early, 2)[1]
    assert 0 < counters.planned_bytes <= counters.bytes
    for where in ("one", "many"):
        counters = found([str(tmp_path / where)], early, 2)[1]
        assert counters.bytes < len(log) // 8


def test_logs_that_are_not_in_order_are_read_whole(tmp_path: Path) -> None:
    """Two hosts' logs in one file, and a family whose files do not follow each other."""
    one = b"".join(timed_log(random.Random(1), 500, 2880))
    two = b"".join(timed_log(random.Random(2), 500, 2880))
    path = tmp_path / "both.log"
    path.write_bytes(one + two)
    times = TimeRange(START + timedelta(hours=40), START + timedelta(hours=47), None)
    counters = found([str(path)], times, 1)[1]
    assert counters.skipped_bytes == 0
    assert counters.bytes == path.stat().st_size
    (tmp_path / "system.log").write_bytes(one)
    (tmp_path / "system.log.1").write_bytes(two)
    assert found([str(tmp_path / "system.log*")], times, 1)[1].skipped_bytes == 0


def test_the_repeated_hour(tmp_path: Path) -> None:
    """When clocks go back, the hour that is printed twice is read twice."""
    log = b""
    for minute in range(600):
        moment = datetime(2026, 10, 25) + timedelta(minutes=minute if minute < 180 else minute - 60)
        head = f"{moment:%Y-%m-%d %H:%M:%S},000 org:o env:e api:p rev:1 messageid:m-{minute} T "
        log += (head + CHANNEL.format(m=1, c=minute, reason=REASONS[0])).encode()
    path = tmp_path / "system.log"
    path.write_bytes(log)
    times = TimeRange(datetime(2026, 10, 25, 2), datetime(2026, 10, 25, 3), None)
    (incidents, failures, _, _), counters = found([str(path)], times, 1)
    assert len(failures) == 120
    assert incidents[0].failed_handshakes == 120
    assert counters.skipped_bytes > len(log) // 4


def test_it_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--stats`` shows what was not read (5 MiB, real bounds)."""
    filler = b"2026-11-%02d %02d:00:00,000 org:o main INFO A - " + b"x" * 2000 + b"\n"
    path = tmp_path / "system.log"
    path.write_bytes(b"".join(filler % (1 + n // 240, n // 10 % 24) for n in range(2600)))
    done = run("report", path, "--since", "2026-11-10", "--stats")
    assert done.returncode == 0
    rows = {line[:36].strip(): line[36:].strip() for line in done.stderr.decode().splitlines()}
    assert int(rows["bytes skipped by time"].replace(",", "")) > 3 << 20
