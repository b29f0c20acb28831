"""The options of ``report``."""

from __future__ import annotations

from typing import Annotated

import typer

from logscan._cli import _common as common

By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="COLUMN[,COLUMN]",
        help="Group by further columns: revision, target, alias, keystore, truststore, host, family,"
        " refused_by, reason, day, hour, minute. May be repeated.",
        rich_help_panel="Output",
    ),
]
Each = Annotated[
    bool,
    typer.Option(
        "--each", help="List every failed handshake instead of incidents.", rich_help_panel="Output"
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table, markdown, csv, json, jsonl, parquet, html, xlsx; ecs or otel: each failure for a SIEM."
        " Default: table, or nothing with --email.",
        rich_help_panel="Output",
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="N|new|growing",
        help="Exit with 1 at N or more selected failures; new: at a new incident; growing: at a new or"
        " growing incident (both need --compare).",
        rich_help_panel="Night",
    ),
]
History = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--history",
        metavar="DIR",
        help="Keep the incidents of this run in DIR as Parquet, for later runs to compare with."
        " A run of the same time range replaces them.",
        rich_help_panel="Night",
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="previous|DATE",
        help="Mark incidents as new, growing, shrinking or resolved since the previous run in --history,"
        " or since the run of a date.",
        rich_help_panel="Night",
    ),
]
Email = Annotated[
    list[str] | None,
    common.ACTS,
    typer.Option(
        "--email",
        metavar="ADDRESS",
        help="Mail a summary, with the page as a file, and print nothing. May be repeated."
        " LOGSCAN_SMTP_URL sets the mail server; the default is smtp://localhost:25."
        " With --quiet no mail is sent if no failure is selected.",
        rich_help_panel="Night",
    ),
]
Subject = Annotated[
    str | None,
    typer.Option(
        "--subject",
        metavar="TEXT",
        help="Subject of the mail, for example '[MP site A] {subject}'. Fields: {subject} (the usual one),"
        " {environments}, {failed}, {possible}, {incidents}, {new}, {growing}, {resolved}, {host}, {route}.",
        rich_help_panel="Night",
    ),
]
Routes = Annotated[
    bool,
    common.ACTS,
    typer.Option(
        "--routes",
        help="Mail each team its incidents, as the [[route]] tables of logscan.toml say. What no route takes"
        " goes to --email.",
        rich_help_panel="Night",
    ),
]
Samples = Annotated[
    int,
    typer.Option(
        "--samples",
        min=0,
        max=3,
        help="html: messages per incident shown with their entries.",
        rich_help_panel="Output",
    ),
]
MaxIncidents = Annotated[
    int,
    typer.Option(
        "--max-incidents",
        metavar="N",
        min=1,
        help="List the N largest incidents, and count the others together in one row.",
        rich_help_panel="Limits",
    ),
]
Details = Annotated[
    int | None,
    typer.Option(
        "--details",
        metavar="N",
        min=0,
        help="table: incidents described in detail.",
        show_default="10; on a terminal as many as fit",
        rich_help_panel="Output",
    ),
]
Group = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="COLUMN",
        help="Count by this instead of organization, environment, API proxy and alert: target, alias, host,"
        " env, proxy, alert, minute, hour, day … May be repeated.",
        rich_help_panel="Output",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top",
        metavar="N",
        min=1,
        help="List the first N incidents.",
        show_default="all; on a terminal as many as fit",
        rich_help_panel="Output",
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="COLUMN",
        help="Order of the incidents: failed, messages, first, last, org, env, proxy, alert, target, alias,"
        " host.",
        rich_help_panel="Output",
    ),
]
Wide = Annotated[
    bool,
    typer.Option("--wide", help="table: every value whole, also on a terminal.", rich_help_panel="Output"),
]
NoPager = Annotated[
    bool,
    typer.Option(
        "--no-pager",
        help="Print long reports without a pager (LOGSCAN_PAGER, PAGER, less).",
        rich_help_panel="Output",
    ),
]
Watch = Annotated[
    float | None,
    typer.Option(
        "--watch",
        metavar="SECONDS",
        min=1,
        max=86_400,
        help="Print the report again every so many seconds, on a terminal, until Ctrl-C.",
        rich_help_panel="Output",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print nothing if no failure is selected.", rich_help_panel="Night"),
]
