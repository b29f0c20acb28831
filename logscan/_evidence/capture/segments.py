"""TCP segments of packets: through the link layers of tcpdump and Wireshark and IPv4 or IPv6.

Ethernet with VLAN tags, Linux cooked v1 and v2, loopback, raw IP. What is skipped is counted, with the
reason: another link type, fragments, other protocols.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from typing import NamedTuple

from logscan._evidence.capture.packets import Packet

ETHERNET, NULL, LOOP, COOKED, COOKED_2 = 1, 0, 108, 113, 276
RAW = (12, 14, 101, 228, 229)
_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_IP = (b"\x08\x00", b"\x86\xdd")
_EXTENSIONS = (0, 43, 60, 135)
"""IPv6 headers that stand before TCP, with a length in units of eight bytes."""

LINK_NAMES = {
    105: "802.11 wireless", 127: "802.11 with radio information", 147: "user 0", 195: "802.15.4",
    189: "USB", 220: "USB", 50: "PPP", 9: "PPP", 51: "PPP over Ethernet", 6: "token ring",
}  # fmt: skip

SYN, FIN, RST, ACK = 2, 1, 4, 16


class Segment(NamedTuple):
    """One TCP segment."""

    key: bytes
    """Both addresses and ports, from the sender's side."""
    back: bytes
    """The same from the receiver's."""
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    missing: int
    """Payload bytes that the packet had but the capture has not (snapshot length)."""


def segment_of(packet: Packet, skipped: Counter[str]) -> Segment | None:
    """The TCP segment in a packet; ``None`` where there is none: counted where that matters."""
    _, _, link, data, at, end, _ = packet
    if link == ETHERNET:
        at += 12
        kind = data[at : at + 2]
        while kind in _VLAN and at + 4 < end:
            at += 4
            kind = data[at : at + 2]
        if kind not in _IP:
            return None
        at += 2
    elif link not in RAW:
        begins = _below_ip(link, data, at)
        if begins is None:
            name = LINK_NAMES.get(link, "unknown")
            skipped[f"packets of link type {link} ({name}), which is not read"] += 1
            return None
        at = begins
    if at + 20 > end:
        return None
    version = data[at] >> 4
    if version == 4:
        return _version_4(data, at, end, skipped)
    return _version_6(data, at, end, skipped) if version == 6 else None


def _below_ip(link: int, data: bytes, at: int) -> int | None:
    """Where IP begins in the rarer link layers; after all bytes where it is another protocol."""
    if link in (NULL, LOOP):
        return at + 4
    if link == COOKED:
        if data[at + 14 : at + 16] in _VLAN:
            at += 4
        return at + 16 if data[at + 14 : at + 16] in _IP else len(data)
    if link == COOKED_2:
        return at + 20 if data[at : at + 2] in _IP else len(data)
    return None


def _version_4(data: bytes, at: int, end: int, skipped: Counter[str]) -> Segment | None:
    if data[at + 9] != 6:
        return None
    if (data[at + 6] & 0x3F) | data[at + 7]:  # more fragments, or not the first
        skipped["IP fragments, which are not put together"] += 1
        return None
    size = data[at + 2] << 8 | data[at + 3]
    # No length: the network card cuts it into packets later. More than there is: the snapshot is short.
    stop = at + size if size else end
    inner = at + ((data[at] & 15) << 2)
    return _tcp(data, inner, end, stop, source=data[at + 12 : at + 16], target=data[at + 16 : at + 20])


def _version_6(data: bytes, at: int, end: int, skipped: Counter[str]) -> Segment | None:
    if at + 40 > end:
        return None
    size = data[at + 4] << 8 | data[at + 5]
    stop = at + 40 + size if size else end
    following, inner = data[at + 6], at + 40
    for _ in range(8):
        if following == 6:
            return _tcp(data, inner, end, stop, source=data[at + 8 : at + 24], target=data[at + 24 : at + 40])
        if following == 44:
            skipped["IP fragments, which are not put together"] += 1
            return None
        if following not in _EXTENSIONS or inner + 8 > end:
            return None
        following, inner = data[inner], inner + (data[inner + 1] + 1) * 8
    return None


_HEADER = struct.Struct(">IIBB")


def _tcp(data: bytes, at: int, end: int, stop: int, *, source: bytes, target: bytes) -> Segment | None:
    if at + 20 > end:
        return None
    sequence, acknowledged, offset, flags = _HEADER.unpack_from(data, at + 4)
    payload = at + ((offset >> 4) << 2)
    if payload < at + 20 or payload > stop:
        return None
    here, there = data[at : at + 2], data[at + 2 : at + 4]
    last = min(end, stop)
    return Segment(
        source + here + target + there,
        target + there + source + here,
        sequence,
        acknowledged,
        flags,
        data[payload:last] if payload < last else b"",
        max(0, stop - max(end, payload)),
    )


def ends_of(key: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    """Both ends of a key: (address, port) of its sender and of its receiver. An IPv4 address written as
    IPv6 is shown as IPv4, as logs have it."""
    half = len(key) // 2
    ends = []
    for part in (key[:half], key[half:]):
        address = ipaddress.ip_address(part[:-2])
        mapped = getattr(address, "ipv4_mapped", None)
        ends.append((str(mapped or address), int.from_bytes(part[-2:], "big")))
    return ends[0], ends[1]
