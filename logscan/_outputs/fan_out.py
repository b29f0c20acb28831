"""Fan-out: passes each failed handshake of a live run to every output that was requested.

Outputs are the screen, a file, chat and mail, a command, metrics and the board of the live view. Only the
screen and the output file can slow down the reading, because they must not lose a failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logscan._outputs.repeats import Repeats
from logscan.errors import LogscanError, UsageError
from logscan.nodes import is_stream
from logscan.values import Counters, FailedHandshake

if TYPE_CHECKING:
    from logscan._outputs.board import Board
    from logscan._outputs.execute import Executor
    from logscan._outputs.metrics import Metrics
    from logscan._outputs.notify import Notifier
    from logscan._outputs.sink import Sink

HUNG = 60.0
"""Seconds without a look at the files after which a run counts as failing."""
METRICS_EVERY = 10.0
"""Seconds between two writes of the metrics file."""
REPEAT_AFTER = 60.0
"""Seconds before the same problem is reported again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRequest:
    """Which outputs are opened beside the screen. ``None`` and empty mean: not this one."""

    output: str | None = None
    """File to which each failure is appended."""
    notify: tuple[str, ...] = ()
    """Addresses, as apprise writes them."""
    every: float = 600.0
    """Seconds between two notices of one group of failures."""
    recovered: float = 900.0
    """Seconds without a failure after which a group has recovered."""
    execute: str | None = None
    """Command to run for each failure."""
    metrics: str | None = None
    """``HOST:PORT`` at which metrics are served."""
    metrics_file: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is requested."""
        return not any((self.output, self.notify, self.execute, self.metrics, self.metrics_file))


class Outputs:
    """The outputs of one run.

    Args:
        complain: reports a problem and what to do about it.
        print_line: prints a line; ``None`` to print no failures.
        as_json: print failures as JSON.
        each: print every failure; else many of one kind are counted (:mod:`logscan._outputs.repeats`).
        colour: colour the alert of a printed failure.
        width: returns the columns of the terminal; ``None``: lines are printed whole.
    """

    def __init__(
        self,
        complain: Callable[[str, str], None],
        print_line: Callable[[str], None] | None = None,
        *,
        as_json: bool = False,
        each: bool = True,
        colour: bool = False,
        width: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._complain = complain
        self.names_hosts = False
        """Whether lines name the host: several are followed."""
        self._print_line = print_line
        self._as_json = as_json
        self._colour = colour
        self._width = width
        self._repeats = None if each or as_json else Repeats(self._print)
        self.sink: Sink | None = None
        self.notifiers: list[Notifier] = []
        self.executor: Executor | None = None
        self.metrics: Metrics | None = None
        self.metrics_file: str | None = None
        self.board: Board | None = None
        self._metrics_written = 0.0
        self._reported: dict[str, float] = {}
        """Problem → when it was reported last."""
        self._dropped = 0

    def take(self, failure: FailedHandshake) -> None:
        """Pass a failure to every output, unless an earlier run has written it to the output file."""
        line = ""
        if self._as_json or self.sink or self.executor:
            from logscan._failures.frames import failure_dict
            from logscan._render.data import json_line

            row = failure_dict(failure)
            line = json_line(row)
            if self.sink and not self.sink.add(str(row["id"]), line):
                return
        if self._print_line is None:
            pass
        elif self._as_json:
            self._print_line(line)
        elif self._repeats:
            self._repeats.take(failure)
        else:
            self._print(failure)
        for notifier in self.notifiers:
            notifier.feed(failure)
        if self.metrics:
            self.metrics.feed(failure)
        if self.board:
            self.board.feed(failure)
        if self.executor:
            self.executor.feed(line)

    def flush(self) -> bool:
        """Write the output file to disk; ``False`` when that failed and has to be repeated."""
        if self.sink is None:
            return True
        try:
            self.sink.flush()
        except LogscanError as error:
            self.report(str(error), error.hint)
            return False
        return True

    @property
    def is_full(self) -> bool:
        """Whether reading has to wait for the output file."""
        return self.sink is not None and self.sink.is_full

    def health(self, looked: float, gauges: dict[str, float]) -> dict[str, object]:
        """Whether the run does its work: it looked at its files lately, and its output can be written."""
        problem = ""
        if looked > HUNG:
            problem = f"the files were looked at {looked:.0f} s ago"
        elif self.sink is not None and self.sink.problem:
            problem = self.sink.problem
        state: dict[str, object] = {"status": "failing" if problem else "ok"}
        if problem:
            state["problem"] = problem
        return {**state, "seconds_since_look": round(looked, 1), **gauges}

    def look(self) -> None:
        """Write the metrics file when it is due, and report the problems of the outputs."""
        now = time.monotonic()
        if self._repeats:
            self._repeats.look()
        if self.metrics_file and now - self._metrics_written >= METRICS_EVERY:
            self._metrics_written = now
            self._write_metrics()
        workers: list[Notifier | Executor] = [*self.notifiers, *([self.executor] if self.executor else [])]
        for worker in workers:
            if worker.problem:
                self.report(worker.problem, "reading goes on")
                worker.problem = ""
        dropped = sum(worker.dropped for worker in workers)
        if dropped > self._dropped:
            self._dropped = dropped
            self.report(f"{dropped:,} failures did not reach --notify or --exec: too many at once")

    def reopen(self) -> None:
        """Open the output file again: another file may stand at its path now."""
        if self.sink:
            try:
                self.sink.flush()
                self.sink.reopen()
            except LogscanError as error:
                self.report(str(error), error.hint)

    def report(self, problem: str, hint: str = "") -> None:
        """Report a problem, at most once in :data:`REPEAT_AFTER` seconds."""
        now = time.monotonic()
        if now - self._reported.get(problem, -REPEAT_AFTER) >= REPEAT_AFTER:
            self._reported[problem] = now
            if self.board is not None:
                self.board.note = problem
            else:
                self._complain(problem, hint)

    def close(self) -> None:
        """Finish every output."""
        if self._repeats:
            self._repeats.close()
        self.flush()
        self.look()
        for notifier in self.notifiers:
            notifier.close()
        if self.executor:
            self.executor.close()
        if self.metrics_file:
            self._write_metrics()
        self.look()
        if self.sink:
            self.sink.close()

    def _write_metrics(self) -> None:
        if self.metrics is not None and self.metrics_file is not None:
            try:
                self.metrics.write(self.metrics_file)
            except LogscanError as error:
                self.report(str(error), error.hint)

    def _print(self, failure: FailedHandshake, more: int = 0, seconds: float = 0.0) -> None:
        """Print a failure, or that there are ``more`` like it within some seconds."""
        from logscan._render.live_lines import failure_line, repeated_line

        if self._print_line is None:
            return
        width = self._width()
        line = (
            repeated_line(failure, more, seconds, width)
            if more
            else failure_line(failure, width, names_host=self.names_hosts)
        )
        if self._colour:
            line = line.replace(failure.alert, f"\x1b[31m{failure.alert}\x1b[0m", 1)
        self._print_line(line)


def open_outputs(
    outputs: Outputs,
    request: OutputRequest,
    counters: Counters,
    gauges: Callable[[], dict[str, float]],
    looked: Callable[[], float],
) -> None:
    """Open the outputs that are requested.

    Args:
        outputs: takes them.
        request: which ones.
        counters: counters of the run, for its metrics.
        gauges: returns the momentary values of the run by name, for its metrics.
        looked: returns how many seconds ago the run looked at its files last, for its health.

    Raises:
        OutputError: the output file cannot be opened.
        UsageError: an address, a command or a port cannot be used, or a package is missing.
    """
    if request.output is not None:
        from logscan._outputs.sink import Sink

        outputs.sink = Sink(request.output)
    if request.notify:
        from logscan._outputs.notify import Notifier

        outputs.notifiers = [Notifier(url, request.every, request.recovered) for url in request.notify]
    if request.execute is not None:
        from logscan._outputs.execute import Executor

        outputs.executor = Executor(request.execute)
    if request.metrics is not None or request.metrics_file is not None:
        from logscan._outputs.metrics import Metrics

        outputs.metrics = Metrics(counters, gauges)
        outputs.metrics.extra |= _counts_of(outputs)
        if request.metrics_file is not None:
            if not request.metrics_file.endswith(".prom") and not is_stream(request.metrics_file):
                raise UsageError(
                    f"--metrics-file {request.metrics_file}: the node exporter reads only *.prom",
                    "let its name end in .prom",
                )
            outputs.metrics.write(request.metrics_file)
        outputs.metrics_file = request.metrics_file
        if request.metrics is not None:
            outputs.metrics.serve(request.metrics, lambda: outputs.health(looked(), gauges()))


def _counts_of(outputs: Outputs) -> dict[str, Callable[[], float]]:
    """What notifiers and the command have done, for the metrics."""
    notifiers, executor = outputs.notifiers, outputs.executor
    counts: dict[str, Callable[[], float]] = {}
    if notifiers:
        counts |= {
            "notices_sent": lambda: sum(notifier.sent for notifier in notifiers),
            "notices_failed": lambda: sum(notifier.failed for notifier in notifiers),
            "notices_dropped": lambda: sum(notifier.dropped for notifier in notifiers),
        }
    if executor:
        counts |= {
            "commands_failed": lambda: executor.failed,
            "commands_dropped": lambda: executor.dropped,
        }
    return counts
