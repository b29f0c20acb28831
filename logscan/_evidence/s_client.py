"""What ``openssl s_client`` printed: OpenSSL 1.0 to 3, LibreSSL, in every style of names.

Only what concerns client certificates is read: the accepted authorities, key types and signature schemes,
the server's chain, alerts and verification errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from logscan._evidence.certificates import Certificate
from logscan._evidence.distinguished_names import Name, parse
from logscan._evidence.keystores.pem import pem_certificates
from logscan._failures import catalog

COMMAND_WITHIN = 1 << 16
"""Characters at the beginning among which the command is looked for."""
MAX_NAMES = 10_000
"""Accepted authorities of one text."""
HEADING = "Acceptable client certificate CA names"
NO_NAMES = "No client certificate CA names sent"
_MARKS = (
    b"CONNECTED(",
    HEADING.encode(),
    NO_NAMES.encode(),
    b"Server certificate",
    b"SSL handshake has read",
)
_COMMAND = re.compile(
    r"s_client\b(?:(?!s_client)[^\n])*?(?:-connect[ =]['\"]?(?:\[([^\]\s]{1,300}+)\]|([^\s:'\"]{1,300}+)):"
    r"(\d{1,5})(?!\d)|-host[ =](\S{1,300}+)\s{1,9}-port[ =](\d{1,5})(?!\d))",
    re.ASCII,
)
_SNI = re.compile(r"s_client\b(?:(?!s_client)[^\n])*?-servername[ =](\S++)")
_ALERT = re.compile(r"SSL alert number (\d{1,3})(?!\d)", re.ASCII)
_VERIFY = re.compile(r"^verify error:num=(\d{1,9}):(.*\S)", re.MULTILINE | re.ASCII)
_PROTOCOL = re.compile(r"^(?:New, |[ \t]++Protocol[ \t]*+:[ \t]*+)(TLSv?[\d.]++|SSLv3)", re.MULTILINE)
_CONNECT_FAILED = re.compile(
    r"^(?:connect:errno=\d+|.*:(?:connect error|Connection refused|no such host).*)$",
    re.MULTILINE | re.IGNORECASE,
)
_CIPHER = re.compile(
    r"^(?:New, [^,\n]{1,40}, Cipher is |[ \t]++Cipher[ \t]*+:[ \t]*+)(\S{1,100})", re.MULTILINE
)
_ERROR = re.compile(r"^[^\n]{0,300}:error:[^\n]{1,600}", re.MULTILINE)
_WORDS = re.compile(r":(?:sslv3|tlsv1|tlsv13) alert ([a-z ]{1,60})")
_SCHEMES = {
    "RSA": "rsa_pkcs1", "RSA-PSS": "rsa_pss_rsae", "ECDSA": "ecdsa", "DSA": "dsa",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SClient:
    """One run of ``openssl s_client``."""

    source: str
    host: str | None
    """From the command line, when the text holds it."""
    port: int | None
    sni: str | None
    version: str | None
    certificate_requested: bool | None
    """Whether the server asked for a client certificate; ``None``: the text does not say."""
    authorities: tuple[Name, ...]
    key_types: tuple[str, ...]
    signature_schemes: tuple[str, ...]
    server_chain: tuple[Certificate, ...]
    alerts: tuple[str, ...]
    """Received, by standard name."""
    verify_errors: tuple[str, ...]
    authorities_line: int
    """Where they stand, from 1."""
    unread: tuple[str, ...]
    """Lines that should be names and are none."""
    failed: str | None
    """The connection did not come about."""
    notes: tuple[str, ...] = ()
    """What of the server's certificates cannot be read."""
    verify_error: str | None = None
    """The first, in OpenSSL's words, without its number."""
    cipher: str | None = None
    """Negotiated, by OpenSSL's name."""
    connected: bool | None = None
    """Whether the TCP connection came about; ``None``: the text does not say."""
    completed: bool | None = None
    """Whether the handshake did."""

    @property
    def protocol(self) -> str | None:
        """The version, as :attr:`version`."""
        return self.version

    @property
    def alert(self) -> str | None:
        """The last alert that was received, by standard name."""
        return self.alerts[-1] if self.alerts else None


def is_s_client(head: bytes) -> bool:
    """Whether a text looks like one."""
    return sum(mark in head for mark in _MARKS) >= 2


