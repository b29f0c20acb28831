r"""Readings: what the texts of entries say, decided once for each shape of text.

In a storm the same few texts stand in the log again and again, with other numbers, addresses and ids.
:func:`logscan._failures.log_lines.read_line` decides what such a text says once; afterwards it is looked up
by its shape: the text without what its meaning cannot depend on. That is left out in three ways.

* The three lines of a usual failure have expressions of their own (an opening line without the numbers of
  its channel, an ``SSLInfo`` line without its values but whether they are ``null``, an exception without
  the identity of its request).
* In all other texts the descriptions of channels, the identities of objects and a leading ``Message id:``
  are left out, if what the text says does not contain them.
* Stack traces, reasons and everything else belong to the shape, byte by byte.

A test holds remembered readings against plain ones. What is remembered is bounded (:data:`REMEMBERED`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from logscan._entries.layouts import PLAIN
from logscan._entries.openers import Openers
from logscan._entries.parse import decode
from logscan._failures.log_lines import Line, chain_of, read_channel, read_line
from logscan._failures.members import INFO, OPENING, OTHER, THROWN, Reading
from logscan.values import Entry, Place, SslInfo

REMEMBERED = 4096
"""Shapes that are remembered, at least those used last; of texts, of groups of texts, and of values."""
LONGEST = 16 << 10
"""Bytes of a text that is remembered; longer ones are read each time."""

MOST_TRACES = 64
"""Stack traces that are looked for below the same line."""
FAILED, EXCEPTION, ANYTHING = range(3)
"""What a method usually logs: the lines of ``handshakeFailed()``, an exception, or anything."""

K = TypeVar("K")
V = TypeVar("V")

_CHANNEL = (
    rb"(?:SSL)?ClientChannel\[(?:C:([\d.]{7,15}:(\d{1,5})) Remote host:([\d.]{7,15}:(\d{1,5}))"
    rb"|\w{1,20}: Remote:([\d.]{7,15}:\d{1,5}) Local:[\d.]{7,15}(?::\d{1,5})?)\]@\d{1,18} useCount=\d{1,18}"
    rb" bytesRead=\d{1,18} bytesWritten=\d{1,18} age=\d{1,18}ms +lastIO=\d{1,18}ms *"
    rb"(?:isOpen=(?:true|false) *)?"
)
_OPENING = re.compile(rb"(" + _CHANNEL + rb")handshake failed, message: ([^\r\n]{1,4096})\r?\n?\Z")
_INFO = re.compile(
    rb"SSLInfo: KeyStore:([!-~]{1,300}) {1,8}KeyAlias:([!-~][ -~]{0,300}?) {1,8}"
    rb"TrustStore:([!-~]{1,300})\s{0,8}\Z"
)
_THROWN = re.compile(rb"([ -?A-~]{0,300})@(\w{1,64})([ -?A-~]{0,300})\r?\n")
_MASKED = re.compile(
    rb"(" + _CHANNEL.replace(rb"\w{1,20}: Remote:", rb"[A-Z]\w{1,20}: Remote:") + rb")"
    rb"|\b(HTTPRe(?:quest|sponse))@(\w{1,64})|(?<=\AMessage id:)(\S{1,200})"
)
_NUMBER = re.compile(rb"\b(?:useCount|bytesRead|bytesWritten|age|lastIO|isOpen)=")
_OBJECTS = {b"HTTPRequest": "HTTPRequest", b"HTTPResponse": "HTTPResponse"}
_EPHEMERAL = 32768
_SEVERE = frozenset((b"WARN", b"ERROR", b"FATAL", None))
_OPENERS = Openers(PLAIN)
Objects = tuple[tuple[str, str], ...]
_new = tuple.__new__


class Said(NamedTuple):
    """What the text of one entry says."""

    reading: Reading
    target: str | None = None
    channel: bytes | None = None
    ssl_info: SslInfo | None = None
    objects: Objects = ()


class Recent(dict[K, V]):
    """A dictionary that forgets: the :data:`REMEMBERED` keys used last are in it, and at most as many more.

    ``recent[key]`` gives the value of a key, which counts as used; for an unknown one ``made`` makes it.
    """

    def __init__(self, made: Callable[[K], V] | None = None, most: int = REMEMBERED) -> None:
        super().__init__()
        self._made = made
        self._most = most
        self._old: dict[K, V] = {}

    def __missing__(self, key: K) -> V:
        value = self._old.pop(key, None)
        if value is None:
            if self._made is None:
                raise KeyError(key)
            value = self._made(key)
        self.keep(key, value)
        return value

    def keep(self, key: K, value: V) -> None:
        """Remember the value of a key."""
        if len(self) >= self._most:
            self._old = dict(self)
            self.clear()
        self[key] = value

    def known(self, key: K) -> V | None:
        """The value of a key; ``None``: it is not remembered."""
        value = self.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self.keep(key, value)
        return value


class Readings:
    """Texts in, what they say out.

    Args:
        neighbours: also what says a fault next to TLS.
        remembered: shapes to remember.
    """

    def __init__(self, neighbours: bool, remembered: int = REMEMBERED) -> None:
        self._neighbours = neighbours
        self.kinds: Recent[bytes | None, int] = Recent(_kind, remembered)
        """Methods that log, by what they usually say."""
        self._readings: Recent[tuple[object, ...], Reading | _Nothing] = Recent(most=remembered)
        self._targets: Recent[bytes, str] = Recent(bytes.decode, remembered)
        self._infos: Recent[tuple[bytes, ...], SslInfo] = Recent(_ssl_info, remembered)
        self._traces: Recent[tuple[object, ...], list[tuple[bytes, Reading]]] = Recent(_no_traces, remembered)
        """Stack traces below the same line, with what they say, newest first."""

    def read(self, method: bytes | None, level: bytes | None, text: bytes) -> Said | None:
        """What the text of an entry says.

        Args:
            method: class and method that logged.
            level: of the entry.
            text: everything after the header, as it stands in the file, without what is put before each line.
        """
        if method is not None and len(text) <= LONGEST:
            kind = self.kinds[method]
            if kind == FAILED:
                said = self.failed(method, level, text, 0, len(text))
            elif kind == EXCEPTION:
                said = self._thrown(method, level, text)
            else:
                said = None
            if said is not None:
                return None if said is NOTHING else said
        return self._other(method, level, text)

    def failed(
        self, method: bytes, level: bytes | None, buffer: bytes | bytearray, at: int, end: int
    ) -> Said | None:
        """What a line of ``handshakeFailed()`` says whose text is in a buffer; ``None``: it is unusual."""
        found = _OPENING.match(buffer, at, end)
        if found is not None:
            channel, target, peer_port, far, far_port, remote, reason = found.groups()
            if target is None:
                target = remote
            elif int(peer_port) >= _EPHEMERAL > int(far_port) > 0:
                target = far
            key: tuple[object, ...] = (OPENING, method, reason)
            reading = self._readings.get(key) or self._remembered(key, OPENING, method, level, buffer[at:end])
            if not isinstance(reading, Reading):
                return None
            return _new(Said, (reading, self._targets[target], channel, None, ()))
        found = _INFO.match(buffer, at, end)
        if found is None:
            return None
        values = found.groups()
        key = (INFO, method, values[0] == b"null", values[1] == b"null")
        reading = self._readings.get(key) or self._remembered(key, INFO, method, level, buffer[at:end])
        if not isinstance(reading, Reading):
            return None
        return _new(Said, (reading, None, None, self._infos[values], ()))

    def thrown(
        self, method: bytes, level: bytes | None, buffer: bytes | bytearray, at: int, end: int
    ) -> tuple[Said, int] | None:
        """What an exception says whose text begins in a buffer, and where that text ends; ``None``: its trace
        is not known, or it is unusual."""
        found = _THROWN.match(buffer, at, end)
        if found is None:
            return None
        before, identity, after = found.groups()
        below = found.end()
        for text, reading in self._traces.get((method, level, before, after), ()):
            if buffer.startswith(text, below):
                return _new(Said, (reading, None, None, None, _object(before, identity))), below + len(text)
        return None

    def _thrown(self, method: bytes, level: bytes | None, text: bytes) -> Said | None:
        found = _THROWN.match(text)
        if found is None or text.startswith(b"Message id:"):
            return None
        before, identity, after = found.groups()
        if not before.endswith((b"HTTPRequest", b"HTTPResponse")):
            return None
        trace = text[found.end() :]
        key = (THROWN, method, level, before, after, trace)
        reading = self._readings.known(key)
        if reading is None:
            reading = self._plain(THROWN, method, level, text)
            if isinstance(reading, Reading) and not _names_only(reading.line, identity.decode()):
                reading = _UNCLEAR
            self._readings.keep(key, reading)
        elif isinstance(reading, Reading) and _OPENERS.next(trace, 0, len(trace)) is None:
            # It comes again, and in no plain log it is more than one entry.
            known = self._traces[method, level, before, after]
            known.insert(0, (trace, reading))
            del known[MOST_TRACES:]
        if reading is _UNCLEAR:
            return None
        if not isinstance(reading, Reading):
            return NOTHING
        return Said(reading, None, None, None, _object(before, identity))

    def _other(self, method: bytes | None, level: bytes | None, text: bytes) -> Said | None:
        """What any text says, by the shape that is left when its variable parts are masked."""
        severe = level in _SEVERE
        if len(text) > LONGEST:
            return self._own(self._plain(OTHER, method, level, text))
        end = text.find(b"\n")
        head = text if end < 0 else text[:end]
        masked = _MASKED.sub(b"\0", head)
        if masked == head:
            return self._own(self._whole(method, level, text, severe))
        key = (OTHER, method, severe, masked, text[len(head) :])
        parts = _MASKED.findall(head)
        reading = self._readings.known(key)
        if reading is None:
            reading = self._plain(OTHER, method, level, text)
            rest = masked + text[len(head) :]
            if isinstance(reading, Reading) and not (
                _clear(reading.line, parts) and not _NUMBER.search(rest)
            ):
                reading = _UNCLEAR
            self._readings.keep(key, reading)
        if reading is _UNCLEAR:
            return self._own(self._whole(method, level, text, severe))
        if not isinstance(reading, Reading):
            return None
        channel = next((part[0] for part in parts if part[0]), None)
        if reading.line.channel is None:
            channel = None
        objects = tuple((_OBJECTS[part[6]], part[7].decode()) for part in parts if part[6])
        target = None if channel is None else target_of(read_channel(channel.decode()))
        return Said(reading, target, channel, reading.line.ssl_info, objects if reading.line.objects else ())

    def _whole(
        self, method: bytes | None, level: bytes | None, text: bytes, severe: bool
    ) -> Reading | _Nothing:
        """The reading of a text whose shape is all of it."""
        key = (OTHER, method, severe, text)
        reading = self._readings.known(key)
        if reading is None:
            reading = self._plain(OTHER, method, level, text)
            self._readings.keep(key, reading)
        return reading

    def _own(self, reading: Reading | _Nothing) -> Said | None:
        """What a text says that shares its reading with equal texts only."""
        if not isinstance(reading, Reading):
            return None
        line = reading.line
        return Said(reading, target_of(line.channel), None, line.ssl_info, line.objects)

    def _remembered(
        self, key: tuple[object, ...], kind: int, method: bytes, level: bytes | None, text: bytes | bytearray
    ) -> Reading | _Nothing:
        reading = self._readings.known(key)
        if reading is None:
            reading = self._plain(kind, method, level, bytes(text))
            if isinstance(reading, Reading) and not _is_usual(reading.line, kind):
                reading = _UNCLEAR
            self._readings.keep(key, reading)
        return reading

    def _plain(self, kind: int, method: bytes | None, level: bytes | None, text: bytes) -> Reading | _Nothing:
        """What a text says, without remembering it."""
        entry = Entry(
            *(None,) * 8,
            None if level is None else level.decode(), None,
            None if method is None else method.decode(), decode(text), Place("", 0),
        )  # fmt: skip
        line = read_line(entry, self._neighbours)
        return _NOTHING if line is None else Reading(line, kind)


class _Nothing:
    """A text that says nothing, or whose shape does not decide."""


_NOTHING, _UNCLEAR = _Nothing(), _Nothing()
NOTHING = Said(Reading(Line()))
"""What a text says that says nothing of a failure."""


def _kind(method: bytes | None) -> int:
    """What a method usually logs."""
    if method is None:
        return ANYTHING
    if method.endswith(b"handshakeFailed"):
        return FAILED
    return EXCEPTION if b"Exception" in method or method.endswith(b"onError") else ANYTHING


def _ssl_info(values: tuple[bytes, ...]) -> SslInfo:
    return SslInfo(*(value.decode() for value in values))


def _no_traces(_: object) -> list[tuple[bytes, Reading]]:
    return []


def _object(before: bytes, identity: bytes) -> Objects:
    return (("HTTPRequest" if before.endswith(b"HTTPRequest") else "HTTPResponse", identity.decode()),)


def target_of(channel: object) -> str | None:
    """``host:port`` of the other end of a channel."""
    host, port = getattr(channel, "remote_host", None), getattr(channel, "remote_port", None)
    if host is None:
        return None
    return f"{host}:{port}" if port is not None else str(host)


def _is_usual(line: Line, kind: int) -> bool:
    """Whether a line says what its kind says: a connection, or an SSLInfo, and nothing else of its own."""
    if line.objects:
        return False
    if kind == INFO:
        return line.ssl_info is not None and line.channel is None
    return line.opens and line.channel is not None and line.ssl_info is None


def _names_only(line: Line, identity: str) -> bool:
    """Whether an object is all that a line says of what has an identity."""
    if line.channel is not None or line.ssl_info is not None or _contains(line, (identity,)):
        return False
    return [name for _, name in line.objects] == [identity]


def _clear(line: Line, parts: list[tuple[bytes, ...]]) -> bool:
    """Whether a line can be remembered by its masked text: nothing that it says contains a masked part, and
    of its channel, SSLInfo and objects it says just the masked ones."""
    channels = [part[0] for part in parts if part[0]]
    objects = tuple((_OBJECTS[part[6]], part[7].decode()) for part in parts if part[6])
    if line.ssl_info is not None or len(channels) > 1:
        return False
    if line.channel is not None and line.channel != read_channel(channels[0].decode() if channels else ""):
        return False
    if line.objects not in {(), objects}:
        return False
    return not _contains(
        line, [value.decode() for part in parts for value in (part[0], part[7], part[8]) if value]
    )


def _contains(line: Line, values: list[str] | tuple[str, ...]) -> bool:
    """Whether the texts of a line contain one of some values."""
    texts = [line.message]
    if line.naming is not None:
        texts.append(line.naming.reason)
    if line.exception is not None:
        texts += (*chain_of(line.exception), *line.exception.frames)
    return any(value in text for value in values for text in texts)
