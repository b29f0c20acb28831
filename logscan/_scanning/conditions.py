"""What else an entry must be, beside its message: its time, the names in its header, its level, its text.

All that is asked for must hold. Each condition says which bytes stand in every entry that fulfils it, however
the entry is printed; the rarest of them are looked for (:mod:`logscan._scanning.needles`), and only entries
that hold them are judged. Without such bytes every entry is.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from logscan._entries.layouts import KEYS, LEVELS
from logscan._entries.parse import decode, parse
from logscan._scanning.expressions import required
from logscan._scanning.needles import Literals
from logscan.errors import UsageError
from logscan.times import TimeRange
from logscan.values import Counters, Entry, Span

EACH_SECONDS = 1.0
"""Seconds in which a regular expression must decide an entry."""
FEWER_SECONDS = 0.02
"""The same after :data:`MOST_SLOW` entries that took longer: a log full of them does not stop a search."""
MOST_SLOW = 10
_LONGEST_NEEDLE = 512
"""Bytes of a needle: the scanner keeps some of a line that it drops, and finds no longer one across that."""
_MOST_SETS = 8
"""Texts of a regular expression that are looked at, the longest."""
_WILD = re.compile(r"[*?\[\]\\]")
_FOLDED = re.compile(r"[\x20-\x7e]+")
"""Texts whose letters have one other case, in one byte."""
_USUAL = re.compile(
    rb"(?!0000)(\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rb"|02-(?:0[1-9]|1\d|2[0-8])) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d,\d{3}) org:"
)
"""How most entries begin: with a time that exists, and no zone after it."""
_ODD_CASES = {0x130: "\ufffd", 0x131: "\ufffd", 0x17F: "\ufffd", 0x212A: "\ufffd"}
"""Letters that count as another case of i, s or k, though their bytes are quite others."""


@dataclass(frozen=True)
class Conditions:
    """What is asked for; an empty field asks for nothing. Names are patterns (``payments-*``), of which one
    must match."""

    times: TimeRange = TimeRange(None, None, None)
    orgs: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    loggers: tuple[str, ...] = ()
    levels: frozenset[str] = frozenset()
    text: str = ""
    """Stands in the entry, in its own line or below it."""
    regex: str = ""
    """Matches somewhere in it; ``^`` and ``$`` match at every line."""
    ignore_case: bool = False
    """The case of letters in ``text`` and ``regex`` does not matter."""

    def __post_init__(self) -> None:
        if "\0" in self.text:
            raise UsageError("holds a NUL byte", argument="text")
        if self.regex:
            _expression(self.regex, self.ignore_case)

    @property
    def ranged(self) -> bool:
        """Whether a time is asked for."""
        return self.times.since is not None or self.times.until is not None

    def __bool__(self) -> bool:
        return bool(
            self.ranged or self.orgs or self.envs or self.proxies or self.revisions or self.loggers
            or self.levels or self.text or self.regex
        )  # fmt: skip

    @property
    def only_time(self) -> bool:
        """Whether nothing but a time is asked for: most entries of the part that is read may fulfil that."""
        return self.ranged and self == Conditions(self.times, ignore_case=self.ignore_case)

    @property
    def of_header(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Fields of an entry and the patterns that they must match."""
        all_ = (
            ("proxy", self.proxies), ("logger", self.loggers), ("revision", self.revisions),
            ("env", self.envs), ("org", self.orgs),
        )  # fmt: skip
        return tuple(field for field in all_ if field[1])

    def needles(self) -> list[Literals]:
        """Bytes of which one stands in every entry that is asked for: a set for each condition that has any,
        those that are likely to be rare first."""
        sets = [_of_text(self.text, self.ignore_case)] if self.text else []
        if self.regex:
            some = required(self.regex)[:_MOST_SETS]
            sets += [_of_any([_of_text(text, self.ignore_case) for text in texts]) for texts in some]
        for field, patterns in self.of_header:
            begins = [*map(literal_beginning, patterns)]
            key = KEYS.get(field, "")
            sets.append(
                Literals(tuple(_bytes(key + begin)[:_LONGEST_NEEDLE] for begin in begins))
                if all(begins)
                else None
            )
            if field == "proxy" and self.levels:
                sets.append(self._of_levels())
        if self.levels and not self.proxies:
            sets.append(self._of_levels())
        return [needles for needles in sets if needles is not None]

    def _of_levels(self) -> Literals:
        return Literals(tuple(level.encode() for level in sorted(self.levels)))


def rarest(sets: Sequence[Literals], samples: Iterable[bytes]) -> Literals | None:
    """The set of needles that occurs least in samples of the logs; ``None`` if there is none."""
    texts = list(samples) if len(sets) > 1 else []
    lowered = [text.lower() for text in texts] if any(needles.caseless for needles in sets) else []

    def number(needles: Literals) -> int:
        if needles.caseless:
            return sum(text.count(needle.lower()) for text in lowered for needle in needles.needles)
        return sum(text.count(needle) for text in texts for needle in needles.needles)

    return min(sets, key=number, default=None)


