"""Failed handshakes: the lines of one failure are joined into one record and named.

A Message Processor reports one failed handshake in up to three entries, written within about a millisecond
by one thread::

    …handshakeFailed() : SSLClientChannel[…]@65461 … handshake failed, message: <reason>   channel
    …handshakeFailed() : SSLInfo: KeyStore:… KeyAlias:… TrustStore:…                       ssl info
    …onException() : RequestWriteListener.onException(HTTPRequest@…) + stack trace         exception

Any of them may be missing: TLS 1.3 refusals come as an exception alone (the client's handshake had ended),
timeouts as a channel line alone. The lines carry no common key but message id and thread, so they are
joined by order: a channel line opens a record, the next ``SSLInfo`` and exception of the same message
complete it, the next channel line opens another. A record takes a line only if the :class:`Rule` holds for
its last line and that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from logscan._failures import catalog
from logscan._failures.log_lines import Line, chain_of, named
from logscan._failures.members import Context, Member, Template
from logscan._failures.names import cut
from logscan._scanning.plan import JOIN_BYTES, JOIN_TIME
from logscan.values import SslInfo

JOIN_WITHOUT_ID = timedelta(milliseconds=50)
"""The time for entries without a message id, which belong together by their thread."""
MOST_RECORDS = 32
"""Failed handshakes of one message that may take further lines; with more, the oldest counts as complete."""
MOST_LINES = 16
"""Lines of one failed handshake whose texts name it."""


_IN_TEXT = re.compile(
    r"\{Environment=((?:(?!__)[^,{}\n]){1,300}+)__([^,{}\n]{1,300}+),"
    r"Application=((?:(?!__[^_,]*+,)[^,{}\n]){1,300}+)__([^,{}\n]{1,300}+),"
)


class Rule(NamedTuple):
    """When two entries that follow each other can belong together."""

    time: int = JOIN_TIME // timedelta(microseconds=1)
    """Microseconds between them, at most; of no meaning where one of them has no time."""
    size: int = JOIN_BYTES
    """Bytes of text from the beginning of one to that of the other, at most."""

    def holds(self, one: Member, other: Member) -> bool:
        """Whether they can."""
        if not -self.size <= other.at - one.at <= self.size:
            return False
        if one.moment is None or other.moment is None:
            return True
        return -self.time <= other.moment - one.moment <= self.time


DEFAULT_RULE = Rule()


class _Record:
    """A failed handshake under construction."""

    __slots__ = (
        "at", "channel", "connection", "exception", "info", "lines", "moment", "numbers", "objects",
        "ssl_info", "thread",
    )  # fmt: skip

    def __init__(self, number: int, member: Member) -> None:
        self.lines: list[Line] = []
        self.numbers: list[int] = []
        self.objects: dict[str, str] = {}
        self.connection: int | None = None
        self.channel: int | None = None
        """Number of the first line that describes the connection."""
        self.ssl_info: SslInfo | None = None
        self.info: int | None = None
        """Number of the line with it."""
        self.exception: Line | None = None
        self.thread = member.thread
        self.add(number, member)

    @property
    def opening(self) -> Line | None:
        return self.lines[0] if self.lines[0].opens else None

    @property
    def lacks_exception(self) -> bool:
        """Whether a stack trace is still to come; an opening line may quote an exception without one."""
        held = self.exception
        return held is None or (held.opens and not (held.exception and held.exception.frames))

    def add(self, number: int, member: Member) -> None:
        self.moment, self.at = member.moment, member.at
        self.objects.update(member.objects)
        if len(self.lines) >= MOST_LINES:
            return
        line = member.reading.line
        self.lines.append(line)
        self.numbers.append(number)
        connection, info = member.connection, member.ssl_info or line.ssl_info
        if self.channel is None and connection is not None:
            self.channel, self.connection = number, connection
        if self.ssl_info is None and info is not None:
            self.info, self.ssl_info = number, info
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


class Records:
    """The lines of one message in, its failed handshakes out.

    Attributes:
        early: failed handshakes that counted as complete, though lines of them may follow, because too many
            were open.

    Args:
        rule: which lines can belong together.
        neighbours: also report faults next to TLS (:data:`logscan._failures.catalog.NEIGHBOURS`).
    """

    def __init__(self, rule: Rule, neighbours: bool) -> None:
        self.early = 0
        self._rule = rule
        self._neighbours = neighbours
        self._open: list[_Record] = []

    def add(self, number: int, member: Member) -> list[Template]:
        """The failed handshakes that are complete before a further line.

        Args:
            number: of the member; the result names members by their numbers.
            member: the entry.
        """
        done = self._passed(member) if self._open else []
        line = member.reading.line
        record = None if line.opens else self._home(member, line)
        if record is not None:
            record.add(number, member)
        elif line.tls or (self._neighbours and line.naming is not None):
            self._open.append(_Record(number, member))
            if len(self._open) > MOST_RECORDS:
                oldest = self._open.pop(0)
                self.early += oldest.opening is not None and (
                    oldest.ssl_info is None or oldest.lacks_exception
                )
                done.append(oldest)
        return list(self._finished(done)) if done else []

    def _passed(self, member: Member) -> list[_Record]:
        """The records that the rule keeps apart from a further entry: they are complete."""
        size, time, at, moment = self._rule.size, self._rule.time, member.at, member.moment
        apart = [
            record
            for record in self._open
            if not -size <= at - record.at <= size
            or (
                moment is not None
                and record.moment is not None
                and not -time <= moment - record.moment <= time
            )
        ]
        if apart:
            self._open = [record for record in self._open if record not in apart]
        return apart

    def end(self) -> list[Template]:
        """The failed handshakes that are open, because no further line can belong to them."""
        done, self._open = self._open, []
        return list(self._finished(done))

    def move(self, base: int) -> None:
        """Count places from another beginning, so many bytes before."""
        for record in self._open:
            record.at += base

    def renumbered(self, members: list[Member]) -> list[Member]:
        """The members that open failed handshakes need; from now on numbers count these."""
        needed = sorted({number for record in self._open for number in record.numbers})
        place = {number: at for at, number in enumerate(needed)}
        for record in self._open:
            record.numbers = [place[number] for number in record.numbers]
            record.channel = None if record.channel is None else place[record.channel]
            record.info = None if record.info is None else place[record.info]
        return [members[number] for number in needed]

    def _home(self, member: Member, line: Line) -> _Record | None:
        """The record that a further line belongs to; ``None`` when it begins one of its own."""
        thread, connection, info = member.thread, member.connection, member.ssl_info or line.ssl_info
        for own in (True, False):  # its own thread first, the latest first
            for record in reversed(self._open):
                if (record.thread == thread) is not own:
                    continue
                if (
                    connection is not None
                    and record.connection is not None
                    and connection != record.connection
                ):
                    continue
                if info is not None:
                    if record.ssl_info is None and record.opening is not None:
                        return record
                elif record.lacks_exception:
                    if _agree(record, line):
                        return record
                elif _repeats(record, member):
                    return record
        return None

    def _finished(self, records: list[_Record]) -> Iterator[Template]:
        for record in records:
            naming = record.naming()
            if naming is None:
                said = record.lines[0].message
                naming = catalog.Naming(catalog.OTHER_SSL, (catalog.OTHER,), catalog.UNKNOWN, said)
            if catalog.NOT_TLS in naming.families and not self._neighbours:
                continue
            northbound = any(line.side == "northbound" for line in record.lines)
            side = "northbound" if northbound else "southbound"
            naming = catalog.for_side(naming, side)
            thrown = record.exception
            families = _families(naming, record.ssl_info, side)
            yield Template(
                record.numbers[0], record.channel, record.info,
                naming.name, families, side, naming.refused_by, naming.reason,
                None if thrown is None else record.numbers[record.lines.index(thrown)],
                (naming.name, families, side, naming.refused_by), _context(naming),
            )  # fmt: skip


def _agree(record: _Record, line: Line) -> bool:
    """Whether an exception can belong to a record that has none: not when both name another alert."""
    opening = record.opening
    if line.naming is None or opening is None or opening.naming is None:
        return True
    alerts = {opening.naming.name, line.naming.name} & catalog.ALERTS.keys()
    return len(alerts) < 2


def _repeats(record: _Record, member: Member) -> bool:
    """Whether a line repeats what a record holds already.

    Layers log one exception each on its way up. It is another failure when it names another request or
    response of the same type, or says something else.
    """
    line = member.reading.line
    if line.naming is None:
        return False
    if (
        not all(record.objects.get(kind, name) == name for kind, name in member.objects)
        and line.exception is not None
    ):
        return False
    naming = record.naming()
    # Prose opens no second record of what its message holds already.
    return naming is not None and naming.name == line.naming.name


def _context(naming: catalog.Naming) -> Context | None:
    """Where a target belongs that was taken out of rotation: a timer logs it, and no header says it."""
    found = _IN_TEXT.search(naming.reason) if naming.name == "target_out_of_rotation" else None
    if found is None:
        return None
    org, env, proxy, revision = (cut(value) for value in found.groups())
    return Context(org, env, proxy, revision)


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
