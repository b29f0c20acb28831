"""Output of ``-Djavax.net.debug``: what Java's TLS engine says of each handshake that it begins as a client.

Two forms: records of Java 8u261 and later (``javax.net.ssl|DEBUG|01|THREAD|TIME|SOURCE|TEXT``), whose thread
stands in each record, and the text of older Java 8, where only some lines name their thread. Nothing in
the output names a connection: where a second handshake begins in a thread before the first has ended, what
follows may be of either, and both are ``mixed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from logscan._evidence.certificates import Certificate
from logscan._evidence.distinguished_names import Name
from logscan._evidence.engine_records import (
    ALERT_IN,
    ALERT_OUT,
    CLIENT_CERTIFICATE,
    CLOSE_NOTIFY,
    CLOSED,
    DONE,
    FAILED,
    FINISHED_BY_CLIENT,
    FINISHED_BY_SERVER,
    HELLO,
    ID,
    NEGOTIATED,
    OF_SERVER,
    REQUEST,
    RETRY,
    SERVER_CERTIFICATE,
    SERVER_HELLO,
    TICKET,
    WHY,
    Event,
)

EMPTY, SENT, NOT_ASKED = "empty", "sent", "not asked"
CLIENT, SERVER = "client", "server"
MAX_HANDSHAKES = 10_000
"""Handshakes kept of one file. Those that succeeded give way first."""
MAX_THREADS = 10_000
"""Threads followed at once."""
MAX_WHY = 20
"""Key types named in ``why_none``."""
_MESSAGES = (SERVER_HELLO, REQUEST, SERVER_CERTIFICATE, DONE, CLIENT_CERTIFICATE, WHY, RETRY)
STALE = timedelta(minutes=2)
"""After which a handshake without an end counts as ended."""


@dataclass(frozen=True, slots=True)
class EngineHandshake:
    """One handshake, as far as the output shows it. ``None`` always means: not known."""

    source: str
    line: int
    """Where it begins, from 1."""
    thread: str
    time: datetime | None
    """UTC."""
    host: str | None
    """The output names none but the one in ``sni``."""
    port: int | None
    sni: str | None
    version: str | None
    """Negotiated: ``TLS 1.2``."""
    asked: bool | None
    """Whether the server asked for a client certificate."""
    authorities: tuple[Name, ...] | None
    """Accepted; empty: any."""
    authorities_certain: bool
    """Whether the names are separated without doubt: TLS 1.2 prints them in one line, with commas."""
    key_types: tuple[str, ...]
    schemes: tuple[str, ...]
    client_certificate: str | None
    """:data:`EMPTY`, :data:`SENT` or :data:`NOT_ASKED`."""
    client_chain: tuple[Certificate, ...]
    """As far as it is printed: without keys and usages."""
    why_none: str | None
    """Why no certificate was chosen, in Java's words."""
    server_chain: tuple[Certificate, ...]
    alert: str | None
    """By standard name; never ``close_notify``."""
    alert_by: str | None
    """:data:`CLIENT` or :data:`SERVER`."""
    failure: str | None
    """Java's words for the end, where it failed."""
    completed: bool | None
    mixed: bool
    """Messages of another handshake may be among these."""
    lines: Mapping[str, int]
    """Where each fact stands: ``request``, ``sent``, ``why``, ``alert``, ``failure``, ``done`` → line."""
    unread: tuple[str, ...] = ()
    """Texts that should be names and are none."""


@dataclass(slots=True)
class EngineCounters:
    """What was seen of one file."""

    handshakes: int = 0
    completed: int = 0
    left_out: int = 0
    """Not kept: more than :data:`MAX_HANDSHAKES`."""


