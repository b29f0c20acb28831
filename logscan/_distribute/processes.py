"""Other processes of this machine that run tasks: forked ones, or new ones where this process cannot be
forked.

Each worker takes a task from a pipe and gives the result by another. A worker that dies is replaced, and
its task is run again. Workers end with the command: they are killed when it ends, and when it is killed
itself they see the end of a pipe that only it held open. (Linux could send a signal instead, but by
PR_SET_PDEATHSIG it does so when the thread that started a worker ends, and no other system has it.)
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import select
import signal
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from logscan.errors import InputError

if TYPE_CHECKING:
    import subprocess

UNSAFE = ("pyarrow", "duckdb", "deltalake", "polars", "distributed", "grpc")
"""Modules that start threads of their own: after their import a process is not forked."""
ATTEMPTS = 3
"""Workers that may die with a task."""
_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 20
_PIPE_BYTES = 1 << 20


def can_fork(unsafe: tuple[str, ...] = UNSAFE) -> bool:
    """Whether this process can be forked: it has one thread, and no module that has others."""
    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and not any(name in sys.modules for name in unsafe)
    )


def can_spawn() -> bool:
    """Whether new processes can be started that run this program's code."""
    return os.name == "posix" and bool(sys.executable)


class Processes:
    """Worker processes. See :class:`logscan._distribute.executors.Executor`.

    Args:
        workers: how many, at most; they are started when there are tasks for them.
        fork: fork this process; else start new ones.
    """

    is_inline = False

    def __init__(self, workers: int, *, fork: bool) -> None:
        self.workers = workers
        self._fork = fork
        self._unsafe = tuple(name for name in UNSAFE if name not in sys.modules)
        """Modules after whose import no more workers are forked: one that dies is replaced late."""
        self._crew: list[_Worker] = []
        self._waiting: deque[_Task] = deque()
        self._life = os.pipe()
        """Nothing is ever written to it: its end says that this process is gone."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> _Task:
        """See :class:`Executor`."""
        task = _Task(self, pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL))
        self._waiting.append(task)
        self._hand_out()
        return task

    def drop(self, task: _Task) -> None:
        """A task need not be begun."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(task)

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._crew:
            worker.kill()
        self._crew.clear()
        self._waiting.clear()
        for end in self._life:
            with contextlib.suppress(OSError):
                os.close(end)

    def pump(self) -> None:
        """Wait until a worker has something to say."""
        poll = select.poll()
        for worker in self._crew:
            if worker.task is not None:
                poll.register(worker.results, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        for worker in [worker for worker in self._crew if worker.results in ready]:
            if not worker.read():
                self._crew.remove(worker)
                self._lost(worker)
        self._hand_out()

    def _lost(self, worker: _Worker) -> None:
        """A worker is gone: its task must be run again."""
        status = worker.kill()
        task = worker.task
        if task is None:
            return
        task.attempts += 1
        if task.attempts < ATTEMPTS:
            self._waiting.appendleft(task)
            return
        task.finish(
            False,
            InputError(
                f"{ATTEMPTS} processes that shared the work ended early, the last with status {status}",
                "was there too little memory? one worker (--workers 1) needs one process only",
            ),
        )

    def _hand_out(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._crew if worker.task is None), None)
            if worker is None:
                if len(self._crew) >= self.workers:
                    return
                fork = self._fork and can_fork(self._unsafe)  # a progress bar may have started a thread since
                worker = _Worker(self._life, [end for one in self._crew for end in one.ends], fork=fork)
                self._crew.append(worker)
            worker.give(self._waiting.popleft())


class _Task:
    """A task, and its result: see :class:`logscan._distribute.executors.Result`."""

    def __init__(self, pool: Processes, data: bytes) -> None:
        self.data = data
        self.attempts = 0
        self._pool = pool
        self._outcome: tuple[bool, Any] | None = None

    def finish(self, good: bool, value: Any) -> None:
        """The result, or what was raised."""
        self._outcome = good, value

    def cancel(self) -> None:
        """It is not wanted."""
        self._pool.drop(self)

    def result(self) -> Any:
        """Wait for it."""
        while self._outcome is None:
            self._pool.pump()
        good, value = self._outcome
        if not good:
            raise value
        return value


