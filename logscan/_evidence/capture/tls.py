"""TLS handshake messages: bytes in, values out.

TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446). Every function takes the body of one message and raises
``ValueError`` where the body is shorter than it says; nothing is read beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

from logscan._evidence.distinguished_names import Name, from_der

VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)."""

MESSAGES = {
    0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 5: "EndOfEarlyData",
    8: "EncryptedExtensions", 11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest",
    14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished",
    22: "CertificateStatus", 24: "KeyUpdate", 25: "CompressedCertificate",
}  # fmt: skip

SUITES = {
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA", 0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
    0x003C: "TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003D: "TLS_RSA_WITH_AES_256_CBC_SHA256",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", 0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006B: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x009E: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009F: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    0x000A: "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x0005: "TLS_RSA_WITH_RC4_128_SHA",
    0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xC023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xC024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    0xC027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xC028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}  # fmt: skip
"""Cipher suites by number (IANA), those that Java clients and common servers agree on."""

SIGNATURES = {
    0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1", 0x0202: "dsa_sha1", 0x0301: "rsa_pkcs1_sha224",
    0x0303: "ecdsa_sha224", 0x0302: "dsa_sha224", 0x0402: "dsa_sha256", 0x0502: "dsa_sha384",
    0x0602: "dsa_sha512", 0x0101: "rsa_pkcs1_md5", 0x0401: "rsa_pkcs1_sha256", 0x0501: "rsa_pkcs1_sha384",
    0x0601: "rsa_pkcs1_sha512", 0x0403: "ecdsa_secp256r1_sha256", 0x0503: "ecdsa_secp384r1_sha384",
    0x0603: "ecdsa_secp521r1_sha512", 0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519", 0x0808: "ed448", 0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
}  # fmt: skip
"""Signature schemes by number (RFC 8446 section 4.2.3; for TLS 1.2 the pairs of hash and signature)."""

CERTIFICATE_TYPES = {1: "RSA", 2: "DSA", 3: "RSA_fixed_DH", 4: "DSA_fixed_DH", 64: "ECDSA"}
"""Client certificate types by number (RFC 5246 section 7.4.4, RFC 8422)."""


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
        return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What the client offers."""

    random: bytes
    sni: str | None
    versions: tuple[int, ...]
    """Offered: of ``supported_versions``, else the highest."""
    early_data: bool


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
    reader.vector(2)
    reader.vector(1)
    sni = None
    versions: tuple[int, ...] = (version,)
    early = False
    for kind, data in _extensions(reader):
        if kind == 0 and data:
            sni = _server_name(data)
        elif kind == 43:
            versions = tuple(number for number in Reader(data).numbers(1) if number in VERSIONS) or versions
        elif kind == 42:
            early = True
    return ClientHello(random, sni, versions, early)


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
    rest = Reader(reader.vector(2))
    while rest.left:
        found.append((rest.number(2), rest.vector(2)))
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
    return CertificateRequest(authorities, types, shown, packet, unread)


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
