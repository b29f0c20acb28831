"""The commands by name. Each is loaded when it is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from logscan import __version__
from logscan._cli._configuration import variable_of
from logscan._cli._help import Command, Group

COMMANDS = (
    "report",
    "search",
    "tail",
    "export",
    "diagnose",
    "gather",
    "ingest",
    "store",
    "cat",
    "sql",
    "index",
    "mcp",
    "alerts",
    "causes",
    "config",
)
"""Each is a function in the module of the same name."""
_SETTINGS = {"search": {"help_option_names": ["--help"]}}  # -h means --no-filename, as in grep


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands (help and completion need all of them)."""
    app = typer.Typer(
        name="logscan",
        cls=Group,
        help="Find and explain TLS handshake failures in Apigee Edge Message Processor logs.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        command = getattr(import_module(f"logscan._cli.{name}"), name)
        app.command(name, cls=Command, context_settings=_SETTINGS.get(name))(command)
    return app


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"logscan {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
    install_completion: str = typer.Option(
        "",
        "--install-completion",
        metavar="[SHELL]",
        help="Install completion for bash, zsh or fish. Default: the shell that asks.",
    ),
    show_completion: str = typer.Option(
        "",
        "--show-completion",
        metavar="[SHELL]",
        help="Print the completion script of bash, zsh or fish.",
    ),
) -> None:
    """Find and explain TLS handshake failures in Apigee Edge Message Processor logs.

    Exit status: 0 ran or found, 1 not found or --fail-on matched, 2 usage or unreadable input.
    """


def grouped(names: Sequence[str]) -> Any:
    """The commands as click knows them. Environment variables set their parameters; N stands for a number."""
    group: Any = typer.main.get_command(build(names))
    for name, command in group.commands.items():
        for parameter in command.params:
            parameter.envvar = variable_of(name, parameter)
            # Errors then name the variable that has the wrong value; the help shows only those that are set.
            parameter.show_envvar = parameter.envvar in os.environ
            if parameter.metavar is None and hasattr(parameter.type, "min"):
                parameter.metavar = "N"
    return group
