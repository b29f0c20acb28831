"""Stages that fail on purpose at the entries of one message, here and in forked workers."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import logscan
from logscan._distribute import executors, processes, run_units
from logscan._entries import learned, parse
from logscan._failures import (
    count_unit,
    groups,
    handshakes,
    in_common,
    incidents,
    members,
    reader,
    readings,
    selection,
    shapes,
    tally,
)
from support.lines import BAD, HEAD, ONE

BAD_ID = "bad-1"
"""The message at whose entries stages fail; its texts name it, too."""
_ODD = HEAD.format(s=1, ms=5, m="m-1", t="Odd Thread 1") + f"X - says: {BAD}\n"
BAD_TEXT = (ONE + _ODD).replace(BAD, f"{BAD} {BAD_ID}").replace("m-1", BAD_ID).replace("api:a", "api:bad")
"""Lines for the fast way, and one for the grammar."""

REPORT: dict[str, tuple[Any, str]] = {
    "grammar": (parse, "_parse"),
    "learning": (learned, "_form_of_line"),
    "reading": (reader.MemberReader, "of_span"),
    "text": (readings.Readings, "read"),
    "failed": (readings.Readings, "failed"),
    "line": (readings, "read_line"),
    "groups": (groups.Groups, "feed"),
    "shapes": (shapes.Shapes, "templates"),
    "records": (handshakes.Records, "add"),
    "tally": (tally.Tally, "feed"),
    "failure": (members.Template, "failure"),
    "selection": (selection.Selection, "covers"),
    "incidents": (incidents.Incidents, "take"),
    "common": (in_common.InCommon, "take"),
}
"""Stages of a report, by where they are looked up."""
TAIL = {
    name: REPORT[name]
    for name in ("grammar", "reading", "text", "line", "groups", "shapes", "records", "failure")
}
TAIL["selection"] = (selection.Selection, "selects")
QUIET = ("learning",)
"""Stages whose failure loses nothing and changes nothing that is counted."""


def is_named(value: Any) -> bool:
    """Whether a value holds the name of the bad message."""
    return BAD_ID in repr(value)


@contextlib.contextmanager
def failing(stage: tuple[Any, str]) -> Iterator[list[int]]:
    """A stage that raises where it gets something of the bad message. Gives a list with an item for each."""
    owner, name = stage
    original = getattr(owner, name)
    raised: list[int] = []

    def function(*arguments: Any, **more: Any) -> Any:
        parts = arguments[1:] if isinstance(owner, type) else arguments
        if len(parts) == 5 and isinstance(parts[2], bytes | bytearray):
            parts = (bytes(parts[2][parts[3] : parts[4]]),)  # a part of a buffer
        if any(map(is_named, parts)):
            raised.append(1)
            raise RuntimeError("on purpose")
        return original(*arguments, **more)

    count_unit._readings.cache_clear()  # what is remembered passes stages by
    count_unit._shapes.cache_clear()
    with mock.patch.object(owner, name, function):
        yield raised


def main() -> None:
    """Report a log by two forked workers with each stage failing; print what came of it as JSON."""
    used: list[bool] = []
    made = processes.Processes.__init__

    def noting(self: Any, *arguments: Any, **more: Any) -> None:
        used.append(True)
        made(self, *arguments, **more)

    processes.Processes.__init__ = noting  # type: ignore[method-assign]
    executors.FORK_FROM = 1
    run_units.LEAST_RANGE = run_units.MOST_RANGE = 1 << 14
    results = {}
    for name, stage in REPORT.items():
        with failing(stage):
            done = logscan.report(sys.argv[1], alert="all", workers=2)
        results[name] = [
            sorted((each.proxy or "", each.failed_handshakes) for each in done.incidents),
            done.counters.not_understood,
            [str(problem) for problem in done.problems],
        ]
    print(json.dumps({"forked": len(used), "results": results}))


if __name__ == "__main__":
    main()
