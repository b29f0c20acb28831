"""``logscan search``: all entries of some messages. Options and exit codes follow grep."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logscan._cli import _common as common
from logscan._cli import _output as output
from logscan.errors import ExitCode, InputError, UsageError, reason_of
from logscan.values import Counters

if TYPE_CHECKING:
    from logscan.values import Found

_PATH_LIKE = re.compile(r"/|^-$|\.log(?:$|[.-])|\.(?:gz|zst|bz2|xz|txt)$|[*?\[]")

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MESSAGE_ID... [PATH]...",
        help="Message ids, then where to search: files, directories, quoted patterns, - for standard input."
        " Arguments after the first that exist or look like paths are searched."
        " Default: the Message Processor log of this machine.",
        show_default=False,
    ),
]
IdFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Read message ids from FILE, one per line. May be repeated.",
        rich_help_panel="Select",
    ),
]
Prefix = Annotated[
    bool,
    typer.Option("--prefix", help="Match every message id that begins with an id.", rich_help_panel="Select"),
]
Mentions = Annotated[
    bool,
    typer.Option(
        "--mentions",
        help="Also print entries that contain an id anywhere in their text.",
        rich_help_panel="Select",
    ),
]
Count = Annotated[
    bool, typer.Option("--count", "-c", help="Print a count per file.", rich_help_panel="Output")
]
Files = Annotated[
    bool,
    typer.Option(
        "--files-with-matches",
        "-l",
        help="Print only the names of files with entries.",
        rich_help_panel="Output",
    ),
]
OnlyIds = Annotated[
    bool,
    typer.Option(
        "--only-ids", help="Print only the message ids that are found, each once.", rich_help_panel="Output"
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print nothing. Stop at the first entry.", rich_help_panel="Output"),
]
MaxCount = Annotated[
    int | None,
    typer.Option("--max-count", "-m", min=1, help="Stop after N entries.", rich_help_panel="Select"),
]
WithFilename = Annotated[
    bool | None,
    typer.Option(
        "--with-filename/--no-filename",
        "-H/-h",
        help="Print the file name before each line.",
        rich_help_panel="Output",
    ),
]
LineNumber = Annotated[
    bool,
    typer.Option(
        "--line-number", "-n", help="Print the line number before each line.", rich_help_panel="Output"
    ),
]
Context = Annotated[
    int,
    typer.Option(
        "--context",
        "-C",
        min=0,
        help="Print N entries before and after each match.",
        rich_help_panel="Output",
    ),
]
Before = Annotated[
    int,
    typer.Option(
        "--before-context", "-B", min=0, help="Print N entries before each match.", rich_help_panel="Output"
    ),
]
After = Annotated[
    int,
    typer.Option(
        "--after-context", "-A", min=0, help="Print N entries after each match.", rich_help_panel="Output"
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per entry.", rich_help_panel="Output")
]
NoMessages = Annotated[
    bool,
    typer.Option(
        "--no-messages",
        "-s",
        help="Print no messages about files that cannot be read.",
        rich_help_panel="Output",
    ),
]
Index = Annotated[
    str,
    common.ACTS,
    typer.Option(
        "--index",
        metavar="DIR",
        help="Directory that logscan index --index wrote. Default: the index beside the logs.",
        rich_help_panel="Index",
    ),
]
NoIndex = Annotated[
    bool, typer.Option("--no-index", help="Read the logs in full, without an index.", rich_help_panel="Index")
]


@common.guarded
def search(
    *,
    arguments: Arguments = None,
    file: IdFiles = None,
    prefix: Prefix = False,
    mentions: Mentions = False,
    store: common.Stores = None,
    count: Count = False,
    files: Files = False,
    only_ids: OnlyIds = False,
    quiet: Quiet = False,
    max_count: MaxCount = None,
    with_filename: WithFilename = None,
    line_number: LineNumber = False,
    context: Context = 0,
    before: Before = 0,
    after: After = 0,
    as_json: Json = False,
    color: common.Colour = "auto",
    no_messages: NoMessages = False,
    index: Index = "",
    no_index: NoIndex = False,
    stats: common.Stats = False,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = None,
    cluster: common.Cluster = None,
    nice: common.Nice = False,
) -> None:
    """Print all entries of a message, whole, in the order of the logs.

    Exit status: 0 found, 1 not found, 2 usage or an input that could not be read (the others are searched).
    """
    from logscan._jobs.search import find
    from logscan._scanning.plan import Limits

    begun = time.monotonic()
    ids, named = _ids_and_paths(arguments or [], file or [])
    paths = common.paths_or_default(named, store)
    common.lower_priority(nice)
    counters = Counters()
    names = _several(paths) if with_filename is None else with_filename
    with_context = bool(context or before or after)
    colour = common.wants_colour(color, sys.stdout)
    printer: output.Printer
    if quiet:
        printer = output.Nothing()
    elif only_ids:
        printer = output.MessageIds(colour)
    elif files:
        printer = output.FileNames(colour)
    elif count:
        printer = output.Counts(names, colour)
    elif as_json:
        printer = output.JsonLines(with_context)
    else:
        printer = output.Entries(names=names, lines=line_number, colour=colour, context=with_context)
    entries = find(
        ids, paths, counters, prefix=prefix, mentions=mentions, before=before or context,
        after=after or context,
        limits=Limits(max_entry=max_entry_bytes, workers=workers or 0, forget=nice),
        lines=line_number or as_json or (stats and no_index),
        index=None if no_index else index, cluster=cluster,
    )  # fmt: skip
    if not (prefix or mentions or with_context or line_number or as_json or stats) and store:
        _import_pyarrow_alone()
    number = _print(entries, printer, 1 if quiet else max_count)
    complaints = common.Complaints(counters, lists_copies=stats)
    if not no_messages:
        complaints.print_new()
        _print_cut(counters)
    if not number and not quiet and not mentions:
        _print_mentions(counters)
    if stats:
        common.print_statistics(counters, time.monotonic() - begun)
    if complaints.fatal and not (quiet and number):
        raise typer.Exit(ExitCode.FAULT)
    if not number:
        raise typer.Exit(ExitCode.NOT_FOUND)


def _import_pyarrow_alone() -> None:
    """Import what reads a store, without numpy: a look-up by id needs none, and it takes 0.1 s to import."""
    missing: Any = None
    if "numpy" not in sys.modules:
        sys.modules["numpy"] = missing
        try:
            import pyarrow.parquet  # noqa: F401
        finally:
            del sys.modules["numpy"]


def _print(entries: Iterable[Found], printer: output.Printer, most: int | None) -> int:
    """Print the entries, at most so many that match; the number of those."""
    number = 0
    for found in entries:
        number += found.matches
        printer.take(found)
        if number == most:
            break
    printer.close()
    return number


def _print_cut(counters: Counters) -> None:
    """Print how many entries are not whole."""
    if counters.cut_entries:
        common.complain(
            f"{counters.cut_entries:,} entries were cut: {counters.cut_bytes:,} bytes are not printed",
            "raise --max-entry-bytes to see them whole",
        )


def _print_mentions(counters: Counters) -> None:
    """Print what else may help after a search that found nothing."""
    if counters.mentions:
        from logscan._render.text import counted

        common.complain(
            "no message has that id, but it occurs in"
            f" {counted(counters.mentions, 'other entry', 'other entries')}, in the text or in a longer id",
            "--mentions prints them; --prefix matches the beginning of an id",
        )
    elif counters.indexed_bytes:
        common.complain(
            "no message has that id; the index does not know entries that only contain it",
            "--mentions and --prefix read the logs in full",
        )


def _ids_and_paths(arguments: list[str], id_files: list[str]) -> tuple[list[str], list[str]]:
    """Separate ids from paths: paths begin at the first argument that exists or looks like a path.

    Without files of ids the very first argument is an id in any case.

    Raises:
        InputError: a file of ids cannot be read.
        UsageError: there is no id, or one with a blank in it.
    """
    ids: list[str] = []
    for name in id_files:
        try:
            with open(0 if name == "-" else name, encoding="utf-8", errors="surrogateescape") as file:
                ids += [text for line in file if (text := line.strip())]
        except OSError as error:
            raise InputError(f"{name}: {reason_of(error)}", "-f needs a file of message ids") from error
    paths: list[str] = []
    for number, argument in enumerate(arguments):
        is_id = not number and not id_files
        if not is_id and (paths or _PATH_LIKE.search(argument) or os.path.exists(argument)):
            paths.append(argument)
        else:
            ids.append(argument.strip())
    ids = [name for name in dict.fromkeys(ids) if name]
    if not ids:
        raise UsageError(
            "no message id given", "logscan search MESSAGE_ID... [PATH]..., or -f FILE with one id per line"
        )
    for name in ids:
        if any(char.isspace() or char == "\0" for char in name):
            raise UsageError(
                f"{name!r}: a message id contains no blanks", "give several ids as several arguments"
            )
    return ids, paths


def _several(paths: list[str]) -> bool:
    """Whether more than one file is searched, as grep judges it."""
    from logscan._reading.paths import list_streams
    from logscan._store.manifest import is_store, load
    from logscan.errors import LogscanError

    if len(paths) > 1:
        return True
    if is_store(paths[0]):
        return len(load(paths[0]).sources) > 1
    try:
        return sum(len(stream) for stream in list_streams(paths, [])) > 1
    except LogscanError:
        return False
