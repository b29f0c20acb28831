"""Entries of growing files in, failed handshakes out, once their message has been quiet for a moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from logscan._entries.layouts import PLAIN
from logscan._failures.frames import failure_id
from logscan._failures.groups import Group, Groups, Key, follows, key_of
from logscan._failures.handshakes import Rule
from logscan._failures.members import Member, Template
from logscan._failures.reader import MemberReader
from logscan._failures.readings import Readings
from logscan._failures.shapes import Shapes
from logscan._live.options import FollowOptions
from logscan.values import Counters, FailedHandshake, Place, Span

LATE = 10.0
"""Seconds for which a message whose failure was given still takes entries."""
RECENT = 1_000
"""Messages that are kept for that."""

_Name = tuple[str, Key]
"""Followed path and key of a group: entries of different paths never belong together."""


class _Recent(NamedTuple):
    """A group whose failures were given."""

    group: Group
    entries: int
    """How many entries it had then."""
    since: float


class _Stream:
    """What is known of one path that is followed."""

    def __init__(self, reader: MemberReader, groups: Groups) -> None:
        self.reader = reader
        self.groups = groups
        self._file = ("", 0)
        self._begin = 0
        """Where the file begins in the stream."""
        self._end = 0

    def at(self, span: Span) -> int:
        """Where in the stream an entry begins."""
        place = span.place
        if (place.path, place.file) != self._file:
            self._file, self._begin = (place.path, place.file), self._end - place.offset
        at = self._begin + place.offset
        self._end = max(self._end, at + len(span.data) + span.cut)
        return at


class LiveJoiner:
    """Entries in, failed handshakes out.

    What belongs together is decided as in a report (:mod:`logscan._failures.groups`). But a live group is
    only quiet, not over: it is given after a moment, and when more of its entries come later, it is joined
    with them again.

    Args:
        counters: takes candidates and late entries.
        host_of: names the Message Processor of a file path.
        rule: which entries of one message belong together.
        options: how files are followed.
    """

    def __init__(
        self, counters: Counters, host_of: Callable[[str], str], rule: Rule, options: FollowOptions
    ) -> None:
        self._counters = counters
        self._options = options
        self._host_of = host_of
        self._rule = rule
        self._readings = Readings(options.neighbours)
        self._shapes = Shapes(rule, options.neighbours)
        self._streams: dict[str, _Stream] = {}
        self._seen: OrderedDict[_Name, float] = OrderedDict()
        """Open groups, with the moment of their newest entry, oldest first."""
        self._given: dict[_Name, int] = {}
        """Open groups of which failures were given already, with how many entries they had then."""
        self._recent: OrderedDict[_Name, _Recent] = OrderedDict()
        self._new: list[FailedHandshake] = []

    def __len__(self) -> int:
        """Messages that are open."""
        return len(self._seen)

    @property
    def open_since(self) -> float | None:
        """When, by the clock, that open message got its newest entry that has waited longest for another."""
        return next(iter(self._seen.values()), None)

    @property
    def waiting(self) -> int:
        """Messages whose failure was given and that still take entries."""
        return len(self._recent)

    def feed(self, followed: str, spans: Iterable[Span]) -> list[FailedHandshake]:
        """The failures that some entries of a followed path complete."""
        now = self._options.clock.monotonic()
        stream = self._streams.get(followed) or self._stream(followed)
        for span in spans:
            try:
                member = stream.reader.of_span(span, stream.at(span))
                if member is not None:
                    self._add(followed, member, now)
            except Exception as error:  # noqa: BLE001
                self._counters.note_not_understood(span.place, error)
        return self._taken()

    def release(self) -> list[FailedHandshake]:
        """Those of the messages that have been quiet for long enough."""
        now = self._options.clock.monotonic()
        while self._seen:
            name, seen = next(iter(self._seen.items()))
            if seen > now - self._options.quiet_time:
                break
            self._release(name, now)
        while self._recent:
            name, oldest = next(iter(self._recent.items()))
            if len(self._recent) <= RECENT and now - oldest.since < LATE:
                break
            del self._recent[name]
        return self._taken()

    def drain(self) -> list[FailedHandshake]:
        """Those of all messages that are still open."""
        for name in list(self._seen):
            self._release(name, self._options.clock.monotonic())
        return self._taken()

    def firsts(self) -> Iterator[Place]:
        """The place of the first entry of each message that is open or may take late lines."""
        for stream in self._streams.values():
            for group in stream.groups.open():
                yield group.members[0].place
        for recent in self._recent.values():
            yield recent.group.members[0].place

    def _stream(self, followed: str) -> _Stream:
        groups = Groups(self._rule, self._options.neighbours, partial(self._give, followed), self._joined)
        reader = MemberReader(PLAIN, self._readings, self._counters)
        stream = self._streams[followed] = _Stream(reader, groups)
        return stream

    def _add(self, followed: str, member: Member, now: float) -> None:
        """Add an entry to its group."""
        stream, name = self._streams[followed], (followed, key_of(member))
        recent = self._recent.pop(name, None)
        if recent is not None and name not in self._seen:
            group = recent.group
            if _replaces(group, member) or follows(self._rule, group.last, member):
                stream.groups.take(group)
                self._given[name] = recent.entries
        group_now = stream.groups.get(name[1])
        if group_now is None or not _replace(group_now, member):
            stream.groups.feed(member)
        self._seen[name] = now
        self._seen.move_to_end(name)

    def _release(self, name: _Name, now: float) -> None:
        """Give the failures of a group, and keep it for late entries."""
        followed, key = name
        del self._seen[name]
        groups = self._streams[followed].groups
        group = groups.remove(key)
        if group is None:
            return
        if group.records is not None:
            groups.end(group)
            self._given.pop(name, None)
            return
        if self._give(followed, group) and group.members[0].message_id is not None:
            self._recent[name] = _Recent(group, len(group.members), now)

    def _joined(self, group: Group, templates: list[Template]) -> None:
        """Some failures of a long group are complete."""
        self._new += self._failures(group.members, templates)

    def _give(self, followed: str, group: Group) -> bool:
        """Give the failures of a group that were not given; whether it has any."""
        entries = self._given.pop((followed, group.key), 0)
        failures = self._failures(group.members, self._templates(group.members))
        if not entries:
            self._new += failures
            return bool(failures)
        earlier = group.members[:entries]
        given = {name_of(failure) for failure in self._failures(earlier, self._templates(earlier))}
        new = [failure for failure in failures if name_of(failure) not in given]
        if not new:
            self._counters.late_entries += len(group.members) - entries
        self._new += new
        return True

    def _failures(self, members: list[Member], templates: Iterable[Template]) -> list[FailedHandshake]:
        host_of = self._host_of
        try:
            return [
                template.failure(members, host_of(members[template.first].path)) for template in templates
            ]
        except Exception as error:  # noqa: BLE001
            self._counters.note_not_understood(members[0].place, error)
            return []

    def _templates(self, members: list[Member]) -> Sequence[Template]:
        """What the failures of a group are; none where that cannot be said."""
        try:
            return self._shapes.templates(members)
        except Exception as error:  # noqa: BLE001
            self._counters.note_not_understood(members[0].place, error)
            return ()

    def _taken(self) -> list[FailedHandshake]:
        new, self._new = self._new, []
        return new


def name_of(failure: FailedHandshake) -> tuple[str, int]:
    """What a failure is known by within a run: two files may have equal entries at equal offsets."""
    return failure_id(failure), failure.place.file


def _replaces(group: Group, member: Member) -> bool:
    """Whether an entry is one of a group that is given again, with more lines."""
    return any(held.offset == member.offset and held.place == member.place for held in group.members)


def _replace(group: Group, member: Member) -> bool:
    """Put an entry that was given again in the place of what it was; whether it was."""
    for number, held in enumerate(group.members):
        if held.offset == member.offset and held.place == member.place:
            group.members[number] = member
            if group.last.place == member.place:
                group.last = member
            return True
    return False
