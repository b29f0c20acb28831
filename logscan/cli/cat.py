"""``logscan cat``: the text of a store, byte for byte."""

from __future__ import annotations

import fnmatch
import sys
from typing import Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode, InputError


@common.guarded
def cat(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Files as they were called when they were ingested, or patterns. Default: all.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[str, typer.Option("--store", metavar="DIR", help="The store.")] = ...,  # type: ignore[assignment]
    listing: Annotated[
        bool, typer.Option("--list", "-l", help="Only list its files: host, bytes, name.")
    ] = False,
) -> None:
    """Print the logs of a store as they were ingested, byte for byte, file after file.

    Their lengths are compared with what was noted when they were ingested. Exit status: 0 printed, 1 no
    such file in the store, 2 usage, or a store that is damaged.
    """
    from logscan.store.open_store import Store

    held = Store(store)
    chosen = [
        source
        for source in held.ordered
        if not files or any(fnmatch.fnmatchcase(source.path, name) for name in files)
    ]
    if not chosen:
        common.complain("no such file in the store", f"logscan cat --store {store} --list shows them")
        raise typer.Exit(ExitCode.NOT_FOUND)
    for source in chosen:
        if listing:
            print(f"{source.host}\t{source.size}\t{source.path}")
            continue
        size = 0
        for text in held.text(source.id):
            size += len(text)
            sys.stdout.buffer.write(text)
        if size != source.size:
            sys.stdout.flush()
            raise InputError(
                f"{source.path}: {size:,} of {source.size:,} bytes are there",
                "were dates dropped by --keep? else logscan ingest --repair reads it again",
            )