def read_s_client(data: bytes, source: str) -> SClient:
    """The text of one run."""
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    lines = text.split("\n")
    authorities: list[Name] = []
    unread: list[str] = []
    requested: bool | None = None
    at = 0
    for number, line in enumerate(lines, start=1):
        if line.strip() == HEADING:
            requested, at = True, number
            _names(lines[number:], authorities, unread)
            break
        if line.strip() == NO_NAMES:
            at = number
            # Printed as well where no certificate was requested: only the lines after it show which.
            requested = True if _TYPES.search(text) or _SIGNATURES.search(text) else None
            if requested is None and "SSL handshake has read" in text:
                requested = False
            break
    types = _TYPES.search(text)
    signatures = _SIGNATURES.search(text)
    command, sni = _COMMAND.search(text, 0, COMMAND_WITHIN), _SNI.search(text, 0, COMMAND_WITHIN)
    protocols = _PROTOCOL.findall(text)
    failed = _CONNECT_FAILED.search(text)
    alerts = [catalog.ALERT_NAMES.get(int(number), f"alert {number}") for number in _ALERT.findall(text)]
    alerts += [] if alerts else _alerts_in_words(text)
    verify = [(number, words.strip()) for number, words in _VERIFY.findall(text)]
    cipher = _CIPHER.findall(text)
    connected = True if "CONNECTED(" in text else False if failed else None
    certificates: list[str] = []
    chain = tuple(pem_certificates(data, source, certificates))
    notes = (*certificates, *(f"{item.source}: {note}" for item in chain for note in item.notes))
    return SClient(
        source=source,
        host=(command[1] or command[2] or command[4]) if command else None,
        port=int(command[3] or command[5]) if command else None,
        sni=sni[1].strip("'\"") if sni else None,
        version=protocols[-1].replace("TLSv", "TLS ").replace("TLS 1\n", "TLS 1.0") if protocols else None,
        certificate_requested=requested,
        authorities=tuple(authorities),
        key_types=tuple(part.strip().removesuffix(" sign") for part in types[1].split(",")) if types else (),
        signature_schemes=tuple(_scheme(part) for part in signatures[1].strip().split(":"))
        if signatures
        else (),
        server_chain=chain,
        alerts=tuple(dict.fromkeys(alerts)),
        verify_errors=tuple(dict.fromkeys(f"{number}: {words}" for number, words in verify)),
        authorities_line=at,
        unread=tuple(unread),
        failed=failed[0].strip()[:300] if failed and "CONNECTED(" not in text else None,
        notes=notes,
        verify_error=verify[0][1] if verify else None,
        cipher=next((name for name in reversed(cipher) if name not in ("0000", "(NONE)")), None),
        connected=connected,
        completed=_completed(text, cipher) if connected else None,
    )


def _alerts_in_words(text: str) -> list[str]:
    """Alerts that LibreSSL and old versions name in words, without a number."""
    found = (_WORDS.findall(line) for line in _ERROR.findall(text))
    names = ("_".join(words[-1].split()) for words in found if words)
    return [name for name in names if name in catalog.ALERTS]


def _completed(text: str, ciphers: list[str]) -> bool | None:
    """Whether a handshake came to its end: only then there is a cipher."""
    if any(name not in ("0000", "(NONE)") for name in ciphers):
        return True
    return False if "SSL handshake has read" in text or ciphers else None


_TYPES = re.compile(r"^Client Certificate Types: (.+)$", re.MULTILINE)
_SIGNATURES = re.compile(r"^Requested Signature Algorithms: (.+)$", re.MULTILINE)
_END = re.compile(
    r"^(?:---|Client Certificate Types:|Requested Signature|Shared Requested|Peer |Server Temp|\s*$)"
)


def _names(lines: list[str], found: list[Name], unread: list[str]) -> None:
    for number, line in enumerate(lines):
        if _END.match(line):
            return
        if number >= MAX_NAMES:
            unread.append(f"(names after the first {MAX_NAMES:,}: not read)")
            return
        try:
            found.append(parse(line))
        except ValueError:
            unread.append(line[:200])


def _scheme(text: str) -> str:
    """A signature scheme's name of TLS for OpenSSL's ``RSA+SHA256``."""
    kind, _, digest = text.strip().partition("+")
    if not digest:
        return kind.replace("RSA-PSS", "rsa_pss_rsae").lower()
    return f"{_SCHEMES.get(kind, kind.lower())}_{digest.lower()}"
