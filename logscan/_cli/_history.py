"""``--history``, ``--compare`` and ``--fail-on`` of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from logscan._cli import _common as common
from logscan.atomic import make_private_folder
from logscan.errors import OutputError, UsageError, reason_of
from logscan.values import Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison, Run
    from logscan._failures.selection import Selection


PREVIOUS = "previous"
"""``--compare`` with the run before."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The condition of ``--fail-on``."""

    count: int | None
    states: tuple[str, ...]

    def matched(self, selected: int, changed: Comparison | None) -> bool:
        """Whether a run meets the condition."""
        if self.count is not None:
            return selected >= self.count
        return changed is not None and changed.number(*self.states) > 0


def fail_threshold(text: str | None, compare: str | None, history: str | None) -> Threshold | None:
    """Understand ``--fail-on``.

    Raises:
        UsageError: neither a number nor a state, or a state without a run to compare with.
    """
    if compare is not None and history is None:
        raise UsageError("--compare needs earlier runs", "give their directory with --history DIR")
    if text is None:
        return None
    if text.isdigit() and int(text) > 0:
        return Threshold(int(text), ())
    states = {"new": ("new",), "growing": ("new", "growing")}.get(text)
    if states is None:
        raise UsageError(f"--fail-on {text}: unknown", "give a number from 1 on, new or growing")
    if compare is None:
        raise UsageError(
            f"--fail-on {text} needs a run to compare with", "add --compare previous --history DIR"
        )
    return Threshold(None, states)


def outside_of(report: Report) -> int:
    """TLS failures in the places that were selected, of kinds that were not."""
    return sum(report.other_alerts.values())


class Keeping:
    """The history as one run uses it: first compared with, then written."""

    def __init__(
        self, folder: str | None, compare: str | None, selection: Selection, what: str, by: Sequence[str]
    ) -> None:
        self._folder, self._compare, self._by = folder, compare, list(by)
        self._selection, self._what = selection, what
        self.is_first = False
        """There is no earlier run to compare with."""
        if folder is not None:
            try:
                make_private_folder(folder)
            except OSError as error:
                raise OutputError(
                    f"--history {folder}: {reason_of(error)}", "check that you may write to this directory"
                ) from error

    def _run(self) -> Run:
        from logscan._failures.history import Run

        selection = self._selection
        parts = [
            self._what, selection.family or "", ",".join(selection.orgs), ",".join(selection.envs),
            ",".join(selection.proxies), ",".join(selection.not_proxies), selection.side or "",
            ",".join(self._by), *sorted(selection.messages),
        ]  # fmt: skip
        return Run(selection.times.since, selection.times.until, "|".join(parts), datetime.now())

    def compared(self, report: Report) -> Comparison | None:
        """The changes since the run of ``--compare``; ``None`` if there is no such run.

        A first run has none before it: that is no fault. A run of a date that is missing is reported.
        """
        if self._folder is None or self._compare is None:
            return None
        from logscan._failures.history import compare, earlier

        run = self._run()
        before = earlier(self._folder, run, self._compare)
        if before is None:
            self.is_first = self._compare == PREVIOUS
            if not self.is_first:
                common.complain(
                    f"--compare {self._compare}: no such run of this selection in {self._folder}",
                    "nothing is compared",
                )
            return None
        return compare(run, report.incidents, before, outside_of(report))

    def keep(self, report: Report, complete: bool) -> None:
        """Write this run, unless it is incomplete: some input could not be read."""
        if self._folder is not None:
            from logscan._failures.history import keep

            if complete:
                keep(self._folder, self._run(), report.incidents, self._by, outside_of(report))
            else:
                common.complain(
                    f"{self._folder}: this run is not kept, because some inputs could not be read",
                    "correct the inputs and run it again",
                )
