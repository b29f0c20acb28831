"""Every entry of a unit in Arrow columns: a task for exports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logscan._entries.layouts import Layout
from logscan._scanning.scanner import Scanner, WholeScanner
from logscan.times import TimeRange
from logscan.values import Counters, Span

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ColumnTask:
    """See :class:`logscan._distribute.run_units.Task`."""

    max_entry: int
    times: TimeRange

    def made(self, *, is_first: bool, is_last: bool, counters: Counters) -> _Columns:  # noqa: ARG002
        """Begin with a unit."""
        return _Columns(self, counters)


class _Columns:
    """See :class:`logscan._distribute.run_units.Work`."""

    def __init__(self, task: ColumnTask, counters: Counters) -> None:
        self._task, self._counters = task, counters

    def scanner(self, layout: Layout, counters: Counters, *more: Any, **options: Any) -> Scanner:
        """Gives blocks of whole entries."""
        return WholeScanner(layout, counters, *more, **options)

    def take(self, spans: list[Span], layout: Layout) -> Iterator[pa.RecordBatch]:
        """The columns of a block."""
        from logscan._entries.arrow import to_columns, within

        for span in spans:
            batch, counted = to_columns(span, layout, self._task.max_entry)
            self._counters.add(counted)
            yield within(batch, self._task.times, self._counters)

    def end(self) -> Iterator[pa.RecordBatch]:
        """Nothing more."""
        yield from ()
