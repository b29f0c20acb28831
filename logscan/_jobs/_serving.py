"""What an installed logscan answers when another asks it through ssh: the same jobs, their results as frames.

It reads what the user of the session may read, and writes nothing.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

from logscan._hosts.questions import offset_of, read_conditions, read_count, times_there
from logscan._hosts.rows import FoundFrames, failure_frames
from logscan._hosts.tallies import counters_of, parts_of
from logscan._hosts.wire import MOST_PACKED, flag, items, maybe, number, packed, text
from logscan._jobs._counting import count, failures_of
from logscan._jobs._overview import end_of_inputs
from logscan._jobs._spans import inputs_of
from logscan._jobs.search import find
from logscan._reading.paths import DEFAULT_PATTERNS
from logscan._scanning.plan import Limits
from logscan.errors import LogscanError, first_line
from logscan.values import Counters

ALIVE_SECONDS = 2.0
STATE_SECONDS = 1.0
"""Between two places to go on from, while nothing is found."""
_SOME = 500


class Server:
    """Answers questions.

    Args:
        source: gives them.
        sink: takes what is answered.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()
        self._read = 0

    def run(self, mark: str) -> None:
        """Answer until nobody asks."""
        self._sink.write(f"{mark} logscan\n".encode())
        self._send({"k": "hello", "now": int(datetime.now(UTC).timestamp()), "offset": offset_of(None)})
        threading.Thread(target=self._live, daemon=True).start()
        while (question := self._receive()) is not None:
            try:
                {"report": self._report, "search": self._search, "tail": self._tail}[question["do"]](question)
            except LogscanError as error:
                self._send({"k": "error", "message": str(error), "hint": error.hint})
            except (BrokenPipeError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - said where it was asked
                words = f"fault of logscan there: {type(error).__name__}: {first_line(error)}"[:1000]
                self._send({"k": "error", "message": words, "hint": "please report it"})

    def _report(self, question: Mapping[str, Any]) -> None:
        request = read_count(question)
        counters = Counters()
        there = times_there(request.selection.times, request.shift // 1_000_000)
        inputs = inputs_of(_paths(question), counters, there)
        limits = _limits(question)
        if request.all_failures:
            rows = []
            for failure in failures_of(inputs, request, counters, limits=limits, progress=self._progress):
                rows.append(failure)
                if len(rows) >= _SOME:
                    self._send_failures(rows)
                    rows = []
            self._send_failures(rows)
        else:
            counted = count(inputs, request, counters, limits=limits, progress=self._progress)
            self._send_failures(counted.failures)
            for part in parts_of(counted):
                self._send(part)
        end = end_of_inputs(inputs, there)
        if end is not None:
            end = times_there(there._replace(since=end, until=None), -request.shift // 1_000_000).since
        counters.messages = 0  # known where all hosts are put together
        self._send({**counters_of(counters), "log_end": None if end is None else end.isoformat()})
        self._send({"k": "end"})

    def _search(self, question: Mapping[str, Any]) -> None:
        counters, frames = Counters(), FoundFrames()
        found = find(
            [text(each) for each in items(question.get("ids"), 1 << 20)], _paths(question), counters,
            read_conditions(question), prefix=flag(question.get("prefix")),
            mentions=flag(question.get("mentions")), before=number(question.get("before")),
            after=number(question.get("after")), limits=_limits(question), progress=self._progress,
            lines=flag(question.get("lines")), index=maybe(text, question.get("index")),
        )  # fmt: skip
        for each in found:
            if (frame := frames.add(each)) is not None:
                self._send(frame)
        if (frame := frames.rest()) is not None:
            self._send(frame)
        self._send(counters_of(counters))
        self._send({"k": "end"})

    def _tail(self, question: Mapping[str, Any]) -> None:
        """Follow until nobody listens. Each update says where a later session goes on."""
        from logscan._jobs.tail import Watcher
        from logscan._live.checkpoint import Checkpoint, as_data, from_data
        from logscan._live.options import FollowOptions

        request, state = read_count(question), question.get("state")
        options = FollowOptions(
            from_start=flag(question.get("from_start")), max_entry_bytes=_limits(question).max_entry,
            poll=flag(question.get("poll")),
        )  # fmt: skip
        with Watcher(
            _paths(question), request.selection, options, host_of=request.host_of, rule=request.rule,
            checkpoint=Checkpoint() if state is None else from_data(state),
        ) as watcher:  # fmt: skip
            progress: tuple[int, ...] = ()
            sent, shown = 0.0, 0
            for update in watcher.run():
                self._read = watcher.counters.bytes
                is_due = watcher.progress != progress and time.monotonic() - sent > STATE_SECONDS
                if not update.failures and not is_due:
                    continue
                progress, sent = watcher.progress, time.monotonic()
                self._send_failures(update.failures)
                new = Counters(problems=watcher.problems[shown:])
                shown = len(watcher.problems)
                self._send({**counters_of(new), "k": "state", "state": as_data(watcher.checkpoint())})

    def _send_failures(self, rows: list[Any]) -> None:
        for frame in failure_frames(rows):
            self._send(frame)

    def _progress(self, counters: Counters) -> None:
        self._read = counters.bytes

    def _send(self, value: Mapping[str, Any]) -> None:
        data = packed(value)
        with self._lock:
            self._sink.write(data)
            self._sink.flush()

    def _receive(self) -> dict[str, Any] | None:
        head = self._source.read(4)
        if len(head) < 4:
            return None
        (size,) = struct.unpack(">I", head)
        data = self._source.read(min(size, MOST_PACKED))
        value = json.loads(zlib.decompress(data))
        return value if isinstance(value, dict) else None

    def _live(self) -> None:
        """Say every few seconds that this host lives. Where nobody listens any more, end."""
        while True:
            time.sleep(ALIVE_SECONDS)
            try:
                self._send({"k": "alive", "bytes": self._read})
            except OSError:
                os._exit(1)


def _paths(question: Mapping[str, Any]) -> list[str]:
    """The paths that are asked for; "/" stands for the places where Message Processors write."""
    paths: list[str] = []
    for path in items(question.get("paths"), 10_000):
        if text(path) == "/":
            there = [each for each in DEFAULT_PATTERNS if os.path.exists(each.removesuffix("*"))]
            paths += there[:1] or DEFAULT_PATTERNS[:1]
        else:
            paths.append(path)
    return paths


def _limits(question: Mapping[str, Any]) -> Limits:
    return replace(Limits(), max_entry=number(question.get("max_entry"), 1024))
