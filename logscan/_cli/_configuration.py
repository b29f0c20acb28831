"""Defaults of the options that ``logscan.toml`` sets, and the names of options in file and environment.

A file of the working directory is the least trusted: whoever unpacked, shared or prepared that directory may
have written it. It is used only if nobody else can write it, and never for an option that acts
(:data:`logscan._cli._common.ACTS`).
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from logscan.errors import UsageError

VARIABLE = "LOGSCAN_CONFIG"
HERE = "logscan.toml"
PLACES = (HERE, "~/.config/logscan/logscan.toml", "/etc/logscan/logscan.toml")
"""Paths of the configuration file. Only the first that exists, and may be used, is read."""
ROUTES = "route"
"""The tables of :mod:`logscan._cli._routes`."""
HOSTS = "hosts"
"""The table of :mod:`logscan._cli._groups`."""
MAX_BYTES = 1 << 20
"""Bytes of the file."""

Refuse = Callable[[str, str], None]
"""Says what of a configuration is not used, and what to do about it."""


def find(refuse: Refuse) -> str | None:
    """The configuration file: the one that :data:`VARIABLE` names, else the first of :data:`PLACES`.

    Args:
        refuse: takes a file of the working directory that may not be used; the next place is tried.

    Raises:
        UsageError: the named file does not exist, or others can write a file that may start programs.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        if named and not os.path.exists(named):
            raise UsageError(
                f"{VARIABLE}={named}: no such file", "correct the path, or set it empty to use no file"
            )
        if named and (reason := _distrust(named, stat.S_IWOTH, owner=False)):
            raise UsageError(f"{VARIABLE}={named}: {reason}", _REMEDY.format(named))
        return named or None
    for place in PLACES:
        path = os.path.expanduser(place)
        if not os.path.lexists(path):
            continue
        reason = _distrust(path, stat.S_IWGRP | stat.S_IWOTH, owner=True)
        if place == HERE:
            reason = reason or _open_folder()
        if not reason:
            return path
        if place != HERE:
            raise UsageError(f"{path}: {reason}", _REMEDY.format(path))
        refuse(
            f"{path} of this directory is not used: {reason}",
            f"set {VARIABLE}={HERE} if you trust it, or use {PLACES[1]}",
        )
    return None


_REMEDY = "correct it: chmod go-w {0}; or set " + VARIABLE + "= to use no file"


def _distrust(path: str, bits: int, *, owner: bool) -> str:
    """Why a file may not be used; nothing where it may."""
    try:
        states = [os.stat(path), os.lstat(path)]
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not stat.S_ISREG(states[0].st_mode):
        return "it is not a file"
    if not hasattr(os, "geteuid"):  # a system without these rights
        return ""
    if owner and any(state.st_uid not in (os.geteuid(), 0) for state in states):
        return "it belongs to another user"
    return "others can write it" if states[0].st_mode & bits else ""


def _open_folder() -> str:
    """Why files of the working directory may be anybody's; nothing where they are not."""
    mode = os.stat(".").st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX and hasattr(os, "geteuid"):
        return "others can write this directory"
    return ""


