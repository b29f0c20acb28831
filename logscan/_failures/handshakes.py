"""Failed handshakes: the lines of one failure are joined into one record and named.

A Message Processor reports one failed handshake in up to three entries, written within about a
millisecond by one thread::

    …handshakeFailed() : SSLClientChannel[…]@65461 … handshake failed, message: <reason>   channel
    …handshakeFailed() : SSLInfo: KeyStore:… KeyAlias:… TrustStore:…                       ssl info
    …onException() : RequestWriteListener.onException(HTTPRequest@…) + stack trace         exception

Any of them may be missing: TLS 1.3 refusals come as an exception alone (the client's handshake had
ended), timeouts as a channel line alone. The lines carry no common key but message id and thread, so
they are joined by order: a channel line opens a record, the next ``SSLInfo`` and exception of the same
message complete it, the next channel line opens another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import lru_cache

from logscan._failures import catalog
from logscan._failures.log_lines import Line, chain_of, named, read_line
from logscan._reading.paths import describe
from logscan.values import (
    Channel,
    Entry,
    FailedHandshake,
    Message,
    Place,
    SslInfo,
)

JOIN_WITHOUT_ID = timedelta(milliseconds=50)
"""Entries without a message id join when thread and file agree and they are no further apart."""
SAME_FAILURE = timedelta(seconds=1)
"""An exception that repeats one already joined is the same failure, logged twice, within this time."""


class _Record:
    """A failed handshake under construction."""

    __slots__ = ("exception", "lines", "ssl_info")

    def __init__(self, line: Line) -> None:
        self.lines: list[Line] = []
        self.ssl_info: SslInfo | None = None
        self.exception: Line | None = None
        self.add(line)

    @property
    def opening(self) -> Line | None:
        return self.lines[0] if self.lines[0].opens else None

    @property
    def channel(self) -> Channel | None:
        return next((line.channel for line in self.lines if line.channel), None)

    @property
    def lacks_exception(self) -> bool:
        """Whether a stack trace is still to come; an opening line may quote an exception without one."""
        held = self.exception
        return held is None or (held.opens and not (held.exception and held.exception.frames))

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.ssl_info = self.ssl_info or line.ssl_info
        held = self.exception
        if line.exception is not None:
            if held is None or held.exception is None or not held.exception.frames:
                self.exception = line
        elif held is None and line.naming is not None and not line.opens:
            self.exception = line

    def naming(self) -> catalog.Naming | None:
        """By all texts together: Java 8 hides the reason in the causes of the exception."""
        texts: list[str] = []
        for line in self.lines:
            if line.message:
                texts.append(line.message)
            if line.exception is not None:
                texts += chain_of(line.exception)
            elif line.naming is not None:
                texts.append(line.naming.reason)
        return named(tuple(texts), any(line.tls for line in self.lines))


class Joiner:
    """Messages in, failed handshakes out.

    Entries without a message id arrive as messages of one; theirs are joined by file, thread and time
    (:data:`JOIN_WITHOUT_ID`), so a few of them may be held back until time has passed or ``drain``.

    Args:
        host_of: names the Message Processor of a file path.
        neighbours: also report faults next to TLS (:data:`logscan._failures.catalog.NEIGHBOURS`).
    """

    def __init__(self, host_of: Callable[[str], str], neighbours: bool = False) -> None:
        self._host_of = host_of
        self._neighbours = neighbours
        self._waiting: dict[tuple[str, str | None], list[Entry]] = {}

    def feed(self, message: Message) -> list[FailedHandshake]:
        """The failed handshakes that this message completes."""
        if message.message_id is not None:
            return self._join(message.entries)
        done: list[FailedHandshake] = []
        for entry in message.entries:
            key = (_family(entry.place.path), entry.thread)
            held = self._waiting.get(key)
            if held and not _near(held[-1], entry):
                done += self._join(self._waiting.pop(key))
                held = None
            if held is None:
                self._waiting[key] = held = []
            held.append(entry)
            if len(self._waiting) > 1_000 or len(held) > 1_000:
                oldest = next(iter(self._waiting))
                done += self._join(self._waiting.pop(oldest))
        return done

    def drain(self) -> list[FailedHandshake]:
        """What is still held back, at the end of input or in a quiet moment."""
        done: list[FailedHandshake] = []
        for held in self._waiting.values():
            done += self._join(held)
        self._waiting.clear()
        return done

    def firsts(self) -> Iterator[Place]:
        """Where what is held back begins."""
        for held in self._waiting.values():
            yield held[0].place

    def _join(self, entries: Iterable[Entry]) -> list[FailedHandshake]:
        records: list[_Record] = []
        for entry in entries:
            line = read_line(entry, self._neighbours)
            if line is None:
                continue
            record = None if line.opens else _home(records, line)
            if record is not None:
                record.add(line)
            elif line.tls or (self._neighbours and line.naming is not None):
                records.append(_Record(line))
        return [done for record in records if (done := self._finish(record)) is not None]

    def _finish(self, record: _Record) -> FailedHandshake | None:
        naming = record.naming()
        if naming is None:
            said = record.lines[0].message
            naming = catalog.Naming(catalog.OTHER_SSL, (catalog.OTHER,), catalog.UNKNOWN, said)
        if catalog.NOT_TLS in naming.families and not self._neighbours:
            return None
        first = record.lines[0].entry
        thrown = record.exception
        northbound = any(line.side == "northbound" for line in record.lines)
        side = "northbound" if northbound else "southbound"
        return FailedHandshake(
            first.time, first.zone, first.org, first.env, first.proxy, first.revision, first.message_id,
            first.thread, naming.name, _families(naming, record.ssl_info, side), side, naming.refused_by,
            naming.reason, record.channel, record.ssl_info, thrown.exception if thrown else None,
            self._host_of(first.place.path), first.place,
        )  # fmt: skip


def _home(records: list[_Record], line: Line) -> _Record | None:
    """The record that a further line belongs to; ``None`` when it begins one of its own."""
    thread = line.entry.thread
    latest = records[::-1]
    if len(latest) > 1:
        latest.sort(key=lambda record: record.lines[0].entry.thread != thread)  # its own thread first
    for record in latest:
        channel = record.channel
        if line.channel and channel and line.channel.id != channel.id:
            continue
        if line.ssl_info is not None:
            if record.ssl_info is None and record.opening is not None:
                return record
        elif record.lacks_exception:
            if _agree(record, line):
                return record
        elif _repeats(record, line):
            return record
    return None


def _agree(record: _Record, line: Line) -> bool:
    """Whether an exception can belong to a record that has none: not when both name another alert."""
    opening = record.opening
    if line.naming is None:
        return _near(record.lines[-1].entry, line.entry, SAME_FAILURE)
    if opening is None or opening.naming is None:
        return True
    alerts = {opening.naming.name, line.naming.name} & catalog.ALERTS.keys()
    return len(alerts) < 2


def _repeats(record: _Record, line: Line) -> bool:
    """Whether a line repeats what a record holds already.

    Layers log one exception each on its way up. It is another failure when it names another request or
    response of the same type, or comes later, or says something else.
    """
    naming = record.naming()
    if naming is None or line.naming is None or naming.name != line.naming.name:
        return False
    if line.exception is None:
        return True  # prose opens no second record of what its message holds already
    if not _near(record.lines[-1].entry, line.entry, SAME_FAILURE):
        return False
    seen = {kind: name for part in record.lines for kind, name in part.objects}
    return all(seen.get(kind, name) == name for kind, name in line.objects)


@lru_cache(maxsize=1024)
def _family(path: str) -> str:
    """The same for all files of a rotated family: an entry may be cut from its like by a rotation."""
    return describe(path).stem


def _near(one: Entry, other: Entry, limit: timedelta = JOIN_WITHOUT_ID) -> bool:
    if one.time is None or other.time is None:
        return True
    return abs(other.time - one.time) <= limit


def _families(naming: catalog.Naming, info: SslInfo | None, side: str) -> tuple[str, ...]:
    """The families, likeliest first, in the light of what the record holds beside the alert."""
    families = naming.families
    if side == "northbound" and naming.refused_by == catalog.PEER:
        # The Router refused what we, its server, sent: no client certificate is in question.
        return tuple(f for f in families if f != catalog.CLIENT_CERTIFICATE) or (catalog.OTHER,)
    if (
        naming.name == "handshake_failure"
        and info is not None
        and (info.keystore != "null" or info.key_alias != "null")
    ):
        # A keystore is configured, so the backend asks for a certificate: then OpenSSL and Java 25
        # say handshake_failure where others say bad_certificate.
        return tuple(reversed(families))
    return families
