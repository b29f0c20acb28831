"""Hosts as a log names them: a name, or an address of IPv4 or IPv6, and a port."""

from __future__ import annotations

import ipaddress


def is_address(host: str) -> bool:
    """Whether a host is named by its address (RFC 4007: an interface may follow it, after a ``%``)."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def split_target(target: str | None) -> tuple[str | None, int]:
    """Host and port of a backend; an address of IPv6 has no brackets. Without a port: 443."""
    if not target:
        return None, 443
    host, colon, port = target.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        return target.strip("[]"), 443
    if ":" in host and not is_address(host.strip("[]")):
        return target.strip("[]"), 443  # the whole is an address without a port
    return host.strip("[]"), int(port)
