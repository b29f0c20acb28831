"""The log lines of one failed handshake, and the failure itself."""

from __future__ import annotations

from datetime import datetime

from logscan.values import FailedHandshake, Place

HEAD = "2026-11-23 00:00:0{s},{ms:03d} org:o env:e api:a rev:1 messageid:{m} {t} ERROR "
CHANNEL = "SSLClientChannel[Connected: Remote:10.1.2.3:443 Local:10.1.1.5]@{c}"
BAD = "Received fatal alert: bad_certificate"
JAVA = f"javax.net.ssl.SSLException: {BAD}"


def channel(reason: str, m: str = "m-1", t: str = "NIOThread@0", s: int = 1, ms: int = 0, c: int = 7) -> str:
    return (
        HEAD.format(s=s, ms=ms, m=m, t=t) + "HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
        + CHANNEL.format(c=c) + " useCount=1 bytesRead=0 bytesWritten=0 age=529ms  lastIO=528ms isOpen=true "
        f" handshake failed, message: {reason}\n"
    )  # fmt: skip


def info(
    keystore: str = "null",
    alias: str = "null",
    m: str = "m-1",
    t: str = "NIOThread@0",
    s: int = 1,
    ms: int = 0,
) -> str:
    return (
        HEAD.format(s=s, ms=ms, m=m, t=t) + "HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
        f"SSLInfo: KeyStore:{keystore} KeyAlias:{alias} TrustStore:null\n"
    )  # fmt: skip


def thrown(
    text: str, m: str = "m-1", t: str = "NIOThread@0", s: int = 1, ms: int = 1, of: str = "HTTPRequest@aa"
) -> str:
    return (
        HEAD.format(s=s, ms=ms, m=m, t=t) + "ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() : "
        f"RequestWriteListener.onException({of})\n{text}\n\tat a.b.C.d(C.java:1) ~[na:1.8.0_101]\n"
    )  # fmt: skip


ONE = channel(BAD) + info("K@1", "alias") + thrown(JAVA)


def failure(proxy: str = "a", alert: str = "bad_certificate", number: int = 1) -> FailedHandshake:
    return FailedHandshake(
        datetime(2026, 11, 23), None, "o", "e", proxy, "1", f"m-{number}", "t", alert, ("client-certificate",),
        "southbound", "peer", "", None, None, None, "mp", Place("x", number),
    )  # fmt: skip
