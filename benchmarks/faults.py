"""The texts of generated logs: failed handshakes as Java 8 to 21 writes them, and what is no failure.

Each file is written by one Java: :func:`faults_of` gives its texts. Without a Java the three generations of
wording are mixed, as in a fleet whose logs were put together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

APIGEE_FRAMES = """\
at com.apigee.nio.NIOSelector$SelectedIterator.findNext(NIOSelector.java:496) [nio-1.0.0.jar:na]
at com.apigee.nio.util.NonNullIterator.computeNext(NonNullIterator.java:21) [nio-1.0.0.jar:na]
at com.apigee.nio.util.AbstractIterator.hasNext(AbstractIterator.java:47) [nio-1.0.0.jar:na]
at com.apigee.nio.NIOSelector$2.findNext(NIOSelector.java:312) [nio-1.0.0.jar:na]
at com.apigee.nio.handlers.NIOThread.run(NIOThread.java:59) [nio-1.0.0.jar:na]
"""
JAVA8_ALERT_FRAMES = """\
at sun.security.ssl.Alerts.getSSLException(Alerts.java:208) ~[na:1.8.0_101]
at sun.security.ssl.SSLEngineImpl.fatal(SSLEngineImpl.java:1666) ~[na:1.8.0_101]
at sun.security.ssl.SSLEngineImpl.recvAlert(SSLEngineImpl.java:1800) ~[na:1.8.0_101]
at sun.security.ssl.SSLEngineImpl.readRecord(SSLEngineImpl.java:1083) ~[na:1.8.0_101]
at javax.net.ssl.SSLEngine.unwrap(SSLEngine.java:624) ~[na:1.8.0_101]
"""
JAVA17_ALERT_FRAMES = """\
at java.base/sun.security.ssl.Alert.createSSLException(Alert.java:131)
at java.base/sun.security.ssl.Alert.createSSLException(Alert.java:117)
at java.base/sun.security.ssl.TransportContext.fatal(TransportContext.java:370)
at java.base/sun.security.ssl.Alert$AlertConsumer.consume(Alert.java:293)
at java.base/sun.security.ssl.SSLEngineImpl.readRecord(SSLEngineImpl.java:691)
at java.base/javax.net.ssl.SSLEngine.unwrap(SSLEngine.java:679)
"""
IO_FRAMES = """\
at java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
at java.base/sun.nio.ch.SocketDispatcher.write(SocketDispatcher.java:62)
at java.base/sun.nio.ch.SocketChannelImpl.write(SocketChannelImpl.java:532)
"""


def indented(frames: str, indent: str = "\t") -> str:
    """Frames as one block of continuation lines."""
    return "".join(f"{indent}{line}\n" for line in frames.splitlines())


class Fault(NamedTuple):
    """One kind of failure: its text in the log, and the values that a reader must find."""

    weight: int
    alert: str
    refused_by: str
    message: str
    exception: str
    frames: str
    southbound_lines: bool = True
    """Whether handshakeFailed() and SSLInfo are logged (not for a TLS 1.3 failure seen on read)."""
    side: str = "southbound"


_PKIX = (
    "PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: "
    "unable to find valid certification path to requested target"
)
_EXPIRED = "PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check failed"


def _received(weight: int, alert: str, generation: int, **more: Any) -> Fault:
    text = f"Received fatal alert: {alert}"
    if generation == 8:
        return Fault(
            weight, alert, "peer", text, f"javax.net.ssl.SSLException: {text}",
            indented(JAVA8_ALERT_FRAMES, "") + indented(APIGEE_FRAMES, ""), **more,
        )  # fmt: skip
    if generation == 21:
        text = f"({alert}) {text}"
    return Fault(
        weight, alert, "peer", text, f"javax.net.ssl.SSLHandshakeException: {text}",
        indented(JAVA17_ALERT_FRAMES) + indented(APIGEE_FRAMES), **more,
    )  # fmt: skip


FAULTS = (
    _received(40, "bad_certificate", 8),
    _received(20, "bad_certificate", 17),
    _received(10, "bad_certificate", 21),
    _received(12, "handshake_failure", 17),
    _received(5, "certificate_unknown", 17),
    _received(5, "unknown_ca", 21),
    _received(4, "certificate_required", 17, southbound_lines=False),
    _received(2, "protocol_version", 21),
    _received(2, "certificate_expired", 8),
    _received(1, "certificate_unknown", 17, side="northbound"),
    Fault(
        5, "broken_pipe", "unknown", "Broken pipe", "java.io.IOException: Broken pipe",
        indented(IO_FRAMES),
    ),
    Fault(
        3, "connection_reset", "unknown", "Connection reset by peer",
        "java.io.IOException: Connection reset by peer", indented(IO_FRAMES),
    ),
    Fault(
        6, "untrusted_certificate", "us", _PKIX, f"javax.net.ssl.SSLHandshakeException: {_PKIX}",
        indented(JAVA17_ALERT_FRAMES)
        + f"Caused by: sun.security.validator.ValidatorException: {_PKIX}\n"
        + "\t... 20 common frames omitted\n",
    ),
    Fault(
        3, "certificate_past_validity", "us", "General SSLEngine problem",
        "javax.net.ssl.SSLHandshakeException: General SSLEngine problem",
        indented(JAVA8_ALERT_FRAMES)
        + "Caused by: javax.net.ssl.SSLHandshakeException: General SSLEngine problem\n"
        + "\t... 12 common frames omitted\n"
        + f"Caused by: sun.security.validator.ValidatorException: {_EXPIRED}\n"
        + "\t... 12 common frames omitted\n"
        + "Caused by: java.security.cert.CertificateExpiredException: "
        + "NotAfter: Thu Nov 20 00:41:37 UTC 2025\n"
        + "\t... 20 common frames omitted\n",
    ),
    Fault(
        2, "hostname_mismatch", "us",
        "(certificate_unknown) No subject alternative DNS name matching api.partner.example found.",
        "javax.net.ssl.SSLHandshakeException: (certificate_unknown) "
        "No subject alternative DNS name matching api.partner.example found.",
        indented(JAVA17_ALERT_FRAMES),
    ),
    Fault(2, "handshake_timeout", "nobody", "", "", ""),
)  # fmt: skip

NOISE = (
    "INFO HTTP.SERVER - HTTPServer$Context.onRequest() : Keep alive is {flag} Request Connection"
    " Header [close] from {client} path /{proxy}/v1/items/{n}",
    "INFO MESSAGING.RUNTIME - RoutingService.route() : route selected default for {proxy} in {n} us",
    "INFO HTTP.CLIENT - HTTPClient$Context.onConnect() : SSLClientChannel[Connected: "
    "Remote:10.20.30.40:443 Local:10.1.1.5]@{n} useCount={k} bytesRead=0 bytesWritten=0 age={k}ms"
    " lastIO={k}ms isOpen=true connected",
    "INFO ADAPTORS.HTTP.FLOW - ResponseListener.onResponse() : status 200 for /{proxy}/v1/items/{n}"
    " in {k} ms",
    "WARN POLICY.QUOTA - QuotaStep.execute() : quota {k} of 1000 used by app {client}",
    "DEBUG MESSAGING.FLOW - FlowRunner.next() : step {k} of PreFlow request for /{proxy}/v1/items/{n}"
    " done, next policy is VerifyAPIKey-{k}",
)
DECOYS = (
    "INFO MESSAGING.RUNTIME - ConfigPrinter.print() : fault rule for handshakeFailed is not configured\n",
    "WARN HTTP.CLIENT - SSLInfo: KeyStore reloaded for {proxy}\n",
    "INFO MESSAGING.FLOW - FaultRules.match() : no rule matches 'Received fatal alert' in {proxy}\n",
)
"""Entries that mention the needles and are no failure."""
NOISE_TRACE = (
    "ERROR MESSAGING.RUNTIME - Application.sync() :  Actual Error\n"
    "com.apigee.expressions.parser.ParseException: Both the operands for EQUALS expression should be"
    " data expressions\n"
    + indented(APIGEE_FRAMES, "        ")
    + "Caused by: java.lang.NullPointerException\n\t... 20 common frames omitted\n",
    "ERROR ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() :"
    " RequestWriteListener.onException(HTTPRequest@6071a73d)\n"
    "java.lang.IllegalStateException: request already sent\n" + indented(APIGEE_FRAMES),
    "WARN MESSAGING.RUNTIME - ConfigPrinter.print() : effective settings are\n"
    "  Ciphers: default\n\n  note: SSLInfo of the target is read at deploy time\n  end of settings\n",
)


class Java(NamedTuple):
    """How the traces of one Java look."""

    generation: int
    """Whose wording of a received alert: 8, 17 or 21."""
    module: str
    """Before the classes of the JDK."""
    jdk: str
    """Packaging data of the JDK's frames."""
    apigee: str
    """Packaging data of Apigee's frames."""


