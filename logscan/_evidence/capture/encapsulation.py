"""Packets inside packets: where the inner IP packet begins.

MPLS, PPPoE, GRE, ERSPAN, VXLAN (as mirrors of traffic in clouds send it), GENEVE, and IP in IP. What cannot
be looked into is counted by its name.
"""

from __future__ import annotations

from collections import Counter

TCP, UDP = 6, 17
VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
IP = (b"\x08\x00", b"\x86\xdd")
_MPLS, _PPPOE, _ETHERNET = (b"\x88\x47", b"\x88\x48"), b"\x88\x64", b"\x65\x58"
_ERSPAN, _ERSPAN_3 = b"\x88\xbe", b"\x22\xeb"
_KINDS = {b"\x88\xe5": "MACsec", b"\x22\xf3": "TRILL", b"\x89\x4f": "NSH", b"\x89\x03": "FabricPath"}
"""Payloads of Ethernet that hold packets, and are not looked into."""
_IP_IN_IP, _IP_6_IN_IP, _GRE = 4, 41, 47
_PROTOCOLS = {50: "IPsec (ESP)", 51: "IPsec (AH)", 115: "L2TP"}
_VXLAN, _GENEVE = (4789, 8472), 6081
_PORTS = {
    500: "IPsec (IKE)", 1701: "L2TP", 2152: "GTP", 4341: "LISP", 4500: "IPsec (over UDP)", 4790: "VXLAN-GPE",
    37008: "TZSP",
}  # fmt: skip
CARRIERS = frozenset({UDP, _IP_IN_IP, _IP_6_IN_IP, _GRE, *_PROTOCOLS})
"""Protocols of IP that may hold another packet."""


def _not_read(skipped: Counter[str], name: str) -> None:
    skipped[f"packets inside {name}, which is not read"] += 1


def in_frame(kind: bytes, data: bytes, at: int, skipped: Counter[str]) -> int | None:
    """Where IP begins in the payload of a frame.

    Args:
        kind: the payload's, two bytes.
        data: packets.
        at: where the payload begins.
        skipped: counts what is not looked into.
    """
    if kind in IP:
        return at
    if kind in _MPLS:
        return _in_mpls(data, at, skipped)
    if kind == _PPPOE:
        return at + 8 if data[at + 6 : at + 8] in (b"\x00\x21", b"\x00\x57") else None
    if kind == _ETHERNET:
        return _in_ethernet(data, at, skipped)
    if kind in (_ERSPAN, _ERSPAN_3):
        return _in_erspan(kind, data, at, skipped)
    if kind in _KINDS:
        _not_read(skipped, _KINDS[kind])
    return None


def _in_ethernet(data: bytes, at: int, skipped: Counter[str]) -> int | None:
    at += 12
    while data[at : at + 2] in VLAN:
        at += 4
    return in_frame(data[at : at + 2], data, at + 2, skipped) if at + 2 < len(data) else None


def _in_mpls(data: bytes, at: int, skipped: Counter[str]) -> int | None:
    while at + 4 < len(data) and not data[at + 2] & 1:  # labels, up to the lowest
        at += 4
    at += 4
    if at >= len(data):
        return None
    first = data[at] >> 4
    if first in (4, 6):
        return at
    if first:
        _not_read(skipped, "MPLS of an unknown kind")
        return None
    return _in_ethernet(data, at + 4, skipped)  # a pseudowire, with its control word


def _in_erspan(kind: bytes, data: bytes, at: int, skipped: Counter[str]) -> int | None:
    if kind == _ERSPAN:
        return _in_ethernet(data, at + 8, skipped)
    more = 8 if at + 12 <= len(data) and data[at + 11] & 1 else 0
    return _in_ethernet(data, at + 12 + more, skipped)


def in_packet(protocol: int, data: bytes, at: int, skipped: Counter[str]) -> int | None:
    """Where IP begins in the payload of an IP packet.

    Args:
        protocol: the payload's, one of :data:`CARRIERS`.
        data: packets.
        at: where the payload begins.
        skipped: counts what is not looked into.
    """
    if at + 8 > len(data):
        return None
    if protocol == UDP:
        return _in_udp(data, at, skipped)
    if protocol in (_IP_IN_IP, _IP_6_IN_IP):
        return at
    if protocol != _GRE:
        _not_read(skipped, _PROTOCOLS[protocol])
        return None
    flags, kind = data[at], data[at + 2 : at + 4]
    if data[at + 1] & 7:
        _not_read(skipped, "PPTP")
        return None
    numbered = bool(flags & 0x10)
    start = at + 4 + 4 * (bool(flags & 0x80) + bool(flags & 0x20) + numbered)
    if kind == _ERSPAN and not numbered:  # the first version, without a header of its own
        kind = _ETHERNET
    return in_frame(kind, data, start, skipped)


def _in_udp(data: bytes, at: int, skipped: Counter[str]) -> int | None:
    port = data[at + 2] << 8 | data[at + 3]
    if port in _VXLAN:
        return _in_ethernet(data, at + 16, skipped) if data[at + 8 : at + 9] == b"\x08" else None
    if port == _GENEVE and at + 16 <= len(data):
        return in_frame(data[at + 10 : at + 12], data, at + 16 + 4 * (data[at + 8] & 0x3F), skipped)
    if port in _PORTS:
        _not_read(skipped, _PORTS[port])
    return None
