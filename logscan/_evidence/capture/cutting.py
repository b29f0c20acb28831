"""A capture cut to some of its connections, written as pcap, for support."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.packets import BLOCK, CaptureFile
from logscan._evidence.capture.segments import ends_of, segment_of
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.unpack import open_bytes

MAX_BYTES = 64 << 20
"""Bytes written of one capture."""


@dataclass(slots=True)
class Cut:
    """What was cut out of a capture: one pcap for each link type in it."""

    files: dict[int, bytearray] = field(default_factory=dict)
    """Link type → pcap."""
    packets: list[tuple[int, int, int]] = field(default_factory=list)
    """Link type, number in the pcap, number in the capture."""
    left_out: int = 0
    """Packets beyond :data:`MAX_BYTES`."""


def cut(path: str, connections: Iterable[Connection], change: Callable[[bytes], bytes]) -> Cut:
    """The packets of these connections.

    Args:
        path: the capture.
        connections: from this capture.
        change: given a packet's payload, gives one of the same length to write in its place.

    Raises:
        InputError: it cannot be read.
    """
    wanted: dict[frozenset[tuple[str, int]], list[tuple[int, int]]] = {}
    for connection in connections:
        ends = frozenset((connection.client, connection.server))
        wanted.setdefault(ends, []).append((connection.first_packet, connection.last_packet))
    stream = open_bytes(path)
    buffer = bytearray(BLOCK)

    def read() -> bytes:
        try:
            with memoryview(buffer) as view:
                return bytes(buffer[: stream.readinto(view) or 0])
        except unpacking_errors():
            return b""

    excerpt = Cut()
    last = max((end for spans in wanted.values() for _, end in spans), default=0)
    skipped: Counter[str] = Counter()
    numbers: Counter[int] = Counter()
    size = 0
    try:
        for packet in CaptureFile(read):
            if packet.number > last:
                break
            segment = segment_of(packet, skipped)
            if segment is None:
                continue
            spans = wanted.get(frozenset(ends_of(segment.key)))
            if not spans or not any(first <= packet.number <= end for first, end in spans):
                continue
            data = packet.data[packet.start : packet.end]
            if segment.payload:
                at = data.rfind(segment.payload)
                data = data[:at] + change(segment.payload) + data[at + len(segment.payload) :]
            size += len(data) + 16
            if size > MAX_BYTES:
                excerpt.left_out += 1
                continue
            out = excerpt.files.get(packet.link)
            if out is None:
                head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, packet.link)
                out = excerpt.files[packet.link] = bytearray(head)
            microseconds = max(0, round(packet.time * 1e6))
            seconds = microseconds // 1_000_000 & 0xFFFFFFFF
            out += struct.pack("<IIII", seconds, microseconds % 1_000_000, len(data), packet.length) + data
            numbers[packet.link] += 1
            excerpt.packets.append((packet.link, numbers[packet.link], packet.number))
    finally:
        stream.close()
    return excerpt
