"""Hosts that hang, flood, lie or are old, and commands that end meanwhile: on this machine, by an ``ssh`` of ours."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import CountRequest
from logscan._hosts.agent_client import AgentClient
from logscan._hosts.fan_out import MOST_WAITING, Asked, FanOut, Lane
from logscan._hosts.session import Session
from logscan._jobs._elsewhere import count_elsewhere, split
from logscan._jobs._tail_elsewhere import HostsWatcher
from logscan._live.options import FollowOptions
from logscan._reading.ssh import Host
from logscan._reading.ssh_process import Remote
from logscan.errors import InputError
from logscan.times import TimeRange
from logscan.values import Counters, FailedHandshake
from support.command import ROOT, SAMPLES, cold, environment, logscan
from support.fake_ssh import fake_ssh, is_alive, processes
from support.tailing import until

LOG = SAMPLES / "no-keystore"
GOOD = ("report", "--format", "csv")
EVIL = Path(__file__).parents[1] / "support/evil_host.py"
PYTHON = "PATH=/usr/bin:/bin"
"""What is on the PATH of a host that has no logscan."""


def hosts(folder: Path, before: str = "", **named: str) -> dict[str, Any]:
    """What the environment of a command must have."""
    return {**fake_ssh(folder, before, **named)}


def evil(folder: Path, how: str) -> str:
    """What runs on a host that lies."""
    (folder / "how").write_text(how)
    (folder / "there").mkdir(exist_ok=True)
    program = folder / "there/logscan"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {EVIL} {folder}/how "$@"\n')
    program.chmod(0o755)
    return f'PATH={folder}/there:/usr/bin:/bin; eval "$script"'


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes hosts for this process."""

    def make(before: str = "", **hosts: str) -> None:
        for name, value in fake_ssh(tmp_path, before, **hosts).items():
            monkeypatch.setenv(name, value)

    return make


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["report", "tail"])
def test_no_ssh_is_left_by_a_signal(tmp_path: Path, command: str, number: signal.Signals) -> None:
    """The command ends while some hosts do not answer: their ssh ends with it."""
    if (command, number) == ("tail", signal.SIGHUP):
        pytest.skip("it looks for new logs")
    env = fake_ssh(tmp_path, "exec sleep 300")
    asked = [f"ssh://mp{one}/x" for one in range(3)]
    with subprocess.Popen(
        [sys.executable, "-m", "logscan", command, *asked],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(**env),
    ) as process:  # fmt: skip
        until(lambda: len(processes(tmp_path)) == 3)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert b"Traceback" not in said
    assert b"fault of logscan" not in said
    until(lambda: not any(map(is_alive, processes(tmp_path))))


def test_no_ssh_is_left_where_nobody_reads(tmp_path: Path) -> None:
    """``logscan search … | head`` with a second host that does not answer."""
    env = fake_ssh(tmp_path, slow="exec sleep 300", fast=f'{PYTHON}; eval "$script"')
    (tmp_path / "system.log").write_bytes((LOG / "system.log").read_bytes() * 200)
    with subprocess.Popen(
        [sys.executable, "-m", "logscan", "search", "--text", "a", f"ssh://fast{tmp_path}/system.log", "ssh://slow/x"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        until(lambda: len(processes(tmp_path)) == 2)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    until(lambda: not any(map(is_alive, processes(tmp_path))))


def test_a_slow_host_beside_fast_ones(tmp_path: Path) -> None:
    """The others' results are complete, though the first has not answered when they are ready."""
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    run = f'{PYTHON}; eval "$script"'
    done = f"{tmp_path}/done"
    env = fake_ssh(tmp_path, slow=f"read _ < {fifo}; {run}", fast=f"({run}); echo >> {done}")
    shutil.copy(LOG / "system.log", tmp_path / "system.log")
    asked = [f"ssh://{host}{tmp_path}/system.log" for host in ("slow", "fast")]
    with subprocess.Popen(
        [sys.executable, "-m", "logscan", "report", "--format", "json", "--by", "host", *asked],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env),
    ) as process:  # fmt: skip
        until(lambda: Path(done).exists())
        fifo.write_text("go\n")
        out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()
    found = {each["host"]: each["failed_handshakes"] for each in json.loads(out)["incidents"]}
    assert found == {"slow": 2, "fast": 2}


def test_hosts_begin_in_their_order() -> None:
    """With more answers than may wait, no host keeps one from beginning that was named before it."""

    def work(lane: Lane[int]) -> None:
        for number in range(3 * MOST_WAITING):
            lane.put(number)

    for _ in range(20):
        asked = [Asked(Host(f"mp{number}"), ()) for number in range(6)]
        with FanOut(asked, work, 1) as fan:
            for lane in fan.lanes:
                assert len(list(lane.values(lambda: None))) == 3 * MOST_WAITING
    assert not [each for each in threading.enumerate() if each.name.startswith("hosts ")]


def test_many_descriptors(on_path: Any) -> None:
    """A process with more than 1024 files open still reads and writes."""
    on_path("exec cat")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this system allows fewer files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1200, hard))
    held = []
    try:
        held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        remote = Remote(Host("mp01"), "")
        remote.send(b"x" * 1000)
        assert remote.read()[:1] == b"x"
        remote.close()
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_messages_without_end(on_path: Any) -> None:
    """A host that floods the messages of ssh and prints nothing is given up; so is one that closes its output."""
    on_path(flood="yes flood >&2", closed="exec >&-; exec yes flood >&2")
    remote = Remote(Host("flood"), "", silence=0.5)
    with pytest.raises(InputError, match="says nothing"):
        remote.read()
    remote.close()
    remote = Remote(Host("closed"), "")
    assert remote.read() == b""
    assert "flood" in str(remote.fault())
    remote.close()


