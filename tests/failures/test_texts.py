"""Every text that Java's engine and BouncyCastle's can throw: found, and named where the name matters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import logscan
from logscan._failures import catalog
from logscan._failures.catalog import NEEDLES, name_failure
from logscan._failures.meanings import meanings
from logscan.values import FailedHandshake
from support.command import DATA
from support.lines import HEAD, channel, info, thrown

CLIENT, BACKEND, PROTOCOL, CUT = (
    "client-certificate",
    "backend-certificate",
    "protocol-cipher",
    "connection-cut",
)
UNNAMED = 101
"""Texts of the engine without a name of their own: faults within Java, of keys in memory, of resumption."""


def _texts() -> list[str]:
    """What a port of the current engine throws, each once, with ``X`` for what it fills in."""
    lines = (DATA / "jsse/messages.tsv").read_text().splitlines()
    return sorted({line.split("\t")[1] for line in lines if not line.startswith("#")})


TEXTS = _texts()


def read(tmp_path: Path, text: str, alerts: str = "all") -> list[FailedHandshake]:
    """What a report finds in a log."""
    (tmp_path / "system.log").write_text(text)
    return list(logscan.report(tmp_path / "system.log", alert=alerts, each=True).failures)


def filled(text: str) -> str:
    """A text as Java prints it."""
    return re.sub(r"\bX\b", "12", re.sub(r"\AX(?=[A-Z])|(?<=[a-z)])X\Z", "", text))


def test_each_text_is_found_with_a_line_and_alone(tmp_path: Path) -> None:
    """As the reason of ``handshakeFailed()``, and as an exception of any class alone."""
    kinds = ("SSLException", "SSLHandshakeException", "SSLProtocolException")
    with_a_line = [channel(filled(text), m=f"m-{at}") for at, text in enumerate(TEXTS)]
    alone = [
        thrown(f"javax.net.ssl.{kinds[at % 3]}: {filled(text)}", m=f"m-{at}") for at, text in enumerate(TEXTS)
    ]
    for lines in (with_a_line, alone):
        found = {failure.message_id: failure.alert for failure in read(tmp_path, "".join(lines))}
        assert len(found) == len(TEXTS)
        for at, text in enumerate(TEXTS):
            naming = name_failure([f"javax.net.ssl.SSLException: {filled(text)}"])
            expected = naming.name if naming else catalog.OTHER_SSL
            assert found[f"m-{at}"] == expected, text


def test_few_texts_are_without_a_name() -> None:
    """Their number does not grow."""
    assert (
        sum(name_failure([f"javax.net.ssl.SSLException: {filled(text)}"]) is None for text in TEXTS)
        <= UNNAMED
    )


NAMED = [
    ("The size of the handshake message (37334) exceeds the maximum allowed size (32768)", "ca_list_too_long", CLIENT),
    ("java.lang.RuntimeException: Field length overflow, the field length (72207) should be less than 65536",
     "ca_list_too_long", CLIENT),
    ("The certificate chain length (11) exceeds the maximum allowed length (10)", "server_chain_too_long", BACKEND),
    ("The distinguished names of the peer's certificate authorities could not be parsed",
     "certificate_request_unreadable", CLIENT),
    ("No available signature_algorithms extension for client certificate authentication", "client_key_cannot_sign",
     CLIENT),
    ("No supported signature algorithm", "client_key_cannot_sign", CLIENT),
    ("No supported CertificateVerify signature algorithm for RSA  key", "client_key_cannot_sign", CLIENT),
    ("Cannot produce CertificateVerify signature", "client_key_cannot_sign", CLIENT),
    ("Failed to produce client Certificate message", "client_key_cannot_sign", CLIENT),
    ("No X509 credentials negotiated for CertificateVerify", "client_key_cannot_sign", CLIENT),
    ("Unsafe renegotiation is not allowed", "renegotiation_refused", CLIENT),
    ("insecure renegotiation is not allowed", "renegotiation_refused", CLIENT),
    ("Failed to negotiate the use of secure renegotiation", "renegotiation_refused", CLIENT),
    ("Unexpected post-handshake message: certificate_request", "renegotiation_refused", CLIENT),
    ("Received fatal alert: no_renegotiation", "no_renegotiation", CLIENT),
    ("Insufficient buffer remaining for AEAD cipher fragment (2). Needs to be more than tag size (16)",
     "alert_unreadable", CUT),
    ("Insufficient buffer remaining for AEAD cipher fragment (9). Needs to be more than tag size (16)",
     "record_corrupt", "other"),
    ("Unknown alert description (116)", "certificate_required", CLIENT),
    ("(unexpected_message) Unknown alert description (121)", "alert_121", "other"),
    ("Unknown alert description (-6)", "alert_250", "other"),
    ("No appropriate cipher suite", "no_appropriate_protocol", PROTOCOL),
    ("Extended Master Secret extension is required", "extended_master_secret_refused", PROTOCOL),
    ("Unknown named group ID: 4588", "no_common_group", PROTOCOL),
    ("A potential protocol version downgrade attack", "protocol_downgraded", PROTOCOL),
    ("Invalid Padding length: 5", "record_corrupt", "other"),
    ("Trust anchor for certification path not found.", "untrusted_certificate", BACKEND),
    ("End user tried to act as a CA", "not_a_certificate_authority", BACKEND),
    ("PKIX path validation failed: java.security.cert.CertPathValidatorException: basic constraints check failed:"
     " this is not a CA certificate", "not_a_certificate_authority", BACKEND),
    ("Failed to parse server certificates", "server_certificate_unreadable", BACKEND),
    ("Failed to parse client certificates", "client_certificate_unreadable", CLIENT),
    ("Empty server certificate chain", "no_server_certificate", BACKEND),
    ("empty certificate chain", "no_server_certificate", BACKEND),
    ("server certificate change is restricted during renegotiation", "server_certificate_changed", BACKEND),
    ("Invalid CertificateVerify signature", "handshake_signature_invalid", BACKEND),
    ("Invalid server_name extension: insufficient data", "peer_message_invalid", "other"),
    # The alert that newer Java prints in front says what is meant by words that nobody knows.
    ("(certificate_unknown) words of a later Java", "path_validation_failed", BACKEND),
    ("(protocol_version) words of a later Java", "protocol_not_accepted", PROTOCOL),
    ("(internal_error) words of a later Java", "other_tls_failure", "other"),
    ("org.bouncycastle.tls.TlsFatalAlertReceived: bad_certificate(42)", "bad_certificate", CLIENT),
    ("org.bouncycastle.tls.TlsFatalAlertReceived: UNKNOWN(116)", "certificate_required", CLIENT),
    ("org.bouncycastle.tls.TlsFatalAlertReceived: UNKNOWN(200)", "alert_200", "other"),
    ("org.bouncycastle.tls.TlsFatalAlert: certificate_unknown(46)", "path_validation_failed", BACKEND),
    ("org.bouncycastle.tls.TlsFatalAlert: unknown_ca(48); no anchor", "untrusted_certificate", BACKEND),
    ("org.bouncycastle.tls.TlsFatalAlert: internal_error(80)", "other_tls_failure", "other"),
    ("error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure", "handshake_failure", PROTOCOL),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "family"), NAMED)
def test_texts_with_a_cause_have_a_name(text: str, name: str, family: str, tmp_path: Path) -> None:
    """In an opening line, and as an exception alone, wrapped in one of ``javax.net.ssl`` or its own."""
    own = f"javax.net.ssl.SSLException: {text}"
    for lines in (channel(text) + info("K@1", "a"), channel(text) + thrown(own), thrown(own)):
        (failure,) = read(tmp_path, lines)
        assert failure.alert == name
        assert family in failure.families
        assert failure.families[0] == family or name == "handshake_failure"
    received = "eceived" in text or "Unknown alert" in text or "sslv3 alert" in text
    unknown = name == catalog.OTHER_SSL
    assert failure.refused_by == (
        "unknown" if unknown else "peer" if received or name == "alert_unreadable" else "us"
    )


@pytest.mark.parametrize("package", ["org.bouncycastle.tls", "org.bouncycastle.crypto.tls"])
@pytest.mark.parametrize("alert", ["bad_certificate(42)", "handshake_failure(40)", "unknown_ca(48)"])
@pytest.mark.parametrize("kind", ["TlsFatalAlertReceived", "TlsFatalAlert"])
def test_bouncycastle_alone(package: str, alert: str, kind: str, tmp_path: Path) -> None:
    """With and without a stack trace, on a line of its own or behind the text; received and raised differ."""
    said = f"{package}.{kind}: {alert}"
    head = HEAD.format(s=1, ms=0, m="m-1", t="NIOThread@0")
    flat = f"{head}ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() : {said}\n"
    for lines in (
        thrown(said),
        thrown(said).partition("\tat ")[0],
        flat,
        thrown(f"java.io.IOException: {said}"),
    ):
        (failure,) = read(tmp_path, lines)
        assert (failure.alert == alert.partition("(")[0]) == (kind == "TlsFatalAlertReceived")
        assert failure.exception is not None


def test_the_side_decides_who_sent_no_certificate(tmp_path: Path) -> None:
    """An older server says "server", too; southbound it is the backend's certificate that is missing."""
    text = "javax.net.ssl.SSLHandshakeException: Empty server certificate chain"
    (south,) = read(tmp_path, thrown(text))
    north_line = thrown(text).replace(
        "RequestWriteListener.onException() :", "HTTPServer$Context.onInputException() :"
    )
    (north,) = read(tmp_path, north_line)
    assert (south.alert, south.side, south.families) == ("no_server_certificate", "southbound", (BACKEND,))
    assert (north.alert, north.side, north.families) == (
        "no_client_certificate_received", "northbound", (CLIENT,),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "java.lang.RuntimeException: Broken pipe of the message: Invalid json message, insufficient data",
        "java.lang.IllegalStateException: PKIX is a word; Unexpected content",
    ],
)
def test_words_that_others_use_show_no_tls(text: str, tmp_path: Path) -> None:
    """They name a failure only where something else shows TLS."""
    assert read(tmp_path, thrown(text)) == []


