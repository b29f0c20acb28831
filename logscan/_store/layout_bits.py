"""How the columns of a row stood in the log, so that its bytes can be made again.

:func:`logscan._store.roundtrip.to_bytes` makes the bytes of many rows at once. :func:`row_bytes` makes those
of one row, without numpy, whose import takes longer than a look-up. Column ``shape`` has the entry's own line
with the names of columns in place of their values, ``prefix`` what stood before it, ``form`` some bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from logscan._entries.layouts import KEYS

POINT, TWO_BLANKS, WIDE, OPEN_END, TRAILING, PIECE, CRLF = (1 << bit for bit in range(7))
"""Bits of ``form``: a point before the milliseconds; two blanks after the time; two before the thread; no
line break at the end; one blank after the message; the row continues the entry before it; each line break is
``\\r\\n``. Rows with a ``shape`` have no use for the first three and the fifth."""
ESCAPED = POINT
"""Bit of rows with a ``shape``: each ``\\xe4`` in the columns stands for a byte that is no UTF-8."""
_FIELD = re.compile(r"\{(\w+)(?::([ T])(?:([,.])(\d))?)?(?:/(\d+))?\}")
_ESCAPE = re.compile(rb"\\x([89a-f][0-9a-f])")


class Piece(NamedTuple):
    """A column's value in a line, and what stands before it."""

    literal: str
    name: str
    stamp: tuple[str, str, int] = (" ", "", 0)
    """Of a time: what stands between date and clock, the sign before the fraction, and its digits."""
    size: int | None = None
    """Of a message that was wrapped: the characters of it that stand here; a blank of it is left out after
    them. ``None``: all of it."""


class Shape(NamedTuple):
    """A line without the values of its columns."""

    pieces: tuple[Piece, ...]
    end: str

    @property
    def is_wrapped(self) -> bool:
        """Whether a value stands in several places."""
        return any(piece.size is not None for piece in self.pieces)


@lru_cache(maxsize=1024)
def shape_from(text: str) -> Shape:
    """The shape that a text describes: ``{time: ,3} {thread} {level}  {logger} - {message}``. A wrapped
    message is ``{message/80}`` for each of its lines, with the number of its characters."""
    pieces, at = [], 0
    for field in _FIELD.finditer(text):
        literal, at = text[at : field.start()], field.end()
        size = None if field[5] is None else int(field[5])
        pieces.append(Piece(literal, field[1], (field[2] or " ", field[3] or "", int(field[4] or 0)), size))
    return Shape(tuple(pieces), text[at:])


def shape_of_bits(form: int, present: frozenset[str]) -> str:
    """The shape of a row that has none: stores were written so before version 2.

    Args:
        form: its bits.
        present: the columns that have a value.
    """
    text = f"{{time: {'.' if form & POINT else ','}3}}{'  ' if form & TWO_BLANKS else ' '}"
    text += "".join(f"{key}{{{name}}} " for name, key in KEYS.items() if name in present)
    text += " " if form & WIDE else ""
    after_each = {
        "thread": " ",
        "level": " ",
        "logger": " - ",
        "class": ".",
        "method": "() : ",
        "message": "",
    }
    for name, after in after_each.items():
        text += f"{{{name}}}{after}" if name in present else ""
    return text + (" " if form & TRAILING else "")


def row_bytes(row: Mapping[str, Any]) -> bytes:
    """The bytes of a row as they stood in the file.

    Args:
        row: column → value, with ``form`` and ``raw``.
    """
    raw = row.get("raw")
    if raw is not None:
        return bytes(raw)
    form: int = row["form"]
    text = row.get("shape")
    if text is None:
        text = shape_of_bits(form, frozenset(name for name, value in row.items() if value is not None))
    shape = shape_from(text)
    prefix, *prefixes = (row.get("prefix") or "").split("\n")
    line, at = prefix, 0
    for piece in shape.pieces:
        value = _printed(row, piece)
        if piece.size is not None:
            value = value[at : at + piece.size]
            at += piece.size + 1
        line += piece.literal + value
    line += shape.end
    below = row["continuation"]
    if below is not None:
        lines = below.split("\n")
        prefixes += [""] * (len(lines) - len(prefixes))
        line += "".join(f"\n{before}{text}" for before, text in zip(prefixes, lines, strict=True))
    line += "" if form & OPEN_END else "\n"
    data = (line.replace("\n", "\r\n") if form & CRLF else line).encode()
    if form & ESCAPED and row.get("shape") is not None:
        data = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)
    return data


def _printed(row: Mapping[str, Any], piece: Piece) -> str:
    """A value as it stood in the line."""
    if piece.name != "time" or row["time"] is None:
        return str(row[piece.name])
    between, sign, digits = piece.stamp
    stamp: str = row["time"].isoformat(between, "microseconds")
    return stamp[:19] + sign + stamp[20 : 20 + digits]
