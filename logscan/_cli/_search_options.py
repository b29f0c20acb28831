"""The conditions of ``search``, as options."""

from __future__ import annotations

from typing import Annotated

import typer

Around = Annotated[
    str | None,
    typer.Option(
        "--around",
        metavar="TIME",
        help="Only entries around this time, written like --since.",
        rich_help_panel="Time",
    ),
]
Within = Annotated[
    str | None,
    typer.Option(
        "--within",
        metavar="DURATION",
        help="--around: so long before and after it. Default: 5m.",
        rich_help_panel="Time",
    ),
]
Revisions = Annotated[
    list[str] | None,
    typer.Option(
        "--revision",
        metavar="PATTERN",
        help="Only revisions that match, with commas between them.",
        rich_help_panel="Select",
    ),
]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="LEVEL[+]",
        help="Only this level, with commas between several; WARN+: WARN and worse.",
        rich_help_panel="Select",
    ),
]
Loggers = Annotated[
    list[str] | None,
    typer.Option(
        "--logger",
        metavar="PATTERN",
        help="Only loggers that match, with commas between them.",
        rich_help_panel="Select",
    ),
]
Text = Annotated[
    str,
    typer.Option(
        "--text",
        metavar="WORDS",
        help="Only entries in which these words stand as they are, also in the stack trace.",
        rich_help_panel="Select",
        show_default=False,
    ),
]
Regex = Annotated[
    str,
    typer.Option(
        "--regex",
        "-e",
        metavar="EXPRESSION",
        help="Only entries that a regular expression matches.",
        rich_help_panel="Select",
        show_default=False,
    ),
]
IgnoreCase = Annotated[
    bool,
    typer.Option(
        "--ignore-case",
        "-i",
        help="--text, --regex: the case of letters does not matter.",
        rich_help_panel="Select",
    ),
]
