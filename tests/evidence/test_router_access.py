"""The Router's access log: who was hurt, how often, with which fault."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from logscan._evidence import router_access
from logscan._evidence.kinds import LOG, ROUTER_ACCESS, kind_of_evidence
from logscan._evidence.router_access import RouterCounts, count_requests, is_router_access
from logscan._jobs.diagnose import collect, request_of

CODE = "messaging.adaptors.http.flow.SslHandshakeFailed"


def row(
    number: int, status: int = 200, code: str = "-", *, client: str = "10.1.1.1:5000", xff: str = "-", separator: str = "\t"
) -> str:  # fmt: skip
    """A line as Edge 4.18.05 writes it."""
    parts = [
        f"2026-11-23T02:14:{number % 60:02}+11:00", client, "router-1", "10.0.0.7:8998", "0.020", "-", "-", str(status), str(status),
        "300", "200", f"POST /api/cool/token?secret={number} HTTP/1.1", f"rrt-31678-{number}-1", "curl/7.1.5 (x86 linux)",
        f"router-1-939-{number}-1", xff, "true" if code != "-" else "-", "MP" if code != "-" else "-", code, "-", "-", "-", "-", ".013",
        "apiproxy-name", "/api",
    ]  # fmt: skip
    return separator.join(parts) + "\n"


def counted(text: str, size: int = 1 << 20) -> RouterCounts:
    """The counts of a text, read in blocks."""
    counts, data = RouterCounts(), text.encode()
    count_requests((data[at : at + size] for at in range(0, len(data), size)), "x", counts)
    return counts


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("size", [11, 1 << 20])
def test_counts(separator: str, size: int) -> None:
    """Failed requests by status, fault code, client and message id; the others only as a number."""
    text = "".join(row(number, separator=separator) for number in range(20))
    text += row(21, 503, CODE, separator=separator) + row(
        22, 503, CODE, client="10.1.1.2:5", separator=separator
    )
    text += row(23, 404, separator=separator) + "2026 no line of it\n"
    assert kind_of_evidence(text.encode()) == ROUTER_ACCESS
    counts = counted(text, size)
    assert (counts.requests, counts.failed, counts.not_understood) == (23, 3, 1)
    assert (dict(counts.by_status), dict(counts.by_code)) == ({503: 2, 404: 1}, {CODE: 2})
    assert counts.clients == {"10.1.1.1", "10.1.1.2"}
    (found,) = counts.of(["rrt-31678-22-1", "other"])
    assert (found.status, found.upstream_status, found.fault_code, found.line) == (503, 503, CODE, 22)
    assert found.request == "POST /api/cool/token"  # the query may hold secrets
    assert found.time is not None
    assert found.time.isoformat() == "2026-11-22T15:14:22+00:00"
    assert counts.first is not None
    assert counts.last is not None
    assert (counts.first.second, counts.last.second) == (0, 23)


def test_client_behind_a_load_balancer() -> None:
    """The first address of X-Forwarded-For, where there is one."""
    counts = counted(row(1, 503, CODE, xff="203.0.113.9, 10.1.1.1") + row(2, 503, xff="unknown"))
    assert counts.clients == {"203.0.113.9", "10.1.1.1"}


def test_retries_of_the_router() -> None:
    """Several Message Processors were asked: the last one's status counts."""
    line = (
        row(1, 503, CODE)
        .replace("10.0.0.7:8998", "10.0.0.7:8998, 10.0.0.8:8998")
        .replace("503\t503", "503\t502, 504")
    )
    (found,) = counted(line).by_message.values()
    assert found.upstream_status == 504


def test_what_is_none() -> None:
    """Other logs, even of nginx, and a log of a Message Processor that quotes such a line."""
    combined = b'10.0.0.1 - - [23/Nov/2026:02:14:07 +0000] "GET / HTTP/1.1" 503 1 "-" "curl"\n'
    entry = b"2026-11-23 02:14:07,640 org:o env:e api:a rev:1 messageid:m T ERROR HTTP.CLIENT - x\n"
    for data in (b"", combined, b"\t" * 1000, b"2026-11-23T02:14:07Z\n", b"2026-11-23T02:14:07Z " * 3000):
        assert not is_router_access(data)
    assert kind_of_evidence(entry + row(1, 503).encode()) == LOG


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is counted, not everything is kept."""
    for name, value in (("MAX_MESSAGES", 5), ("MAX_CLIENTS", 3), ("MAX_CODES", 2)):
        monkeypatch.setattr(router_access, name, value)
    counts = counted(
        "".join(row(n, 503, f"messaging.code.{n % 4}", client=f"10.1.1.{n}:1") for n in range(10))
    )
    assert (counts.failed, len(counts.by_message), counts.left_out) == (10, 5, 5)
    assert (len(counts.clients), counts.more_clients, counts.by_code["(others)"]) == (3, True, 4)


def test_among_the_evidence(tmp_path: Path) -> None:
    """Found by its content, packed or not; the file's name says organization and environment."""
    (tmp_path / "acme~prod.9001#_access_log").write_text(row(1, 503, CODE))
    (tmp_path / "old.gz").write_bytes(gzip.compress(row(2, 503, CODE).encode()))
    found = collect(request_of([str(tmp_path)], {}))
    assert (found.evidence.hurt.failed, found.evidence.hurt.places) == (2, {("acme", "prod")})
    assert not found.counters.problems
    assert found.logs == ()
