"""The command line: arguments → pipeline → renderer → exit code.

The only room that prints, exits or knows typer. One module a command; a command's module, and the heavy
imports inside it, are loaded only when it is called, so that ``logscan search`` starts like grep.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from logscan.cli._commands import COMMANDS, build, grouped
from logscan.errors import ExitCode, LogscanError

_CONFIGURATIONS = ("logscan.toml", "~/.config/logscan/logscan.toml", "/etc/logscan/logscan.toml")
_VARIABLES = (*(f"LOGSCAN_{name.upper()}_" for name in COMMANDS), "LOGSCAN_CONFIG")


def main() -> None:
    """Entry point of the ``logscan`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    if completing:
        build()()
        return
    group = grouped(asked or COMMANDS)
    group(default_map=_configured(group))


def _configured(group: Any) -> dict[str, Any]:
    """The defaults of logscan.toml; nothing is imported for them where there is no such file."""
    files = map(os.path.expanduser, _CONFIGURATIONS)
    named = any(name.startswith(_VARIABLES) for name in os.environ)
    if not named and not any(map(os.path.isfile, files)):
        return {}
    from logscan.cli import _common as common
    from logscan.cli import config

    try:
        return config.all_defaults(group, COMMANDS)
    except LogscanError as error:
        common.complain(str(error), error.hint)
        sys.exit(ExitCode.FAULT)
