"""Live logs of several hosts as one stream, and connections that break."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.command import SAMPLES, environment
from support.sshd import Hosts
from support.tailing import until

TEXT = (SAMPLES / "no-keystore/system.log").read_bytes()


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return [int(name) for children in threads for name in children.read_text().split()]


@pytest.mark.thorough
def test_hosts_are_followed_as_one(there: Hosts, tmp_path: Path) -> None:
    """A lost connection is made again: with logscan there nothing is lost or doubled, else the gap is stated."""
    logs = {host: tmp_path / host / "system.log" for host in ("full", "bare")}
    lines = TEXT.splitlines(keepends=True)
    for log in logs.values():
        log.parent.mkdir()
        log.write_bytes(b"".join(lines[:3]))

    def append(data: bytes) -> None:
        for log in logs.values():
            with log.open("ab") as file:
                file.write(data)

    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        tail = subprocess.Popen(
            [sys.executable, "-m", "logscan", "tail", "--json", *(f"ssh://{host}{log}" for host, log in logs.items())],
            stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment(**there.env),
        )  # fmt: skip
    try:
        number = 0

        def renamed(begin: int, end: int) -> bytes:
            return b"".join(lines[begin:end]).replace(b"-4321-", b"-%d-" % number)

        def ids(host: str) -> list[str]:
            rows = [json.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
            return [row["message_id"] for row in rows if row["host"] == host]

        def seen(host: str) -> Callable[[], bool]:
            append(renamed(3, len(lines)))  # until it has begun to follow
            return lambda: bool(ids(host))

        for host in logs:
            for number in range(5000, 5020):  # noqa: B007
                ready = seen(host)
                try:
                    until(ready, 3)
                    break
                except AssertionError:
                    continue
        number = 6000
        begun = {host: len(ids(host)) for host in logs}
        children = children_of(tail.pid)
        assert len(children) == 2
        for child in children:
            os.kill(child, signal.SIGTERM)  # the ssh processes of this very command
        append(renamed(3, len(lines)))
        until(lambda: b"nothing is missing" in (tmp_path / "err").read_bytes(), 60)
        until(lambda: b"what was logged meanwhile is missing" in (tmp_path / "err").read_bytes(), 60)
        number = 7000

        def has_two(host: str) -> bool:
            return sum("-7000-" in name for name in ids(host)) == 2

        append(renamed(3, len(lines)))
        for host in logs:
            until(partial(has_two, host), 60)
        assert len(set(ids("full"))) == len(ids("full"))
        assert sum("-6000-" in name for name in ids("full")) == 2
        assert len(ids("full")) >= begun["full"] + 4
    finally:
        tail.terminate()
        tail.wait(timeout=30)