def load(path: str) -> dict[str, Any]:
    """The tables of a configuration file.

    Raises:
        UsageError: the file cannot be read, or is not TOML.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_BYTES:,} bytes", "is it the right file?")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", f"correct its permissions, or set {VARIABLE}= to use no file"
        ) from error
    except (ValueError, RecursionError) as error:
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


def check_variables(group: Any) -> None:
    """Check that every variable with the name of a command belongs to one of its options.

    Raises:
        UsageError: one does not.
    """
    for name, command in group.commands.items():
        known = {variable_of(name, parameter) for parameter in command.params}
        for variable in sorted(os.environ):
            if variable.startswith(f"LOGSCAN_{name.upper()}_") and variable not in known:
                raise UsageError(
                    f"{variable}: {name} has no such option", f"unset it; logscan {name} --help lists them"
                )


def acting(command: Any) -> set[str]:
    """The parameters of a command that start a program, send or write: those with the mark ``ACTS``."""
    from inspect import unwrap
    from typing import get_type_hints

    from logscan._cli._common import ACTS

    hints = get_type_hints(unwrap(command.callback), include_extras=True)
    return {name for name, hint in hints.items() if ACTS in getattr(hint, "__metadata__", ())}


def defaults(
    group: Any, tables: Mapping[str, Any], path: str, commands: Sequence[str], refuse: Refuse
) -> dict[str, dict[str, Any]]:
    """Click's map of defaults: command → parameter → value.

    A value at the top of the file is for every command that has such an option. A value in the table of a
    command replaces it there. A file of the working directory sets no option that acts, and no address.

    Args:
        group: the commands.
        tables: of the file.
        path: the file.
        commands: all commands.
        refuse: takes each value that is not used.

    Raises:
        UsageError: a table without a command, a key without an option, or a value of the wrong type.
    """
    here = path == HERE and VARIABLE not in os.environ
    tables = _options_of(group, tables, path, refuse)
    top = {key: value for key, value in tables.items() if not isinstance(value, dict)}
    unused = set(top)
    values: dict[str, dict[str, Any]] = {}
    for title in tables:
        if isinstance(tables[title], dict) and title not in commands:
            raise UsageError(f"{path}: [{title}] is no command", "choose from " + ", ".join(commands))
    for title in unused & set(commands):
        raise UsageError(f"{path}: {title}: it is a command", f"write its options below [{title}]")
    for name, command in group.commands.items():
        table: dict[str, Any] = dict(tables.get(name, {}))
        values[name] = {}
        acts = acting(command) if here else set()
        for parameter in command.params:
            for key in keys_of(parameter):
                unused.discard(key)
                if key in table or key in top:
                    value = _checked(table.pop(key, top.get(key)), parameter, f"{path}: {key}")
                    addresses = here and any("://" in str(part) for part in _parts(value))
                    if parameter.name in acts or addresses:
                        what = "an address" if addresses else "an option that starts, sends or writes"
                        refuse_untrusted(refuse, path, key, what, "give it on the command line,")
                        continue
                    values[name][parameter.name or ""] = value
        if table:
            raise UsageError(
                f"{path}: [{name}] {next(iter(table))}: no such option", f"logscan {name} --help lists them"
            )
    if unused and len(group.commands) == len(commands):
        raise UsageError(f"{path}: {min(unused)}: no command has such an option", "check its spelling")
    return values


def is_untrusted(path: str) -> bool:
    """Whether a file is of the working directory, and not one that the user named."""
    return path == HERE and VARIABLE not in os.environ


def refuse_untrusted(refuse: Refuse, path: str, name: str, what: str, how: str = "write it") -> None:
    """Say that a file of the working directory may not have something: what it is, and how it is given."""
    refuse(
        f"{path}: {name} is not used: in a file of the working directory, {what} is not",
        f"{how} in {PLACES[1]}, or set {VARIABLE}={HERE}",
    )


def trusted() -> tuple[Mapping[str, Any], str] | None:
    """The tables and the path of the file that is used, if it is not one of the working directory.

    Raises:
        UsageError: it cannot be read, or is damaged.
    """
    path = find(lambda *_: None)  # the start of the program has said what is not used
    return None if path is None or is_untrusted(path) else (load(path), path)


def _options_of(group: Any, tables: Mapping[str, Any], path: str, refuse: Refuse) -> Mapping[str, Any]:
    """The tables that set options. Routes are checked for the command that has them.

    Raises:
        UsageError: a route, or a group of hosts, is wrong.
    """
    if HOSTS in tables:
        from logscan._cli import _groups

        _groups.check(tables, path, refuse)
    if ROUTES in tables and "report" in group.commands:
        from logscan._cli import _routes

        _routes.check(tables, path, refuse)
    return {title: table for title, table in tables.items() if title not in (ROUTES, HOSTS)}


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _checked(value: Any, parameter: Any, place: str) -> Any:
    """A value of the file as click takes it.

    Raises:
        UsageError: it has the wrong type.
    """
    if parameter.nargs == -1 or getattr(parameter, "multiple", False):
        if not all(isinstance(part, str) for part in _parts(value)):
            raise UsageError(f"{place}: expected text, or a list of texts", "write it in quotes")
        return _parts(value)
    if isinstance(value, list | dict):
        raise UsageError(f"{place}: expected one value, not several", "write it without brackets")
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{place}: expected true or false", "write true or false, without quotes")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if parameter.type.name.startswith(("int", "float")):
        whole = parameter.type.name.startswith("int")
        if not number or (whole and not isinstance(value, int)) or not math.isfinite(value):
            raise UsageError(f"{place}: expected a number", "write it without quotes")
        return value
    if isinstance(value, bool):
        raise UsageError(f"{place}: expected text", "write it in quotes")
    return str(value)
