"""The options of ``logscan tail``."""

from __future__ import annotations

from typing import Annotated

import typer

from logscan._cli import _common as common

All = Annotated[bool, typer.Option("--all", help="Select every TLS failure, whatever its alert.")]
Entries = Annotated[bool, typer.Option("--entries", help="Print every entry of the log instead of failures.")]
FromStart = Annotated[
    bool, typer.Option("--from-start", help="Begin at the start of the files, not at their end.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Begin with what was logged since then, rotated files too: -10m, '2 hours ago', 02:14.",
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
    ),
]
Each = Annotated[
    bool,
    typer.Option(
        "--each", help="Print every failure. Else many of one kind are counted after the first two."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Checkpoint = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Save in FILE how far the logs are read, and continue there at the next start.",
    ),
]
StartOver = Annotated[
    bool, common.ACTS, typer.Option("--start-over", help="Rename the checkpoint file and begin without it.")
]
Output = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Append each failure to FILE as JSON, exactly once, and print nothing.",
    ),
]
Notify = Annotated[
    list[str] | None,
    common.ACTS,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Send notices to mail, Slack, PagerDuty …: an address as apprise writes it. May be repeated.",
    ),
]
Every = Annotated[
    str,
    typer.Option(
        "--every",
        metavar="TIME",
        help="Minimum time between notices for the same incident: 30s, 10m, 2h.",
    ),
]
Recovered = Annotated[
    str,
    typer.Option("--recovered", metavar="TIME", help="Report recovery after this long without failures."),
]
Execute = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--exec", metavar="COMMAND", help="Run COMMAND for each failure, with its JSON on standard input."
    ),
]
MetricsAddress = Annotated[
    str | None,
    common.ACTS,
    typer.Option("--metrics", metavar="[HOST]:PORT", help="Serve Prometheus metrics at this address."),
]
MetricsFile = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--metrics-file", metavar="FILE", help="Write the metrics to FILE for the node exporter (*.prom)."
    ),
]
Dashboard = Annotated[
    bool,
    typer.Option("--dashboard", help="Show a live view: incidents, the last hour, the latest failures."),
]
Poll = Annotated[
    bool, typer.Option("--poll", help="Poll the files instead of using file events (needed on NFS).")
]
QuietTime = Annotated[
    float,
    typer.Option(
        "--quiet-time",
        min=0.01,
        metavar="SECONDS",
        help="A message is complete after this long without a new line.",
    ),
]
RotateWait = Annotated[
    float,
    typer.Option(
        "--rotate-wait",
        min=0,
        metavar="SECONDS",
        help="A file that was renamed away is still read for this long: its writer may have it open.",
    ),
]
RotatedNames = Annotated[
    list[str] | None,
    typer.Option(
        "--rotated",
        metavar="PATTERN",
        help="Names of rotated files that do not look like the log's, as the shell writes them:"
        " 'old/system*'. May be repeated.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", help="Names in folders and patterns to leave out. May be repeated."
    ),
]
Status = Annotated[
    bool,
    typer.Option("--status", help="Print how far the logs of the checkpoint are read, and end."),
]
PollInterval = Annotated[
    float, typer.Option("--poll-interval", min=0.01, metavar="SECONDS", help="Time between two polls.")
]
