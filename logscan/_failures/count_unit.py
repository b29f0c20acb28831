"""One unit of work is counted by itself: its counts, and at its edges the groups that may go on in its
neighbours.

A group may have begun before the unit, or may go on after it. Which ones can, the rule on pairs says: those
near the seam in bytes, and in time. Time decides only if it does not run back across the seam by more than
the rule allows; the parts say how early and how late their entries are, and who puts them together
(:class:`Seams`) checks that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from logscan._entries.layouts import Layout
from logscan._failures import catalog
from logscan._failures.count_scanner import CountScanner
from logscan._failures.groups import Group, Groups, Key
from logscan._failures.handshakes import Rule
from logscan._failures.incidents import Incidents
from logscan._failures.members import Member, Template
from logscan._failures.readings import Readings
from logscan._failures.shapes import Shapes
from logscan._failures.tally import Counted, CountRequest, Tally
from logscan._scanning.needles import Literals
from logscan._scanning.scanner import Scanner
from logscan.values import Counters, Span


def needles_of(neighbours: bool) -> Literals:
    """Finds the entries that may report a failure."""
    return Literals(catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if neighbours else ()), rare=True)


@lru_cache(maxsize=4)
def _readings(neighbours: bool) -> Readings:
    """What this process has read of texts: one unit after the other."""
    return Readings(neighbours)


@lru_cache(maxsize=4)
def _shapes(rule: Rule, neighbours: bool) -> Shapes:
    """What this process has made of groups."""
    return Shapes(rule, neighbours)


@dataclass
class CountedPart:
    """What one unit gives."""

    counted: Counted
    size: int = 0
    """Bytes of text."""
    head: list[Group] = field(default_factory=list)
    """Groups that may have begun before the unit: not counted. Those that may go on after it are in
    ``tail``, too."""
    tail: list[Group] = field(default_factory=list)
    """Groups that may go on after the unit: not counted."""
    long: set[Key] = field(default_factory=set)
    """Keys of groups that may have begun before the unit, but are too long to be kept: counted."""
    lowest: int | None = None
    """The time of its earliest entry, in microseconds since 1970."""
    highest: int | None = None
    is_first: bool = True
    """It continues nothing."""


@dataclass(frozen=True)
class CountTask:
    """Counts failed handshakes: see :class:`logscan._distribute.run_units.Task`."""

    request: CountRequest

    def made(self, *, is_first: bool, is_last: bool, counters: Counters) -> UnitCount:  # noqa: ARG002
        """Begin with a unit."""
        return UnitCount(self.request, is_first=is_first, is_last=is_last)


class UnitCount:
    """The members of one unit in, its part out: see :class:`logscan._distribute.run_units.Work`.

    Args:
        request: what is counted.
        is_first: nothing of its stream was read before it.
        is_last: nothing of its stream is read after it.
    """

    def __init__(self, request: CountRequest, *, is_first: bool, is_last: bool) -> None:
        neighbours = request.selection.neighbours
        self.readings = _readings(neighbours)
        self._needles = needles_of(neighbours)
        self._scanner: CountScanner | None = None
        self._streams = request.all_failures
        self._rule = request.rule
        self._tally = Tally(request)
        self._shapes = _shapes(request.rule, neighbours)
        self._groups = Groups(request.rule, neighbours, self._ended, self._joined)
        self._is_first, self._is_last = is_first, is_last
        self._keys: set[Key] = set()
        """Of the groups that began near the beginning."""
        self._heads: list[Group] = []
        self._near: int | None = None
        """Later groups began in the unit."""
        if not is_first:
            self._groups.began = self._began
        self._shift = request.shift
        self.feed = self._shifted if request.shift else self._groups.feed
        """Counts a member."""

    def scanner(self, layout: Layout, counters: Counters, *more: Any, **options: Any) -> Scanner:
        """Feeds this unit."""
        self._scanner = CountScanner(
            self._needles(layout), layout, counters, *more, readings=self.readings, feed=self.feed, **options
        )
        return self._scanner

    def take(self, spans: list[Span], layout: Layout) -> Iterator[CountedPart]:  # noqa: ARG002
        """If all failures are wanted, those that are complete."""
        failures = self._tally.counted.failures
        if self._streams and failures:
            some = Counted(Incidents(), list(failures))
            failures.clear()
            yield CountedPart(some)

    def end(self) -> Iterator[CountedPart]:
        """The part."""
        assert self._scanner is not None
        yield self.part(self._scanner.size)

    def _shifted(self, member: Member) -> None:
        """Count a member of a log whose wall times are those of another zone."""
        if member.moment is not None and member.zone is None:
            member = member._replace(moment=member.moment + self._shift)
        self._groups.feed(member)

    def _began(self, group: Group) -> None:
        """Note a group that may have begun before the unit: the first of its key, near the beginning."""
        member = group.last
        if member.at > self._rule.size:
            self._groups.began = None
            return
        if group.key in self._keys:
            return
        self._keys.add(group.key)
        moment = member.moment
        if moment is not None:
            if self._near is None:
                self._near = moment + 2 * self._rule.time
            if moment > self._near:
                return
        group.is_head = True
        self._heads.append(group)

    def part(self, size: int) -> CountedPart:
        """The part, after the last member; ``size``: bytes of text in the unit."""
        part = CountedPart(
            self._tally.counted,
            size,
            lowest=self._groups.lowest,
            highest=self._groups.highest,
            is_first=self._is_first,
        )
        if not self._is_last:
            high = self._groups.highest
            late = None if high is None else high - 2 * self._rule.time
            for group in list(self._groups.open()):
                last = group.last
                if size - last.at <= self._rule.size and (
                    last.moment is None or late is None or last.moment >= late
                ):
                    self._groups.remove(group.key)
                    part.tail.append(group)
        self._groups.drain()
        for group in self._heads:
            if group.records is not None:
                part.long.add(group.key)
            else:
                part.head.append(group)
        part.counted = self._tally.done()
        part.counted.counters.early_failures += self._groups.early
        return part

    def _ended(self, group: Group) -> None:
        if group.is_head:
            return
        try:
            self._tally.feed(group.members, self._shapes.templates(group.members))
        except Exception as error:  # noqa: BLE001
            _note(self._tally, group, error)

    def _joined(self, group: Group, templates: list[Template]) -> None:
        try:
            self._tally.feed(group.members, templates)
        except Exception as error:  # noqa: BLE001
            _note(self._tally, group, error)


def _note(tally: Tally, group: Group, error: Exception) -> None:
    """A group whose failures cannot be counted does not end the run."""
    tally.counted.counters.note_not_understood(group.members[0].place, error)


class Seams:
    """Parts of one stream in their order in, their sum out.

    Args:
        request: what is counted.
    """

    def __init__(self, request: CountRequest) -> None:
        neighbours = request.selection.neighbours
        self._rule = request.rule
        self._tally = Tally(request)
        self._shapes = _shapes(request.rule, neighbours)
        self._groups = Groups(request.rule, neighbours, self._ended, self._joined)
        """Groups that may go on in the next part, with places in the stream."""
        self._done: list[Counted] = []
        self._base = 0
        self._highest: int | None = None

    def add(self, part: CountedPart) -> bool:
        """Add the next part; ``False``: parts of this stream cannot be put together, because time runs back
        in it, an endless message goes on, an entry without a time stands at the end of a part (what follows
        it may come at any time), or one of the next part may go on with what has ended long before it. Then
        it must be counted as one unit."""
        if part.is_first:
            self._groups.drain()
            self._highest = None
        low, high = part.lowest, self._highest
        if low is not None and high is not None and high > low + self._rule.time:
            return False
        if any(group.key in part.long for group in self._groups.open()):
            return False
        if low is not None and any(group.last.moment is None for group in self._groups.open()):
            return False
        if self._highest is not None and any(
            group.members[0].moment is None and self._groups.get(group.key) is None for group in part.head
        ):
            return False
        for member in sorted((m for group in part.head for m in group.members), key=lambda member: member.at):
            self._groups.feed(member._replace(at=member.at + self._base))
        heads = {group.key for group in part.head}
        tails = {group.key for group in part.tail}
        for key in heads - tails:
            self._end(key)
        for group in part.tail:
            if group.key not in heads or not group.is_head:
                self._end(group.key)
                group.move(self._base)
                self._groups.take(group)
        self._base += part.size
        if part.highest is not None:
            self._highest = max(part.highest, self._highest or part.highest)
        self._done.append(part.counted)
        return True

    def end(self) -> Counted:
        """The sum of all parts."""
        self._groups.drain()
        counted = self._tally.done()
        counted.counters.early_failures += self._groups.early
        for part in self._done:
            counted.merge(part)
        return counted

    def _end(self, key: Key) -> None:
        group = self._groups.remove(key)
        if group is not None:
            self._groups.end(group)

    def _ended(self, group: Group) -> None:
        try:
            self._tally.feed(group.members, self._shapes.templates(group.members))
        except Exception as error:  # noqa: BLE001
            _note(self._tally, group, error)

    def _joined(self, group: Group, templates: list[Template]) -> None:
        try:
            self._tally.feed(group.members, templates)
        except Exception as error:  # noqa: BLE001
            _note(self._tally, group, error)
