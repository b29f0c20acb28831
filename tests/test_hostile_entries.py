"""Entries made of hostile pieces: every failure is counted, kept, and given back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import logscan
from logscan._distribute import executors, run_units
from support.command import logscan as cli
from support.profiles import fewer

NUMBERS = st.sampled_from(
    [
        "1",
        "443",
        "99999",
        "0",
        "²",
        "٤٤٣",
        "१",
        "߉",
        "𝟗",
        "-1",
        "1e9",
        "9" * 19,
        "9" * 4301,
        "9" * 5000,
        str(1 << 63),
    ]
)
TIMES = st.sampled_from(
    ["2026-11-23 00:00:01,000", "2026-11-23T00:00:01.5", "0001-01-01 00:00:00,000", "9999-12-31 23:59:59,999",
     "2026-02-30 25:61:61,000", "0000-00-00 00:00:00,000", "2026-11-23 00:00:01,999999999", "2026-11-23 00:00:01"]
)  # fmt: skip
ZONES = st.sampled_from(
    ["", " UTC", " Z", " +99:99", " -99:99", " +14:00", " -1400", " +23:59", " EST", " ABCDE"]
)
WORDS = st.sampled_from(
    [b"x", b"", b"a\0b", b"\0" * 50, b"\xff\xfe", b"\xed\xa0\x80", "²٤߉".encode(), b"w" * 5000, b"a." * 2000, b"[" * 300,
     b"org:", b"messageid:", b"ERROR", b"2026-11-23 00:00:01,000", b"\xe2\x80\xae", b"\x1b]0;x\x07", b"%s{}", b"=1+1"]
)  # fmt: skip


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """One failing entry, its message id left open."""

    def word() -> bytes:
        return draw(WORDS)

    def number() -> bytes:
        return draw(NUMBERS).encode()

    head = draw(TIMES).encode() + draw(ZONES).encode()
    head += (
        b" org:"
        + word()
        + b" env:"
        + word()
        + b" api:"
        + word()
        + b" rev:"
        + number()
        + b" messageid:%MESSAGE"
    )
    head += b" NIOThread@" + number() + b" ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
    ends = draw(st.sampled_from([
        b"SSLClientChannel[Connected: Remote:10.1.2.3:%N Local:10.1.1.5:%N]@%N",
        b"SSLClientChannel[C:h%W/10.1.1.1:%N Remote host:1.1.1.1:%N]@%N",
        b"ClientChannel[%W]@%N",
    ]))  # fmt: skip
    text = (
        ends
        + b" useCount=%N bytesRead=%N bytesWritten=%N age=%Nms  lastIO=%Nms isOpen=true  handshake failed, message: "
    )
    text += draw(st.sampled_from([
        b"Received fatal alert: bad_certificate", b"Received fatal alert: <UNKNOWN ALERT: %N>",
        b"Received fatal alert: Unknown alert description (%N)",
        b"Received fatal alert: bad_certificate %W", b"javax.net.ssl.SSLHandshakeException: %W Received fatal alert: %W",
    ]))  # fmt: skip
    while b"%N" in text:
        text = text.replace(b"%N", number(), 1)
    while b"%W" in text:
        text = text.replace(b"%W", word(), 1)
    below = draw(
        st.sampled_from(
            [b"", b"\njavax.net.ssl.SSLException: x\n\tat a.b.C(D.java:1)", b"\nCaused by: " + word()]
        )
    )
    return head + text + below + b"\n"


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "FORK_FROM", 1)
    monkeypatch.setattr(run_units, "LEAST_RANGE", 1 << 13)
    monkeypatch.setattr(run_units, "MOST_RANGE", 1 << 13)


@pytest.mark.usefixtures("small_units")
@settings(parent=fewer(2))
@given(entries=st.lists(hostile(), min_size=1, max_size=6))
def test_every_hostile_entry_is_counted(entries: list[bytes]) -> None:
    """C2: report never raises, its total is the number of failures, by one worker and by two; columns and a store
    keep every byte."""
    data = b"".join(entry.replace(b"%MESSAGE", b"m-%d" % n, 1) for n, entry in enumerate(entries))
    plain = b"2026-11-23 00:00:00,000 org:o env:e api:a rev:1 messageid:m T INFO L - x\n"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "system.log"
        log.write_bytes(plain + data + plain * 200)
        done: list[Any] = [
            logscan.report(log, alert="all", each=True, workers=workers, tz="+14:00") for workers in (1, 2)
        ]
        for report in done:
            assert report.counters.failures == len(entries)
            assert report.counters.not_understood == 0
            assert sum(incident.failed_handshakes for incident in report.incidents) == len(entries)
        assert done[0].incidents == done[1].incidents
        frame = logscan.read_failures(log, alert="all")
        frame.attrs.clear()
        frame.to_parquet(Path(folder) / "failures.parquet")
        batches = list(logscan.export(log, workers=1))
        assert sum(batch.num_rows for batch in batches) == len(entries) + 201
        store = Path(folder) / "store"
        logscan.ingest(log, store=store, workers=1)
        assert logscan.report(store, alert="all").counters.failures == len(entries)


def test_an_unreadable_channel_opens_a_failure(tmp_path: Path) -> None:
    """Where the header is unreadable too: two such lines are two failures."""
    log = tmp_path / "system.log"
    log.write_bytes(b"".join(
        b"2026-11-23 00:00:01,000 org:x env:x api:2026-11-23 00:00:01,000 rev:1 messageid:m-%d NIOThread@%s ERROR HTTP.CLIENT - "
        b"HTTPClient$Context.handshakeFailed() : ClientChannel[x]@%s useCount=1 bytesRead=1 bytesWritten=1 age=1ms  lastIO=1ms "
        b"isOpen=true  handshake failed, message: Received fatal alert: bad_certificate\n" % (number, b"9" * 4301, name)
        for number, name in enumerate((b"1", "²".encode(), b"x"))
    ))  # fmt: skip
    report = logscan.report(log, alert="all")
    assert report.counters.failures == 3


def test_a_store_gives_hostile_bytes_back(tmp_path: Path) -> None:
    """C2: ``ingest`` and ``cat`` of entries with each kind of piece."""
    log = tmp_path / "system.log"
    words = [b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", "²٤߉".encode(), b"w" * 5000, b"\x1b]0;x\x07"]
    log.write_bytes(b"".join(
        b"0001-01-01 00:00:00,000 +99:99 org:" + word + b" env:e messageid:" + word + b" T ERROR A - PKIX " + word + b"\n"
        for word in words
    ))  # fmt: skip
    logscan.ingest(log, store=tmp_path / "store", workers=1)
    assert cli("cat", "--store", tmp_path / "store").stdout == log.read_bytes()
    out = tmp_path / "out.parquet"
    done = cli("export", "-o", out, log)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
