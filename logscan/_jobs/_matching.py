"""Which spans a search gives: those of its messages, those that fulfil its conditions, and their context."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from logscan._entries.parse import header_id, parse
from logscan._reading.paths import describe
from logscan.values import Counters, Found, Span

if TYPE_CHECKING:
    from logscan._scanning.conditions import Conditions

_NOT, _MENTIONED, _MEMBER = range(3)


class Matching:
    """Spans in, what a search gives out.

    Args:
        ids: message ids, or their beginnings with ``prefix``.
        conditions: what else an entry must be; ``None``: nothing, or it was judged already.
        counters: takes what was found.
        mentions: also entries that name an id anywhere in their text.
        before: context: entries before each that matches.
        after: context: entries after it.
    """

    def __init__(
        self,
        ids: Sequence[bytes],
        conditions: Conditions | None,
        counters: Counters,
        *,
        prefix: bool = False,
        mentions: bool = False,
        before: int = 0,
        after: int = 0,
    ) -> None:
        self._belongs = _Belongs(tuple(ids), prefix) if ids else None
        self._counters, self._mentions = counters, mentions
        self._before, self._after = before, after
        self._judge = None
        if conditions is not None:
            from logscan._scanning.conditions import Judge

            self._judge = Judge(conditions, counters)

    def found(self, blocks: Iterable[list[Span]]) -> Iterator[Found]:
        """The entries that are asked for, and their context."""
        belongs, counters, judge, mentions = self._belongs, self._counters, self._judge, self._mentions
        context = self._before > 0 or self._after > 0
        kept: deque[Span] = deque(maxlen=self._before)
        owed = 0
        path = stem = ""
        for spans in blocks:
            for span in spans:
                if context and path != span.place.path:
                    path = span.place.path
                    if stem != (here := describe(path).stem):
                        stem, owed = here, 0  # context does not reach into another log
                        kept.clear()
                kind = belongs.kind(span, counters) if belongs is not None else _MEMBER
                counters.mentions += kind == _MENTIONED
                asked = kind == _MEMBER or (mentions and kind == _MENTIONED)
                if asked and judge is not None and not judge.holds(span):
                    counters.left_out += belongs is not None
                    asked = False
                if asked:
                    counters.candidates += 1
                    yield from (Found(earlier, False) for earlier in kept)
                    kept.clear()
                    yield Found(span, True)
                    owed = self._after
                elif owed:
                    owed -= 1
                    yield Found(span, False)
                elif context:
                    kept.append(span)


class _Belongs:
    """Whether a span is an entry of one of some messages. Looks at bytes only."""

    def __init__(self, ids: tuple[bytes, ...], prefix: bool) -> None:
        self._ids = ids
        self._set = frozenset(ids)
        self._prefix = prefix

    def kind(self, span: Span, counters: Counters) -> int:
        """Member, mentioned, or neither. An entry that is not understood may be a member, and is one."""
        owner = header_id(span.data)
        if owner is None:
            # Not as usual: northbound, prefixed, or only mentioned. The grammar decides.
            own = Counters()
            understood = parse(span._replace(orphan=False), own).message_id
            if own.not_understood:
                counters.add_not_understood(own)
                return _MEMBER
            owner = None if understood is None else understood.encode("utf-8", "surrogateescape")
        if owner is not None and self._is_wanted(owner):
            return _MEMBER
        return _MENTIONED if self._mentioned(span.data) else _NOT

    def _is_wanted(self, owner: bytes) -> bool:
        if self._prefix:
            return owner.startswith(self._ids)
        return owner in self._set

    def _mentioned(self, data: bytes) -> bool:
        return any(name in data for name in self._ids) if len(self._ids) < 64 else True
