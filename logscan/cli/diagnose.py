"""``logscan diagnose``: why a client certificate was refused."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode, InputError, UsageError

if TYPE_CHECKING:
    from logscan.evidence.api_client import Management
    from logscan.evidence.distinguished_names import Name
    from logscan.jobs._evidence import EvidenceRequest
    from logscan.jobs.diagnose import Diagnosis

FORMATS = ("text", "markdown", "json", "html")
PASSWORD = "LOGSCAN_KEYSTORE_PASSWORD"  # noqa: S105 (the name of a variable)

Evidences = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Evidence of any kind, and directories of it, told apart by content: logs, packet captures,"
        " keystores and certificates, openssl s_client output, answers of the management API, proxy bundles,"
        " trace files, key logs.",
        show_default=False,
    ),
]
KeystoreFile = Annotated[
    str | None,
    typer.Option("--keystore", metavar="FILE", help="The keystore that the Message Processor uses."),
]
Alias = Annotated[str | None, typer.Option("--alias", help="The alias in it, if no log or bundle names it.")]
BackendCa = Annotated[
    list[str] | None,
    typer.Option("--backend-ca", metavar="FILE", help="The authorities that the backend trusts."),
]
KeyLogs = Annotated[
    list[str] | None, typer.Option("--keylog", metavar="FILE", help="Secrets of TLS 1.3 (SSLKEYLOGFILE).")
]
Mgmt = Annotated[
    str | None,
    typer.Option(
        "--mgmt",
        metavar="URL",
        help="Ask this management API for bundle, references and keystores; only GET is sent. Credentials:"
        " LOGSCAN_MGMT_USER and LOGSCAN_MGMT_PASSWORD, LOGSCAN_MGMT_TOKEN, .netrc, or a prompt.",
    ),
]
MgmtCa = Annotated[
    str | None,
    typer.Option("--mgmt-ca", metavar="FILE", help="Authorities for the management API's certificate."),
]
Org = Annotated[
    str | None, typer.Option("--org", help="Only this organization; for --mgmt, where no log names it.")
]
Env = Annotated[
    str | None, typer.Option("--env", help="Only this environment; for --mgmt, where no log names it.")
]
MaxConnections = Annotated[
    int,
    typer.Option("--max-connections", min=1, help="Connections kept of all captures; others are counted."),
]
MaxOpen = Annotated[
    int, typer.Option("--max-open-connections", min=1, help="Connections followed at once in a capture.")
]


@common.guarded
def diagnose(
    paths: Evidences = None,
    store: common.Stores = None,
    keystore: KeystoreFile = None,
    alias: Alias = None,
    backend_ca: BackendCa = None,
    keylog: KeyLogs = None,
    mgmt: Mgmt = None,
    mgmt_ca: MgmtCa = None,
    alert: Annotated[
        list[str] | None,
        typer.Option(
            "--alert",
            metavar="NAME|all",
            help="Failures of the log to diagnose; may be repeated. Default: all that a refused client"
            " certificate"
            " can cause, and whatever a capture shows to be one.",
        ),
    ] = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: Org = None,
    env: Env = None,
    proxy: common.Proxies = None,
    host: common.Hosts = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Say which certificate of the keystore Java would send to a backend that accepts the"
            " authorities"
            " of the evidence or of --accept, and why not the others.",
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="NAME", help="--simulate: an accepted authority's distinguished name."
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text, markdown, json, html.")
    ] = "text",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file, as a whole or not at all."),
    ] = None,
    all_causes: Annotated[
        bool, typer.Option("--all-causes", help="Also list the causes that are ruled out, and why.")
    ] = False,
    no_diagram: Annotated[
        bool, typer.Option("--no-diagram", help="Leave out the picture of the handshake.")
    ] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", metavar="fault|open", help="Exit 1 if a fault was found, or one is not decided."
        ),
    ] = None,
    stats: common.Stats = False,
    max_connections: MaxConnections = 10_000,
    max_open_connections: MaxOpen = 20_000,
    window: common.Window = common.WINDOW,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = common.WORKERS,
    nice: common.Nice = False,
) -> None:
    """Say why the backend refused the client certificate, from the evidence that there is.

    Give any mix of evidence; what is missing is named, with the command that supplies it. Exit status: 0 ran,
    1 --fail-on matched, 2 usage or an input that could not be read (the rest was used).
    """
    from logscan.jobs.diagnose import diagnose as run

    begun = time.monotonic()
    common.check_choice("--format", output_format, FORMATS)
    common.check_choice("--fail-on", fail_on, ("fault", "open"))
    if accept and not simulate:
        raise UsageError("--accept belongs to --simulate", "add --simulate")
    paths = common.paths_or_default(paths, store) if store else paths
    if not paths and not keystore and not mgmt:
        raise UsageError("no evidence given", "name logs, captures, keystores …, or a directory of them")
    common.lower_priority(nice)
    asked = asked_for(
        paths or [], keystore, backend_ca, keylog, mgmt, mgmt_ca, alert, since, until, tz, org, env,
        proxy, host,
        window, max_entry_bytes, workers, nice, max_connections, max_open_connections,
    )  # fmt: skip
    try:
        if simulate:
            done = _simulate(asked, alias, accept, output_format, output)
        else:
            with common.progress_line() as progress:
                done = run(asked, alias, progress)
    finally:
        if asked.management is not None:
            asked.management.close()
    complaints = common.Complaints(done.counters)
    complaints.print_new()
    if not simulate:
        _write(done, output_format, output, all_causes, diagram=not no_diagram)
        for warning in _warnings(done):
            common.complain(warning)
    if stats:
        common.print_statistics(done.counters, time.monotonic() - begun)
    faults = [verdict for verdict in done.verdicts if verdict.certainty != "no fault"]
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
    if (fail_on == "fault" and faults) or (fail_on == "open" and done.open):
        raise typer.Exit(ExitCode.NOT_FOUND)


def _warnings(done: Diagnosis) -> list[str]:
    from logscan.render.text import warnings

    return warnings(done.counters)


def asked_for(
    paths: list[str], keystore: str | None, backend_ca: list[str] | None, keylog: list[str] | None,
    mgmt: str | None, mgmt_ca: str | None, alert: list[str] | None, since: str | None, until: str | None,
    tz: str | None, org: str | None, env: str | None, proxy: list[str] | None, host: list[str] | None,
    window: int, max_entry: int, workers: int, nice: bool, max_connections: int, max_open: int,
) -> EvidenceRequest:  # fmt: skip
    """What to read, from the options that ``diagnose`` and ``gather`` share."""
    from logscan.failures.selection import HostNames, Selection, select_alerts
    from logscan.jobs._evidence import EvidenceRequest
    from logscan.scanning.plan import Limits
    from logscan.times import time_range

    selection = Selection(
        alerts=select_alerts(alert) if alert else frozenset(),
        family=None,
        orgs=(org,) if org else (),
        envs=(env,) if env else (),
        proxies=tuple(proxy or ()),
        times=time_range(since, until, tz),
    )
    password = os.environ.get(PASSWORD)
    return EvidenceRequest(
        paths, selection, keystore, tuple(backend_ca or ()), tuple(keylog or ()),
        (password,) if password is not None else (), _ask_password if sys.stdin.isatty() else None,
        HostNames(host or ()), Limits(window, max_entry, workers=workers, forget=nice),
        _management(mgmt, mgmt_ca), org, env, max_connections, max_open,
    )  # fmt: skip


def _management(mgmt: str | None, authorities: str | None) -> Management | None:
    if mgmt is None:
        return None
    from urllib.parse import urlsplit

    from logscan.evidence.api_client import Management, credentials

    ask = _ask_credentials if sys.stdin.isatty() else None
    return Management(mgmt, credentials(urlsplit(mgmt).hostname or "", ask), authorities)


def _ask_password(path: str) -> str | None:
    return str(typer.prompt(f"Password of {path}", hide_input=True, default="", show_default=False, err=True))


def _ask_credentials(host: str) -> tuple[str, str] | None:
    user = typer.prompt(f"User at {host}", default="", show_default=False, err=True)
    return (user, typer.prompt("Password", hide_input=True, err=True)) if user else None


def _write(done: Diagnosis, output_format: str, output: str | None, all_causes: bool, diagram: bool) -> None:
    from logscan.render import diagnosis as render

    if output_format == "json":
        text = render.as_json(done) + "\n"
    elif output_format == "html":
        text = render.as_html(done) + "\n"
    elif output_format == "markdown":
        text = "\n".join(render.as_markdown(done)) + "\n"
    else:
        import shutil

        width = (
            min(shutil.get_terminal_size((100, 24)).columns, 120)
            if sys.stdout.isatty() and not output
            else 100
        )
        text = "\n".join(render.as_text(done, width, diagram, all_causes)) + "\n"
    _put(text, output)


def _put(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        common.write_atomically(output, text.encode("utf-8", "backslashreplace"))


def _simulate(
    asked: EvidenceRequest,
    alias: str | None,
    accept: list[str] | None,
    output_format: str,
    output: str | None,
) -> Diagnosis:
    """Java's choice for each keystore that was given."""
    import json

    from logscan.diagnosis.keymanager import choose
    from logscan.jobs._evidence import collect
    from logscan.jobs.diagnose import judged
    from logscan.render import diagnosis as render

    if output_format not in ("text", "json"):
        raise UsageError(f"--simulate --format {output_format}: not made", "choose text or json")
    read = collect(asked)
    evidence = read.evidence
    stores = (
        [read.keystore] if read.keystore else [*evidence.keystores, *evidence.environment.keystores.values()]
    )
    if not stores:
        raise InputError("--simulate: no keystore among the evidence", "give one with --keystore FILE")
    authorities: tuple[Name, ...] | None = None
    types: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    if accept:
        authorities = tuple(_name(text) for text in accept)
    else:
        request = next((c.request for c in evidence.connections if c.request is not None), None)
        run = next((run for run in evidence.s_clients if run.asked), None)
        if request is not None:
            authorities, types, schemes = request.authorities, request.key_types, request.signature_schemes
        elif run is not None:
            authorities, types, schemes = run.authorities, run.key_types, run.signature_schemes
        elif evidence.backend_cas:
            authorities = tuple(item.subject for item in evidence.backend_cas)
    choices = [(store, choose(store, alias, authorities, types, schemes)) for store in stores]
    if output_format == "json":
        rows = [{"keystore": store.name, **render.choice_dict(choice)} for store, choice in choices]
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    else:
        lines = []
        for store, choice in choices:
            lines += [
                f"Keystore {store.name} ({store.kind}, {store.source})",
                *render.choice_lines(store, choice),
            ]
        text = "\n".join(lines) + "\n"
    _put(text, output)
    return judged(read, asked, alias)


def _name(text: str) -> Name:
    from logscan.evidence.distinguished_names import parse

    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--accept {text}: {error}", "write it as openssl or Java prints it") from error
