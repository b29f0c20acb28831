"""A session with a host: which way it is asked, and what it answers.

The first line of the script that counts has a mark that no banner can know; what stands before it is dropped.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, Self

from logscan._hosts.wire import WIRE, Frames, WireError, number, packed, text
from logscan._reading.ssh import Host
from logscan._reading.ssh_process import SILENT_SECONDS, Remote
from logscan.errors import InputError
from logscan.shown import safe

Way = Literal["logscan", "agent"]

MOST_NOISE = 1 << 20
"""Bytes that may stand before the mark: banners, messages of the day."""
MOST_SENT = 256 << 20
"""Bytes of entries that an agent sends, at most."""
MOST_READ = 1 << 30
"""Bytes that a host may send in all, unpacked."""
PLACES = ("logscan", "/opt/logscan/bin/logscan", "/opt/logscan/logscan", "$HOME/.local/bin/logscan")
"""Where an installed logscan may be: on the PATH first."""
PYTHONS = ("/usr/libexec/platform-python", "python3", "python3.11", "python3.9", "python3.6")
"""Where Python is looked for. RHEL 8 has the first, whatever else is there."""
CLOCK_SECONDS = 60
"""A clock that differs by more is named."""
STUCK_SECONDS = 900.0
"""How long a host may say that it is alive, and read nothing meanwhile."""
MOST_OFFSET = 24 * 3600 - 1
AGENT = ("agent_entries", "agent_follow", "agent")
"""The modules of which it is made; the last one begins."""
BUNDLE = "install the archive with its own Python there (docs/hosts.md), or add --pull"


def script(mark: str, *, agent_only: bool = False) -> str:
    """What ``sh`` does there: an installed logscan answers, else Python with the agent, else the mark.

    Args:
        mark: stands before the first answer.
        agent_only: do not look for an installed logscan.
    """
    installed = "".join(
        f'if command -v "{place}" >/dev/null 2>&1; then $n "{place}" _serve {WIRE} {mark}; s=$?;'
        " case $s in 1|2|3|126|127) ;; *) exit $s;; esac; fi; "
        for place in PLACES
    )
    old = '"import sys; sys.exit(sys.version_info<(3,6))"'
    run = '"import sys;f=sys.stdin.buffer;exec(f.read(int(f.readline())))"'
    pythons = "".join(
        f"if command -v {python} >/dev/null 2>&1 && {python} -I -c {old} 2>/dev/null;"
        f" then echo {mark} agent; exec $n {python} -I -c {run}; fi; "
        for python in PYTHONS
    )
    nice = 'n=; command -v nice >/dev/null 2>&1 && n="nice -n 10"; '
    return f"{nice}echo; {'' if agent_only else installed}{pythons}echo {mark} none"


@lru_cache(maxsize=1)
def agent_text() -> bytes:
    """The program of the agent."""
    folder = files("logscan._hosts")
    return b"\n".join(folder.joinpath(f"{name}.py").read_bytes() for name in AGENT)


class Session:
    """A host that answers.

    Attributes:
        way: who answers: an installed logscan, or the agent.
        offset: seconds that its wall time is ahead of UTC.
        skew: seconds that its clock is ahead of this machine's.

    Args:
        host: which.
        agent_only: do not look for an installed logscan.
        silence: seconds after which it is given up.
        keep: called with the session as soon as ``ssh`` runs, so that another thread can end it.
        stuck: seconds after which a host that lives and does nothing is given up.

    Raises:
        InputError: it cannot be reached, or nothing there can answer.
    """

    def __init__(
        self,
        host: Host,
        *,
        agent_only: bool = False,
        silence: float = SILENT_SECONDS,
        keep: Callable[[Session], None] = lambda _: None,
        stuck: float = STUCK_SECONDS,
    ) -> None:
        self.host, self._stuck = host, stuck
        mark = secrets.token_hex(12)
        self._remote = Remote(host, script(mark, agent_only=agent_only), silence=silence)
        self._frames = Frames(self._remote.read, MOST_READ)
        self.progress = 0
        """Bytes that the host has read so far."""
        try:
            keep(self)
            self.way = self._begin(mark.encode())
            if self.way == "agent":
                program = agent_text()
                self._remote.send(b"%d\n%s" % (len(program), program))
            sent = time.time()
            self.offset, now = self._hello()
            self.skew = round(now - sent)
        except BaseException:
            self.close()
            raise

    def ask(self, question: dict[str, Any]) -> None:
        """Send a question.

        Raises:
            InputError: the host does not take it.
        """
        self._remote.send(packed(question))

    def receive(self) -> dict[str, Any]:
        """The next frame of an answer.

        Raises:
            InputError: the connection ended, or the host says what it may not.
        """
        since = time.monotonic()
        while True:
            try:
                frame = self._frames.next()
                if frame is not None and frame.get("k") == "alive":
                    read = number(frame.get("bytes"))
                    if read > self.progress or not self._frames.is_bounded:
                        self.progress, since = read, time.monotonic()
                    elif time.monotonic() - since > self._stuck:
                        raise self._stands_still()
                    continue
            except WireError as error:
                raise self._strange(str(error)) from error
            if frame is None:
                raise self._remote.fault()
            if frame.get("k") == "error":
                raise self._refused(frame)
            return frame

    def answer(self, end: str) -> Iterator[dict[str, Any]]:
        """The frames of an answer, up to the one that ends it.

        Raises:
            InputError: as :meth:`receive`; or what is made of a frame refuses it.
        """
        while (frame := self.receive()).get("k") != end:
            yield frame

    def refusal(self, error: WireError) -> InputError:
        """What to say where a frame says what cannot be."""
        return self._strange(str(error))

    def follow(self) -> None:
        """What comes has no end: only each frame is bounded."""
        self._frames.is_bounded = False

    def stop(self) -> None:
        """Let it end, from another thread, without waiting for it."""
        self._remote.stop()

    def close(self) -> None:
        """End the session."""
        self._remote.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hello(self) -> tuple[int, int]:
        """The offset of the wall time of the host, and its clock."""
        hello = self.receive()
        try:
            if hello.get("k") == "hello":
                return number(hello.get("offset"), -MOST_OFFSET, MOST_OFFSET), number(hello.get("now"))
        except WireError as error:
            raise self._strange(str(error)) from error
        raise self._strange("it does not begin as agreed")

    def _begin(self, mark: bytes) -> Way:
        noise = 0
        while noise <= MOST_NOISE:
            try:
                line = self._frames.line(MOST_NOISE)
            except WireError as error:
                raise self._strange(str(error)) from error
            noise += len(line) + 1
            if line.startswith(mark):
                said = line[len(mark) :].strip()
                if said == b"logscan":
                    return "logscan"
                if said == b"agent":
                    return "agent"
                raise InputError(f"{self.host.address}: no logscan there, and no Python 3.6 or later", BUNDLE)
            if not line and noise > MOST_NOISE // 2:
                break
            if not line and self._frames.ended:
                raise self._remote.fault()
        raise self._strange("it prints much, and begins nothing")

    def _strange(self, reason: str) -> InputError:
        return InputError(
            f"{self.host.address}: its answer is not used: {safe(reason)}",
            "does a login script print into the session? try ssh by hand; --pull reads the bytes of the log",
        )

    def _stands_still(self) -> InputError:
        return InputError(
            f"{self.host.address}: the host has read nothing for {self._stuck:,.0f} s",
            "does one of its disks hang? look at it by hand, then run this again",
        )

    def _refused(self, frame: dict[str, Any]) -> InputError:
        try:
            message, hint = text(frame.get("message"), 1000), text(frame.get("hint"), 1000)
        except WireError as error:
            return self._strange(str(error))
        return InputError(f"{self.host.address}: {message}", hint)
