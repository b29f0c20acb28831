"""``logscan search``: all entries of some messages. Options and exit codes follow grep."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logscan._cli import _common as common
from logscan._cli import _host_options as host_options
from logscan._cli import _output as output
from logscan._cli import _search_options as options
from logscan._cli._arguments import ids_and_paths
from logscan._reading.ssh import is_ssh
from logscan.errors import ExitCode
from logscan.values import Counters

if TYPE_CHECKING:
    from logscan.values import Found

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MESSAGE_ID]... [PATH]...",
        help="Message ids, then where to search: files, directories, quoted patterns, - for standard input."
        " Arguments after the first that exist or look like paths are searched; the first one, too, where"
        " something else is asked for."
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
    since: common.Since = None,
    until: common.Until = None,
    around: options.Around = None,
    within: options.Within = None,
    tz: common.Zone = None,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    revision: options.Revisions = None,
    level: options.Levels = None,
    logger: options.Loggers = None,
    text: options.Text = "",
    regex: options.Regex = "",
    ignore_case: options.IgnoreCase = False,
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
    hosts_at_once: host_options.HostsAtOnce = host_options.AT_ONCE,
    pull: host_options.Pull = False,
    nice: common.Nice = False,
) -> None:
    """Print all entries of a message, or all that are asked for, whole.

    With several conditions an entry must fulfil all. Names may be patterns, with commas between them.

    Exit status: 0 found, 1 not found, 2 usage or an input that could not be read (the others are searched).
    """
    from logscan._jobs.search import conditions_of, find
    from logscan._scanning.plan import Limits

    begun = time.monotonic()
    conditions = conditions_of({
        "since": since, "until": until, "around": around, "within": within or "", "tz": tz, "org": org or (),
        "env": env or (), "proxy": proxy or (), "revision": revision or (), "level": level or (),
        "logger": logger or (), "text": text, "regex": regex, "ignore_case": ignore_case,
    })  # fmt: skip
    ids, named = ids_and_paths(arguments or [], file or [], optional=conditions is not None)
    paths = common.paths_or_default(named, store)
    common.lower_priority(nice)
    counters = Counters()
    with_context = bool(context or before or after)
    if ids and store and not (mentions or with_context or line_number or as_json or stats):
        _import_pyarrow_alone()
    names = _several(paths) if with_filename is None else with_filename
    colour = common.wants_colour(color, sys.stdout)
    printer = output.printer_for(
        quiet=quiet, only_ids=only_ids, files=files, count=count, as_json=as_json, names=names,
        lines=line_number, colour=colour, context=with_context,
    )  # fmt: skip
    entries = find(
        ids, paths, counters, conditions, prefix=prefix, mentions=mentions, before=before or context,
        after=after or context,
        limits=Limits(max_entry=max_entry_bytes, workers=workers or 0, forget=nice),
        lines=line_number or as_json or (stats and no_index),
        index=None if no_index else index, cluster=cluster, hosts_at_once=hosts_at_once, pull=pull,
    )  # fmt: skip
    number = _print(entries, printer, 1 if quiet else max_count)
    complaints = common.Complaints(counters, lists_copies=stats)
    if not no_messages:
        complaints.print_new()
        _print_cut(counters)
        _print_untimed(counters)
    if not number and not quiet and ids:
        _print_near(counters, mentions)
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


def _print_untimed(counters: Counters) -> None:
    """Print how many entries could not be judged by their time."""
    if counters.untimed:
        from logscan._render.text import counted

        common.complain(
            f"{counted(counters.untimed, 'entry', 'entries')} without a readable time left out of the time"
            " range"
        )


def _print_near(counters: Counters, mentions: bool) -> None:
    """Print what else may help after a search for ids that found nothing."""
    if not counters.left_out:
        if not mentions:
            _print_mentions(counters)
        return
    from logscan._render.text import counted

    common.complain(
        f"{counted(counters.left_out, 'entry', 'entries')} of that message, but none fulfils the other"
        " conditions",
        "search without them to see all",
    )


def _print_mentions(counters: Counters) -> None:
    """Print whether the ids stand elsewhere."""
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


def _several(paths: list[str]) -> bool:
    """Whether more than one file is searched, as grep judges it."""
    from logscan._reading.paths import list_streams
    from logscan._store.storage import is_store
    from logscan.errors import LogscanError

    if len(paths) > 1 or any(map(is_ssh, paths)):
        return True
    if is_store(paths[0]):
        from logscan._store.inputs import StorePath, has_several

        paths[0] = store = StorePath(paths[0])  # the search that follows reads the same version
        return has_several(store)
    try:
        return sum(len(stream) for stream in list_streams(paths, [])) > 1
    except LogscanError:
        return False
