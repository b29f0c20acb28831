"""Write docs/reference.md from the commands themselves; ``--check`` only compares."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from logscan.cli._commands import COMMANDS, grouped

PAGE = Path(__file__).parent / "reference.md"


def option(parameter: Any) -> str:
    """One row: how it is written, and what it is for."""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    kind = parameter.metavar or parameter.type.name.upper()
    value = "" if getattr(parameter, "is_flag", False) else f" {kind}"
    if parameter.param_type_name == "argument":
        names, value = f"`{parameter.metavar or parameter.name}`", ""
    default = parameter.default
    shown = (
        f" Default: {default}."
        if isinstance(default, int | str) and not isinstance(default, bool) and default != ""
        else ""
    )
    text = " ".join((getattr(parameter, "help", None) or "").split())
    return f"| {names}{value.replace('|', chr(92) + '|')} | {text.replace('|', chr(92) + '|')}{shown} |"


def page() -> str:
    """The whole reference."""
    lines = ["# Reference", "", "Written from the program by `docs/make_reference.py`.", ""]
    lines += [
        "`logscan COMMAND [OPTIONS] [PATH]…`. Exit codes: 0 ran or found, 1 not found or"
        " `--fail-on` matched, 2 usage or an"
    ]
    lines += ["input that could not be read. `--help` of each command says the same as this page.", ""]
    group = grouped(COMMANDS)
    for name in COMMANDS:
        command = group.commands[name]
        lines += [
            f"## logscan {name}",
            "",
            inspect.cleandoc(command.help or ""),
            "",
            "| option | |",
            "|---|---|",
        ]
        lines += [option(parameter) for parameter in command.params]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
