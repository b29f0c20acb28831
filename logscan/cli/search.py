"""``logscan search``: all entries of some messages, with grep's manners."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from logscan.cli import _common as common
from logscan.cli._output import coloured
from logscan.errors import ExitCode, InputError, UsageError, reason_of
from logscan.values import Counters, Span

if TYPE_CHECKING:
    from logscan.values import Found

_PATH_LIKE = re.compile(r"/|^-$|\.log(?:$|[.-])|\.(?:gz|zst|bz2|xz|txt)$|[*?\[]")


@common.guarded
def search(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MESSAGE_ID... [PATH]...",
            help="Message ids, then where to look: files, directories, quoted patterns, - for standard"
            " input. What is there, or looks like a path, is one. Default: this machine's Message"
            " Processor log.",
            show_default=False,
        ),
    ] = None,
    store: common.Stores = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read message ids from a file, one a line."),
    ] = None,
    prefix: Annotated[bool, typer.Option("--prefix", help="The ids are beginnings of message ids.")] = False,
    mentions: Annotated[
        bool, typer.Option("--mentions", help="Also entries that name an id anywhere in their text.")
    ] = False,
    count: Annotated[bool, typer.Option("--count", "-c", help="Only count entries, a file a line.")] = False,
    files: Annotated[
        bool, typer.Option("--files-with-matches", "-l", help="Only name the files that have entries.")
    ] = False,
    only_ids: Annotated[
        bool, typer.Option("--only-ids", help="Only print the message ids found, each once.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; stop at the first entry.")
    ] = False,
    max_count: Annotated[
        int | None, typer.Option("--max-count", "-m", min=1, help="Stop after that many entries.")
    ] = None,
    with_filename: Annotated[
        bool | None,
        typer.Option("--with-filename/--no-filename", "-H/-h", help="File names in front of lines."),
    ] = None,
    line_number: Annotated[bool, typer.Option("--line-number", "-n", help="Line numbers too.")] = False,
    context: Annotated[
        int, typer.Option("--context", "-C", min=0, help="Entries around each that matches.")
    ] = 0,
    before: Annotated[int, typer.Option("--before-context", "-B", min=0, help="Entries before.")] = 0,
    after: Annotated[int, typer.Option("--after-context", "-A", min=0, help="Entries after.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an entry.")] = False,
    color: common.Colour = "auto",
    no_messages: Annotated[
        bool, typer.Option("--no-messages", "-s", help="No messages about unreadable files.")
    ] = False,
    index: Annotated[
        str,
        typer.Option(
            "--index",
            metavar="DIR",
            help="Where logscan index --index put the index. Default: beside the logs.",
        ),
    ] = "",
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Read all, as if there were no index.")
    ] = False,
    stats: common.Stats = False,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = common.WORKERS,
    cluster: common.Cluster = None,
    nice: common.Nice = False,
) -> None:
    """Print all entries of these messages, whole, in the order of the logs.

    Exit status: 0 found, 1 not found, 2 usage or an input that could not be read (the rest is searched).
    """
    from logscan.jobs.search import find
    from logscan.scanning.plan import Limits
    from logscan.store.manifest import is_store

    begun = time.monotonic()
    ids, names = _ids_and_paths(arguments or [], file or [])
    paths = common.paths_or_default(names, store)
    lines = line_number or as_json or (stats and no_index)
    if any(map(is_store, paths)):
        whole_ids = not (prefix or mentions or lines or context or before or after)
        sys.meta_path.insert(0, _Without("pandas", *(("numpy",) if whole_ids else ())))
    common.stand_back(nice)
    counters = Counters()
    show_names = _several(paths) if with_filename is None else with_filename
    sink: _Sink
    if quiet:
        sink = _Quiet()
    elif only_ids:
        sink = _Ids()
    elif files:
        sink = _Files()
    elif count:
        sink = _Counts(show_names)
    elif as_json:
        sink = _Json(with_context=bool(context or before or after))
    else:
        sink = _Entries(show_names, line_number, color, bool(context or before or after))
    found = 0
    for one in find(
        ids, paths, counters,
        prefix=prefix, mentions=mentions, before=before or context, after=after or context,
        limits=Limits(max_entry=max_entry_bytes, workers=workers, forget=nice),
        lines=lines,
        index=None if no_index else index, cluster=cluster,
    ):  # fmt: skip
        found += one.matches
        sink.take(one)
        if quiet or (max_count is not None and found >= max_count):
            break
    sink.close()
    fatal = _tell(counters, found, no_messages, quiet or mentions)
    if stats:
        common.print_statistics(counters, time.monotonic() - begun)
    if fatal and not (quiet and found):
        raise typer.Exit(ExitCode.FAULT)
    if not found:
        raise typer.Exit(ExitCode.NOT_FOUND)


class _Without:
    """Lets this process have no pandas, or numpy: pyarrow would import them, a third of a second long, only
    to see whether a list is one of theirs."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(self, name: str, *_: object) -> None:
        """Find nothing; of these, say that they are not there."""
        if name in self._names:
            raise ModuleNotFoundError("not for a search", name=name)


def _tell(counters: Counters, found: int, no_messages: bool, no_mentions: bool) -> bool:
    """Tell what the reader must know; whether an input was left unread."""
    complaints = common.Complaints(counters)
    if not no_messages:
        complaints.tell()
        if counters.cut_entries:
            common.complain(
                f"{counters.cut_entries:,} entries were cut: {counters.cut_bytes:,} bytes left out",
                "raise --max-entry-bytes to see them whole",
            )
    if not found and counters.mentions and not no_mentions:
        from logscan.render.text import counted

        common.complain(
            "no message of that id, but it stands in "
            f"{counted(counters.mentions, 'other entry', 'other entries')}, in the text or in a longer id",
            "--mentions prints them; --prefix takes the beginning of an id",
        )
    elif not found and counters.indexed_bytes and not no_mentions:
        common.complain(
            "no message of that id; the index knows no entries that only mention it, or only begin so",
            "--mentions and --prefix read all",
        )
    return complaints.fatal


