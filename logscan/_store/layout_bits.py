"""Layout bits: how the columns of a row stood in the log, so that its bytes can be made again.

:func:`logscan._store.roundtrip.to_bytes` makes the bytes of many rows at once. :func:`row_bytes` makes those
of one row, without numpy, whose import takes longer than a look-up. Column ``form`` holds the bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logscan._entries.layouts import KEYS

POINT, TWO_BLANKS, WIDE, OPEN_END, TRAILING, PIECE = (1 << bit for bit in range(6))
"""Bits of ``form``: a point before the milliseconds; two blanks after the time; two before the thread; no
line break at the end; one blank after the message; the row continues the entry before it."""


def row_bytes(row: Mapping[str, Any]) -> bytes:
    """The bytes of a row as they stood in the file.

    Args:
        row: column → value, with ``form`` and ``raw``.
    """
    if row["raw"] is not None:
        return bytes(row["raw"])
    form: int = row["form"]
    stamp = row["time"].isoformat(" ", "milliseconds")
    stamp = stamp if form & POINT else stamp.replace(".", ",")
    words = [stamp, "  " if form & TWO_BLANKS else " "]
    words += [f"{key}{row[name]} " for name, key in KEYS.items() if row[name] is not None]
    words.append(" " if form & WIDE else "")
    words += [f"{row[name]} " for name in ("thread", "level") if row[name] is not None]
    for name, after in (("logger", " - "), ("class", "."), ("method", "() : "), ("message", "")):
        words.append("" if row[name] is None else f"{row[name]}{after}")
    words.append(" " if form & TRAILING else "")
    words.append("" if row["continuation"] is None else f"\n{row['continuation']}")
    words.append("" if form & OPEN_END else "\n")
    return "".join(words).encode()
