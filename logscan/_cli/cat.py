"""``logscan cat``: the text of a store, byte for byte."""

from __future__ import annotations

import fnmatch
import sys
from typing import Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode, InputError


@common.guarded
def cat(
    *,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Files by the names that they were ingested with, or patterns. Default: all files.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str, common.ACTS, typer.Option("--store", metavar="DIR", help="The store.", rich_help_panel="Store")
    ],
    listing: Annotated[
        bool,
        typer.Option(
            "--list", "-l", help="List the files instead: host, bytes, name.", rich_help_panel="Output"
        ),
    ] = False,
) -> None:
    """Print the logs of a store, byte for byte as they were ingested.

    The files come one after the other. The length of each is compared with its length at ingestion. Exit
    status: 0 printed, 1 no such file in the store, 2 usage, or a damaged store.
    """
    from logscan._store.open_store import Store

    opened = Store(store)
    sources = [
        source
        for source in opened.ordered
        if not files or any(fnmatch.fnmatchcase(source.path, pattern) for pattern in files)
    ]
    if not sources:
        common.complain("no such file in the store", f"logscan cat --store {store} --list shows its files")
        raise typer.Exit(ExitCode.NOT_FOUND)
    for source in sources:
        if listing:
            print(f"{common.shown(source.host)}\t{source.size}\t{common.shown(source.path)}")
            continue
        size = 0
        for text in opened.text(source.id):
            size += len(text)
            sys.stdout.buffer.write(text)
        if size != source.size:
            sys.stdout.flush()
            raise InputError(
                f"{source.path}: the store has {size:,} of its {source.size:,} bytes",
                f"the rest was dropped by --keep, or is damaged: logscan store check {store}",
            )
