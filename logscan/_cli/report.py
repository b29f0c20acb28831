"""``logscan report``: incidents by organization, environment and API proxy."""

from __future__ import annotations

import gc
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from logscan._cli import _common as common
from logscan._cli import _host_options as host_options
from logscan._cli import _report_options as options
from logscan._cli._arguments import Messages, messages_among
from logscan._failures.incidents import MOST_INCIDENTS
from logscan._render.formats import BINARY, EACH, FORMATS, Shape, render, write
from logscan._render.text import FIRST_RUN
from logscan.errors import ExitCode, InputError, UsageError
from logscan.values import Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison
    from logscan._scanning.plan import Limits


@common.guarded
def report(
    *,
    paths: common.Paths = None,
    alert: common.Alerts = None,
    family: common.Family = None,
    by: options.By = None,
    group: options.Group = None,
    top: options.Top = None,
    sort: options.Sort = None,
    each: options.Each = False,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    not_proxy: common.NotProxies = None,
    side: common.Side = None,
    message: Messages = None,
    host: common.Hosts = None,
    store: common.Stores = None,
    output_format: options.Format = None,
    output: common.Output = None,
    quiet: options.Quiet = False,
    fail_on: options.FailOn = None,
    history: options.History = None,
    compare: options.Compare = None,
    email: options.Email = None,
    subject: options.Subject = None,
    routes: options.Routes = False,
    samples: options.Samples = 1,
    details: options.Details = None,
    wide: options.Wide = False,
    no_pager: options.NoPager = False,
    watch: options.Watch = None,
    max_incidents: options.MaxIncidents = MOST_INCIDENTS,
    stats: common.Stats = False,
    color: common.Colour = "auto",
    join_time: common.JoinTime = common.JOIN_SECONDS,
    join_bytes: common.JoinBytes = common.JOIN_SIZE,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = None,
    cluster: common.Cluster = None,
    hosts_at_once: host_options.HostsAtOnce = host_options.AT_ONCE,
    pull: host_options.Pull = False,
    nice: common.Nice = False,
) -> None:
    """Report refused client certificates by environment and API proxy.

    A footer counts the TLS failures outside the selection. Exit status: 0 ran, 1 --fail-on matched, 2 usage
    or an input that could not be read (the others are reported).
    """
    _watch_if_asked(dict(locals()))
    from logscan._cli import _history as keeping
    from logscan._cli._mailing import Mailing
    from logscan._failures.incidents import SORTS
    from logscan._failures.selection import HostNames
    from logscan._jobs._options import listed
    from logscan._jobs._selecting import rule, selection_of
    from logscan._jobs.report import report_selected
    from logscan._scanning.plan import Limits

    threshold = keeping.fail_threshold(fail_on, compare, history)
    begun = time.monotonic()
    gc.disable()  # the values of a run form no cycles, and the search for some takes a fifth of a busy run
    mailing = Mailing(email or (), subject, routes, is_grouped=bool(group))
    prints = not mailing or output is not None or output_format is not None
    output_format = output_format or "table"
    common.check_choice("--format", output_format, FORMATS)
    if alert and family:
        raise UsageError("--alert and --family exclude each other", "use one of them")
    if output_format in BINARY and output is None:
        raise UsageError(f"--format {output_format} is not text", "write it to a file with --output FILE")
    paths, messages = messages_among(paths, message)
    selection = selection_of({
        "alert": alert or (), "family": family, "org": org or (), "env": env or (), "proxy": proxy or (),
        "not_proxy": not_proxy or (), "side": side, "message": messages, "since": since, "until": until,
        "tz": tz,
    })  # fmt: skip
    common.check_choice("--sort", sort, tuple(SORTS))
    names = common.paths_or_default(paths, store)
    terminal = output is None and sys.stdout.isatty()
    width, height = shutil.get_terminal_size()
    shape = Shape(
        format=output_format,
        what=selection.words,
        by=listed(group or by),
        grouped=bool(group),
        each=each or output_format in EACH,
        details=10 if details is None and not (terminal and not wide) else details,
        rows=top,
        colour=output is None and common.wants_colour(color, sys.stdout),
        terminal=terminal,
        width=width,
        height=height,
        wide=wide,
        paths=tuple(paths or store or ()),
        zone=selection.times.zone,
    )
    common.lower_priority(nice)
    what = f"{shape.what}, grouped" if group else shape.what
    kept = keeping.Keeping(history, compare, selection, what, shape.by)
    limits = Limits(max_entry=max_entry_bytes, workers=workers or 0, forget=nice)
    with common.progress_line(quiet) as progress:
        result = report_selected(
            names, selection, by=() if group else shape.by, group=shape.by if group else (),
            limits=limits, rule=rule(join_time, join_bytes),
            host_of=HostNames(host or ()), each=shape.each, max_incidents=max_incidents, progress=progress,
            count_lines=stats, cluster=cluster, hosts_at_once=hosts_at_once, pull=pull,
        )  # fmt: skip
    gc.freeze()
    gc.enable()  # what writes the formats does form cycles
    changes = kept.compared(result)
    selected = sum(incident.failed_handshakes for incident in result.incidents)
    complaints = common.Complaints(
        result.counters, lists_copies=stats, hides_copies=quiet and not selected and not stats
    )
    complaints.print_new()
    if complaints.nothing_read:
        raise InputError("nothing was read, so there is no report")
    if selected or not quiet:
        entries = {}
        if samples and (mailing or output_format == "html"):
            entries = _samples(result, names, limits, samples)
        if prints:
            shown = _arranged(result, sort, None if output_format == "table" else top)
            _print(shown, shape, output, changes, entries, paged=not no_pager)
            _print_beside(result, output_format, output, changes, first=kept.is_first, quiet=quiet)
        mailing.send(result, shape, changes, entries, is_first=kept.is_first, quiet=quiet)
    else:
        _print_warnings(result)
        if changes is not None and changes.outside:
            if mailing:
                mailing.send(result, shape, changes, {}, is_first=False, quiet=True)
            else:
                _print_rise(changes)
    kept.keep(result, complete=not complaints.fatal)
    if stats:
        common.print_statistics(result.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
    if threshold is not None and threshold.matched(selected, changes):
        raise typer.Exit(ExitCode.NOT_FOUND)


def _watch_if_asked(given: dict[str, Any]) -> None:
    """Print the report of these options again and again, where ``watch`` says how often."""
    if given["watch"] is not None:
        from logscan._cli._watch import repeat

        repeat(report.__wrapped__, given)  # type: ignore[attr-defined]


def _arranged(result: Report, sort: str | None, top: int | None) -> Report:
    """A report with its incidents in an order, and only the first of them."""
    from logscan._failures.incidents import SORTS

    incidents = result.incidents if sort is None else sorted(result.incidents, key=SORTS[sort])
    return result._replace(incidents=incidents[:top])


def _print(
    result: Report,
    shape: Shape,
    output: str | None,
    changes: Comparison | None,
    entries: dict[str, list[str]],
    *,
    paged: bool,
) -> None:
    """Print or write the report: on a terminal through the pager."""
    if shape.terminal and shape.format == "table":
        from logscan._cli._pager import print_paged

        print_paged(render(result, shape, changes, entries).decode(), shape.height, wanted=paged)
        return
    with common.output_file(output or "-") as file:
        write(file, result, shape, changes, entries)


def _samples(result: Report, paths: Sequence[str], limits: Limits, number: int) -> dict[str, list[str]]:
    """The entries of some messages of each incident, for the page."""
    from logscan._jobs._samples import sample_entries

    return sample_entries(result.incidents, paths, limits, number)


def _print_beside(
    result: Report,
    output_format: str,
    output: str | None,
    changes: Comparison | None,
    *,
    first: bool,
    quiet: bool,
) -> None:
    """Print what the format cannot contain: changes, and the footer."""
    from logscan._render.table import comparison_lines, footer

    in_table = output_format == "table" and output is None
    file = sys.stdout if in_table else sys.stderr
    if changes is not None and output_format != "html":
        for line in comparison_lines(changes):
            print(line, file=file)
    if first and (in_table or not quiet):
        print(FIRST_RUN, file=file)
    if output_format not in ("table", "json", "html"):
        for line in footer(result):
            print(line, file=sys.stderr)


def _print_rise(changes: Comparison) -> None:
    """The one line of a night on which nothing was selected, but other failures have grown."""
    from logscan._render.table import rise_line

    print(rise_line(changes))


def _print_warnings(result: Report) -> None:
    from logscan._render.text import warnings

    for line in warnings(result.counters):
        common.complain(line)
