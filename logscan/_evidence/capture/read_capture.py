"""Captures: a file of packets becomes TLS connections.

Connections are given when they end, so that a capture of any size is read in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.flow import MAX_OPEN, Connections
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.packets import BLOCK, CaptureFile
from logscan._evidence.capture.segments import segment_of
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.unpack import open_bytes
from logscan.errors import LogscanError

MAX_CONNECTIONS = 10_000
"""Connections kept of all captures; later ones are counted only."""


@dataclass(slots=True)
class CaptureCounters:
    """What was seen of captures. Each thing not read has its number here."""

    files: int = 0
    packets: int = 0
    bytes: int = 0
    connections: int = 0
    """TLS connections with a part of their handshake."""
    certificate_requested: int = 0
    """Of them, with a request for a client certificate."""
    mid: int = 0
    """TLS connections whose handshake was before the capture."""
    unreadable: int = 0
    """Connections with packets cut or lost, so that nothing of a handshake can be read."""
    not_tls: int = 0
    """Connections that are no TLS."""
    other_protocols: Counter[str] = field(default_factory=Counter)
    """Of those, what was spoken, where it is known."""
    accepted: int = 0
    """Of the TLS connections, those that the server accepted."""
    accepted_empty: int = 0
    """Of them, with an empty client certificate."""
    hidden: int = 0
    """TLS connections that show neither what the client sent nor whether the server accepted it."""
    given_up: int = 0
    """Given up because too many were open at once (``--max-open-connections``)."""
    left_out: int = 0
    """Read, but not kept, because there were more than ``--max-connections``."""
    failed_left_out: int = 0
    """Of them, those that the server may not have accepted."""
    not_understood: int = 0
    """Packets and connections that raised."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Packets that could not be read, by reason."""


def read_capture(
    path: str,
    keys: KeyLog,
    counters: CaptureCounters,
    problem: Callable[[str], None],
    max_open: int = MAX_OPEN,
) -> Iterator[Connection]:
    """The TLS connections of a capture, as they end.

    Args:
        path: pcap or pcapng, packed or not.
        keys: secrets; those in the file itself are added.
        problem: called with what could not be read.

    Raises:
        InputError: it cannot be opened, or is no capture.
    """
    stream = open_bytes(path, ahead=True)
    buffer = bytearray(BLOCK)

    def read() -> bytes:
        try:
            with memoryview(buffer) as view:
                count = stream.readinto(view) or 0
        except unpacking_errors() as error:
            problem(f"damaged, read up to there: {error}")
            return b""
        counters.bytes += count
        return bytes(buffer[:count])

    packets = CaptureFile(read)
    connections = Connections(path, keys, max_open)
    feed = connections.feed
    try:
        for packet in packets:
            if packets.secrets:
                keys.add_all(packets.secrets)
                packets.secrets.clear()
            try:
                segment = segment_of(packet, counters.skipped, connections.settled)
            except Exception as error:  # noqa: BLE001 (a net around each packet)
                connections.raised(packet.number, error)
                continue
            if segment is not None:
                if segment.missing and packet.length > packet.end - packet.start:
                    connections.snap = max(connections.snap, packet.end - packet.start)
                yield from feed(segment, packet.number, packet.time)
        yield from connections.drain()
    except LogscanError:
        raise
    except Exception as error:  # noqa: BLE001 (a net around the file: what was read of it stays)
        connections.raised(packets.packets, error)
        yield from connections.drain()
    finally:
        stream.close()
        counters.files += 1
        counters.packets += packets.packets
        counters.not_tls += connections.not_tls
        counters.other_protocols += connections.other_protocols
        counters.mid += connections.mid
        counters.unreadable += connections.unreadable
        counters.given_up += connections.given_up
        counters.not_understood += connections.not_understood
    if connections.unreadable and connections.snap:
        problem(
            f"{connections.unreadable:,} connections cannot be read: packets are cut to"
            f" {connections.snap:,} bytes (snap length): capture again with -s 0"
        )
    for fault in (*packets.faults, *connections.faults):
        problem(fault)
