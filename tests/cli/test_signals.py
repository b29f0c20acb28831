"""Signals at any moment: the right exit code, no traceback, no process and no temporary file left."""

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

from logscan import atomic
from logscan.errors import OutputError
from support import killing
from support.command import ROOT, environment

CODE = """
from logscan.__main__ import end_at_once, main
end_at_once()
from logscan._distribute import executors, run_units
from logscan._jobs import export, ingest
executors.FORK_FROM = executors.SPAWN_FROM = 1
run_units.LEAST_RANGE = run_units.MOST_RANGE = export.RANGE = ingest.TASK_BYTES = 1 << 19
main()
"""
"""The command, with processes for any amount of work."""
COMMANDS = {
    "report": ("report", "--alert", "all", "--workers", "2", "-o", "out/file.txt", "a.log"),
    "export": ("export", "--workers", "2", "-o", "out/file.parquet", "a.log"),
    "export_csv": ("export", "--workers", "1", "-o", "out/file.csv", "a.log"),
    "ingest": ("ingest", "--workers", "2", "--store", "out/store", "a.log", "b.log"),
    "index": ("index", "--workers", "2", "--index", "out/index", "a.log", "b.log"),
    "search": ("search", "--no-index", "--workers", "2", "--mentions", "no-such-id", "a.log"),
    "diagnose": ("diagnose", "-o", "out/file.txt", "a.log"),
    "gather": ("gather", "-o", "out/file.zip", "a.log"),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
QUICK = (
    ("export", signal.SIGINT), ("export", signal.SIGKILL), ("report", signal.SIGTERM),
)  # fmt: skip
"""Those of each run of the tests; the thorough run has all, at nine moments each."""


@pytest.fixture(autouse=True)
def caught() -> Iterator[None]:
    """A shell's ``&`` ignores SIGINT, and so would all that is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs of which workers get a part each."""
    made = tmp_path_factory.mktemp("signals")
    generate = [sys.executable, str(ROOT / "benchmarks" / "generate.py"), "--failing", "0.01"]
    for name, seed in (("a.log", "1"), ("b.log", "2")):
        size = ["--size", "1MiB", "--seed", seed]
        subprocess.run([*generate, str(made / name), *size], check=True, env=environment())
    return made


def moments() -> Iterator[Any]:
    """Which command gets which signal, and when, as a part of its calls: each signal to each command."""
    for number, command in enumerate(COMMANDS):
        for place, sent in enumerate(SIGNALS):
            quick = 0.05 + (0.37 * (3 * number + place)) % 0.9
            marks = () if (command, sent) in QUICK else pytest.mark.thorough
            yield pytest.param(command, sent, quick, marks=marks, id=f"{command}-{sent.name}")
            for more in range(8):
                thorough = pytest.mark.thorough
                yield pytest.param(
                    command, sent, (more + 1) / 10, marks=thorough, id=f"{command}-{sent.name}-{more}"
                )


@pytest.fixture(scope="module")
def calls() -> dict[str, int]:
    return {}


def unfinished(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.logscan-part")]


@pytest.mark.parametrize(("name", "sent", "part"), list(moments()))
def test_a_signal_at_any_moment(
    folder: Path, calls: dict[str, int], name: str, sent: signal.Signals, part: float, tmp_path: Path
) -> None:
    """LOW: SIGTERM left temporary files, SIGINT printed a traceback of pyarrow; SIGKILL leaves what the next
    run removes."""
    first = tmp_path / "first"  # a run that ends leaves an index, of which the next has less to do
    first.mkdir()
    for place in (tmp_path, first):
        for log in ("a.log", "b.log"):
            (place / log).symlink_to(folder / log)
        (place / "out").mkdir()
    if name not in calls:
        status, error = killing.run(0, CODE, *COMMANDS[name], cwd=first)
        assert status in (0, 1), error.decode()
        calls[name] = int((first / "calls").read_text())
    at = max(1, int(calls[name] * part))
    status, error = killing.run(at, CODE, *COMMANDS[name], cwd=tmp_path, number=sent)
    if sent == signal.SIGKILL:
        assert (status, error) == (-9, b"")
        again = killing.run(0, CODE, *COMMANDS[name], cwd=tmp_path)
        assert again[0] in (0, 1), again[1].decode()
    else:
        assert status == 128 + sent, error.decode()
        assert error in (b"", f"logscan: ended by {sent.name}\n".encode())  # b"": while it was loaded
    assert not unfinished(tmp_path)


def test_a_temporary_file_of_a_killed_run(tmp_path: Path) -> None:
    """LOW: the next run that writes to the directory removes it, whatever that writes; one that is still
    written, and a file of others, stay."""
    code = (
        "import os, signal, sys; from logscan.atomic import atomic_write\n"
        "with atomic_write('a.txt') as file:\n file.write(b'x'); file.flush(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), timeout=60)
    assert killed.returncode == -9
    (left,) = unfinished(tmp_path)
    (tmp_path / ".of.others").write_bytes(b"")
    with contextlib.ExitStack() as stack:
        stack.enter_context(atomic.atomic_write(str(tmp_path / "b.txt")))
        (written,) = unfinished(tmp_path)
        assert written != left
        other = "from logscan.atomic import atomic_write\nwith atomic_write('c.txt'): pass"
        subprocess.run([sys.executable, "-c", other], cwd=tmp_path, env=environment(), check=True, timeout=60)
        assert unfinished(tmp_path) == [written]
    assert sorted(os.listdir(tmp_path)) == [".of.others", "b.txt", "c.txt"]


def test_a_second_request_is_the_first(folder: Path, tmp_path: Path) -> None:
    """``timeout`` sends SIGTERM to a process and again to its group: what was begun is undone all the same."""
    code = (
        "import os, signal\nfrom logscan import atomic\nbefore = os.unlink\n"
        "def unlink(path):\n os.kill(os.getpid(), signal.SIGTERM); before(path)\n"
        "os.unlink = unlink\n"
        "def fsync(_): os.kill(os.getpid(), signal.SIGTERM)\nos.fsync = fsync\n"
        "from logscan._cli import main; main()"
    )
    command = [sys.executable, "-c", code, "export", "-q", "-o", "x.csv", str(folder / "a.log")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment(), timeout=60)
    assert (done.returncode, done.stderr) == (143, b"logscan: ended by SIGTERM\n")
    assert not list(tmp_path.iterdir())


def test_a_signal_while_a_fifo_waits(tmp_path: Path) -> None:
    """M2: also a run that waits for a writer, or a reader, ends."""
    os.mkfifo(tmp_path / "fifo")
    waiting = ("report", "fifo"), ("report", "-o", "fifo", str(ROOT / "sample_logs/no-keystore"))
    for arguments, sent in zip(waiting, SIGNALS, strict=False):
        command = [sys.executable, "-m", "logscan", *arguments]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment()) as process:
            assert process.stderr is not None
            assert b": waits for a " in process.stderr.readline()
            process.send_signal(sent)
            assert process.stderr.read() == f"logscan: ended by {sent.name}\n".encode()
            assert process.wait(60) == 128 + sent


def test_a_process_that_ignores_a_signal(folder: Path, tmp_path: Path) -> None:
    """``nohup``, and ``&`` of a shell without job control: what is ignored stays ignored."""
    code = (
        "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from logscan._cli import _process\nbefore = _process.SIGNALS.catch\n"
        "def catch():\n before(); [os.kill(os.getpid(), n) for n in (signal.SIGINT, signal.SIGHUP)]\n"
        "_process.SIGNALS.catch = catch\nfrom logscan.__main__ import main\nmain()"
    )
    command = [sys.executable, "-c", code, "report", "-o", "x.txt", str(folder / "a.log")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment(), timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_signal_that_comes_in_the_end_of_an_object() -> None:
    """Python ignores what is raised there: the request is not lost, and nothing is printed."""
    code = (
        "import os, signal, time\nfrom logscan._cli import _process\n_process.SIGNALS.catch()\n"
        "class Object:\n def __del__(self): os.kill(os.getpid(), signal.SIGTERM); [None for _ in range(100)]\n"
        "try:\n Object()\n while True: time.sleep(0.01)\n"
        "except KeyboardInterrupt:\n _process.end(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment(), timeout=60)
    assert (done.returncode, done.stderr) == (143, b"")


def test_an_output_error_leaves_nothing(tmp_path: Path) -> None:
    """An error of the block, or of the system, undoes what was begun."""
    path = str(tmp_path / "x")
    with pytest.raises(ZeroDivisionError), atomic.atomic_write(path):
        raise ZeroDivisionError
    with pytest.raises(OutputError, match="no such thing"), atomic.atomic_write(path):
        raise OSError(5, "no such thing")
    assert not list(tmp_path.iterdir())
