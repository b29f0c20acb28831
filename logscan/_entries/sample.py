"""What the beginning of a log says of it: its layout, and the time of its first entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from logscan._entries.layouts import Layout
from logscan._entries.learned import learned_from
from logscan._entries.openers import Openers
from logscan._entries.parse import parse
from logscan._reading.paths import LogFile
from logscan.values import Counters, Place, Span


class Printed(NamedTuple):
    """A time as an entry has it."""

    time: datetime
    zone: str | None


class Sample(NamedTuple):
    """What a sample of a text shows."""

    size: int
    """Bytes of the sample."""
    layout: Layout
    first: Printed | None
    """The time of the first entry in it that has one."""


def judge(sample: bytes) -> Sample:
    """Judge the first bytes of a text: see :data:`logscan._reading.probe.Judge`."""
    layout = learned_from(sample)
    return Sample(len(sample), layout, next(printed_times(sample, layout), None))


def layout_in(*files: LogFile) -> Layout | None:
    """How entries stand in the files of a stream, by the first that shows one; ``None``: nothing was read."""
    layouts = [file.probe.notes.layout for file in files if isinstance(file.probe.notes, Sample)]
    return next((layout for layout in layouts if layout.form is not None), next(iter(layouts), None))


def printed_times(data: bytes, layout: Layout) -> Iterator[Printed]:
    """The times of the entries that open in some bytes."""
    openers = Openers(layout)
    end = data.rfind(b"\n") + 1
    at = openers.next(data, 0, end)
    while at is not None:
        line = data.find(b"\n", at) + 1
        entry = parse(Span(data[at:line], Place("", 0)), Counters())
        if entry.time is not None:
            yield Printed(entry.time, entry.zone)
        at = openers.next(data, line, end)
