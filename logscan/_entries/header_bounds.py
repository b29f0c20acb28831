"""Where the parts of headers stand, found by numpy for all lines of a chunk at once.

Only blanks, keys and the dash are looked for, so that the same steps serve every layout. How many words stand
before the message id and in the thread is tried, first as the learned layout has it. What the parts say,
and whether they are what they seem, is decided by :mod:`logscan._entries.header_parts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from logscan._entries.chunk_text import Bools, Bytes, Ints, Text, blank, same, visible
from logscan._entries.layouts import ID_IN_TEXT, KEYS, Form
from logscan._entries.stamps import Stamps

_KEYS = tuple(key.encode() for key in KEYS.values())
_ID_KEY = KEYS["message_id"].encode()
_LONGEST_HEADER = 1000
_MOST_CONTEXT_WORDS = 7
_MOST_THREAD_WORDS = 8
_MOST_BLANKS = 8
_BLANKS = bytes(byte for byte in range(0x80) if chr(byte).isspace())
_BLANK_BEGINS = frozenset((0xE1, 0xE2, 0xE3))
"""First bytes of the blanks beyond ASCII, beside 0xC2."""
_BLANK_ENDS = frozenset((0x85, 0xA0, *range(0x80, 0x8B), 0xA8, 0xA9, 0xAF, 0x9F))
"""Last bytes of the blanks beyond ASCII."""


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
    stamps = Stamps(text, begins)
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
    most, least = len(keys), sum(key.always for key in keys)
    zoned = [] if form.zone is False else [most + 1]  # a zone may be joined to the time
    return [*(zoned if form.zone else ()), *range(most, least - 1, -1), *(() if form.zone else zoned)]


class _Finder:
    """Follows the words of lines that begin with a time."""

    def __init__(self, text: Text, lines: Ints, begins: Ints, stamps: Stamps) -> None:
        self._text, self._lines, self._begins, self._stamps = text, lines, begins, stamps
        self._stamp_ends = begins + 20 + stamps.digits

    def bounds(self, words_before_id: Sequence[int]) -> Bounds:
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
        return same(self._text.word(at), _ID_KEY[:8])  # the rest of the key is for who reads the context

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

    def _contexts(self, words_before_id: Sequence[int]) -> tuple[Bools, Ints, Ints]:
        """Whether each context has a message id, where it ends before the id, and where it ends with it."""
        count = len(self._lines)
        has_id, ends, id_ends = np.zeros(count, bool), self._stamp_ends.copy(), self._stamp_ends.copy()
        if words_before_id:
            has_id, ends, id_ends = self._with_id(self._stamp_ends, words_before_id[0])
        left = np.flatnonzero(~has_id)
        for words in words_before_id[1:]:
            if 16 * len(left) < count:
                break  # all of them key by key
            has_id[left], ends[left], id_ends[left] = self._with_id(self._stamp_ends[left], words)
            left = left[~has_id[left]]
        if len(left):
            has_id[left], ends[left], id_ends[left] = self._keyed(self._stamp_ends[left])
        return has_id, ends, id_ends

    def _with_id(self, begins: Ints, words: int) -> tuple[Bools, Ints, Ints]:
        """The same, for contexts with some words before the message id."""
        at = self._after(self._text.ends(begins, words)[0])
        found, ends = self._is_id(at), at + len(_ID_KEY)
        if 8 * np.count_nonzero(found) > 7 * len(found):
            return found, ends, self._text.ends(ends, 0)[0]
        id_ends = ends.copy()
        id_ends[found] = self._text.ends(ends[found], 0)[0]
        return found, ends, id_ends

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
        ends, bodies, found = self._dash(begins, 0)
        left = np.flatnonzero(~found)
        for words in range(1, _MOST_THREAD_WORDS):
            if not len(left):
                break
            ends[left], bodies[left], found = self._dash(begins[left], words)
            left = left[~found]
        bodies[left] = self._text.size
        return ends, bodies

    def _dash(self, begins: Ints, words: int) -> tuple[Ints, Ints, Bools]:
        """The same for threads with some blanks in them, and where there is a dash then."""
        ends, logger_ends = self._text.ends(begins, words, words + 2)
        at = self._after(logger_ends)
        return ends, at + 2, self._is_dash(at)

    def _is_dash(self, at: Ints) -> Bools:
        """Whether a dash, one blank and a visible character stand there."""
        words = self._text.word(at)
        return np.asarray(same(words, b"- ") & visible(words >> np.uint64(16)))

    def _calls(self, bodies: Ints, ends: Ints) -> tuple[Ints, Ints, Bools]:
        """Where each call ends and each message begins; and which lines the grammar must read."""
        words = self._text.word(np.maximum(ends - 2, 0))
        called = same(words, b"()")
        call = same(words, b"() : ")
        begins = np.where(call, ends + 3, bodies)
        wide = np.flatnonzero(call & ~visible(words >> np.uint64(40)))
        if len(wide):
            at = begins[wide]
            for _ in range(_MOST_BLANKS):
                at = at + (self._text.byte(at) == 0x20)
            begins[wide] = at
            call[wide] = visible(self._text.word(at)) | _is_letter(self._text.byte(at))
        return np.where(call, ends - 2, bodies), begins, np.asarray(called & ~call)

    def _message_ends(self, begins: Ints, line_ends: Ints) -> Ints:
        """Where each line ends without blanks."""
        raw, ends = self._text.raw, line_ends.copy()
        rows = np.arange(len(ends))
        for _ in range(_MOST_BLANKS):
            if not len(rows):
                break
            rows = rows[blank(raw[ends[rows] - 1]) & (ends[rows] > begins[rows])]
            ends[rows] -= 1
        for row in rows.tolist():  # many blanks: each line at once
            begin = int(begins[row])
            ends[row] = begin + len(self._text.data[begin : int(ends[row])].rstrip(_BLANKS))
        return np.maximum(ends, begins)


def _is_letter(byte: Bytes) -> Bools:
    """Whether a text certainly begins with no blank beyond ASCII."""
    return np.asarray((byte >= 0xC3) & ~np.isin(byte, list(_BLANK_BEGINS)))


def _ends_oddly(byte: Bytes) -> Bools:
    """Whether a text may end with a blank beyond ASCII."""
    return np.asarray((byte >= 0x80) & np.isin(byte, list(_BLANK_ENDS)))
