"""Write a realistic Message Processor log of any size, and the list of its failed handshakes.

    python benchmarks/generate.py system.log --size 1GiB --seed 7 --failing 0.001

writes ``system.log`` and, beside it, ``system.log.truth.jsonl``: one JSON object per failed handshake, in
the order of their first lines. The same arguments always give the same bytes. The script needs only the
standard library, so it runs before anything is installed.

The entries of many messages alternate, on several threads. Failing messages are chosen at random from
:data:`FAULTS`: the three generations of Java's wording, retries (two failed handshakes in one message),
lines without channel or SSLInfo, and northbound failures. All other messages are noise: stack traces that
are no TLS failure, text that mentions the needles, entries without context, several-line messages.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

ORGS = ("acme", "globex", "initech")
ENVS = ("prod", "test", "dr")
PROXIES = (
    "payments-v1", "payments-v2", "orders", "catalog", "customers", "shipping-quotes", "oauth2",
    "inventory", "loyalty", "stores", "Introspection", "providersearch", "fx_rates", "kyc-check",
)  # fmt: skip
TARGETS = (
    ("10.20.30.40", 443), ("10.20.31.7", 8443), ("192.168.101.7", 443), ("172.16.9.12", 9443),
    ("203.0.113.25", 443), ("198.51.100.77", 8443),
)  # fmt: skip
ALIASES = ("partner-client-2026", "mtls-key", "nonprod-api.mycompany.com", "backend client")

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


class Line(NamedTuple):
    """An entry without its time and context, which :func:`entries` adds."""

    thread: str
    rest: str
    begins: dict[str, Any] | None = None
    """The failed handshake that begins with this line."""


class Traffic:
    """Makes messages, at random, from one seed."""

    def __init__(self, seed: int, failing: float) -> None:
        self.random = random.Random(seed)
        self.failing = failing
        self.sequence = 100_000
        self.channel = 400_000
        self.weights = [fault.weight for fault in FAULTS]
        self.pid = self.random.randrange(2_000, 30_000)
        self.stores = {name: f"{self.random.getrandbits(30):x}" for name in (*ALIASES, "trust")}
        self.targets: dict[tuple[str, str, str], tuple[tuple[str, int], str, bool]] = {}

    def message(self) -> tuple[str, str, list[Line]]:
        """One message: the context of its lines, its id, its entries."""
        rnd = self.random
        if rnd.random() < 0.02:
            return "", "", [self._without_context()]
        self.sequence += 1
        router = ("router01.example.com", "router02.example.com")[self.sequence & 1]
        mid = f"{router}-{self.pid}-{self.sequence}-1"
        proxy = rnd.choice(PROXIES)
        org, env = rnd.choice(ORGS), rnd.choice(ENVS)
        revision = str(1 + len(proxy) % 17)
        context = f"org:{org} env:{env} api:{proxy} rev:{revision} messageid:{mid} "
        thread = f"NIOThread@{rnd.randrange(8)}"
        lines = [Line(thread, self._noise(proxy))]
        if rnd.random() < self.failing:
            about = {"message_id": mid, "org": org, "env": env, "proxy": proxy, "revision": revision}
            fault = rnd.choices(FAULTS, self.weights)[0]
            lines += self._failure(fault, about, thread)
            if rnd.random() < 0.1:  # a retry: a second failed handshake of the same message
                lines += self._failure(fault, about, thread)
        else:
            lines += [Line(thread, self._noise(proxy)) for _ in range(rnd.choice((0, 1, 1, 2, 3)))]
            if rnd.random() < 0.0005:
                lines.append(Line(thread, rnd.choice(DECOYS).format(proxy=proxy)))
            if rnd.random() < 0.01:
                lines.append(Line(thread, rnd.choice(NOISE_TRACE)))
        return context, mid, lines

    def _noise(self, proxy: str) -> str:
        rnd = self.random
        number = rnd.randrange(10_000_000)
        return (
            NOISE[number % len(NOISE)].format(
                flag="false", client=f"client-{number % 997}", proxy=proxy, n=number, k=number % 89 + 1
            )
            + "\n"
        )

    def _without_context(self) -> Line:
        rnd = self.random
        number = rnd.randrange(10_000)
        return Line(
            f"Apigee-Main-{number % 12}",
            f"INFO MESSAGING.CONFIGURATION - ConfigService.poll() : no change since version {number} \n",
        )

    def _failure(self, fault: Fault, about: dict[str, Any], thread: str) -> list[Line]:
        rnd = self.random
        self.channel += rnd.randrange(1, 9)
        place = (about["org"], about["env"], about["proxy"])
        if place not in self.targets:
            self.targets[place] = (rnd.choice(TARGETS), rnd.choice(ALIASES), rnd.random() < 0.7)
        (host, port), alias, configured = self.targets[place]
        keystore = f"java.security.KeyStore@{self.stores[alias]}" if configured else "null"
        trust = f"java.security.KeyStore@{self.stores['trust']}"
        age = rnd.randrange(20, 900)
        truth: dict[str, Any] = {
            **about, "alert": fault.alert, "refused_by": fault.refused_by, "side": fault.side,
            "channel_id": None, "remote_host": None, "remote_port": None, "keystore": None,
            "key_alias": None, "truststore": None,
        }  # fmt: skip
        seen = {"channel_id": self.channel, "remote_host": host, "remote_port": port}
        request = f"HTTPRequest@{rnd.getrandbits(31):x}"
        if fault.side == "northbound":
            local = f"10.1.1.{rnd.randrange(2, 250)}"
            truth |= {"channel_id": self.channel, "remote_host": local, "remote_port": 41000 + age}
            return [
                Line(
                    thread,
                    "ERROR HTTP.SERVER - HTTPServer$Context.onInputException() : Message id:"
                    f"{about['message_id']} SSLClientChannel[Accepted: Remote:{local}:{41000 + age}"
                    f" Local:10.1.1.1:8998]@{self.channel} useCount=1 bytesRead=0 bytesWritten=0"
                    f" age={age}ms lastIO={age}ms isOpen=true.onExceptionRead exception: {{}}\n"
                    f"{fault.exception}\n{fault.frames}",
                    truth,
                )
            ]
        if not fault.southbound_lines:
            return [
                Line(
                    thread,
                    "ERROR ADAPTORS.HTTP.FLOW - AbstractResponseListener.onException() :"
                    f" AbstractResponseListener.onError(HTTPResponse@{rnd.getrandbits(31):x},"
                    f" {fault.message})\n{fault.exception}\n{fault.frames}",
                    truth,
                )
            ]
        truth |= seen
        if fault.alert == "handshake_timeout":
            return [
                Line(
                    thread,
                    "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeTimeout() : SSLClientChannel["
                    f"Connected: Remote:{host}:{port} Local:10.1.1.5]@{self.channel} useCount=1"
                    " bytesRead=0 bytesWritten=0 age=55221ms lastIO=55221ms isOpen=true handshake"
                    " timeout\t\n",
                    truth,
                )
            ]
        truth |= {
            "keystore": keystore, "key_alias": alias if configured else "null", "truststore": trust,
        }  # fmt: skip
        return [
            Line(
                thread,
                f"ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:{host}:"
                f"{port} Remote host:0.0.0.0:{50000 + age}]@{self.channel} useCount=1 bytesRead=0"
                f" bytesWritten=0 age={age}ms  lastIO={age}ms  handshake failed, message:"
                f" {fault.message}\n",
                truth,
            ),
            Line(
                thread,
                "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLInfo: KeyStore:"
                f"{keystore} KeyAlias:{truth['key_alias']} TrustStore:{trust}\n",
            ),
            Line(
                thread,
                "ERROR ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() :"
                f" RequestWriteListener.onException({request})\n{fault.exception}\n{fault.frames}",
            ),
        ]


def entries(
    seed: int,
    failing: float,
    start: datetime,
    enough: Callable[[], bool],
    *,
    milliseconds: float = 2.0,
    concurrent: int = 40,
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Entries in the order of the log, each with the failed handshake that begins there, if any.

    When ``enough()`` is true, no new message begins, and open messages are completed.
    """
    traffic = Traffic(seed, failing)
    rnd = random.Random(seed + 1)
    active: list[tuple[str, list[Line]]] = []
    elapsed = 0.0
    second = -1
    stamp = ""
    while True:
        while len(active) < concurrent and not enough():
            context, _, lines = traffic.message()
            lines.reverse()
            active.append((context, lines))
        if not active:
            return
        place = rnd.randrange(len(active))
        context, lines = active[place]
        line = lines.pop()
        if not lines:
            active[place] = active[-1]
            active.pop()
        elapsed += rnd.random() * milliseconds
        whole, fraction = divmod(int(elapsed), 1000)
        if whole != second:
            second = whole
            stamp = (start + timedelta(seconds=whole)).strftime("%Y-%m-%d %H:%M:%S")
        when = f"{stamp},{fraction:03d}"
        if line.begins is not None:
            line.begins["time"] = when
        gap = " " if context else "  "
        yield (
            f"{when} {context}{line.thread} {line.rest}"
            if context
            else (f"{when}{gap}{line.thread} {line.rest}"),
            line.begins,
        )


