"""The options of ``logscan tail``."""

from __future__ import annotations

from typing import Annotated

import typer

from logscan._cli import _common as common

All = Annotated[
    bool,
    typer.Option("--all", help="Select every TLS failure, whatever its alert.", rich_help_panel="Select"),
]
Entries = Annotated[
    bool,
    typer.Option(
        "--entries", help="Print every entry of the log instead of failures.", rich_help_panel="Output"
    ),
]
FromStart = Annotated[
    bool,
    typer.Option(
        "--from-start", help="Begin at the start of the files, not at their end.", rich_help_panel="Follow"
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per line.", rich_help_panel="Output")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Begin with what was logged since then, rotated files too: -10m, '2 hours ago', 02:14.",
        rich_help_panel="Follow",
    ),
]
Last = Annotated[
    int | None,
    typer.Option(
        "--last",
        "-n",
        min=1,
        max=100_000,
        metavar="N",
        help="Begin with the last N failures, found in the last 16 MiB of each log.",
        rich_help_panel="Follow",
    ),
]
Each = Annotated[
    bool,
    typer.Option(
        "--each",
        help="Print every failure. Else many of one kind are counted after the first two.",
        rich_help_panel="Output",
    ),
]
Checkpoint = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Save in FILE how far the logs are read, and continue there at the next start.",
        rich_help_panel="Follow",
    ),
]
StartOver = Annotated[
    bool,
    common.ACTS,
    typer.Option(
        "--start-over", help="Rename the checkpoint file and begin without it.", rich_help_panel="Follow"
    ),
]
Output = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Append each failure to FILE as JSON, exactly once, and print nothing.",
        rich_help_panel="Output",
    ),
]
Notify = Annotated[
    list[str] | None,
    common.ACTS,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Send notices to mail, Slack, PagerDuty …: an address as apprise writes it. May be repeated.",
        rich_help_panel="Notify",
    ),
]
Every = Annotated[
    str,
    typer.Option(
        "--every",
        metavar="TIME",
        help="Minimum time between notices for the same incident: 30s, 10m, 2h.",
        rich_help_panel="Notify",
    ),
]
Recovered = Annotated[
    str,
    typer.Option(
        "--recovered",
        metavar="TIME",
        help="Report recovery after this long without failures.",
        rich_help_panel="Notify",
    ),
]
Execute = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--exec",
        metavar="COMMAND",
        help="Run COMMAND for each failure, with its JSON on standard input.",
        rich_help_panel="Notify",
    ),
]
MetricsAddress = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--metrics",
        metavar="[HOST]:PORT",
        help="Serve Prometheus metrics at this address.",
        rich_help_panel="Notify",
    ),
]
MetricsFile = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Write the metrics to FILE for the node exporter (*.prom).",
        rich_help_panel="Notify",
    ),
]
Dashboard = Annotated[
    bool,
    typer.Option(
        "--dashboard",
        help="Show a live view: incidents, the last hour, the latest failures.",
        rich_help_panel="Output",
    ),
]
Poll = Annotated[
    bool,
    typer.Option(
        "--poll",
        help="Poll the files instead of using file events (needed on NFS).",
        rich_help_panel="Follow",
    ),
]
QuietTime = Annotated[
    float,
    typer.Option(
        "--quiet-time",
        min=0.01,
        metavar="SECONDS",
        help="A message is complete after this long without a new line.",
        rich_help_panel="Follow",
    ),
]
RotateWait = Annotated[
    float,
    typer.Option(
        "--rotate-wait",
        min=0,
        metavar="SECONDS",
        help="Go on reading a renamed file for this long: its writer may still have it open.",
        rich_help_panel="Follow",
    ),
]
RotatedNames = Annotated[
    list[str] | None,
    typer.Option(
        "--rotated",
        metavar="PATTERN",
        help="Pattern of rotated files whose names do not look like the log's:"
        " 'old/system*'. May be repeated.",
        rich_help_panel="Follow",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Leave out files with such names in folders and patterns. May be repeated.",
        rich_help_panel="Follow",
    ),
]
Status = Annotated[
    bool,
    typer.Option(
        "--status",
        help="Print how far the logs of the checkpoint are read, and end.",
        rich_help_panel="Follow",
    ),
]
PollInterval = Annotated[
    float,
    typer.Option(
        "--poll-interval",
        min=0.01,
        metavar="SECONDS",
        help="Time between two polls.",
        rich_help_panel="Follow",
    ),
]