def _ids_and_paths(arguments: list[str], id_files: list[str]) -> tuple[list[str], list[str]]:
    """Tell ids from paths: an argument that exists or looks like a path is one, from the first path on."""
    ids: list[str] = []
    for name in id_files:
        try:
            with open(0 if name == "-" else name, encoding="utf-8", errors="surrogateescape") as file:
                ids += [text for line in file if (text := line.strip())]
        except OSError as error:
            raise InputError(f"{name}: {reason_of(error)}", "-f takes a file of message ids") from error
    paths: list[str] = []
    for at, argument in enumerate(arguments):
        first = not at and not id_files
        if not first and (paths or _PATH_LIKE.search(argument) or os.path.exists(argument)):
            paths.append(argument)
        else:
            ids.append(argument.strip())
    ids = [name for name in dict.fromkeys(ids) if name]
    if not ids:
        raise UsageError(
            "no message id given", "logscan search MESSAGE_ID... [PATH]..., or -f FILE with one a line"
        )
    for name in ids:
        if any(char.isspace() or char == "\0" for char in name):
            raise UsageError(f"{name!r}: a message id has no blanks in it", "give several as several words")
    return ids, paths


class _Sink(Protocol):
    """Takes what is found, and shows it in one way."""

    def take(self, found: Found) -> None:
        """One entry."""
        ...

    def close(self) -> None:
        """There is no more."""
        ...


class _Quiet:
    """Shows nothing."""

    def take(self, found: Found) -> None:
        pass

    def close(self) -> None:
        pass


class _Files(_Quiet):
    """Each file with an entry, once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, found: Found) -> None:
        path = found.span.place.path
        if found.matches and path not in self._seen:
            self._seen.add(path)
            print(common.display(path), flush=True)


class _Counts(_Quiet):
    """How many entries, a file a line."""

    def __init__(self, names: bool) -> None:
        self._names = names
        self._counts: dict[str, int] = {}

    def take(self, found: Found) -> None:
        if found.matches:
            path = found.span.place.path
            self._counts[path] = self._counts.get(path, 0) + 1

    def close(self) -> None:
        if not self._names:
            print(sum(self._counts.values()))
            return
        for path, number in self._counts.items():
            print(f"{common.display(path)}:{number}")


class _Ids(_Quiet):
    """Each message id, once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, found: Found) -> None:
        from logscan.entries.parse import parse

        name = parse(found.span, Counters()).message_id
        if found.matches and name and name not in self._seen:
            self._seen.add(name)
            print(name)


class _Json(_Quiet):
    """One JSON object an entry."""

    def __init__(self, with_context: bool) -> None:
        self._with_context = with_context

    def take(self, found: Found) -> None:
        from logscan.entries.parse import parse
        from logscan.render.data import entry_row, json_line

        row = entry_row(parse(found.span, Counters()), found.span)
        if self._with_context:
            row["context"] = not found.matches
        print(json_line(row))


class _Entries:
    """Whole entries: byte for byte into a pipe, made safe for a terminal."""

    def __init__(self, names: bool, lines: bool, color: str, context: bool) -> None:
        self._out = sys.stdout.buffer
        self._terminal = sys.stdout.isatty()
        self._colour = common.wants_colour(color, sys.stdout)
        self._lines = lines
        self._context = context
        self._names = names
        self._last: tuple[str, int] | None = None

    def take(self, found: Found) -> None:
        span = found.span
        data = span.data if span.data.endswith(b"\n") else span.data + b"\n"
        if self._context and self._last not in (None, (span.place.path, span.place.offset)):
            self._out.write(b"--\n")
        self._last = (span.place.path, span.place.offset + len(span.data) + span.cut)
        if self._terminal or self._colour:
            data = self._for_terminal(data, found.matches)
        if self._names or self._lines:
            data = self._with_places(data, span, found.matches)
        self._out.write(data)
        if self._terminal:
            self._out.flush()

    def close(self) -> None:
        self._out.flush()

    def _for_terminal(self, data: bytes, matches: bool) -> bytes:
        from logscan.entries.parse import decode
        from logscan.render.text import safe_lines

        text = safe_lines(decode(data)) if self._terminal else decode(data)
        if self._colour:
            text = coloured(text, dim=not matches)
        return text.encode("utf-8", "backslashreplace")

    def _with_places(self, data: bytes, span: Span, matches: bool) -> bytes:
        path = os.fsencode(common.display(span.place.path)) if self._names else b""
        mark = b":" if matches else b"-"
        lines = data.splitlines(keepends=True)
        placed: list[bytes] = []
        for at, line in enumerate(lines):
            sign = mark if not at else b"-"
            number = b"%d" % (span.line + at) + sign if self._lines else b""
            placed.append((path + sign if self._names else b"") + number + line)
        return b"".join(placed)


def _several(paths: list[str]) -> bool:
    """Whether more than one file is searched, as grep judges it."""
    from logscan.errors import LogscanError
    from logscan.reading.paths import list_streams
    from logscan.store.manifest import is_store, load

    if len(paths) > 1:
        return True
    if is_store(paths[0]):
        return len(load(paths[0]).sources) > 1
    try:
        return sum(len(stream) for stream in list_streams(paths, [])) > 1
    except LogscanError:
        return False