@dataclass(slots=True)
class _Open:
    """A handshake that goes on."""

    line: int
    thread: str
    time: datetime | None
    begun: bool
    """Whether its ClientHello was seen."""
    mixed: bool = False
    name: str = ""
    """Of the thread, where the older form shows it."""
    ended: bool = False
    retry: bool = False
    sni: str | None = None
    version: str | None = None
    asked: bool | None = None
    request: Event | None = None
    client_certificate: str | None = None
    client_chain: tuple[Certificate, ...] = ()
    why: list[str] = field(default_factory=list)
    server_chain: tuple[Certificate, ...] = ()
    alert: str | None = None
    alert_by: str | None = None
    failure: str | None = None
    completed: bool | None = None
    finished: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    @property
    def says_something(self) -> bool:
        """Whether anything of it is worth keeping."""
        known = (self.asked, self.client_certificate, self.alert, self.failure, self.completed)
        return self.begun or bool(self.why) or any(value is not None for value in known)


@dataclass(slots=True)
class _Thread:
    current: _Open | None = None
    as_server: bool = False
    """What follows is of a handshake in which this side is the server."""
    pending: list[datetime | None] = field(default_factory=list)
    """When the handshakes began whose end was not seen before another began."""


class Handshakes:
    """Takes events one by one and makes handshakes of them. Memory is bounded.

    Args:
        source: the file, for a person.
        counters: takes what was seen.
    """

    def __init__(self, source: str, counters: EngineCounters) -> None:
        self._source, self._counters = source, counters
        self._threads: dict[str, _Thread] = {}
        self._found: list[EngineHandshake] = []
        self._successes: list[int] = []
        """Which of those found may give way."""

    def take(self, event: Event) -> None:
        """Take one event, in the order of the file."""
        if event.kind == CLOSE_NOTIFY:
            return
        thread = self._threads.get(event.thread)
        if thread is None:
            if len(self._threads) >= MAX_THREADS:
                self._end(self._threads.pop(next(iter(self._threads))))
            thread = self._threads[event.thread] = _Thread()
        if event.kind == OF_SERVER:
            self._end(thread)
            thread.as_server = True
            return
        if event.kind == HELLO:
            thread.as_server = False
            self._hello(thread, event)
            return
        if thread.as_server:
            return
        current = thread.current
        if current is None:
            if event.kind in (CLOSED, FINISHED_BY_SERVER, TICKET, NEGOTIATED, FINISHED_BY_CLIENT):
                return
            # Its ClientHello was before the output began, or in another thread.
            current = thread.current = _Open(event.line, event.thread, event.time, begun=False, mixed=True)
        elif current.ended and event.kind in _MESSAGES:
            # Of another handshake, whose ClientHello was before this one's or in another thread.
            if thread.pending:
                thread.pending.pop()
            self._keep(current)
            current = thread.current = _Open(event.line, event.thread, event.time, begun=False, mixed=True)
        current.mixed = current.mixed or event.mixes
        current.name = current.name or event.name
        _note(current, event)

    def _hello(self, thread: _Thread, event: Event) -> None:
        current = thread.current
        if current is not None and current.retry and not current.ended:
            current.retry = False  # the second ClientHello of the same handshake
            return
        mixed = event.mixes
        if current is not None:
            if not current.ended and current.begun and not _stale(current.time, event.time):
                current.mixed = mixed = True
                thread.pending.append(current.time)
                del thread.pending[:-100]
            self._keep(current)
        thread.pending = [time for time in thread.pending if not _stale(time, event.time)]
        mixed = mixed or bool(thread.pending)
        thread.current = _Open(event.line, event.thread, event.time, True, mixed, sni=event.text or None)

    def _end(self, thread: _Thread) -> None:
        if thread.current is not None:
            self._keep(thread.current)
            thread.current = None

    def finish(self) -> list[EngineHandshake]:
        """Everything that was found, in the order of the file."""
        for thread in self._threads.values():
            self._end(thread)
        self._threads.clear()
        return sorted(self._found, key=lambda found: found.line)

    def _keep(self, done: _Open) -> None:
        if not done.says_something:
            return
        counters = self._counters
        counters.handshakes += 1
        counters.completed += done.completed is True
        if len(self._found) < MAX_HANDSHAKES:
            if done.completed is True:
                self._successes.append(len(self._found))
            self._found.append(self._made(done))
            return
        counters.left_out += 1
        if done.completed is not True and self._successes:
            self._found[self._successes.pop()] = self._made(done)

    def _made(self, done: _Open) -> EngineHandshake:
        request = done.request
        sent = done.client_certificate
        if sent is None and done.asked is False:
            sent = NOT_ASKED
        why = "; ".join(dict.fromkeys(done.why)) if sent in (EMPTY, None) and done.why else None
        return EngineHandshake(
            source=self._source,
            line=done.line,
            thread=done.name or done.thread.partition(ID)[0],
            time=done.time,
            host=None,
            port=None,
            sni=done.sni,
            version=done.version,
            asked=done.asked,
            authorities=request.names if request is not None else None,
            authorities_certain=request is not None and request.certain,
            key_types=request.key_types if request is not None else (),
            schemes=request.schemes if request is not None else (),
            client_certificate=sent,
            client_chain=done.client_chain,
            why_none=why,
            server_chain=done.server_chain,
            alert=done.alert,
            alert_by=done.alert_by,
            failure=done.failure,
            completed=done.completed,
            mixed=done.mixed,
            lines=done.lines,
            unread=tuple(done.unread),
        )


