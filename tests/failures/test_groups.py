"""Groups: which entries belong together, by a rule on pairs; bounded, and nothing lost."""

from __future__ import annotations

import random
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries.learned import learned_from
from logscan._failures.count_unit import CountedPart, CountTask, Seams, UnitCount
from logscan._failures.groups import MOST_KEPT, MOST_MEMBERS, Group, Groups
from logscan._failures.handshakes import DEFAULT_RULE, MOST_RECORDS, Rule
from logscan._failures.members import Member, Template
from logscan._failures.reader import MemberReader
from logscan._failures.readings import Readings
from logscan._failures.selection import HostNames
from logscan._failures.shapes import Shapes
from logscan._failures.tally import Counted, CountRequest
from logscan.values import Counters, FailedHandshake
from support.lines import BAD, JAVA, channel, info, thrown
from support.logs import ALL, storms
from support.reference import joined, member_of, split_entries

SECOND = 1_000_000


def members(data: bytes | str) -> list[Member]:
    text = data.encode() if isinstance(data, str) else data
    return [member for span in split_entries(text)[0] if (member := member_of(span))]


def grouped(all_: list[Member], rule: Rule = DEFAULT_RULE) -> tuple[list[list[Member]], Groups]:
    """The groups in the order in which they end."""
    ended: list[list[Member]] = []
    groups = Groups(rule, False, lambda group: ended.append(group.members), lambda *_: None)
    for member in all_:
        groups.feed(member)
    groups.drain()
    return ended, groups


def at(second: float, place: int = 0, name: str = "m-1", thread: str = "NIOThread@0") -> Member:
    (member,) = members(channel(BAD, m=name, t=thread))
    return member._replace(moment=round(second * SECOND), at=place)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (at(0), at(1), True),
        (at(0), at(1.000001), False),
        (at(5), at(4), True),  # a clock that was set back a little
        (at(5), at(3.9), False),
        (at(0), at(0, 1 << 24), True),
        (at(0), at(0, (1 << 24) + 1), False),
        (at(0)._replace(moment=None), at(99), True),
        (at(0)._replace(moment=None), at(99, (1 << 24) + 1), False),
        (at(0), at(0, name="m-2"), False),
        (at(0), at(0.9, thread="NIOThread@1"), True),
        (at(0)._replace(message_id=None), at(0.05)._replace(message_id=None), True),
        (at(0)._replace(message_id=None), at(0.051)._replace(message_id=None), False),
        (at(0)._replace(message_id=None), at(0, thread="NIOThread@1")._replace(message_id=None), False),
        (at(0)._replace(message_id=None), at(0), False),
    ],
)
def test_the_rule(one: Member, other: Member, together: bool) -> None:
    """Two entries that follow each other, and nothing else, decide."""
    ended, _ = grouped([one, other])
    assert len(ended) == 2 - together


def test_many_open_groups_are_over_by_bytes() -> None:
    """What stays open lies in the last bytes; nothing is given early."""
    ended: list[Group] = []
    groups = Groups(Rule(size=1000), False, ended.append, lambda *_: None)
    for number in range(5000):
        groups.feed(at(number / 1000, number * 10, f"m-{number}"))
        assert len(groups) <= 201
    groups.drain()
    assert len(ended) == 5000
    assert groups.early == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 400)), max_size=60))
def test_groups_are_those_of_the_rule(steps: list[tuple[int, int, int]]) -> None:
    """Whatever the order of ids, times and places; a group is never split by what is open beside it."""
    all_, place = [], 0
    for name, second, size in steps:
        place += size
        all_.append(at(second, place, f"m-{name}"))
    rule = Rule(size=500)
    ended, _ = grouped(all_, rule)
    latest: dict[bytes | None, list[Member]] = {}
    expected: list[list[Member]] = []
    for member in all_:
        group = latest.get(member.message_id)
        if group is None or not rule.holds(group[-1], member):
            expected.append(group := [])
            latest[member.message_id] = group
        group.append(member)
    assert sorted(ended, key=repr) == sorted(expected, key=repr)


