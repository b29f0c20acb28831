"""Detection: every failure of the catalogue, in every wording, on real logs where there are any."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from logscan._failures import catalog
from logscan._failures import log_lines as lines
from logscan._failures.catalog import NEEDLES, NEIGHBOUR_NEEDLES, name_failure, name_neighbour
from logscan._failures.log_lines import _address
from logscan.values import FailedHandshake
from support.command import DATA
from support.lines import BAD, CHANNEL, HEAD, JAVA, channel, info, thrown
from support.reference import joined, member_of, split_entries


def failures(text: str | bytes, neighbours: bool = False) -> list[FailedHandshake]:
    data = text.encode() if isinstance(text, str) else text
    needles = NEEDLES + (NEIGHBOUR_NEEDLES if neighbours else ())
    spans = [span for span in split_entries(data)[0] if any(needle in span.data for needle in needles)]
    return joined(
        (member for span in spans if (member := member_of(span, neighbours))), neighbours=neighbours
    )


TRUTH: dict[str, Any] = json.loads((DATA / "client_logs/truth.json").read_text())
REFUSED = {name: about for name, about in TRUTH.items() if about["cause"] != "OK"}
FACES = {"EOF": "closed_in_handshake", "java.io.IOException: Broken pipe": "broken_pipe",
         "java.io.IOException: Connection reset by peer": "connection_reset"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_real_client_logs(name: str) -> None:
    """116 real refusals, each one failed handshake with the name that its client saw."""
    found = failures((DATA / f"client_logs/{name}.log").read_bytes())
    if name not in REFUSED:
        assert not found
        return
    (failure,) = found
    said = REFUSED[name]["java_log"].removesuffix(" (after hs)")
    assert failure.alert == FACES.get(said, said)
    after = REFUSED[name]["java_log"].endswith("(after hs)")
    assert (failure.channel is None) == after
    assert (failure.ssl_info is None) == after
    assert failure.exception is not None
    assert failure.exception.frames
    assert failure.message_id is not None
    if REFUSED[name]["cause"] != "SIGALG_MISMATCH" or failure.alert != "internal_error":
        assert catalog.CLIENT_CERTIFICATE in failure.families


def test_the_playbook_case() -> None:
    """Three wrapped entries, one failed handshake, all its details."""
    (failure,) = failures((DATA / "log/mp_ssl_bad_certificate_playbook.txt").read_bytes())
    assert failure.alert == "bad_certificate"
    assert failure.message_id == "message_id"
    assert (failure.org, failure.env, failure.proxy, failure.revision) == (
        "org-name", "env-name", "apiproxy-name", "revision-number",
    )  # fmt: skip
    assert failure.refused_by == "peer"
    assert failure.side == "southbound"
    assert failure.channel is not None
    assert failure.channel[:2] == ("SSLClientChannel", 65461)
    assert failure.channel[6:] == (1, 0, 0, 529, 529, None)
    assert failure.ssl_info == (
        "java.security.KeyStore@52de60d9", "KeyAlias", "java.security.KeyStore@6ec45759",
    )  # fmt: skip
    assert failure.exception is not None
    assert failure.exception.type == "javax.net.ssl.SSLException"
    assert failure.exception.frames[0] == "sun.security.ssl.Alerts.getSSLException(Alerts.java:208)"


def _scenarios() -> list[tuple[str, str, list[str]]]:
    """Every refusal that real JDKs threw: who says it, and the exception chain."""
    found = []
    for path in sorted((DATA / "jsse").glob("out_*.txt")):
        lines = path.read_text().splitlines()
        for at, line in enumerate(lines):
            match = re.match(r"\s+(CLIENT\(MP\)|SERVER\(backend\)): (.*?)\s+@ ", line)
            if match:
                chain = [match[2]]
                for following in lines[at + 1 :]:
                    cause = re.match(r"\s+Caused by: (.*?)\s+@ ", following)
                    if not cause:
                        break
                    chain.append(cause[1])
                found.append((path.stem, match[1], chain))
    return found


@pytest.mark.parametrize(("jdk", "who", "chain"), _scenarios())
def test_what_real_jdks_throw_is_named(jdk: str, who: str, chain: list[str]) -> None:
    """No exception of 44 measured scenarios on two JDKs is unknown to the catalogue."""
    naming = name_failure(chain)
    assert naming is not None, chain
    received = re.search(r"Received fatal alert: (\w+)", chain[0])
    if received:
        assert (naming.name, naming.refused_by) == (received[1], "peer")
    else:
        assert naming.refused_by in ("us", "unknown")
    text = (
        channel(chain[0].partition(": ")[2])
        + info()
        + thrown("\nCaused by: ".join(chain).replace("\nCaused by", "\n\tat x.Y(Z.java:1)\nCaused by"))
    )
    (failure,) = failures(text)
    assert failure.alert == naming.name
    assert failure.exception is not None
    assert list(failure.exception.causes) == chain[1:]


@pytest.mark.parametrize(
    ("text", "name", "family", "by"),
    [
        ("Received fatal alert: bad_certificate", "bad_certificate", "client-certificate", "peer"),
        ("(bad_certificate) Received fatal alert: bad_certificate", "bad_certificate", "client-certificate", "peer"),
        ("Received fatal alert: <UNKNOWN ALERT: 121>", "alert_121", "other", "peer"),
        ("Received fatal alert: Unknown alert description (116)", "certificate_required", "client-certificate", "peer"),
        ("handshake alert: unrecognized_name", "unrecognized_name", "other", "peer"),
        ("handshake alert:  unrecognized_name", "unrecognized_name", "other", "peer"),
        ("Received handshake warning: unrecognized_name", "unrecognized_name", "other", "peer"),
        ("PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find"
         " valid certification path to requested target", "untrusted_certificate", "backend-certificate", "us"),
        ("sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to"
         " requested target", "untrusted_certificate", "backend-certificate", "us"),
        ("PKIX path validation failed: java.security.cert.CertPathValidatorException: Path does not chain with any"
         " of the trust anchors", "untrusted_certificate", "backend-certificate", "us"),
        ("PKIX path validation failed: java.security.cert.CertPathValidatorException: signature check failed",
         "signature_invalid", "backend-certificate", "us"),
        ("PKIX path validation failed: java.security.cert.CertPathValidatorException: Could not determine revocation"
         " status", "certificate_revoked_locally", "backend-certificate", "us"),
        ("java.security.cert.CertificateException: Certificates do not conform to algorithm constraints",
         "weak_algorithm", "backend-certificate", "us"),
        ("No subject alternative names present", "hostname_mismatch", "backend-certificate", "us"),
        ("No name matching api.example.com found", "hostname_mismatch", "backend-certificate", "us"),
        ("Unexpected error: java.security.InvalidAlgorithmParameterException: the trustAnchors parameter must be"
         " non-empty", "empty_truststore", "backend-certificate", "us"),
        ("General SSLEngine problem", "ssl_engine_problem", "backend-certificate", "us"),
        ("null cert chain", "no_client_certificate_received", "client-certificate", "us"),
        ("Server chose TLSv1, but that protocol version is not enabled or not supported by the client.",
         "protocol_not_accepted", "protocol-cipher", "us"),
        ("The server selected protocol version TLS10 is not accepted by client preferences [TLS12]",
         "protocol_not_accepted", "protocol-cipher", "us"),
        ("Client requested protocol TLSv1 not enabled or not supported", "protocol_not_accepted",
         "protocol-cipher", "us"),
        ("Unsupported or unrecognized SSL message", "not_tls_on_this_port", "other", "us"),
        ("Unrecognized SSL message, plaintext connection?", "not_tls_on_this_port", "other", "us"),
        ("Unsupported record version Unknown-72.84", "not_tls_on_this_port", "other", "us"),
        ("Inbound closed before receiving peer's close_notify: possible truncation attack?", "closed_in_handshake",
         "connection-cut", "unknown"),
        ("Remote host closed connection during handshake", "closed_in_handshake", "connection-cut", "unknown"),
        ("Remote host terminated the handshake", "closed_in_handshake", "connection-cut", "unknown"),
        ("Received close_notify during handshake", "closed_in_handshake", "connection-cut", "unknown"),
        ("java.security.ProviderException: Could not generate DH keypair", "weak_dh_key", "protocol-cipher", "us"),
        ("(bad_record_mac) Tag mismatch", "record_corrupt", "other", "us"),
        ("Broken pipe", "broken_pipe", "connection-cut", "unknown"),
        ("Connection reset by peer", "connection_reset", "connection-cut", "unknown"),
        ("something never seen", "other_tls_failure", "other", "unknown"),
    ],
)  # fmt: skip
def test_wordings(text: str, name: str, family: str, by: str) -> None:
    """Rows of the catalogue that no real run could give here, and each generation's wording."""
    lines = channel(text) + info() + thrown(f"javax.net.ssl.SSLException: {text}")
    (failure,) = failures(lines)
    assert (failure.alert, failure.family, failure.refused_by) == (name, family, by)


