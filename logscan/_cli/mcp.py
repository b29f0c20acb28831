"""``logscan mcp``: lets an assistant ask logscan, by the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from logscan._cli import _common as common

SECONDS = 60.0


@common.guarded
def mcp(
    *,
    roots: Annotated[
        list[str] | None,
        common.ACTS,
        typer.Argument(
            metavar="[PATH]...",
            help="Files and directories that may be read; nothing else is."
            " Default: the Message Processor log of this machine.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            min=1,
            max=3_600,
            help="Time that one call may take. Then it is ended, and says so.",
            rich_help_panel="Limits",
        ),
    ] = SECONDS,
) -> None:
    """Answer an assistant, by the Model Context Protocol.

    It talks on standard input and output. Read-only: it can report, search, diagnose and simulate below the
    given paths. Answers are bounded, secrets are masked, and texts of logs are marked as data of strangers.
    Exit status: 0 the assistant ended it, 2 usage or a path that cannot be found.
    """
    from logscan._assistant.roots import Roots
    from logscan._assistant.server import serve

    serve(Roots.of(common.paths_or_default(roots)), seconds)
