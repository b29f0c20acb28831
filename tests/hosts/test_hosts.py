"""Reports and searches of hosts with real sshd's: what comes is what local copies give."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

from support.command import SAMPLES, logscan
from support.sshd import Hosts, python_of

WAYS = ("full", "bare")
ID = "router01.example.com-4321-1001-1"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rotated logs, packed ones, a copy, lines before the first entry, NULs, an entry across a rotation."""
    folder = tmp_path_factory.mktemp("logs")
    shutil.copytree(SAMPLES / "rotation", folder / "a")
    shutil.copytree(SAMPLES / "no-keystore", folder / "b")
    text = (folder / "b/system.log").read_bytes()
    half = text.index(b"\n", len(text) // 2) - 40
    (folder / "c").mkdir()
    (folder / "c/system.log.1").write_bytes(b"\tat an.end.of(Trace.java) handshakeFailed()\n" + text[:half])
    (folder / "c/system.log").write_bytes(text[half:] + b"\0" * 700 + text)
    (folder / "d").mkdir()
    (folder / "d/system.log.1.gz").write_bytes(gzip.compress(text))
    (folder / "d/system.log").write_bytes(text)
    return folder


def without_address(data: bytes, host: str) -> bytes:
    """An output as if the files were here, but for the text before the onset, which is not looked at there."""
    data = data.replace(f"ssh://{host}".encode(), b"")
    return re.sub(rb'"looked_at": \d+,\s+"note": "[^"]*"', b"", data)


@pytest.mark.parametrize("host", WAYS)
@pytest.mark.parametrize(
    "asked",
    [
        ("--format", "json"), ("--each", "--format", "jsonl"),
        pytest.param(("--alert", "all", "--by", "host,hour", "--format", "json"), marks=pytest.mark.thorough),
        pytest.param(("--group", "target,host", "--format", "csv"), marks=pytest.mark.thorough),
        pytest.param(("--proxy", "PAYMENTS-V1", "--format", "json"), marks=pytest.mark.thorough),
        pytest.param(("--since", "2026-11-23 02:14:08", "--format", "json"), marks=pytest.mark.thorough),
    ],
)  # fmt: skip
def test_a_report_is_that_of_local_copies(
    there: Hosts, logs: Path, host: str, asked: tuple[str, ...]
) -> None:
    """An installed logscan counts there; what an agent sends is counted here: numbers, times, places."""
    local = logscan("report", logs, "--host", "mp", *asked)
    remote = logscan("report", f"ssh://{host}{logs}", "--host", "mp", *asked, **there.env)
    assert without_address(remote.stdout, host) == without_address(local.stdout, host), remote.stderr.decode()
    assert without_address(remote.stderr, host) == local.stderr
    assert remote.returncode == 0


@pytest.mark.thorough
@pytest.mark.parametrize("version", ["3.6", "3.9"])
def test_the_agent_on_older_pythons(there: Hosts, logs: Path, version: str) -> None:
    """Python 3.6 without grep, 3.9 with it: what they send is the same, packed files too."""
    if python_of(version) is None:
        pytest.skip(f"there is no Python {version}")
    host = "py" + version.replace(".", "")
    for asked in (
        ("report", "--each", "--format", "jsonl", "--host", "mp"),
        ("search", "-n", "--prefix", "router01"),
    ):
        local = logscan(*asked, logs)
        remote = logscan(*asked, f"ssh://{host}{logs}", **there.env)
        assert without_address(remote.stdout, host) == local.stdout, remote.stderr.decode()
        assert remote.returncode == 0


@pytest.mark.parametrize("host", WAYS)
def test_a_search_is_that_of_local_copies(
    there: Hosts, logs: Path, host: str, request: pytest.FixtureRequest
) -> None:
    """Byte for byte."""
    asked = [(ID, "-H"), ("-n", "--prefix", "router01"), ("--level", "WARN+", "--text", "KEYSTORE", "-i")]
    more = [("-C", "1", ID), ("--since", "2026-11-23 02:14:08"), ("--json", ID), ("-c", "--mentions", "4321")]
    for each in asked + more if request.config.getoption("thorough") else asked[:2]:
        local = logscan("search", *each, logs)
        remote = logscan("search", *each, f"ssh://{host}{logs}", **there.env)
        assert without_address(remote.stdout, host) == without_address(local.stdout, host), (
            remote.stderr.decode()
        )
        assert remote.returncode == local.returncode == 0
