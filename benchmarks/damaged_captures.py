"""Captures as people send them: with packets lost, begun late, cut short, of one direction only."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

SNAPS = (*range(64, 1500, 64), 1500)
"""Bytes that are kept of each packet."""


def packets_of(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Header of a little-endian pcap, and its packets: header and data."""
    at, found = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        found.append((data[at : at + 16], data[at + 16 : at + 16 + size]))
        at += 16 + size
    return data[:24], found


def ports_and_length(packet: bytes) -> tuple[int, int, int]:
    """Ports, and bytes of TCP's payload, of an Ethernet packet of IPv4."""
    at = 14 + (packet[14] & 15) * 4
    length = struct.unpack_from(">H", packet, 16)[0] - (at - 14) - (packet[at + 12] >> 4) * 4
    source, target = struct.unpack_from(">HH", packet, at)
    return source, target, length


def damaged(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """A capture in all damaged forms: the kind of damage, what exactly, and the capture."""
    head, packets = packets_of(data)
    if not packets:
        return
    shapes = [ports_and_length(packet) for _, packet in packets]
    client = shapes[0][0]

    def made(kept: Sequence[tuple[bytes, bytes]]) -> bytes:
        return head + b"".join(top + packet for top, packet in kept)

    for number, (_, _, length) in enumerate(shapes):
        if length:
            yield "one packet lost", f"packet {number + 1}", made(packets[:number] + packets[number + 1 :])
    for number in range(1, len(packets)):
        yield "ends early", f"after packet {number}", made(packets[:number])
        yield "begins late", f"after packet {number}", made(packets[number:])
    for snap in SNAPS:
        if any(len(packet) > snap for _, packet in packets):
            cut = [
                (top[:8] + struct.pack("<I", min(len(packet), snap)) + top[12:], packet[:snap])
                for top, packet in packets
            ]
            yield (
                "snap length",
                str(snap),
                head[:16] + struct.pack("<I", snap) + head[20:] + b"".join(a + b for a, b in cut),
            )
    for side, keep in (("client", True), ("server", False)):
        yield (
            "one direction",
            side,
            made([one for one, shape in zip(packets, shapes, strict=True) if (shape[0] == client) == keep]),
        )
