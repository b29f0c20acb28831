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
_FIELD = re.compile(r"\{(\w+)(?::([ T])(?:([,.])(\d))?)?\}")


class Piece(NamedTuple):
    """A column's value in a line, and what stands before it."""

    literal: str
    name: str
    stamp: tuple[str, str, int] = (" ", "", 0)
    """Of a time: what stands between date and clock, the sign before the fraction, and its digits."""


class Shape(NamedTuple):
    """A line without the values of its columns."""

    pieces: tuple[Piece, ...]
    end: str


@lru_cache(maxsize=1024)
def shape_from(text: str) -> Shape:
    """The shape that a text describes: ``{time: ,3} {thread} {level}  {logger} - {message}``."""
    pieces, at = [], 0
    for field in _FIELD.finditer(text):
        literal, at = text[at : field.start()], field.end()
        pieces.append(Piece(literal, field[1], (field[2] or " ", field[3] or "", int(field[4] or 0))))
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
    if row["raw"] is not None:
        return bytes(row["raw"])
    form: int = row["form"]
    text = row.get("shape")
    if text is None:
        text = shape_of_bits(form, frozenset(name for name, value in row.items() if value is not None))
    shape = shape_from(text)
    prefix, *prefixes = (row.get("prefix") or "").split("\n")
    line = prefix + "".join(piece.literal + _printed(row, piece) for piece in shape.pieces) + shape.end
    below = row["continuation"]
    if below is not None:
        lines = below.split("\n")
        prefixes += [""] * (len(lines) - len(prefixes))
        line += "".join(f"\n{before}{text}" for before, text in zip(prefixes, lines, strict=True))
    line += "" if form & OPEN_END else "\n"
    return (line.replace("\n", "\r\n") if form & CRLF else line).encode()


def _printed(row: Mapping[str, Any], piece: Piece) -> str:
    """A value as it stood in the line."""
    if piece.name != "time":
        return str(row[piece.name])
    between, sign, digits = piece.stamp
    stamp: str = row["time"].isoformat(between, "microseconds")
    return stamp[:19] + sign + stamp[20 : 20 + digits]
