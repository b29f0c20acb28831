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
    "no_server_certificate": "the backend sent no certificate: look at its TLS settings"
    " (openssl s_client -connect {target})",
    "server_chain_too_long": "the backend sends more certificates than Java takes: have it send its own and"
    " the intermediates only, or raise jdk.tls.maxCertificateChainLength",
    "server_certificate_unreadable": "Java cannot read the backend's certificate: look at it"
    " (openssl s_client -connect {target} -showcerts)",
    "server_certificate_changed": "the backend showed another certificate in a second handshake: have all"
    " its nodes use one",
    "not_a_certificate_authority": "a certificate that issued another one is no CA: have the backend's chain"
    " corrected (openssl s_client -connect {target} -showcerts)",
    "handshake_signature_invalid": "the backend's key does not match its certificate, or something between"
    " changed the handshake",
    "protocol_downgraded": "something between lowered the TLS version: look for a proxy before {target}",
    "cipher_not_accepted": "the backend chose a cipher that was not offered: compare the target's Ciphers",
    "extended_master_secret_refused": "one end demands the extended master secret (FIPS mode does), and the"
    " other does not have it: upgrade the older one",
    "no_common_group": "no common group for the key exchange: compare jdk.tls.namedGroups with the backend's",
    "alpn_not_accepted": "no common application protocol (ALPN): compare what both ends offer",
    "peer_message_invalid": "Java does not accept a message of the other end: look for a proxy before"
    " {target}; a capture shows the message",
    "alert_unreadable": "the backend's alert came in clear and TLS 1.3 cannot read it: a capture on {target}"
    " shows it",
    "keystore_unusable": "a key cannot be read from its keystore: upload it again, with its password and"
    " whole chain",
    "target_out_of_rotation": "the failures before it are the cause: logscan report --alert all",
    "certificate_refused_by_http": "nginx accepted TLS and answered 400: the client certificate is missing,"
    " expired, or not trusted there",
    "broken_pipe": "the other end closed while we were still writing: its alert may be lost; a capture"
    " shows it",
    "connection_reset": "the connection was reset: the other end's alert may be lost; a capture shows it",
}

_DECISIVE = {
    "ca_list_too_long": "the list of authorities that the backend accepts is longer than Java takes: have it"
    " shortened, or raise jdk.tls.maxHandshakeMessageSize",
    "certificate_request_unreadable": "Java cannot read the backend's request for a certificate: a capture"
    " on {target} shows it",
    "renegotiation_refused": "the backend asks for the certificate only after the request: have it ask in"
    " the first handshake",
    "no_renegotiation": "the backend refused a second handshake: have it ask for the certificate in the"
    " first one",
    "client_key_cannot_sign": "the key of the client certificate cannot sign as the backend asks: check its"
    " type and size",
}
"""What is the cause with and without a keystore."""


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
    if alert in _DECISIVE:
        return _DECISIVE[alert].format(target=where)
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