class Judge:
    """Says of entries whether they are asked for.

    Args:
        conditions: what is asked for.
        counters: takes what was not understood, and entries without a time.
    """

    def __init__(self, conditions: Conditions, counters: Counters) -> None:
        self._asked = conditions
        self._counters = counters
        exact = conditions.text and not conditions.ignore_case
        self._text = _bytes(conditions.text) if exact else b""
        self._folded = _folded(conditions.text) if conditions.text and not exact else None
        self._sets = [needles.needles for needles in conditions.needles() if not needles.caseless]
        self._fields = conditions.of_header
        self._since = _stamp(conditions.times.since) or b""
        self._until = _stamp(conditions.times.until) or b"~"
        self._timed_only = conditions.ranged and not (self._fields or conditions.levels)
        self._by_header = bool(self._fields or conditions.levels or conditions.ranged)
        self._regex = _expression(conditions.regex, conditions.ignore_case) if conditions.regex else None
        self._slow = 0
        self._scratch = Counters()
        self._matches = lru_cache(maxsize=10_000)(_any_matches)

    def holds(self, span: Span, header: re.Pattern[bytes] | None = None) -> bool:
        """Whether an entry is asked for. One that is not understood may be, and is counted.

        Args:
            span: the entry; of one that was cut only what was kept counts.
            header: the learned expression of its file.
        """
        data = span.data
        if self._text not in data:
            return False
        for needles in self._sets:
            if not any(needle in data for needle in needles):
                return False
        in_time = None
        if self._asked.ranged and (usual := _USUAL.match(data)) is not None:
            in_time = self._since <= usual[1] + b"000" < self._until
            if not in_time:
                return False
        sure = in_time and self._timed_only and header is not None and header.match(data) is not None
        if self._by_header and not sure:
            scratch = self._scratch
            entry = parse(span, scratch, header)
            if scratch.not_understood:
                self._counters.add_not_understood(scratch)
                self._scratch = Counters()
                return True
            if not self._has(entry):
                return False
        if self._folded is None and self._regex is None:
            return True
        text = decode(data)
        if self._asked.ignore_case and not text.isascii():
            text = text.translate(_ODD_CASES)
        if self._folded is not None and not self._folded.search(text):
            return False
        return self._regex is None or self._found(text, span)

    def _has(self, entry: Entry) -> bool:
        """Whether the header is as it is asked for."""
        asked = self._asked
        if asked.levels and entry.level not in asked.levels:
            return False
        for field, patterns in self._fields:
            if not self._matches(patterns, getattr(entry, field)):
                return False
        held = asked.times.holds(entry.time, entry.zone)
        self._counters.untimed += held is None
        return bool(held)

    def _found(self, text: str, span: Span) -> bool:
        """Whether the expression matches somewhere; one that takes too long may, and is counted."""
        assert self._regex is not None
        limit = EACH_SECONDS if self._slow < MOST_SLOW else FEWER_SECONDS
        try:
            return self._regex.search(text, timeout=limit) is not None
        except TimeoutError:
            self._slow += 1
            late = TimeoutError(f"the regular expression took more than {limit:g} s")
            self._counters.note_not_understood(span.place, late)
            return True


def literal_beginning(pattern: str) -> str:
    """What every name begins with that matches a pattern."""
    wild = _WILD.search(pattern)
    return pattern[: wild.start()] if wild else pattern


def levels_of(names: Iterable[str]) -> frozenset[str]:
    """Levels by their names; ``WARN+`` means that and all worse.

    Raises:
        UsageError: there is no such level.
    """
    found: set[str] = set()
    for name in names:
        level = name.strip().upper()
        worse = level.endswith("+")
        level = level.removesuffix("+")
        if level not in LEVELS:
            known = ", ".join(LEVELS)
            raise UsageError(
                f"{name}: no such level", f"choose from {known}; WARN+: WARN and worse", argument="level"
            )
        found.update(LEVELS[LEVELS.index(level) :] if worse else (level,))
    return frozenset(found)


def _any_matches(patterns: tuple[str, ...], value: str | None) -> bool:
    return any(fnmatch.fnmatchcase(value or "", pattern) for pattern in patterns)


def _of_text(text: str, ignore_case: bool) -> Literals | None:
    """The needle of a text: its longest line; without regard to case, its longest part of plain letters."""
    parts = _FOLDED.findall(text) if ignore_case else re.split(r"[\r\n]", text)
    longest = _bytes(max(parts, key=len, default=""))[:_LONGEST_NEEDLE]
    return Literals((longest,), caseless=ignore_case) if longest else None


def _of_any(sets: Sequence[Literals | None]) -> Literals | None:
    """One set of several; ``None`` where one is missing, or there is none."""
    known = [needles for needles in sets if needles is not None]
    if not known or len(known) < len(sets):
        return None
    return Literals(tuple(each for needles in known for each in needles.needles), caseless=known[0].caseless)


def _stamp(time: datetime | None) -> bytes | None:
    """A time as entries print it, so that it can be compared as bytes."""
    return None if time is None else time.isoformat(" ", "microseconds").replace(".", ",").encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=8)
def _folded(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text.translate(_ODD_CASES)), re.IGNORECASE)


@lru_cache(maxsize=8)
def _expression(text: str, ignore_case: bool) -> Any:
    """A compiled expression.

    Raises:
        UsageError: it is none.
    """
    import regex

    flags = regex.MULTILINE | (regex.IGNORECASE if ignore_case else 0)
    try:
        return regex.compile(text, flags)
    except (regex.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"{text}: {error}", "a text without special characters is found by text", argument="regex"
        ) from error
