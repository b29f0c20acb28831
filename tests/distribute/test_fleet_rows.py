"""Rows of the review of the archive that are about a fleet: other machines, killed processes, silent servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from logscan import InputError
from logscan._distribute import dask_executor
from logscan._jobs.export import entry_batches
from logscan._jobs.ingest import ingest
from logscan._jobs.report import report_selected as report
from logscan._jobs.search import find
from logscan.values import Counters, Problem
from support.children import children, gone, workers_of
from support.clusters import running
from support.command import ROOT, environment, logscan
from support.logs import ALL
from support.servers import silent_server
from support.tailing import until

pytestmark = [
    pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed"),
    pytest.mark.filterwarnings("default"),
]

LINE = (
    "2026-11-25 10:{:02}:{:02},{:03} org:o env:e api:p rev:1 messageid:{}-{} main INFO A - B.c() : text {}\n"
)


def text(name: str, count: int) -> bytes:
    """A log of some entries, whose message ids begin with a name."""
    return "".join(LINE.format(n // 60 % 60, n % 60, n % 1000, name, n, n) for n in range(count)).encode()


# Row C4, and "which worker": paths on other machines.


class Fleet(NamedTuple):
    address: str
    folder: Path
    """Where the command stands. What it has below ``logs`` is something else for the workers."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Workers that stand elsewhere, and have another disk mounted at the logs."""
    folder = tmp_path_factory.mktemp("fleet")
    for name, here, there in (
        ("same.log", text("s", 300), text("s", 300)),
        ("grown.log", text("g", 300), text("g", 400)),
        ("other.log", text("o", 300), text("x", 300)),
        ("shorter.log", text("t", 300), text("t", 200)),
        ("missing.log", text("m", 300), None),
    ):
        for place, data in (("logs", here), ("disk", there)):
            (folder / place).mkdir(exist_ok=True)
            if data is not None:
                (folder / place / name).write_bytes(data)
    (folder / "there").mkdir()
    (folder / "there" / "r.log").write_bytes(text("x", 300))
    (folder / "r.log").write_bytes(text("r", 300))
    shell = 'mount --bind "$0/disk" "$0/logs" && exec "$@"'
    before = ["unshare", "-rm", "sh", "-c", shell, str(folder)]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount in a namespace of his own")
    with running(folder / "there", before) as (address, _):
        yield Fleet(address, folder)


def test_a_relative_path_is_that_of_the_command(fleet: Fleet) -> None:
    """Row C4: a worker stands elsewhere, and has another file of that name there."""
    done = logscan("ingest", "r.log", "--store", "S", "--cluster", fleet.address, cwd=fleet.folder)
    assert done.returncode == 0, done.stderr.decode()
    assert logscan("cat", "--store", "S", "r.log", cwd=fleet.folder).stdout == text("r", 300)


def reported(path: str, cluster: str, _: Path) -> list[Problem]:
    return report([path], ALL, cluster=cluster).counters.problems


def found(path: str, cluster: str, _: Path) -> list[Problem]:
    counters = Counters()
    list(find(["x-1"], [path], counters, cluster=cluster))
    return counters.problems


def exported(path: str, cluster: str, _: Path) -> list[Problem]:
    counters = Counters()
    list(entry_batches([path], counters, cluster=cluster))
    return counters.problems


def ingested(path: str, cluster: str, folder: Path) -> list[Problem]:
    done = ingest([path], store=folder / "store", cluster=cluster)
    assert done.new == 2
    return done.problems


JOBS = [reported, found, exported, ingested]


@pytest.mark.parametrize("job", JOBS)
def test_a_worker_reads_the_planned_file_or_says_who_it_is(
    fleet: Fleet, tmp_path: Path, job: Callable[[str, str, Path], list[Problem]]
) -> None:
    """One that has another file at the path, or none, reads nothing of it: it names itself, and what differs."""
    folder = fleet.folder / "logs"
    problems = {Path(each.path).name: each for each in job(str(folder), fleet.address, tmp_path)}
    host = socket.gethostname()
    for name, reason in (
        (
            "other.log",
            f"is another file on {host} than where the work was planned (it begins with other bytes)",
        ),
        ("shorter.log", f"is another file on {host} than where the work was planned (18,"),
        ("missing.log", f"no such file or directory on {host}"),
    ):
        assert problems[name].reason.startswith(reason), problems
        assert problems[name].fatal
    assert str(folder / "other.log") in problems["other.log"].hint
    assert len(problems) == 3
    if job is ingested:
        for name, count in (("same.log", 300), ("grown.log", 300), ("other.log", 0)):
            held = logscan("cat", "--store", "store", folder / name, cwd=tmp_path).stdout
            assert held[: len(text(name[0], count))] == text(name[0], count)
            assert b"x-1" not in held


