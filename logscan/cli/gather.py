"""``logscan gather``: what support must have, in one zip."""

from __future__ import annotations

from typing import Annotated

import typer

from logscan.cli import _common as common
from logscan.cli import diagnose as options
from logscan.errors import ExitCode, UsageError


@common.guarded
def gather(
    paths: options.Evidences = None,
    store: common.Stores = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="The zip to write.")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="List what would go in, and what is masked; write nothing.")
    ] = False,
    curl: Annotated[
        str | None, typer.Option("--curl", metavar="COMMAND", help="The command that reproduces the failure.")
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option("--note", metavar="TEXT", help="What was tried; may be repeated.")
    ] = None,
    max_messages: Annotated[
        int, typer.Option("--max-messages", min=1, help="Failing messages whose entries go in.")
    ] = 50,
    keystore: options.KeystoreFile = None,
    alias: options.Alias = None,
    backend_ca: options.BackendCa = None,
    keylog: options.KeyLogs = None,
    mgmt: options.Mgmt = None,
    mgmt_ca: options.MgmtCa = None,
    alert: common.Alerts = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: options.Org = None,
    env: options.Env = None,
    proxy: common.Proxies = None,
    host: common.Hosts = None,
) -> None:
    """Gather what support must have into one zip, without private keys and with secrets masked.

    Takes the same evidence as diagnose, and puts the diagnosis beside it. Exit status: 0 written, 2 usage or
    an input that could not be read (the rest is in the zip).
    """
    from logscan.jobs._evidence import collect
    from logscan.jobs.diagnose import judged
    from logscan.render import diagnosis as render
    from logscan.render.text import safe
    from logscan.support import gather as pack

    if output is None and not review:
        raise UsageError("nothing to write to", "add -o support.zip, or --review to see what would go in")
    paths = common.paths_or_default(paths, store) if store else paths
    if not paths and not keystore and not mgmt:
        raise UsageError("no evidence given", "name logs, captures, keystores …, or a directory of them")
    asked = options.asked_for(
        paths or [], keystore, backend_ca, keylog, mgmt, mgmt_ca, alert, since, until, tz, org, env,
        proxy, host,
        common.WINDOW, common.MAX_ENTRY, common.WORKERS, False, 10_000, 20_000,
    )  # fmt: skip
    try:
        read = collect(asked)
    finally:
        if asked.management is not None:
            asked.management.close()
    done = judged(read, asked, alias)
    report = {
        "diagnosis.md": "\n".join(render.as_markdown(done)) + "\n",
        "diagnosis.json": render.as_json(done) + "\n",
        "diagnosis.html": render.as_html(done) + "\n",
    }
    gathered = pack.gather(done, report, read.answers, note or (), curl, max_messages)
    for line in pack.listing(gathered):
        typer.echo(safe(line))
    if output is not None and not review:
        with common.output_file(output) as file:
            pack.write(gathered, file)
        typer.echo(f"{output}: {len(gathered.items) + 1} files")
    complaints = common.Complaints(done.counters)
    complaints.print_new()
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
