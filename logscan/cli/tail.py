"""``logscan tail``: failed handshakes of live logs, as they happen."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any

import typer

from logscan.cli import common
from logscan.errors import ExitCode, UsageError
from logscan.models import Counters


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
    side: common.Side = None,
    host: common.Hosts = None,
    quiet_time: Annotated[
        float,
        typer.Option(
            "--quiet-time", min=0.01, help="Seconds without a new line after which a message is complete."
        ),
    ] = 0.2,
    poll: Annotated[float, typer.Option("--poll-interval", min=0.01, help="Seconds between looks.")] = 0.1,
    color: common.Colour = "auto",
    window: common.Window = common.WINDOW,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
) -> None:
    """Follow logs and print each failed handshake as one line as soon as it is complete.

    Starts at the end of the files. Rotation and truncation are followed. Ctrl-C ends it.
    """
    from logscan import catalog, pipeline

    common.check_choice("--family", family, catalog.FAMILIES)
    common.check_choice("--side", side, ("southbound", "northbound"))
    if sum((show_all, bool(alert), family is not None, entries)) > 1:
        raise UsageError("--all, --alert, --family and --entries exclude each other", "leave one")
    names = ["all"] if show_all or family else (alert or ["bad_certificate"])
    selection = pipeline.Selection(
        alerts=pipeline.select_alerts(names),
        family=family,
        orgs=tuple(org or ()),
        envs=tuple(env or ()),
        proxies=tuple(proxy or ()),
        side=side,
    )
    counters = Counters()
    complaints = common.Complaints(counters)
    colour = common.wants_colour(color, sys.stdout)
    stopping = _Stop()
    for watched in pipeline.watch(
        common.paths_or_default(paths),
        counters,
        entries,
        from_start,
        pipeline.Limits(window=window, max_entry=max_entry_bytes),
        pipeline.Live(poll=poll, quiet=quiet_time),
        pipeline.HostNames(host or ()),
        selection.neighbours,
        stopping,
    ):
        complaints.tell()
        for failure in watched.failures:
            if selection.covers(failure) and selection.names(failure):
                _print_failure(failure, as_json, colour)
        for span in watched.spans:
            _print_entry(span, as_json, colour)
        if watched.failures or watched.spans:
            sys.stdout.flush()
    if stopping.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)


class _Stop:
    """Whether a signal has asked to end: what is complete is still printed."""

    def __init__(self) -> None:
        self.interrupted = False
        self._asked = False
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)

    def __call__(self) -> bool:
        return self._asked

    def _take(self, number: int, _frame: Any) -> None:
        self._asked = True
        self.interrupted = number == signal.SIGINT


def _print_failure(failure: Any, as_json: bool, colour: bool) -> None:
    if as_json:
        from logscan.incidents import failure_dict
        from logscan.render.data import json_line

        print(json_line(failure_dict(failure)))
        return
    from logscan.render.table import failure_line

    line = failure_line(failure)
    if colour:
        line = line.replace(failure.alert, f"\x1b[31m{failure.alert}\x1b[0m", 1)
    print(line)


def _print_entry(span: Any, as_json: bool, colour: bool) -> None:
    from logscan.entries import decode, parse

    if as_json:
        from logscan.render.data import entry_row, json_line

        print(json_line(entry_row(parse(span, Counters()), span)))
        return
    from logscan.cli.search import coloured
    from logscan.render.text import safe_lines

    text = decode(span.data)
    if sys.stdout.isatty():
        text = safe_lines(text)
    text = text if text.endswith("\n") else text + "\n"
    print(coloured(text) if colour else text, end="")
