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
from logscan._failures.reasons import (
    BACKEND_CERTIFICATE,
    CLIENT_CERTIFICATE,
    CONNECTION_CUT,
    FAMILIES,
    NEIGHBOURS,
    NOBODY,
    NORTHBOUND,
    NOT_TLS,
    OF_TLS_ONLY,
    OTHER,
    PEER,
    PROTOCOL,
    RAISED,
    REASONS,
    TIMEOUT,
    UNKNOWN,
    US,
    Reason,
)

__all__ = [
    "ALERTS", "ALERT_NAMES", "BACKEND_CERTIFICATE", "CLIENT_CERTIFICATE", "CONNECTION_CUT", "FAMILIES",
    "MAX_DIGITS", "NEEDLES", "NEIGHBOURS", "NEIGHBOUR_NEEDLES", "NOBODY", "NOT_TLS", "OF_TLS_ONLY", "OTHER",
    "OTHER_SSL", "PEER", "PROTOCOL", "REASONS", "TIMEOUT", "UNKNOWN", "UNKNOWN_ALERT", "US", "Alert",
    "Naming", "Reason", "for_side", "known_names", "name_failure", "name_neighbour", "received_alert",
    "without_prefix",
]  # fmt: skip


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
    "no_renegotiation": Alert(100, (CLIENT_CERTIFICATE, PROTOCOL)),  # IIS, Apache: they ask late
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


OTHER_SSL = "other_tls_failure"
"""A TLS exception whose text the catalogue does not know: kept under its own words."""

NEEDLES: tuple[bytes, ...] = (
    b"handshakeF", b"handshakeT", b"ssl.SSLE", b"ssl.SSLH", b"ssl.SSLP", b"ssl.SSLK", b"fatal al",
    b"PKIX", b"PathBuilderE", b"trustAnch", b"Broken p", b"reset by p", b"TlsFatalA",
)  # fmt: skip
"""At least one stands in every line of every TLS failure. Trimmed so that they end in rare bytes, and few:
both were measured (one more of the wrong kind costs 40 % of the scanning speed; the last one, for
BouncyCastle's exceptions, 2 %)."""
NEIGHBOUR_NEEDLES: tuple[bytes, ...] = (
    b"eof unex", b"EOFExc", b"n refused", b"timed out", b".onTime", b"onConnectTime", b"resolve host",
    b"UnknownHostE", b"annot overwrite", b"resource type cert", b"n reset", b"Get Key f", b"annot recover k",
    b"UnrecoverableK", b"accompanied by cert", b"tampered w", b"incrementFailureC", b"Max failure c",
    b"NoActiveT", b"SSL certificate",
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
    r"(?:<UNKNOWN ALERT: (?P<old>[^>\s]++)>|(?P<name>[a-z_]++))"
    r"|Unknown alert description \((?P<new>[^)\s]++)\)"
    r"|\bTlsFatalAlertReceived: \w++\((?P<castle>[^)\s]++)\)"
    rf"|\b(?:sslv3|tlsv1|tlsv13) alert (?P<openssl>{'|'.join(name.replace('_', ' ') for name in ALERTS)})\b",
    re.ASCII,
)
_RAISED = re.compile(
    r"\A(?:javax\.net\.ssl\.SSL\w++: )?\((?P<java>[a-z_]++)\) |\bTlsFatalAlert: (?P<castle>[a-z_]++)\(",
    re.ASCII,
)
_SENT_PREFIX = re.compile(r"^(?:javax\.net\.ssl\.SSL\w++: )?(?:\([a-z_]++\) )?")
_COMPILED = tuple((reason, re.compile(reason.pattern)) for reason in REASONS)
_BY_NAME = {reason.name: reason for reason in REASONS}
_NEIGHBOURS = tuple((reason, re.compile(reason.pattern)) for reason in NEIGHBOURS)


def received_alert(text: str) -> str | None:
    """The standard name of the alert that a text says was received; ``alert_N`` for an unknown one."""
    found = _RECEIVED.search(text)
    if found is None:
        return None
    number = found["old"] or found["new"] or found["castle"]
    if number is None:
        return cut((found["name"] or found["openssl"]).replace(" ", "_"), LONGEST_ALERT)
    if number.startswith("-") and number[1:].isdecimal() and len(number) <= MAX_DIGITS + 1:
        number = str(256 + int(number))  # a byte, which Java prints with its sign
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
    return _first(_COMPILED, chain) or _raised(chain)


def for_side(naming: Naming, side: str) -> Naming:
    """The same for one side of the Message Processor: as a server, it means another thing by some words."""
    meant = _BY_NAME.get(NORTHBOUND.get(naming.name, "")) if side == "northbound" else None
    if meant is None:
        return naming
    return Naming(meant.name, meant.families, meant.refused_by, naming.reason)


def _raised(chain: list[str]) -> Naming | None:
    """What is meant by the alert that this Java raised, where its words are not known."""
    for text in reversed(chain):
        found = _RAISED.search(text)
        reason = found and _BY_NAME.get(RAISED.get(found["java"] or found["castle"], ""))
        if reason:
            return Naming(reason.name, reason.families, reason.refused_by, without_prefix(text))
    return None


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
