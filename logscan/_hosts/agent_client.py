"""The way without an installed logscan: an agent lists files and sends entries; streams are made here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.sample import judge_and_learn, layout_in, printed_times
from logscan._hosts.rows import MOST_OFFSET, MOST_ROWS
from logscan._hosts.session import BUNDLE, MOST_SENT, Session
from logscan._hosts.wire import WireError, data_of, items, name_of, number, text, text_of
from logscan._reading.fingerprint import LEAST, is_distinctive
from logscan._reading.paths import DEFAULT_PATTERNS, LogFile, Stream, describe, in_streams
from logscan._reading.probe import HEAD, IN_ORDER, Probe
from logscan._reading.unpack import packing_of
from logscan._scanning.needles import Literals
from logscan._scanning.time_slices import SLACK, StreamSlice, slice_of
from logscan.errors import InputError
from logscan.shown import safe
from logscan.times import TimeRange, in_zone
from logscan.values import Counters, Place, Problem, Span

MOST_FILES = 20_000
_SAMPLE = 1 << 16
_CODECS = ("gzip", "bz2", "lzma", "zstd")


class Entries(NamedTuple):
    """Entries of one stream in its order."""

    stream: int
    text: bytes
    starts: list[int]
    ends: list[int]
    ats: list[int]
    """Bytes of the stream before each."""
    lines: list[int]
    """Numbers of their lines, where they are asked for."""
    places: list[Place]
    odd: dict[int, tuple[bool, int]]
    """Number of an entry → whether it is an orphan, and its bytes beyond the limit."""

    def spans(self) -> list[Span]:
        """The same as spans."""
        none = (False, 0)
        return [
            Span(self.text[start:end], place, line, *self.odd.get(number, none))
            for number, (start, end, line, place) in enumerate(
                zip(self.starts, self.ends, self.lines, self.places, strict=True)
            )
        ]


class AgentClient:
    """Asks an agent.

    Args:
        session: with the agent.
        counters: takes what the host has read, and its problems.
        times: the range, in wall times of the host.
        lines: number lines.
    """

    def __init__(
        self, session: Session, counters: Counters, times: TimeRange, *, lines: bool = False
    ) -> None:
        self._session, self._counters, self._times = session, counters, times
        self._address = session.host.address
        self._lines = lines
        self._codecs: dict[str, str] = {}
        self.slices: list[StreamSlice] = []
        self.end: datetime | None = None
        """When the logs of the host end, as far as they show it."""

    def discover(self, paths: Sequence[str]) -> None:
        """List the files of some paths, and choose the streams that can hold entries of the range.

        Raises:
            InputError: the host says what it may not.
        """
        wishes = [DEFAULT_PATTERNS if path == "/" else (path,) for path in paths]
        self._session.ask(
            {"do": "list", "paths": [[text_of(os.fsencode(each)) for each in wish] for wish in wishes]}
        )
        found: list[LogFile] = []
        for frame in self._session.answer("listed"):
            try:
                if frame.get("k") == "problem":
                    self._problem(frame)
                elif (file := self._file(frame)) is not None:
                    found.append(file)
            except WireError as error:
                raise self._session.refusal(error) from error
        streams = self._without_copies(in_streams(found))
        self.slices = [slice_of(stream, self._times) for stream in streams]
        for part in self.slices:
            self._counters.skipped_files += part.skipped_files
            self._counters.skipped_bytes += part.skipped_bytes

    def scan(self, needles: Literals | None, max_entry: int) -> Iterator[Entries]:
        """The entries in which a needle stands; all, without needles.

        Raises:
            InputError: the host says what it may not, or more matters than may be sent.
        """
        streams = [
            {
                "files": [self._there(file.path) for file in part.stream],
                "opener": _for_old_python((part.layout or PLAIN).opener.pattern),
                "headless": part.headless,
            }
            for part in self.slices
        ]
        since, until = self._times.since, self._times.until
        self._session.ask({
            "do": "scan", "streams": streams, "most": max_entry, "limit": MOST_SENT,
            "needles": [text_of(each) for each in needles.needles] if needles else [],
            "caseless": bool(needles and needles.caseless), "lines": self._lines,
            "low": None if since is None else _seconds(since) - SLACK.seconds,
            "high": None if until is None else _seconds(until) + SLACK.seconds,
        })  # fmt: skip
        ends: list[datetime] = []
        for frame in self._session.answer("end"):
            if frame.get("k") == "limit":
                raise self._too_much()
            try:
                if frame.get("k") == "entries":
                    yield self._entries(frame)
                elif frame.get("k") == "scanned":
                    self._scanned(frame, ends)
                else:
                    self._problem(frame)
            except WireError as error:
                raise self._session.refusal(error) from error
        self.end = max(ends, default=None)

    def follow(self, needles: Literals, max_entry: int) -> Iterator[Entries]:
        """The entries with a needle that are written from now on, for ever; at times none.

        Raises:
            InputError: the connection ended, or the host says what it may not.
        """
        live = [part.stream[-1] for part in self.slices if not self._codecs[part.stream[-1].path]]
        layouts = [layout_in(file) or PLAIN for file in live]
        self.slices = [StreamSlice((file,)) for file in live]
        self._session.ask({
            "do": "follow", "most": max_entry, "limit": MOST_SENT,
            "needles": [text_of(each) for each in needles.needles],
            "files": [
                {"path": self._there(file.path), "opener": _for_old_python(layout.opener.pattern)}
                for file, layout in zip(live, layouts, strict=True)
            ],
        })  # fmt: skip
        while True:
            frame = self._session.receive()
            if frame.get("k") == "tick":
                yield Entries(0, b"", [], [], [], [], [], {})
                continue
            try:
                yield self._entries(frame)
            except WireError as error:
                raise self._session.refusal(error) from error

    def layout_of(self, stream: int) -> Layout:
        """How entries stand in a stream."""
        return self.slices[stream].layout or PLAIN

    def _file(self, frame: dict[str, Any]) -> LogFile | None:
        path, sample = self._address + name_of(frame.get("path")), data_of(frame.get("sample"), _SAMPLE)
        codec = text(frame.get("packing"), 10)
        size = number(frame.get("size"), 0, MOST_OFFSET)
        if codec not in ("", *_CODECS) or path in self._codecs:
            raise WireError("a file that is none")
        if len(self._codecs) >= MOST_FILES:
            raise WireError("more files than there may be")
        self._codecs[path] = codec
        if packing_of(sample).encoding:
            self._counters.problems.append(
                Problem(path, f"is {packing_of(sample).encoding}: the agent does not read it", "add --pull")
            )
            return None
        notes = judge_and_learn(sample)
        probe = Probe(True, False, size, IN_ORDER, sample[:HEAD], notes)
        return describe(path)._replace(probe=probe)

    def _without_copies(self, streams: list[Stream]) -> list[Stream]:
        """The streams without files whose text is the beginning of another's, which the host compares."""
        groups: dict[bytes, list[LogFile]] = {}
        for stream in streams:
            for file in stream:
                if is_distinctive(file.probe.head):
                    groups.setdefault(file.probe.head[:LEAST], []).append(file)
        alike = [group for group in groups.values() if len(group) > 1]
        if not alike:
            return streams
        self._session.ask({
            "do": "compare",
            "groups": [
                [[self._there(f.path), self._codecs[f.path], f.probe.size] for f in group] for group in alike
            ],
        })  # fmt: skip
        copies: dict[str, str] = {}
        for frame in self._session.answer("compared"):
            try:
                path, other = (self._address + name_of(frame.get(key)) for key in ("path", "other"))
            except WireError as error:
                raise self._session.refusal(error) from error
            if path in self._codecs and other in self._codecs and path != other:
                copies[path] = other
        for path, kept in copies.items():
            self._counters.copies += 1
            reason = f"holds the same text as {kept}: counted once"
            self._counters.problems.append(Problem(path, reason, fatal=False, is_copy=True))
        left = [tuple(file for file in stream if file.path not in copies) for stream in streams]
        return [stream for stream in left if stream]

    def _entries(self, frame: dict[str, Any]) -> Entries:
        stream = number(frame.get("stream"), 0, len(self.slices) - 1)
        files = self.slices[stream].stream
        data = data_of(frame.get("data"))
        made = Entries(stream, data, [], [], [], [], [], {})
        at = 0
        for row in items(frame.get("rows"), MOST_ROWS, 8):
            before, file, offset, size, orphan, cut, nuls, line = (
                number(each, 0, MOST_OFFSET) for each in row
            )
            if file >= len(files) or at + size > len(data) or not size:
                raise WireError("an entry that is none")
            if orphan or cut:
                made.odd[len(made.starts)] = (bool(orphan), cut)
            made.starts.append(at)
            made.ends.append(at + size)
            made.ats.append(before)
            made.lines.append(line)
            made.places.append(Place(files[file].path, offset))
            at += size
            self._counters.cut_entries += cut > 0
            self._counters.cut_bytes += cut
            self._counters.nul_bytes += nuls
        if at != len(data):
            raise WireError("bytes that belong to no entry")
        return made

    def _scanned(self, frame: dict[str, Any], ends: list[datetime]) -> None:
        stream = number(frame.get("stream"), 0, len(self.slices) - 1)
        part, counters = self.slices[stream], self._counters
        counters.bytes += number(frame.get("bytes"), 0, MOST_OFFSET)
        counters.files += number(frame.get("files"), 0, len(part.stream))
        counters.orphan_lines += number(frame.get("orphans"), 0, MOST_OFFSET)
        if lost := number(frame.get("lost"), 0, MOST_OFFSET):
            reason = f"{lost:,} entries are longer than the agent can send"
            counters.problems.append(Problem(part.stream[-1].path, reason, BUNDLE))
        times = printed_times(data_of(frame.get("end"), _SAMPLE), part.layout or PLAIN)
        ends += [in_zone(*printed, self._times.zone) for printed in times]

    def _too_much(self) -> InputError:
        return InputError(
            f"{self._address}: more than {MOST_SENT >> 20} MiB of entries matter: the rest is not read",
            f"narrow the time range, or {BUNDLE.partition(',')[0]}",
        )

    def _problem(self, frame: dict[str, Any]) -> None:
        if frame.get("k") != "problem":
            raise WireError("a frame of another kind")
        path = self._address + name_of(frame.get("path"))
        reason = safe(text(frame.get("reason"), 1000))
        if len(self._counters.problems) >= 2 * MOST_FILES:
            raise WireError("more problems than there may be")
        self._counters.problems.append(Problem(path, reason, BUNDLE if "zstd" in reason else ""))

    def _there(self, path: str) -> str:
        return text_of(os.fsencode(path[len(self._address) :]))


def _for_old_python(pattern: bytes | str) -> str:
    """An expression of ours for Python 3.6, which has no possessive quantifiers: ours match alike without."""
    source = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    for own, old in (("\\0*+", "\\0*(?!\\0)"), ("++", "+"), ("*+", "*"), ("}+", "}")):
        source = source.replace(own, old)
    return source


def _seconds(wall: datetime) -> int:
    """Seconds from 1970 to a wall time, both without a zone."""
    return int(wall.replace(tzinfo=UTC).timestamp())
