"""The catalogue: names of alerts and of the reasons that Java gives, and the families of each.

Data, and the one function that reads it. Sources: RFC 8446 section 6.2, RFC 5246 section 7.2 and RFC
6066 for the alerts; OpenJDK's ``sun.security.ssl.Alert`` for their spelling in Java; texts measured on
JDK 17 and 25 and read in the sources of 8 (docs/tls-failures.md).

The exception's *class* decides nothing: old Java 8 throws ``SSLException`` where newer ones throw
``SSLHandshakeException`` for the same alert. The *text* does, in all three generations of its wording:
with or without the ``(alert) `` prefix, and after Java 8's ``General SSLEngine problem``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from logscan._failures.names import LONGEST_ALERT, cut

CLIENT_CERTIFICATE = "client-certificate"
"""The client certificate was refused, or was missing where one was demanded."""
BACKEND_CERTIFICATE = "backend-certificate"
"""We refused the backend's certificate."""
PROTOCOL = "protocol-cipher"
"""No common protocol version, cipher or extension."""
CONNECTION_CUT = "connection-cut"
"""The connection ended without an alert."""
TIMEOUT = "timeout"
"""No answer in time."""
OTHER = "other"
NOT_TLS = "not-tls"
"""A fault of the connection next to TLS: looked for only when asked."""

FAMILIES = (
    CLIENT_CERTIFICATE, BACKEND_CERTIFICATE, PROTOCOL, CONNECTION_CUT, TIMEOUT, OTHER, NOT_TLS,
)  # fmt: skip

PEER, US, NOBODY, UNKNOWN = "peer", "us", "nobody", "unknown"


class Alert(NamedTuple):
    """A TLS alert: its number (RFC 8446 section 6) and the families it is a face of when received."""

    number: int
    families: tuple[str, ...]


_CLIENT_OR_OTHER = (CLIENT_CERTIFICATE, OTHER)
ALERTS: dict[str, Alert] = {
    "close_notify": Alert(0, (CONNECTION_CUT, CLIENT_CERTIFICATE)),
    "unexpected_message": Alert(10, (OTHER,)),
    "bad_record_mac": Alert(20, (OTHER,)),
    "decryption_failed": Alert(21, (OTHER,)),
    "record_overflow": Alert(22, (OTHER,)),
    "decompression_failure": Alert(30, (OTHER,)),
    # The same missing client certificate from OpenSSL and Java 25 on TLS 1.2: ordered by the record.
    "handshake_failure": Alert(40, (PROTOCOL, CLIENT_CERTIFICATE)),
    "no_certificate": Alert(41, (CLIENT_CERTIFICATE,)),
    "bad_certificate": Alert(42, (CLIENT_CERTIFICATE,)),
    "unsupported_certificate": Alert(43, (CLIENT_CERTIFICATE,)),
    "certificate_revoked": Alert(44, (CLIENT_CERTIFICATE,)),
    "certificate_expired": Alert(45, (CLIENT_CERTIFICATE,)),
    "certificate_unknown": Alert(46, (CLIENT_CERTIFICATE,)),
    "illegal_parameter": Alert(47, (OTHER,)),
    "unknown_ca": Alert(48, (CLIENT_CERTIFICATE,)),
    "access_denied": Alert(49, (CLIENT_CERTIFICATE,)),
    "decode_error": Alert(50, (OTHER, CLIENT_CERTIFICATE)),  # GnuTLS, no certificate
    "decrypt_error": Alert(51, _CLIENT_OR_OTHER),  # rustls, unknown CA; or a key that does not match
    "export_restriction": Alert(60, (PROTOCOL,)),
    "protocol_version": Alert(70, (PROTOCOL,)),
    "insufficient_security": Alert(71, (PROTOCOL,)),
    "internal_error": Alert(80, (OTHER,)),
    "inappropriate_fallback": Alert(86, (PROTOCOL,)),
    "user_canceled": Alert(90, (OTHER,)),
    "no_renegotiation": Alert(100, (OTHER,)),
    "missing_extension": Alert(109, (PROTOCOL,)),
    "unsupported_extension": Alert(110, (PROTOCOL,)),
    "certificate_unobtainable": Alert(111, (CLIENT_CERTIFICATE,)),
    "unrecognized_name": Alert(112, (OTHER,)),
    "bad_certificate_status_response": Alert(113, (CLIENT_CERTIFICATE,)),
    "bad_certificate_hash_value": Alert(114, (CLIENT_CERTIFICATE,)),
    "unknown_psk_identity": Alert(115, (OTHER,)),
    "certificate_required": Alert(116, (CLIENT_CERTIFICATE,)),
    "no_application_protocol": Alert(120, (PROTOCOL,)),
}
ALERT_NAMES = {alert.number: name for name, alert in ALERTS.items()}


