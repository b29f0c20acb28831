"""The command line: arguments → job → renderer → exit code.

Only this folder prints, exits or knows typer. Each command has a module of its own. It is loaded only when
the command is called, and so are the heavy imports inside it: ``logscan search`` starts quickly.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from logscan._cli import _configuration as configuration
from logscan._cli._commands import COMMANDS, build, grouped
from logscan.errors import ExitCode, LogscanError


def main() -> None:
    """Entry point of the ``logscan`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if any(name.endswith("_COMPLETE") for name in os.environ):
        build()()
        return
    group = grouped([name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS)
    group(default_map=_defaults(group))


def _defaults(group: Any) -> dict[str, dict[str, Any]]:
    """The values of logscan.toml; an error in it ends the process."""
    try:
        if len(group.commands) == 1:
            configuration.check_variables(group)
        path = configuration.find(_complain)
        tables = configuration.load(path) if path else {}
        return configuration.defaults(group, tables, path, COMMANDS, _complain) if path else {}
    except LogscanError as error:
        _complain(str(error), error.hint)
        sys.exit(ExitCode.FAULT)


def _complain(message: str, hint: str) -> None:
    from logscan._cli import _common as common

    common.complain(message, hint)
