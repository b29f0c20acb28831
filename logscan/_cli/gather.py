"""``logscan gather``: what support needs, in one zip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan._cli import _evidence_options as options
from logscan._cli._arguments import Messages, messages_among
from logscan._cli._groups import expanded
from logscan.errors import ExitCode, UsageError, caught

if TYPE_CHECKING:
    from logscan._diagnosis.result import Diagnosis

Zip = Annotated[
    str | None,
    common.ACTS,
    typer.Option("--output", "-o", metavar="FILE", help="The zip to write.", rich_help_panel="Output"),
]
Review = Annotated[
    bool,
    typer.Option(
        "--review", help="List what would go in, and what is masked; write nothing.", rich_help_panel="Output"
    ),
]
Curl = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--curl",
        metavar="COMMAND",
        help="The command that reproduces the failure.",
        rich_help_panel="Evidence",
    ),
]
Notes = Annotated[
    list[str] | None,
    typer.Option(
        "--note", metavar="TEXT", help="What was tried. May be repeated.", rich_help_panel="Evidence"
    ),
]
MaxMessages = Annotated[
    int,
    typer.Option(
        "--max-messages", min=1, help="Failing messages whose entries go in.", rich_help_panel="Limits"
    ),
]


@common.guarded
def gather(
    *,
    paths: options.Paths = None,
    output: Zip = None,
    review: Review = False,
    curl: Curl = None,
    note: Notes = None,
    max_messages: MaxMessages = 50,
    keystore: options.KeystoreFile = None,
    alias: options.Alias = None,
    backend_ca: options.BackendCa = None,
    keylog: options.KeyLogs = None,
    mgmt: options.Mgmt = None,
    mgmt_ca: options.MgmtCa = None,
    mgmt_timeout: options.MgmtTimeout = options.MGMT_SECONDS,
    alert: common.Alerts = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: options.Org = None,
    env: options.Env = None,
    proxy: common.Proxies = None,
    message: Messages = None,
    host: common.Hosts = None,
    store: common.Stores = None,
) -> None:
    """Pack what support needs into one zip, with secrets masked.

    No private key goes in. Takes the same evidence as diagnose, and adds the diagnosis. Exit status: 0
    written, 2 usage or an input that could not be read (the rest is in the zip).
    """
    from logscan._jobs import gather as job
    from logscan._jobs.diagnose import Diagnosing, collect, judge_collected
    from logscan._render.diagnosis.data import as_json
    from logscan._render.diagnosis.page import as_html
    from logscan._support import archive
    from logscan.shown import safe

    if output is None and not review:
        raise UsageError("nothing to write to", "add -o support.zip, or --review to see what would go in")
    paths, messages = messages_among(paths, message)
    paths = expanded(paths)
    given = Diagnosing(
        keystore=keystore, alias=alias, backend_ca=backend_ca or (), keylog=keylog or (), alert=alert or (),
        since=since, until=until, tz=tz, org=org, env=env, proxy=proxy or (), message=messages,
        host=host or (),
    )  # fmt: skip
    with options.evidence_request(
        paths, given, store=store, mgmt=mgmt, mgmt_ca=mgmt_ca, mgmt_timeout=mgmt_timeout
    ) as request:
        collected = collect(request)
    diagnosis = judge_collected(collected)
    report: dict[str, str] = {}
    for name, render in (
        ("diagnosis.md", _markdown),
        ("diagnosis.json", as_json),
        ("diagnosis.html", as_html),
    ):
        with caught(diagnosis.counters, name):
            report[name] = render(diagnosis) + "\n"
    gathered = job.gather(
        diagnosis, report, collected.answers, notes=note or (), curl=curl, max_messages=max_messages
    )
    for line in archive.listing(gathered):
        typer.echo(safe(line))
    if output is not None and not review:
        with common.output_file(output, private=True) as file:
            archive.write(gathered, file)
        typer.echo(f"{output}: {len(gathered.items) + 1} files")
    complaints = common.Complaints(diagnosis.counters)
    complaints.print_new()
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)


def _markdown(diagnosis: Diagnosis) -> str:
    from logscan._render.diagnosis.markdown import as_markdown

    return "\n".join(as_markdown(diagnosis))
