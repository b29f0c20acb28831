"""The options of commands that read logs of other hosts."""

from __future__ import annotations

from typing import Annotated

import typer

HostsAtOnce = Annotated[
    int,
    typer.Option(
        "--hosts-at-once",
        min=1,
        max=256,
        help="Hosts (ssh://) that are asked at the same time.",
        rich_help_panel="Limits",
    ),
]
Pull = Annotated[
    bool,
    typer.Option(
        "--pull",
        help="Copy the bytes of logs on hosts (ssh://) and read them here, where the host cannot count.",
        rich_help_panel="Limits",
    ),
]
AT_ONCE = 8