@pytest.mark.parametrize("job", [reported, exported])
def test_progress_is_that_of_one_machine(
    fleet: Fleet, job: Callable[[str, str, Path], list[Problem]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row N11: it grows until all is read, as here."""
    seen: dict[str | None, list[int]] = {}
    for cluster in (fleet.address, None):
        steps = seen[cluster] = []

        def progress(counters: Counters, steps: list[int] = steps) -> None:
            steps.append(counters.bytes)

        paths = [str(fleet.folder / "r.log")]
        if job is reported:
            report(paths, ALL, cluster=cluster, progress=progress)
        else:
            list(entry_batches(paths, Counters(), cluster=cluster, progress=progress))
        assert steps == sorted(steps)
    assert seen[fleet.address][-1] == seen[None][-1] == len(text("r", 300))


# Row M6 and, of row N2, the scheduler: nobody answers.


@pytest.mark.parametrize("job", JOBS)
def test_a_scheduler_that_is_silent(
    job: Callable[[str, str, Path], list[Problem]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each command gives up in time, with one message, and Dask prints nothing."""
    monkeypatch.setattr(dask_executor, "TIMEOUT", 0.3)
    sample = str(ROOT / "sample_logs" / "no-keystore" / "system.log")
    with silent_server() as port, pytest.raises(InputError, match=r"does not answer \(waited 0.3 s\)"):
        job(sample, f"tcp://127.0.0.1:{port}", tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "store").exists()


@pytest.mark.thorough
def test_a_scheduler_that_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a task is under way: it is asked again, and given up."""
    monkeypatch.setattr(dask_executor, "ASKED_AGAIN", 0.5)
    monkeypatch.setattr(dask_executor, "TIMEOUT", 5.0)
    with running(tmp_path) as (address, pids), dask_executor.on_cluster(address) as executor:
        assert executor.submit(time.sleep, 2).result() is None  # a long task alone is waited for
        task = executor.submit(time.sleep, 600)
        os.kill(pids[-1], signal.SIGSTOP)
        with pytest.raises(InputError, match="does not answer"):
            task.result()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "missing port number"), ("tcp://127.0.0.1", "missing port number"),
        ("tcp://[", "invalid address"), ("tcp://127.0.0.1:99999", "does not answer"), ("inproc://x", "port"),
        ("tls://127.0.0.1:{port}", "TLS"), ("tcp://127.0.0.1:{port}", "connection refused"), ("", "port"),
    ],
)  # fmt: skip
def test_an_address_of_no_scheduler(address: str, words: str) -> None:
    """It is refused before a client is made, which would print tracebacks and take 40 seconds."""
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(socket.socket())  # nobody listens
        bound.bind(("127.0.0.1", 0))
        if "tls" in address:
            bound.listen()
        with pytest.raises(InputError, match=words) as refused:
            dask_executor.reach(address.format(port=bound.getsockname()[1]))
    assert refused.value.hint


def test_through_the_command() -> None:
    """Two lines, exit code 2: 1 would mean that nothing was found."""
    done = logscan("search", "x", "sample_logs", "--cluster", "tcp://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 2


# Row M3, and deltalake's threads.

COMMAND = (
    "from logscan._distribute import executors; executors.FORK_FROM = executors.SPAWN_FROM = 1;"
    " from logscan._cli import main; main()"
)
"""The command, with processes for any amount of work."""


def begin(*arguments: str | Path, cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=cwd, start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six logs that take a second to ingest."""
    folder = tmp_path_factory.mktemp("rows") / "logs"
    folder.mkdir()
    for number in range(6):
        (folder / f"mp{number}.log").write_bytes(text(f"mp{number}", 20_000))
    return folder


def check_store(folder: Path, logs: Path) -> None:
    """All is in the store, once, when an ingest has ended what another one began."""
    done = logscan("ingest", logs, "--store", "S", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    held = logscan("cat", "--store", "S", cwd=folder).stdout
    texts = [path.read_bytes() for path in logs.iterdir()]
    assert all(each in held for each in texts)
    assert len(held) == sum(map(len, texts))
    found = logscan("search", "-c", "-h", "--prefix", "mp", "--store", "S", cwd=folder)
    assert found.stdout == b"120000\n", found.stderr.decode()


def test_a_killed_ingest(logs: Path, tmp_path: Path) -> None:
    """Its workers were started anew, not forked: none is left, and the next run completes it."""
    process = begin("ingest", logs, "--store", "S", "--workers", "2", cwd=tmp_path)
    workers = workers_of(process)
    assert len(workers) == 2
    until(lambda: all(b"import serve" in Path(f"/proc/{name}/cmdline").read_bytes() for name in workers))
    process.kill()
    process.communicate(timeout=60)
    assert gone(workers)
    check_store(tmp_path, logs)


def test_an_ingest_whose_workers_are_killed(logs: Path, tmp_path: Path) -> None:
    """Two of them, one after the other: others take over, and all is stored once."""
    process = begin("ingest", logs, "--store", "S", "--workers", "2", cwd=tmp_path)
    dead: set[int] = set()
    for _ in range(2):
        worker = min(workers_of(process) - dead)
        os.kill(worker, signal.SIGKILL)
        dead.add(worker)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, b"6 new files" in errors) == (0, True), errors.decode()
    check_store(tmp_path, logs)


@pytest.mark.thorough
def test_an_ingest_whose_workers_are_all_killed(logs: Path, tmp_path: Path) -> None:
    """It ends with a message; what it has is whole, and the next run completes it."""
    process = begin("ingest", logs, "--store", "S", "--workers", "2", cwd=tmp_path)
    dead: set[int] = set()
    while process.poll() is None:
        for worker in children(process.pid) - dead:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            dead.add(worker)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, b"processes that shared the work ended early" in errors) == (2, True), errors
    assert b"Traceback" not in errors
    assert gone(dead)
    check_store(tmp_path, logs)


@pytest.mark.thorough
def test_two_ingests_at_once(logs: Path, tmp_path: Path) -> None:
    """One may be refused; together nothing is lost or doubled, and no process is left."""
    both = [begin("ingest", logs, "--store", "S", "--workers", "2", cwd=tmp_path) for _ in range(2)]
    workers = set().union(*(workers_of(each, 1) for each in both))
    statuses = []
    for each in both:
        _, errors = each.communicate(timeout=120)
        statuses.append(each.returncode)
        assert b"Traceback" not in errors
        assert each.returncode == 0 or b"another" in errors, errors.decode()
    assert 0 in statuses
    assert set(statuses) <= {0, 2}
    assert gone(workers)
    check_store(tmp_path, logs)


TABLE = """
import sys, pyarrow as pa, deltalake
deltalake.write_deltalake(sys.argv[1], pa.table({"n": [1, 2, 3]}), mode="append")
assert len(deltalake.DeltaTable(sys.argv[1]).to_pyarrow_table()) % 3 == 0
"""
FRESH = """
def is_fresh(pid):  # a fork has the command line of its parent
    return b"processes import " + b"serve" in open(f"/proc/{pid}/cmdline", "rb").read()
"""
AFTER = (
    FRESH
    + TABLE
    + """
from math import factorial
from logscan._distribute.executors import executor_for, in_order
from logscan._distribute.processes import can_fork
assert not can_fork()
with executor_for(2, 9, 1 << 40) as pool:
    assert list(in_order(pool, factorial, ((n,) for n in range(9)))) == [factorial(n) for n in range(9)]
    assert [is_fresh(worker._pid) for worker in pool._crew] == [True, True]
"""
)
BEFORE = (
    FRESH
    + """
import os, signal
from math import factorial
from logscan._distribute.executors import executor_for, in_order
with executor_for(2, 9, 1 << 40) as pool:
    calls = [(n,) for n in range(9)]
    right = [factorial(n) for n in range(9)]
    assert list(in_order(pool, factorial, calls)) == right
    forked = [worker._pid for worker in pool._crew]
    assert not any(map(is_fresh, forked))
"""
    + "\n".join("    " + line for line in TABLE.splitlines())
    + """
    assert list(in_order(pool, factorial, calls)) == right
    assert [worker._pid for worker in pool._crew] == forked
    os.kill(forked[0], signal.SIGKILL)
    while list(in_order(pool, factorial, calls)) == right and forked[0] in {w._pid for w in pool._crew}:
        pass
    fresh = [worker._pid for worker in pool._crew if worker._pid not in forked]
    assert list(map(is_fresh, fresh)) == [True]
"""
)


@pytest.mark.parametrize("code", [AFTER, BEFORE], ids=["after", "before"])
def test_workers_and_deltalake(code: str, tmp_path: Path) -> None:
    """Its threads do not live in a fork: after its use workers are started anew, also those that replace a forked
    one; those that were forked before go on."""
    pytest.importorskip("deltalake")
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "table"], capture_output=True, env=environment(), timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
