"""The process of ``ssh`` that runs a script on a host: its bytes, its time-outs, its faults, its end."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO

from logscan._reading.ssh import Host
from logscan.errors import InputError, reason_of
from logscan.shown import safe

SILENT_SECONDS = 60.0
"""How long a host may say nothing. What runs there says every few seconds that it is alive."""
END_SECONDS = 2.0
"""How long ``ssh`` may take to end after all was read."""
MOST_STDERR = 8192
"""Bytes of the messages of ``ssh`` that are kept, the last ones."""
MOST_LAST_READS = 64
"""How often these are read at the end: a host may never stop to send them."""
_RUNNING: set[Remote] = set()
"""Those that nobody has closed: they end with this process, whatever ends it in order."""
_READ = 1 << 18
_TICK = 500
"""Milliseconds between two looks whether somebody has ended it."""
_HINTS = (
    ("permission denied", "ssh {0} must work without a password: ssh-copy-id, or ssh-add the key"),
    ("host key verification failed", "run ssh {0} once by hand, and compare the fingerprint of its key"),
    ("host identification has changed", "ask who changed the host's key before you trust it"),
    ("could not resolve", "check the name, or the Host lines of ~/.ssh/config"),
    ("timed out", "is the host up? does it need a ProxyJump in ~/.ssh/config?"),
    ("connection refused", "is the host up, and the port right?"),
)  # fmt: skip


class Remote:
    """A script that runs on a host.

    Args:
        host: where.
        script: for ``sh``.
        silence: seconds after which a host that says nothing is given up.

    Raises:
        InputError: there is no ``ssh``.
    """

    def __init__(self, host: Host, script: str, *, silence: float = SILENT_SECONDS) -> None:
        self.host, self._silence = host, silence
        self._errors = b""
        self._is_closed = False
        self._streams_in_use = threading.RLock()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ssh, and a host that cannot be an option
                host.command(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                bufsize=0, start_new_session=True, env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
            )  # fmt: skip
        except FileNotFoundError as error:
            raise InputError(
                f"{host.address}: this machine has no ssh", "install the package openssh-client(s)"
            ) from error
        except OSError as error:
            raise InputError(f"{host.address}: ssh cannot be started: {reason_of(error)}") from error
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        _RUNNING.add(self)
        self._in, self._out, self._err = self._process.stdin, self._process.stdout, self._process.stderr
        for stream in (self._in, self._out, self._err):
            os.set_blocking(stream.fileno(), False)

    def send(self, data: bytes) -> None:
        """Give the script some bytes to read.

        Raises:
            InputError: it does not take them.
        """
        view = memoryview(data)
        deadline = time.monotonic() + self._silence
        while view:
            with self._streams_in_use:
                if self._is_closed:
                    raise self._ended()
                try:
                    ready = _ready((self._in,), select.POLLOUT)
                    written = os.write(self._in.fileno(), view[:_READ]) if ready else 0
                except BlockingIOError:
                    written = 0
                except OSError as error:
                    raise self.fault() from error
            view = view[written:]
            if written:
                deadline = time.monotonic() + self._silence
            elif time.monotonic() > deadline:
                raise self._silent()

    def end_input(self) -> None:
        """The script has all that it gets."""
        with contextlib.suppress(OSError):
            self._in.close()

    def read(self) -> bytes:
        """Some bytes that the script prints; none at the end.

        Raises:
            InputError: the host is silent.
        """
        deadline = time.monotonic() + self._silence
        sources = [self._out, self._err]
        while True:
            with self._streams_in_use:
                if self._is_closed:
                    raise self._ended()
                ready = _ready(sources, select.POLLIN)
                if self._err in ready and not self._take_errors():
                    sources.remove(self._err)
                if self._out in ready:
                    with contextlib.suppress(BlockingIOError):
                        return os.read(self._out.fileno(), _READ)
            if time.monotonic() > deadline:
                raise self._silent()

    def succeeded(self) -> bool:
        """Whether the script has ended well; after it has printed all."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(END_SECONDS) == 0
        return False

    def fault(self) -> InputError:
        """Why the script ended before its time: the last line of what ``ssh`` says."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        with self._streams_in_use, contextlib.suppress(OSError, ValueError):
            for _ in range(MOST_LAST_READS):
                if not self._take_errors():
                    break
        lines = [
            line.strip() for line in self._errors.decode("utf-8", "replace").splitlines() if line.strip()
        ]
        status = self._process.poll()
        words = safe(lines[-1][:300]) if lines else f"the connection ended (ssh: {status})"
        said = "\n".join(lines).lower()
        hint = next((hint for sign, hint in _HINTS if sign in said), "try it by hand: ssh {0}")
        return InputError(f"{self.host.address}: {words}", hint.format(self.host.by_hand))

    def stop(self) -> None:
        """Let ``ssh`` end, without waiting for it: whoever reads or writes in another thread is woken."""
        self._is_closed = True
        if self._process.poll() is None:
            self._kill(signal.SIGTERM)

    def close(self) -> None:
        """End ``ssh`` and what it started."""
        self._is_closed = True
        with self._streams_in_use:
            with contextlib.suppress(OSError):
                self._in.close()
            try:
                self._process.wait(0.2)
            except subprocess.TimeoutExpired:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    self._kill(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(END_SECONDS)
                        break
            for stream in (self._out, self._err):
                stream.close()
            _RUNNING.discard(self)

    def _kill(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, number)

    def _ended(self) -> InputError:
        return InputError(f"{self.host.address}: the connection was ended here")

    def _take_errors(self) -> bool:
        """Keep what ``ssh`` says; whether more may come."""
        try:
            data = os.read(self._err.fileno(), _READ)
        except BlockingIOError:
            return False
        self._errors = (self._errors + data)[-MOST_STDERR:]
        return bool(data)

    def _silent(self) -> InputError:
        return InputError(
            f"{self.host.address}: the host says nothing (waited {self._silence:g} s)",
            "is it overloaded? try it by hand, then run this again",
        )


def _ready(streams: Sequence[IO[bytes]], events: int) -> list[IO[bytes]]:
    """Those of some streams that are ready, after a moment at most; however many descriptors are open."""
    poll = select.poll()
    for stream in streams:
        poll.register(stream, events)
    found = {descriptor for descriptor, _ in poll.poll(_TICK)}
    return [stream for stream in streams if stream.fileno() in found]


@atexit.register
def _end_all() -> None:
    for remote in list(_RUNNING):
        remote.stop()
