"""What ``logscan tail`` does with a failure: prints it, appends it, notifies, counts, runs a command.

Each way has its own patience; none holds up the reading but standard output and the output file, which must
not lose anything.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from logscan.errors import LogscanError
from logscan.values import Counters, FailedHandshake

if TYPE_CHECKING:
    from logscan.jobs.tail import Watcher
    from logscan.outputs.board import Board
    from logscan.outputs.execute import Executor
    from logscan.outputs.metrics import Metrics
    from logscan.outputs.notify import Notifier
    from logscan.outputs.sink import Sink

TEXTFILE_EVERY = 10.0
"""Seconds between two writings of ``--metrics-file``."""
AGAIN = 60.0
"""Seconds before the same trouble is told again."""


class Telling:
    """All ways in which this run tells of failures."""

    def __init__(
        self, printed: bool, as_json: bool, colour: bool, complain: Callable[[str, str], None]
    ) -> None:
        self._complain = complain
        self._printed = printed
        self._as_json = as_json
        self.colour = colour
        self.sink: Sink | None = None
        self.notifiers: list[Notifier] = []
        self.executor: Executor | None = None
        self.metrics: Metrics | None = None
        self.board: Board | None = None
        self.metrics_file: str | None = None
        self._metrics_written = 0.0
        self._trouble: dict[str, float] = {}
        self._dropped = 0

    def tell(self, failure: FailedHandshake) -> None:
        """Tell of one failure in every way."""
        line = ""
        if self._as_json or self.sink or self.executor:
            from logscan.failures.frames import failure_dict
            from logscan.render.data import json_line

            row = failure_dict(failure)
            line = json_line(row)
            if self.sink and not self.sink.add(str(row["id"]), line):
                return  # a run before this one had told it
        if self._printed:
            print(line if self._as_json else self._text(failure))
        for notifier in self.notifiers:
            notifier.feed(failure)
        if self.metrics:
            self.metrics.feed(failure)
        if self.board:
            self.board.feed(failure)
        if self.executor:
            self.executor.feed(line)

    def flush(self) -> bool:
        """Bring what was told to where it goes; whether all of it is there."""
        sys.stdout.flush()
        if self.sink is None:
            return True
        try:
            self.sink.flush()
        except LogscanError as error:
            self.trouble(str(error), error.hint)
            return False
        return True

    def look(self) -> None:
        """What is to be done now and then."""
        now = time.monotonic()
        if self.metrics and self.metrics_file and now - self._metrics_written >= TEXTFILE_EVERY:
            self._metrics_written = now
            self._write_metrics()
        ways: list[Notifier | Executor] = [*self.notifiers, *([self.executor] if self.executor else [])]
        for way in ways:
            if way.problem:
                self.trouble(way.problem, "reading goes on")
                way.problem = ""
        dropped = sum(way.dropped for way in ways)
        if dropped > self._dropped:
            self._dropped = dropped
            self.trouble(f"{dropped:,} failures were not told by --notify or --exec: too many at once")

    def reopen(self) -> None:
        """Open the output file that stands at its path now."""
        if self.sink:
            try:
                self.sink.flush()
                self.sink.reopen()
            except LogscanError as error:
                self.trouble(str(error), error.hint)

    def trouble(self, message: str, hint: str = "") -> None:
        """Tell of trouble, and not again for a while."""
        now = time.monotonic()
        if now - self._trouble.get(message, -AGAIN) >= AGAIN:
            self._trouble[message] = now
            if self.board is not None:
                self.board.note = message
            else:
                self._complain(message, hint)

    def close(self) -> None:
        """End every way in order."""
        self.flush()
        self.look()
        for notifier in self.notifiers:
            notifier.close()
        if self.executor:
            self.executor.close()
        if self.metrics and self.metrics_file:
            self._write_metrics()
        self.look()
        if self.sink:
            self.sink.close()

    def _write_metrics(self) -> None:
        assert self.metrics is not None
        assert self.metrics_file is not None
        try:
            self.metrics.write(self.metrics_file)
        except LogscanError as error:
            self.trouble(str(error), error.hint)

    def _text(self, failure: FailedHandshake) -> str:
        from logscan.render.table import failure_line

        line = failure_line(failure)
        if self.colour:
            line = line.replace(failure.alert, f"\x1b[31m{failure.alert}\x1b[0m", 1)
        return line


def gauges_of(watcher: Watcher) -> dict[str, float]:
    """The momentary values of a run, for its metrics."""
    lag, seconds = watcher.lag
    return {
        "lag_bytes": lag,
        "lag_seconds": seconds,
        "open_messages": watcher.open_messages,
        "files": watcher.files,
    }


def open_ways(
    telling: Telling,
    watcher: Watcher,
    counters: Counters,
    output: str | None,
    notify: list[str],
    waits: tuple[float, float],
    execute: str | None,
    metrics: str | None,
    metrics_file: str | None,
) -> None:
    """Open the ways of telling that were asked for."""
    if output is not None:
        from logscan.outputs.sink import Sink

        telling.sink = Sink(output)
    if notify:
        from logscan.outputs.notify import Notifier

        telling.notifiers = [Notifier(url, *waits) for url in notify]
    if execute is not None:
        from logscan.outputs.execute import Executor

        telling.executor = Executor(execute)
    if metrics is not None or metrics_file is not None:
        from logscan.outputs.metrics import Metrics

        telling.metrics = Metrics(counters, lambda: gauges_of(watcher))
        telling.metrics_file = metrics_file
        notifiers, executor = telling.notifiers, telling.executor
        if notifiers:
            telling.metrics.extra |= {
                "notices_sent": lambda: sum(notifier.sent for notifier in notifiers),
                "notices_failed": lambda: sum(notifier.failed for notifier in notifiers),
                "notices_dropped": lambda: sum(notifier.dropped for notifier in notifiers),
            }
        if executor:
            telling.metrics.extra |= {
                "commands_failed": lambda: executor.failed,
                "commands_dropped": lambda: executor.dropped,
            }
        if metrics is not None:
            telling.metrics.serve(metrics)
