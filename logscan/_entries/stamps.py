"""The times of many lines, read by numpy."""

from __future__ import annotations

from datetime import date

import numpy as np

from logscan._entries.chunk_text import Bools, Ints, Text, Words, is_time, matches

_EPOCH = date(1970, 1, 1).toordinal()


class Stamps:
    """The times that stand at some places. Most are printed as the first is; the others take longer.

    Args:
        text: the chunk.
        begins: the places.
    """

    rows: Ints
    """Numbers of the places where a time stands that exists; the other columns are of these."""
    times: Ints
    """Microseconds since 1970."""
    digits: Ints
    """Digits of the fraction; -1 where there is no fraction."""

    def __init__(self, text: Text, begins: Ints) -> None:
        words = text.word(begins), text.word(begins + 8), text.word(begins + 16)
        good = _like(text.data[int(begins[0]) : int(begins[0]) + 24], words) if len(begins) else None
        if good is None:
            good = np.zeros(len(begins), bool)
        times, exist = _times(words, good)
        fraction = (words[2] >> np.uint64(32)) & np.uint64(0x0F0F0F)
        pair = fraction * np.uint64(10) + (fraction >> np.uint64(8))
        pair = (pair & np.uint64(0xFF)) * np.uint64(10) + (fraction >> np.uint64(16))
        times += (pair * np.uint64(1000)).view(np.int64)
        digits = np.where(good & exist, 3, -2)
        others = np.flatnonzero(~good)
        if len(others):
            few = words[0][others], words[1][others], words[2][others]
            timed = is_time(*few)
            times[others], exist = _times(few, timed)
            micros, digits[others] = _fractions(text, begins[others], few[2])
            times[others] += micros
            digits[others[~(timed & exist)]] = -2
        rows = np.flatnonzero(digits > -2)
        whole = len(rows) == len(begins)
        self.rows, self.times, self.digits = (
            rows,
            times if whole else times[rows],
            digits if whole else digits[rows],
        )


def _like(stamp: bytes, words: tuple[Words, Words, Words]) -> Bools | None:
    """Which times have the signs of a time with milliseconds; ``None`` if it is none."""
    if len(stamp) < 24 or stamp[10] not in b" T" or stamp[19] not in b",." or stamp[23:].isdigit():
        return None
    shape = b"dddd-dd-dd" + stamp[10:11] + b"dd:dd:dd" + stamp[19:20] + b"ddd" + stamp[23:]
    digits = b"".join(b"\1" if byte == 0x64 and at < 23 else b"\0" for at, byte in enumerate(shape))
    first, second, third = (matches(words[n], shape[8 * n :][:8], digits[8 * n :][:8]) for n in range(3))
    return np.asarray(first & second & third)


def _times(words: tuple[Words, Words, Words], good: Bools) -> tuple[Ints, Bools]:
    """Microseconds since 1970 of times without their fractions, and which of them exist.

    Args:
        words: of each time.
        good: which of them count.
    """
    days, exist = _days(words[0], words[1] & np.uint64(0xFFFF), good)
    pairs = ((words[1] >> np.uint64(24)) | (words[2] << np.uint64(40))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    pairs = (pairs * np.uint64(10) + (pairs >> np.uint64(8))) & np.uint64(0x00FF0000FF0000FF)
    exist &= (pairs + np.uint64(_beyond(24, 60, 60))) & np.uint64(0x0080000080000080) == 0
    minutes = ((pairs * np.uint64(60 << 24 | 1)) >> np.uint64(24)) & np.uint64(0xFFFF)
    seconds = minutes * np.uint64(60) + (pairs >> np.uint64(48))
    return (days * 86_400 + seconds.view(np.int64)) * 1_000_000, exist


def _beyond(hours: int, minutes: int, seconds: int) -> int:
    """What makes the highest bit of a byte one if a number is too large."""
    return 128 - hours | (128 - minutes) << 24 | (128 - seconds) << 48


def _fractions(text: Text, begins: Ints, rest: Words) -> tuple[Ints, Ints]:
    """Microseconds, and the number of digits: -1 for none, -2 where there are too many."""
    sign = (rest >> np.uint64(24)) & np.uint64(0xFF)
    marks = text.byte(begins[:, None] + np.arange(20, 30)) ^ np.uint8(0x30)
    count = np.argmax(np.hstack([marks > 9, np.ones((len(begins), 1), bool)]), 1)
    used = np.where(np.arange(6) < count[:, None], marks[:, :6], 0)
    fraction = (sign == 0x2C) | (sign == 0x2E)
    micros = np.where(fraction, used @ np.array([100_000, 10_000, 1000, 100, 10, 1]), 0)
    return micros, np.where(fraction, np.where((count > 0) & (count < 10), count, -2), -1)


def _days(first: Words, second: Words, good: Bools) -> tuple[Ints, Bools]:
    """Days since 1970 of dates in two words, and which of them exist."""
    if not good.any():
        return np.zeros(len(first), np.int64), np.zeros(len(first), bool)
    usual = int(np.argmax(good))
    if (((first == first[usual]) & (second == second[usual])) | ~good).all():
        text = (int(first[usual]) | int(second[usual]) << 64).to_bytes(10, "little").decode("latin-1")
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
