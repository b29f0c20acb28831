"""Groups: which entries of one message belong together, by a rule on pairs.

Two entries of one message id that follow each other in a stream belong to one group if they are at most
:data:`~logscan._failures.handshakes.JOIN_TIME` and :data:`~logscan._failures.handshakes.JOIN_BYTES` apart.
The rule asks for these two entries alone, not for what else is open. So the groups of a log do not depend
on where it is cut, on blocks, or on who reads it. Entries without a message id belong together by their
thread, if they are at most :data:`~logscan._failures.handshakes.JOIN_WITHOUT_ID` apart.

A group ends when an entry comes that the rule keeps apart, or when so many bytes of text have gone by that
none can come any more. That is the normal end; it is no loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from logscan._failures.handshakes import JOIN_WITHOUT_ID, MOST_LINES, MOST_RECORDS, Records, Rule
from logscan._failures.members import Member, Template

MOST_MEMBERS = 24
"""Entries of a group that are kept. Those of a longer one are joined as they come, and not kept."""
MOST_KEPT = 4 * MOST_RECORDS * MOST_LINES
"""Entries of a long group that are kept at most; those that no open failure needs are dropped then."""

Key = bytes | tuple[bytes | None]
"""A message id, or the thread of entries without one."""
_WITHOUT_ID = JOIN_WITHOUT_ID // timedelta(microseconds=1)


def key_of(member: Member) -> Key:
    """What the entries of a group have in common."""
    return (member.thread,) if member.message_id is None else member.message_id


def follows(rule: Rule, last: Member, member: Member) -> bool:
    """Whether two entries of one key that follow each other belong to one group."""
    if member.message_id is None:
        rule = rule._replace(time=min(rule.time, _WITHOUT_ID))
    return rule.holds(last, member)


class Group:
    """Entries that belong together, in their order.

    Attributes:
        key: their message id or thread.
        members: all of them; of a long group those that its open failures need.
        last: the newest.
        records: of a long group: what was joined of it.
        is_head: whether it may have begun before what is read here.
    """

    __slots__ = ("is_head", "key", "last", "members", "records")

    def __init__(self, key: Key, member: Member) -> None:
        self.key = key
        self.members = [member]
        self.last = member
        self.records: Records | None = None
        self.is_head = False

    def move(self, base: int) -> None:
        """Count places from another beginning, so many bytes before."""
        self.members = [member._replace(at=member.at + base) for member in self.members]
        self.last = self.last._replace(at=self.last.at + base)
        self.is_head = False
        if self.records is not None:
            self.records.move(base)


Joined = Callable[[Group, list[Template]], None]
"""Takes failed handshakes of a group; their numbers count its members."""


class Groups:
    """Members in, groups out, as they end.

    Attributes:
        early: failed handshakes that counted as complete because too many of one message were open.
        lowest: the earliest time of all entries, in microseconds since 1970.
        highest: the latest.

    Args:
        rule: which entries belong together.
        neighbours: also faults next to TLS.
        ended: takes each group that is over.
        joined: takes what is complete of a long group.
    """

    def __init__(
        self, rule: Rule, neighbours: bool, ended: Callable[[Group], object], joined: Joined
    ) -> None:
        self.early = 0
        self.lowest: int | None = None
        self.highest: int | None = None
        self.began: Callable[[Group], None] | None = None
        """Takes each group that begins."""
        self._rule = rule
        self._neighbours = neighbours
        self._ended = ended
        self._joined = joined
        self._young: dict[Key, Group] = {}
        self._old: dict[Key, Group] = {}
        """Groups without an entry since the young ones began. So each is looked at once, when it is over."""
        self._turn = rule.size

    def __len__(self) -> int:
        """Groups that are open."""
        return len(self._young) + len(self._old)

    def feed(self, member: Member) -> None:
        """Add an entry."""
        moment, at, name = member.moment, member.at, member.message_id
        if at >= self._turn:
            self._pass(at)
        if moment is not None:
            if self.highest is None or self.lowest is None:
                self.highest = self.lowest = moment
            elif moment > self.highest:
                self.highest = moment
            elif moment < self.lowest:
                self.lowest = moment
        key: Key = (member.thread,) if name is None else name
        group = self._young.get(key)
        if group is None and self._old:
            group = self._old.pop(key, None)
            if group is not None:
                self._young[key] = group
        if group is not None:
            last, rule = group.last, self._rule
            before = last.moment
            if (
                at - last.at <= rule.size
                and (moment is None or before is None or -rule.time <= moment - before <= rule.time)
                and (name is not None or follows(rule, last, member))
            ):
                group.last = member
                if group.records is None and len(group.members) < MOST_MEMBERS:
                    group.members.append(member)
                else:
                    self._lengthen(group, member)
                return
            self.end(group)
        group = self._young[key] = Group(key, member)
        if self.began is not None:
            self.began(group)

    def take(self, group: Group) -> None:
        """Continue a group that was begun elsewhere, after all that was fed."""
        if group.last.at >= self._turn:
            self._pass(group.last.at)
        self._young[group.key] = group

    def end(self, group: Group) -> None:
        """A group is over."""
        if group.records is None:
            self._ended(group)
        else:
            self._give(group, group.records.end())

    def drain(self) -> None:
        """All groups are over."""
        for group in self.open():
            self.end(group)
        self._young, self._old = {}, {}

    def open(self) -> Iterator[Group]:
        """The groups that are open."""
        yield from self._old.values()
        yield from self._young.values()

    def get(self, key: Key) -> Group | None:
        """The open group of a key."""
        return self._young.get(key) or self._old.get(key)

    def remove(self, key: Key) -> Group | None:
        """Take a group out, as if it had not been there."""
        group = self._young.pop(key, None)
        return group if group is not None else self._old.pop(key, None)

    def _pass(self, at: int) -> None:
        """So many bytes have gone by that the old groups are over."""
        for group in self._old.values():
            self.end(group)
        self._old, self._young = self._young, {}
        if at >= self._turn + self._rule.size:
            for group in self._old.values():
                self.end(group)
            self._old = {}
        self._turn = at + self._rule.size

    def _lengthen(self, group: Group, member: Member) -> None:
        """A long group joins each entry as it comes. Its members are those that open failures still need."""
        if group.records is None:
            group.records = Records(self._rule, self._neighbours)
            for number, held in enumerate(group.members):
                self._give(group, group.records.add(number, held))
        group.members.append(member)
        early = group.records.early
        self._give(group, group.records.add(len(group.members) - 1, member))
        self.early += group.records.early - early
        if len(group.members) > MOST_KEPT:
            group.members = group.records.renumbered(group.members)

    def _give(self, group: Group, templates: list[Template]) -> None:
        if templates:
            self._joined(group, templates)
