"""``logscan.toml`` and environment variables: defaults of every option; the command line wins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from logscan.cli import _common as common
from logscan.cli._commands import COMMANDS, grouped
from logscan.errors import UsageError

PREFIX = "LOGSCAN"
VARIABLE = "LOGSCAN_CONFIG"
PLACES = ("logscan.toml", "~/.config/logscan/logscan.toml", "/etc/logscan/logscan.toml")
"""Where the file is looked for; the first that is there is taken, alone."""


def find() -> str | None:
    """The configuration file: the one named by :data:`VARIABLE`, else the first of :data:`PLACES`.

    Raises:
        UsageError: the one that is named is not there.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        if named and not os.path.isfile(named):
            raise UsageError(
                f"{VARIABLE}={named}: no such file", "correct the path, or set it empty to use none"
            )
        return named or None
    return next((path for place in PLACES if os.path.isfile(path := os.path.expanduser(place))), None)


def load(path: str) -> dict[str, Any]:
    """The file's tables.

    Raises:
        UsageError: it cannot be read, or is no TOML.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", "mend its rights, or set LOGSCAN_CONFIG= to use none"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: not TOML: {error}", "mend it there, or set LOGSCAN_CONFIG= to use none"
        ) from error


def names_of(parameter: Any) -> tuple[str, ...]:
    """What a parameter may be called in the file: its long options without dashes, or the argument's name."""
    if parameter.param_type_name == "argument":
        return (parameter.name or "",)
    return tuple(name.lstrip("-") for name in parameter.opts if name.startswith("--"))


def defaults(group: Any, tables: Mapping[str, Any], path: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Click's map of defaults: command → parameter → value. Values at the top are for every command that has
    such an option; those of a command's table go before them.

    Raises:
        UsageError: a key that no command has, or a value of another type.
    """
    top = {name: value for name, value in tables.items() if not isinstance(value, dict)}
    unused = set(top)
    made: dict[str, Any] = {}
    for title in tables:
        if isinstance(tables[title], dict) and title not in known:
            raise UsageError(f"{path}: [{title}] is no command", "choose from " + ", ".join(known))
    for name, command in group.commands.items():
        table: dict[str, Any] = dict(tables.get(name, {}))
        values: dict[str, Any] = {}
        for parameter in command.params:
            for key in names_of(parameter):
                unused.discard(key)
                if key in table or key in top:
                    value = table.pop(key, top.get(key))
                    values[parameter.name or ""] = _fitting(value, parameter, f"{path}: {key}")
        if table:
            raise UsageError(
                f"{path}: [{name}] {next(iter(table))}: no such option", f"logscan {name} --help lists them"
            )
        made[name] = values
    if unused and len(group.commands) == len(known):
        raise UsageError(f"{path}: {min(unused)}: no command has such an option", "is it misspelt?")
    return made


def variable_of(command: str, key: str) -> str:
    """The environment's name for an option: ``LOGSCAN_REPORT_FAIL_ON``."""
    return f"{PREFIX}_{command}_{key}".replace("-", "_").upper()


def from_environment(group: Any) -> dict[str, Any]:
    """Values of the environment: command → parameter → value. What may be repeated is split at blanks.

    Raises:
        UsageError: a switch that is neither true nor false.
    """
    made: dict[str, Any] = {}
    for name, command in group.commands.items():
        for parameter in command.params:
            for key in names_of(parameter):
                variable = variable_of(name, key)
                text = os.environ.get(variable)
                if not text:
                    continue
                value: Any = text.split() if _several(parameter) else text
                if getattr(parameter, "is_flag", False):
                    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
                    value = words.get(text.lower())
                    if value is None:
                        raise UsageError(f"{variable}={text}: true or false is wanted", "set it to 1 or 0")
                made.setdefault(name, {})[parameter.name or ""] = value
    return made


def all_defaults(group: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """What stands behind the command line: the environment, then the file.

    Raises:
        UsageError: either cannot be used.
    """
    path = find()
    made = defaults(group, load(path), path, known) if path else {}
    for name, values in from_environment(group).items():
        made[name] = made.get(name, {}) | values
    return made


def _several(parameter: Any) -> bool:
    return parameter.nargs == -1 or bool(getattr(parameter, "multiple", False))


def _fitting(value: Any, parameter: Any, place: str) -> Any:
    """A value as click takes it: several for what may be repeated."""
    if _several(parameter):
        parts = value if isinstance(value, list) else [value]
        return [str(part) for part in parts]
    if isinstance(value, list | dict):
        raise UsageError(f"{place}: one value is wanted, not several", "write it without brackets")
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{place}: true or false is wanted", "write true or false, without quotes")
        return value
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)


@common.guarded
def config(
    action: Annotated[str, typer.Argument(metavar="show", help="What to do.")] = "show",
    command: Annotated[str | None, typer.Argument(metavar="[COMMAND]", help="Only this command.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what has its built-in default.")] = False,
) -> None:
    """Show what is configured, and where each value comes from.

    Values come from the command line, else from the environment (LOGSCAN_REPORT_TZ for report's --tz), else
    from logscan.toml, else from the program. Exit status: 0 shown, 2 the file cannot be used.
    """
    common.check_choice("config", action, ("show",))
    common.check_choice("config show", command, COMMANDS)
    path = find()
    print(f"configuration file: {path or 'none (' + ', '.join(PLACES) + ')'}")
    group = grouped(COMMANDS)
    tables = load(path) if path else {}
    made = defaults(group, tables, path or "", COMMANDS)
    for name in (command,) if command else COMMANDS:
        rows = _rows(group.commands[name], name, made.get(name, {}), path, everything)
        if rows:
            print(f"\n[{name}]")
            width = max(len(row[0]) for row in rows)
            for option, value, source in rows:
                print(f"{option:<{width}} = {value}   # {source}")


_SECRET = ("notify",)
"""Options whose values may hold a password."""


def _rows(
    command: Any, name: str, values: dict[str, Any], path: str | None, everything: bool
) -> list[tuple[str, str, str]]:
    """Option, value and source of a command's parameters."""
    import json

    rows = []
    for parameter in command.params:
        key = next(iter(names_of(parameter)), "")
        variable = variable_of(name, key)
        value: Any
        if os.environ.get(variable):
            value, source = os.environ[variable], f"environment: {variable}"
        elif parameter.name in values:
            value, source = values[parameter.name or ""], f"file: {path}"
        elif everything and parameter.name not in ("help", "version"):
            value, source = getattr(parameter, "default", None), "built in"
        else:
            continue
        shown = "***" if key in _SECRET and value else json.dumps(value, default=str, ensure_ascii=False)
        rows.append((key, shown, source))
    return rows
