"""``logscan tail``: failed handshakes of live logs, as they happen."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logscan.cli import _common as common
from logscan.cli._output import print_entry
from logscan.errors import ExitCode, LogscanError, UsageError
from logscan.outputs.fan_out import Telling, gauges_of, open_ways
from logscan.values import Counters

if TYPE_CHECKING:
    from logscan.live.checkpoint import State

CHECKPOINT_EVERY = 1.0
"""Seconds between two writings of a checkpoint while something happens."""


@common.guarded
def tail(
    paths: common.Paths = None,
    show_all: Annotated[bool, typer.Option("--all", help="Every TLS failure, whatever its alert.")] = False,
    alert: common.Alerts = None,
    family: common.Family = None,
    entries: Annotated[bool, typer.Option("--entries", help="Every entry of the log instead.")] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with what is in the files already.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    not_proxy: common.NotProxies = None,
    side: common.Side = None,
    host: common.Hosts = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Remember in it how far was read; go on from there."
        ),
    ] = None,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Put the checkpoint aside and begin without it.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Append each failure to it once, as JSON; print nothing."
        ),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            "--notify", metavar="URL", help="Tell mail, Slack, PagerDuty … (an address of apprise)."
        ),
    ] = None,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Between two notices of one kind: 30s, 10m, 2h.")
    ] = "10m",
    recovered: Annotated[
        str,
        typer.Option(
            "--recovered", metavar="TIME", help="Without a failure for so long: tell that it stopped."
        ),
    ] = "15m",
    execute: Annotated[
        str | None,
        typer.Option(
            "--exec", metavar="COMMAND", help="Run it for each failure, its JSON on standard input."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="[HOST]:PORT", help="Serve Prometheus metrics."),
    ] = None,
    metrics_file: Annotated[
        str | None,
        typer.Option("--metrics-file", metavar="FILE", help="Write metrics for the node exporter (*.prom)."),
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="A live view on the terminal: incidents, last hour, latest.")
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look by the clock: for NFS and where no file events come.")
    ] = False,
    quiet_time: Annotated[
        float,
        typer.Option(
            "--quiet-time", min=0.01, help="Seconds without a new line after which a message is complete."
        ),
    ] = 0.2,
    poll_interval: Annotated[
        float, typer.Option("--poll-interval", min=0.01, help="Seconds between looks by the clock.")
    ] = 0.1,
    color: common.Colour = "auto",
    window: common.Window = common.WINDOW,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
) -> None:
    """Follow logs and print each failed handshake as one line as soon as it is complete.

    Starts at the end of the files, or where --checkpoint says. Rotation and truncation are followed. Ctrl-C
    or SIGTERM ends it, SIGHUP reopens the output file and looks for new logs.
    """
    from logscan.atomic import Lock
    from logscan.failures import catalog
    from logscan.failures.selection import HostNames, Selection, select_alerts
    from logscan.jobs.tail import Live, Watcher
    from logscan.outputs import systemd
    from logscan.scanning.plan import Limits

    common.check_choice("--family", family, catalog.FAMILIES)
    common.check_choice("--side", side, ("southbound", "northbound"))
    _exclude(
        sum((show_all, bool(alert), family is not None, entries)) > 1,
        "--all, --alert, --family and --entries exclude each other",
        "leave one",
    )
    _exclude(
        start_over and checkpoint is None,
        "--start-over puts a checkpoint aside",
        "say which with --checkpoint FILE",
    )
    _exclude(
        dashboard and (as_json or not sys.stdout.isatty()),
        "--dashboard draws on a terminal",
        "leave out --json and pipes",
    )
    told = (checkpoint, output, notify, execute, metrics, metrics_file, dashboard)
    _exclude(entries and any(told), "--entries only prints", "leave out what tells of failures")
    alerts = ["all"] if show_all or family else (alert or ["bad_certificate"])
    selection = Selection(
        alerts=select_alerts(alerts),
        family=family,
        orgs=tuple(org or ()),
        envs=tuple(env or ()),
        proxies=tuple(proxy or ()),
        not_proxies=tuple(not_proxy or ()),
        side=side,
    )
    printed = output is None and not entries and not dashboard
    telling = Telling(printed, as_json, common.wants_colour(color, sys.stdout), common.complain)
    names = common.paths_or_default(paths)
    counters = Counters()
    complaints = common.Complaints(counters)
    stopping = _Signals()
    lock = Lock(checkpoint) if checkpoint else None
    state = _state(checkpoint, start_over) if checkpoint else None
    waits = seconds_of("--every", every), seconds_of("--recovered", recovered)
    with Watcher(
        names,
        counters,
        entries,
        from_start,
        Limits(window=window, max_entry=max_entry_bytes),
        Live(poll=poll_interval, quiet=quiet_time, events=not poll),
        HostNames(host or ()),
        selection.neighbours,
        state,
    ) as watcher:
        open_ways(telling, watcher, counters, output, notify or [], waits, execute, metrics, metrics_file)
        keeper = _Keeper(checkpoint, watcher, telling)
        systemd.tell("READY=1")

        def follow() -> None:
            for watched in watcher.run(stopping):
                complaints.tell()
                for failure in watched.failures:
                    if selection.covers(failure) and selection.names(failure):
                        telling.tell(failure)
                for span in watched.spans:
                    print_entry(span, as_json, telling.colour)
                keeper.look(bool(watched.failures or watched.spans))
                if stopping.hung_up():
                    telling.reopen()
                    watcher.search()

        if dashboard:
            _draw(follow, telling, watcher, names, stopping, complaints)
        else:
            follow()
        systemd.tell("STOPPING=1")
        keeper.end()
    if lock:
        lock.release()
    if stopping.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _draw(
    follow: Callable[[], None],
    telling: Telling,
    watcher: Any,
    names: list[str],
    stopping: _Signals,
    complaints: common.Complaints,
) -> None:
    """Follow in a thread, and draw until it ends or the person has seen enough."""
    try:
        from logscan.cli._dashboard import Dashboard
    except ImportError as error:
        raise UsageError(
            "--dashboard needs the package textual", "install logscan with it: pip install 'logscan[live]'"
        ) from error
    from logscan.entries.parse import decode
    from logscan.jobs.search import find
    from logscan.outputs.board import Board

    telling.board = Board()
    complaints.hold()

    def entries(name: str) -> list[str]:
        found = find([name], names, Counters())
        return [decode(one.span.data) for one in found]

    failed: list[BaseException] = []

    def run() -> None:
        try:
            follow()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)
            stopping.stop()

    thread = threading.Thread(target=run, name="follow", daemon=True)
    thread.start()
    Dashboard(telling.board, lambda: gauges_of(watcher), entries, stopping).run()
    stopping.stop()
    thread.join(10)
    complaints.release()
    if failed:
        raise failed[0]


def seconds_of(option: str, text: str) -> float:
    """Seconds of ``30s``, ``10m``, ``2h`` or a plain number of seconds.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip())
    if not found or not float(found[1]):
        raise UsageError(f"{option} {text}: no length of time", "write it like 30s, 10m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def _exclude(wrong: bool, message: str, hint: str) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: they do not.
    """
    if wrong:
        raise UsageError(message, hint)


class _Keeper:
    """Does what is due between two looks: flushing, the checkpoint, the service manager's watchdog."""

    def __init__(self, checkpoint: str | None, watcher: Any, telling: Telling) -> None:
        from logscan.outputs import systemd

        self._checkpoint = checkpoint
        self._watcher = watcher
        self._telling = telling
        self._systemd = systemd
        self._pulse = systemd.watchdog_seconds()
        self._pulsed = 0.0
        self._saved = 0.0

    def look(self, news: bool) -> None:
        now = time.monotonic()
        if news:
            self._telling.flush()
        if self._checkpoint and now - self._saved >= CHECKPOINT_EVERY:
            self._saved = now
            self._save()
        if self._pulse and now - self._pulsed >= self._pulse:
            self._pulsed = now
            self._systemd.tell("WATCHDOG=1")
        self._telling.look()

    def end(self) -> None:
        self._save()
        self._telling.close()

    def _save(self) -> None:
        """Write the checkpoint, when all that it says was told has been told."""
        from logscan.live import checkpoint

        if self._telling.flush() and self._checkpoint:
            try:
                checkpoint.save(self._checkpoint, self._watcher.state())
            except LogscanError as error:
                self._telling.trouble(str(error), error.hint or "following goes on; it is tried again")


class _Signals:
    """Whether a signal has asked to end, or to open files anew."""

    def __init__(self) -> None:
        self.interrupted = False
        self._asked = False
        self._hung_up = False
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._take)

    def __call__(self) -> bool:
        return self._asked

    def stop(self) -> None:
        """Ask to end."""
        self._asked = True

    def hung_up(self) -> bool:
        """Whether SIGHUP came since this was asked last."""
        came, self._hung_up = self._hung_up, False
        return came

    def _take(self, number: int, _frame: Any) -> None:
        if hasattr(signal, "SIGHUP") and number == signal.SIGHUP:
            self._hung_up = True
            return
        self._asked = True
        self.interrupted = number == signal.SIGINT


def _state(path: str, start_over: bool) -> State:
    """The state to begin with."""
    from logscan.live import checkpoint

    if start_over:
        aside = checkpoint.put_aside(path)
        if aside:
            common.complain(f"{path}: put aside as {aside}")
    return checkpoint.load(path) or checkpoint.State()
