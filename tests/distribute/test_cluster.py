"""A real cluster of worker processes, of which one is killed in the middle; and answers that are those of one
machine."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logscan as package
from logscan import InputError, UsageError
from logscan._distribute import dask_executor, run_units
from logscan._jobs.export import entry_batches
from logscan._jobs.ingest import ingest
from logscan._jobs.report import report_selected as report
from logscan._jobs.search import find
from logscan._scanning.plan import Limits
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan.times import time_range
from logscan.values import Counters
from support.clusters import running
from support.command import ROOT, environment, logscan
from support.growing import FIRST, grown
from support.logs import ALL, entries, logs
from support.profiles import fewer

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed"),
]


def generated(folder: Path, count: int, size: str = "2M", failing: float = 0.01) -> None:
    folder.mkdir()
    for number in range(count):
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/generate.py", "--size", size, "--seed", str(number), "--failing",
             str(failing), folder / f"mp{number}.log"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        (folder / f"mp{number}.log.truth.jsonl").unlink()


def test_an_ingest_loses_a_worker(tmp_path: Path) -> None:
    """The store holds every file once, byte for byte."""
    generated(tmp_path / "logs", 8)
    with running(tmp_path) as (address, pids):
        killed: list[Any] = []

        def kill() -> None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not list(
                (tmp_path / "store").glob(".incoming/**/*.parquet")
            ):
                time.sleep(0.02)
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])

        threading.Thread(target=kill, daemon=True).start()
        done = logscan("ingest", tmp_path / "logs", "--store", "store", "--cluster", address, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        assert b"8 new files" in done.stderr
        assert killed
    held = Store(str(tmp_path / "store"))
    for source in held.ordered:
        assert b"".join(held.text(source.id)) == Path(source.path).read_bytes()
    assert len(Contents(str(tmp_path / "store")).sources) == 8


def answers(folder: Path, cluster: str | None, ids: list[str]) -> list[Any]:
    """What is asked of logs: reports, searches, columns."""
    done = report([str(folder)], ALL, by=["hour"], each=True, cluster=cluster, limits=Limits(workers=1))
    problems = [(problem.path, problem.reason) for problem in done.counters.problems]
    counted = [
        getattr(done.counters, name)
        for name in (
            "files",
            "bytes",
            "candidates",
            "failures",
            "messages",
            "orphan_lines",
            "early_failures",
            "nul_bytes",
        )
    ]
    found: list[Any] = []
    for name in ids:
        for more in ({}, {"before": 1, "after": 1}, {"prefix": True, "mentions": True}):
            asked = find([name], [str(folder)], Counters(), index=None, cluster=cluster, **more)
            found += [(one.span, one.matches) for one in asked]
    counters = Counters()
    times = time_range("2026-11-23", None, None)
    rows = [
        row
        for batch in entry_batches([str(folder)], counters, times=times, cluster=cluster)
        for row in batch.to_pylist()
    ]
    return [done.incidents, done.failures, done.other_alerts, done.elsewhere, problems, counted, found, rows]


@pytest.fixture(scope="module")
def threads() -> Iterator[str]:
    """A cluster whose workers are threads here, so that its limits can be made small."""
    import distributed

    with distributed.LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=":0",
        protocol="tcp",
        host="127.0.0.1",
    ) as cluster:
        yield cluster.scheduler_address


@fewer(20)  # each asks a cluster for many tasks
@given(
    data=st.one_of(logs(), entries()),
    seed=st.integers(0, 1 << 20),
    unit=st.sampled_from([1 << 9, 1 << 11, 1 << 20]),
    most=st.sampled_from([1, 1 << 9, 64 << 20]),
)
def test_answers_are_those_of_one_machine(
    tmp_path_factory: pytest.TempPathFactory, threads: str, data: bytes, seed: int, unit: int, most: int
) -> None:
    """Logs rotated at any byte and packed, cut into units anywhere, in tasks that give little at once."""
    folder = tmp_path_factory.mktemp("cluster")
    rnd = random.Random(seed)
    list(grown(FIRST + data, folder, rnd))
    (folder / "notes.log").write_text("nothing of ours\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_units, "LEAST_RANGE", unit)
        patch.setattr(run_units, "MOST_RANGE", unit)
        patch.setattr(run_units, "RESULT_BYTES", most)
        ids = ["m-1"]
        for ours, theirs in zip(answers(folder, threads, ids), answers(folder, None, ids), strict=True):
            assert ours == theirs


@pytest.mark.thorough
def test_a_report_loses_a_worker(tmp_path: Path) -> None:
    """One of two is killed when the first unit is through; no failure is lost or counted twice."""
    generated(tmp_path / "logs", 3, "24M")
    expected = report([str(tmp_path / "logs")], ALL, each=True)
    assert len(expected.failures) > 500
    with running(tmp_path) as (address, pids), pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_units, "MOST_RANGE", 2 << 20)
        patch.setattr(run_units, "LEAST_RANGE", 2 << 20)
        reports: list[int] = []

        def progress(counters: Counters) -> None:
            if len(reports) == 6:
                os.kill(pids[0], signal.SIGKILL)
            reports.append(counters.bytes)

        done = report([str(tmp_path / "logs")], ALL, each=True, progress=progress, cluster=address)
        assert len(reports) == 36
        assert done.incidents == expected.incidents
        assert done.failures == expected.failures
        assert done.counters.bytes == expected.counters.bytes
        assert done.counters.failures == expected.counters.failures

        names = logscan(
            "search", "--prefix", "router01", "--only-ids", "-m", "3", tmp_path / "logs", cwd=tmp_path
        )
        (name, *_) = names.stdout.decode().split()
        for args in (
            ("report", "--alert", "all", "--format", "json"),
            ("search", name),
            ("search", "-C", "1", "-H", name),
        ):
            # Relative paths: workers stand elsewhere.
            here = logscan(*args, "logs", cwd=tmp_path)
            there = logscan(*args, "--cluster", address, "logs", cwd=tmp_path)
            assert there.stdout == here.stdout
            assert (there.returncode, there.stderr) == (here.returncode, here.stderr)
        for target in ("here.csv", "there.csv"):
            more = ("--cluster", address) if target == "there.csv" else ()
            exported = logscan("export", *more, "-o", target, "logs/mp0.log", cwd=tmp_path)
            assert exported.returncode == 0, exported.stderr
        assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_bad_input(tmp_path: Path, threads: str) -> None:
    """What a cluster cannot do, and files that are not there."""
    log = tmp_path / "system.log"
    log.write_bytes(FIRST * 3)
    for args, message in (
        (("report", "-"), b"cannot read this standard input"),
        (("search", "-n", "x", log), b"--cluster counts no lines"),
        (("report", "nowhere.log"), b"nowhere.log: no such file"),
    ):
        done = logscan(*args, "--cluster", threads, cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    logscan("ingest", log, "--store", "store", cwd=tmp_path)
    done = logscan("report", "--store", "store", "--cluster", threads, cwd=tmp_path)
    assert (done.returncode, b"is a store" in done.stderr) == (2, True)
    with pytest.raises(UsageError, match="standard input"):
        report(["-"], ALL, cluster=threads)


def test_another_version(tmp_path: Path) -> None:
    """A worker that has another logscan is not used."""
    code = (
        "import logscan, sys; logscan.__version__ = '0.0.9'\n"
        "from distributed import LocalCluster\n"
        "c = LocalCluster(n_workers=1, processes=False, dashboard_address=':0', protocol='tcp', host='127.0.0.1')\n"
        "print(c.scheduler_address, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        done = logscan("report", ROOT / "sample_logs", "--cluster", address, cwd=tmp_path)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert done.returncode == 2
    assert f"workers have logscan 0.0.9, this is {package.__version__}" in done.stderr.decode()


def test_what_dask_gives_up_on(tmp_path: Path) -> None:
    """A task that no worker survives, and a scheduler that is gone: in our words, exit 2."""
    generated(tmp_path / "logs", 1, "8M", 0.5)  # so much fails that a task takes a while
    for scheduler, message in (
        (False, "every worker that tried a task was lost"),
        (True, "the connection was lost"),
    ):
        with (
            running(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as (address, pids),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(run_units, "MOST_RANGE", 1 << 20)
            patch.setattr(run_units, "LEAST_RANGE", 1 << 20)
            victims = pids[-1:] if scheduler else pids[:-1]

            def progress(_: Counters, victims: list[int] = victims) -> None:
                while victims:
                    os.kill(victims.pop(), signal.SIGKILL)

            with pytest.raises(InputError, match=message):
                report([str(tmp_path / "logs")], ALL, progress=progress, cluster=address)


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do, and nothing of Dask's own is printed."""
    monkeypatch.setattr(dask_executor, "TIMEOUT", 1)
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match="the scheduler does not answer") as error:
            ingest(
                ROOT / "sample_logs",
                store=tmp_path / "store",
                cluster=f"tcp://127.0.0.1:{bound.getsockname()[1]}",
            )
    assert error.value.hint == "is it running, at that address?"
    done = logscan("ingest", ROOT / "sample_logs", "--store", "store", "--cluster", "no://x", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(b"logscan: cluster no://x: unknown address")
    assert len(done.stderr.splitlines()) == 2
