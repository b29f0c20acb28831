"""Output of -Djavax.net.debug of real JVMs: each handshake, whatever stands between its records."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logscan._diagnosis.facts_from_engine import facts_from_engine
from logscan._evidence.collected import Evidence
from logscan._evidence.distinguished_names import parse
from logscan._evidence.engine_debug import EngineCounters, EngineHandshake
from logscan._evidence.engine_records import split_names
from logscan._evidence.kinds import ENGINE, LOG, kind_of_evidence
from logscan._evidence.read_engine_debug import handshakes_of
from logscan._jobs.diagnose import collect, request_of
from support.command import ROOT

DATA = ROOT / "tests/data/engine_debug"
ROOT_CA = "CN=MyCompany Test SHA2 CA G2, DC=testcore, DC=test, DC=dir, DC=mycompany, DC=com"
OTHER_CA = (
    "CN=Backend Client CA, EMAILADDRESS=pki@backend.example, OU=ITS, O=Backend Co, L=MELBOURNE, ST=VIC, C=AU"
)
FILES = sorted(path.stem for path in DATA.glob("*.txt"))
ENTRY = b"2026-11-23 02:14:07,640 org:o env:e api:a rev:1 messageid:m T ERROR HTTP.CLIENT - x\n"


def text(name: str) -> bytes:
    """One of the files."""
    return (DATA / f"{name}.txt").read_bytes()


def read(data: bytes, size: int = 1 << 20) -> list[EngineHandshake]:
    """The handshakes of a text, read in blocks."""
    blocks: Iterator[bytes] = (data[at : at + size] for at in range(0, len(data), size))
    return handshakes_of(blocks, "x", EngineCounters())


@pytest.mark.parametrize(
    ("name", "version", "asked", "sent", "alert", "by", "completed"),
    [
        ("java11_mismatch_v1.2", "TLS 1.2", [OTHER_CA], "empty", "handshake_failure", "server", False),
        ("java17_mismatch_v1.2", "TLS 1.2", [OTHER_CA], "empty", "handshake_failure", "server", False),
        ("java25_mismatch_v1.2", "TLS 1.2", [OTHER_CA], "empty", "handshake_failure", "server", False),
        ("java21_mismatch_v1.3", "TLS 1.3", [OTHER_CA], "empty", "certificate_required", "server", False),
        ("java17_empty_v1.3", "TLS 1.3", [ROOT_CA], "empty", "certificate_required", "server", False),
        ("java11_refused_v1.3", "TLS 1.3", [ROOT_CA], "sent", "certificate_expired", "server", False),
        ("java21_refused_v1.2", "TLS 1.2", [ROOT_CA], "sent", "certificate_expired", "server", False),
        ("java17_success_v1.2", "TLS 1.2", [ROOT_CA], "sent", None, None, True),
        ("java17_notasked_v1.2", "TLS 1.2", None, "not asked", None, None, True),
        ("java17_jsse_empty_v1.2", "TLS 1.2", [ROOT_CA], "empty", None, None, False),
        ("java17_http", None, None, None, "unexpected_message", "client", False),
        ("java17_reset", None, None, None, None, None, False),
        ("java17_eof", None, None, None, None, None, False),
        ("java8_old_empty", "TLS 1.2", [OTHER_CA, 'CN=Other, O="A, B"'], "empty", "bad_certificate", "server", False),
    ],
)  # fmt: skip
def test_handshakes(
    name: str, version: str | None, asked: list[str] | None, sent: str | None, alert: str | None, by: str | None, completed: bool,
) -> None:  # fmt: skip
    """What the engine did, in each form, in clear also for TLS 1.3."""
    data = text(name)
    assert kind_of_evidence(data[: 1 << 16]) == ENGINE
    (found,) = read(data)
    assert (found.version, found.client_certificate, found.alert, found.alert_by) == (
        version,
        sent,
        alert,
        by,
    )
    assert (found.completed, found.mixed, found.sni) == (completed, False, "backend.example")
    if asked is None:
        assert found.asked is (False if sent == "not asked" else None)
    else:
        assert found.authorities is not None
        assert (found.asked, found.authorities_certain, len(found.authorities)) == (True, True, len(asked))
        assert all(one.same(parse(other)) for one, other in zip(found.authorities, asked, strict=True))
        assert "rsa_pkcs1_sha512" in found.schemes
    assert (found.why_none is not None) == (sent == "empty")
    if sent == "sent":
        assert [str(item.issuer) for item in found.client_chain] == [ROOT_CA, ROOT_CA]
        assert found.client_chain[0].not_after is not None
    lines = data.splitlines()
    for fact, mark in (
        ("request", b"CertificateRequest"),
        ("sent", b"client Certificate"),
        ("alert", b"lert"),
    ):
        if fact in found.lines and name != "java8_old_empty" and sent != "not asked":
            assert mark in lines[found.lines[fact] - 1] or b"Fatal" in lines[found.lines[fact] - 1]


def test_times_and_chains() -> None:
    """A leaf as printed; Java writes midnight as 24 o'clock."""
    (found,) = read(text("java17_success_v1.2"))
    assert found.time is not None
    assert found.time.tzinfo == UTC
    leaf = found.client_chain[0]
    assert (leaf.not_before, leaf.key_algorithm) == (datetime(2026, 10, 25, tzinfo=UTC), "RSA")
    assert leaf.serial is not None
    assert str(found.server_chain[0].subject) == "CN=localhost, O=Backend Co"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_several_authorities(version: str) -> None:
    """TLS 1.2 prints them in one line, separated as their parts are."""
    (found,) = read(text(f"java17_three_v{version}"))
    assert found.authorities is not None
    assert found.authorities_certain
    assert [str(name).partition(",")[0] for name in found.authorities] == [
        "CN=Backend Client CA", "CN=MyCompany Test SHA2 CA G2", "CN=MyCompany Issuing CA 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "count", "certain"),
    [
        ("", 0, True), ("CN=a", 1, True), ("CN=a, O=b, C=AU", 1, True), ("CN=a, C=AU, CN=b, O=c, C=US", 2, True),
        ("CN=a, DC=x, DC=y, CN=b, DC=x", 2, True), ("CN=a, O=b, CN=c, O=d", 2, False), ("CN=a, CN=b", 2, False),
        ("CN=GlobalSign, O=GlobalSign, OU=Root R3", 2, False), ("C=AU, O=x, CN=y, C=US, O=z", 4, False),
        ("what is this", 0, False),
    ],
)  # fmt: skip
def test_names_in_one_line(line: str, count: int, certain: bool) -> None:
    """Where a name ends is certain after its root only; else it is said to be a guess."""
    names, sure = split_names(line)
    assert sure is certain
    if certain:
        assert len(names) == count


