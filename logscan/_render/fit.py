"""Fitting: text and tables that fit the width of a terminal, without a word or a number broken."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

MARK = "…"
"""Stands where a text was cut."""
LEAST = 8
"""Columns to which a text may be cut."""
GAP = 2
"""Columns between the cells of a row."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    is_number: bool = False
    """Numbers are aligned to the right."""
    is_whole: bool = False
    """Its cells are never cut: numbers, times, alerts."""
    weight: int = 1
    """How little a long text of it is worth: those of the highest weight are cut first."""


def width_of(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def cut_to(text: str, width: int) -> str:
    """A text of at most so many columns; its end is cut, with a mark."""
    if width_of(text) <= width:
        return text
    kept = ""
    used = 0
    for char in text:
        used += width_of(char)
        if used > width - 1:
            break
        kept += char
    return kept + MARK


def padded(text: str, width: int, right: bool = False) -> str:
    """A text of just so many columns."""
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def widths_for(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widths of columns, so that a row fits: the longest of the texts that may be cut give way."""
    names = [max((width_of(word) for word in column.name.split("\n")), default=0) for column in columns]
    widths = [
        max([name, *(width_of(row[at]) for row in rows)], default=name) for at, name in enumerate(names)
    ]
    floors = [
        widths[at] if column.is_whole or column.is_number else min(widths[at], max(LEAST, names[at]))
        for at, column in enumerate(columns)
    ]
    excess = sum(widths) + GAP * (len(columns) - 1) - width
    while excess > 0:
        able = [at for at in range(len(columns)) if widths[at] > floors[at]]
        if not able:
            break
        heaviest = max(columns[at].weight for at in able)
        widest = max((at for at in able if columns[at].weight == heaviest), key=lambda at: (widths[at], at))
        widths[widest] -= 1
        excess -= 1
    return widths


def fits(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether a table can be cut to a width."""
    return sum(widths_for(columns, rows, width)) + GAP * (len(columns) - 1) <= width


def row_of(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    """A row on one line."""
    parts = [
        padded(cut_to(cell, width), width, column.is_number)
        for column, cell, width in zip(columns, cells, widths, strict=True)
    ]
    return (" " * GAP).join(parts).rstrip()


def wrapped(text: str, width: int, first: int = 0) -> list[str]:
    """A text in lines of at most so many columns, broken at blanks; a longer word is cut, with a mark.

    Args:
        text: one line.
        width: columns of a line.
        first: columns of the first line that are taken.
    """
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        left = width - (first if not lines else 0)
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= left:
            line = joined
            continue
        if line:
            lines.append(line)
            left = width
        line = cut_to(word, left)
    return [*lines, line]