@pytest.mark.parametrize("name", sorted(catalog.ALERTS))
@pytest.mark.parametrize("prefix", ["", "({}) "])
@pytest.mark.parametrize("kind", ["SSLException", "SSLHandshakeException"])
def test_every_alert_in_every_wording(name: str, prefix: str, kind: str) -> None:
    """The class says nothing; the prefix may be there or not; an alert has the same name always."""
    text = f"{prefix.format(name)}Received fatal alert: {name}"
    (both,) = failures(channel(text) + info() + thrown(f"javax.net.ssl.{kind}: {text}"))
    (alone,) = failures(thrown(f"javax.net.ssl.{kind}: {text}"))
    assert both.alert == alone.alert == name
    assert both.refused_by == alone.refused_by == "peer"
    assert both.reason == alone.reason == f"Received fatal alert: {name}"


def test_java_8_hides_the_reason_in_its_causes() -> None:
    """General SSLEngine problem, twice, and the truth at the bottom."""
    (failure,) = failures(
        channel("General SSLEngine problem") + info()
        + thrown(
            "javax.net.ssl.SSLHandshakeException: General SSLEngine problem\n\tat a.B(C.java:1)\n"
            "Caused by: javax.net.ssl.SSLHandshakeException: General SSLEngine problem\n"
            "Caused by: sun.security.validator.ValidatorException: PKIX path validation failed: x\n"
            "Caused by: java.security.cert.CertificateExpiredException: NotAfter: Thu Nov 20 00:41:37 UTC 2025"
        )
    )  # fmt: skip
    assert failure.alert == "certificate_past_validity"
    assert failure.reason.endswith("NotAfter: Thu Nov 20 00:41:37 UTC 2025")


