"""Real worker processes: results in order, workers that die, errors, and nothing that outlives the command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import logscan
from logscan import InputError
from logscan._distribute import executors, run_units
from logscan._distribute.executors import executor_for, in_order, usable_cores
from logscan._distribute.processes import ATTEMPTS, Processes
from support.children import gone, workers_of
from support.command import ROOT, environment

WAYS = [pytest.param(True, id="fork"), pytest.param(False, id="spawn")]


def square(number: int) -> int:
    return number * number


def process_id(_: int) -> int:
    return os.getpid()


def large(size: int) -> bytes:
    return b"x" * size


def fails(number: int) -> int:
    if number == 3:
        raise InputError("no such thing", "look elsewhere")
    if number == 4:
        raise ZeroDivisionError
    return number


def dies_once(folder: str, number: int) -> int:
    """Die as a process that was killed, at the first try."""
    mark = Path(folder, str(number))
    if number % 3 == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def processes(count: int, fork: bool) -> Iterator[Processes]:
    pool = Processes(count, fork=fork)
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process imports this module by its name."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT), *sys.path])


def module(function: Any) -> Any:
    """A function under the name by which a new process can import it."""
    function.__module__ = "test_processes"
    sys.modules["test_processes"] = sys.modules[__name__]
    return function


@pytest.mark.parametrize("fork", WAYS)
def test_results_come_in_order(fork: bool) -> None:
    """By as many processes as were asked for, none of which is this one; large ones, too."""
    with processes(2, fork) as pool:
        assert list(in_order(pool, module(square), ((n,) for n in range(50)))) == [n * n for n in range(50)]
        ids = set(in_order(pool, module(process_id), ((n,) for n in range(50))))
        assert len(ids) == 2
        assert os.getpid() not in ids
        assert [len(data) for data in in_order(pool, module(large), ((n << 20,) for n in (0, 5, 1, 9)))] == [
            n << 20 for n in (0, 5, 1, 9)
        ]
    for name in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(name, 0)


@pytest.mark.parametrize("fork", WAYS)
def test_what_a_task_raises(fork: bool) -> None:
    """It is raised where its result is wanted, with where it came from; the others are not lost."""
    with processes(2, fork) as pool:
        results = [pool.submit(module(fails), number) for number in range(6)]
        for number, result in enumerate(results):
            if number == 3:
                with pytest.raises(InputError, match="no such thing") as refused:
                    result.result()
                assert refused.value.hint == "look elsewhere"
            elif number == 4:
                with pytest.raises(ZeroDivisionError) as error:
                    result.result()
                assert "in a worker process" in error.value.__notes__[0]
            else:
                assert result.result() == number


@pytest.mark.parametrize("fork", WAYS)
def test_a_killed_worker_is_replaced(fork: bool, tmp_path: Path) -> None:
    """Its task is run again; nothing is lost or doubled."""
    with processes(2, fork) as pool:
        calls = ((str(tmp_path), number) for number in range(12))
        assert list(in_order(pool, module(dies_once), calls)) == list(range(12))
    assert len(list(tmp_path.iterdir())) == 4


def test_a_task_that_no_worker_survives() -> None:
    with processes(2, True) as pool, pytest.raises(InputError, match=f"{ATTEMPTS} processes .* status -9"):
        pool.submit(dies, 1).result()


def test_small_work_is_done_here() -> None:
    """Also one worker, and one task."""
    for workers, tasks, size in ((4, 9, 1000), (1, 9, 1 << 40), (4, 1, 1 << 40)):
        with executor_for(workers, tasks, size) as executor:
            assert executor.is_inline
    with executor_for(3, 9, 1 << 40) as executor:
        assert (executor.is_inline, executor.workers) == (False, 3)


def test_cores_of_this_process() -> None:
    """Its affinity counts, not the machine."""
    code = "import os; from logscan._distribute.executors import usable_cores; print(usable_cores())"
    some = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(
        ["taskset", "-c", some, sys.executable, "-c", code], capture_output=True, env=environment(), check=True
    )  # fmt: skip
    assert done.stdout.strip() == b"1"
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 2), ("max 100000", None), ("50000 100000", 1)])
def test_the_quota_of_a_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cores: int | None
) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "a" / "cpu.max").write_text(text)
    (folder / "cpu.max").write_text("max 100000")
    assert executors._parents(str(folder), str(tmp_path)) == [str(folder), str(tmp_path / "a"), str(tmp_path)]
    assert executors._quota_in([str(folder), str(tmp_path / "a")]) == cores


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which a third of the messages fail, large enough for processes."""
    path = tmp_path_factory.mktemp("busy") / "system.log"
    generate = [sys.executable, str(ROOT / "benchmarks" / "generate.py"), str(path)]
    subprocess.run([*generate, "--size", "24MiB", "--failing", "0.3", "--seed", "3"], check=True)
    return path


def answer(path: Path, **more: Any) -> list[Any]:
    done = logscan.report(path, alert="all", each=True, **more)
    return [done.incidents, done.failures, done.other_alerts, done.elsewhere, done.counters]


@pytest.mark.parametrize("range_size", [1 << 20, 5 << 20])
def test_a_report_by_processes(busy: Path, monkeypatch: pytest.MonkeyPatch, range_size: int) -> None:
    """The same as by one, with rules for host names."""
    monkeypatch.setattr(executors, "FORK_FROM", 1 << 20)
    monkeypatch.setattr(run_units, "LEAST_RANGE", range_size)
    monkeypatch.setattr(run_units, "MOST_RANGE", range_size)
    assert answer(busy, workers=3, host="mp07") == answer(busy, workers=1, host="mp07")


COMMAND = "from logscan._distribute import executors; executors.FORK_FROM = 1; from logscan._cli import main; main()"
"""The command, with processes for any amount of work."""


def command(workers: int, path: Path) -> list[str | Path]:
    return [sys.executable, "-c", COMMAND, "report", "--alert", "all", "--workers", str(workers), path]


def test_through_the_command(busy: Path) -> None:
    """The command's own output, printed once."""
    one, two = (
        subprocess.run(command(workers, busy), capture_output=True, env=environment()) for workers in (1, 2)
    )
    assert one.stdout == two.stdout != b""
    assert (one.returncode, one.stderr) == (two.returncode, two.stderr) == (0, b"")


@pytest.mark.parametrize(("name", "status"), [("SIGKILL", -9), ("SIGINT", 130), ("SIGTERM", None)])
def test_no_process_outlives_the_command(busy: Path, tmp_path: Path, name: str, status: int | None) -> None:
    """Killed, interrupted or ended in the middle."""
    many = tmp_path / "many.log"
    with many.open("wb") as file:
        for _ in range(20):  # so that a busy machine does not end before the signal
            file.write(busy.read_bytes())
    process = subprocess.Popen(
        command(2, many),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), start_new_session=True,
    )  # fmt: skip
    workers = workers_of(process)
    assert len(workers) == 2
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    if status is not None:
        assert process.returncode == status
    assert gone(workers)
