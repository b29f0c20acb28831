"""``logscan causes``: the causes that ``logscan diagnose`` finds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from logscan._cli import _common as common
from logscan._cli import _listing as listing

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Names of causes. Default: all.", show_default=False),
]


@common.guarded
def causes(*, names: Names = None, output_format: listing.Format = "table") -> None:
    """List the causes that diagnose can find, with one sentence each.

    With --format json also when each is proven, and its remedy. Exit status: 0 listed, 2 usage.
    """
    from logscan._diagnosis.causes import CAUSES, GROUPS

    for name in names or ():
        common.check_choice("causes", name, [cause.name for cause in CAUSES])
    rows = [cause for cause in CAUSES if not names or cause.name in names]
    if output_format == "json":
        listing.print_json([
            {
                "name": cause.name, "group": cause.group, "title": cause.title,
                "proven_when": cause.proven_when.replace("``", ""), "remedy": cause.remedy,
            }
            for cause in rows
        ])  # fmt: skip
        return
    common.check_choice("--format", output_format, listing.FORMATS)
    sections = [
        (
            group[0].upper() + group[1:],
            [(f"  {cause.name}", cause.title + ".") for cause in rows if cause.group == group],
        )
        for group in GROUPS
    ]
    listing.print_sections([section for section in sections if section[1]], sys.stdout)
