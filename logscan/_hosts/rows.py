"""Failed handshakes and entries as JSON, and back: checked, and with the address of their host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from logscan._failures.names import LONGEST_TEXT
from logscan._hosts.wire import WireError, data_of, flag, items, maybe, number, rooted, text, text_of, words
from logscan.values import Channel, FailedHandshake, Found, Place, Span, SslInfo, ThrownException

SOME = 500
"""Failures of a frame."""
BATCH = 1 << 20
"""Bytes of entries of a frame, about."""
MOST_ROWS = 1 << 18
"""Entries of a frame that is read."""
MOST_SENT_ROWS = 10_000
"""Entries of a frame that is made."""
MOST_OFFSET = 1 << 60
_TEXT = LONGEST_TEXT + 8
_MOST = (1 << 63) - 1


def failure_frames(failures: Sequence[FailedHandshake]) -> Iterator[dict[str, Any]]:
    """Failed handshakes, some at a time."""
    for begin in range(0, len(failures), SOME):
        rows = [
            [
                None if f.time is None else f.time.isoformat(), *f[1:9], list(f.families), *f[10:13],
                None if f.channel is None else list(f.channel),
                None if f.ssl_info is None else list(f.ssl_info),
                None if f.exception is None else [*f.exception[:2], *map(list, f.exception[2:])],
                list(f.place),
            ]
            for f in failures[begin : begin + SOME]
        ]  # fmt: skip
        yield {"k": "failures", "rows": rows}


def read_failures(value: Mapping[str, Any], address: str, host: str) -> list[FailedHandshake]:
    """Failed handshakes of a host.

    Raises:
        WireError: they are none.
    """
    return [_failure(row, address, host) for row in items(value.get("rows"), SOME, 17)]


def _failure(row: list[Any], address: str, host: str) -> FailedHandshake:
    org_to_thread: Any = [maybe(words, each, _TEXT) for each in row[1:8]]
    reason: Any = [words(each, _TEXT) for each in row[10:13]]
    channel, info, thrown, place = row[13:]
    path, offset, file = _sized(place, 3)
    try:
        time = None if row[0] is None else datetime.fromisoformat(text(row[0], 40))
    except ValueError as error:
        raise WireError("a time that is none") from error
    families = tuple(words(each, 64) for each in items(row[9], 16))
    if not families or (time is not None and time.tzinfo is not None):
        raise WireError("a failure that is none")
    values: list[Any] = [
        time, *org_to_thread, words(row[8]), families, *reason,
        None if channel is None else _channel(_sized(channel, 12)),
        None if info is None else SslInfo(*(words(each, _TEXT) for each in _sized(info, 3))),
        None if thrown is None else _thrown(_sized(thrown, 4)),
        host, Place(address + rooted(text(path, 4096)), number(offset, 0, MOST_OFFSET), number(file)),
    ]  # fmt: skip
    return FailedHandshake(*values)


def _channel(row: list[Any]) -> Channel:
    values: list[Any] = []
    for kind, value in zip("tntntnnnnnnf", row, strict=True):
        if value is None:
            values.append(None)
        elif kind == "t":
            values.append(words(value, _TEXT))
        else:
            values.append(number(value, -_MOST, _MOST) if kind == "n" else flag(value))
    return Channel(*values)


def _thrown(row: list[Any]) -> ThrownException:
    causes, frames = (tuple(words(each, _TEXT) for each in items(part, 1000)) for part in row[2:])
    return ThrownException(words(row[0], _TEXT), words(row[1], _TEXT), causes, frames)


def _sized(value: Any, size: int) -> list[Any]:
    if len(items(value, size)) != size:
        raise WireError("a row of another form")
    return list(value)


class FoundFrames:
    """Entries in, frames out: a frame as soon as it is large enough."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._rows: list[list[Any]] = []
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, found: Found) -> dict[str, Any] | None:
        """Take one entry; a frame where enough have come."""
        span, (path, offset, _) = found.span, found.span.place
        self._rows.append(
            [path, offset, span.line, span.orphan, span.cut, len(span.data), found.matches]
        )  # fmt: skip
        self._parts.append(span.data)
        self._size += len(span.data)
        return self.rest() if self._size >= BATCH or len(self._rows) >= MOST_SENT_ROWS else None

    def rest(self) -> dict[str, Any] | None:
        """A frame of what is left; ``None`` for nothing."""
        if not self._rows:
            return None
        frame = {"k": "found", "rows": self._rows, "data": text_of(b"".join(self._parts))}
        self._begin()
        return frame


def read_found(value: Mapping[str, Any], address: str) -> list[Found]:
    """Entries of a host.

    Raises:
        WireError: they are none.
    """
    data = data_of(value.get("data"))
    made, at = [], 0
    for path, offset, line, orphan, cut, size, matches in items(value.get("rows"), MOST_ROWS, 7):
        end = at + number(size, 0, len(data) - at)
        place = Place(address + rooted(text(path, 4096)), number(offset, 0, MOST_OFFSET))
        span = Span(data[at:end], place, number(line), flag(orphan), number(cut, 0, MOST_OFFSET))
        made.append(Found(span, flag(matches)))
        at = end
    if at != len(data):
        raise WireError("bytes that belong to no entry")
    return made