class Reason(NamedTuple):
    """A failure that Java names in words, without an alert that was received."""

    name: str
    families: tuple[str, ...]
    refused_by: str
    pattern: str
    """Searched in each text of the exception chain, innermost first."""


REASONS = (
    # Specific before general: the first that matches any text of the chain names the failure.
    Reason(
        "certificate_past_validity", (BACKEND_CERTIFICATE,), US,
        r"CertificateExpiredException|NotAfter:",
    ),
    Reason(
        "certificate_not_yet_valid", (BACKEND_CERTIFICATE,), US,
        r"CertificateNotYetValidException|NotBefore:",
    ),
    Reason(
        "hostname_mismatch", (BACKEND_CERTIFICATE,), US,
        r"No subject alternative (?:DNS )?names? |No subject alternative names present"
        r"|No name matching .{0,300}? found|Certificate for <[^>\n]{0,300}+> doesn't match",
    ),
    Reason(
        "wrong_extended_key_usage", (BACKEND_CERTIFICATE,), US,
        r"Extended key usage does not permit|KeyUsage does not allow",
    ),
    Reason(
        "certificate_revoked_locally", (BACKEND_CERTIFICATE,), US,
        r"CertificateRevokedException|Certificate has been revoked|revocation",
    ),
    Reason(
        "weak_algorithm", (BACKEND_CERTIFICATE,), US,
        r"Algorithm constraints check failed|does not conform to algorithm constraints"
        r"|[Cc]ertificates do not conform",
    ),
    Reason("signature_invalid", (BACKEND_CERTIFICATE,), US, r"signature check failed"),
    Reason(
        "empty_truststore", (BACKEND_CERTIFICATE,), US,
        r"trustAnchors parameter must be non-empty",
    ),
    Reason(
        "untrusted_certificate", (BACKEND_CERTIFICATE,), US,
        r"unable to find valid certification path|PKIX path building failed"
        r"|Path does not chain with any of the trust anchors|No trusted certificate found",
    ),
    Reason(
        "path_validation_failed", (BACKEND_CERTIFICATE,), US,
        r"PKIX path validation failed|validity check failed",
    ),
    Reason(
        "no_client_certificate_received", (CLIENT_CERTIFICATE,), US,
        r"Empty (?:client|server) certificate chain|null cert chain",
    ),
    Reason(
        "no_appropriate_protocol", (PROTOCOL,), US,
        r"No appropriate protocol|No usable protocol|No negotiable cipher suite",
    ),
    Reason("no_cipher_suites_in_common", (PROTOCOL,), US, r"no cipher suites in common"),
    Reason(
        "no_authentication_scheme", (PROTOCOL,), US,
        r"No available authentication scheme|No supported CertificateVerify signature algorithm"
        r"|No preferred signature algorithm",
    ),
    Reason(
        "protocol_not_accepted", (PROTOCOL,), US,
        r"Server chose \S{1,300}, but that protocol version is not enabled"
        r"|server selected protocol version \S{1,300}+ is not accepted"
        r"|Client requested protocol \S{1,300}+ (?:is )?not (?:enabled|supported)"
        r"|client supported protocol versions .{0,300}? are not accepted",
    ),
    Reason(
        "weak_dh_key", (PROTOCOL,), US,
        r"Could not generate DH keypair|Prime size must be multiple of 64|DH (?:ServerKeyExchange|key)",
    ),
    Reason("server_name_not_recognized", (OTHER,), US, r"Unrecognized server name indication"),
    Reason(
        "not_tls_on_this_port", (OTHER,), US,
        r"plaintext connection\?|Unsupported or unrecognized SSL message|Unknown handshake type"
        r"|Unsupported record version|Unsupported SSL v2",
    ),
    Reason("record_corrupt", (OTHER,), US, r"Tag mismatch|bad record MAC"),
    Reason(
        "closed_in_handshake", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN,
        r"(?i:closing inbound before receiving peer's close_notify"
        r"|inbound closed before receiving peer's close_notify)"
        r"|Remote host (?:closed connection during|terminated the) handshake"
        r"|Received close_notify during handshake|SSL peer shut down incorrectly",
    ),
    Reason("broken_pipe", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN, r"Broken pipe"),
    Reason(
        "connection_reset", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN,
        r"Connection reset|forcibly closed by the remote host",
    ),
    Reason("handshake_timeout", (TIMEOUT,), NOBODY, r"handshake timeout"),
    Reason("ssl_engine_problem", (BACKEND_CERTIFICATE, OTHER), US, r"General SSLEngine problem"),
)  # fmt: skip

