"""``logscan tail``: failed handshakes of live logs, as they happen."""

from __future__ import annotations

import glob
import math
import os
import re
import shutil
import signal
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from logscan._cli import _common as common
from logscan._cli import _tail_options as options
from logscan._cli._following import Following, Signals
from logscan._outputs import systemd
from logscan._outputs.fan_out import OutputRequest, Outputs, open_outputs
from logscan.errors import ExitCode, UsageError, need
from logscan.values import Counters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from logscan._jobs._tail_elsewhere import HostsWatcher
    from logscan._jobs.tail import Watcher
    from logscan._live import checkpoint as checkpoints


@common.guarded
def tail(
    *,
    paths: common.Paths = None,
    show_all: options.All = False,
    alert: common.Alerts = None,
    family: common.Family = None,
    entries: options.Entries = False,
    since: options.Since = None,
    last: options.Last = None,
    from_start: options.FromStart = False,
    tz: common.Zone = None,
    each: options.Each = False,
    as_json: options.Json = False,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    not_proxy: common.NotProxies = None,
    side: common.Side = None,
    host: common.Hosts = None,
    checkpoint: options.Checkpoint = None,
    start_over: options.StartOver = False,
    status: options.Status = False,
    output: options.Output = None,
    notify: options.Notify = None,
    every: options.Every = "10m",
    recovered: options.Recovered = "15m",
    execute: options.Execute = None,
    metrics: options.MetricsAddress = None,
    metrics_file: options.MetricsFile = None,
    dashboard: options.Dashboard = False,
    poll: options.Poll = False,
    quiet_time: options.QuietTime = 0.2,
    poll_interval: options.PollInterval = 0.1,
    rotate_wait: options.RotateWait = 5.0,
    rotated: options.RotatedNames = None,
    exclude: options.Exclude = None,
    color: common.Colour = "auto",
    join_time: common.JoinTime = common.JOIN_SECONDS,
    join_bytes: common.JoinBytes = common.JOIN_SIZE,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
) -> None:
    """Follow logs and print each failed handshake as it happens.

    Begins at the end of the files, at the time of --since, or at the place that --checkpoint saved. Follows
    rotation and truncation. Ctrl-C or SIGTERM ends it. SIGHUP reopens the output file and looks for new logs.
    """
    from logscan._failures.selection import HostNames
    from logscan._jobs._selecting import rule, selection_of
    from logscan._jobs._spans import split_paths
    from logscan._jobs.tail import Watcher
    from logscan._live.options import FollowOptions
    from logscan.atomic import Lock

    request = OutputRequest(
        output=output, notify=tuple(notify or ()), every=seconds_of("--every", every),
        recovered=seconds_of("--recovered", recovered), execute=execute, metrics=metrics,
        metrics_file=metrics_file,
    )  # fmt: skip
    ways = (show_all, bool(alert), family is not None, entries)
    _refuse(sum(ways) > 1, "--all, --alert, --family and --entries exclude each other", "use one of them")
    _refuse(start_over and not checkpoint, "--start-over needs a checkpoint", "add --checkpoint FILE")
    _refuse(status and not checkpoint, "--status needs a checkpoint", "add --checkpoint FILE")
    if status and checkpoint:
        _print_status(checkpoint, rotated or (), as_json)
        return
    selection = selection_of({
        "alert": ("all",) if show_all else alert or (), "family": family, "org": org or (),
        "env": env or (), "proxy": proxy or (), "not_proxy": not_proxy or (), "side": side,
        "since": since, "tz": tz,
    })  # fmt: skip
    names = common.paths_or_default(paths)
    begins = {"--from-start": from_start, "--since": since is not None, "--last": last is not None}
    asked = [option for option, is_asked in begins.items() if is_asked]
    _refuse(len(asked) > 1, f"{' and '.join(asked)} exclude each other", "use one of them")
    for option in set(asked) - {"--from-start"}:
        _refuse(
            bool(checkpoint),
            f"{option} and --checkpoint exclude each other: a checkpoint says where to go on",
            f"leave out {option}",
        )
        _refuse("-" in names, f"{option} looks into files, and standard input is none", f"leave out {option}")
    _refuse(last is not None and entries, "--last counts failures", "use --since with --entries")
    times = {"--quiet-time": quiet_time, "--poll-interval": poll_interval, "--rotate-wait": rotate_wait}
    for option, seconds in times.items():
        _refuse(not math.isfinite(seconds), f"{option} {seconds}: expected a length of time", "in seconds")
    drawable = sys.stdout.isatty() and not as_json
    _refuse(
        dashboard and not drawable,
        "--dashboard draws on a terminal",
        "leave out --json, and print to no pipe",
    )
    beside = bool(checkpoint or dashboard or not request.is_empty)
    _refuse(entries and beside, "--entries only prints", "leave out the options that need failures")
    colour = common.wants_colour(color, sys.stdout)
    printed = output is None and not entries and not dashboard
    outputs = Outputs(
        common.complain, print if printed else None, as_json=as_json, each=each or bool(checkpoint),
        colour=colour, width=_width,
    )  # fmt: skip
    own = {"--output": output, "--checkpoint": checkpoint, "--metrics-file": metrics_file}
    files = {option: path for option, path in own.items() if path is not None}
    _refuse_conflicts(names, files)
    signals = Signals()
    lock = Lock(checkpoint) if checkpoint else None
    how = FollowOptions(
        entries=entries, from_start=from_start, last=last or 0, poll=poll, poll_interval=poll_interval,
        quiet_time=quiet_time, rotate_wait=rotate_wait, rotated=tuple(rotated or ()),
        exclude=(*(exclude or ()), *(glob.escape(os.path.abspath(path)) for path in files.values())),
        max_entry_bytes=max_entry_bytes,
    )  # fmt: skip
    host_names, joins = HostNames(host or ()), rule(join_time, join_bytes)
    here, elsewhere = split_paths(names)
    start = _start(checkpoint, start_over=start_over) if checkpoint else None
    made: Watcher | HostsWatcher
    if elsewhere:
        from logscan._jobs._tail_elsewhere import HostsWatcher

        for option, is_asked in (begins | {"--from-start": False, "--entries": entries}).items():
            _refuse(is_asked, f"{option} is not for hosts (ssh://)", "log in there and run logscan tail")
        outputs.names_hosts = True
        made = HostsWatcher(here, elsewhere, selection, how, host_of=host_names, rule=joins, checkpoint=start)
    else:
        made = Watcher(names, selection, how, host_of=host_names, rule=joins, checkpoint=start)
    with made as watcher:
        open_outputs(
            outputs, request, watcher.counters, lambda: _gauges(watcher), lambda: following.seconds_since_look
        )  # fmt: skip
        following = Following(
            watcher=watcher, outputs=outputs, signals=signals, checkpoint=checkpoint, as_json=as_json,
            colour=colour,
        )  # fmt: skip
        systemd.send("READY=1")
        if dashboard:
            _draw(following, names, selection.times.zone)
        else:
            following.run()
        systemd.send("STOPPING=1")
        following.end()
    if lock:
        lock.release()
    if signals.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _draw(following: Following, names: list[str], zone: tzinfo | None) -> None:
    """Follow in a thread, and draw the live view until that ends or the person quits."""
    need("textual", "--dashboard")
    from logscan._cli._dashboard import Dashboard
    from logscan._entries.parse import decode
    from logscan._jobs.search import find
    from logscan._outputs.board import Board

    board = following.outputs.board = Board()
    following.complaints.pause()
    errors: list[BaseException] = []

    def entries_of(ids: Sequence[str]) -> list[str]:
        return [decode(found.span.data) for found in find(ids, names, Counters())]

    def problem() -> str:
        problems = following.watcher.problems
        return f"{common.display(problems[-1].path)}: {problems[-1].reason}" if problems else ""

    def run() -> None:
        try:
            following.run()
        except BaseException as error:  # noqa: BLE001 - raised again after the thread has ended
            errors.append(error)
            following.signals.stop()

    thread = threading.Thread(target=run, name="follow", daemon=True)
    thread.start()

    def leave() -> None:
        """End without the terminal: to restore it, the library would wait for ever."""
        following.signals.stop()
        thread.join(10)
        following.end()
        os._exit(128 + signal.SIGHUP)

    Dashboard(
        board, lambda: _gauges(following.watcher), entries_of, following.signals, leave,
        problem=problem, now=lambda: datetime.now(zone).replace(tzinfo=None),
    ).run()  # fmt: skip
    following.signals.stop()
    thread.join(10)
    following.complaints.resume()
    if errors:
        raise errors[0]