def test_causes_of_suppressed_exceptions_are_not_the_cause() -> None:
    """Suppressed exceptions have chains of their own, set further in."""
    (failure,) = failures(
        thrown("javax.net.ssl.SSLHandshakeException: General SSLEngine problem\n"
               "\tSuppressed: javax.net.ssl.SSLHandshakeException: x\n"
               "\t\tat a.B(C.java:1)\n\tCaused by: java.io.IOException: not this")
    )  # fmt: skip
    assert failure.exception is not None
    assert failure.exception.causes == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("java.net.ConnectException: Connection refused", "connection_refused"),
        ("java.net.ConnectException: Connection timed out", "connect_timeout"),
        ("java.io.EOFException: eof unexpected", "eof_unexpected"),
        ("java.io.IOException: Broken pipe", "broken_pipe"),
        ("java.io.IOException: Connection reset by peer", "connection_reset"),
        (
            "java.net.UnknownHostException: Unable to resolve host : h: Name or service not known",
            "unknown_host",
        ),
        ("java.security.KeyStoreException: Cannot overwrite own certificate", "keystore_conflict"),
    ],
)
def test_neighbours_are_named_only_when_asked_for(text: str, name: str) -> None:
    """A fault next to TLS is no TLS failure."""
    lines = thrown(text)
    assert failures(lines) == []
    (failure,) = failures(lines, neighbours=True)
    assert (failure.alert, failure.family) == (name, "not-tls")
    naming = name_neighbour([text])
    assert naming is not None
    assert naming.name == name


def test_a_timeout_has_no_exception() -> None:
    """TCP is up, nobody answers."""
    (failure,) = failures((DATA / "log/mp_ssl_handshake_timeout_502.txt").read_bytes())
    assert (failure.alert, failure.family, failure.refused_by) == ("handshake_timeout", "timeout", "nobody")
    assert failure.channel is not None
    assert failure.channel.is_open is True
    assert failure.target == "X.X.X.X:443"


def test_a_retry_is_a_second_failed_handshake() -> None:
    """One message, two connections."""
    found = failures(
        channel(BAD) + info("K@1", "a") + thrown(JAVA)
        + channel(BAD, c=8, s=2) + info("K@1", "a", s=2) + thrown(JAVA, s=2, of="HTTPRequest@bb")
    )  # fmt: skip
    assert [failure.channel.id for failure in found if failure.channel] == [7, 8]
    assert all(failure.ssl_info and failure.exception for failure in found)


