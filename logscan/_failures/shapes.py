"""Shapes: what a group of entries means, decided once for all groups of its shape.

What :class:`~logscan._failures.handshakes.Records` makes of a group depends on what its entries say (their
readings), and where it has more than the three lines of a usual failure, on which threads, channels and
objects are the same. Times and places matter only to the rule on pairs, which holds for every pair of a
group that is short enough. So the shape of such a group is a key, and the templates of its failed
handshakes are remembered.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise

from logscan._failures.handshakes import Records, Rule
from logscan._failures.members import OTHER, Member, Template
from logscan._failures.readings import REMEMBERED, Recent


class Shapes:
    """Groups in, templates of their failed handshakes out."""

    def __init__(self, rule: Rule, neighbours: bool, remembered: int = REMEMBERED) -> None:
        self._rule = rule
        self._neighbours = neighbours
        self._known: Recent[Hashable, tuple[Template, ...]] = Recent(most=remembered)

    def templates(self, members: list[Member]) -> tuple[Template, ...]:
        """The failed handshakes of a group."""
        key = members[0].reading if len(members) == 1 else self._shape(members)
        if key is None:
            return self._joined(members)
        known = self._known.known(key)
        if known is None:
            known = self._joined(members)
            self._known.keep(key, known)
        return known

    def _shape(self, members: list[Member]) -> Hashable:
        """The key of a group; ``None`` where times matter to it."""
        rule, first, last = self._rule, members[0], members[-1]
        if len(members) > 2 and not rule.holds(first, last):
            return None
        readings = tuple([member.reading for member in members])
        kinds = [reading.kind for reading in readings]
        if kinds[-1] < OTHER and all(one < other for one, other in pairwise(kinds)):
            return readings  # an opening line, its SSLInfo, its exception: nothing else can matter
        moments = [member.moment for member in members if member.moment is not None]
        if len(moments) < len(members) or max(moments) - min(moments) > rule.time:
            return None
        names: dict[object, int] = {}
        relations: list[tuple[int, ...]] = []
        for member in members:
            parts = [member.thread, ("channel", member.connection), *member.objects]
            relations.append(tuple([names.setdefault(part, len(names)) for part in parts]))
        return readings, tuple(relations)

    def _joined(self, members: list[Member]) -> tuple[Template, ...]:
        """What the records make of a group; one that is kept whole is too short to fill them."""
        records = Records(self._rule, self._neighbours)
        done = [template for number, member in enumerate(members) for template in records.add(number, member)]
        return (*done, *records.end())
