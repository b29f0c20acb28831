"""Where quoted strings and brackets end, at any depth of escaping, in linear time.

What is scanned is taken into the value: a caller goes on after it.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_BRACKET = 64 << 10
"""Bytes of an array or object that are searched for its end."""

_STRING = {
    quote: re.compile(rb"[^\\\n%c]*+(\\*+)(?:(%c)|(\n)|)" % (quote, quote)) for quote in (b'"', b"'", b"`")
}
_BRACKET = re.compile(rb"""[\[\]{}\n]|\\{0,15}["]""")


def string_end(data: bytes, at: int, opening: bytes) -> int:
    r"""Where a string ends that begins with ``"``, ``\"``, ``\\\"``, ``&quot;`` …; else its line's end."""
    quote = opening[-1:]
    if quote not in _STRING:
        found = _entity(opening.lower()).search(data, at)
        return found.start() if found is not None else len(data)
    depth = len(opening) - 1
    pattern = _STRING[quote]
    while True:
        part = pattern.match(data, at)
        if part is None or part.end() == at:
            return min(at, len(data))
        at = part.end()
        marks = len(part[1])
        if part[2] is not None:
            if marks < depth or marks % (2 * (depth + 1)) == depth:
                return at - 1 - min(marks, depth)
        elif part[3] is not None:
            return at - 1
        elif at >= len(data):
            return at


@lru_cache(maxsize=256)
def _entity(opening: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?i:" + re.escape(opening) + rb")|[\r\n\"']")


def bracket(data: bytes, at: int, many_lines: bool) -> tuple[int, int] | None:
    """What stands between brackets; ``None``: nothing, or the name of a variable."""
    begin, depth, limit = at + 1, 0, min(len(data), at + MAX_BRACKET)
    while at < limit:
        found = _BRACKET.search(data, at, limit)
        if found is None:
            return begin, limit
        at = found.end()
        mark = found[0]
        if mark == b"\n":
            if not many_lines:
                return begin, at - 1
        elif mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
            if depth <= 0:
                inside = data[begin : at - 1]
                return (
                    None
                    if re.fullmatch(rb"[\w.$-]{0,128}", inside) and data[begin - 1] == 123
                    else (begin, at - 1)
                )
        else:
            end = string_end(data, at, mark)
            at = end + len(mark)
    return begin, limit
