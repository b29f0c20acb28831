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

from support.command import SAMPLES, environment, logscan
from support.schemas import faults
from support.sshd import Hosts
from support.tailing import until

TEXT = (SAMPLES / "no-keystore/system.log").read_bytes()
FAILURES = 2
"""Failed handshakes in it."""


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return [int(name) for children in threads for name in children.read_text().split()]


def test_a_checkpoint(there: Hosts, tmp_path: Path) -> None:
    """Runs that end: with logscan there, nothing is lost or doubled; with an agent, a line says what is missing."""
    logs = {host: tmp_path / host / "system.log" for host in ("full", "bare", "here")}
    for log in logs.values():
        log.parent.mkdir()
        log.write_bytes(TEXT)
    paths = [f"ssh://{host}{logs[host]}" for host in ("full", "bare")] + [str(logs["here"])]
    out, err = tmp_path / "out", tmp_path / "err"

    def append(number: int) -> None:
        for log in logs.values():
            with log.open("ab") as file:
                file.write(TEXT.replace(b"-4321-", b"-%d-" % number))

    def seen(number: int, name: str) -> int:
        rows = [json.loads(line) for line in out.read_bytes().splitlines() if line.endswith(b"}")]
        return sum(f"-{number}-" in row["message_id"] and row["host"] == name for row in rows)

    def start() -> subprocess.Popen[bytes]:
        with out.open("ab") as output, err.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "logscan", "tail", "--json", "--checkpoint", "state", *paths],
                stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env=environment(**there.env), cwd=tmp_path,
            )  # fmt: skip

    def hosts_in_state() -> int:
        state = tmp_path / "state"
        return len(json.loads(state.read_text())["hosts"]) if state.exists() else 0

    def has_all(number: int, *names: str) -> bool:
        return all(seen(number, name) == FAILURES for name in names)

    number = 0
    for run, end in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGTERM)):
        tail = start()
        try:
            if not run:
                until(lambda: hosts_in_state() == 1, 60)  # it follows
            else:
                until(partial(has_all, number, "full", "here"), 60)  # what came between two runs
            number += 1
            append(number)
            until(partial(has_all, number, "full", "here"), 60)
        finally:
            tail.send_signal(end)
            tail.wait(timeout=30)
        number += 1
        append(number)
    tail = start()
    try:
        until(partial(has_all, number, "full", "here"), 60)
    finally:
        tail.terminate()
        tail.wait(timeout=30)
    for name in ("full", "here"):
        assert seen(1, name) >= FAILURES  # printed, but perhaps not in the checkpoint when the run was killed
        assert all(seen(each, name) == FAILURES for each in range(2, number + 1))
    assert b"ssh://bare: no logscan is there" in err.read_bytes()
    status = logscan("tail", "--status", "--json", "--checkpoint", "state", cwd=tmp_path)
    states = {row["path"]: row for row in map(json.loads, status.stdout.splitlines())}
    assert not any(faults("tail-status.json", row) for row in states.values())
    here, full = str(logs["here"]), f"ssh://full{logs['full']}"
    assert {path: row["unread"] is None for path, row in states.items()} == {here: False, full: True}
    assert states[here]["position"] == states[full]["position"] > 0
    text = logscan("tail", "--status", "--checkpoint", "state", cwd=tmp_path).stdout.decode()
    assert f"{full}: byte {states[full]['position']:,}; that host knows what is not read" in text


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
