"""Members: entries that say something of a failed handshake, with the few values that joining and counting
need.

A member is made of an entry by the learned expression of its file, or by the grammar; nobody can see the
difference later. What its text says is a :class:`Reading`, which many members share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from logscan._failures.log_lines import Line, described
from logscan._failures.names import LONGEST_NAME, LONGEST_TEXT, cut
from logscan.values import Channel, FailedHandshake, Place, SslInfo, ThrownException

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)

_CONNECTION = re.compile(rb"\]@(\d{1,18})")
_PORT = re.compile(r"[0-9]{1,5}")

OPENING, INFO, THROWN, OTHER = range(4)
"""Kinds of readings: the three lines of a usual failure in their order, and all others."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Where entries belong. Equal contexts of a run are one object."""

    org: str | None
    env: str | None
    proxy: str | None
    revision: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What entries of one shape say. Equal readings of a run are one object, as long as it is remembered."""

    line: Line
    """Of one of them. Its channel, SSLInfo and objects are that entry's own, if a member says others."""
    kind: int = OTHER


class Member(NamedTuple):
    """An entry that says something of a failed handshake."""

    moment: int | None
    """Microseconds from 1970 to its time, both without a zone."""
    at: int
    """Where it begins: bytes of text before it in its stream."""
    zone: str | None
    context: Context
    message_id: bytes | None
    thread: bytes | None
    reading: Reading
    target: str | None
    """The other end of its own connection, ``host:port``."""
    channel: bytes | None
    """Its own connection, as the text describes it; ``None``: the reading's."""
    ssl_info: SslInfo | None
    """Its own SSLInfo; ``None``: the reading's."""
    objects: tuple[tuple[str, str], ...]
    """The request or response objects that it names."""
    path: str
    offset: int
    file: int
    """See :class:`logscan.values.Place`."""

    @property
    def time(self) -> datetime | None:
        """Its time as printed."""
        return None if self.moment is None else EPOCH + self.moment * MICROSECOND

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.path, self.offset, self.file)

    @property
    def connection(self) -> int | None:
        """The number of its connection in its JVM."""
        if self.channel is None:
            channel = self.reading.line.channel
            return None if channel is None else channel.id
        found = _CONNECTION.search(self.channel)
        return None if found is None else int(found[1])

    @property
    def described(self) -> Channel | None:
        """Its connection."""
        return self.reading.line.channel if self.channel is None else described(self.channel.decode())

    @property
    def line(self) -> Line:
        """All that its own text says."""
        line = self.reading.line
        return line._replace(
            channel=self.described, ssl_info=self.ssl_info or line.ssl_info, objects=self.objects
        )


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A failed handshake without what differs between failures of one shape: which members give the rest."""

    first: int
    """The member with which it begins."""
    channel: int | None
    """The member that describes its connection."""
    ssl_info: int | None
    alert: str
    families: tuple[str, ...]
    side: str
    refused_by: str
    reason: str
    exception: int | None
    meaning: tuple[object, ...] = ()
    """All that a report can count it by, beside what its members say; but for the reason."""
    context: Context | None = None
    """Where it belongs, if its text says so; for an entry whose header does not."""

    def context_of(self, first: Member) -> Context:
        """Where a failed handshake belongs that begins with a member."""
        return first.context if self.context is None or first.context.org else self.context

    def failure(self, members: list[Member], host: str, *, brief: bool = False) -> FailedHandshake:
        """The failed handshake of some members; a brief one has only what a report counts it by: nothing of
        its connection but the target, and no exception."""
        first = members[self.first]
        context = self.context_of(first)
        channel = None
        if self.channel is not None:
            member = members[self.channel]
            channel = _to(member.target) if brief else member.described
        info = None if self.ssl_info is None else members[self.ssl_info]
        ssl_info = None if info is None else info.ssl_info or info.reading.line.ssl_info
        thrown = None if self.exception is None else members[self.exception].reading.line.exception
        return FailedHandshake(
            first.time, first.zone, context.org, context.env, context.proxy, context.revision,
            _text(first.message_id), _text(first.thread), self.alert, self.families, self.side,
            self.refused_by, cut(self.reason, LONGEST_TEXT),
            None if channel is None else _cut_ends(channel),
            None if ssl_info is None else SslInfo(*map(cut, ssl_info)),
            None if thrown is None or brief else _cut_texts(thrown),
            cut(host), first.place,
        )  # fmt: skip


def _to(target: str | None) -> Channel | None:
    """A connection of which only the target is known."""
    if target is None:
        return None
    host, colon, port = target.rpartition(":")
    ends = (host, int(port)) if colon and _PORT.fullmatch(port) else (target, None)
    return Channel("", 0, ends[0], ends[1], None, None, None, None, None, None, None, None)


def _cut_ends(channel: Channel) -> Channel:
    remote, local = channel.remote_host, channel.local_host
    if len(remote or "") <= LONGEST_NAME and len(local or "") <= LONGEST_NAME:
        return channel
    return channel._replace(
        remote_host=None if remote is None else cut(remote), local_host=None if local is None else cut(local)
    )


def _cut_texts(thrown: ThrownException) -> ThrownException:
    return ThrownException(
        cut(thrown.type),
        cut(thrown.message, LONGEST_TEXT),
        tuple(cut(cause, LONGEST_TEXT) for cause in thrown.causes),
        tuple(cut(frame, LONGEST_TEXT) for frame in thrown.frames),
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else cut(data.decode("utf-8", "surrogateescape"))
