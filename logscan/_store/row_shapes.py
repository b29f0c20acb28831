"""The shape of one row, found by looking for its values in its bytes.

:mod:`logscan._store.roundtrip` makes the shapes of usual entries for a chunk at once. Here are the others:
without a time, wrapped, with a byte that is no UTF-8, with a value where none stands usually; and lines that
belong to no entry. A shape counts only if it gives the row's bytes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from logscan._entries.layouts import KEYS, TIME, moment
from logscan._store.layout_bits import CRLF, ESCAPED, OPEN_END, row_bytes

_TIME = re.compile(TIME)
_FIELDS = ("zone", *KEYS, "thread", "level", "logger", "class", "method", "message")
"""In the order in which they stand in a line."""
_PLACED = re.compile(rf"\{{(?:time:[ T](?:[,.]\d)?|(?:{'|'.join(_FIELDS)})|message/\d+)\}}")
_COLUMNS = ("time", *_FIELDS)
_LONGEST_HEADER = 2000
_MOST_TIMES = 4
_MOST_LINES = 64
"""Lines on which a wrapped message stands."""
_MOST_DIGITS = 6
"""Digits of a time's fraction that a column holds."""


class Kept(NamedTuple):
    """What a row needs beside its columns to give its bytes back."""

    form: int
    shape: str
    prefix: str | None


Known = dict[tuple[int, tuple[bool, ...]], str]
"""The latest shape of rows by their form and by which of their columns have a value: most are alike."""


def kept_in_columns(row: dict[str, Any], data: bytes, known: Known) -> Kept | None:
    """How the bytes of a row follow from its columns; ``None`` where they do not.

    Args:
        row: column → value; changed.
        data: its bytes.
        known: shapes of rows before it; changed.
    """
    try:
        return _kept(row, data, known)
    except Exception:  # nothing is lost: the bytes themselves are stored then  # noqa: BLE001
        return None


def _kept(row: dict[str, Any], data: bytes, known: Known) -> Kept | None:
    text, form = _text(data)
    kind = form, tuple([row[name] is None for name in _COLUMNS])
    shape = known.get(kind)
    if shape is not None:
        kept = Kept(form, shape, None)
        if _gives(row, kept, data):
            return kept
    lines = text.split("\n")
    below = [] if row["continuation"] is None else row["continuation"].split("\n")
    fields = _fields(row, "\n".join(lines[: len(lines) - len(below)])) if len(below) < len(lines) else None
    if fields is None:
        return None
    prefix, shape = fields
    if shape.count("{") != len(_PLACED.findall(shape)):
        return None  # the text itself has braces there
    if below:
        before = [line.removesuffix(value) for line, value in zip(lines[-len(below) :], below, strict=True)]
        prefix = "\n".join([prefix, *before]) if any(before) else prefix
    kept = Kept(form, shape, prefix or None)
    if not _gives(row, kept, data):
        return None
    known[kind] = shape
    return kept


def _gives(row: dict[str, Any], kept: Kept, data: bytes) -> bool:
    """Whether a row has these bytes."""
    row["form"], row["shape"], row["prefix"] = kept
    return row_bytes(row) == data


def _text(data: bytes) -> tuple[str, int]:
    """A row's bytes as a text without the last line break, and the bits that this took."""
    form = 0
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text, form = data.decode("utf-8", "backslashreplace"), ESCAPED
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        text, form = text.replace("\r\n", "\n"), form | CRLF
    return (text[:-1], form) if text.endswith("\n") else (text, form | OPEN_END)


def _fields(row: Mapping[str, Any], own: str) -> tuple[str, str] | None:
    """What stands before the first value of an entry's own line, and the shape of the rest."""
    if row["time"] is None:
        found = _after(row, own, "", "", 0)
    else:  # of several times, the last that a header follows: those before it are a shipper's
        tried = (_after(row, own, *stamp) for stamp in _stamps(row["time"], own[:_LONGEST_HEADER]))
        found = next((one for one in tried if one is not None), None)
    if found is not None and "\n" in found[0]:
        return "", found[0] + found[1]
    return found


def _after(row: Mapping[str, Any], own: str, before: str, shape: str, at: int) -> tuple[str, str] | None:
    """The same, where the shape up to an offset is known."""
    for name in _FIELDS:
        value = row[name]
        if value is None:
            continue
        key = KEYS.get(name, "")
        begin = own.find(key + value, at) if name != "message" else _last(own, value, at)
        if begin < 0:
            if name == "message_id":  # it stands in the text
                continue
            wrapped = _wrapped(value, own[at:]) if name == "message" else None
            return None if wrapped is None else (before, shape + wrapped)
        if shape:
            shape += own[at:begin]
        else:
            before = own[:begin]
        shape += f"{key}{{{name}}}"
        at = begin + len(key) + len(value)
    return before, shape + own[at:]


def _stamps(time: datetime, text: str) -> Iterator[tuple[str, str, int]]:
    """Where a time stands in a text, the last first: what is before, its shape, and where the rest begins."""
    for stamp in list(_TIME.finditer(text))[: -_MOST_TIMES - 1 : -1]:
        try:
            if moment(stamp[0]) != time:
                continue
        except ValueError:
            continue
        printed = stamp[0]
        digits = min(_MOST_DIGITS, max(0, len(printed) - 20))
        fraction = f"{printed[19]}{digits}" if digits else ""
        shape = f"{{time:{printed[10]}{fraction}}}"
        yield text[: stamp.start()], shape, stamp.start() + (20 + digits if digits else 19)


def _last(own: str, message: str, at: int) -> int:
    """Where the message begins that ends a line; -1 if it does not."""
    end = len(own.rstrip())
    begin = end - len(message)
    return begin if begin >= at and own.endswith(message, 0, end) else -1


def _wrapped(message: str, rest: str) -> str | None:
    """The shape of a message that stands on several lines, which the grammar has joined by one blank each."""
    lines = rest.split("\n")
    if len(lines) > _MOST_LINES:
        return None
    for number, line in enumerate(lines[:-1]):
        below = [part.strip() for part in lines[number + 1 :]]
        size = len(message) - sum(map(len, below)) - len(below)
        text = line.rstrip()
        if size < 0 or not text.endswith(message[:size]) or size > len(text):
            continue
        if message != " ".join([message[:size], *below]):
            continue
        before = "\n".join([*lines[:number], text[: len(text) - size]])
        shape, after = f"{before}{{message/{size}}}", line[len(text) :]
        for part, whole in zip(below, lines[number + 1 :], strict=True):
            indent = whole[: len(whole) - len(whole.lstrip())]
            shape += f"{after}\n{indent}{{message/{len(part)}}}"
            after = whole[len(indent) + len(part) :]
        return shape + after
    return None
