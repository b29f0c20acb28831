"""A chunk's bytes, and where its lines, words and times are, found by numpy for all of them at once."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_BLOCK = 1 << 18
_FAR = 1000
"""Bytes in which the end of a word is looked for."""


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
            for _ in range(_FAR // 57 + 1):
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
        at = at[is_time(self.word(at), self.word(at + 8), self.word(at + 16))]
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


def is_time(date_word: Words, middle: Words, rest: Words) -> Bools:
    """Whether ``2026-11-23 05:28:57`` stands in three words, or the same with a T."""
    sign = (middle >> np.uint64(16)) & np.uint64(0xFF)
    return np.asarray(
        shaped(date_word, b"dddd-dd-")
        & shaped(middle, b"dd?dd:dd")
        & ((sign == 0x20) | (sign == 0x54))
        & shaped(rest, b":dd")
    )


def same(words: Words, literal: bytes) -> Bools:
    """Whether words begin with up to eight bytes."""
    value = np.uint64(int.from_bytes(literal, "little"))
    if len(literal) == 8:
        return np.asarray(words == value)
    return np.asarray((words & np.uint64((1 << 8 * len(literal)) - 1)) == value)


def shaped(words: Words, shape: bytes) -> Bools:
    """Whether words have digits where the shape has ``d``, anything where it has ``?``, else its bytes."""
    digits = bytes(byte == 0x64 for byte in shape)
    return matches(words, shape, digits, bytes(byte == 0x3F for byte in shape))


def matches(words: Words, literal: bytes, digits: bytes, anything: bytes = b"") -> Bools:
    """Whether words have digits where marked, anything where marked, else the bytes of a literal."""
    wanted, over, mask = _masks(literal, digits, anything or bytes(len(literal)))
    differ = words ^ wanted
    beyond = differ + over  # a digit stays below 16
    beyond |= differ
    beyond &= mask
    return np.asarray(beyond == 0)


@lru_cache(maxsize=256)
def _masks(literal: bytes, digits: bytes, anything: bytes) -> tuple[np.uint64, np.uint64, np.uint64]:
    """What is taken off words, what is added, and what must be zero then."""

    def word(values: bytes) -> np.uint64:
        return np.uint64(int.from_bytes(values, "little"))

    places = list(zip(literal, digits, anything, strict=True))
    return (
        word(bytes(0x30 if digit else byte for byte, digit, _ in places)),
        word(bytes(6 if digit else 0 for _, digit, _ in places)),
        word(bytes(0xF0 if digit else 0 if free else 0xFF for _, digit, free in places)),
    )


def visible(words: Words) -> Bools:
    """Whether the first bytes of words are visible ASCII."""
    return np.asarray(((words & np.uint64(0xFF)) - np.uint64(0x21)) < 0x5E)


def blank(byte: Bytes) -> Bools:
    """What Python's text calls blank, of ASCII."""
    return np.asarray((byte == 0x20) | ((byte >= 9) & (byte <= 13)) | ((byte >= 28) & (byte <= 31)))
