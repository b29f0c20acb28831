"""Where the parts of usual headers stand, found by numpy for all lines of a chunk at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from logscan._entries.layouts import ID_IN_TEXT, KEYS, LEVELS, TIME_SHAPE

Ints = npt.NDArray[np.int64]

Words = npt.NDArray[np.uint64]

Bools = npt.NDArray[np.bool_]

CUT = ("context", "message_id", "thread", "severity", "call", "message", "continuation")
"""What is cut out of the bytes, in the order in which it stands there: ``context`` from ``org:`` to the
revision, ``severity`` level and logger, ``call`` class and method."""

_KEYS = tuple(key.encode() for key in KEYS.values())

_LEVELS = tuple(f"{level} ".encode() for level in LEVELS)

_LONGEST_HEADER = 300

_PADDING = 32
"""Bytes after the chunk that may be read."""

_BLANK_ENDS = frozenset((0x85, 0xA0, *range(0x80, 0x8B), 0xA8, 0xA9, 0xAF, 0x9F))
"""Last bytes of the blanks beyond ASCII."""


class Text:
    """A chunk's bytes, and where its lines are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.raw = np.zeros(self.size + _PADDING, np.uint8)
        self.raw[: self.size] = np.frombuffer(data, np.uint8)
        self._words = np.ndarray((self.size + _PADDING - 7,), np.dtype("<u8"), self.raw, 0, (1,))
        odd = self.raw[: self.size] - np.uint8(0x20)
        self.odd = np.flatnonzero(np.greater(odd, 0x5E, out=odd.view(bool)))
        """Where anything but blanks and visible ASCII stands: line breaks, control characters, more."""
        breaks = self.odd[self.raw[self.odd] == 0x0A]
        if self.size and data[-1] != 0x0A:
            breaks = np.append(breaks, self.size)
        self.breaks = breaks
        """Where each line ends: its line break, or the end."""
        self.starts = np.concatenate([np.zeros(1, np.int64), breaks[:-1] + 1])

    def word(self, at: Ints) -> Words:
        """The eight bytes at each offset."""
        return self._words[at]

    def has(self, at: Ints, literal: bytes) -> Bools:
        """Whether up to eight bytes stand at each offset."""
        return same(self.word(at), literal)


class Header:
    """The headers of the lines that begin as usual: bounds of their parts, by line.

    Bounds of other lines are of no meaning; ``usual`` says which lines count.
    """

    def __init__(self, text: Text) -> None:
        stamps = text.word(text.starts), text.word(text.starts + 8), text.word(text.starts + 16)
        timed = np.flatnonzero(_usual_time(*stamps))
        raw, starts = text.raw, text.starts[timed]
        self._text, self._starts, self._line_ends = text, starts, text.breaks[timed]
        self._blanks = np.append(np.flatnonzero(raw[: text.size] == 0x20), np.full(16, text.size))
        self._good = np.ones(len(starts), bool)
        self._blank_at = np.searchsorted(self._blanks, starts + 23)
        """Number of the blank that ends the part which is looked at."""
        self._position = starts + 24
        """Where that part begins."""
        self.bounds = np.empty((len(starts), 2 * len(CUT)), np.int32)
        self.has: dict[str, Bools] = {}
        self.twice = self._pass_blank()
        """Whether two blanks stand after the time, by row of ``bounds``."""
        self._find_context()
        self.wide = self._pass_blank()
        """Whether one more blank stands before the thread, by row of ``bounds``."""
        self._find_severity()
        self._find_body()
        self.usual = np.zeros(len(text.starts), bool)
        self.usual[timed[self._good]] = True
        self.row = np.full(len(text.starts), -1, np.int64)
        """Which row of ``bounds`` a line has."""
        self.row[timed] = np.arange(len(timed))
        self.times = np.zeros(len(text.starts), np.int64)
        times, exist = _times(*(word[timed] for word in stamps))
        self.times[timed] = times
        self.usual[timed[~exist]] = False

    def _pass_blank(self) -> Bools:
        """Pass over one blank where there is one."""
        has = np.asarray(self._text.raw[self._position] == 0x20)
        self._step(has)
        self._position = self._position + has
        return has

    def _step(self, where: Bools | int) -> None:
        """Go on to the next blank."""
        self._blank_at = np.minimum(self._blank_at + where, len(self._blanks) - 10)

    def _keep(self, name: str, begin: Ints, end: Ints) -> None:
        column = 2 * CUT.index(name)
        self.bounds[:, column], self.bounds[:, column + 1] = begin, end

    def _find_context(self) -> None:
        """From ``org:`` to the message id; each key may be absent."""
        text = self._text
        began, context_end = self._position, self._position
        for key in _KEYS:
            position = self._position
            has = text.has(position, key[:8])
            if len(key) > 8:
                has &= text.has(position + 8, key[8:])
            begin = position + len(key)
            self._step(has)
            end = np.where(has, self._blanks[self._blank_at], position)
            self._good &= ~has | (end > begin)
            if key == _KEYS[-1]:
                self._keep("context", began, context_end)
                self._keep("message_id", np.where(has, begin, position), end)
                self.has["message_id"] = has
            context_end = np.where(has, end, context_end)
            self._position = np.minimum(np.where(has, end + 1, position), text.size)

    def _find_severity(self) -> None:
        """Thread, level, logger and dash."""
        text = self._text
        word = text.word(self._position)
        for key in _KEYS:  # out of their order, or twice
            self._good &= ~same(word, key[:8])
        severity = self._position
        for name in ("thread", "level", "logger"):
            position = self._position
            self._step(1)
            end = self._blanks[self._blank_at]
            self._good &= end > position
            if name == "thread":
                self._keep(name, position, end)
            elif name == "logger":
                self._keep("severity", severity, end)
            else:
                severity = position
                word = text.word(position)
                self._good &= np.logical_or.reduce([same(word, level) for level in _LEVELS])
            self._position = np.minimum(end + 1, text.size)
        self._good &= text.has(self._position, b"- ")
        self._step(1)

    def _find_body(self) -> None:
        """``Class.method() :`` and the message, without the blanks at its end."""
        text, line_ends = self._text, self._line_ends
        raw, position = text.raw, self._position + 2
        self._good &= (position < line_ends) & (position - self._starts < _LONGEST_HEADER)
        position = np.minimum(position, text.size)
        self._good &= _visible(raw[position])
        self._step(1)
        end = np.minimum(self._blanks[self._blank_at], line_ends)
        self._good &= ~_odd_within(text, self._starts, np.maximum(end, position))
        called = text.has(np.maximum(end - 2, 0), b"()")
        call = called & text.has(end, b" : ") & _visible(raw[np.minimum(end + 3, text.size)])
        call &= end + 3 < line_ends
        self._good &= ~called | call
        self._keep("call", position, np.where(call, end - 2, position))
        body = np.where(call, end + 3, position)
        self._good &= self.has["message_id"] | ~text.has(body, ID_IN_TEXT[:8].encode())
        stop = line_ends
        while (trailing := blank(raw[stop - 1]) & (stop > body)).any():
            stop = stop - trailing
        self._good &= ~(_ends_oddly(raw[stop - 1]))
        self._keep("message", body, np.maximum(stop, body))
        self.has["call"] = call


