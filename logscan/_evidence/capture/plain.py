"""Protocols in clear before TLS, or in its place: what the first bytes of a connection say."""

from __future__ import annotations

MAX_LINE = 200
"""Characters shown of a line."""

_CLIENT = (
    (b"PRI * HTTP/2", "HTTP/2 without TLS"), (b"GET ", "HTTP"), (b"POST ", "HTTP"), (b"PUT ", "HTTP"),
    (b"HEAD ", "HTTP"), (b"DELETE ", "HTTP"), (b"OPTIONS ", "HTTP"), (b"PATCH ", "HTTP"),
    (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL"), (b"<?xml", "XMPP"), (b"<stream", "XMPP"),
    (b"\x03\x00\x00", "RDP"), (b"\x12\x01\x00", "TDS (SQL Server: its TLS is not read)"),
    (b"AMQP", "AMQP"), (b"*", "Redis"),
)  # fmt: skip
_SERVER = (
    (b"220", "SMTP"), (b"* OK", "IMAP"), (b"+OK", "POP3"), (b"HTTP/", "HTTP"), (b"<?xml", "XMPP"),
    (b"<stream", "XMPP"),
)  # fmt: skip
_STARTTLS = frozenset({"PostgreSQL", "XMPP", "RDP", "SMTP", "FTP", "IMAP", "POP3", "LDAP", "MySQL"})
"""Those after which TLS may begin on the same connection."""


def protocol_of(data: bytes | bytearray, *, from_client: bool) -> str | None:
    """The protocol of a connection by the first bytes of one end; ``None``: unknown."""
    if data.startswith(b"SSH-"):
        return "SSH"
    for begin, name in _CLIENT if from_client else _SERVER:
        if data.startswith(begin):
            return "FTP" if name == "SMTP" and b"FTP" in data[:MAX_LINE].upper() else name
    if from_client and data[:1] == b"\x30" and b"\x02\x01" in data[2:8]:
        return "LDAP"
    if not from_client and len(data) > 4 and data[3] == 0 and data[4] == 10:
        return "MySQL"
    return None


def may_begin_tls(protocol: str) -> bool:
    """Whether TLS may begin on a connection that began with this protocol."""
    return protocol in _STARTTLS


def first_line(data: bytes | bytearray, protocol: str | None = None) -> str:
    """The first line of an answer in clear, at most :data:`MAX_LINE` characters; where it is no text, the
    protocol, or its first bytes."""
    line = bytes(data[: MAX_LINE + 1]).split(b"\n", 1)[0].rstrip(b"\r")[:MAX_LINE]
    if line and all(32 <= byte < 127 or byte == 9 for byte in line):
        return line.decode("ascii").replace("\t", " ")
    return protocol or f"bytes that are no TLS record: {bytes(data[:16]).hex(' ')}"
