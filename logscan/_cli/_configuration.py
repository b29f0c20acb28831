"""Defaults of the options that ``logscan.toml`` sets, and the names of options in file and environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from logscan.errors import UsageError

VARIABLE = "LOGSCAN_CONFIG"
PLACES = ("logscan.toml", "~/.config/logscan/logscan.toml", "/etc/logscan/logscan.toml")
"""Paths of the configuration file. Only the first that exists is read."""


def find() -> str | None:
    """The configuration file: the one that :data:`VARIABLE` names, else the first of :data:`PLACES`.

    Raises:
        UsageError: the named file does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        if named and not os.path.isfile(named):
            raise UsageError(
                f"{VARIABLE}={named}: no such file", "correct the path, or set it empty to use no file"
            )
        return named or None
    return next((path for place in PLACES if os.path.isfile(path := os.path.expanduser(place))), None)


def load(path: str) -> dict[str, Any]:
    """The tables of a configuration file.

    Raises:
        UsageError: the file cannot be read, or is not TOML.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", f"correct its permissions, or set {VARIABLE}= to use no file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: not TOML: {error}", f"correct the file, or set {VARIABLE}= to use no file"
        ) from error


def keys_of(parameter: Any) -> tuple[str, ...]:
    """The keys of a parameter in the file: its long options without dashes, or the name of the argument."""
    if parameter.param_type_name == "argument":
        return (parameter.name or "",)
    return tuple(name.lstrip("-") for name in parameter.opts if name.startswith("--"))


def variable_of(command: str, parameter: Any) -> str:
    """The environment variable of a parameter: ``LOGSCAN_REPORT_FAIL_ON``."""
    return f"logscan_{command}_{keys_of(parameter)[0]}".replace("-", "_").upper()


def defaults(
    group: Any, tables: Mapping[str, Any], path: str, commands: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Click's map of defaults: command → parameter → value.

    A value at the top of the file is for every command that has such an option. A value in the table of a
    command replaces it there.

    Raises:
        UsageError: a table without a command, a key without an option, or a value of the wrong type.
    """
    top = {key: value for key, value in tables.items() if not isinstance(value, dict)}
    unused = set(top)
    values: dict[str, dict[str, Any]] = {}
    for title in tables:
        if isinstance(tables[title], dict) and title not in commands:
            raise UsageError(f"{path}: [{title}] is no command", "choose from " + ", ".join(commands))
    for name, command in group.commands.items():
        table: dict[str, Any] = dict(tables.get(name, {}))
        values[name] = {}
        for parameter in command.params:
            for key in keys_of(parameter):
                unused.discard(key)
                if key in table or key in top:
                    value = table.pop(key, top.get(key))
                    values[name][parameter.name or ""] = _checked(value, parameter, f"{path}: {key}")
        if table:
            raise UsageError(
                f"{path}: [{name}] {next(iter(table))}: no such option", f"logscan {name} --help lists them"
            )
    if unused and len(group.commands) == len(commands):
        raise UsageError(f"{path}: {min(unused)}: no command has such an option", "check its spelling")
    return values


def _checked(value: Any, parameter: Any, place: str) -> Any:
    """A value of the file as click takes it.

    Raises:
        UsageError: it has the wrong type.
    """
    if parameter.nargs == -1 or getattr(parameter, "multiple", False):
        parts = value if isinstance(value, list) else [value]
        return [str(part) for part in parts]
    if isinstance(value, list | dict):
        raise UsageError(f"{place}: expected one value, not several", "write it without brackets")
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{place}: expected true or false", "write true or false, without quotes")
        return value
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)