def test_ssh_asks_nobody(on_path: Any, tmp_path: Path) -> None:
    """It has no terminal, and no program that asks in its place, neither has the ssh of a jump host."""
    on_path(f'(: < /dev/tty) 2>/dev/null && echo tty >> {tmp_path}/asked; echo "$SSH_ASKPASS_REQUIRE"')
    remote = Remote(Host("mp01"), "")
    assert remote.read() == b"never\n"
    remote.close()
    assert not (tmp_path / "asked").exists()


def test_a_host_that_lives_and_does_nothing(on_path: Any, tmp_path: Path) -> None:
    """Signs of life without an end do not hold a command for ever."""
    on_path(mp01=evil(tmp_path, "alive"))
    with (
        Session(Host("mp01"), stuck=0.0) as session,
        pytest.raises(InputError, match="has read nothing for 0 s"),
    ):
        session.receive()


@pytest.mark.parametrize(
    "frame", [{"k": "alive", "bytes": 10**400}, {"k": "alive", "bytes": "x"}, {"k": "alive"}, {"k": "nothing"}]
)  # fmt: skip
def test_signs_of_life_that_are_none(tmp_path: Path, frame: dict[str, Any]) -> None:
    """Their numbers are checked; a frame of no kind is refused."""
    done = logscan(*GOOD, f"ssh://mp01{LOG}", **hosts(tmp_path, mp01=evil(tmp_path, json.dumps([frame]))))
    assert (done.returncode, b"its answer is not used" in done.stderr) == (2, True), done.stderr.decode()


