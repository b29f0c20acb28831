"""Captures that tests take apart and put together again, and captures of connections that never were."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.packets import CaptureFile
from logscan._evidence.capture.read_capture import CaptureCounters, read_capture

FIN, SYN, RST, ACK = 1, 2, 4, 16
CLIENT, SERVER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])


class Frame(NamedTuple):
    """One packet of Ethernet and IPv4."""

    time: float
    data: bytes
    length: int
    """Bytes on the wire."""

    @property
    def from_client(self) -> bool:
        """Whether the client sent it: the end with the higher port."""
        source, target = struct.unpack_from(">HH", self.data, 34)
        return bool(source > target)

    @property
    def payload(self) -> int:
        """Bytes of TCP payload."""
        total = int(struct.unpack_from(">H", self.data, 16)[0])
        return total - 20 - (self.data[46] >> 4) * 4


def frames(path: Path) -> list[Frame]:
    """The packets of a capture."""
    whole = [path.read_bytes(), b""]
    packets = CaptureFile(lambda: whole.pop(0) if whole else b"")
    return [Frame(packet.time, packet.data[packet.start : packet.end], packet.length) for packet in packets]


def write(path: Path, packets: Iterable[Frame]) -> Path:
    """Write a capture."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
    for time, data, length in packets:
        micros = round(time * 1e6)
        out += struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(data), length) + data
    path.write_bytes(out)
    return path


Sent = tuple[str, int, bytes]
"""Who sends (``c`` or ``s``), with which flags, what."""


def connection(
    sent: Iterable[Sent], change: Callable[[int, bytearray], None] | None = None, port: int = 443
) -> list[Frame]:
    """The packets of one connection, one each half second.

    Args:
        sent: what its ends send.
        change: given a packet's number and its frame, changes the frame.
        port: of the server.
    """
    at = {"c": 1_000, "s": 9_000}
    made = []
    for number, (by, flags, payload) in enumerate(sent):
        other = "s" if by == "c" else "c"
        ends, ports = (CLIENT + SERVER, (40_000, port)) if by == "c" else (SERVER + CLIENT, (port, 40_000))
        if number:
            flags |= ACK
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + ends
        tcp = struct.pack(">HHIIBBHHH", *ports, at[by], at[other], 0x50, flags, 1_000, 0, 0)
        frame = bytearray(b"\x02" * 6 + b"\x02" * 5 + by.encode() + b"\x08\x00" + ip + tcp + payload)
        at[by] += len(payload) + bool(flags & (SYN | FIN))
        if change is not None:
            change(number + 1, frame)
        made.append(Frame(100 + number / 2, bytes(frame), len(frame)))
    return made


def read(path: Path) -> tuple[list[Connection], CaptureCounters, list[str]]:
    """The connections of a capture, its counters, and what could not be read."""
    counters, problems = CaptureCounters(), list[str]()
    return list(read_capture(str(path), KeyLog(), counters, problems.append)), counters, problems
