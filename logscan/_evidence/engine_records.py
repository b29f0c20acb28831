"""Records of ``-Djavax.net.debug``: the bytes of a file become events, in one pass that keeps little.

Only records that matter are looked at. A record of the newer form has its text in one line and its message
in the lines that follow; Java writes both at once, so that no other thread stands between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from logscan._evidence.certificates import Certificate
from logscan._evidence.distinguished_names import Name, parse, split_commas
from logscan._failures import catalog

(
    HELLO, OF_SERVER, SERVER_HELLO, RETRY, NEGOTIATED, REQUEST, SERVER_CERTIFICATE, DONE, CLIENT_CERTIFICATE,
    WHY, FINISHED_BY_SERVER, FINISHED_BY_CLIENT, TICKET, ALERT_IN, ALERT_OUT, CLOSE_NOTIFY, FAILED, CLOSED,
) = (
    "hello", "of server", "server hello", "retry", "negotiated", "request", "server certificate", "done",
    "client certificate", "why", "finished by server", "finished by client", "ticket", "alert in",
    "alert out", "close_notify", "failed", "closed",
)  # fmt: skip
ID = "\0"
"""Between a thread's name and its number."""
MAX_BODY = 1 << 18
"""Bytes of one message that are looked at."""
MAX_NAMES = 10_000
"""Accepted authorities of one request."""
MAX_CHAIN = 100
"""Certificates of one message."""

HEADER = (
    rb"javax\.net\.ssl\|[A-Z]{1,10}\|([0-9A-Fa-f]{1,16})\|([^\n]{0,200}?)\|"
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) ([^|\n]{1,40})\|[^|\n]{0,120}\|"
)
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (rb"Produced ClientHello", HELLO),
    (rb"Consuming ClientHello", OF_SERVER),
    (rb"Consuming ServerHello handshake", SERVER_HELLO),
    (rb"Consuming HelloRetryRequest", RETRY),
    (rb"Negotiated protocol version: ", NEGOTIATED),
    (rb"Consuming CertificateRequest", REQUEST),
    (rb"Consuming server Certificate ", SERVER_CERTIFICATE),
    (rb"Consuming ServerHelloDone", DONE),
    (rb"Produced client Certificate ", CLIENT_CERTIFICATE),
    (rb"No X\.509 cert(?:ificate)? (?:selected|for)", WHY),
    (rb"No available authentication scheme", WHY),
    (rb"Consuming server Finished", FINISHED_BY_SERVER),
    (rb"Produced client Finished", FINISHED_BY_CLIENT),
    (rb"Consuming NewSessionTicket", TICKET),
    (rb"Received alert message", ALERT_IN),
    (rb"Fatal \(", FAILED),
    (
        rb"close the underlying socket|close the SSL connection|duplex close|[Cc]losing (?:in|out)bound",
        CLOSED,
    ),
)
RECORD = (
    HEADER + rb"(?:" + b"|".join(b"(?P<k%d>%s)" % (number, text) for number, (text, _) in enumerate(_TEXTS))
    + rb")([^\n]*+)"
)  # fmt: skip
"""A record that matters."""
_KINDS = {f"k{number}": kind for number, (_, kind) in enumerate(_TEXTS)}
MARK = b"javax.net.ssl|"

_SNI = re.compile(rb"value=([^\s,\]}]{1,300})")
_LIST = re.compile(rb'"([a-z_ ]{1,40})"\s{0,30}:\s{0,9}\[')
_FIELD = re.compile(
    rb'"(serial number|signature algorithm|issuer|not before|not  after|subject(?: public key)?)"\s{0,30}:'
    rb'\s{0,9}"([^\n]{0,16000})"[,\r]?\r?$',
    re.MULTILINE,
)
_ALERT = re.compile(rb'"(level|description)"\s{0,30}:\s{0,9}"([^"\n]{1,80})"')
_FATAL = re.compile(r"Fatal \(([A-Z_]{1,40})\): (.*?)(?: \($|$)")
_CUT = re.compile(rb"java\.(?:net\.\w{1,40}|io\.(?:EOF|IO)|nio\.\w{1,20}\.\w{1,40})Exception")
_NUMBERED = re.compile(r"(?i)unknown alert\D{0,5}(\d{1,3})(?!\d)")
_TYPES = {
    "rsa_sign": "RSA",
    "dss_sign": "DSA",
    "ecdsa_sign": "ECDSA",
    "RSA": "RSA",
    "DSS": "DSA",
    "ECDSA": "ECDSA",
}
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180,
    "MSK": 180, "AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780,
    "JST": 540, "EDT": -240, "CDT": -300, "MDT": -360, "PDT": -420, "PST": -480, "SGT": 480, "HKT": 480,
}  # fmt: skip
"""Names of zones that mean one offset, in minutes. Others (``IST``, ``CST``) are read as no time at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What one record says."""

    line: int
    thread: str
    time: datetime | None
    kind: str
    text: str = ""
    names: tuple[Name, ...] = ()
    certain: bool = True
    key_types: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    chain: tuple[Certificate, ...] = ()
    unread: tuple[str, ...] = ()
    name: str = ""
    """Of the thread, where only some records show it (older form)."""
    mixes: bool = False
    """Whether another thread wrote within the same handshake (older form)."""


