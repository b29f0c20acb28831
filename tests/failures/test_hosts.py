"""Names of Message Processors by where their logs lie: of this machine, of collected logs, of many at once."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from logscan import report as logscan_of
from logscan._failures.hosts import host_of, hosts_of
from support.command import SAMPLES, logscan

LIVE = "/opt/apigee/var/log/edge-message-processor/logs/system.log"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["mp01/system.log"], ["mp01"]),
        (["sample_logs/no-keystore/system.log"], ["no-keystore"]),
        ([f"case/mp{number:02}/logs/system.log" for number in range(12)], [f"mp{number:02}" for number in range(12)]),
        ([f"/data/{name}{LIVE}" for name in ("mp01", "mp02")], ["mp01", "mp02"]),
        (["mp01/x/system.log", "mp02/x/system.log"], ["mp01", "mp02"]),  # where the paths differ
        (["dc1/mp01/system.log", "dc1/mp02/system.log", "dc2/mp01/system.log"], ["dc1/mp01", "mp02", "dc2/mp01"]),
        (["a/system.log", "a/b/system.log"], ["a", "b"]),
        (["mp01/2026-11-23/system.log", "mp01/2026-11-24/system.log", "mp02/2026/11/23/system.log"],
         ["mp01", "mp01", "mp02"]),
        (["mp01.log", "mp02-system.log", "logs/system-mp03.log"], ["mp01", "mp02", "mp03"]),
        (["mp01/system.log", "mp01/other.log"], ["mp01", "mp01"]),  # two logs of one host
        (["01/system.log", "02/system.log"], ["01", "02"]),
        (["ssh://me@mp07/opt/apigee/system.log", "s3://bucket/mp08/system.log"], ["mp07", "mp08"]),
        (["-"], ["standard input"]),
        ([LIVE, "/var/log/apigee/system.log"], [socket.gethostname()] * 2),
    ],
)  # fmt: skip
def test_names(paths: list[str], names: list[str]) -> None:
    """The folder where the paths differ; different folders never share a name."""
    assert list(map(hosts_of(paths).get, paths)) == names


@pytest.mark.parametrize("path", [LIVE, "a/mp01/logs/system.log", "mp01.log", "-", "ssh://mp07/x/system.log"])
def test_one_log(path: str) -> None:
    """Alone, a log has the same name by its path: a run that follows it agrees with a report."""
    assert hosts_of([path]) == {path: host_of(path)}


def test_every_command_agrees(tmp_path: Path) -> None:
    """A report by processes, a store and the events of a SIEM have the same names, rotated files too."""
    for name in ("dc1/mp01", "dc1/mp02", "dc2/mp01"):
        for log in (SAMPLES / "rotation").iterdir():
            target = tmp_path / "case" / name / "logs" / log.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, target)
            if log.suffix == ".log":  # no copy of another host's
                target.write_text(target.read_text().replace("router01", f"router-{name.replace('/', '-')}"))
    expected = ["dc1/mp01", "dc2/mp01", "mp02"]
    done = logscan("report", "case", "--format", "json", "--by", "host", cwd=tmp_path)
    rows = json.loads(done.stdout)["incidents"]
    report = logscan_of(tmp_path / "case")
    (shared,) = [shared for shared in report.overview.shared if shared.dimension == "host"]
    assert (report.overview.hosts, sorted(name for name, _ in shared.values)) == (3, expected)
    assert sorted({row["hosts"][0] for row in rows}) == expected
    assert sorted({row["host"] for row in rows}) == expected
    for name, field in (
        ("ecs", '"host": {"name": "mp02"}'),
        ("otel", '"host.name", "value": {"stringValue": "mp02"}'),
    ):
        assert field in logscan("report", "case", "--format", name, cwd=tmp_path).stdout.decode()
    assert logscan("ingest", "case", "--store", "kept", cwd=tmp_path).returncode == 0
    done = logscan("report", "--store", "kept", "--format", "csv", "--by", "host", cwd=tmp_path)
    assert sorted({line.split(",")[5] for line in done.stdout.decode().splitlines()[1:]}) == expected