def long_chain(count: int) -> list[Member]:
    """One message that never ends: failures of three lines, half a second apart."""
    failure = members(channel(BAD) + info("K@1", "alias") + thrown(JAVA))
    return [
        member._replace(moment=number * SECOND // 2, at=number * 1000)
        for number in range(count)
        for member in failure
    ]


def test_an_endless_message_costs_no_memory() -> None:
    """Its failures are given as they are complete, and what is kept of it is bounded."""
    given_: list[Template] = []
    groups = Groups(Rule(), False, lambda _: None, lambda _, templates: given_.extend(templates))
    for count, member in enumerate(long_chain(3000), 1):
        groups.feed(member)
        (group,) = groups.open()
        assert len(group.members) <= MOST_KEPT + 1
        if count > 3 * MOST_MEMBERS:
            assert len(given_) > count // 3 - 10
    groups.drain()
    assert len(given_) == 3000
    assert groups.early == 0
    assert len(joined(long_chain(3000))) == 3000


def test_more_open_failures_than_are_kept() -> None:
    """Many at the same moment that lack their exception: the oldest count, and that is said."""
    (opening,) = members(channel(BAD))
    given_: list[Template] = []
    groups = Groups(Rule(), False, lambda _: None, lambda _, templates: given_.extend(templates))
    for _ in range(100):
        groups.feed(opening)
    assert groups.early == 100 - MOST_RECORDS == len(given_)
    groups.drain()
    assert len(given_) == 100


# Shapes, and units.


def request(rule: Rule = DEFAULT_RULE) -> CountRequest:
    return CountRequest(ALL, ("target",), datetime.max, HostNames(["mp01"]), each=True, rule=rule)


def read(data: bytes, readings: Readings) -> list[Member]:
    """The members of a log by the learned layout and remembered readings."""
    reader = MemberReader(learned_from(data), readings, Counters())
    return [member for span in split_entries(data)[0] if (member := reader.of_span(span, span.place.offset))]


def shown(failures: list[FailedHandshake]) -> list[FailedHandshake]:
    return sorted((failure._replace(host="") for failure in failures), key=repr)


@given(data=storms(), again=storms(), remembered=st.sampled_from([1, 3, 4096]))
def test_remembered_and_plain_agree(data: bytes, again: bytes, remembered: int) -> None:
    """What is remembered of one log is right for another, however little is remembered."""
    readings, shapes = Readings(False, remembered), Shapes(Rule(), False, remembered)
    found: list[FailedHandshake] = []
    groups = Groups(
        Rule(), False,
        lambda group: found.extend(t.failure(group.members, "") for t in shapes.templates(group.members)),
        lambda group, templates: found.extend(t.failure(group.members, "") for t in templates),
    )  # fmt: skip
    for text in (data, again, data):
        found.clear()
        for member in read(text, readings):
            groups.feed(member)
        groups.drain()
        assert shown(found) == shown(joined(members(text)))


@given(data=storms())
def test_readings_are_plain_lines(data: bytes) -> None:
    """Entry by entry, also of faults next to TLS."""
    for neighbours in (False, True):
        readings = Readings(neighbours)
        reader = MemberReader(learned_from(data), readings, Counters())
        for _ in range(2):
            for span in split_entries(data)[0]:
                ours, plain = reader.of_span(span, 0), member_of(span, neighbours)
                assert (ours is None) == (plain is None)
                if ours is not None and plain is not None:
                    assert ours.line == plain.reading.line
                    assert (ours.moment, ours.thread, ours.message_id) == (
                        plain.moment,
                        plain.thread,
                        plain.message_id,
                    )
                    assert ours.context is not None


def part_of(all_: list[Member], begin: int, end: int, size: int, task: CountTask) -> CountedPart:
    """A unit: the members that begin in a range of a stream."""
    unit: UnitCount = task.made(is_first=begin == 0, is_last=end == size, counters=Counters())
    for member in all_:
        if begin <= member.at < end:
            unit.feed(member._replace(at=member.at - begin))
    return unit.part(end - begin)


def comparable(counted: Counted) -> object:
    return (
        counted.incidents.emit(), shown(counted.failures), counted.others.counter(), counted.elsewhere, counted.unnamed,
        counted.ids.number(), counted.counters.failures,
    )  # fmt: skip


@given(
    data=storms(),
    seed=st.integers(0, 1 << 20),
    rule=st.sampled_from([Rule(), Rule(50_000), Rule(size=900), Rule(3_000_000, 2000)]),
)
def test_units_add_up(data: bytes, seed: int, rule: Rule) -> None:
    """A stream cut anywhere: the sum is that of the whole; or the parts say that they cannot be put together."""
    rnd = random.Random(seed)
    all_ = read(data, Readings(False))
    task = CountTask(request(rule))
    size = len(data) or 1
    cuts = [0, *sorted({rnd.randrange(1, size) for _ in range(rnd.randrange(4))} if size > 1 else ()), size]
    seams = Seams(task.request)
    for begin, end in pairwise(cuts):
        if not seams.add(part_of(all_, begin, end, size, task)):
            moments = [member.moment for member in all_ if member.moment is not None]
            falls = any(
                earlier > later + rule.time
                for n, earlier in enumerate(moments) for later in moments[n + 1 :]
            )  # fmt: skip
            untimed = len(moments) < len(all_)
            assert falls or untimed or len(all_) > MOST_MEMBERS
            return
    whole = Seams(task.request)
    assert whole.add(part_of(all_, 0, size, size, task))
    assert comparable(seams.end()) == comparable(whole.end())


def test_an_endless_message_over_a_seam_is_seen() -> None:
    """Its later part cannot know what is open: the stream is counted as one."""
    all_ = long_chain(100)
    size = all_[-1].at + 1
    task = CountTask(request())
    seams = Seams(task.request)
    assert seams.add(part_of(all_, 0, 50_000, size, task))
    assert not seams.add(part_of(all_, 50_000, size, size, task))


def test_an_entry_without_a_time_joins_what_has_ended() -> None:
    """Any entry of its message within the bytes of the rule: the part before does not hand on the old ones."""
    first = info("K@1", "alias") + channel(BAD, m="m-2", s=9)
    data = (first + info("K@2", "other").replace("2026-11-23", "2026-02-30")).encode()
    task = CountTask(request(Rule(50_000)))
    all_ = read(data, Readings(False))
    assert len(all_) == 3
    whole, seams = Seams(task.request), Seams(task.request)
    assert whole.add(part_of(all_, 0, len(data), len(data), task))
    assert whole.end().certain.count + whole.end().possible.count > 0
    assert seams.add(part_of(all_, 0, len(first), len(data), task))
    assert not seams.add(part_of(all_, len(first), len(data), len(data), task))


def test_an_entry_without_a_time_at_a_seam() -> None:
    """What follows it may come at any time: the next part cannot know what its beginning joins."""
    first = info("K@1", "alias").replace("2026-11-23", "2026-02-30")
    data = (first + channel(BAD, m="m-2") + channel(BAD, s=9)).encode()
    task = CountTask(request(DEFAULT_RULE))
    seams = Seams(task.request)
    all_ = read(data, Readings(False))
    assert seams.add(part_of(all_, 0, len(first), len(data), task))
    assert not seams.add(part_of(all_, len(first), len(data), len(data), task))