class _Worker:
    """One other process.

    Attributes:
        task: what it works on.
        results: the end of a pipe from which its results are read.
        ends: all ends of pipes to it that this process holds.
    """

    def __init__(self, life: tuple[int, int], others: list[int], *, fork: bool) -> None:
        self.task: _Task | None = None
        self._received = bytearray(_LENGTH.size)
        self._have = 0
        """Bytes that were received."""
        self._has_length = False
        take, self._tasks = os.pipe()
        self.results, give = os.pipe()
        self.ends = (self._tasks, self.results)
        _widen(self.results)
        self._process: subprocess.Popen[bytes] | None = None
        if fork:
            _flush()
            self._pid = os.fork()
            if not self._pid:
                _run_forked((take, give), life, [*others, *self.ends])
        else:
            import subprocess  # forked workers do without

            passed = (take, give, life[0])
            code = f"from logscan._distribute.processes import serve; serve{passed}"
            with _interrupts_blocked():  # for it too: while it starts, Ctrl-C would print a traceback
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with our own code
                    [sys.executable, "-c", code], pass_fds=passed, stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )  # fmt: skip
            self._pid = self._process.pid
        os.close(take)
        os.close(give)

    def give(self, task: _Task) -> None:
        """Let it run a task."""
        self.task = task
        with contextlib.suppress(BrokenPipeError):  # it is gone: pump() sees that
            _write(self._tasks, task.data)

    def read(self) -> bool:
        """Take what it has to say; ``False``: it is gone."""
        received = self._received
        with memoryview(received) as view, view[self._have :] as free:
            count = os.readv(self.results, [free])
        self._have += count
        if not count or self._have < len(received):
            return bool(count)
        if not self._has_length:
            # All that follows is read into one place, and buffers stay there.
            self._received, self._have = bytearray(_LENGTH.unpack(received)[0]), 0
            self._has_length = True
            return True
        good, value = _unpacked(received)
        self._received, self._have, self._has_length = bytearray(_LENGTH.size), 0, False
        task, self.task = self.task, None
        if task is not None:
            task.finish(good, value)
        return True

    def kill(self) -> int:
        """End it; its status."""
        for end in self.ends:
            with contextlib.suppress(OSError):
                os.close(end)
        if self._process is not None:
            self._process.kill()
            return self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            return 0


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let SIGINT wait until the end of the block; a process that is started in it never gets one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_forked(pipes: tuple[int, int], life: tuple[int, int], foreign: list[int]) -> None:
    """Be a forked worker; never returns."""
    status = 1
    try:
        for end in (life[1], *foreign):
            os.close(end)
        serve(*pipes, life[0])
        status = 0
    finally:
        os._exit(status)


def serve(tasks: int, results: int, life: int) -> None:
    """Run tasks until there are no more.

    Args:
        tasks: descriptor from which they are read.
        results: descriptor to which results are written.
        life: descriptor that ends with the process that wants them.
    """
    import gc

    gc.disable()  # a task makes many values; what it leaves in cycles is freed after it
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its workers itself
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    while (data := _read(tasks)) is not None:
        buffers: list[pickle.PickleBuffer] = []
        gc.collect()
        try:
            function, arguments = pickle.loads(data)  # noqa: S301 - from the process that started us
            answer = pickle.dumps((True, function(*arguments)), 5, buffer_callback=buffers.append)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            answer = _raised(error)
            buffers = []
        try:
            _write_answer(results, answer, [buffer.raw() for buffer in buffers])
        except BrokenPipeError:
            return


def _raised(error: BaseException) -> bytes:
    """What a task raised, for the other process."""
    import traceback

    if not hasattr(error, "hint"):
        error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        return pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - an exception may hold anything
        return pickle.dumps((False, RuntimeError("".join(traceback.format_exception(error)))))


def _end_with(life: int) -> None:
    """End this process as soon as the one that started it is gone."""
    with contextlib.suppress(OSError):
        os.read(life, 1)
    os._exit(1)


def _write(descriptor: int, data: bytes | memoryview) -> None:
    """Write a length, and as many bytes."""
    os.write(descriptor, _LENGTH.pack(len(data)))
    _write_all(descriptor, data)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(descriptor, view[done : done + _PIPE_BYTES])


def _write_answer(descriptor: int, answer: bytes, buffers: list[memoryview]) -> None:
    """Write an answer, and the buffers that belong to it without a copy of them; their sizes come first."""
    sizes = [len(answer), *(buffer.nbytes for buffer in buffers)]
    table = struct.pack(f"<{1 + len(sizes)}Q", len(sizes), *sizes)
    _write_all(descriptor, _LENGTH.pack(len(table) + sum(sizes)) + table)
    _write_all(descriptor, answer)
    for buffer in buffers:
        _write_all(descriptor, buffer)


def _unpacked(received: bytearray) -> tuple[bool, Any]:
    """What was written as one answer; its buffers stay where they are."""
    (count,) = _LENGTH.unpack_from(received)
    sizes = struct.unpack_from(f"<{count}Q", received, _LENGTH.size)
    ends = list(itertools.accumulate((_LENGTH.size * (1 + count), *sizes)))
    view = memoryview(received)
    front, *buffers = (view[begin:end] for begin, end in itertools.pairwise(ends))
    answer: tuple[bool, Any] = pickle.loads(front, buffers=buffers)  # noqa: S301 - from our own process
    return answer


def _read(descriptor: int) -> bytes | None:
    """What was written as one; ``None`` at the end."""
    length = _read_exactly(descriptor, _LENGTH.size)
    return None if length is None else _read_exactly(descriptor, _LENGTH.unpack(length)[0])


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(descriptor, min(size, _READ_BYTES))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _widen(descriptor: int) -> None:
    """Let a pipe hold more, so that a worker need not wait for its reader so often."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _flush() -> None:
    """What waits to be printed is printed by this process, not again by a fork of it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
