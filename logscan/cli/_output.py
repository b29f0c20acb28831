"""Entries on the screen: as they stand, coloured, or as JSON."""

from __future__ import annotations

import re
import sys
from typing import Any

from logscan.values import Counters


def print_entry(span: Any, as_json: bool, colour: bool) -> None:
    """Print one entry as it stands, or as JSON."""
    from logscan.entries.parse import decode, parse

    if as_json:
        from logscan.render.data import entry_row, json_line

        print(json_line(entry_row(parse(span, Counters()), span)))
        return
    from logscan.render.text import safe_lines

    text = decode(span.data)
    if sys.stdout.isatty():
        text = safe_lines(text)
    text = text if text.endswith("\n") else text + "\n"
    print(coloured(text) if colour else text, end="")


def coloured(text: str, dim: bool = False) -> str:
    """An entry coloured by its level; the stack trace dimmed."""
    first, _, rest = text.partition("\n")
    found = _LEVEL.search(first)
    if dim:
        first = f"\x1b[2m{first}\x1b[0m"
    elif found is not None:
        code = LEVEL_COLOURS[found[1]]
        first = f"{first[: found.start()]}\x1b[{code}m{found[1]}\x1b[0m{first[found.end() :]}"
    body = rest.rstrip("\n")
    return first + "\n" + (f"\x1b[2m{body}\x1b[0m\n" if body else "")


LEVEL_COLOURS = {"ERROR": "31", "FATAL": "1;31", "WARN": "33", "INFO": "32", "DEBUG": "36", "TRACE": "36"}

_LEVEL = re.compile(r"(?<= )(ERROR|FATAL|WARN|INFO|DEBUG|TRACE)(?= )")