def text_of(raw: bytes) -> str:
    """Bytes as text, whatever they are."""
    return raw.decode("utf-8", "replace")


def event_of(found: re.Match[bytes], line: int, source: str) -> Iterator[Event]:
    """The events of a record of the newer form.

    Args:
        found: a match of :data:`RECORD`.
        line: where it stands, from 1.
        source: the file, for a person.
    """
    group = next(name for name in _KINDS if found[name] is not None)
    kind = _KINDS[group]
    said = text_of(found.string[found.start(group) : found.end()]).rstrip("\r")
    thread = f"{text_of(found[2])}{ID}{text_of(found[1])}"
    time = _moment(found[3].decode(), text_of(found[4]))
    body = b""
    if said.endswith("("):
        at = found.end()
        ends = [end for mark in (b"\n)", MARK) if (end := found.string.find(mark, at, at + MAX_BODY)) >= 0]
        body = found.string[at : min(ends, default=at + MAX_BODY)]

    def event(kind: str, text: str = "", **more: object) -> Event:
        return Event(line=line, thread=thread, time=time, kind=kind, text=text, **more)  # type: ignore[arg-type]

    if kind == HELLO:
        sni = _SNI.search(body)
        yield event(HELLO, text_of(sni[1]) if sni else "")
    elif kind == SERVER_HELLO:
        version = re.search(rb'"server version"\s{0,30}:\s{0,9}"([^"\n]{1,20})"', body)
        yield event(SERVER_HELLO, version_of(text_of(version[1])) if version else "")
    elif kind == NEGOTIATED:
        yield event(NEGOTIATED, version_of(said.rpartition(": ")[2].strip()[:20]))
    elif kind == REQUEST:
        yield _request(event(REQUEST), body)
    elif kind in (SERVER_CERTIFICATE, CLIENT_CERTIFICATE):
        chain = _chain(body, f"{source}, line {line}")
        yield event(kind, "sent" if b'"certificate"' in body else "", chain=chain)
    elif kind == WHY:
        yield event(WHY, said.rstrip("( ")[:300])
    elif kind == ALERT_IN:
        values = {text_of(name): text_of(value) for name, value in _ALERT.findall(body)}
        name = alert_name(values.get("description", ""))
        quiet = name in ("close_notify", "user_canceled") or values.get("level") == "warning"
        yield event(CLOSE_NOTIFY if quiet or not name else ALERT_IN, name)
    elif kind == FAILED:
        yield from _failures(said, body, event)
    else:
        yield event(kind)


def _failures(said: str, body: bytes, event: object) -> Iterator[Event]:
    """``Fatal (ALERT): words``: an alert that was received, that is sent, or a connection that is cut."""
    assert callable(event)
    found = _FATAL.match(said)
    if found is None:
        return
    name, words = found[1].lower(), found[2].rstrip("( ")[:500]
    if words.startswith("Received fatal alert: "):
        yield event(ALERT_IN, alert_name(words.rpartition(": ")[2]))
    elif not _CUT.search(body[:4096]) and not _CUT.search(_cause(body)):
        yield event(ALERT_OUT, alert_name(name))
    if words.startswith("Couldn't kickstart"):
        first = re.search(rb"^\s{0,9}[\w.$]{1,200}(?:Exception|Error): ([^\n]{1,300})", body, re.MULTILINE)
        words = text_of(first[1]).strip() if first else words
    yield event(FAILED, words)


def _cause(body: bytes) -> bytes:
    """The line of the last cause: an end of file is one of a handshake that failed."""
    at = body.rfind(b"Caused by: ")
    return body[at : at + 200] if at >= 0 else b""


def alert_name(text: str) -> str:
    """An alert by its standard name."""
    numbered = _NUMBERED.search(text)
    if numbered is not None:
        return catalog.ALERT_NAMES.get(int(numbered[1]), f"alert_{numbered[1]}")
    return text.strip().lower()[:60]


def version_of(text: str) -> str:
    """``TLSv1.2`` as ``TLS 1.2``."""
    text = text.strip()
    return {"TLSv1": "TLS 1.0"}.get(text, text.replace("TLSv", "TLS ").replace("SSLv", "SSL "))


def _moment(text: str, zone: str) -> datetime | None:
    """A record's time in UTC; ``None`` where its zone does not say which offset it means.

    Java writes the hour from 1 to 24: 24 is the hour after midnight of the same day.
    """
    minutes = _ZONES.get(zone)
    if minutes is None:
        found = re.fullmatch(r"(?:GMT|UTC)([+-])(\d{1,2}):?(\d\d)", zone)
        if found is None:
            return None
        minutes = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)
    if text[11:13] == "24":
        text = f"{text[:11]}00{text[13:]}"
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC) - timedelta(
            minutes=minutes
        )
    except (ValueError, OverflowError):
        return None


