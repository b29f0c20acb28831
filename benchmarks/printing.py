"""The layouts in which Message Processors and what carries their logs print the same entries.

A layout holds for a whole file. ``random`` draws one of some hundreds from the seed: every part of it alone,
so that parts meet that no named layout combines.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

KEYS = MappingProxyType({"org": "org", "env": "env", "api": "proxy", "rev": "revision"})
"""The keys that a layout may leave out, and the fields that they give."""


class Layout(NamedTuple):
    """What of an entry's own line differs from the usual print."""

    prefix: str = ""
    """What carries the log writes before each entry: ``syslog`` or ``grep``."""
    point: bool = False
    """A ``T`` between date and time, and a point before the milliseconds."""
    zone: str = ""
    absent: tuple[str, ...] = ()
    """Keys that are not printed."""
    empty: tuple[str, ...] = ()
    """Keys that are printed without a value."""
    level: str = "{} "
    """The level and what stands after it."""
    before_level: str = " "
    blank_threads: bool = False
    newline: str = "\n"


LAYOUTS = MappingProxyType(
    {
        "single": Layout(),
        "padded": Layout(level="{:<5} "),
        "padded-left": Layout(level="{:>5} "),
        "zone": Layout(zone=" UTC"),
        "T": Layout(point=True),
        "missing-keys": Layout(absent=("api", "rev")),
        "empty-keys": Layout(empty=("org", "rev")),
        "syslog": Layout(prefix="syslog"),
        "grep": Layout(prefix="grep"),
        "tabs": Layout(before_level="\t", level="{}\t"),
        "crlf": Layout(newline="\r\n"),
        "blank-threads": Layout(blank_threads=True),
    }
)
NAMES = (*LAYOUTS, "random")


def layout_of(name: str, seed: int) -> Layout:
    """A layout by its name; ``random`` depends on the seed alone."""
    if name != "random":
        return LAYOUTS[name]
    rnd = random.Random(f"layout {seed}")
    level = LAYOUTS[rnd.choice(("single", "padded", "padded-left", "tabs"))]
    without: tuple[tuple[str, ...], ...] = ((), (), ("api", "rev"), ("env",), ("env", "api", "rev"))
    absent = rnd.choice(without)
    empty = tuple(key for key in rnd.choice(((), (), ("org", "rev"), ("api",))) if key not in absent)
    return level._replace(
        prefix=rnd.choice(("", "", "syslog", "grep")),
        point=rnd.random() < 0.3,
        zone=rnd.choice(("", "", " UTC", "+02:00")),
        absent=absent,
        empty=empty,
        blank_threads=rnd.random() < 0.3,
        newline=rnd.choice(("\n", "\n", "\r\n")),
    )


class Printer:
    """Prints entries in one layout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.usual = layout == Layout()
        self.lines = 0

    def entry(self, when: str, context: str, thread: str, rest: str) -> str:
        """One entry. Without a time it begins with its context."""
        if self.usual:
            gap = "" if not when else " " if context else "  "
            return f"{when}{gap}{context}{thread} {rest}"
        layout = self.layout
        level, _, rest = rest.partition(" ")
        keys = self._keys(context)
        if layout.blank_threads:
            thread = thread.replace("NIOThread@", "RMI TCP Connection(7)-10.0.0.")
        text = f"{keys}{thread}{layout.before_level}{layout.level.format(level)}{rest}"
        if when:
            stamp = when.replace(" ", "T").replace(",", ".") if layout.point else when
            text = f"{self._prefix(when)}{stamp}{layout.zone}{' ' if keys else '  '}{text}"
        self.lines += text.count("\n")
        return text if layout.newline == "\n" else text.replace("\n", layout.newline)

    def truth(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A failed handshake without the values that this layout does not print."""
        gone = {KEYS[key] for key in (*self.layout.absent, *self.layout.empty)}
        return {name: None if name in gone else value for name, value in row.items()}

    def _keys(self, context: str) -> str:
        layout = self.layout
        if not context:
            return "".join(f"{key}: " for key in layout.empty)
        if not layout.absent and not layout.empty:
            return context
        printed = []
        for pair in context.split():
            key, _, value = pair.partition(":")
            if key not in layout.absent:
                printed.append(f"{key}:{'' if key in layout.empty else value} ")
        return "".join(printed)

    def _prefix(self, when: str) -> str:
        if self.layout.prefix == "grep":
            return f"/opt/apigee/var/log/edge-message-processor/logs/system.log:{self.lines + 1}:"
        if self.layout.prefix == "syslog":
            return datetime.fromisoformat(when[:19]).strftime("%b %d %H:%M:%S mp01 apigee[77]: ")
        return ""
