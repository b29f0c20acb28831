"""What each name of the catalogue means, in one sentence for people."""

from __future__ import annotations

from typing import NamedTuple

from logscan._failures import catalog

FAMILIES: dict[str, str] = {
    catalog.CLIENT_CERTIFICATE: "The client certificate was refused, or missing where one was demanded.",
    catalog.BACKEND_CERTIFICATE: "The Message Processor refused the backend's certificate.",
    catalog.PROTOCOL: "The two ends have no common protocol version, cipher or extension.",
    catalog.CONNECTION_CUT: "The connection ended without an alert.",
    catalog.TIMEOUT: "The other end did not answer in time.",
    catalog.OTHER: "Other faults of TLS.",
    catalog.NOT_TLS: "Faults that are not TLS. They are searched only if they are named.",
}
"""Family → what it means."""

_TEXTS: dict[str, str] = {
    "close_notify": "The other end closed the connection during the handshake, without an error.",
    "unexpected_message": "A message came that is not allowed at this point of the handshake.",
    "bad_record_mac": "A record was changed on its way, or the two ends use different keys.",
    "decryption_failed": "A record could not be decrypted (obsolete).",
    "record_overflow": "A record is longer than TLS allows.",
    "decompression_failure": "A compressed record could not be unpacked (obsolete).",
    "handshake_failure": "The other end accepts nothing of what it was offered.",
    "no_certificate": "No certificate was sent (SSL 3 only).",
    "bad_certificate": "The certificate is missing or damaged, or its signature is wrong.",
    "unsupported_certificate": "The type of the certificate or of its key is not accepted.",
    "certificate_revoked": "The authority has revoked the certificate.",
    "certificate_expired": "The certificate has expired, or is not valid yet.",
    "certificate_unknown": "The certificate was not accepted; the reason has no alert of its own.",
    "illegal_parameter": "A value of the handshake is out of range, or contradicts another.",
    "unknown_ca": "The authority that issued the certificate is not trusted.",
    "access_denied": "The certificate is valid, but its owner is not allowed to connect.",
    "decode_error": "A message could not be read: a length or a value in it is wrong.",
    "decrypt_error": "A signature of the handshake could not be verified.",
    "export_restriction": "The handshake breaks the export rules of the 1990s (obsolete).",
    "protocol_version": "The other end does not support the TLS version that it was offered.",
    "insufficient_security": "The other end demands stronger ciphers than it was offered.",
    "internal_error": "The other end failed for a reason of its own.",
    "inappropriate_fallback": "The client tried again with a lower TLS version than both ends support.",
    "user_canceled": "The other end cancelled the handshake.",
    "no_renegotiation": "The other end refused a new handshake on the same connection.",
    "missing_extension": "An extension that TLS 1.3 requires is missing.",
    "unsupported_extension": "An extension came that was not offered.",
    "certificate_unobtainable": "The certificate could not be fetched from the address that was sent.",
    "unrecognized_name": "The other end does not know the host name that it was sent (SNI).",
    "bad_certificate_status_response": "The OCSP answer that came with the certificate is not valid.",
    "bad_certificate_hash_value": "The certificate does not have the hash that was sent for it.",
    "unknown_psk_identity": "The other end does not know the shared key that it was offered.",
    "certificate_required": "A client certificate is required, and none was sent (TLS 1.3).",
    "no_application_protocol": "The two ends have no common application protocol (ALPN).",
    "certificate_past_validity": "The backend's certificate has expired.",
    "certificate_not_yet_valid": "The backend's certificate is not valid yet.",
    "hostname_mismatch": "The backend's certificate is for another host name.",
    "wrong_extended_key_usage": "The backend's certificate is not made for servers.",
    "certificate_revoked_locally": "The backend's certificate is revoked, or that could not be checked.",
    "weak_algorithm": "A key or signature of the backend's chain is too weak for Java.",
    "signature_invalid": "A signature in the backend's chain is wrong.",
    "empty_truststore": "The truststore contains no certificate.",
    "untrusted_certificate": "The truststore has no authority that leads to the backend's certificate.",
    "path_validation_failed": "The backend's chain breaks a rule; the column reason has Java's text.",
    "not_a_certificate_authority": "A certificate of the backend's chain issued another and is no authority.",
    "server_chain_too_long": "The backend sent more certificates than Java takes.",
    "server_certificate_unreadable": "Java cannot read a certificate of the backend.",
    "server_certificate_changed": "The backend showed another certificate in a second handshake.",
    "no_server_certificate": "The backend sent no certificate.",
    "handshake_signature_invalid": "The backend's signature of the handshake does not fit its certificate.",
    "peer_not_authenticated": "There was no certificate of the backend to check; an earlier entry says why.",
    "client_certificate_unreadable": "The Message Processor was the server and cannot read the certificate.",
    "ca_list_too_long": "The backend's list of accepted authorities is too long for Java.",
    "certificate_request_unreadable": "Java cannot read the backend's request for a client certificate.",
    "client_key_cannot_sign": "The key of the client certificate cannot sign as the backend asks.",
    "renegotiation_refused": "A certificate was asked for late, in a second handshake, and Java refused it.",
    "alert_unreadable": "The other end sent an alert that TLS 1.3 could not read: its reason is lost.",
    "no_client_certificate_received": "The Message Processor was the server and got no client certificate.",
    "no_appropriate_protocol": "No configured protocol or cipher is enabled in this Java.",
    "no_cipher_suites_in_common": "The two ends have no common cipher.",
    "no_authentication_scheme": "The two ends have no common signature algorithm.",
    "protocol_downgraded": "Something between the two ends lowered the TLS version.",
    "cipher_not_accepted": "The other end chose a cipher that was not offered, or not for this TLS version.",
    "extended_master_secret_refused": "One end demands the extended master secret, the other lacks it.",
    "no_common_group": "The two ends have no common group for the key exchange.",
    "alpn_not_accepted": "The other end chose an application protocol (ALPN) that was not offered.",
    "protocol_not_accepted": "The other end chose a TLS version that is not enabled here.",
    "weak_dh_key": "The Diffie-Hellman key of the other end is one that Java cannot use.",
    "server_name_not_recognized": "The Message Processor does not know the host name that it was sent (SNI).",
    "not_tls_on_this_port": "The other end does not speak TLS on this port.",
    "record_corrupt": "A record could not be decrypted here, or the handshake was changed on its way.",
    "peer_message_invalid": "A message of the other end, or its place, breaks the rules of TLS.",
    "closed_in_handshake": "The other end closed the connection during the handshake.",
    "broken_pipe": "The other end closed the connection while the Message Processor was writing.",
    "connection_reset": "The other end, or a firewall, reset the connection.",
    "handshake_timeout": "The other end did not finish the handshake in time.",
    "ssl_engine_problem": "Java 8 says no more; the innermost 'Caused by' of the entry does.",
    "eof_unexpected": "The other end closed the connection before its answer was complete.",
    "connection_refused": "Nothing listens at the address, or a firewall refuses.",
    "connect_timeout": "The connection was not accepted in time.",
    "io_timeout": "The backend did not answer in time.",
    "unknown_host": "The host name could not be resolved.",
    "keystore_unusable": "A key cannot be read from its keystore, or its chain is missing.",
    "target_out_of_rotation": "The load balancer of the target took a server out after its failures.",
    "certificate_refused_by_http": "TLS was accepted; nginx answered 400 because of the client certificate.",
    "keystore_conflict": "Two entries of a keystore have the same alias.",
    catalog.OTHER_SSL: "A TLS failure with an unknown text, which the column reason has.",
}


class Meaning(NamedTuple):
    """A name that ``--alert`` takes.

    Attributes:
        name: as ``--alert`` takes it.
        number: of the alert; ``None`` for what Java says in words.
        families: that it may belong to, likeliest first.
        text: one sentence.
    """

    name: str
    number: int | None
    families: tuple[str, ...]
    text: str


def meanings() -> list[Meaning]:
    """Every name of the catalogue: by likeliest family, alerts by number, then what Java says in words."""
    names: dict[str, tuple[int | None, tuple[str, ...]]] = {
        name: (alert.number, alert.families) for name, alert in catalog.ALERTS.items()
    }
    for reason in (*catalog.REASONS, *catalog.NEIGHBOURS):
        number, families = names.get(reason.name, (None, ()))
        names[reason.name] = number, tuple(dict.fromkeys((*families, *reason.families)))
    names[catalog.OTHER_SSL] = None, (catalog.OTHER,)
    rows = [Meaning(name, *facts, _TEXTS.get(name, "")) for name, facts in names.items()]
    return sorted(rows, key=lambda row: (catalog.FAMILIES.index(row.families[0]), row.number is None))
