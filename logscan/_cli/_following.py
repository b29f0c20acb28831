"""A run of ``logscan tail``: what its watcher finds goes to the outputs, and signals end it."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from logscan._cli import _common as common
from logscan._cli._output import print_entry
from logscan._outputs import systemd
from logscan.errors import LogscanError

if TYPE_CHECKING:
    from logscan._jobs._tail_elsewhere import HostsWatcher
    from logscan._jobs.tail import Watcher, WatchUpdate
    from logscan._outputs.fan_out import Outputs

RETRY = 0.5
"""Seconds between two tries to write what waits for a full disk."""
CHECKPOINT_EVERY = 1.0
"""Seconds between two writes of a checkpoint while something happens."""


class Signals:
    """The requests to end (SIGINT, SIGTERM) and to open files again (SIGHUP). Calling it: whether to end."""

    def __init__(self) -> None:
        self.interrupted = False
        """SIGINT (Ctrl-C) came."""
        self._stop = False
        self._hung_up = False
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._take)

    def __call__(self) -> bool:
        return self._stop

    def stop(self) -> None:
        """Request the end."""
        self._stop = True

    def hung_up(self) -> bool:
        """Whether SIGHUP came since the last call."""
        came, self._hung_up = self._hung_up, False
        return came

    def _take(self, number: int, _frame: Any) -> None:
        if hasattr(signal, "SIGHUP") and number == signal.SIGHUP:
            self._hung_up = True
            return
        self._stop = True
        self.interrupted = number == signal.SIGINT


class Following:
    """Passes what a watcher finds to the outputs, and does what is due between two looks."""

    def __init__(
        self,
        *,
        watcher: Watcher | HostsWatcher,
        outputs: Outputs,
        signals: Signals,
        checkpoint: str | None,
        as_json: bool,
        colour: bool,
    ) -> None:
        self.watcher = watcher
        self.outputs = outputs
        self.signals = signals
        self.complaints = common.Complaints(watcher.counters)
        self._as_json = as_json
        self._colour = colour
        self._checkpoint = checkpoint
        self._saved = 0.0
        self._progress: tuple[int, ...] = ()
        """That of the run when the checkpoint was written last."""
        self._looked = time.monotonic()
        self._watchdog = systemd.watchdog_seconds()
        self._watchdog_sent = 0.0

    def run(self) -> None:
        """Follow until a signal comes or all inputs have ended."""
        for update in self.watcher.run(self.signals):
            self._looked = time.monotonic()
            self.complaints.print_new()
            self._take(update)
            self._do_what_is_due()
            if self.signals.hung_up():
                self.outputs.reopen()
                self.watcher.search()

    @property
    def seconds_since_look(self) -> float:
        """How long ago the run looked at its files."""
        return time.monotonic() - self._looked

    def end(self) -> None:
        """Save the checkpoint and close the outputs."""
        self._save()
        self.outputs.close()

    def _take(self, update: WatchUpdate) -> None:
        for failure in update.failures:
            self.outputs.take(failure)
        for span in update.spans:
            print_entry(span, self._as_json, self._colour)
        if update.failures or update.spans:
            self._flush()
        while self.outputs.is_full and not self.signals():  # memory is bounded: reading waits
            time.sleep(RETRY)
            self._flush()
            self._send_sign_of_life()

    def _do_what_is_due(self) -> None:
        """Save the checkpoint, send the watchdog's signal, look after the outputs."""
        now = time.monotonic()
        if self._checkpoint and now - self._saved >= CHECKPOINT_EVERY:
            self._saved = now
            progress = self.watcher.progress
            if progress != self._progress and self._save():
                self._progress = progress
        self._send_sign_of_life()
        self.outputs.look()
        sys.stdout.flush()  # numbers of failures that were due

    def _send_sign_of_life(self) -> None:
        now = time.monotonic()
        if self._watchdog and now - self._watchdog_sent >= self._watchdog:
            self._watchdog_sent = now
            systemd.send("WATCHDOG=1")

    def _flush(self) -> bool:
        sys.stdout.flush()
        return self.outputs.flush()

    def _save(self) -> bool:
        """Write the checkpoint once every failure before it is printed and written; whether it was."""
        if not self._flush() or not self._checkpoint:
            return False
        try:
            self.watcher.save(self._checkpoint)
        except LogscanError as error:
            self.outputs.report(str(error), error.hint or "following goes on; logscan tries again")
            return False
        return True
