"""Reasons: what Java says in words where no alert was received, each with a name and its families.

Data only; :mod:`logscan._failures.catalog` reads it. Sources: texts measured on JDK 17 and 25, read in the
sources of 8, all texts of a port of the current engine (tests/data/jsse/messages.tsv), and BouncyCastle's.
"""

from __future__ import annotations

from typing import NamedTuple

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
        r"|No name matching .{0,300}? found|Certificate for <[^>\n]{0,300}+> doesn't match"
        r"|SSL peer failed hostname validation",
    ),
    Reason(
        "wrong_extended_key_usage", (BACKEND_CERTIFICATE,), US,
        r"Extended key usage does not permit|KeyUsage does not allow",
    ),
    Reason(
        "certificate_revoked_locally", (BACKEND_CERTIFICATE,), US,
        r"CertificateRevokedException|Certificate has been revoked|revocation"
        r"|certificate status response|(?i:OCSP (?:status )?response)|Unsupported StatusResponseType",
    ),
    Reason(
        "weak_algorithm", (BACKEND_CERTIFICATE,), US,
        r"Algorithm constraints check failed|does not conform to algorithm constraints"
        r"|[Cc]ertificates do not conform",
    ),
    Reason(
        "not_a_certificate_authority", (BACKEND_CERTIFICATE,), US,
        r"End user tried to act as a CA|not a CA certificate|CA key usage check failed"
        r"|Violated path length constraints|path ?[lL]en(?:gth )?[cC]onstraint violated"
        r"|Wrong key usage: expected keyCertSign",
    ),
    Reason("signature_invalid", (BACKEND_CERTIFICATE,), US, r"signature check failed"),
    Reason(
        "empty_truststore", (BACKEND_CERTIFICATE,), US,
        r"trustAnchors parameter must be non-empty",
    ),
    Reason(
        "untrusted_certificate", (BACKEND_CERTIFICATE,), US,
        r"unable to find valid certification path|PKIX path building failed"
        r"|Path does not chain with any of the trust anchors|No trusted certificate found"
        r"|Trust anchor for certification path not found|Unable to construct a valid chain"
        r"|No issuer certificate for certificate in certification path",
    ),
    Reason(
        "path_validation_failed", (BACKEND_CERTIFICATE,), US,
        r"PKIX path validation failed|validity check failed",
    ),
    Reason(
        "server_chain_too_long", (BACKEND_CERTIFICATE,), US,
        r"certificate chain length \([^)\n]{0,300}+\) exceeds the maximum",
    ),
    Reason(
        "server_certificate_unreadable", (BACKEND_CERTIFICATE,), US,
        r"Failed to parse server certificates|Invalid Certificate message"
        r"|Error parsing certificate message|Could not parse certificate",
    ),
    Reason(
        "server_certificate_changed", (BACKEND_CERTIFICATE,), US,
        r"server certificate change is restricted",
    ),
    Reason(
        "no_client_certificate_received", (CLIENT_CERTIFICATE,), US,
        r"Empty client certificate chain|null cert chain|peer did not return a certificate"
        r"|NO_CERTIFICATE alert received",
    ),
    Reason(
        # A client says it. Until JDK-8325022 servers did, too: see NORTHBOUND.
        "no_server_certificate", (BACKEND_CERTIFICATE,), US,
        r"(?:Empty server|\bempty) certificate chain",
    ),
    Reason(
        "client_certificate_unreadable", (CLIENT_CERTIFICATE,), US,
        r"Failed to parse client certificates",
    ),
    Reason(
        "ca_list_too_long", (CLIENT_CERTIFICATE,), US,
        r"size of the handshake message \([^)\n]{0,300}+\) exceeds the maximum|Field length overflow",
    ),
    Reason(
        "certificate_request_unreadable", (CLIENT_CERTIFICATE,), US,
        r"distinguished names of the peer's certificate authorities could not be parsed"
        r"|Invalid certificate_authorities extension|(?:Incorrect|Invalid) CertificateRequest "
        r"|No signature algorithms specified for CertificateRequest"
        r"|extension in the received CertificateRequest",
    ),
    Reason(
        "client_key_cannot_sign", (CLIENT_CERTIFICATE,), US,
        r"signature_algorithms extension for client certificate authentication"
        r"|No supported (?:CertificateVerify )?signature algorithm|Cannot produce CertificateVerify signature"
        r"|Failed to produce client Certificate message"
        r"|No X\.?509 credentials negotiated for CertificateVerify",
    ),
    Reason(
        "handshake_signature_invalid", (BACKEND_CERTIFICATE, OTHER), US,
        r"Cannot verify [^\n]{1,60}? signature"
        r"|Invalid CertificateVerify (?:signature|message: invalid signature)"
        r"|Invalid \w{1,20}+ ServerKeyExchange signature|Invalid signature o[fn] \w{1,20}+ ServerKeyExchange",
    ),
    Reason(
        "renegotiation_refused", (CLIENT_CERTIFICATE, PROTOCOL), US,
        r"renegotiation is not allowed|secure renegotiation|unexpected renegotiation|renegotiation_info"
        # TLS 1.3 asks late by a message after the handshake, which Java does not know.
        r"|post-handshake message: (?i:certificate_?request)",
    ),
    Reason(
        "alert_unreadable", (CONNECTION_CUT, CLIENT_CERTIFICATE), PEER,
        r"Insufficient buffer remaining for AEAD cipher fragment \(2\)",
    ),
    Reason(
        "no_appropriate_protocol", (PROTOCOL,), US,
        r"No appropriate (?:protocol|cipher suite)|No usable protocol|No negotiable cipher suite",
    ),
    Reason("no_cipher_suites_in_common", (PROTOCOL,), US, r"no cipher suites in common"),
    Reason(
        "no_authentication_scheme", (PROTOCOL,), US,
        r"No available authentication scheme|No preferred signature algorithm"
        r"|certificate for server authentication|Failed to produce server Certificate message"
        r"|(?:Invalid|Unsupported) signature algorithm",
    ),
    Reason(
        "protocol_downgraded", (PROTOCOL,), US,
        r"potential protocol version downgrade|Inappropriate protocol fallback",
    ),
    Reason(
        "protocol_not_accepted", (PROTOCOL,), US,
        r"Server chose \S{1,300}, but that protocol version is not enabled"
        r"|server selected protocol version \S{1,300}+ is not accepted"
        r"|Client requested protocol \S{1,300}+ (?:is )?not (?:enabled|supported)"
        r"|client supported protocol versions .{0,300}? are not accepted"
        r"|Unsupported protocol version|legacy_version (?:field )?is not|resumed with wrong protocol version"
        r"|SSLv2Hello is not enabled",
    ),
    Reason(
        "cipher_not_accepted", (PROTOCOL,), US,
        r"selected improper ciphersuite|does not support the server cipher suite|Illegal cipher suite \("
        r"|returned wrong cipher suite",
    ),
    Reason(
        "extended_master_secret_refused", (PROTOCOL,), US,
        r"(?i:Extended Master Secret extension)|extended_master_secret extension",
    ),
    Reason(
        "no_common_group", (PROTOCOL,), US,
        r"(?:Unknown|Unsupported|improper|No common|Cannot decode|public point for) named (?:group|param)"
        r"|HelloRetryRequest selected group|No key exchange for named group"
        r"|No (?:key_share|supported_groups) |key agreement parameters negotiated"
        r"|Unsupported (?:ECCurveType|EC server cert)|does not support uncompressed points",
    ),
    Reason(
        "weak_dh_key", (PROTOCOL,), US,
        r"Could not generate (?:DH keypair|\w{2,3}PublicKey)|Prime size must be multiple of 64"
        r"|does not comply (?:to|with) algorithm constraints|DH (?:ServerKeyExchange|key)",
    ),
    Reason(
        "alpn_not_accepted", (PROTOCOL,), US,
        r"[Aa]pplication (?:layer )?protocol (?:names? |values|is allowed)"
        r"|application_layer_protocol_negotiation|configured application protocols",
    ),
    Reason("server_name_not_recognized", (OTHER,), US, r"Unrecognized server name indication"),
    Reason(
        "not_tls_on_this_port", (OTHER,), US,
        r"plaintext connection\?|Unsupported or unrecognized SSL message|Unknown handshake type"
        r"|Unsupported record version|Unsupported SSL v2|Unknown content type|Illegal packet size",
    ),
    Reason(
        "record_corrupt", (OTHER,), US,
        r"Tag mismatch|bad record MAC|Insufficient buffer remaining for AEAD|Invalid Padding length"
        r"|[Ii]nput record (?:size|too big)|Finished message cannot be verified",
    ),
    Reason(
        "closed_in_handshake", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN,
        r"(?i:closing inbound before receiving peer's close_notify"
        r"|inbound closed before receiving peer's close_notify)"
        r"|Remote host (?:closed connection during|terminated the) handshake"
        r"|Remote host terminated the connection|No close_notify alert received before connection closed"
        r"|Received close_notify during handshake|Received fatal close_notify alert"
        r"|SSL peer shut down incorrectly",
    ),
    Reason("broken_pipe", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN, r"Broken pipe"),
    Reason(
        "connection_reset", (CONNECTION_CUT, CLIENT_CERTIFICATE), UNKNOWN,
        r"Connection reset|forcibly closed by the remote host",
    ),
    Reason("handshake_timeout", (TIMEOUT,), NOBODY, r"handshake timeout"),
    Reason(
        "peer_message_invalid", (OTHER,), US,
        r"(?:[Ii]nsufficient|[Nn]o sufficient|incomplete|extra) (?:\w{1,20} ){0,2}?(?:data|extensions|body)"
        r"|(?:Unexpected|Invalid|Incorrect|Malformed|Unsupported|Illegal|Inappropriate|Duplicated)"
        r" [\w.\- ]{0,60}?(?:extension|message|content|ClientHello|finished|server name)"
        r"|Error parsing |(?:zero-length|zero length|not empty|must be empty)\b|No more [a-z]{0,10} ?message"
        r"|not be presented in|Missing ChangeCipherSpec|before handshake complete|unrecognized cookie",
    ),
    Reason("peer_not_authenticated", (BACKEND_CERTIFICATE, OTHER), UNKNOWN, r"peer not authenticated"),
    Reason("ssl_engine_problem", (BACKEND_CERTIFICATE, OTHER), US, r"General SSLEngine problem"),
)  # fmt: skip

