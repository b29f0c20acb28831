"""The command line: arguments → pipeline → renderer → exit code.

The only room that prints, exits or knows typer. One module a command; heavy imports stand inside the
commands, so that ``logscan search`` starts like grep.
"""

from __future__ import annotations

import sys

import typer

from logscan import __version__
from logscan.cli import report, search, tail

app = typer.Typer(
    name="logscan",
    help="Find and explain TLS handshake failures in Apigee Edge Message Processor logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("report")(report.report)
app.command("search", context_settings={"help_option_names": ["--help"]})(search.search)
app.command("tail")(tail.tail)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"logscan {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Find and explain TLS handshake failures in Apigee Edge Message Processor logs.

    Exit status: 0 ran or found, 1 not found or --fail-on matched, 2 usage or unreadable input.
    """


def main() -> None:
    """Entry point of the ``logscan`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app()
