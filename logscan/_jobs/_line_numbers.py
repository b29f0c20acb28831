"""Line numbers of entries that are quoted: an offset says nothing to a person with an editor.

Lines are counted up to the entry, in blocks. The file may have changed since it was read, or the place may be
of a store whose file is gone: the bytes before and after the place must fit, else it has no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from logscan._diagnosis.cases import Case
from logscan._reading.decompressors import MAGIC
from logscan._reading.remote import is_remote
from logscan._reading.unpack import open_bytes, packing_of, read_at
from logscan.nodes import is_stream
from logscan.values import FailedHandshake, Place

MAX_PLAIN_BYTES = 1 << 30
"""Bytes of plain files that are counted in a run (about a second). Places after them keep their byte."""
MAX_PACKED_BYTES = 128 << 20
"""The same of packed files, in unpacked bytes."""
BLOCK = 1 << 20
_LOOK = 4096
"""Bytes of an entry in which its message id must stand."""


class _Budget:
    """How many bytes may still be counted."""

    def __init__(self) -> None:
        self.plain, self.packed = MAX_PLAIN_BYTES, MAX_PACKED_BYTES

    def takes(self, is_plain: bool, count: int) -> bool:
        """Whether so many bytes may be counted; if so, they are taken off."""
        left = self.plain if is_plain else self.packed
        if count > left:
            return False
        if is_plain:
            self.plain -= count
        else:
            self.packed -= count
        return True


def with_lines(cases: Sequence[Case]) -> list[Case]:
    """The cases, with the line of the failure that is quoted of each."""
    samples = [case.samples[0] for case in cases if case.samples]
    lines = lines_of(samples)
    return [
        replace(case, line=lines.get(case.samples[0].place, 0)) if case.samples else case for case in cases
    ]


def lines_of(failures: Iterable[FailedHandshake]) -> dict[Place, int]:
    """The line, from 1, at which each failure begins; one whose line would cost too much is left out."""
    by_path: dict[str, list[FailedHandshake]] = {}
    for failure in failures:
        by_path.setdefault(failure.place.path, []).append(failure)
    found: dict[Place, int] = {}
    budget = _Budget()
    for path, here in by_path.items():
        if path == "-" or is_remote(path):
            continue
        try:
            if not is_stream(path):
                found |= _lines_in(path, sorted(here, key=lambda failure: failure.place.offset), budget)
        except Exception:  # noqa: BLE001, S112 (a line number is a comfort: without it the byte is said)
            continue
    return found


def _lines_in(path: str, failures: Sequence[FailedHandshake], budget: _Budget) -> dict[Place, int]:
    is_plain = packing_of(read_at(path, 0, MAGIC)).is_plain
    found: dict[Place, int] = {}
    position, lines = 0, 1
    block = bytearray(BLOCK)
    stream = open_bytes(path)
    try:
        with memoryview(block) as view:
            held = end = 0  # block[held:end] is read and not counted
            last = b"\n"
            for failure in failures:
                offset = failure.place.offset
                if not budget.takes(is_plain, offset - position):
                    break
                while position < offset:
                    if held == end:
                        held, end = 0, stream.readinto(view) or 0
                        if not end:
                            return found
                    step = min(end - held, offset - position)
                    lines += block.count(b"\n", held, held + step)
                    held, position = held + step, position + step
                    last = bytes(block[held - 1 : held])
                view[: end - held] = bytes(view[held:end])
                held, end = 0, end - held
                while end < _LOOK and (more := stream.readinto(view[end:])):
                    end += more
                if last == b"\n" and _is_there(failure, bytes(block[:end][:_LOOK])):
                    found[failure.place] = lines
    finally:
        stream.close()
    return found


def _is_there(failure: FailedHandshake, head: bytes) -> bool:
    """Whether an entry that begins so can be that of the failure."""
    name = failure.message_id
    return bool(head) and (name is None or name.encode("utf-8", "surrogateescape") in head)