ROTATION = (
    "2026-11-23 00:00:01,000  Apigee-Timer-7 WARN  ADAPTORS.HTTP.FLOW - LBServer.incrementFailureCount() : Max failure"
    " count(10) reached for server : mocktarget2{Environment=acme__prod,Application=mock__target__12,Target=default}\n"
)


def test_a_target_out_of_rotation(tmp_path: Path) -> None:
    """A neighbour: found when asked for, with the place that the text names, since the header has none."""
    no_targets = thrown("com.apigee.E: messaging.adaptors.http.flow.NoActiveTargets", ms=2).replace(
        "com.apigee.E", "a.SomeException"
    )
    assert read(tmp_path, ROTATION + no_targets) == []
    out, refused = read(tmp_path, ROTATION + no_targets, "target_out_of_rotation")
    assert (out.org, out.env, out.proxy, out.revision) == ("acme", "prod", "mock__target", "12")
    assert out.reason.startswith("Max failure count(10) reached for server : mocktarget2")
    assert (refused.org, refused.proxy, refused.family) == ("o", "a", "not-tls")
    report = logscan.report(tmp_path / "system.log", alert="target_out_of_rotation", proxy="mock__target")
    assert [incident.failed_handshakes for incident in report.incidents] == [1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("java.security.UnrecoverableKeyException: Cannot recover key", "keystore_unusable"),
        ("java.security.KeyStoreException: Get Key failed: bad padding", "keystore_unusable"),
        ("java.lang.IllegalArgumentException: Private key must be accompanied by certificate chain", "keystore_unusable"),
        ("java.io.IOException: 400 The SSL certificate error", "certificate_refused_by_http"),
    ],
)  # fmt: skip
def test_neighbours(text: str, name: str, tmp_path: Path) -> None:
    """Found by their own needles, and only when asked for."""
    assert not any(needle in text.encode() for needle in NEEDLES)
    assert read(tmp_path, thrown(text)) == []
    (failure,) = read(tmp_path, thrown(text), name)
    assert (failure.alert, failure.family) == (name, "not-tls")


def test_each_name_has_a_meaning_and_stands_in_the_documentation() -> None:
    """What ``logscan alerts`` prints, and docs/tls-failures.md."""
    page = (Path(__file__).parents[2] / "docs/tls-failures.md").read_text()
    for row in meanings():
        assert row.text.endswith("."), row.name
        assert row.number is not None or f"`{row.name}`" in page, row.name
