"""The slow reference: one page that does line by line what the engine does by blocks.

It shares the grammar and the join with the engine, and nothing of the scanning: no needles over blocks,
no widening, no buffer. What both give must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable

from logscan._entries.openers import layout_of
from logscan._entries.parse import parse
from logscan._failures.catalog import NEEDLES
from logscan._failures.handshakes import Joiner
from logscan._failures.message_window import MessageWindow
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.values import Counters, FailedHandshake, Place, Span


def split_entries(data: bytes, path: str = "x", limit: int = DEFAULT_MAX_ENTRY) -> tuple[list[Span], int]:
    """All entries of a log, and the number of lines before the first."""
    skipped = len(data) - len(data.lstrip(b"\0"))
    opener = layout_of(data[: 1 << 16]).opener
    spans: list[Span] = []
    orphans = 0
    offset = skipped
    for line in data[skipped:].splitlines(keepends=True) if b"\r" not in data else _lines(data[skipped:]):
        if opener.match(line):
            spans.append(Span(line, Place(path, offset)))
        elif spans:
            spans[-1] = spans[-1]._replace(data=spans[-1].data + line)
        else:
            orphans += 1
        offset += len(line)
    return [_limited(span, limit) for span in spans], orphans


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _limited(span: Span, limit: int) -> Span:
    beyond = max(0, len(span.data) - limit)
    return span._replace(data=span.data[: len(span.data) - beyond], cut=beyond)


def failures_of(data: bytes, path: str = "x", limit: int = DEFAULT_MAX_ENTRY) -> list[FailedHandshake]:
    """All failed handshakes of one log."""
    counters = Counters()
    whole, _ = split_entries(data, path, 1 << 60)
    spans = [_limited(span, limit) for span in whole if any(needle in span.data for needle in NEEDLES)]
    window, joiner = MessageWindow(counters), Joiner(lambda path: path)
    found: list[FailedHandshake] = []
    for span in spans:
        for message in window.feed(parse(span, counters)):
            found += joiner.feed(message)
    for message in window.drain():
        found += joiner.feed(message)
    return found + joiner.drain()


def entries_of(data: bytes, ids: Iterable[bytes]) -> list[bytes]:
    """The entries of some messages, by a plain reading of their headers."""
    wanted = set(ids)
    counters = Counters()
    return [
        span.data
        for span in split_entries(data)[0]
        if (parse(span, counters).message_id or "").encode() in wanted
    ]
