"""Where the parts of headers stand, found by numpy for all lines of a chunk at once.

Only blanks, keys and the dash are looked for, so that the same steps serve every layout: how many words stand
before the message id and in the thread is taken from some of the lines and tried on all. What the parts say,
and whether they are what they seem, is decided by :mod:`logscan._entries.header_parts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logscan._entries.layouts import ID_IN_TEXT, KEYS, Form

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_KEYS = tuple(key.encode() for key in KEYS.values())
_ID_KEY = KEYS["message_id"].encode()
_BLOCK = 1 << 18
_LONGEST_HEADER = 1000
_MOST_CONTEXT_WORDS = 7
_MOST_THREAD_WORDS = 8
_MOST_BLANKS = 8
_BLANK_ENDS = frozenset((0x85, 0xA0, *range(0x80, 0x8B), 0xA8, 0xA9, 0xAF, 0x9F))
"""Last bytes of the blanks beyond ASCII."""
_EPOCH = date(1970, 1, 1).toordinal()


class Text:
    """A chunk's bytes, and where its lines and words end.

    What is found byte by byte is found block by block: large temporaries cost more than the work (measured).
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.raw = np.frombuffer(data if self.size >= 8 else data.ljust(8, b"\0"), np.uint8)
        self._last = len(self.raw) - 8
        # Strings of eight bytes are picked faster than numbers that are not aligned (measured).
        self._words = np.ndarray((self._last + 1,), np.dtype("S8"), self.raw, 0, (1,))
        breaks, word_ends = [], []
        for begin in range(0, self.size, _BLOCK):
            block = self.raw[begin : min(self.size, begin + _BLOCK)]
            breaks.append(places(block == 0x0A) + begin)
            blanks = block <= 0x20
            ends = np.empty(len(blanks), bool)
            np.greater(blanks[1:], blanks[:-1], out=ends[1:])
            ends[0] = begin > 0 and blanks[0] and self.raw[begin - 1] > 0x20
            word_ends.append(np.packbits(ends, bitorder="little"))
        if self.size and data[-1] != 0x0A:
            breaks.append(np.array([self.size]))
        self.breaks = np.concatenate([*breaks, np.empty(0, np.int64)])
        """Where each line ends: its line break, or the end."""
        self.starts = np.concatenate([np.zeros(1, np.int64), self.breaks[:-1] + 1])
        ends = np.concatenate([*word_ends, np.zeros(16, np.uint8)])
        ends[self.size >> 3] |= 1 << (self.size & 7)
        self._word_ends = np.ndarray((len(ends) - 7,), np.dtype("S8"), ends, 0, (1,))
        """A bit for each byte: whether it is the first after a word. Eight bytes of them at each place."""

    def ends(self, at: Ints, *numbers: int) -> list[Ints]:
        """Where words end: a blank, a control character or the end follows anything else.

        Args:
            at: offsets.
            numbers: 0 for the first end at or after each offset, 1 for the second; ascending.
        """
        bits = self._bits(at)
        found = []
        for number, before in zip(numbers, (0, *numbers), strict=False):
            for _ in range(number - before):
                bits &= bits - np.uint64(1)
            places = at + _lowest(bits)
            far = np.flatnonzero(bits == 0)
            if len(far):
                places[far] = self._far_ends(at[far], number)
            found.append(places)
        return found

    def _bits(self, at: Ints) -> Words:
        """Whether words end at each offset and after it: at least 57 bits."""
        at = np.minimum(at, self.size)
        return np.asarray(self._word_ends[at >> 3].view("<u8") >> (at & 7).astype(np.uint64))

    def _far_ends(self, at: Ints, number: int) -> Ints:
        """The same for words beyond what was looked at; the end where that is too far."""
        for step in range(number + 1):
            at = at + (step > 0)
            left = np.arange(len(at))
            for _ in range(_LONGEST_HEADER // 57 + 1):
                bits = self._bits(at[left])
                at[left] += np.where(bits > 0, _lowest(bits), 57)
                left = left[bits == 0]
                if not len(left):
                    break
            at[left] = self.size
            at = np.minimum(at, self.size)
        return at

    def word(self, at: Ints) -> Words:
        """The eight bytes at each offset; zeros after the end."""
        if not len(at) or at.max() <= self._last:
            return self._words[at].view("<u8")
        inside = np.minimum(at, self._last)
        beyond = np.minimum(at - inside, 8).astype(np.uint64) * np.uint64(8)
        words = self._words[inside].view("<u8")
        return np.where(beyond < 64, words >> np.minimum(beyond, np.uint64(63)), np.uint64(0))

    def byte(self, at: Ints) -> Bytes:
        """The byte at each offset; zero after the end."""
        if not len(at) or at.max() < self.size:
            return self.raw[at]
        return np.where(at < self.size, self.raw[np.minimum(at, self.size - 1)], np.uint8(0))

    @cached_property
    def times(self) -> tuple[Ints, Ints]:
        """Where times begin, anywhere, and the numbers of their lines."""
        found = []
        for begin in range(0, self.size - 7, _BLOCK):
            block = self.raw[begin : begin + _BLOCK + 7]
            found.append(places((block[4:-3] == 0x2D) & (block[7:] == 0x2D)) + begin)
        at = np.concatenate([*found, np.empty(0, np.int64)])
        at = at[_is_time(self.word(at), self.word(at + 8), self.word(at + 16))]
        return at, np.searchsorted(self.breaks, at)

    @cached_property
    def high(self) -> Ints:
        """Where bytes beyond ASCII stand."""
        if self.data.isascii():
            return np.empty(0, np.int64)
        return np.flatnonzero(self.raw >= 0x80)

    @cached_property
    def is_utf8(self) -> bool:
        """Whether all of it is UTF-8."""
        if not len(self.high):
            return True
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True

    def has_high(self, begins: Ints, ends: Ints) -> Bools:
        """Whether bytes beyond ASCII stand between offsets."""
        if not len(self.high):
            return np.zeros(len(begins), bool)
        return np.asarray(np.searchsorted(self.high, begins) < np.searchsorted(self.high, ends))


class Bounds(NamedTuple):
    """Where the parts of some lines' headers begin and end, as far as they look like headers."""

    lines: Ints
    """Numbers of the lines."""
    begins: Ints
    """Of the time."""
    times: Ints
    """Microseconds since 1970."""
    digits: Ints
    """Digits of the time's fraction; -1 where there is no fraction."""
    stamp_ends: Ints
    context_ends: Ints
    """After the key of the message id, else after the last value, else where the zone or time ends."""
    id_ends: Ints
    """Equal to ``context_ends`` where there is no id."""
    bare: Bools
    """Whether nothing but blanks stands between time and thread."""
    gaps: Ints
    """Blanks before the thread; 0 where one of several is a tab, -1 for one tab."""
    thread_begins: Ints
    thread_ends: Ints
    bodies: Ints
    """Where the text begins, after the dash."""
    call_ends: Ints
    """Before ``() :``; equal to ``bodies`` where no call is printed."""
    message_begins: Ints
    """After the blanks that follow the call's colon."""
    message_ends: Ints
    """Without the blanks at its end."""

    def only(self, which: Bools | Ints) -> Bounds:
        """The bounds of some of the lines."""
        return Bounds._make(column[which] for column in self)


def bounds_of(text: Text, form: Form | None, lines: Ints, begins: Ints) -> Bounds:
    """The bounds of those lines that look as headers do.

    Args:
        text: the chunk.
        form: how most headers look, as far as it is known; it says what is tried first.
        lines: numbers of lines.
        begins: where the time of each seems to begin.
    """
    stamps = _Stamps(text, begins)
    lines, begins = lines[stamps.rows], begins[stamps.rows]
    if not len(lines):
        empty = np.empty(0, np.int64)
        return Bounds(*(empty,) * 7, np.empty(0, bool), *(empty,) * 7)
    return _Finder(text, lines, begins, stamps).bounds(_words_before_id(form))


def _words_before_id(form: Form | None) -> list[int]:
    """How many words may stand between time and message id, the likeliest first."""
    if form is None:
        return list(range(_MOST_CONTEXT_WORDS))
    keys = [key for key in form.keys if key.name != "message_id"]
    if len(keys) == len(form.keys):
        return []
    least = sum(key.always for key in keys)
    return list(range(len(keys) + (form.zone is not False), least - 1, -1))


class _Finder:
    """Follows the words of lines that begin with a time."""

    def __init__(self, text: Text, lines: Ints, begins: Ints, stamps: _Stamps) -> None:
        self._text, self._lines, self._begins, self._stamps = text, lines, begins, stamps
        self._stamp_ends = begins + 20 + stamps.digits

    def bounds(self, words_before_id: Iterable[int]) -> Bounds:
        """What stands where."""
        text = self._text
        has_id, context_ends, id_ends = self._contexts(words_before_id)
        bare = ~has_id & (id_ends == self._stamp_ends)
        thread_begins = self._after(id_ends)
        gaps, good = self._gaps(id_ends, thread_begins)
        thread_ends, bodies = self._dashes(thread_begins)
        line_ends = text.breaks[self._lines]
        good &= (bodies < line_ends) & (bodies - self._begins < _LONGEST_HEADER)
        (word_ends,) = text.ends(bodies, 0)
        word_ends = np.minimum(word_ends, line_ends)
        call_ends, message_begins, odd = self._calls(bodies, word_ends)
        good &= ~odd & ((id_ends > context_ends) | ~same(text.word(message_begins), ID_IN_TEXT[:8].encode()))
        message_ends = self._message_ends(message_begins, line_ends)
        if len(text.high):
            good &= ~text.has_high(self._begins, np.maximum(word_ends, bodies))
            good &= ~_ends_oddly(text.raw[message_ends - 1])
        found = Bounds(
            self._lines, self._begins, self._stamps.times, self._stamps.digits, self._stamp_ends,
            context_ends, id_ends, bare, gaps, thread_begins, thread_ends, bodies, call_ends,
            message_begins, message_ends,
        )  # fmt: skip
        return found if good.all() else found.only(good)

    def _after(self, at: Ints) -> Ints:
        """Where the next word begins after a word's end."""
        at = at + 1
        for _ in range(_MOST_BLANKS):
            blank = self._text.byte(at) <= 0x20
            if not blank.any():
                break
            at = at + blank
        return at

    def _is_id(self, at: Ints) -> Bools:
        text = self._text
        return np.asarray(same(text.word(at), _ID_KEY[:8]) & same(text.word(at + 2), _ID_KEY[2:]))

    def _is_key(self, at: Ints) -> Bools:
        words = self._text.word(at)
        return np.asarray(np.logical_or.reduce([same(words, key[:8]) for key in _KEYS]))

    def _gaps(self, begins: Ints, ends: Ints) -> tuple[Ints, Bools]:
        """What stands before each thread, as :attr:`Bounds.gaps`, and whether it is blanks and tabs."""
        first, gaps = self._text.byte(begins), ends - begins
        known = (first == 0x20) | (first == 0x09)
        tabs = first == 0x09
        gaps = np.where(tabs, -1, gaps)
        wide = np.flatnonzero(ends - begins > 1)
        if len(wide):
            at = np.arange(_MOST_BLANKS + 1)
            within = at < (ends - begins)[wide][:, None]
            block = self._text.byte(begins[wide][:, None] + at)
            known[wide] = (~within | (block == 0x20) | (block == 0x09)).all(1)
            gaps[wide] = np.where((within & (block == 0x09)).any(1), 0, gaps[wide])
        return gaps, known

    def _contexts(self, words_before_id: Iterable[int]) -> tuple[Bools, Ints, Ints]:
        """Whether each context has a message id, where it ends before the id, and where it ends with it."""
        has_id = np.zeros(len(self._lines), bool)
        ends, id_ends = np.empty((2, len(self._lines)), np.int64)
        left = np.arange(len(self._lines))
        for words in words_before_id:
            if not len(left):
                break
            (before,) = self._text.ends(self._stamp_ends[left], words)
            at = self._after(before)
            found = self._is_id(at)
            if not found.all():
                at, rows, left = at[found], left[found], left[~found]
            else:
                rows, left = left, left[:0]
            ends[rows] = at + len(_ID_KEY)
            id_ends[rows] = self._text.ends(at + len(_ID_KEY), 0)[0]
            has_id[rows] = True
        if len(left):
            has_id[left], ends[left], id_ends[left] = self._keyed(self._stamp_ends[left])
        return has_id, ends, id_ends

    def _keyed(self, begins: Ints) -> tuple[Bools, Ints, Ints]:
        """The same, key by key."""
        last, second = self._text.ends(begins, 0, 1)
        keyed = self._is_key(self._after(last))
        zoned = ~keyed & self._is_key(self._after(second))
        last, keyed = np.where(zoned, second, last), keyed | zoned
        named, ends = np.zeros(len(last), bool), np.zeros(len(last), np.int64)
        for _ in range(_MOST_CONTEXT_WORDS):
            if not keyed.any():
                break
            at = self._after(last)
            found = keyed & self._is_id(at)
            named |= found
            ends = np.where(found, at + len(_ID_KEY), ends)
            last = np.where(keyed, self._text.ends(at, 0)[0], last)
            keyed &= ~found
            keyed &= self._is_key(self._after(last))
        return named, np.where(named, ends, last), last

    def _dashes(self, begins: Ints) -> tuple[Ints, Ints]:
        """Where each thread ends, and where the text begins after the dash; both the end of the chunk where
        there is no dash."""
        ends, bodies = np.full((2, len(begins)), self._text.size)
        left = np.arange(len(begins))
        for words in range(_MOST_THREAD_WORDS):
            thread_ends, logger_ends = self._text.ends(begins[left], words, words + 2)
            at = self._after(logger_ends)
            found = self._is_dash(at)
            if not found.all():
                thread_ends, at, rows, left = thread_ends[found], at[found], left[found], left[~found]
            else:
                rows, left = left, left[:0]
            ends[rows], bodies[rows] = thread_ends, at + 2
            if not len(left):
                break
        return ends, bodies

    def _is_dash(self, at: Ints) -> Bools:
        """Whether a dash, one blank and a visible character stand there."""
        words = self._text.word(at)
        return np.asarray(same(words, b"- ") & _visible(words >> np.uint64(16)))

    def _calls(self, bodies: Ints, ends: Ints) -> tuple[Ints, Ints, Bools]:
        """Where each call ends and each message begins; and which lines the grammar must read."""
        words = self._text.word(np.maximum(ends - 2, 0))
        called = same(words, b"()")
        call = same(words, b"() : ")
        begins = np.where(call, ends + 3, bodies)
        wide = np.flatnonzero(call & ~_visible(words >> np.uint64(40)))
        if len(wide):
            at = begins[wide]
            for _ in range(_MOST_BLANKS):
                at = at + (self._text.byte(at) == 0x20)
            begins[wide] = at
            call[wide] = _visible(self._text.word(at))
        return np.where(call, ends - 2, bodies), begins, np.asarray(called & ~call)

    def _message_ends(self, begins: Ints, line_ends: Ints) -> Ints:
        """Where each line ends without blanks."""
        raw, ends = self._text.raw, line_ends.copy()
        rows = np.arange(len(ends))
        while len(rows):
            rows = rows[blank(raw[ends[rows] - 1]) & (ends[rows] > begins[rows])]
            ends[rows] -= 1
        return np.maximum(ends, begins)


def _lowest(bits: Words) -> Ints:
    """The number of the lowest bit that is set."""
    lowest = (bits & (~bits + np.uint64(1))).astype(np.float64)  # a power of two: exact
    return (lowest.view(np.int64) >> 52) - 1023


def places(which: Bools) -> Ints:
    """The numbers of few marked values among many."""
    whole = len(which) // 8 * 8
    words = which[:whole].view(np.uint64)
    groups = np.flatnonzero(words != 0)
    within = np.flatnonzero(words[groups].view(bool))
    found = groups[within >> 3] * 8 + (within & 7)
    return found if whole == len(which) else np.concatenate([found, np.flatnonzero(which[whole:]) + whole])


def _is_time(date_word: Words, middle: Words, rest: Words) -> Bools:
    """Whether ``2026-11-23 05:28:57`` stands in three words, or the same with a T."""
    sign = (middle >> np.uint64(16)) & np.uint64(0xFF)
    return np.asarray(
        shaped(date_word, b"dddd-dd-")
        & shaped(middle, b"dd?dd:dd")
        & ((sign == 0x20) | (sign == 0x54))
        & shaped(rest, b":dd")
    )


class _Stamps:
    """The times that stand at some places.

    Args:
        text: the chunk.
        begins: the places.
    """

    rows: Ints
    """Numbers of the places where a time stands that exists; the other columns are of these."""
    times: Ints
    digits: Ints

    def __init__(self, text: Text, begins: Ints) -> None:
        self._text = text
        words = text.word(begins), text.word(begins + 8), text.word(begins + 16)
        good = _is_time(*words)
        rows = np.flatnonzero(good)
        if len(rows) < len(begins):
            begins = begins[rows]
            words = words[0][rows], words[1][rows], words[2][rows]
        micros, digits = self._fractions(begins, words[2])
        days, exist = _days(words[0], words[1])
        pairs = ((words[1] >> np.uint64(24)) | (words[2] << np.uint64(40))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        pairs = pairs * np.uint64(10) + (pairs >> np.uint64(8))
        hours, minutes = pairs & np.uint64(0xFF), (pairs >> np.uint64(24)) & np.uint64(0xFF)
        seconds = (pairs >> np.uint64(48)) & np.uint64(0xFF)
        exist &= (hours < 24) & (minutes < 60) & (seconds < 60) & (digits > -2)
        clock = (hours * np.uint64(3600) + minutes * np.uint64(60) + seconds).view(np.int64)
        times = (days * 86_400 + clock) * 1_000_000 + micros
        kept = slice(None) if exist.all() else exist
        self.rows, self.times, self.digits = rows[kept], times[kept], digits[kept]

    def _fractions(self, begins: Ints, rest: Words) -> tuple[Ints, Ints]:
        """Microseconds, and the number of digits: -1 for none, -2 where there are too many."""
        sign = (rest >> np.uint64(24)) & np.uint64(0xFF)
        fraction = (sign == 0x2C) | (sign == 0x2E)
        millis = fraction & shaped(rest, b":dd?ddd") & ~_digit(rest >> np.uint64(56))
        numbers = (rest >> np.uint64(32)) & np.uint64(0x0F0F0F)
        value = (numbers & np.uint64(15)) * np.uint64(100) + (
            (numbers >> np.uint64(8)) & np.uint64(15)
        ) * np.uint64(10)
        micros = ((value + (numbers >> np.uint64(16))) * np.uint64(1000)).view(np.int64)
        if millis.all():
            return micros, np.full(len(begins), 3)
        micros, digits = np.where(millis, micros, 0), np.where(millis, 3, -1)
        others = np.flatnonzero(fraction & ~millis)
        if len(others):
            marks = self._text.byte(begins[others][:, None] + np.arange(20, 30)) ^ np.uint8(0x30)
            count = np.argmax(np.hstack([marks > 9, np.ones((len(others), 1), bool)]), 1)
            used = np.where(np.arange(6) < count[:, None], marks[:, :6], 0)
            micros[others] = used @ np.array([100_000, 10_000, 1000, 100, 10, 1])
            digits[others] = np.where((count > 0) & (count < 10), count, -2)
        return micros, digits


def _days(first: Words, second: Words) -> tuple[Ints, Bools]:
    """Days since 1970 of dates in two words, and which of them exist."""
    second = second & np.uint64(0xFFFF)
    if not len(first):
        return np.empty(0, np.int64), np.empty(0, bool)
    if (first == first[0]).all() and (second == second[0]).all():
        text = (int(first[0]) | int(second[0]) << 64).to_bytes(10, "little").decode("latin-1")
        try:
            return np.full(len(first), date.fromisoformat(text).toordinal() - _EPOCH), np.ones(
                len(first), bool
            )
        except ValueError:
            return np.zeros(len(first), np.int64), np.zeros(len(first), bool)

    def number(word: Words, *places: int) -> Ints:
        value = np.zeros(len(word), np.int64)
        for place in places:
            value = value * 10 + ((word >> np.uint64(8 * place)) & np.uint64(0xF)).astype(np.int64)
        return value

    year, month, day = number(first, 0, 1, 2, 3), number(first, 5, 6), number(second, 0, 1)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    begin = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    exist = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= following - begin)
    return begin + day - 1, exist


def same(words: Words, literal: bytes) -> Bools:
    """Whether words begin with up to eight bytes."""
    value = np.uint64(int.from_bytes(literal, "little"))
    if len(literal) == 8:
        return np.asarray(words == value)
    return np.asarray((words & np.uint64((1 << 8 * len(literal)) - 1)) == value)


def shaped(words: Words, shape: bytes) -> Bools:
    """Whether words have digits where the shape has ``d``, anything where it has ``?``, else its bytes."""
    return matches(
        words, shape.replace(b"d", b"?"), bytes(0xFF if byte == 0x64 else 0 for byte in shape), b"?"
    )


def matches(words: Words, literal: bytes, digits: bytes, anything: bytes = b"") -> Bools:
    """Whether words have digits where marked, anything at certain bytes, else the bytes of a literal."""
    marked = np.uint64(int.from_bytes(digits, "little"))
    fixed = bytes(
        0 if digit or byte in anything else 0xFF for byte, digit in zip(literal, digits, strict=True)
    )
    mask = np.uint64(int.from_bytes(fixed, "little"))
    value = (words ^ np.uint64(0x3030303030303030)) & marked
    over = ((value + np.uint64(0x0606060606060606 & int(marked))) | value) & np.uint64(0xF0F0F0F0F0F0F0F0)
    wanted = np.uint64(int.from_bytes(literal, "little")) & mask
    return np.asarray(((words & mask) == wanted) & (over == 0))


def _digit(words: Words) -> Bools:
    """Whether words, cut to their first bytes, are digits."""
    return np.asarray(((words & np.uint64(0xFF)) - np.uint64(0x30)) < 10)


def _visible(words: Words) -> Bools:
    """Whether the first bytes of words are visible ASCII."""
    return np.asarray(((words & np.uint64(0xFF)) - np.uint64(0x21)) < 0x5E)


def blank(byte: npt.NDArray[np.uint8]) -> Bools:
    """What Python's text calls blank, of ASCII."""
    return np.asarray((byte == 0x20) | ((byte >= 9) & (byte <= 13)) | ((byte >= 28) & (byte <= 31)))


def _ends_oddly(byte: npt.NDArray[np.uint8]) -> Bools:
    """Whether a text may end with a blank beyond ASCII."""
    return np.asarray((byte >= 0x80) & np.isin(byte, list(_BLANK_ENDS)))
