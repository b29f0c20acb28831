"""More connections than may be kept: which are kept, and that all are counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from logscan._evidence.capture.connection import Connection
from logscan._jobs._kept_connections import KeptConnections
from support.captures import Frame, frames, read, write
from support.command import ROOT, logscan

TLS = ROOT / "tests/data/tls"
(REFUSED,) = read(TLS / "openssl/expired_v1.2.pcap")[0]
(ACCEPTED,) = read(TLS / "openssl/happy_v1.2.pcap")[0]


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 12))
def test_failures_stay(accepted: list[bool], limit: int) -> None:
    """The first failures are kept, then the first successes, in their order."""
    kept = KeptConnections(limit, 1 << 30)
    given = [replace(ACCEPTED if ok else REFUSED, first_packet=at) for at, ok in enumerate(accepted)]
    for connection in given:
        kept.add(connection)
    failed = [at for at, ok in enumerate(accepted) if not ok][:limit]
    others = [at for at, ok in enumerate(accepted) if ok][: limit - len(failed)]
    assert [item.first_packet for item in kept.emit()] == sorted(failed + others)
    assert kept.left_out == len(accepted) - len(kept.emit())
    assert kept.failed_left_out == accepted.count(False) - len(failed)


def test_bytes_are_bounded() -> None:
    """A failure that does not fit takes the place of successes, as many as it needs."""
    kept = KeptConnections(100, ACCEPTED.size * 3)
    large: Connection = replace(
        REFUSED, client_chain=(b"x" * ACCEPTED.size * 2,), server_chain=(), request=None
    )
    for connection in (ACCEPTED, ACCEPTED, ACCEPTED, large, ACCEPTED, ACCEPTED):
        kept.add(connection)
    assert [item.accepted for item in kept.emit()] == [True, False]
    assert (kept.left_out, kept.failed_left_out) == (4, 0)


def test_the_counts_are_of_all_connections(tmp_path: Path) -> None:
    """D11: --max-connections changes neither the counts nor the verdict on what is kept."""
    packets: list[Frame] = []
    for number in range(12):
        name = "openssl/expired_v1.2.pcap" if number % 4 == 3 else "openssl/happy_v1.2.pcap"
        for frame in frames(TLS / name):
            data = bytearray(frame.data)
            at = 34 if frame.from_client else 36
            data[at : at + 2] = (40_000 + number).to_bytes(2, "big")
            packets.append(frame._replace(data=bytes(data), time=frame.time + number))
    path = write(tmp_path / "x.pcap", packets)
    answers = []
    for limit in ("3", "100"):
        done = logscan("diagnose", path, "--format", "json", "--max-connections", limit)
        answers.append(json.loads(done.stdout))
    few, many = answers
    assert (few["capture"]["accepted"], few["capture"]["left_out"]) == (9, 9)
    assert (many["capture"]["accepted"], many["capture"]["left_out"]) == (9, 0)
    assert few["verdicts"] == many["verdicts"]