def test_a_callout_and_a_target_on_two_threads() -> None:
    """Their lines interleave; each keeps its own."""
    found = failures(
        channel(BAD) + channel("Received fatal alert: unknown_ca", t="NIOThread@1", c=9)
        + info("K@1", "one") + info("K@2", "two", t="NIOThread@1")
        + thrown("javax.net.ssl.SSLException: Received fatal alert: unknown_ca", t="NIOThread@1", of="HTTPRequest@c")
        + thrown(JAVA)
    )  # fmt: skip
    assert [
        (f.alert, f.ssl_info and f.ssl_info.key_alias, f.exception and f.exception.message) for f in found
    ] == [
        ("bad_certificate", "one", BAD),
        ("unknown_ca", "two", "Received fatal alert: unknown_ca"),
    ]


def test_an_exception_told_twice_is_one_failure() -> None:
    """Layers log the same exception on its way up."""
    again = thrown(JAVA, ms=2).replace("RequestWriteListener", "FlowListener")
    assert len(failures(channel(BAD) + info() + thrown(JAVA) + again)) == 1
    assert len(failures(thrown(JAVA) + again)) == 1


def test_two_tls_13_refusals_of_one_message_are_two() -> None:
    """Nothing but the exception is logged, and it names another response."""
    one = thrown(JAVA, of="HTTPResponse@1")
    assert len(failures(one + thrown(JAVA, ms=9, of="HTTPResponse@2"))) == 2


def test_prose_that_names_an_alert_is_no_failure() -> None:
    """Neither at INFO, nor as the echo of a failure that its message already has."""
    head = HEAD.format(s=1, ms=5, m="m-1", t="Apigee-Main-3")
    echo = f"{head}MESSAGING.RUNTIME - FaultRule.run() : error.cause is {BAD}\n"
    assert failures(echo.replace("ERROR", "INFO")) == []
    assert len(failures(channel(BAD) + info() + thrown(JAVA) + echo)) == 1
    (alone,) = failures(echo)
    assert alone.alert == "bad_certificate"


def test_lines_may_be_missing() -> None:
    """Each part alone is still a record, with what it knows."""
    (only_channel,) = failures(channel(BAD))
    assert (only_channel.ssl_info, only_channel.exception) == (None, None)
    (only_info,) = failures(info("K@1", "a"))
    assert only_info.alert == "other_tls_failure"
    (no_info,) = failures(channel(BAD) + thrown(JAVA))
    assert no_info.exception is not None
    (reordered,) = failures(info("K@1", "a") + thrown(JAVA))
    assert reordered.ssl_info is not None


def test_without_message_ids_lines_join_by_thread_and_time() -> None:
    """Within 50 ms; beyond, they are different failures."""
    bare = (channel(BAD) + info("K@1", "a") + thrown(JAVA)).replace("messageid:m-1 ", "")
    (one,) = failures(bare)
    assert one.ssl_info is not None
    assert one.exception is not None
    assert len(failures(bare + bare.replace("00:00:01", "00:00:02"))) == 2
    assert len(failures(bare + bare.replace("NIOThread@0", "NIOThread@5"))) == 2


def test_two_alerts_are_two_failures() -> None:
    """An exception that names another alert than the line before it belongs to a handshake of its own."""
    first, second = failures(channel(BAD) + thrown(JAVA.replace("bad_certificate", "unknown_ca")))
    assert (first.alert, second.alert) == ("bad_certificate", "unknown_ca")
    assert first.exception is None


def test_another_exception_is_another_failure() -> None:
    """The same exception, logged again by a further layer, is not."""
    whole = channel(BAD) + thrown(JAVA)
    assert len(failures(whole + thrown(JAVA))) == 1
    assert len(failures(whole + thrown(JAVA.replace("bad_certificate", "unknown_ca")))) == 2


def test_a_closed_channel() -> None:
    (failure,) = failures(channel(BAD).replace("isOpen=true", "isOpen=false"))
    assert failure.channel is not None
    assert failure.channel.is_open is False


def test_a_dotted_name_is_an_exception_if_a_frame_follows_it() -> None:
    """A class need not be called Exception; prose with a dotted name is none."""
    problem = "com.acme.tls.HandshakeProblem: Received fatal alert: bad_certificate"
    (failure,) = failures(thrown(problem))
    assert failure.exception is not None
    assert failure.exception.type == "com.acme.tls.HandshakeProblem"
    host = channel(BAD) + "backend.example.com: it refused\n"
    assert [one.exception for one in failures(host)] == [None]


