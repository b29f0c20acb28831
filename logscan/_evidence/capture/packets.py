"""Packets of a capture file, in their order, with the numbers that Wireshark gives them.

Reads pcap (micro- and nanoseconds, either byte order) and pcapng (several sections and interfaces,
resolutions and offsets of time, secrets for decryption), as they stream by: memory does not grow with the
file. A file that is damaged or cut is read as far as it goes. Formats: draft-ietf-opsawg-pcap and
draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from logscan.errors import InputError

BLOCK = 1 << 20
"""Bytes read at a time."""
MAX_PACKET = 1 << 18
"""Bytes of a packet: the largest snapshot length that tcpdump and Wireshark know. More is damage."""
MAX_SECRETS = 1 << 24
"""Bytes of one block of secrets."""
MAX_BLOCKS = 16
"""Blocks of secrets without a packet between them."""
MAX_INTERFACES = 65_536
"""Interfaces of a section; packets of others are not read."""

_PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}  # fmt: skip
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


class Packet(NamedTuple):
    """One packet, as a place in a larger block of bytes: nothing is copied."""

    number: int
    """From 1, as Wireshark counts."""
    time: float
    """Seconds since 1970, UTC."""
    link: int
    """Link type (LINKTYPE_…)."""
    data: bytes
    start: int
    end: int
    """Of the bytes that were captured."""
    length: int
    """Bytes that the packet had on the wire."""


_OTHERS = {
    b"snoop\0\0\0": "snoop", b"RTSS": "Microsoft Network Monitor 1", b"GMBU": "Microsoft Network Monitor 2",
    b"\x34\xcd\xb2\xa1": "pcap with the patch of Alexey Kuznetzov",
    b"\xa1\xb2\xcd\x34": "pcap with the patch of Alexey Kuznetzov", b"\xaa\xaa\xaa\xaa": "5Views",
    b"TRSNIFF data": "Sniffer", b"XCP\0": "NetXRay", b"\x05VNF": "Visual Networks",
    b"iptrace 1.0": "AIX iptrace", b"iptrace 2.0": "AIX iptrace",
    b"\x7fver": "EtherPeek (tagged)", b"btsnoop\0": "Bluetooth snoop",
    b"+---------+---------------+----------+": "K12 text",
}  # fmt: skip
"""Captures in formats that are not read, by their first bytes."""


def is_capture(head: bytes) -> bool:
    """Whether a file begins like a capture, also of a format that is not read."""
    return head[:4] in _PCAP_MAGIC or head[:4] == _PCAPNG_MAGIC or _other_format(head) is not None


def _other_format(head: bytes) -> str | None:
    return next((name for begin, name in _OTHERS.items() if head.startswith(begin)), None)


class _Interface(NamedTuple):
    """An interface of a pcapng file."""

    link: int
    unit: float
    """Seconds of one unit of its times."""
    offset: int
    """Seconds that its times begin at."""
    snap: int
    """Bytes kept of a packet."""


class CaptureFile:
    """The packets of one file.

    Args:
        read: gives some more bytes of the unpacked file, none at its end; may raise on damage.

    Attributes:
        faults: what could not be read, in words, with the packet or byte where it stands.
        secrets: key log lines from the file itself (pcapng).
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._data = b""
        self._at = 0
        self._before = 0
        """Bytes of the file before ``_data``."""
        self.packets = 0
        self.faults: list[str] = []
        self.secrets: list[bytes] = []

    def __iter__(self) -> Iterator[Packet]:
        """Its packets.

        Raises:
            InputError: it is no capture.
        """
        if not self._want(4):
            raise InputError("not a packet capture: it is empty", "capture with tcpdump -s 0 -w FILE")
        magic = self._data[:4]
        if magic in _PCAP_MAGIC:
            yield from self._pcap(*_PCAP_MAGIC[magic])
        elif magic == _PCAPNG_MAGIC:
            yield from self._pcapng()
        elif self._want(64) and (name := _other_format(self._data[self._at : self._at + 64])):
            raise InputError(
                f"a packet capture in the format {name}, which is not read",
                "convert it with Wireshark's editcap -F pcap FILE NEW.pcap",
            )
        else:
            raise InputError("not a packet capture (pcap or pcapng)", "capture with tcpdump -s 0 -w FILE")

    @property
    def position(self) -> int:
        """The byte that is read next."""
        return self._before + self._at

    def _want(self, count: int) -> bool:
        """Have so many bytes from where we are, if the file has them."""
        while len(self._data) - self._at < count:
            more = self._read()
            if not more:
                return False
            self._before += self._at
            self._data = self._data[self._at :] + more
            self._at = 0
        return True

    def _cut(self, what: str) -> None:
        left = len(self._data) - self._at
        if left:
            self.faults.append(f"the capture is cut in {what} (byte {self.position:,}): read up to there")

    def _pcap(self, order: str, unit: float) -> Iterator[Packet]:
        if not self._want(24):
            self._cut("its header")
            return
        link = struct.unpack_from(order + "I", self._data, self._at + 20)[0] & 0x0FFFFFFF
        self._at += 24
        header = struct.Struct(order + "IIII")
        unpack = header.unpack_from
        number = 0
        while True:
            data, at = self._data, self._at
            if len(data) - at < 16:
                if not self._want(16):
                    break
                data, at = self._data, self._at
            seconds, fraction, captured, length = unpack(data, at)
            if captured > MAX_PACKET:
                self.faults.append(
                    f"packet {number + 1} (byte {self.position:,}) says it has {captured:,} bytes:"
                    " the capture is damaged there, and was read up to it"
                )
                return
            if len(data) - at < 16 + captured:
                if not self._want(16 + captured):
                    break
                data, at = self._data, self._at
            number += 1
            self.packets = number
            end = self._at = at + 16 + captured
            yield Packet(number, seconds + fraction * unit, link, data, at + 16, end, length)
        self._cut(f"packet {number + 1}")

    def _pcapng(self) -> Iterator[Packet]:
        order = "<"
        links: list[_Interface] = []
        while self._want(12):
            kind = struct.unpack_from(order + "I", self._data, self._at)[0]
            if self._data[self._at : self._at + 4] == _PCAPNG_MAGIC:
                mark = self._data[self._at + 8 : self._at + 12]
                if mark not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                    self._damaged("its section's byte order mark is unknown")
                    return
                order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
                kind, links = 0x0A0D0D0A, []
            size = struct.unpack_from(order + "I", self._data, self._at + 4)[0]
            if size < 12 or size > (MAX_SECRETS if kind == 0x0A else MAX_PACKET + 65_536):
                self._damaged(f"a block says it has {size:,} bytes")
                return
            if not self._want(size):
                break
            data, at = self._data, self._at
            self._at = at + size
            try:
                if kind == 1 and len(links) < MAX_INTERFACES:
                    links.append(_interface(order, data, at + 8, at + size - 4))
                elif kind in (2, 3, 6):
                    packet = self._packet(order, kind, links, data=data, at=at, size=size)
                    if packet:
                        yield packet
                elif kind == 0x0A:
                    what, count = struct.unpack_from(order + "II", data, at + 8)
                    if what == 0x544C534B and len(self.secrets) < MAX_BLOCKS:  # TLSK: lines of a key log
                        self.secrets.append(data[at + 16 : min(at + 16 + count, at + size - 4)])
            except struct.error:
                self._damaged("a block is shorter than its kind")
                return
        self._cut(f"packet {self.packets + 1}" if self.packets else "its first blocks")

    def _damaged(self, why: str) -> None:
        self.faults.append(
            f"after packet {self.packets} (byte {self.position:,}) {why}:"
            " the capture is damaged there, and was read up to it"
        )

    def _packet(
        self, order: str, kind: int, links: list[_Interface], *, data: bytes, at: int, size: int
    ) -> Packet | None:
        self.packets += 1
        if kind == 3:  # simple: no time, and the interface is the first
            (length,) = struct.unpack_from(order + "I", data, at + 8)
            interface, high, low, start = 0, 0, 0, at + 12
            captured = min(length, size - 16)
        else:
            interface, high, low, captured, length = struct.unpack_from(order + "IIIII", data, at + 8)
            if kind == 2:  # obsolete: a short interface, and a count of drops
                (interface,) = struct.unpack_from(order + "H", data, at + 8)
            start = at + 28
        end = min(start + captured, at + size - 4)
        if interface >= len(links) or end < start:
            if not any("names no interface" in fault for fault in self.faults):
                self.faults.append(f"packet {self.packets} names no interface of the file: not read")
            return None
        link, unit, offset, snap = links[interface]
        if kind == 3 and snap:
            end = min(end, start + snap)
        return Packet(self.packets, (high << 32 | low) * unit + offset, link, data, start, end, length)


def _interface(order: str, data: bytes, at: int, end: int) -> _Interface:
    """An interface description block."""
    link, _, snap = struct.unpack_from(order + "HHI", data, at)
    at += 8
    unit, offset = 1e-6, 0
    while at + 4 <= end:
        code, size = struct.unpack_from(order + "HH", data, at)
        at += 4
        if code == 0:
            break
        if code == 9 and size >= 1 and at < end:  # if_tsresol
            power = data[at] & 0x7F
            unit = 2.0**-power if data[at] & 0x80 else 10.0**-power
        elif code == 14 and size == 8 and at + 8 <= end:  # if_tsoffset
            (offset,) = struct.unpack_from(order + "q", data, at)
        at += (size + 3) & ~3
    return _Interface(link, unit, offset, snap)
