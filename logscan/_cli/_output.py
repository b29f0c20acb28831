"""Entries on the screen: as they are, coloured, or as JSON; and what else a search prints."""

from __future__ import annotations

import os
import re
import sys
from typing import Protocol

from logscan._cli import _common as common
from logscan.values import Counters, Found, Span


def print_entry(span: Span, as_json: bool, colour: bool) -> None:
    """Print one entry as it is, or as JSON."""
    if as_json:
        _print_json(span)
        return
    from logscan._entries.parse import decode
    from logscan.shown import safe_lines

    text = decode(span.data)
    if colour or sys.stdout.isatty():
        text = safe_lines(text)
    text = text if text.endswith("\n") else text + "\n"
    print(coloured(text) if colour else text, end="")


def coloured(text: str, dim: bool = False) -> str:
    """An entry coloured by its level; the stack trace dimmed."""
    first, _, below = text.partition("\n")
    match = _LEVEL.search(first)
    if dim:
        first = f"\x1b[2m{first}\x1b[0m"
    elif match is not None:
        code = LEVEL_COLOURS[match[1]]
        first = f"{first[: match.start()]}\x1b[{code}m{match[1]}\x1b[0m{first[match.end() :]}"
    below = below.rstrip("\n")
    return first + "\n" + (f"\x1b[2m{below}\x1b[0m\n" if below else "")


LEVEL_COLOURS = {"ERROR": "31", "FATAL": "1;31", "WARN": "33", "INFO": "32", "DEBUG": "36", "TRACE": "36"}

_LEVEL = re.compile(r"(?<= )(ERROR|FATAL|WARN|INFO|DEBUG|TRACE)(?= )")


class Printer(Protocol):
    """Prints the result of a search in one way."""

    def take(self, found: Found) -> None:
        """Take one entry."""
        ...

    def close(self) -> None:
        """Print what is left, after the last entry."""
        ...


class Nothing:
    """Prints nothing."""

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""

    def close(self) -> None:
        """See :class:`Printer`."""


class FileNames(Nothing):
    """Prints the name of each file that has an entry, once."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._printed: set[str] = set()

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""
        path = found.span.place.path
        if found.matches and path not in self._printed:
            self._printed.add(path)
            print(common.shown(common.display(path), self._colour), flush=True)


class Counts(Nothing):
    """Prints the number of entries, per file if names are wanted."""

    def __init__(self, names: bool, colour: bool) -> None:
        self._names = names
        self._colour = colour
        self._counts: dict[str, int] = {}

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""
        if found.matches:
            path = found.span.place.path
            self._counts[path] = self._counts.get(path, 0) + 1

    def close(self) -> None:
        """See :class:`Printer`."""
        if not self._names:
            print(sum(self._counts.values()))
            return
        for path, number in self._counts.items():
            print(f"{common.shown(common.display(path), self._colour)}:{number}")


class MessageIds(Nothing):
    """Prints each message id once."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._printed: set[str] = set()

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""
        from logscan._entries.parse import parse

        message_id = parse(found.span, Counters()).message_id
        if found.matches and message_id and message_id not in self._printed:
            self._printed.add(message_id)
            print(common.shown(message_id, self._colour))


class JsonLines(Nothing):
    """Prints one JSON object per entry, with a key ``context`` if context is wanted."""

    def __init__(self, context: bool) -> None:
        self._context = context

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""
        _print_json(found.span, **({"context": not found.matches} if self._context else {}))


class Entries:
    """Prints whole entries: byte for byte into a pipe, harmless ones on a terminal or in colour."""

    def __init__(self, *, names: bool, lines: bool, colour: bool, context: bool) -> None:
        self._out = sys.stdout.buffer
        self._terminal = sys.stdout.isatty()
        self._names = names
        self._lines = lines
        self._colour = colour
        self._context = context
        self._end: tuple[str, int] | None = None
        """Path and offset at which the last entry ended."""

    def take(self, found: Found) -> None:
        """See :class:`Printer`."""
        span = found.span
        data = span.data if span.data.endswith(b"\n") else span.data + b"\n"
        if self._context and self._end not in (None, (span.place.path, span.place.offset)):
            self._out.write(b"--\n")
        self._end = (span.place.path, span.place.offset + len(span.data) + span.cut)
        if self._terminal or self._colour:
            data = self._for_terminal(data, found.matches)
        if self._names or self._lines:
            data = self._with_places(data, span, found.matches)
        self._out.write(data)
        if self._terminal:
            self._out.flush()

    def close(self) -> None:
        """See :class:`Printer`."""
        self._out.flush()

    def _for_terminal(self, data: bytes, matches: bool) -> bytes:
        from logscan._entries.parse import decode
        from logscan.shown import safe_lines

        text = safe_lines(decode(data))
        if self._colour:
            text = coloured(text, dim=not matches)
        return text.encode("utf-8", "backslashreplace")

    def _with_places(self, data: bytes, span: Span, matches: bool) -> bytes:
        """The lines with path and line number; ``:`` marks the first line of an entry that matches."""
        name = common.shown(common.display(span.place.path), self._colour) if self._names else ""
        path = os.fsencode(name)
        mark = b":" if matches else b"-"
        lines = []
        for row, line in enumerate(data.splitlines(keepends=True)):
            sign = mark if not row else b"-"
            number = b"%d" % (span.line + row) + sign if self._lines else b""
            lines.append((path + sign if self._names else b"") + number + line)
        return b"".join(lines)


def printer_for(
    *,
    quiet: bool,
    only_ids: bool,
    files: bool,
    count: bool,
    as_json: bool,
    names: bool,
    lines: bool,
    colour: bool,
    context: bool,
) -> Printer:
    """What prints a search by its options; of several, the one that prints least.

    Args:
        names: print the names of files.
        lines: print line numbers.
        colour: colour what is printed.
        context: entries of context are among those that match.
    """
    if quiet:
        return Nothing()
    if only_ids:
        return MessageIds(colour)
    if files:
        return FileNames(colour)
    if count:
        return Counts(names, colour)
    if as_json:
        return JsonLines(context)
    return Entries(names=names, lines=lines, colour=colour, context=context)


def _print_json(span: Span, **more: object) -> None:
    from logscan._entries.parse import parse
    from logscan._render.data import entry_row, json_line

    print(json_line({**entry_row(parse(span, Counters()), span), **more}))
