"""``logscan config``: which options have a configured value, and where each value comes from."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from logscan._cli import _common as common
from logscan._cli import _configuration as configuration
from logscan._cli._commands import COMMANDS, grouped
from logscan._support.redact import redact

SECRET = ("notify",)
"""Options whose values are a password as a whole. What others hold of passwords is masked."""


@common.guarded
def config(
    *,
    action: Annotated[str, typer.Argument(metavar="show", help="What to do.")] = "show",
    command: Annotated[
        str | None, typer.Argument(metavar="[COMMAND]", help="Show the options of this command only.")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also show options that have their built-in default.", rich_help_panel="Output"
        ),
    ] = False,
) -> None:
    """Show which options are configured, and where values come from.

    A value comes from the command line, else from the environment (LOGSCAN_REPORT_TZ for --tz of report),
    else from logscan.toml, else from the program. Exit status: 0 shown, 2 the file cannot be used.
    """
    common.check_choice("config", action, ("show",))
    common.check_choice("config show", command, COMMANDS)
    path = configuration.find(_ignore)  # the start of the program has said what is not used
    places = ", ".join(configuration.PLACES)
    print(f"configuration file: {common.shown(path or '') or f'none ({places})'}")
    group = grouped(COMMANDS)
    tables = configuration.load(path) if path else {}
    configuration.check_variables(group)
    values = configuration.defaults(group, tables, path or "", COMMANDS, common.complain)
    for name in (command,) if command else COMMANDS:
        rows = list(_rows(group.commands[name], values[name], path, everything))
        if rows:
            print(f"\n[{name}]")
            width = max(len(key) for key, _, _ in rows)
            for key, value, source in rows:
                print(common.shown(f"{key:<{width}} = {value}   # {source}"))
    if path and command in (None, "report"):
        _print_routes(tables, path)


def _print_routes(tables: dict[str, Any], path: str) -> None:
    """The routes, as they stand in the file."""
    from logscan._cli._routes import routes_of

    routes = routes_of(tables, path)
    for table, _ in zip(tables.get(configuration.ROUTES, ()), routes, strict=True):
        source = (
            f"not used: {path} is of the working directory"
            if configuration.is_untrusted(path)
            else f"file: {path}"
        )
        print(common.shown(f"\n[[{configuration.ROUTES}]]   # {source}"))
        width = max(len(key) for key in table)
        for key, value in table.items():
            shown = "***" if key in SECRET else json.dumps(_masked(value), ensure_ascii=False)
            print(common.shown(f"{key:<{width}} = {shown}"))


def _ignore(message: str, hint: str) -> None:
    """See :data:`configuration.Refuse`."""


def _rows(
    command: Any, values: dict[str, Any], path: str | None, everything: bool
) -> Iterator[tuple[str, str, str]]:
    """Key, value and source of each parameter of a command."""
    for parameter in command.params:
        value: Any
        if os.environ.get(parameter.envvar):
            value, source = os.environ[parameter.envvar], f"environment: {parameter.envvar}"
        elif parameter.name in values:
            value, source = values[parameter.name], f"file: {path}"
        elif everything:
            value, source = parameter.default, "built in"
        else:
            continue
        key = configuration.keys_of(parameter)[0]
        shown = (
            "***" if key in SECRET and value else json.dumps(_masked(value), default=str, ensure_ascii=False)
        )
        yield key, shown, source


def _masked(value: Any) -> Any:
    """A value without the passwords in its addresses, commands and notes."""
    if isinstance(value, list | tuple):
        return [_masked(part) for part in value]
    return redact(value, Counter(), personal=False) if isinstance(value, str) else value
