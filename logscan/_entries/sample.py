"""What the beginning of a log says of it: its layout, and the time of its first entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from logscan._entries.layouts import Layout
from logscan._entries.openers import Openers, layout_of
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
    return _sample(sample, layout_of(sample))


def judge_and_learn(sample: bytes) -> Sample:
    """The same, and learn the layout: for jobs that read more of an entry than its message id."""
    from logscan._entries.learned import learned_from  # a search does without

    return _sample(sample, learned_from(sample))


def _sample(sample: bytes, layout: Layout) -> Sample:
    return Sample(len(sample), layout, next(printed_times(sample, layout), None))


def layout_in(*files: LogFile) -> Layout | None:
    """How entries stand in the files of a stream, by the first that shows one; ``None``: nothing was read."""
    samples = [file.probe.notes for file in files if isinstance(file.probe.notes, Sample)]
    shown = [sample for sample in samples if sample.first is not None] or samples
    return shown[0].layout if shown else None


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
