"""Logs whose lines are printed in several layouts, as functions from a log to the same log printed so."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

from logscan._entries.layouts import PLAIN
from logscan._entries.sample import judge, layout_in
from logscan._reading.paths import discover
from support.layouts import LAYOUTS, TIMED

FRONTS: tuple[Callable[[int, bool], bytes], ...] = (
    lambda _number, _opens: b"",
    lambda _number, _opens: b"mp01: ",
    lambda number, _opens: b"Nov 23 05:28:%02d mp%02d apigee[%d]: " % (number % 60, number % 2, number * 7),
    lambda number, opens: b"system.log%b%d%b" % ((b":", number, b":") if opens else (b"-", number, b"-")),
    lambda number, _opens: b"2026-11-25T00:00:%02dZ mp01 " % (number % 60),
    lambda number, _opens: (b"mp01: ", b"host-b: ", b"mp7 9: ", b"")[number % 4],
)
"""What a shipper or grep puts before each line, by its number and whether it begins with a time."""


def mixed(data: bytes, rnd: random.Random) -> bytes:
    """A log with each line that begins with a time printed in one or two of some layouts, and what a shipper puts
    there before every line; some lines end with CR LF."""
    names = rnd.sample(sorted(LAYOUTS), rnd.choice((1, 1, 2, 5)))
    front = rnd.choice(FRONTS[:1] * 4 + FRONTS)
    returns = rnd.random() < 0.1
    lines = []
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", data)):
        opens = TIMED.match(line) is not None
        if opens:
            for name in rnd.sample(names, min(len(names), rnd.choice((1, 1, 2)))):
                line = LAYOUTS[name](line)
        if returns and rnd.random() < 0.5:
            line = line.replace(b"\n", b"\r\n")
        lines.append(front(number, opens) + line)
    return b"".join(lines)


def layouts_in(folder: Path) -> set[str]:
    """The layouts in which a search reads the logs of a folder: few lines of a mixture, as a store has seen them when
    the logs were short, may say another than more of them do."""
    return {(layout_in(*stream) or PLAIN).name for stream in discover([str(folder)], [], judge)}
