"""Random logs, as hypothesis strategies."""

from __future__ import annotations

import contextlib
import pickle
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

from logscan._distribute import run_units, scanned_spans
from logscan._failures.selection import Selection
from logscan._jobs import _counting, export

ALL = Selection(family=None)

HEAD = "2026-11-23 00:00:0{s},{ms:03d} org:o env:e api:p{a} rev:1 messageid:m-{m} NIOThread@{t} "
CHANNEL = (
    "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:10.0.0.{m}:443 "
    "Remote host:0.0.0.0:50100]@{c} useCount=1 bytesRead=0 bytesWritten=0 age=5ms lastIO=5ms handshake "
    "failed, message: {reason}\n"
)
INFO = (
    "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLInfo: KeyStore:null KeyAlias:null"
    " TrustStore:java.security.KeyStore@1\n"
)
THROWN = (
    "ERROR ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() : RequestWriteListener.onException("
    "HTTPRequest@{c})\njavax.net.ssl.SSLException: {reason}\n\tat a.b.C.d(C.java:1) ~[na:1.8]\n"
    "Caused by: java.io.IOException: x\n\t... 20 common frames omitted\n"
)
REASONS = ("Received fatal alert: bad_certificate", "Received fatal alert: unknown_ca", "Broken pipe")
NOISE = (
    "INFO HTTP.SERVER - HTTPServer$Context.onRequest() : handshakeFailed is only a word here\n",
    "WARN MESSAGING.RUNTIME - Application.sync() :  Actual Error\n\n\tat x.y.Z(Z.java)\n2026 is a year\n",
    "INFO X - Received fatal alert: prose, ünïcödé \u202e text\n",
    "INFO X - long " + "word " * 200 + "fatal alarm" * 40 + "\n",
)


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A log of random entries, with what may go wrong around them."""
    rnd = random.Random(draw(st.integers(0, 1 << 30)))
    text: list[str] = []
    if draw(st.booleans()):
        text.append("\tat lost.head.Of(Entry.java:1)\njavax.net.ssl.SSLException: lost head\n")
    for number in range(draw(st.integers(0, 25))):
        about = {
            "s": number // 10, "ms": number % 10 * 7, "a": rnd.randrange(3), "m": rnd.randrange(4),
            "t": rnd.randrange(2), "c": rnd.randrange(3) + 100, "reason": rnd.choice(REASONS),
        }  # fmt: skip
        rest = rnd.choice((CHANNEL, INFO, THROWN, *NOISE)).format(**about)
        header = HEAD.format(**about)
        if rnd.random() < 0.15:
            header = f"2026-11-23 00:00:0{about['s']},{about['ms']:03d}  Apigee-Main-{about['t']} "
        text.append(header + rest)
    data = "".join(text).encode()
    if draw(st.booleans()):
        data = data.replace(b"\n", b"\r\n")
    if draw(st.booleans()):
        data = data.rstrip(b"\r\n")
    if draw(st.booleans()):
        data = data.replace(b"word", b"\xff\xfe", 3)
    if draw(st.booleans()):
        data = b"\0" * 7 + data
    return data


class Beside:
    """An executor that runs tasks here, with what a way to another process does to them and to their results."""

    is_inline = False

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        made = pickle.loads(pickle.dumps((function, arguments)))
        answer = pickle.dumps(made[0](*made[1]))
        return SimpleNamespace(result=lambda: pickle.loads(answer), cancel=lambda: None)

    def close(self) -> None:
        pass


@contextlib.contextmanager
def shared_out(count: int, size: int) -> Iterator[None]:
    """Let workers share even a little log out among them, in ranges of this size."""
    with pytest.MonkeyPatch.context() as patch:
        if count > 1:
            patch.setattr(run_units, "MOST_RANGE", size)
            patch.setattr(run_units, "LEAST_RANGE", 1)

            @contextlib.contextmanager
            def beside(*_: object) -> Iterator[Beside]:
                yield Beside(count)

            for module in (_counting, scanned_spans, export):
                patch.setattr(module, "executor_for", beside)
        yield


@st.composite
def storms(draw: st.DrawFn) -> bytes:
    """A log of failures, most of them irregular: everything that makes two groups of entries differ."""
    rnd = random.Random(draw(st.integers(0, 1 << 30)))
    irregular = draw(st.sampled_from([0.05, 0.5, 1.0]))
    moment = datetime(2026, 11, 23, 23, 59, 50)
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 40))):
        odd = rnd.random() < irregular
        step = rnd.choice(STEPS) if odd else rnd.choice((0, 1, 2))
        moment += timedelta(milliseconds=step)
        reason = rnd.choice(ODD_REASONS if odd else REASONS[:1])
        about = {
            "m": rnd.randrange(5), "t": rnd.randrange(2), "c": rnd.randrange(4) + 100, "n": rnd.randrange(1000),
            "reason": reason, "alias": rnd.choice(("null", "key", "backend client")), "o": rnd.randrange(2),
            "store": rnd.choice(("null", "java.security.KeyStore@1f")), "end": (rnd.choice(ENDS) if odd else ENDS[0]).format(m=rnd.randrange(5)),
        }  # fmt: skip
        head = f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03} "
        if odd and rnd.random() < 0.05:
            head = rnd.choice(("", "2026-02-30 00:00:00,000 ", "2026-11-23 25:61:00,000 "))
        head += f"org:o{about['o']} env:e api:p rev:1 "
        if not (odd and rnd.random() < 0.2):
            head += f"messageid:m-{about['m']} "
        text = rnd.choice(FAILING if odd else FAILING[:3])
        lines.append((head + f"NIOThread@{about['t']} " + text).format(**about))
        if odd and rnd.random() < 0.2:
            lines.append(rnd.choice(NOISE))
    return "".join(lines).encode()


STEPS = (0, 0, 1, 1, 40, 60, 300, 700, 999, 1000, 1001, 1500, 5000, -1, -300, -1000, -2500, -3_600_000)
"""Milliseconds between two entries."""
ODD_REASONS = (
    *REASONS, "Received fatal alert: handshake_failure", "(bad_certificate) Received fatal alert: bad_certificate",
    "General SSLEngine problem", "java.io.IOException: Connection reset by peer", "number {n} of HTTPRequest@{n}",
    "Received fatal alert: <UNKNOWN ALERT: 5{c}>", "useCount=5 age=7ms isOpen=true", "SSLInfo: KeyStore:a KeyAlias:b "
    "TrustStore:c", "", "javax.net.ssl.SSLException: Received fatal alert: unknown_ca",
)  # fmt: skip
ENDS = (
    "[C:10.0.0.{m}:443 Remote host:0.0.0.0:50100]", "[C:10.0.0.9:50100 Remote host:10.0.0.{m}:443]",
    "[Connected: Remote:10.0.0.{m}:8443 Local:10.1.1.5]", "[Connected: Remote:api.example/10.0.0.{m}:443 Local:/::1:50000]",
    "[Connected: Remote:0:0:0:0:0:0:0:{m}:443 Local:10.1.1.5:40000]", "[C:IP address:port # Remote host:IP address:port #]",
)  # fmt: skip
_NUMBERS = "@{c} useCount=1 bytesRead=0 bytesWritten={n} age={n}ms  lastIO=5ms "
_FAILED = "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
_TRACE = (
    "\tat a.b.C.d(C.java:{n}) ~[na:1.8]\nCaused by: java.io.IOException: x\n\t... 20 common frames omitted\n"
)
_LISTENER = (
    "ERROR ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() : RequestWriteListener.onException("
)
FAILING = (
    _FAILED + "SSLClientChannel{end}" + _NUMBERS + "handshake failed, message: {reason}\n",
    _FAILED + "SSLInfo: KeyStore:{store} KeyAlias:{alias} TrustStore:java.security.KeyStore@2\n",
    _LISTENER + "HTTPRequest@{c})\njavax.net.ssl.SSLException: {reason}\n\tat a.b.C.d(C.java:1) ~[na:1.8]\n",
    _FAILED + "SSLClientChannel{end}" + _NUMBERS + "isOpen=true  handshake failed, message: {reason}\n",
    _FAILED + "SSLClientChannel{end}" + _NUMBERS + "handshake failed, message: {reason}\n" + _TRACE,
    _FAILED + "SSLInfo: KeyStore:  KeyAlias: TrustStore:null\n",
    _FAILED + "SSLInfo: KeyStore:{store}  KeyAlias:{alias}  TrustStore:null more\n",
    _LISTENER + "HTTPRequest@{c})\njavax.net.ssl.SSLException: {reason}\n" + _TRACE,
    _LISTENER + "HTTPResponse@{c}, x)\njavax.net.ssl.SSLHandshakeException: {reason} {n}\n" + _TRACE,
    _LISTENER + "XHTTPRequest@{c})\njavax.net.ssl.SSLException: HTTPRequest@{c} {reason}\n" + _TRACE,
    _LISTENER + "HTTPRequest@{c}) HTTPResponse@{n}\njava.io.IOException: Broken pipe\n" + _TRACE,
    "ERROR A - AbstractResponseListener.onException() : AbstractResponseListener.onError(HTTPResponse@{c}, "
    "javax.net.ssl.SSLException: {reason})\n",
    "ERROR HTTP.SERVER - HTTPServer$Context.onInputException() : Message id:m-{m} SSLClientChannel{end}"
    "@{c} useCount=1 bytesRead=0 bytesWritten=0 age={n}ms lastIO={n}ms isOpen=true.onExceptionRead exception: {{}}\n"
    "javax.net.ssl.SSLException: {reason}\n" + _TRACE,
    "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeTimeout() : SSLClientChannel{end}@{c} useCount=1 bytesRead=0"
    " bytesWritten=0 age=55221ms lastIO=55221ms isOpen=true handshake timeout\t\n",
    "WARN X - HTTPRequest@{c} of SSLClientChannel{end}@{c} Received fatal alert: bad_certificate for {n}\n",
    "INFO X - A.b() : Received fatal alert: unknown_ca is only told\n",
    "ERROR X - A.onException() : SSLClientChannel{end}@{c} x=1 PKIX path building failed {n}\n" + _TRACE,
)  # fmt: skip
"""Texts of entries, the three of a usual failure first."""


HEADERS = (
    "2026-11-23 00:00:01,006 org:o env:e api:p rev:1 messageid:m-1 NIOThread@7 ERROR HTTP.CLIENT - ",
    "2026-11-23 00:00:01.006 org:o env:e main INFO L - ",
    "2026-11-23 00:00:01,006 env:e org:o main INFO L - ",
    "2026-11-23 00:00:01,006 org:o org:p main INFO L - ",
    "2026-11-23 00:00:01,006 org: env:e api:p main INFO L - ",
    "2026-11-23 00:00:01,006 org:o env:e  qtp2007599722-712162 ERROR REST - ",
    "2026-11-23 00:00:01,006   Apigee-Main-6 ERROR MESSAGING.RUNTIME - ",
    "2026-11-23 00:00:01,006 UTC org:o env:e main WARN L - ",
    "2026-11-23 00:00:01,006 UTC ERROR L - ",
    "2026-11-23 00:00:01,006 MSK main ERROR L - ",
    "2026-11-23 00:00:01,006 RMI TCP Connection(2)-10.0.0.1 INFO c.a.p - ",
    "2026-11-23 00:00:01 org:o env:e api:a rev:1 messageid:m main ERROR H - ",
    "2026-11-23T00:00:01,006 org:o env:e api:a rev:1 messageid:m main ERROR H - ",
    "2026-11-23 00:00:01,0061 org:o main ERROR H - ",
    "2026-02-30 00:00:01,006 org:o main ERROR H - ",
    "2026-11-23 25:00:01,006 org:o main ERROR H - ",
    "0000-11-23 05:00:01,006 org:o main ERROR H - ",
    "2024-02-29 23:59:59,999 org:o main ERROR H - ",
    "1969-12-31 23:59:59,999 org:o main ERROR H - ",
    "org:o env:e api:a rev:1 messageid:m main ERROR H - ",
    "2026-11-23 00:00:01,006\torg:o\tmain ERROR H - ",
    "2026-11-23 00:00:01,006 org:ö env:e api:\u00a0p main ERROR H - ",
    "2026-11-23 00:00:01,006 org:o main NOTICE H - ",
    "2026-11-23 00:00:01,006 org:o x:y ERROR H -",
    "2026-11-23 00:00:01,006 " + "t" * 400 + " ERROR H - ",
    "2026-11-23 00:00:01,006 org:" + "o" * 400 + " main ERROR H - ",
    "\0\0\0002026-11-23 00:00:01,006 org:o main ERROR H - ",
    "2026-11-23 00:00:01,006 org:o main  ERROR H - ",
    "2026-11-23 00:00:01,006 messageid:m main ERROR H -  ",
)
TEXTS = (
    "A.b() : text", "A.b() :  two blanks", "A.b()  : x", "b() : no class", "A.b() :", "A.b()", "A.b() : ",
    "A$B.<init>() : made", "A.b(x) : y", "A.b.c() : Message id:mm-1 x", "Message id: mm-2 x", "Message  x",
    "plain", "", " ", "ends blank  ", "ends nbsp\u00a0", "ünïcödé", "\u3000wide", "tab\tin text", "\ttab", "-",
    "A.ü() : x", "A.b()\u00a0: x", "trailing tab\t", "x\x0b", "() : x", "a.() : x",
)  # fmt: skip
BELOW = (
    "", "\n", "\n\n", "\n \n", "\n\tat a.b.C.d(C.java:1)\n\t... 3 more", "\nCaused by: x.Y: z", "\nCaused bz",
    "\nSuppressed: x", "\nSuppressex", "\njava.lang.X: y", "\nat least", "\n2026 is a year", "\n{json: 1}",
    "\norg.x.Y: z", "\ncom.x.Y", "\nünï", "\n2026-11-23 is a date", "\n\u00a0x", "\n...",
)  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> bytes:
    """A log of headers, texts and lines below them that are usual, unusual, or nearly so."""
    rnd = random.Random(draw(st.integers(0, 1 << 30)))
    end = rnd.choice(("\n", "\n", "\n", "\r\n"))
    text = "".join(
        rnd.choice(HEADERS[:1] * 10 + HEADERS) + rnd.choice(TEXTS[:1] * 10 + TEXTS)
        + rnd.choice(BELOW[:1] * 10 + BELOW) + "\n"
        for _ in range(draw(st.integers(1, 30)))
    )  # fmt: skip
    data = text.replace("\n", end).encode()
    if rnd.random() < 0.2:
        data = data.replace(b"text", b"te\xffxt", 2)
    if rnd.random() < 0.3:
        data = data.rstrip(b"\r\n")
    return data
