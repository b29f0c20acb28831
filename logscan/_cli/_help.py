"""How ``--help`` looks: options in named groups, in one column, as ripgrep and gh print them.

Each option names its group where it is declared (``rich_help_panel="Time"``). Nothing here needs rich.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

GROUPS = (
    "Evidence", "Select", "Time", "Follow", "Output", "Notify", "Night", "Store", "Index", "Limits",
)  # fmt: skip
"""The groups in the order in which the help prints them."""
OTHER = "Options"
"""Options without a group: those of ``logscan`` itself, and ``--help``. They come last."""
NAMES = 26
"""Columns of the longest option beside which its text begins; a longer one has a line of its own."""


class Command(TyperCommand):
    """A command whose help has a section for each group of options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understand the arguments.

        Raises:
            UsageError: one is wrong; the hint says what was meant.
        """
        with _mistakes(self):
            return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the line that begins with Usage."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and the options group by group."""
        arguments = []
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in (*GROUPS, OTHER)}
        for parameter in self.get_params(ctx):
            row = row_of(parameter)
            if row is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append(row)
            else:
                groups.setdefault(group_of(parameter) or OTHER, []).append(row)
        groups[OTHER] = groups.pop(OTHER)
        _write_sections(formatter, {"Arguments": arguments, **groups})

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        _write_examples(formatter, ctx.info_name)


class Group(TyperGroup):
    """The command line as a whole: its help has each command's summary in full."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understand the arguments before the command.

        Raises:
            UsageError: one is wrong; the hint says what was meant.
        """
        if not args:  # the help
            return super().parse_args(ctx, args)
        with _mistakes(self):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command.

        Raises:
            UsageError: there is no such command; the hint says which was meant.
        """
        if args[0] not in self.commands and not ctx.resilient_parsing:
            from logscan._cli._mistakes import unknown_command

            raise unknown_command(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line for each command, not cut."""
        names = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (f"  {name}", summary_of(command)) for name, command in names if command and not command.hidden
        ]
        _write_sections(formatter, {"Commands": rows})

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first, as people look for them, then the options."""
        self.format_commands(ctx, formatter)
        rows = [row for parameter in self.get_params(ctx) if (row := row_of(parameter))]
        _write_sections(formatter, {OTHER: rows})

    def format_epilog(self, _ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        _write_examples(formatter, "")


@contextmanager
def _mistakes(command: Any) -> Iterator[None]:
    """Say what was meant where click says what was wrong."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "format_message"):  # an exception of click, which typer has a copy of
            raise
        from logscan._cli._mistakes import explained

        raise explained(error, command) from error


def summary_of(command: Any) -> str:
    """The first sentence of a command's help, without its stop."""
    from inspect import cleandoc

    first = cleandoc(command.help or "").partition("\n\n")[0]
    return " ".join(first.split()).removesuffix(".")


def group_of(parameter: Any) -> str:
    """The group that an option names; empty for none."""
    return getattr(parameter, "rich_help_panel", None) or ""


def row_of(parameter: Any) -> tuple[str, str] | None:
    """How the help writes an option or argument, and its text; None for one that is hidden."""
    if getattr(parameter, "hidden", False):
        return None
    text = getattr(parameter, "help", None) or ""
    notes = "; ".join(_notes(parameter))
    return written(parameter), f"{text} [{notes}]".strip() if notes else text


def written(parameter: Any) -> str:
    """``  -o, --output FILE``: the short name first, and a gap where there is none."""
    if parameter.param_type_name == "argument":
        return f"  {parameter.metavar or (parameter.name or '').upper()}"
    names = []
    for opts in filter(None, (parameter.opts, parameter.secondary_opts)):
        short = [name for name in opts if not name.startswith("--")]
        names.append(", ".join([*short, *(name for name in opts if name not in short)]))
    gap = "  " if names[0][1] != "-" else " " * 6
    value = "" if parameter.is_flag or parameter.count else f" {parameter.metavar or 'VALUE'}"
    return gap + " / ".join(names) + value


def _notes(parameter: Any) -> Iterator[str]:
    """What the brackets after a text say: variable, range, default."""
    if getattr(parameter, "show_envvar", False) and parameter.envvar:
        yield f"set by {parameter.envvar}"
    low, high = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
    if low is not None and high is not None:
        yield f"{low} to {high}"
    shown, default = getattr(parameter, "show_default", False), parameter.default
    is_value = isinstance(default, int | float | str) and not isinstance(default, bool) and default != ""
    if isinstance(shown, str):
        yield f"default: {shown}"
    elif (
        shown and is_value and (default or low is None)
    ):  # a number that is 0 until somebody asks says nothing
        yield f"default: {default:g}" if isinstance(default, float) else f"default: {default}"
    if parameter.required:
        yield "required"


def _write_sections(formatter: Any, sections: dict[str, list[tuple[str, str]]]) -> None:
    """Write sections of rows, all with one column of names."""
    rows = [row for section in sections.values() for row in section]
    lengths = [len(name) for name, _ in rows]
    column = max((length for length in lengths if length <= NAMES + 4), default=0) + 2
    for title, section in sections.items():
        if not section:
            continue
        formatter.write("\n")
        formatter.write(f"{heading(title)}\n")
        for name, text in section:
            _write_row(formatter, name, text, column)


def _write_row(formatter: Any, name: str, text: str, column: int) -> None:
    from textwrap import wrap

    lines = wrap(text, max(formatter.width + 2 - column, 20), break_long_words=False, break_on_hyphens=False)
    if len(name) > column - 2 and lines:
        formatter.write(f"{name}\n")
        name = ""
    for number, line in enumerate(lines or [""]):
        formatter.write(f"{name if not number else '':<{column}}{line}".rstrip() + "\n")


def _write_examples(formatter: Any, command: str) -> None:
    """Write what each example is for, and its command line. A long line goes on as a shell takes it."""
    from logscan._cli._examples import EXAMPLES

    if command in EXAMPLES:
        formatter.write(f"\n{heading('Examples')}\n")
    for purpose, line in EXAMPLES.get(command, ()):
        formatter.write(
            f"  {purpose}\n    $ " + " \\\n        ".join(_lines(line, formatter.width - 8)) + "\n"
        )


def _lines(line: str, width: int) -> list[str]:
    """A command line in lines, cut where no quotes are open."""
    import re

    lines = [""]
    for word in re.findall(r"(?:'[^']*'|\S)+", line):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def heading(title: str) -> str:
    """The title of a section; bold on a terminal."""
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return f"{title}:" if plain else typer.style(f"{title}:", bold=True)