@pytest.mark.parametrize("size", [7, 1000, 40_000])
def test_blocks(size: int) -> None:
    """Where a block ends does not matter."""
    for name in FILES if size > 7 else FILES[-1:]:
        assert read(text(name), size) == read(text(name)), name


def records(data: bytes, thread: str) -> list[bytes]:
    """The records of an output, renamed to a thread."""
    named = re.sub(rb"(javax\.net\.ssl\|\w+\|)\w+\|main\|", rb"\g<1>A1|" + thread.encode() + b"|", data)
    return re.split(rb"(?m)^(?=javax\.net\.ssl\|)", named)


def test_interleaved_threads() -> None:
    """Records of several threads in any order: the same handshakes, each by itself."""
    names = ["java17_mismatch_v1.2", "java11_refused_v1.3", "java17_success_v1.2", "java17_notasked_v1.2"]
    alone = {f"T-{number}": read(text(name))[0] for number, name in enumerate(names)}
    queues = [records(text(name), f"T-{number}") for number, name in enumerate(names)]
    rng = random.Random(18)
    mixed = b""
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        mixed += queue.pop(0)
    found = {item.thread: item for item in read(mixed)}
    assert set(found) == set(alone)
    for thread, one in alone.items():
        other = found[thread]
        assert not other.mixed
        for field in (
            "sni",
            "version",
            "asked",
            "authorities",
            "client_certificate",
            "alert",
            "completed",
            "why_none",
        ):
            assert getattr(one, field) == getattr(other, field), (thread, field)


def test_engines_of_one_thread_are_mixed() -> None:
    """Two handshakes at once in a thread cannot be told apart: nothing is taken for certain of either."""
    found = read(text("java17_engines_v1.2"))
    assert [item.sni for item in found if item.sni] == ["one.example", "two.example"]
    assert all(item.mixed for item in found)
    facts = facts_from_engine(Evidence(engine=found), "one.example:443", "one.example")
    assert (facts.asked_for, facts.sent, facts.alert) == (None, None, None)
    assert "cannot be told apart" in facts.notes[0]


def test_old_form_with_another_thread() -> None:
    """The older form does not say whose a message is: a second thread within makes it mixed."""
    data = text("java8_old_empty")
    other = data.replace(
        b"Apigee-Main-3, READ: TLSv1.2 Handshake, length = 900", b"T-9, READ: TLSv1.2 Handshake, length = 900"
    )
    assert read(other)[0].mixed
    idle = data.replace(
        b"*** CertificateRequest", b"T-9, RECV TLSv1.2 ALERT:  warning, close_notify\n*** CertificateRequest"
    )
    assert not read(idle)[0].mixed
    assert len(read(data * 3)) == 3
    assert not any(item.mixed for item in read(data * 3))


