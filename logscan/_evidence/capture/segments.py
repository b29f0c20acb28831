"""TCP segments of packets: through the link layers of tcpdump and Wireshark and IPv4 or IPv6.

Ethernet with VLAN tags, Linux cooked v1 and v2, loopback, raw IP, and what carries packets inside packets
(:mod:`encapsulation`). What is skipped is counted, with the reason: another link type, fragments, a tunnel.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Container
from typing import NamedTuple

from logscan._evidence.capture.encapsulation import CARRIERS, IP, TCP, UDP, VLAN, in_frame, in_packet
from logscan._evidence.capture.packets import Packet

ETHERNET, NULL, LOOP, COOKED, COOKED_2 = 1, 0, 108, 113, 276
RAW = (12, 14, 101, 228, 229)
_EXTENSIONS = (0, 43, 60, 135)
"""IPv6 headers that stand before TCP, with a length in units of eight bytes."""

LINK_NAMES = {
    105: "802.11 wireless", 127: "802.11 with radio information", 147: "user 0", 195: "802.15.4",
    189: "USB", 220: "USB", 50: "PPP", 9: "PPP", 51: "PPP over Ethernet", 6: "token ring",
}  # fmt: skip

SYN, FIN, RST, ACK = 2, 1, 4, 16
MAX_LAYERS = 4
"""Packets inside one another that are looked into."""
_FRAGMENT, _OTHER = -1, -2
"""In place of a protocol: a part of a packet, of TCP or of a tunnel, or of something else."""


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
    hops: int = 0
    """Time to live, or hop limit."""
    hardware: bytes = b""
    """Source address of the link; empty where the link layer has none."""


def segment_of(
    packet: Packet, skipped: Counter[str], settled: Container[bytes] = frozenset()
) -> Segment | None:
    """The TCP segment in a packet; ``None`` where there is none: counted where that matters.

    Args:
        packet: of a capture.
        skipped: counts what is not read, by its reason.
        settled: keys whose segments are of no interest, unless they begin or end a connection.
    """
    _, _, link, data, start, end, _ = packet
    at = start
    hardware = b""
    if link == ETHERNET:
        hardware = data[at + 6 : at + 12]
        at += 12
        kind = data[at : at + 2]
        while kind in VLAN and at + 4 < end:
            at += 4
            kind = data[at : at + 2]
        at += 2
        if kind not in IP:
            whole = data[start:end]
            return _inside(whole, in_frame(kind, whole, at - start, skipped), skipped, settled)
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
        found = _version_4(data, at, end, hardware, settled)
    elif version == 6:
        found = _version_6(data, at, end, hardware, settled)
    else:
        return None
    if found is None or isinstance(found, Segment):
        return found
    protocol, at = found
    if protocol not in CARRIERS and protocol != _FRAGMENT:
        return None
    whole = data[start:end]
    return _inside(whole, _carried(protocol, at - start, whole, skipped), skipped, settled)


_Carrier = tuple[int, int]
"""The protocol of a packet's payload that is no TCP, and where it begins."""


def _inside(data: bytes, at: int | None, skipped: Counter[str], settled: Container[bytes]) -> Segment | None:
    """The TCP segment of a packet inside another; at most :data:`MAX_LAYERS` deep."""
    for _ in range(MAX_LAYERS):
        if at is None or at + 20 > len(data):
            return None
        read = _version_4 if data[at] >> 4 == 4 else _version_6
        found = read(data, at, len(data), b"", settled) if data[at] >> 4 in (4, 6) else None
        if found is None or isinstance(found, Segment):
            return found
        at = _carried(*found, data, skipped)
    return None


def _carried(protocol: int, at: int, data: bytes, skipped: Counter[str]) -> int | None:
    """Where the packet begins that another one holds in place of TCP."""
    if protocol == _FRAGMENT:
        skipped["IP fragments, which are not put together"] += 1
    return in_packet(protocol, data, at, skipped) if protocol in CARRIERS else None


def _below_ip(link: int, data: bytes, at: int) -> int | None:
    """Where IP begins in the rarer link layers; after all bytes where it is another protocol."""
    if link in (NULL, LOOP):
        return at + 4
    if link == COOKED:
        if data[at + 14 : at + 16] in VLAN:
            at += 4
        return at + 16 if data[at + 14 : at + 16] in IP else len(data)
    if link == COOKED_2:
        return at + 20 if data[at : at + 2] in IP else len(data)
    return None


def _version_4(
    data: bytes, at: int, end: int, hardware: bytes, settled: Container[bytes]
) -> Segment | _Carrier | None:
    protocol = data[at + 9]
    inner = at + ((data[at] & 15) << 2)
    if (data[at + 6] & 0x3F) | data[at + 7]:  # more fragments, or not the first
        first = not (data[at + 6] & 0x1F) | data[at + 7]
        return (protocol if first and protocol != TCP else _OTHER if protocol == UDP else _FRAGMENT), inner
    if protocol != TCP:
        return protocol, inner
    size = data[at + 2] << 8 | data[at + 3]
    # No length: the network card cuts it into packets later. More than there is: the snapshot is short.
    stop = at + size if size else end
    ends = data[at + 12 : at + 16], data[at + 16 : at + 20], data[at + 8], hardware, stop
    return _tcp(data, inner, end, ends, settled)


def _version_6(
    data: bytes, at: int, end: int, hardware: bytes, settled: Container[bytes]
) -> Segment | _Carrier | None:
    if at + 40 > end:
        return None
    size = data[at + 4] << 8 | data[at + 5]
    stop = at + 40 + size if size else end
    following, inner = data[at + 6], at + 40
    for _ in range(8):
        if following == TCP:
            ends = data[at + 8 : at + 24], data[at + 24 : at + 40], data[at + 7], hardware, stop
            return _tcp(data, inner, end, ends, settled)
        if following == 44:
            return _FRAGMENT, inner
        if following not in _EXTENSIONS or inner + 8 > end:
            return following, inner
        following, inner = data[inner], inner + (data[inner + 1] + 1) * 8
    return None


_HEADER = struct.Struct(">IIBB")


def _tcp(
    data: bytes, at: int, end: int, ends: tuple[bytes, bytes, int, bytes, int], settled: Container[bytes]
) -> Segment | None:
    source, target, hops, hardware, stop = ends
    if at + 20 > end:
        return None
    sequence, acknowledged, offset, flags = _HEADER.unpack_from(data, at + 4)
    payload = at + ((offset >> 4) << 2)
    if payload < at + 20 or payload > stop:
        return None
    here, there = data[at : at + 2], data[at + 2 : at + 4]
    key = source + here + target + there
    if key in settled and not flags & (SYN | FIN | RST):
        return None
    last = min(end, stop)
    return Segment(
        key,
        target + there + source + here,
        sequence,
        acknowledged,
        flags,
        data[payload:last] if payload < last else b"",
        max(0, stop - max(end, payload)),
        hops,
        hardware,
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
