"""``logscan diagnose``: why a client certificate was refused."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan._cli import _evidence_options as options
from logscan._cli._arguments import Messages, messages_among
from logscan._cli._groups import expanded
from logscan._render.text import warnings
from logscan.errors import ExitCode, InputError, UsageError

if TYPE_CHECKING:
    from logscan._diagnosis.result import Diagnosis
    from logscan._evidence.distinguished_names import Name
    from logscan._jobs.diagnose import Collected

FORMATS = ("text", "markdown", "json", "html")

Alerts = Annotated[
    list[str] | None,
    typer.Option(
        "--alert",
        metavar="NAME|all",
        help="Failures of the log to diagnose. May be repeated. Default: every southbound TLS failure.",
        rich_help_panel="Select",
    ),
]
Simulate = Annotated[
    bool,
    typer.Option(
        "--simulate",
        help="Print which certificate of the keystore Java would send to a backend that accepts the"
        " authorities of the evidence or of --accept, and why not the others.",
        rich_help_panel="Evidence",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="NAME",
        help="--simulate: distinguished name of an accepted authority. May be repeated.",
        rich_help_panel="Evidence",
    ),
]
Format = Annotated[
    str,
    typer.Option("--format", metavar="FORMAT", help="text, markdown, json, html.", rich_help_panel="Output"),
]
AllCauses = Annotated[
    bool,
    typer.Option(
        "--all-causes", help="Also list the causes that are ruled out, and why.", rich_help_panel="Output"
    ),
]
NoDiagram = Annotated[
    bool,
    typer.Option("--no-diagram", help="Leave out the diagram of the handshake.", rich_help_panel="Output"),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="fault|open",
        help="Exit with 1 if a fault was found, or a case is not decided.",
        rich_help_panel="Night",
    ),
]
MaxConnections = Annotated[
    int,
    typer.Option(
        "--max-connections",
        min=1,
        help="Connections kept of all captures. Others are counted.",
        rich_help_panel="Limits",
    ),
]
MaxOpen = Annotated[
    int,
    typer.Option(
        "--max-open-connections",
        min=1,
        help="Connections followed at once in a capture.",
        rich_help_panel="Limits",
    ),
]


@common.guarded
def diagnose(
    *,
    paths: options.Paths = None,
    keystore: options.KeystoreFile = None,
    alias: options.Alias = None,
    backend_ca: options.BackendCa = None,
    keylog: options.KeyLogs = None,
    mgmt: options.Mgmt = None,
    mgmt_ca: options.MgmtCa = None,
    mgmt_timeout: options.MgmtTimeout = options.MGMT_SECONDS,
    alert: Alerts = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: options.Org = None,
    env: options.Env = None,
    proxy: common.Proxies = None,
    message: Messages = None,
    host: common.Hosts = None,
    store: common.Stores = None,
    simulate: Simulate = False,
    accept: Accept = None,
    output_format: Format = "text",
    output: common.Output = None,
    color: common.Colour = "auto",
    all_causes: AllCauses = False,
    no_diagram: NoDiagram = False,
    fail_on: FailOn = None,
    stats: common.Stats = False,
    max_connections: MaxConnections = 10_000,
    max_open_connections: MaxOpen = 20_000,
    join_time: common.JoinTime = common.JOIN_SECONDS,
    join_bytes: common.JoinBytes = common.JOIN_SIZE,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = None,
    nice: common.Nice = False,
) -> None:
    """Find out why the backend refused the client certificate.

    Give any mix of evidence; what is missing is named, with the command that supplies it. Exit status: 0 ran,
    1 --fail-on matched, 2 usage or an input that could not be read (the rest was used).
    """
    from logscan._jobs.diagnose import Diagnosing, collect, judge_collected

    begun = time.monotonic()
    common.check_choice("--format", output_format, FORMATS)
    common.check_choice("--fail-on", fail_on, ("fault", "open"))
    if accept and not simulate:
        raise UsageError("--accept belongs to --simulate", "add --simulate")
    common.lower_priority(nice)
    paths, messages = messages_among(paths, message)
    paths = expanded(paths)
    given = Diagnosing(
        keystore=keystore, alias=alias, backend_ca=backend_ca or (), keylog=keylog or (), alert=alert or (),
        since=since, until=until, tz=tz, org=org, env=env, proxy=proxy or (), message=messages,
        host=host or (),
        join_time=join_time, join_bytes=join_bytes, max_entry_bytes=max_entry_bytes, workers=workers or 0,
        max_connections=max_connections, max_open_connections=max_open_connections,
    )  # fmt: skip
    with (
        options.evidence_request(
            paths, given, store=store, mgmt=mgmt, mgmt_ca=mgmt_ca, mgmt_timeout=mgmt_timeout, nice=nice
        ) as request,
        common.progress_line(quiet=simulate) as progress,
    ):
        collected = collect(request, progress)
    if simulate:
        _put(_simulated(collected, accept, output_format), output)
    diagnosis = judge_collected(collected)
    complaints = common.Complaints(diagnosis.counters, lists_copies=stats)
    complaints.print_new()
    if (
        complaints.nothing_read
        and not diagnosis.evidence.files
        and not diagnosis.evidence.keystores
        and not mgmt
    ):
        raise InputError("nothing was read, so there is no diagnosis")
    if not simulate:
        _put(
            _rendered(
                diagnosis, output_format, output, all_causes=all_causes, diagram=not no_diagram, color=color
            ),
            output,
        )
        for warning in warnings(diagnosis.counters):
            common.complain(warning)
    if stats:
        common.print_statistics(diagnosis.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
    if (fail_on == "fault" and diagnosis.faults) or (fail_on == "open" and diagnosis.open):
        raise typer.Exit(ExitCode.NOT_FOUND)


def _rendered(
    diagnosis: Diagnosis,
    output_format: str,
    output: str | None,
    *,
    all_causes: bool,
    diagram: bool,
    color: str,
) -> str:
    if output_format == "json":
        from logscan._render.diagnosis.data import as_json

        return as_json(diagnosis) + "\n"
    if output_format == "html":
        from logscan._render.diagnosis.page import as_html

        return as_html(diagnosis) + "\n"
    if output_format == "markdown":
        from logscan._render.diagnosis.markdown import as_markdown

        return "\n".join(as_markdown(diagnosis)) + "\n"
    from logscan._render.diagnosis.text import as_text

    width = 100
    if sys.stdout.isatty() and not output:
        width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    colour = output is None and common.wants_colour(color, sys.stdout)
    return "\n".join(as_text(diagnosis, width, diagram, all_causes, colour)) + "\n"


def _put(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        common.write_atomically(output, text.encode("utf-8", "backslashreplace"))


def _simulated(collected: Collected, accept: list[str] | None, output_format: str) -> str:
    """Java's choice for each keystore that was given."""
    from logscan._jobs.diagnose import simulate
    from logscan._render.diagnosis.data import choice_dict
    from logscan._render.diagnosis.text import choice_lines
    from logscan._render.safe import safe_json
    from logscan.shown import safe

    if output_format not in ("text", "json"):
        raise UsageError(
            f"--simulate --format {output_format}: there is no such output", "choose text or json"
        )
    choices = simulate(collected, tuple(_name(text) for text in accept) if accept else None)
    if output_format == "json":
        rows = [{"keystore": store.name, **choice_dict(choice)} for store, choice in choices]
        return safe_json(json.dumps(rows, indent=2, ensure_ascii=False)) + "\n"
    lines: list[str] = []
    for store, choice in choices:
        lines += [safe(f"Keystore {store.name} ({store.kind}, {store.source})"), *choice_lines(store, choice)]
    return "\n".join(lines) + "\n"


def _name(text: str) -> Name:
    from logscan._evidence.distinguished_names import parse

    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--accept {text}: {error}", "write it as openssl or Java prints it") from error