def test_server_side_is_not_ours() -> None:
    """Handshakes in which this side is the server are none."""
    client, server = text("java17_mismatch_v1.2"), text("java17_server_v1.2")
    assert b"CertificateRequest" in server
    assert read(server) == []
    (found,) = read(server.replace(b"|main|", b"|T-1|") + client)
    assert (found.sni, found.mixed) == ("backend.example", False)


def test_samples_of_public_issues() -> None:
    """Single lines, cut from their context: what they say, and no more."""
    lines = b"""javax.net.ssl|ALL|01|main|2022-05-11 10:00:08.167 CEST|null:-1|No X.509 cert selected for DSA
javax.net.ssl|ALL|01|main|2022-05-11 10:00:08.168 CEST|null:-1|No X.509 cert selected for EC
javax.net.ssl|ALL|01|main|2022-05-11 10:00:08.169 CEST|null:-1|No X.509 cert selected for RSA
"""
    assert kind_of_evidence(lines) == ENGINE
    (found,) = read(lines)
    assert (found.mixed, found.asked, found.client_certificate) == (True, None, None)
    assert found.why_none == (
        "No X.509 cert selected for DSA; No X.509 cert selected for EC; No X.509 cert selected for RSA"
    )
    assert found.time == datetime(2022, 5, 11, 8, 0, 8, 167000, tzinfo=UTC)


def test_among_other_lines(tmp_path: Path) -> None:
    """Beside entries of a log, after many other lines, packed: it is found, and the log is read too."""
    assert kind_of_evidence(b"Starting edge-message-processor\nwarning: x\n" + text("java17_reset")) == ENGINE
    both = ENTRY + text("java17_mismatch_v1.2")
    assert kind_of_evidence(both) == LOG
    (tmp_path / "system.log").write_bytes(both)
    (tmp_path / "edge-message-processor.log").write_bytes(
        b"JVM started\n" * 20_000 + text("java11_refused_v1.3")
    )
    (tmp_path / "debug.txt.gz").write_bytes(gzip.compress(text("java8_old_empty")))
    found = collect(request_of([str(tmp_path)], {}))
    assert len(found.evidence.engine) == 3
    kinds = {Path(path).name: kind for path, kind in found.evidence.files.items()}
    assert kinds == {"system.log": LOG, "edge-message-processor.log": ENGINE, "debug.txt.gz": ENGINE}
    assert [Path(path).name for path in found.logs] == ["system.log"]


def test_facts() -> None:
    """The handshake of a backend by the name that was asked for; else by time, if all agree; else none."""
    engine = read(text("java17_mismatch_v1.2") + text("java17_success_v1.2"))
    facts = facts_from_engine(Evidence(engine=engine), "backend.example:443", None)
    assert facts.asked_for is not None
    assert facts.asked_for.authorities[0].same(parse(OTHER_CA))
    assert (facts.certificate_requested, facts.sent, facts.alert, facts.received) == (
        True,
        "empty",
        "handshake_failure",
        True,
    )
    assert facts.quotes["request"].source == "x, line 191"
    assert facts.quotes["why_none"].text.startswith("javax.net.debug: No X.509 cert selected for [EC")
    assert facts_from_engine(Evidence(engine=engine), "10.0.0.1:443", "other.example").handshake is None
    without = [
        read(text(name).replace(b"value=backend.example", b""))[0]
        for name in ("java17_mismatch_v1.2", "java17_reset")
    ]
    assert without[0].sni is None
    assert without[0].time is not None
    near = facts_from_engine(Evidence(engine=without), "10.0.0.1:443", None, [without[0].time])
    assert near.handshake == without[0]
    assert facts_from_engine(Evidence(engine=without), "10.0.0.1:443", None).handshake is None


def test_hostile() -> None:
    """Damage at any place: nothing raises, and little is kept."""
    rng = random.Random(18)
    for name in FILES:
        data = text(name)
        for _ in range(5):
            at = rng.randrange(len(data))
            read(data[:at] + rng.randbytes(rng.randrange(200)) + data[at + rng.randrange(400) :])
    header = b"javax.net.ssl|DEBUG|01|main|2022-99-11 10:00:08.167 CEST|x|"
    for tail in (
        b"Produced ClientHello (\n",
        b"Fatal (X): \xff (\n",
        b"Consuming CertificateRequest (\n" + b'"certificate authorities": [' * 50,
    ):
        read((header + tail) * 200)
    counters = EngineCounters()
    hello = b"javax.net.ssl|DEBUG|%d|T%d|2022-05-11 10:00:08.167 UTC|x|Produced ClientHello handshake message (\n)\n"
    many = b"".join(hello % (number, number) for number in range(11_000))
    assert len(handshakes_of(iter([many]), "x", counters)) == 10_000
    assert (counters.handshakes, counters.left_out) == (11_000, 1_000)
