"""The commands by name, each loaded when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from logscan import __version__

COMMANDS = (
    "report",
    "search",
    "tail",
    "export",
    "diagnose",
    "gather",
    "ingest",
    "cat",
    "sql",
    "index",
    "config",
)
"""Each is a function in the module of its name."""
_SETTINGS = {"search": {"help_option_names": ["--help"]}}  # there -h is grep's


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands (all of them for help and completion)."""
    app = typer.Typer(
        name="logscan",
        help="Find and explain TLS handshake failures in Apigee Edge Message Processor logs.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        command = getattr(import_module(f"logscan.cli.{name}"), name)
        app.command(name, context_settings=_SETTINGS.get(name))(command)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"logscan {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Find and explain TLS handshake failures in Apigee Edge Message Processor logs.

    Exit status: 0 ran or found, 1 not found or --fail-on matched, 2 usage or unreadable input.
    """


def grouped(names: Sequence[str]) -> Any:
    """The commands with their options, as typer's click has them."""
    return typer.main.get_command(build(names))