NEIGHBOURS = (
    Reason("eof_unexpected", (NOT_TLS,), UNKNOWN, r"eof unexpected|EOFException"),
    Reason("connection_refused", (NOT_TLS,), PEER, r"Connection refused"),
    Reason("connect_timeout", (NOT_TLS,), NOBODY, r"Connection timed out|connect timed out|onConnectTimeout"),
    Reason("io_timeout", (NOT_TLS,), NOBODY, r"\.onTimeout\b"),
    Reason("unknown_host", (NOT_TLS,), UNKNOWN, r"Unable to resolve host|UnknownHostException"),
    Reason(
        "keystore_conflict", (NOT_TLS,), US,
        r"Cannot overwrite (?:own certificate|secret key)|Unknown resource type cert\b",
    ),
    Reason("broken_pipe", (NOT_TLS, CONNECTION_CUT), UNKNOWN, r"Broken pipe"),
    Reason("connection_reset", (NOT_TLS, CONNECTION_CUT), UNKNOWN, r"Connection reset"),
)  # fmt: skip
"""Faults of the connection that are no failed handshake but are asked for by the same people."""

OTHER_SSL = "other_tls_failure"
"""A TLS exception whose text the catalogue does not know: kept under its own words."""

NEEDLES: tuple[bytes, ...] = (
    b"handshakeF", b"handshakeT", b"ssl.SSLE", b"ssl.SSLH", b"ssl.SSLP", b"ssl.SSLK", b"fatal al",
    b"PKIX", b"PathBuilderE", b"trustAnch", b"Broken p", b"reset by p",
)  # fmt: skip
"""At least one stands in every line of every TLS failure. Trimmed so that they end in rare bytes, and
no more than twelve: both were measured (one more of the wrong kind costs 40 % of the scanning speed)."""
NEIGHBOUR_NEEDLES: tuple[bytes, ...] = (
    b"eof unex", b"EOFExc", b"n refused", b"timed out", b".onTime", b"onConnectTime", b"resolve host",
    b"UnknownHostE", b"annot overwrite", b"resource type cert", b"n reset",
)  # fmt: skip


class Naming(NamedTuple):
    """What a failure's texts say it is."""

    name: str
    families: tuple[str, ...]
    refused_by: str
    reason: str
    """The text that decided, without Java's ``(alert) `` prefix."""


MAX_DIGITS = 3
"""Digits of an alert's number: it is one byte."""
UNKNOWN_ALERT = "alert_unknown"
"""The name of an alert whose number cannot be one."""
_RECEIVED = re.compile(
    r"(?:Received fatal alert: |[Rr]eceived handshake warning: |\bhandshake alert:? ++)"
    r"(?:<UNKNOWN ALERT: (?P<old>[^>\s]++)>|Unknown alert description \((?P<new>[^)\s]++)\)"
    r"|(?P<name>[a-z_]++))",
    re.ASCII,
)
_SENT_PREFIX = re.compile(r"^(?:javax\.net\.ssl\.SSL\w++: )?(?:\([a-z_]++\) )?")
_COMPILED = tuple((reason, re.compile(reason.pattern)) for reason in REASONS)
_NEIGHBOURS = tuple((reason, re.compile(reason.pattern)) for reason in NEIGHBOURS)


def received_alert(text: str) -> str | None:
    """The standard name of the alert that a text says was received; ``alert_N`` for an unknown one."""
    found = _RECEIVED.search(text)
    if found is None:
        return None
    number = found["old"] or found["new"]
    if number is None:
        return cut(found["name"], LONGEST_ALERT)
    if len(number) > MAX_DIGITS or not (number.isascii() and number.isdigit()):
        return UNKNOWN_ALERT
    return ALERT_NAMES.get(int(number), f"alert_{number}")


def name_failure(texts: Iterable[str]) -> Naming | None:
    """Name a TLS failure by its texts: message and causes, outermost first. ``None``: not known."""
    chain = list(texts)
    for text in chain:
        alert = received_alert(text)
        if alert is not None:
            families = ALERTS[alert].families if alert in ALERTS else (OTHER,)
            return Naming(alert, families, PEER, without_prefix(text))
    return _first(_COMPILED, chain)


def name_neighbour(texts: Iterable[str]) -> Naming | None:
    """Name a fault next to TLS by its texts. ``None``: not known."""
    return _first(_NEIGHBOURS, list(texts))


def _first(table: tuple[tuple[Reason, re.Pattern[str]], ...], chain: list[str]) -> Naming | None:
    for reason, pattern in table:
        for text in reversed(chain):
            if pattern.search(text):
                return Naming(reason.name, reason.families, reason.refused_by, without_prefix(text))
    return None


def without_prefix(text: str) -> str:
    """A Java text without the ``(alert) `` that JDK 21 and late 17 put before it, and without a TLS
    exception's class, which says nothing."""
    return _SENT_PREFIX.sub("", text.strip())


def known_names() -> list[str]:
    """Every name that ``--alert`` accepts, sorted."""
    reasons = {reason.name for reason in (*REASONS, *NEIGHBOURS)}
    return sorted(reasons | set(ALERTS) | {OTHER_SSL})