def _request(event: Event, body: bytes) -> Event:
    """What a CertificateRequest asks for."""
    lists: dict[str, str] = {}
    for found in _LIST.finditer(body):
        name = text_of(found[1])
        if name in lists or name == "extensions":
            continue
        start = found.end()
        ends = [end for mark in (b"]\n", b"]\r\n") if (end := body.find(mark, start)) >= 0]
        lists[name] = text_of(body[start : min(ends, default=len(body))])
    types = [part.strip() for part in lists.get("certificate types", "").split(",") if part.strip()]
    schemes = lists.get("supported signature algorithms") or lists.get("signature schemes") or ""
    named = lists.get("certificate authorities")
    names: tuple[Name, ...] = ()
    unread: list[str] = []
    certain = True
    if named is not None and "\n" in named:  # TLS 1.3: one in a line
        names = _names((line.strip().rstrip(",") for line in named.splitlines()), unread)
    elif named is not None:
        names, certain = split_names(named, unread)
    return Event(
        line=event.line, thread=event.thread, time=event.time, kind=REQUEST, names=names,
        certain=certain and not unread, unread=tuple(unread),
        key_types=tuple(_TYPES.get(kind, kind) for kind in types),
        schemes=tuple(part.strip() for part in schemes.split(",") if part.strip()),
    )  # fmt: skip


def _names(texts: Iterator[str], unread: list[str]) -> tuple[Name, ...]:
    found: list[Name] = []
    for text in texts:
        if not text:
            continue
        if len(found) >= MAX_NAMES:
            unread.append(f"(names after the first {MAX_NAMES:,}: not read)")
            break
        try:
            found.append(parse(text))
        except ValueError:
            unread.append(text[:200])
    return tuple(found)


_RANKS = {
    "CN": 0,
    "EMAILADDRESS": 0,
    "UID": 0,
    "SERIALNUMBER": 0,
    "OU": 1,
    "O": 2,
    "STREET": 3,
    "L": 3,
    "ST": 4,
    "DC": 5,
    "C": 5,
}
"""From the leaf to the root, in the order in which Java prints a usual name."""


def split_names(text: str, unread: list[str] | None = None) -> tuple[tuple[Name, ...], bool]:
    """Names that are printed one after the other with commas, as the parts of each are.

    A name ends where the root of the next one cannot be: after a country or the last domain component. Where
    names end in another part, or begin with their root, that is a guess.

    Returns:
        The names, and whether their separation is certain.
    """
    unread = [] if unread is None else unread
    if not text.strip():
        return (), True
    groups: list[list[str]] = []
    certain, before, before_type = True, -1, ""
    for part in split_commas(text):
        kind = part[0].partition("=")[0].strip().upper()
        rank = _RANKS.get(kind, 0)
        # Two countries in a row are of two names; a mail address stands beside the common name.
        if not groups or rank < before or (kind == before_type and kind in ("C", "CN", "O", "L", "ST")):
            if groups and before_type not in ("C", "DC"):
                certain = False
            groups.append([])
        groups[-1].append(" + ".join(one.strip() for one in part))
        before, before_type = rank, kind
    # A list that begins with a root is of names in the other order.
    certain = certain and (len(groups) == 1 or not text.lstrip().upper().startswith(("C=", "DC=")))
    return _names((", ".join(group) for group in groups), unread), certain and not unread


def _chain(body: bytes, source: str) -> tuple[Certificate, ...]:
    """The certificates of a message, as far as they are printed."""
    rows: list[dict[str, str]] = []
    for found in _FIELD.finditer(body):
        name = text_of(found[1])
        if name == "serial number":
            if len(rows) >= MAX_CHAIN:
                break
            rows.append({})
        if rows:
            rows[-1].setdefault(name, text_of(found[2]))
    return tuple(made for row in rows if (made := _certificate(row, source)) is not None)


def _certificate(row: dict[str, str], source: str) -> Certificate | None:
    dates = _stamp(row.get("not before", "")), _stamp(row.get("not  after", ""))
    names = row.get("subject"), row.get("issuer")
    of_key = row.get("subject public key"), row.get("signature algorithm")
    return certificate_from_texts(names, dates, row.get("serial number", ""), of_key, source)


def certificate_from_texts(
    names: tuple[str | None, str | None],
    dates: tuple[datetime | None, datetime | None],
    serial: str,
    of_key: tuple[str | None, str | None],
    source: str,
) -> Certificate | None:
    """A certificate of what is printed of it; ``None`` where its names cannot be read.

    Args:
        names: subject and issuer.
        dates: begin and end of validity.
        serial: number in hexadecimal.
        of_key: algorithm of its key, and of its signature.
        source: where it stands, for a person.
    """
    if names[0] is None or names[1] is None:
        return None
    try:
        subject, issuer = parse(names[0]), parse(names[1])
    except ValueError:
        return None
    digits = re.sub(r"[:\s]", "", serial)
    number = int(digits, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,80}", digits) else None
    key, signature = of_key
    return Certificate(subject, issuer, *dates, number, key, None, signature, None, None, None, source)


def _stamp(text: str) -> datetime | None:
    stamp, _, zone = text.rpartition(" ")
    return _moment(stamp, zone) if re.fullmatch(r"[\d-]{10} [\d:.]{12}", stamp) else None
