"""A file with output of ``-Djavax.net.debug``, in blocks: handshakes come out, memory is bounded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from logscan._evidence.engine_debug import EngineCounters, EngineHandshake, Handshakes
from logscan._evidence.engine_old_records import LINE, OldRecords, has_old_form, old_text
from logscan._evidence.engine_records import HEADER, MARK, MAX_BODY, RECORD, event_of
from logscan._reading.unpack import ByteStream, open_bytes

BLOCK = 1 << 20
"""Bytes read at once."""
_RECORDS = re.compile(RECORD + b"|" + LINE, re.MULTILINE)
_HEADER = re.compile(HEADER)


def is_engine_debug(head: bytes) -> bool:
    """Whether a text holds such output, wherever in it. It may stand among other lines."""
    return _HEADER.search(head) is not None or has_old_form(head)


def may_hold_engine_debug(path: str, head: bytes) -> bool:
    """Whether a file is worth reading for such output: its beginning has some, or its name is the one of the
    file to which Edge sends what the Message Processor prints, where it may begin later."""
    name = os.path.basename(path)
    return is_engine_debug(head) or name.startswith("edge-message-processor")


def read_engine_debug(path: str, counters: EngineCounters) -> list[EngineHandshake]:
    """The handshakes of a file.

    Args:
        path: the file, packed or not.
        counters: takes what was seen.

    Raises:
        InputError: it cannot be opened.
    """
    stream = open_bytes(path)
    try:
        return handshakes_of(_blocks(stream), path, counters)
    finally:
        stream.close()


def handshakes_of(blocks: Iterator[bytes], source: str, counters: EngineCounters) -> list[EngineHandshake]:
    """The handshakes of a text.

    Args:
        blocks: its bytes.
        source: where it stands, for a person.
        counters: takes what was seen.
    """
    found, old = Handshakes(source, counters), OldRecords(source)
    line = 1
    rest = b""
    for block in blocks:
        data = rest + block
        end = _end_of_whole(data) if block else len(data)
        line = _take(data[:end], line, found, old, source)
        rest = data[end:]
    _take(rest, line, found, old, source)
    for event in old.finish():
        found.take(event)
    return found.finish()


def _take(data: bytes, line: int, found: Handshakes, old: OldRecords, source: str) -> int:
    """The events of some whole records; the number of the line after them."""
    at = 0
    for match in _RECORDS.finditer(data):
        line += data.count(b"\n", at, match.start())
        at = match.start()
        is_old = match["stage"] is not None
        for event in old.take(old_text(match), line) if is_old else event_of(match, line, source):
            found.take(event)
    return line + data.count(b"\n", at)


def _end_of_whole(data: bytes) -> int:
    """Where the last record of a block begins: its message may go on in the next block."""
    last = data.rfind(MARK, max(len(data) - MAX_BODY, 0))
    if last >= 0:
        return data.rfind(b"\n", 0, last) + 1
    line = data.rfind(b"\n") + 1
    return line or (len(data) if len(data) > MAX_BODY else 0)


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    buffer = bytearray(BLOCK)
    with memoryview(buffer) as view:
        while count := stream.readinto(view):
            yield bytes(view[:count])
