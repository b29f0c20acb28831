"""``logscan alerts``: the names that ``--alert`` and ``--family`` take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan._cli import _listing as listing

if TYPE_CHECKING:
    from logscan._failures.meanings import Meaning

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Names of alerts, causes or families. Default: all.",
        show_default=False,
    ),
]


@common.guarded
def alerts(*, names: Names = None, output_format: listing.Format = "table") -> None:
    """List the names that --alert and --family take, and what they mean.

    A number belongs to an alert of TLS; a name without one is a failure that Java describes in words. "Or"
    names the other families to which failures of a name may belong. Exit status: 0 listed, 2 usage.
    """
    from logscan._failures import meanings

    rows = meanings.meanings()
    known = [*meanings.FAMILIES, *(row.name for row in rows)]
    for name in names or ():
        common.check_choice("alerts", name, known)
    if names:
        rows = [row for row in rows if row.name in names or set(names) & set(row.families)]
    if output_format == "json":
        listing.print_json([
            {
                "name": row.name, "number": row.number, "family": row.families[0],
                "other_families": list(row.families[1:]), "meaning": row.text,
            }
            for row in rows
        ])  # fmt: skip
        return
    common.check_choice("--format", output_format, listing.FORMATS)
    families = dict.fromkeys(row.families[0] for row in rows)
    sections = [
        (f"{family}: {meanings.FAMILIES[family]}", [_cells(row) for row in rows if row.families[0] == family])
        for family in families
    ]
    listing.print_sections(sections, sys.stdout)


def _cells(row: Meaning) -> tuple[str, str]:
    number = "" if row.number is None else str(row.number)
    others = f" Or {', '.join(row.families[1:])}." if row.families[1:] else ""
    return f"{number:>5}  {row.name}", row.text + others
