"""Captures with a part missing: what is still said of a connection agrees with the whole capture.

Each data packet is removed in turn, each capture is cut at and begun at each packet, cut to a snapshot length,
and halved to one direction. A fact may then be unknown; it must never contradict what the whole capture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logscan._evidence.capture.connection import Connection
from support.captures import Frame, frames, read, write
from support.command import ROOT
from support.profiles import sampled

DATA = ROOT / "tests/data"
CAPTURES = sorted(
    str(path.relative_to(DATA))
    for path in (*DATA.glob("tls/*/*.pcap"), *DATA.glob("diagnose/*.pcap"))
    if "variants" not in path.parts
)
SNAPS = (64, 96, 128, 160, 200, 256, 300, 400, 512, 700, 1000, 1200, 1400, 1500)
Facts = dict[str, object]


def facts_of(connection: Connection) -> Facts:
    """What verdicts rest on: ``None`` and ``False`` of a fact that is only seen mean that it is not known."""
    refusal, own = connection.refusal, connection.own_alert
    return {
        "accepted": connection.accepted,
        "certificate": connection.client_certificate,
        "requested": connection.certificate_requested,
        "refusal": refusal.name if refusal else None,
        "own alert": own.name if own else None,
        "hello refused": connection.hello_refused or None,
        "not TLS": connection.not_tls,
        "silent": connection.silent or None,
        "foreign": connection.foreign_end,
        "version": connection.version,
        "suite": connection.suite,
        "SNI": connection.sni,
        "resumed": connection.resumed or None,
        "renegotiated": connection.renegotiated or None,
    }


def damaged(packets: list[Frame]) -> Iterator[tuple[str, list[Frame]]]:
    """The capture with each part missing that may be, and what is missing."""
    for number, packet in enumerate(packets):
        if packet.payload:
            yield f"without packet {number + 1}", packets[:number] + packets[number + 1 :]
        yield f"up to packet {number + 1}", packets[: number + 1]
        yield f"from packet {number + 1}", packets[number:]
    for snap in SNAPS:
        yield f"snapshot length {snap}", [frame._replace(data=frame.data[:snap]) for frame in packets]
    for from_client, name in ((True, "client"), (False, "server")):
        yield f"{name} only", [frame for frame in packets if frame.from_client is from_client]


def contradictions(path: Path, scratch: Path) -> Iterator[str]:
    """Each fact of a damaged capture that differs from the whole one's."""
    packets = frames(path)
    whole = {item.client: facts_of(item) for item in read(path)[0]}
    for what, left in damaged(packets):
        for item in read(write(scratch, left))[0]:
            facts = whole.get(item.client) or {}
            for name, value in facts_of(item).items():
                if value is not None and value != facts.get(name):
                    yield f"{path.name} {what}: {name} is {value}, in the whole capture {facts.get(name)}"


@pytest.mark.parametrize("name", sampled(CAPTURES, 16))
def test_no_fact_contradicts_the_whole_capture(name: str, tmp_path: Path) -> None:
    """A lost packet, a late beginning, a snapshot length, half a capture: what is not seen is unknown."""
    assert list(contradictions(DATA / name, tmp_path / "x.pcap")) == []


@pytest.mark.parametrize("name", sampled(CAPTURES, 8))
def test_a_whole_capture_has_no_gap(name: str) -> None:
    """Else verdicts would be withheld."""
    connections = read(DATA / name)[0]
    assert connections or "mid_" in name or "at_once" in name
    for connection in connections:
        assert connection.gaps == ("lost_" in name), connection.gap_reason
