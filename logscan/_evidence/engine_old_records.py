"""The text of ``-Djavax.net.debug`` in Java 8 before update 261, and in Java 6 and 7.

Messages begin with ``*** NAME`` and do not say which thread writes; only lines on records do
(``THREAD, READ: TLSv1.2 Handshake, length = 81``). Threads interleave by lines, so that a record of another
thread within a handshake makes it uncertain whose messages follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from logscan._evidence.certificates import Certificate
from logscan._evidence.distinguished_names import Name, parse
from logscan._evidence.engine_records import (
    ALERT_IN,
    ALERT_OUT,
    CLIENT_CERTIFICATE,
    CLOSED,
    DONE,
    FAILED,
    FINISHED_BY_CLIENT,
    FINISHED_BY_SERVER,
    HELLO,
    ID,
    MAX_CHAIN,
    MAX_NAMES,
    OF_SERVER,
    REQUEST,
    SERVER_CERTIFICATE,
    SERVER_HELLO,
    WHY,
    Event,
    alert_name,
    certificate_from_texts,
    text_of,
    version_of,
)

LINE = (
    rb"^(?P<stage>\*\*\*(?: [A-Z][^\n]{0,200})?\r?$"
    rb"|<[^\n]{0,16000}>\r?$"
    rb"|(?:Cert Types|Supported Signature Algorithms|Cert Authorities): ?[^\n]{0,4000}"
    rb"|Warning: no suitable certificate found[^\n]{0,200}"
    rb"|Extension server_name[^\n]{0,1000}"
    rb"|[ ]{0,4}(?:Subject|Issuer|SerialNumber|Validity|To|Signature Algorithm|Key): [^\n]{0,16000}"
    rb"|Found trusted certificate|(?:adding as trusted cert|found key for|trustStore is)"
    rb"|%% (?:Cached client session|Resuming|Client cached)[^\n]{0,200}"
    rb"|[^\n,|*<]{1,200}, (?:READ: |WRITE: |RECV |SEND |handling exception: |fatal error: |called close)"
    rb"[^\n]{0,1000})"
)
"""A line that may matter."""
_MARKS = (
    b"*** ClientHello",
    b"*** ServerHello",
    b"*** CertificateRequest",
    b"*** Certificate chain",
    b"*** Finished",
)
_NAMED = re.compile(
    r"([^\n,]{1,200}), (READ: |WRITE: |RECV |SEND |handling exception: |fatal error: |called close)(.*)"
)
_ALERT = re.compile(r"\S{1,20} ALERT:\s{1,9}(fatal|warning), (?:description = )?(.{1,80})")
_SNI = re.compile(r"(?:value=|host_name: )([^\s,\]]{1,300})")
_SCHEMES = re.compile(r"(SHA\d{1,3}|MD5|NONE)with(RSA|ECDSA|DSA|RSAandMGF1)")
_DATE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{2}) (\d\d:\d\d:\d\d) (\S{1,40}) (\d{4})")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_CUT = re.compile(
    r"java\.(?:net\.\w+|io\.(?:EOF|IO)|nio\.\w+\.\w+)Exception|closed connection during handshake|timed? ?out"
)


def has_old_form(head: bytes) -> bool:
    """Whether a text holds messages of this form."""
    return sum(re.search(rb"^" + re.escape(mark), head, re.MULTILINE) is not None for mark in _MARKS) >= 2


class OldRecords:
    """Makes events of lines, in their order. It keeps one message."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._stage, self._line = "", 0
        self._open = self._read_before = False
        self._thread = ""
        self._done = False
        """Whether the server's messages of this handshake are over: what follows is the client's."""
        self._finished = 0
        self._texts: dict[str, str] = {}
        self._names: list[Name] = []
        self._unread: list[str] = []
        self._rows: list[dict[str, str]] = []
        self._empty = False

    def take(self, line: str, number: int) -> Iterator[Event]:
        """The events that a line completes."""
        line = line.rstrip("\r")
        named = _NAMED.match(line)
        if named is not None:
            yield from self._end_stage()
            yield from self._record(named[1].strip(), named[2] + named[3], number)
        elif line.startswith("***"):
            yield from self._end_stage()
            yield from self._begin(line[3:].strip(), number)
        elif line.startswith("Warning: "):
            yield self._event(
                WHY, number, "no suitable certificate found - continuing without client authentication"
            )
        elif line.startswith("Extension server_name") and self._stage == "ClientHello":
            sni = _SNI.search(line)
            self._texts["sni"] = sni[1] if sni else ""
        elif line.startswith("%% Cached client"):
            self._finished, self._open = 2, False
            yield self._event(FINISHED_BY_CLIENT, number)
            yield self._event(FINISHED_BY_SERVER, number)
        elif line.startswith(("Found trusted", "adding as", "found key", "trustStore")):
            yield from self._end_stage()
        else:
            self._part(line)

    def finish(self) -> Iterator[Event]:
        """The event of a message that the end of the file cut."""
        yield from self._end_stage()

    def _event(self, kind: str, number: int, text: str = "", *, mixes: bool = False) -> Event:
        return Event(
            line=number, thread=f"{ID}old", time=None, kind=kind, text=text, name=self._thread, mixes=mixes
        )

    def _begin(self, stage: str, number: int) -> Iterator[Event]:
        """A message begins."""
        name, _, rest = stage.partition(",")
        self._stage, self._line = name.strip(), number
        self._texts, self._names, self._unread, self._rows, self._empty = {}, [], [], [], False
        if name == "ServerHello":
            yield self._event(SERVER_HELLO, number, version_of(rest))
        elif name == "ServerHelloDone":
            self._done = True
            yield self._event(DONE, number)
        elif name == "Finished":
            self._finished += 1
            self._open = self._open and self._finished < 2
            if self._finished <= 2:
                yield self._event(FINISHED_BY_CLIENT if self._finished == 1 else FINISHED_BY_SERVER, number)

    def _end_stage(self) -> Iterator[Event]:
        """A message is over."""
        stage, self._stage = self._stage, ""
        if stage == "ClientHello":
            if self._read_before:  # of a handshake in which this side is the server
                self._open = False
                yield self._event(OF_SERVER, self._line)
                return
            mixes = self._open
            self._open, self._done, self._finished, self._thread = True, False, 0, ""
            yield self._event(HELLO, self._line, self._texts.get("sni", ""), mixes=mixes)
        elif stage == "CertificateRequest":
            yield self._request()
        elif stage == "Certificate chain" and (self._empty or self._rows):
            chain = self._chain()
            kind = CLIENT_CERTIFICATE if self._done else SERVER_CERTIFICATE
            made = self._event(kind, self._line, "" if self._empty else "sent")
            yield replace(made, chain=chain)

    def _request(self) -> Event:
        types = [part.strip() for part in self._texts.get("Cert Types", "").split(",") if part.strip()]
        known = {"RSA": "RSA", "DSS": "DSA", "ECDSA": "ECDSA"}
        schemes = []
        for digest, key in _SCHEMES.findall(self._texts.get("Supported Signature Algorithms", "")):
            kind = {"RSA": "rsa_pkcs1", "RSAandMGF1": "rsa_pss_rsae"}.get(key, key.lower())
            schemes.append(f"{kind}_{digest.lower()}")
        return replace(
            self._event(REQUEST, self._line), names=tuple(self._names), schemes=tuple(schemes),
            key_types=tuple(known.get(kind, kind) for kind in types), unread=tuple(self._unread),
            certain=not self._unread,
        )  # fmt: skip

    def _part(self, line: str) -> None:
        """A line within a message."""
        if self._stage == "CertificateRequest":
            if line.startswith("<"):
                self._name(line[1:-1])
            else:
                label, _, value = line.partition(":")
                self._texts.setdefault(label, value)
        elif self._stage == "Certificate chain":
            if line.startswith("<Empty>"):
                self._empty = True
                return
            label, _, value = line.strip().partition(": ")
            if label == "Subject" and len(self._rows) < MAX_CHAIN:
                self._rows.append({})
            if self._rows:
                self._rows[-1].setdefault(label, value.strip())

    def _name(self, text: str) -> None:
        if text == "Empty":
            return
        try:
            if len(self._names) < MAX_NAMES:
                self._names.append(parse(text))
            elif len(self._unread) < MAX_NAMES:
                self._unread.append(text[:200])
        except ValueError:
            if len(self._unread) < MAX_NAMES:
                self._unread.append(text[:200])

    def _chain(self) -> tuple[Certificate, ...]:
        place = f"{self._source}, line {self._line}"
        made = []
        for row in self._rows:
            found = re.search(r"RSA|EC|DSA", row.get("Key", ""))
            names = row.get("Subject"), row.get("Issuer")
            dates = _date(row.get("Validity", "")), _date(row.get("To", ""))
            of_key = found[0] if found else None, row.get("Signature Algorithm", "").partition(",")[0] or None
            serial = row.get("SerialNumber", "").strip("[] ")
            made.append(certificate_from_texts(names, dates, serial, of_key, place))
        return tuple(item for item in made if item is not None)

    def _record(self, thread: str, said: str, number: int) -> Iterator[Event]:
        """A line that names its thread."""
        within = re.search(r"(?i)Handshake|Alert|Change Cipher|RECV|SEND|exception|fatal", said) is not None
        self._read_before = said.startswith("READ: ") and "andshake" in said and not self._open
        if not self._open or not within:
            if said.startswith("called close") and thread == self._thread:
                self._open = False
                yield self._event(CLOSED, number)
            return
        alert = _ALERT.search(said)
        if alert is not None and alert[1] == "warning":
            return
        mixes = bool(self._thread) and thread != self._thread
        if not self._thread:
            self._thread = thread
        if alert is not None:
            kind = ALERT_IN if said.startswith("RECV") else ALERT_OUT
            yield self._event(kind, number, alert_name(alert[2].strip(" <>")), mixes=mixes)
            self._open = False
        elif said.startswith(("handling exception: ", "fatal error: ")):
            words = said.partition(": ")[2][:500]
            text = words.partition(": ")[2] if ": " in words and not _CUT.search(words) else words
            yield self._event(FAILED, number, text, mixes=mixes)
            self._open = False
        elif mixes:
            yield self._event("record", number, mixes=True)


def _date(text: str) -> datetime | None:
    """A date as Java's ``Date`` prints it; only of zones that are UTC."""
    found = _DATE.search(text)
    if found is None or found[1] not in _MONTHS or found[4] not in ("UTC", "GMT"):
        return None
    try:
        stamp = f"{found[5]}-{_MONTHS.index(found[1]) + 1:02}-{found[2]} {found[3]}"
        return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def old_text(found: re.Match[bytes]) -> str:
    """A matched line as text."""
    return text_of(found["stage"])
