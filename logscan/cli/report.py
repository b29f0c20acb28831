"""``logscan report``: incidents by organization, environment and API proxy."""

from __future__ import annotations

import gc
import io
import sys
import time
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from logscan.failures.history import Comparison
    from logscan.scanning.plan import Limits
    from logscan.values import Report

FORMATS = ("table", "markdown", "csv", "json", "jsonl", "parquet", "html", "xlsx", "ecs", "otel")
BINARY = ("parquet", "xlsx")
EACH = ("ecs", "otel")
"""Formats that have failed handshakes one by one."""


@common.guarded
def report(
    paths: common.Paths = None,
    store: common.Stores = None,
    alert: common.Alerts = None,
    family: common.Family = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN[,COLUMN]",
            help="Group by more: revision, target, alias, keystore, truststore, host, family, refused_by,"
            " reason, day, hour.",
        ),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="List every failed handshake.")] = False,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    not_proxy: common.NotProxies = None,
    side: common.Side = None,
    host: common.Hosts = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, markdown, csv, json, jsonl, parquet,"
            " html, xlsx; ecs and otel: each failure for a SIEM.",
        ),
    ] = "table",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file, as a whole or not at all."),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="N|new|growing",
            help="Exit 1 at N or more selected failures; at incidents that are new, or new or growing,"
            " since the"
            " run of --compare.",
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="DIR",
            help="Keep this run's incidents there as Parquet, to compare later runs with; the same time range"
            " again replaces it.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="previous|DATE",
            help="Mark what is new, growing, shrinking or gone since the run before, or since that of a"
            " date, in"
            " --history.",
        ),
    ] = None,
    email: Annotated[
        list[str] | None,
        typer.Option(
            "--email",
            metavar="ADDRESS",
            help="Send the report there as well, as text and page; may be repeated. The mail server is"
            " LOGSCAN_SMTP_URL, else smtp://localhost:25. With --quiet nothing is sent when nothing was"
            " selected.",
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            "--samples", min=0, max=3, help="html: messages of each incident shown with their entries."
        ),
    ] = 1,
    details: Annotated[
        int, typer.Option("--details", min=0, metavar="N", help="Incidents told in detail by the table.")
    ] = 10,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing when nothing was selected.")
    ] = False,
    stats: common.Stats = False,
    color: common.Colour = "auto",
    window: common.Window = common.WINDOW,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = common.WORKERS,
    cluster: common.Cluster = None,
    nice: common.Nice = False,
) -> None:
    """Report bad_certificate incidents by organization, environment and API proxy.

    A footer counts the TLS failures outside the selection. Exit status: 0 ran, 1 --fail-on matched, 2 usage
    or an input that could not be read (the rest is reported).
    """
    from logscan.cli import _history as keeping
    from logscan.failures.selection import HostNames, Selection, select_alerts
    from logscan.jobs.report import report_selected
    from logscan.render.text import warnings
    from logscan.scanning.plan import Limits
    from logscan.times import time_range

    threshold = keeping.fail_threshold(fail_on, compare, history)
    begun = time.monotonic()
    gc.disable()  # values in flight hold no cycles, and looking for some takes a fifth of a busy run
    _check(output_format, family, side, alert, output)
    each |= output_format in EACH
    columns = [name.strip() for text in by or () for name in text.split(",") if name.strip()]
    alerts = select_alerts(alert or ["bad_certificate"])
    selection = Selection(
        alerts=alerts if family is None else frozenset(),
        family=family,
        orgs=tuple(org or ()),
        envs=tuple(env or ()),
        proxies=tuple(proxy or ()),
        not_proxies=tuple(not_proxy or ()),
        side=side,
        times=time_range(since, until, tz),
    )
    names = common.paths_or_default(paths, store)
    common.stand_back(nice)
    what = family or (", ".join(sorted(alerts)) if alerts else "TLS")
    kept = keeping.Keeping(history, compare, selection, what, columns)
    limits = Limits(window=window, max_entry=max_entry_bytes, workers=workers, forget=nice)
    with common.progress_line(names, quiet) as progress:
        done = report_selected(
            names, selection,
            by=columns, limits=limits, host_of=HostNames(host or ()), each=each, progress=progress,
            count_lines=stats, cluster=cluster,
        )  # fmt: skip
    complaints = common.Complaints(done.counters)
    complaints.tell()
    changed = kept.compared(done.incidents)
    selected = sum(incident.failed_handshakes for incident in done.incidents)
    if selected or not quiet:
        colour = common.wants_colour(color, sys.stdout) if output is None else False
        if output_format == "html":
            data = _page(done, what, names, limits, samples, changed)
        else:
            zone = selection.times.zone
            data = _rendered(done, what, columns, each, output_format, colour, details, zone)
        _write(data, output)
        _tell(done, output_format, output, changed)
        if email:
            page = _page(done, what, names, limits, samples, changed).decode()
            _mail(done, what, columns, page, email, changed)
    else:
        for line in warnings(done.counters):
            common.complain(line)
    kept.keep(done.incidents, complete=not complaints.fatal)
    if stats:
        common.print_statistics(done.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
    if threshold is not None and threshold.matched(selected, changed):
        raise typer.Exit(ExitCode.NOT_FOUND)


def _write(data: bytes, output: str | None) -> None:
    if output is not None:
        common.write_atomically(output, data)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


def _tell(done: Report, output_format: str, output: str | None, changed: Comparison | None) -> None:
    """What belongs to a report whose format has no room for it."""
    from logscan.cli import _history as keeping
    from logscan.render.table import footer

    if changed is not None and output_format != "html":
        beside = output_format == "table" and output is None
        for line in keeping.lines(changed):
            print(line, file=sys.stdout if beside else sys.stderr)
    if output_format not in ("table", "json", "html"):
        for line in footer(done):
            print(line, file=sys.stderr)


def _mail(
    done: Report, what: str, by: list[str], page: str, receivers: list[str], changed: Comparison | None
) -> None:
    from logscan.cli import _history as keeping
    from logscan.outputs import mail
    from logscan.render.table import headline, print_report

    text = _Text(terminal=False)
    print_report(done, what, by, False, text, False)
    more = "".join(f"{line}\n" for line in keeping.lines(changed)) if changed is not None else ""
    mail.send(mail.compose(headline(done, what), text.getvalue() + more, page, receivers))


def _check(
    output_format: str, family: str | None, side: str | None, alert: list[str] | None, output: str | None
) -> None:
    """Refuse what contradicts itself.

    Raises:
        UsageError: it does.
    """
    from logscan.failures import catalog

    common.check_choice("--format", output_format, FORMATS)
    common.check_choice("--family", family, catalog.FAMILIES)
    common.check_choice("--side", side, ("southbound", "northbound"))
    if alert and family:
        raise UsageError("--alert and --family select in two ways", "leave one of them out")
    if output_format in BINARY and output is None:
        raise UsageError(f"--format {output_format} is no text", "say where to with --output FILE")


def _page(
    done: Report,
    what: str,
    paths: list[str],
    limits: Limits,
    samples: int,
    changed: Comparison | None,
) -> bytes:
    from logscan.failures.history import name_of
    from logscan.jobs._samples import sample_entries
    from logscan.render.page import to_html

    entries = sample_entries(done.incidents, paths, limits, samples) if samples else {}
    if changed is None:
        return to_html(done, what, entries).encode("utf-8", "backslashreplace")
    gone = [f"{name_of(key)} ({count:,} then)" for key, count in changed.gone]
    text = to_html(done, what, entries, changed.states, gone, changed.label)
    return text.encode("utf-8", "backslashreplace")


def _rendered(
    done: Report, what: str, by: list[str], each: bool, output_format: str, colour: bool, details: int,
    zone: tzinfo | None,
) -> bytes:  # fmt: skip
    if output_format == "table":
        from logscan.render.table import print_report

        text = _Text(sys.stdout.isatty())
        print_report(done, what, by, each, text, colour, details)
        lines = (line.rstrip() for line in text.getvalue().splitlines())
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
    from logscan.render import data

    if output_format == "parquet":
        return data.to_parquet(done, by, each)
    if output_format == "json":
        return data.to_json(done, each).encode("utf-8", "backslashreplace")
    if output_format in EACH:
        from logscan.render import siem

        made = siem.to_ecs if output_format == "ecs" else siem.to_otel
        return "".join(made(done.failures, zone)).encode()
    rows = data.rows_of(done, each)
    columns = data.columns_of(by, each)
    if output_format == "xlsx":
        from logscan.render.workbook import to_xlsx

        return to_xlsx(rows, columns, "failures" if each else "incidents")
    if output_format == "csv":
        return data.to_csv(rows, columns).encode("utf-8", "backslashreplace")
    if output_format == "markdown":
        return data.to_markdown(rows, columns).encode("utf-8", "backslashreplace")
    return data.to_json_lines(rows).encode("utf-8", "backslashreplace")


class _Text(io.StringIO):
    """Text that is laid out for the terminal it will be written to."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
