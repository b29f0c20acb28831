"""Hints: what the log alone says of a failure's cause, and what to look at next.

The log never proves a cause, except that no keystore is configured. Facts: docs/tls-failures.md.
"""

from __future__ import annotations

import shlex

from logscan._failures import catalog

NO_KEYSTORE = "no keystore is configured for this target"
KEYSTORE_PRESENT = "a keystore is configured"

_NEXT_CLIENT = (
    "check that the alias exists there, has its private key, a complete chain and is still valid, and"
    " compare its issuers with the CA names that the backend accepts"
    " (openssl s_client -connect {target})"
)
_BY_ALERT = {
    "unknown_ca": "the backend does not trust the issuer of the certificate that was sent: send the"
    " full chain, or have its CA added there",
    "certificate_expired": "the client certificate has expired: renew it in a new keystore and point"
    " the reference to that",
    "certificate_unknown": "the backend could not validate the certificate that was sent: check its"
    " expiry, chain and extended key usage",
    "certificate_revoked": "the client certificate is revoked: ask its CA",
    "unsupported_certificate": "the kind of certificate is not accepted: check key type and size and"
    " extended key usage",
    "access_denied": "the certificate is valid but not allowed: have its subject registered",
    "decrypt_error": "the key does not match the certificate, or the backend does not know its CA",
    "protocol_version": "no common TLS version: compare the target's Protocols with the backend"
    " (openssl s_client -connect {target} -tls1_2)",
    "insufficient_security": "the backend wants stronger ciphers: compare the target's Ciphers",
    "unrecognized_name": "the backend does not know the host name sent in SNI: check the target's URL",
    "internal_error": "the backend failed by itself: look at its log",
}
_BY_CAUSE = {
    "untrusted_certificate": "the truststore lacks the CA of the backend, or the backend does not send"
    " its intermediate (openssl s_client -connect {target} -showcerts)",
    "certificate_past_validity": "the backend's certificate has expired: have it renewed",
    "certificate_not_yet_valid": "the backend's certificate is not valid yet: check this host's clock",
    "hostname_mismatch": "the backend's certificate names another host: check the target's URL",
    "wrong_extended_key_usage": "the backend's certificate is not made for servers: have it reissued",
    "weak_algorithm": "Java refuses the backend's key or signature as too weak: have it reissued",
    "empty_truststore": "the truststore holds no certificate: upload the backend's CA",
    "ssl_engine_problem": "Java 8 hides the reason: read the innermost 'Caused by' of the stack trace",
    "not_tls_on_this_port": "the other end does not speak TLS on {target}: check port and SSLInfo",
    "no_appropriate_protocol": "none of the target's Protocols is enabled in this Java",
    "handshake_timeout": "TCP is up but nobody answers: look for a firewall or allow-list before {target}",
    "closed_in_handshake": "the other end closed without an alert: capture on {target} to see after"
    " which message",
    "eof_unexpected": "the other end closed: compare keep-alive timeouts; or plain HTTP was sent to a TLS"
    " port",
    "connection_refused": "nothing listens on {target}, or a firewall refuses",
    "connect_timeout": "{target} does not answer at all: look for a firewall, or a wrong address",
    "io_timeout": "the backend did not answer in time: look at its load and log",
    "unknown_host": "the host name cannot be resolved: check the target's URL and DNS",
    "keystore_conflict": "a certificate alias clashes in a keystore, and its environment may not load: the"
    " entry names both",
    "broken_pipe": "the other end closed while we were still writing: its alert may be lost; a capture"
    " shows it",
    "connection_reset": "the connection was reset: the other end's alert may be lost; a capture shows it",
}


def hint_for(
    alert: str,
    family: str,
    keystore: str | None,
    target: str | None,
    *,
    families: tuple[str, ...] = (),
    side: str = "southbound",
) -> str:
    """One sentence of cause and next step.

    Args:
        alert: the failure's name.
        family: its likeliest family.
        keystore: the log's text of the keystore; ``None`` when it was not logged.
        target: the other end, for the commands that are proposed.
        families: all families it may belong to.
        side: northbound failures concern the Router, not a backend.
    """
    where = shlex.quote(target) if target else "BACKEND:PORT"  # the log says it: in a shell it is a name only
    if side == "northbound":
        return "between Router and Message Processor: compare their TLS settings and certificates"
    if keystore == "null" and catalog.CLIENT_CERTIFICATE in (family, *families):
        if family == catalog.CLIENT_CERTIFICATE:
            return (
                f"{NO_KEYSTORE}: set ClientAuthEnabled, KeyStore and KeyAlias in its SSLInfo,"
                " or find out why the reference resolves to nothing"
            )
        return f"{NO_KEYSTORE}: if {where} demands a client certificate, that is the cause; else " + _other(
            alert
        ).format(target=where)
    if alert in _BY_ALERT or alert in _BY_CAUSE:
        return (_BY_ALERT.get(alert) or _BY_CAUSE[alert]).format(target=where)
    if catalog.CLIENT_CERTIFICATE in (family, *families):
        if keystore is None:
            begin = "the log does not say whether a keystore is configured"
        else:
            begin = KEYSTORE_PRESENT
        text = f"{begin}: {_NEXT_CLIENT}"
        if family != catalog.CLIENT_CERTIFICATE or alert == "handshake_failure":
            text += "; or no common protocol or cipher"
        return text.format(target=where)
    return _other(alert).format(target=where)


def _other(alert: str) -> str:
    known = _BY_CAUSE.get(alert) or _BY_ALERT.get(alert)
    return known or "compare protocols, ciphers and SNI with {target} (openssl s_client)"