JAVAS = {
    8: Java(8, "", " ~[na:1.8.0_101]", " [nio-1.0.0.jar:na]"),
    11: Java(17, "java.base/", " ~[?:?]", " ~[nio-1.0.0.jar:1.0.0-1569965]"),
    17: Java(17, "java.base/", " ~[na:na]", " ~[nio-4.54.00.jar!/:4.54.00-b2611]"),
    21: Java(21, "java.base/", "", " ~[nio.jar:?]"),
}
_FRAME = re.compile(r"^(\s*at )(?:java\.base/)?([\w.$]+\([\w.: ]+\)).*$", re.MULTILINE)


def _framed(frames: str, java: Java) -> str:
    """The same frames with the module and the packaging data of a Java."""

    def frame(found: re.Match[str]) -> str:
        ours = found[2].startswith("com.apigee.")
        return found[1] + (found[2] + java.apigee if ours else java.module + found[2] + java.jdk)

    return _FRAME.sub(frame, frames)


def _root_first(exception: str, frames: str) -> tuple[str, str]:
    """The same exceptions with the root cause first, as logback's ``%rEx`` prints them."""
    sections = f"{exception}\n{frames}".split("Caused by: ")
    sections = [sections[-1], *(f"Wrapped by: {section}" for section in sections[-2::-1])]
    first, _, rest = "".join(sections).partition("\n")
    return first, rest


def faults_of(java: int | None = None, *, root_first: bool = False) -> Sequence[Fault]:
    """The faults as one Java writes them; without one, as in :data:`FAULTS`."""
    faults: list[Fault] = []
    for fault in FAULTS:
        if java is not None and fault.exception:
            about = JAVAS[java]
            if fault.refused_by == "peer":
                more = {"southbound_lines": fault.southbound_lines, "side": fault.side}
                fault = _received(fault.weight, fault.alert, about.generation, **more)
            fault = fault._replace(frames=_framed(fault.frames, about))
        if root_first and fault.exception:
            exception, frames = _root_first(fault.exception, fault.frames)
            fault = fault._replace(exception=exception, frames=frames)
        faults.append(fault)
    return faults
