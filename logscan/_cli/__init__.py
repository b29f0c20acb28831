"""The command line: arguments → job → renderer → exit code.

Only this folder prints, exits or knows typer. Each command has a module of its own. It is loaded only when
the command is called, and so are the heavy imports inside it: ``logscan search`` starts quickly.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from logscan._cli import _configuration as configuration
from logscan._cli import _process as process
from logscan._cli._commands import COMMANDS, grouped
from logscan._cli._errors import complain, status_of
from logscan.errors import ExitCode, LogscanError


def main() -> None:
    """Run the ``logscan`` command; ends the process."""
    process.open_streams()
    process.SIGNALS.catch()
    status = 0
    try:
        try:
            _run()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(bool(error.code))
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - before or after a command
        status = status_of(error)
    process.end(status)


def _run() -> None:
    """Run the command that the arguments name; ends with SystemExit."""
    arguments = sys.argv[1:]
    if shell := os.environ.get("_LOGSCAN_COMPLETE"):
        from logscan._cli import _completion as completion

        sys.stdout.write(completion.answer(shell, arguments))
        return
    if arguments and arguments[0].startswith(("--install-completion", "--show-completion")):
        from logscan._cli import _completion_scripts as scripts

        scripts.run(arguments)
        return
    if arguments[:1] == ["_serve"]:  # another logscan asks, through ssh
        from logscan._cli import _serve as serving

        serving.run(arguments[1:])
        return
    if arguments[:1] in (["--version"], ["-V"]):
        grouped(())()  # no command need be loaded
    group = grouped([name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS)
    group(default_map=_defaults(group))


def _defaults(group: Any) -> dict[str, dict[str, Any]]:
    """The values of logscan.toml; an error in it ends the process."""
    try:
        if len(group.commands) == 1:
            configuration.check_variables(group)
        path = configuration.find(complain)
        tables = configuration.load(path) if path else {}
        return configuration.defaults(group, tables, path, COMMANDS, complain) if path else {}
    except LogscanError as error:
        complain(str(error), error.hint)
        sys.exit(ExitCode.FAULT)
