"""Write docs/reference.md and the causes of docs/diagnose.md from the program; ``--check`` only compares."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from logscan._cli._commands import COMMANDS, grouped
from logscan._diagnosis.causes import CAUSES, Cause

DOCS = Path(__file__).parent
BEGIN, END = "<!-- causes: written by docs/make_reference.py -->\n", "<!-- end of causes -->\n"
HEAD = """# Reference

`docs/make_reference.py` writes this page from the program.

`logscan COMMAND [OPTIONS] [PATH]…`. Exit codes: 0 ran or found, 1 not found or `--fail-on` matched, 2 usage
or an input that could not be read. `--help` of each command says the same as this page.

"""


def row(parameter: Any) -> str:
    """One parameter: how it is written, its range, its default, and what it does."""
    if parameter.param_type_name == "argument":
        written = f"`{parameter.metavar}`"
    else:
        written = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        written += f" {value_of(parameter)}" if not parameter.is_flag else ""
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    if isinstance(default, int | float | str) and not isinstance(default, bool) and default != "":
        text += f" Default: {default}."
    return f"| {escaped(written)} | {escaped(text)} |"


def value_of(parameter: Any) -> str:
    """The metavar, with the range of numbers: ``N ≥ 1``, ``N 0…3``."""
    name = parameter.metavar or "TEXT"
    low, high = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
    if low is None:
        return name
    return f"{name} ≥ {low}" if high is None else f"{name} {low}…{high}"


def escaped(text: str) -> str:
    """Text in a cell of a table."""
    return text.replace("|", "\\|")


def page() -> str:
    """The whole reference."""
    group = grouped(COMMANDS)
    chapters = []
    for name in COMMANDS:
        command = group.commands[name]
        chapters.append(
            f"## logscan {name}\n\n{inspect.cleandoc(command.help or '')}\n\n| option | |\n|---|---|\n"
        )
        chapters.append("\n".join(map(row, command.params)) + "\n\n")
    return (HEAD + "".join(chapters)).removesuffix("\n")


def diagnose() -> str:
    """docs/diagnose.md with its table of causes."""
    before, _, rest = (DOCS / "diagnose.md").read_text(encoding="utf-8").partition(BEGIN)
    table = "| `cause` | proven when |\n|---|---|\n" + "".join(map(row_of_cause, CAUSES))
    return before + BEGIN + table + END + rest.partition(END)[2]


def row_of_cause(cause: Cause) -> str:
    """One cause; the docstring of its function says when it is proven."""
    text = cause.proven_when.replace("``", "`").removesuffix(".")
    return f"| `{cause.name}` | {text[0].lower()}{text[1:]} |\n"


PAGES = {"reference.md": page, "diagnose.md": diagnose}

if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(any((DOCS / name).read_text(encoding="utf-8") != text() for name, text in PAGES.items()))
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(), encoding="utf-8")