def _width() -> int | None:
    """The columns of the terminal; ``None``: standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _gauges(watcher: Watcher | HostsWatcher) -> dict[str, float]:
    """The momentary values of a run, for metrics and live view."""
    lag, seconds = watcher.lag
    return {
        "lag_bytes": lag,
        "lag_seconds": seconds,
        "open_messages": watcher.open_messages,
        "files": watcher.files,
    }


def seconds_of(option: str, text: str) -> float:
    """Seconds of ``30s``, ``10m``, ``2h`` or a plain number of seconds.

    Raises:
        UsageError: the text is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip())
    if not match or not float(match[1]):
        raise UsageError(f"{option} {text}: expected a length of time", "write it like 30s, 10m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _refuse(contradicts: bool, message: str, hint: str) -> None:
    """End the command when its options contradict each other.

    Raises:
        UsageError: they do.
    """
    if contradicts:
        raise UsageError(message, hint)


def _refuse_conflicts(names: list[str], files: dict[str, str]) -> None:
    """End the command when a file would be written that it reads, or two outputs are one file.

    Raises:
        UsageError: they are.
    """
    _refuse("" in names, "an empty path", "name a log, a folder or a pattern")
    followed = {os.path.realpath(name): name for name in names if not os.path.isdir(name)}
    written: dict[str, str] = {}
    for option, path in files.items():
        place = os.path.realpath(path)
        _refuse(place in followed, f"{option} {path}: is a log that is followed", "choose another file")
        _refuse(place in written, f"{option} {path}: is {written.get(place)} too", "choose another file")
        written[place] = option


def _print_status(checkpoint: str, rotated: Sequence[str], as_json: bool) -> None:
    from logscan._jobs.tail import status
    from logscan._render.data import json_line
    from logscan._render.text import show_bytes
    from logscan.shown import safe

    for state in status(checkpoint, rotated):
        if as_json:
            print(json_line(state._asdict()))
            continue
        unread = "all is read" if not state.unread else f"{show_bytes(state.unread)} are not read"
        if state.unread is None:
            unread = "that host knows what is not read"
        elif state.read_from is None:
            unread = "what was read is not there any more"
        elif state.read_from != state.path:
            unread += f"; goes on in {safe(state.read_from)}"
        print(f"{safe(state.path)}: byte {state.position:,}; {unread}; saved {state.age:,.0f} s ago")


def _start(path: str, *, start_over: bool) -> checkpoints.Checkpoint:
    """The checkpoint in a file; an empty one for a new file."""
    from logscan._live import checkpoint

    if start_over:
        renamed = checkpoint.put_aside(path)
        if renamed:
            common.complain(f"{path}: renamed to {renamed}")
    return checkpoint.load(path) or checkpoint.Checkpoint()