RAISED = {
    "bad_certificate": "path_validation_failed",
    "unsupported_certificate": "path_validation_failed",
    "certificate_unknown": "path_validation_failed",
    "certificate_revoked": "certificate_revoked_locally",
    "bad_certificate_status_response": "certificate_revoked_locally",
    "certificate_expired": "certificate_past_validity",
    "unknown_ca": "untrusted_certificate",
    "certificate_required": "no_client_certificate_received",
    "decrypt_error": "handshake_signature_invalid",
    "bad_record_mac": "record_corrupt",
    "record_overflow": "record_corrupt",
    "protocol_version": "protocol_not_accepted",
    "inappropriate_fallback": "protocol_downgraded",
    "no_application_protocol": "alpn_not_accepted",
    "unrecognized_name": "server_name_not_recognized",
    **dict.fromkeys(
        (
            "unexpected_message",
            "illegal_parameter",
            "decode_error",
            "missing_extension",
            "unsupported_extension",
        ),
        "peer_message_invalid",
    ),
}
"""Alert that this Java raised → the reason that it gives, where no words do. Others have several."""

NORTHBOUND = {
    "no_server_certificate": "no_client_certificate_received",
    "client_key_cannot_sign": "no_authentication_scheme",
}
"""Reason whose words mean another one when the Message Processor is the server."""

OF_TLS_ONLY = frozenset((
    "broken_pipe", "connection_reset", "handshake_timeout", "ca_list_too_long", "no_server_certificate",
    "alpn_not_accepted", "peer_message_invalid",
))  # fmt: skip
"""Reasons whose words others use, too: a TLS failure only where something else shows TLS."""

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
    Reason(
        "keystore_unusable", (NOT_TLS,), US,
        r"Get Key failed|Cannot recover key|UnrecoverableKeyException"
        r"|must be accompanied by certificate chain|Keystore was tampered with",
    ),
    Reason(
        "target_out_of_rotation", (NOT_TLS,), US,
        r"Max failure count\(|\bNoActiveTargets\b",
    ),
    Reason(
        "certificate_refused_by_http", (NOT_TLS, CLIENT_CERTIFICATE), PEER,
        r"The SSL certificate error|[Nn]o required SSL certificate|client SSL certificate verify error",
    ),
    Reason("broken_pipe", (NOT_TLS, CONNECTION_CUT), UNKNOWN, r"Broken pipe"),
    Reason("connection_reset", (NOT_TLS, CONNECTION_CUT), UNKNOWN, r"Connection reset"),
)  # fmt: skip
"""Faults of the connection that are no failed handshake but are asked for by the same people."""