def _stale(begun: datetime | None, now: datetime | None) -> bool:
    """Whether a handshake that began then is over by now."""
    return begun is not None and now is not None and now - begun > STALE


def _note(current: _Open, event: Event) -> None:
    """What one event says of its handshake."""
    kind = event.kind
    if kind == SERVER_HELLO:
        current.version = current.version or event.text or None
    elif kind == NEGOTIATED:
        current.version = event.text
    elif kind == RETRY:
        current.retry = True
    elif kind == REQUEST:
        current.asked, current.request = True, event
        current.lines["request"] = event.line
        current.unread += event.unread
    elif kind == SERVER_CERTIFICATE:
        current.server_chain = event.chain
        current.lines["server"] = event.line
    elif kind == DONE:
        _asked_not(current, event)
    elif kind == CLIENT_CERTIFICATE:
        # A client sends one only where the server asked.
        current.asked = True
        current.client_certificate = SENT if event.chain or event.text == SENT else EMPTY
        current.client_chain = event.chain
        current.lines["sent"] = event.line
    elif kind == WHY:
        if len(current.why) < MAX_WHY:
            current.why.append(event.text)
        current.lines.setdefault("why", event.line)
    else:
        _note_end(current, event)


def _asked_not(current: _Open, event: Event) -> None:
    """The server's messages are over: a request would have been among them, unless the session is resumed."""
    if current.asked is None and current.begun and current.server_chain:
        current.asked = False
        current.lines["request"] = event.line


def _note_end(current: _Open, event: Event) -> None:
    kind = event.kind
    if kind in (FINISHED_BY_SERVER, FINISHED_BY_CLIENT):
        current.finished.add(kind)
        if kind == FINISHED_BY_SERVER and current.version == "TLS 1.3":
            _asked_not(current, event)
        elif len(current.finished) == 2 and current.version != "TLS 1.3":
            _complete(current, event)
    elif kind == TICKET:
        # TLS 1.3: a server sends tickets when it has accepted the client's answer.
        if current.version == "TLS 1.3" and FINISHED_BY_CLIENT in current.finished:
            _complete(current, event)
    elif kind in (ALERT_IN, ALERT_OUT):
        current.alert, current.alert_by = event.text, SERVER if kind == ALERT_IN else CLIENT
        current.lines["alert"] = event.line
        current.completed, current.ended = False, True
    elif kind == FAILED:
        if current.failure is None:
            current.failure = event.text
            current.lines["failure"] = event.line
        if current.completed is None:
            current.completed = False
        current.ended = True
    elif kind == CLOSED:
        current.ended = True


def _complete(current: _Open, event: Event) -> None:
    if current.completed is None:
        current.completed, current.ended = True, True
        current.lines["done"] = event.line
