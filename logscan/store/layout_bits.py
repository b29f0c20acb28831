"""Forms: the bits that say how a row's columns stood in the log, and a single row's bytes by them.

For many rows :func:`logscan.store.roundtrip.to_bytes` does the same at once; here a look-up makes a few
without numpy, whose import takes longer than the look-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logscan.entries.layouts import KEYS

POINT, TWO_BLANKS, WIDE, OPEN_END, TRAILING, PIECE = (1 << bit for bit in range(6))
"""Bits of ``form``: a point in front of the milliseconds; two blanks behind the time; two in front of the
thread; no line break at the end; one blank behind the message; goes on with the entry before."""


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
    for name, behind in (("logger", " - "), ("class", "."), ("method", "() : "), ("message", "")):
        words.append("" if row[name] is None else f"{row[name]}{behind}")
    words.append(" " if form & TRAILING else "")
    words.append("" if row["continuation"] is None else f"\n{row['continuation']}")
    words.append("" if form & OPEN_END else "\n")
    return "".join(words).encode()