def _usual_time(date: Words, middle: Words, rest: Words) -> Bools:
    """Whether ``2026-11-23 05:28:57,813`` and a blank stand in three words."""
    return np.asarray(
        _shaped(date, TIME_SHAPE[:8].encode())
        & _shaped(middle, TIME_SHAPE[8:16].encode())
        & (_shaped(rest, b":dd,ddd ") | _shaped(rest, b":dd.ddd "))
    )


def _times(date: Words, middle: Words, rest: Words) -> tuple[Ints, Bools]:
    """Microseconds since 1970 of usual times, and which of them exist."""

    def number(word: Words, *places: int) -> Ints:
        value = np.zeros(len(word), np.int64)
        for place in places:
            value = value * 10 + ((word >> np.uint64(8 * place)) & np.uint64(0xF)).astype(np.int64)
        return value

    year, month, day = number(date, 0, 1, 2, 3), number(date, 5, 6), number(middle, 0, 1)
    hour, minute, second = number(middle, 3, 4), number(middle, 6, 7), number(rest, 1, 2)
    exist = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    exist &= (hour < 24) & (minute < 60) & (second < 60)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    exist &= day <= following - first
    seconds = (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    return (seconds * 1000 + number(rest, 4, 5, 6)) * 1000, exist


def same(words: Words, literal: bytes) -> Bools:
    """Whether words begin with up to eight bytes."""
    mask = np.uint64((1 << 8 * len(literal)) - 1)
    return np.asarray((words & mask) == np.uint64(int.from_bytes(literal, "little")))


def _shaped(words: Words, shape: bytes) -> Bools:
    """Whether words have digits where the shape has ``d``, and its other bytes elsewhere."""
    digits = int.from_bytes(bytes(0xFF if byte == 0x64 else 0 for byte in shape), "little")
    others = int.from_bytes(bytes(0 if byte == 0x64 else byte for byte in shape), "little")
    fixed = np.uint64(digits ^ 0xFFFFFFFFFFFFFFFF)
    value = (words ^ np.uint64(0x3030303030303030)) & np.uint64(digits)
    high = np.uint64(0xF0F0F0F0F0F0F0F0)
    over = ((value + np.uint64(0x0606060606060606 & digits)) | value) & high
    return np.asarray(((words & fixed) == np.uint64(others)) & (over == 0))


def _visible(byte: npt.NDArray[np.uint8]) -> Bools:
    return np.asarray((byte > 0x20) & (byte < 0x7F))


def blank(byte: npt.NDArray[np.uint8]) -> Bools:
    """What Python's text calls blank, of ASCII."""
    return np.asarray((byte == 0x20) | ((byte >= 9) & (byte <= 13)) | ((byte >= 28) & (byte <= 31)))


def _ends_oddly(byte: npt.NDArray[np.uint8]) -> Bools:
    """Whether a text may end with a blank beyond ASCII."""
    return np.asarray((byte >= 0x80) & np.isin(byte, list(_BLANK_ENDS)))


def _odd_within(text: Text, begins: Ints, ends: Ints) -> Bools:
    """Whether anything but visible ASCII and blanks stands between offsets."""
    odd = np.append(text.odd, text.size + 1)
    return np.asarray(odd[np.searchsorted(odd, begins)] < ends)