def test_northbound() -> None:
    """The peer is the Router; no client certificate of ours is in question."""
    (failure,) = failures(
        "2026-11-23 00:00:01,000 org:o env:e api:a rev:1 NIOThread@0 ERROR HTTP.SERVER - HTTPServer$Context."
        "onInputException() : Message id:m-9 SSLClientChannel[Accepted: Remote:/10.1.1.20:41022 Local:mp/10.1.1.5:8998"
        "]@91120 useCount=1 bytesRead=0 bytesWritten=0 age=12ms lastIO=12ms isOpen=true.onExceptionRead exception: {}\n"
        "javax.net.ssl.SSLException: Received fatal alert: certificate_unknown\n\tat a.B(C.java:1)\n"
    )
    assert (failure.side, failure.message_id, failure.alert) == ("northbound", "m-9", "certificate_unknown")
    assert failure.families == ("other",)
    assert failure.channel is not None
    assert (failure.target, failure.channel.local_host, failure.channel.local_port) == (
        "10.1.1.20:41022", "mp", 8998,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keystore", "families"),
    [
        ("null", ("protocol-cipher", "client-certificate")),
        ("java.security.KeyStore@1", ("client-certificate", "protocol-cipher")),
    ],
)
def test_handshake_failure_is_judged_by_the_keystore(keystore: str, families: tuple[str, ...]) -> None:
    """With a keystore configured, a client certificate is the likelier quarrel."""
    text = "Received fatal alert: handshake_failure"
    (failure,) = failures(channel(text) + info(keystore, "null"))
    assert failure.families == families


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.1.2.3:443", "10.1.2.3", 443),
        ("/10.1.2.3:443", "10.1.2.3", 443),
        ("api.example.com/10.1.2.3:443", "api.example.com", 443),
        ("10.1.1.5", "10.1.1.5", None),
        ("0:0:0:0:0:0:0:1:443", "0:0:0:0:0:0:0:1", 443),
        ("/[0:0:0:0:0:0:0:1]:443", "0:0:0:0:0:0:0:1", 443),
        ("[::1]:443", "::1", 443),
        ("0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1", None),
        ("api.example.com/<unresolved>:443", "api.example.com", 443),
        ("IP address:port #", "IP address:port #", None),
        ("", None, None),
    ],
)
def test_addresses(text: str, host: str | None, port: int | None) -> None:
    """All forms in which Java prints the end of a connection."""
    assert _address(text) == (host, port)


@pytest.mark.parametrize(
    ("ends", "target"),
    [
        ("C:193.35.250.192:8443 Remote host:0.0.0.0:50100", "193.35.250.192:8443"),
        ("C:10.0.0.5:50100 Remote host:10.9.9.9:443", "10.9.9.9:443"),
        ("Connected: Remote:api.x/0:0:0:0:0:0:0:1:443 Local:0:0:0:0:0:0:0:1", "api.x:443"),
        ("Connecting: Remote:[::1]:8443 Local:[::1]:50000", "::1:8443"),
    ],
)
def test_the_target_is_the_far_end(ends: str, target: str) -> None:
    """Labels are not trusted where a port says otherwise."""
    (failure,) = failures(channel(BAD).replace("Connected: Remote:10.1.2.3:443 Local:10.1.1.5", ends))
    assert failure.target == target


def test_needles_stand_in_every_line_of_every_real_failure() -> None:
    """Candidate-first: an entry without a needle is never looked at, so none may lack one."""
    for path in Path(DATA / "client_logs").glob("*.log"):
        for span in split_entries(path.read_bytes())[0]:
            if b"SSLInfo" in span.data or b"Exception" in span.data or b"handshake" in span.data:
                assert any(needle in span.data for needle in NEEDLES), span.data


@pytest.mark.parametrize(
    "path", sorted(Path(DATA / "client_logs").glob("*v1.2.log")), ids=lambda path: path.stem
)
def test_the_fast_opening_line_agrees_with_the_general_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shortcut for usual lines gives what the general expressions give."""
    fast = failures(path.read_bytes())
    monkeypatch.setattr(lines, "_USUAL", re.compile("(?!)"))
    assert failures(path.read_bytes()) == fast


def test_fast_opening_lines_of_both_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old and new channel, swapped labels, quoted exceptions."""
    new = CHANNEL.format(c=7)
    text = "".join(
        channel(reason).replace(new, ends)
        for reason in (BAD, "General SSLEngine problem", f"java.io.IOException: {BAD}")
        for ends in (new, "SSLClientChannel[C:10.0.0.5:50100 Remote host:10.9.9.9:443]@8",
                     "ClientChannel[C:1.2.3.4:443 Remote host:0.0.0.0:0]@9")
    )  # fmt: skip
    fast = failures(text)
    assert len(fast) == 9
    monkeypatch.setattr(lines, "_USUAL", re.compile("(?!)"))
    assert failures(text) == fast
