"""Formats that others read: against their published field names, and with log lines that were made to harm."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from support.command import ROOT, environment, logscan
from support.profiles import sampled

FIELDS = dict(
    line.split("\t")
    for line in (ROOT / "tests/data/ecs_fields.tsv").read_text().splitlines()
    if not line.startswith("#")
)


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted names."""
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, part in value.items():
        found |= flat(part, f"{prefix}.{name}" if prefix else name)
    return found


def lines(form: str, *args: str | Path, cwd: Path = ROOT) -> list[dict[str, Any]]:
    """The report as JSON lines."""
    done = logscan("report", *args, "--alert", "all", "--format", form, "--tz", "UTC", cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_ecs() -> None:
    """Every field is one of the schema, with a value of its type."""
    events = lines("ecs", "sample_logs")
    assert len(events) == 21
    kinds = {
        "keyword": str,
        "wildcard": str,
        "match_only_text": str,
        "text": str,
        "boolean": bool,
        "long": int,
        "ip": str,
        "date": str,
    }
    for event in events:
        for name, value in flat(event).items():
            if name.startswith("labels."):
                assert isinstance(value, str)
                continue
            assert name in FIELDS, name
            assert isinstance(value[0] if isinstance(value, list) else value, kinds[FIELDS[name]]), name
            assert FIELDS[name] != "ip" or "%" not in value
        assert event["@timestamp"].endswith("Z")
        assert event["tls"] == {"established": False}
    assert len({event["event"]["id"] for event in events}) == len(events)
    northbound = next(event for event in events if event["labels"]["side"] == "northbound")
    assert northbound["network"]["direction"] == "inbound"


def test_an_address_with_its_interface(tmp_path: Path) -> None:
    """Java prints the interface of a link-local address; Elastic's type ``ip`` would refuse the whole event."""
    text = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    channel = text[text.index("C:") : text.index("]", text.index("Remote host:"))]
    (tmp_path / "system.log").write_text(
        text.replace(channel, "C:/fe80:0:0:0:1:2:3:4%eth0:443 Remote host:/fe80:0:0:0:0:0:0:1%2:50100")
    )
    ends = [event["destination"] for event in lines("ecs", "--each", "system.log", cwd=tmp_path)]
    assert {"address": "fe80:0:0:0:1:2:3:4%eth0", "ip": "fe80:0:0:0:1:2:3:4", "port": 443} in ends


def test_otel() -> None:
    """Every line is a request of OTLP; attributes have the conventions' names."""
    pytest.importorskip("opentelemetry.proto")
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    conventions = {
        "error.type", "tls.established", "network.transport", "server.address", "server.port", "client.address", "client.port",
        "exception.type", "exception.message", "thread.name", "log.record.uid", "log.file.path",
    }  # fmt: skip
    requests = lines("otel", "sample_logs")
    assert len(requests) == 21
    for request in requests:
        parsed = json_format.ParseDict(request, ExportLogsServiceRequest())
        (resource,) = parsed.resource_logs
        (record,) = resource.scope_logs[0].log_records
        assert record.severity_number == 17
        assert record.time_unix_nano > 1_500_000_000_000_000_000
        names = {attribute.key for attribute in record.attributes}
        assert {name for name in names if not name.startswith("apigee.")} <= conventions
        assert {attribute.key for attribute in resource.resource.attributes} <= {
            "service.name", "service.version", "deployment.environment.name", "host.name",
        }  # fmt: skip


def test_zone(tmp_path: Path) -> None:
    """Times are UTC, daylight saving included."""
    text = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    (tmp_path / "system.log").write_text(text.replace("2026-11-23 02", "2026-07-01 12"))
    done = logscan("report", "system.log", "--format", "ecs", "--tz", "Europe/Berlin", cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[0])["@timestamp"] == "2026-07-01T10:14:07.640Z"


@pytest.mark.parametrize("form", ["ecs", "otel"])
@pytest.mark.parametrize(
    ("day", "zone"), [("0001-01-01", "+14:00"), ("9999-12-31", "-12:00"), ("0001-01-01", "UTC")]
)
def test_the_first_and_the_last_year(tmp_path: Path, form: str, day: str, zone: str) -> None:
    """A time at the ends of the calendar is left out where UTC cannot hold it; no traceback."""
    text = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    (tmp_path / "system.log").write_text(
        text.replace("2026-11-23 02:", f"{day} {'02' if day[0] == '0' else '22'}:")
    )
    done = logscan("report", "--each", "system.log", "--format", form, "--tz", zone, cwd=tmp_path)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    (event, *_) = [json.loads(line) for line in done.stdout.splitlines()]
    if form == "ecs":
        assert event.get("@timestamp") == (f"{day}T02:14:07.640Z" if zone == "UTC" else None)
    else:
        (record,) = event["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        assert "timeUnixNano" not in record


ATTACKS = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "formula": '=HYPERLINK("http://x","y")',
    "plus": "+cmd|calc",
    "at": "@SUM(1)",
    "terminal": "\x1b[31mred\x1b]0;title\x07",
    "direction": "abc\u202egpj.exe",
    "markdown": "[x](javascript:alert(1)) `a` |b| *c*",
    "template": "{{7*7}}{% raw %}${7*7}",
    "quotes": "\"'><",
    "bytes": "caf\udce9",
    "long": "x" * 10_000_000,
}
FORMATS = ("table", "markdown", "csv", "json", "jsonl", "html", "xlsx", "ecs", "otel", "parquet")


@pytest.mark.parametrize(("attack", "form"), sampled([*product(ATTACKS, FORMATS)], 7))
def test_hostile_lines_stay_text(attack: str, form: str, tmp_path: Path) -> None:
    """Attacks × formats: in names and in the text of a failure."""
    text = ATTACKS[attack]
    name = text.replace(" ", "_")[:200]
    whole = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    whole = whole.replace("payments-v1", name).replace(
        "handshake failed, message:", f"handshake failed, message: {text}"
    )
    (tmp_path / "system.log").write_bytes(whole.encode("utf-8", "surrogateescape"))
    output = f"out.{form}"
    done = logscan(
        "report",
        "system.log",
        "--alert",
        "all",
        "--format",
        form,
        "-o",
        output,
        "--details",
        "3",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-500:]
    data = (tmp_path / output).read_bytes()
    assert 0 < len(data) < 40_000_000
    if form == "parquet":
        return
    if form == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        assert sheet is not None
        for row in sheet.iter_rows(min_row=2):
            for cell in row:
                assert cell.data_type != "f"
                assert cell.hyperlink is None
        return
    shown = data.decode()
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    if form in ("html", "markdown"):
        assert "<script>alert" not in shown.split("<script>(() =>")[0]
        assert "<img" not in shown
    if form == "markdown":
        assert "[x](" not in shown
    if form == "csv":
        for fields in csv.reader(io.StringIO(shown)):
            assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for field in fields)
    if form == "json":
        json.loads(shown)
    if form in ("jsonl", "ecs", "otel"):
        for line in shown.splitlines():
            json.loads(line)


def test_a_file_has_no_codes_of_the_terminal(tmp_path: Path) -> None:
    """A table written to a file is the same, whether the command runs on a terminal or not."""
    master, slave = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "logscan", "report", "sample_logs", "-o", tmp_path / "table.txt"],
        stdout=slave, cwd=ROOT, env=environment(TERM="xterm-256color", COLUMNS="60"), check=True, timeout=60,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    assert (tmp_path / "table.txt").read_bytes() == logscan("report", "sample_logs").stdout