def write(
    log: BinaryIO,
    truth: TextIO | None,
    size: int,
    *,
    seed: int = 1,
    failing: float = 0.001,
    start: datetime = datetime(2026, 11, 23),
    milliseconds: float = 2.0,
) -> int:
    """Write whole messages until `size` bytes are reached; return the bytes written."""
    written = 0
    pending: list[str] = []
    produced = 0

    def enough() -> bool:
        return produced >= size

    for text, begins in entries(seed, failing, start, enough, milliseconds=milliseconds):
        pending.append(text)
        produced += len(text)
        if begins is not None and truth is not None:
            truth.write(json.dumps(begins) + "\n")
        if len(pending) >= 4096:
            written += log.write("".join(pending).encode())
            pending = []
    return written + log.write("".join(pending).encode())


def parse_size(text: str) -> int:
    """Bytes of a size such as ``1GiB``, ``64MiB``, ``500kB`` or ``1000``."""
    match = re.fullmatch(r"(?i)(\d+)\s*([kmgt]?)(i?)b?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (try 64MiB or 1GiB)")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    power: int = base ** " kmgt".index(unit.lower() or " ")
    return int(number) * power


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("log", type=Path, help="log to write; its truth is written beside it")
    parser.add_argument("--size", type=parse_size, default=parse_size("64MiB"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failing", type=float, default=0.001, help="share of failing messages")
    parser.add_argument("--start", type=datetime.fromisoformat, default=datetime(2026, 11, 23))
    parser.add_argument("--milliseconds", type=float, default=2.0, help="longest gap between entries")
    args = parser.parse_args()
    truth_path = args.log.with_name(args.log.name + ".truth.jsonl")
    with open(args.log, "wb") as log, open(truth_path, "w", encoding="utf-8") as truth:
        size = write(
            log, truth, args.size,
            seed=args.seed, failing=args.failing, start=args.start, milliseconds=args.milliseconds,
        )  # fmt: skip
    print(f"{args.log}: {size:,} bytes, truth in {truth_path.name}")


if __name__ == "__main__":
    main()
