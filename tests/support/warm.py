"""The command without its start: a process that has loaded logscan once, and forks for each call.

A call is a process of its own, with its own arguments, directory, environment and streams, and it ends as Python ends.
Only the start of Python and the imports are not repeated: two thirds of what a short command costs. The libraries with
threads of their own (numpy, pyarrow, …) are not loaded before the fork.

The file itself is the server, and with an address the command of a shell. One connection is one call: descriptors
0 to 2 come with the request, the process number and then the status go back.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

WITH_THREADS = ("numpy", "pandas", "pyarrow", "textual", "distributed", "duckdb")
LAZY = (
    "ahocorasick_rs", "dateutil.parser", "hyperscan", "isal.igzip", "jinja2", "regex", "rich.console", "rich.progress",
    "rich.table",
)  # fmt: skip
"""Libraries that commands load when they need them."""
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "COVERAGE", "MALLOC", "GLIBC")
"""Variables that count when a process starts: a call with others than the server's needs a process from the start."""


def of_the_interpreter(env: dict[str, str]) -> dict[str, str]:
    """The variables that a fork cannot change."""
    return {name: value for name, value in env.items() if name.startswith(OF_THE_INTERPRETER)}


class Warm:
    """The server, as its client sees it."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.fixed = of_the_interpreter(env)
        self.address = f"logscan-tests-{uuid.uuid4()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind("\0" + self.address)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, root / "tests/support/warm.py", str(listener.fileno())],
                pass_fds=[listener.fileno()], cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)

    def start(
        self, arguments: Sequence[str | Path], stdin: int, *, cwd: Path, env: dict[str, str]
    ) -> Started:
        """Begin a call.

        Args:
            stdin: a descriptor, subprocess.DEVNULL or subprocess.PIPE.
        """
        (out, to_out), (error, to_error) = os.pipe(), os.pipe()
        given = -1
        if stdin == subprocess.PIPE:
            stdin, given = os.pipe()
        elif stdin == subprocess.DEVNULL:
            stdin = os.open(os.devnull, os.O_RDONLY)
        else:
            stdin = os.dup(stdin)
        passed = [stdin, to_out, to_error]
        call = begin(self.address, [*map(str, arguments)], os.fspath(cwd), env, passed)
        for descriptor in passed:
            os.close(descriptor)
        return Started(call, given, out, error)

    def run(
        self, arguments: Sequence[str | Path], stdin: bytes, *, cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As subprocess.run does it.

        Raises:
            subprocess.TimeoutExpired: The call took longer; it was killed.
        """
        process = self.start(arguments, subprocess.PIPE, cwd=cwd, env=env)
        outputs = [b"", b""]

        def feed() -> None:
            assert process.stdin
            with contextlib.suppress(BrokenPipeError), process.stdin as file:
                file.write(stdin)

        def drain(stream: IO[bytes], number: int) -> None:
            with stream:
                outputs[number] = stream.read()

        threads = [
            threading.Thread(target=drain, args=(process.stdout, 0), daemon=True),
            threading.Thread(target=drain, args=(process.stderr, 1), daemon=True),
        ]
        for thread in (*threads, threading.Thread(target=feed, daemon=True)):
            thread.start()
        until = time.monotonic() + timeout
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired(["logscan", *arguments], timeout)
        return subprocess.CompletedProcess(["logscan", *arguments], code, outputs[0], outputs[1])


class Started:
    """A call that runs: what the tests use of subprocess.Popen."""

    def __init__(self, status: socket.socket, stdin: int, out: int, error: int) -> None:
        self._status = status
        self.stdin = os.fdopen(stdin, "wb") if stdin >= 0 else None
        self.stdout: IO[bytes] = os.fdopen(out, "rb")
        self.stderr: IO[bytes] = os.fdopen(error, "rb")
        self.returncode: int | None = None
        (self.pid,) = struct.unpack("=i", _exactly(status, 4))

    def wait(self, timeout: float | None = None) -> int:
        """Its status, once it has ended."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                (self.returncode,) = struct.unpack("=i", _exactly(self._status, 4))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("logscan", timeout or 0) from None
            self._status.close()
        assert self.returncode is not None
        return self.returncode

    def poll(self) -> int | None:
        """Its status; ``None``: it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        self.send_signal(signal.SIGKILL)


def begin(
    address: str, arguments: list[str], cwd: str, env: dict[str, str], descriptors: list[int]
) -> socket.socket:
    """Ask the server for a call; the process number and the status come through the connection."""
    request = json.dumps([arguments, cwd, env]).encode()
    call = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    call.connect("\0" + address)
    socket.send_fds(call, [struct.pack("=I", len(request))], descriptors)
    call.sendall(request)
    return call


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise RuntimeError("the server of the warm command has ended")
        data += more
    return data


def load() -> None:
    """Import what the commands import, but nothing that starts a thread."""
    import logscan

    sys.modules.update(dict.fromkeys(WITH_THREADS))  # type: ignore[arg-type] # None: an import of it fails
    names = [module.name for module in pkgutil.walk_packages(logscan.__path__, "logscan.")]
    for name in (*LAZY, *names):
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    for name in WITH_THREADS:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def serve(listener: socket.socket) -> list[Any]:
    """Fork for each call; returns in the child, with its arguments. Ends when the client does."""
    waiting: dict[int, socket.socket] = {}
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), wake, 0], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(waiting)
        if 0 in ready:
            os._exit(0)
        if listener.fileno() not in ready:
            continue
        call, _ = listener.accept()
        head, descriptors, _, _ = socket.recv_fds(call, 4, 3)
        request: list[Any] = json.loads(_exactly(call, struct.unpack("=I", head)[0]))
        pid = os.fork()
        if pid:
            for descriptor in descriptors:
                os.close(descriptor)
            waiting[pid] = call
            with contextlib.suppress(OSError):
                call.sendall(struct.pack("=i", pid))
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        for each in (listener, call, *waiting.values()):
            each.close()
        os.close(wake)
        os.close(woken)
        return request


def _reap(waiting: dict[int, socket.socket]) -> None:
    """Say the status of each call that has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, code = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with waiting.pop(pid) as status, contextlib.suppress(OSError):
                status.sendall(struct.pack("=i", os.waitstatus_to_exitcode(code)))


def main() -> None:
    """Be the server; in a child, be the command."""
    del sys.path[0]  # the directory of this file
    load()
    arguments, cwd, env = serve(socket.socket(fileno=int(sys.argv[1])))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv[:] = [str(Path(__file__).parents[2] / "logscan/__main__.py"), *arguments]
    sys.path.insert(0, cwd)
    from logscan.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
