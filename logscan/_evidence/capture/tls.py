"""TLS handshake messages: bytes in, values out.

TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446). Every function takes the body of one message and raises
``ValueError`` where the body is shorter than it says; nothing is read beyond it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import lru_cache

from logscan._evidence.capture.registry import SIGNATURES, VERSIONS
from logscan._evidence.distinguished_names import Name, from_der

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)."""

MESSAGES = {
    0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 5: "EndOfEarlyData",
    8: "EncryptedExtensions", 11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest",
    14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished",
    22: "CertificateStatus", 24: "KeyUpdate", 25: "CompressedCertificate",
}  # fmt: skip

CERTIFICATE_TYPES = {1: "RSA", 2: "DSA", 3: "RSA_fixed_DH", 4: "DSA_fixed_DH", 64: "ECDSA"}
"""Client certificate types by number (RFC 5246 section 7.4.4, RFC 8422)."""


MAX_PROTOCOLS = 16
_EXTENSION = struct.Struct(">HH")


class Reader:
    """Fields of a message, one after the other.

    Raises:
        ValueError: by every method, where the message is too short.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self._at + count
        if end > len(self._data):
            raise ValueError(f"{count:,} bytes announced, {self.left:,} there")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, width: int) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """Bytes with their length before them, a number of so many bytes."""
        return self.take(self.number(width))

    def numbers(self, width: int) -> list[int]:
        """Two-byte numbers in a vector."""
        data = self.vector(width)
        count = len(data) // 2
        return list(struct.unpack_from(f">{count}H", data))


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What the client offers."""

    random: bytes
    sni: str | None
    versions: tuple[int, ...]
    """Offered: of ``supported_versions``, else the highest."""
    early_data: bool
    suites: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    schemes: tuple[int, ...] = ()
    alpn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose."""

    version: int
    suite: int
    retry: bool
    """A HelloRetryRequest: the client begins again."""
    pre_shared_key: bool


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What the server asks of a client certificate."""

    authorities: tuple[Name, ...]
    """Accepted certificate authorities. None named: every issuer will do."""
    key_types: tuple[str, ...]
    """``RSA``, ``DSA``, ``ECDSA`` …; not in TLS 1.3."""
    signature_schemes: tuple[str, ...]
    """Not before TLS 1.2."""
    packet: int = 0
    unread: int = 0
    """Names that could not be read."""


def client_hello(body: bytes) -> ClientHello:
    """The body of a ClientHello."""
    reader = Reader(body)
    version = reader.number(2)
    random = reader.take(32)
    reader.vector(1)
    suites = tuple(reader.numbers(2))
    reader.vector(1)
    sni = None
    versions: tuple[int, ...] = (version,)
    groups: tuple[int, ...] = ()
    schemes: tuple[int, ...] = ()
    alpn: tuple[str, ...] = ()
    early = False
    for kind, data in _extensions(reader):
        if kind == 0 and data:
            sni = _server_name(data)
        elif kind == 43:
            versions = tuple(number for number in Reader(data).numbers(1) if number in VERSIONS) or versions
        elif kind == 42:
            early = True
        elif kind == 10:
            groups = _numbers(data)
        elif kind == 13:
            schemes = _numbers(data)
        elif kind == 16:
            alpn = _protocols(data)
    return ClientHello(random, sni, versions, early, suites, groups, schemes, alpn)


def _numbers(data: bytes) -> tuple[int, ...]:
    """The numbers of an extension; none where it is damaged: the rest of the message still counts."""
    try:
        return tuple(Reader(data).numbers(2))
    except ValueError:
        return ()


def _protocols(data: bytes) -> tuple[str, ...]:
    """Names of application protocols, as far as they can be read, at most :data:`MAX_PROTOCOLS`."""
    found: list[str] = []
    try:
        names = Reader(Reader(data).vector(2))
        while names.left and len(found) < MAX_PROTOCOLS:
            found.append(names.vector(1).decode("ascii", "backslashreplace"))
    except ValueError:
        pass
    return tuple(found)


def _server_name(data: bytes) -> str | None:
    names = Reader(Reader(data).vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name.decode("ascii", "backslashreplace")[:255]
    return None


def server_hello(body: bytes) -> ServerHello:
    """The body of a ServerHello or HelloRetryRequest."""
    reader = Reader(body)
    version = reader.number(2)
    random = reader.take(32)
    reader.vector(1)  # session id
    suite = reader.number(2)
    reader.number(1)
    shared = False
    for kind, data in _extensions(reader):
        if kind == 43 and len(data) == 2:
            version = int.from_bytes(data, "big")
        elif kind == 41:
            shared = True
    return ServerHello(version, suite, random == RETRY, shared)


def _extensions(reader: Reader) -> list[tuple[int, bytes]]:
    if not reader.left:
        return []
    found = []
    data = reader.vector(2)
    at, end = 0, len(data)
    while at < end:
        if at + 4 > end:
            raise ValueError(f"4 bytes announced, {end - at} there")
        kind, size = _EXTENSION.unpack_from(data, at)
        at += 4
        if at + size > end:
            raise ValueError(f"{size:,} bytes announced, {end - at:,} there")
        found.append((kind, data[at : at + size]))
        at += size
    return found


def certificates(body: bytes, version: int) -> tuple[bytes, ...]:
    """The chain of a Certificate message as DER, leaf first."""
    reader = Reader(body)
    if version == TLS_1_3:
        reader.vector(1)  # the request's context
    rest = Reader(reader.vector(3))
    chain = []
    while rest.left:
        chain.append(rest.vector(3))
        if version == TLS_1_3:
            rest.vector(2)
    return tuple(chain)


def certificate_request(body: bytes, version: int, packet: int = 0) -> CertificateRequest:
    """The body of a CertificateRequest."""
    return replace(_certificate_request(body, version), packet=packet)


@lru_cache(maxsize=64)
def _certificate_request(body: bytes, version: int) -> CertificateRequest:
    """A server sends the same to all its clients."""
    reader = Reader(body)
    types: tuple[str, ...] = ()
    schemes: list[int] = []
    names = b""
    if version == TLS_1_3:
        reader.vector(1)
        for kind, data in _extensions(reader):
            if kind == 13:
                schemes = Reader(data).numbers(2)
            elif kind == 47:
                names = Reader(data).vector(2)
    else:
        types = tuple(CERTIFICATE_TYPES.get(number, str(number)) for number in reader.vector(1))
        if version == TLS_1_2:
            schemes = reader.numbers(2)
        names = reader.vector(2)
    authorities, unread = _names(names)
    shown = tuple(SIGNATURES.get(number, f"0x{number:04x}") for number in schemes)
    return CertificateRequest(authorities, types, shown, unread=unread)


def _names(data: bytes) -> tuple[tuple[Name, ...], int]:
    reader = Reader(data)
    found: list[Name] = []
    unread = 0
    while reader.left:
        der = reader.vector(2)
        try:
            found.append(from_der(der))
        except ValueError:
            unread += 1
    return tuple(found), unread