def test_a_fault_costs_its_host_alone(on_path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw in an answer is one problem, in a report and while logs are followed."""
    sent = json.dumps([{"k": "failures", "rows": []}])
    on_path(PYTHON, evil=evil(tmp_path, sent))

    def broken(*_: Any) -> None:
        raise ValueError("nobody foresaw it")

    monkeypatch.setattr("logscan._jobs._elsewhere.read_failures", broken)
    monkeypatch.setattr("logscan._jobs._tail_elsewhere.read_failures", broken)
    counters = Counters()
    _, elsewhere = split([f"ssh://evil{LOG}", f"ssh://good{LOG}"])
    request = CountRequest(Selection(), (), datetime.max, HostNames(()))
    parts = list(count_elsewhere(elsewhere, request, counters))
    assert sum(part.certain.count for part in parts) == 2
    ((path, reason),) = [(each.path, each.reason) for each in counters.problems]
    assert (path, "nobody foresaw it" in reason) == ("ssh://evil", True)
    with HostsWatcher([], elsewhere, Selection(), FollowOptions(), host_of=HostNames(())) as watcher:
        for _ in watcher.run(lambda: bool(watcher.problems)):
            pass
    assert "nobody foresaw it" in watcher.problems[0].reason


def test_a_time_at_the_end_of_time(on_path: Any, tmp_path: Path) -> None:
    """A failure that is followed is moved into the zone of this run, as far as there are times."""
    end = "9999-12-31T23:59:59.999999"
    row = [
        end, None, "o", "e", "p", "1", "m", "t", "bad_certificate", ["client-certificate"], "southbound", "peer", "r",
        None, None, None, ["/x", 0, 0],
    ]  # fmt: skip
    on_path(evil=evil(tmp_path, json.dumps([{"offset": -36_000}, {"k": "failures", "rows": [row]}])))
    _, elsewhere = split([f"ssh://evil{LOG}"])
    found: list[FailedHandshake] = []
    with HostsWatcher([], elsewhere, Selection(), FollowOptions(), host_of=HostNames(())) as watcher:
        for update in watcher.run(found.__len__):  # type: ignore[arg-type]
            found += update.failures
    assert found[0].time == datetime.fromisoformat(end)


@pytest.mark.parametrize("offset", [86_400, -86_400, 93_600, 10**30, 1.5])
def test_zones_that_are_none(tmp_path: Path, offset: float) -> None:
    """A day and more from UTC is no zone: one line, and the other host reports."""
    env = hosts(tmp_path, PYTHON, evil=evil(tmp_path, "offset " + str(offset)))
    done = logscan(*GOOD, f"ssh://evil{LOG}", f"ssh://good{LOG}", **env)
    assert (done.returncode, b"bad_certificate" in done.stdout) == (2, True), done.stderr.decode()
    assert b"ssh://evil: its answer is not used" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"), [("usage: logscan", 2), ("ModuleNotFoundError: No module named 'logscan'", 1), ("", 3)]
)  # fmt: skip
def test_an_old_logscan_there(tmp_path: Path, words: str, code: int) -> None:
    """One that has no ``_serve``, does not start, or has another version: Python is asked in its place."""
    (tmp_path / "old").mkdir()
    old = tmp_path / "old/logscan"
    old.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/called\necho "{words}" | tee /dev/stderr\nexit {code}\n'
    )
    old.chmod(0o755)
    env = hosts(tmp_path, mp01=f'PATH={tmp_path}/old:{PYTHON[5:]}; eval "$script"')
    done, local = (logscan(*GOOD, "--host", "mp", path, **env) for path in (f"ssh://mp01{LOG}", str(LOG)))
    assert (done.returncode, done.stdout) == (0, local.stdout), done.stderr.decode()
    assert b"usage" not in done.stderr
    assert "_serve 1 " in (tmp_path / "called").read_text()


def test_a_logscan_that_breaks_off(tmp_path: Path) -> None:
    """What has begun to answer is not asked again by another way; the line says why it ended."""
    run = f'PATH={tmp_path}/broken:{PYTHON[5:]}; eval "$script"'
    (tmp_path / "broken").mkdir()
    program = tmp_path / "broken/logscan"
    code = (
        "import sys; import logscan._jobs._serving as s; from logscan._cli._serve import run\n"
        "def broken(*_): raise MemoryError\n"
        "s.Server._report = broken; run(sys.argv[2:])"
    )
    program.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c '{code}' \"$@\"\n")
    program.chmod(0o755)
    done = logscan(*GOOD, f"ssh://mp01{LOG}", **hosts(tmp_path, mp01=run))
    assert (done.returncode, b"not enough memory there" in done.stderr) == (2, True), done.stderr.decode()


def test_the_limit_of_an_agent(on_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at so many bytes, and the message names what to do: the archive with its own Python."""
    monkeypatch.setattr("logscan._hosts.agent_client.MOST_SENT", 1 << 10)
    on_path(PYTHON)
    with Session(Host("mp01"), agent_only=True) as session:
        client = AgentClient(session, Counters(), TimeRange(None, None, None))
        client.discover([str(LOG)])
        with pytest.raises(InputError, match="MiB of entries matter: the rest is not read") as caught:
            _ = [len(entries.text) for entries in client.scan(None, 1 << 20)]
    assert "install the archive with its own Python there" in caught.value.hint


def test_it_still_starts_by_itself(tmp_path: Path) -> None:
    """The whole command from the start of Python, with no fork of a process that has threads."""
    done = cold(*GOOD, f"ssh://mp01{LOG}", **hosts(tmp_path, PYTHON))
    assert (done.returncode, b"bad_certificate" in done.stdout) == (0, True), done.stderr.decode()
