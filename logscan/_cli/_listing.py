"""Lists of names with a sentence each, as ``logscan alerts`` and ``logscan causes`` print them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from typing import IO, Annotated, Any

import typer

FORMATS = ("table", "json")
WIDEST = 120
"""Columns of a line at most: longer ones are hard to read."""

Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="table or json.", rich_help_panel="Output")
]


def print_json(rows: Iterable[dict[str, Any]]) -> None:
    """Print an array, one object a line."""
    print("[" + ",\n ".join(json.dumps(row) for row in rows) + "]")


def print_sections(sections: Sequence[tuple[str, Sequence[tuple[str, str]]]], file: IO[str]) -> None:
    """Print sections of names and their sentences. A terminal's lines are wrapped, a pipe's are whole.

    Args:
        sections: title → name with its indent, and sentence.
        file: where to.
    """
    from textwrap import wrap

    width = min(shutil.get_terminal_size((100, 24)).columns, WIDEST) if file.isatty() else 10_000
    column = max((len(name) for _, rows in sections for name, _ in rows), default=0) + 2
    for number, (title, rows) in enumerate(sections):
        print(*([""] if number else []), *wrap(title, width), sep="\n", file=file)
        for name, sentence in rows:
            for place, line in enumerate(
                wrap(sentence, max(width - column, 20), break_on_hyphens=False) or [""]
            ):
                print(f"{'' if place else name:<{column}}{line}", file=file)
