"""Selection: which failed handshakes are asked for, and what their hosts are called."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from logscan._failures import catalog
from logscan._failures.hosts import host_of
from logscan._reading.paths import describe
from logscan.errors import UsageError, choose_from
from logscan.times import TimeRange
from logscan.values import FailedHandshake, name_text


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed handshakes count. Names may be patterns (``payments-*``); empty means any."""

    alerts: frozenset[str] = frozenset()
    """Names of the catalogue; empty: what the family says."""
    family: str | None = catalog.CLIENT_CERTIFICATE
    """Without alerts: all faces of one fault; ``None``: every TLS failure."""
    orgs: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    not_proxies: tuple[str, ...] = ()
    """Proxies that are left out."""
    side: str | None = None
    messages: frozenset[str] = frozenset()
    """Message ids; empty: any. They are cut as those of failures are (:mod:`logscan._failures.names`)."""
    fold: bool = False
    """Whether names match without regard to case."""
    times: TimeRange = TimeRange(None, None, None)

    @property
    def neighbours(self) -> bool:
        """Whether faults next to TLS are asked for by name."""
        names = {reason.name for reason in catalog.NEIGHBOURS} - {r.name for r in catalog.REASONS}
        return bool(self.alerts & names) or (not self.alerts and self.family == catalog.NOT_TLS)

    def names(self, failure: FailedHandshake) -> bool:
        """Whether the kind of failure is asked for."""
        if self.alerts:
            return failure.alert in self.alerts
        return self.family is None or self.family in failure.families

    def doubts(self, failure: FailedHandshake) -> bool:
        """Whether a selected failure may have another cause than the one that was asked for: only where a
        family was asked for, and the name of the failure is a face of others, too."""
        return not self.alerts and self.family is not None and len(failure.families) > 1

    @property
    def words(self) -> str:
        """The kind of failure that is asked for: ``client-certificate``, ``unknown_ca``, ``TLS``."""
        return ", ".join(sorted(self.alerts)) or self.family or "TLS"

    def selects(self, failure: FailedHandshake) -> bool:
        """Whether a failed handshake is asked for: its kind, its place, its time."""
        held = self.times.holds(failure.time, failure.zone)
        return bool(held) and self.covers(failure) and self.names(failure)

    def covers(self, failure: FailedHandshake) -> bool:
        """Whether it happened where it was asked for."""
        fold = self.fold
        return (
            _any_matches(self.orgs, failure.org, fold)
            and _any_matches(self.envs, failure.env, fold)
            and _any_matches(self.proxies, failure.proxy, fold)
            and not (self.not_proxies and _any_matches(self.not_proxies, failure.proxy, fold))
            and (self.side is None or failure.side == self.side)
            and (not self.messages or failure.message_id in self.messages)
        )

    def patterns(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """The kinds of places, each with its word and what was asked for."""
        return (
            ("org", "organization", self.orgs),
            ("env", "environment", self.envs),
            ("proxy", "API proxy", self.proxies),
        )

    def finds(self, pattern: str, seen: Sequence[str]) -> bool:
        """Whether a pattern matches one of some names."""
        return any(_any_matches((pattern,), name, self.fold) for name in seen)

    def folded(self, seen: Callable[[str], Sequence[str]]) -> Selection | None:
        """The same without regard to case, where a name that was asked for matches no name that was seen, but
        does without regard to case; ``None``: it would change nothing.

        Args:
            seen: gives the names of a kind (:meth:`patterns`).
        """
        if self.fold:
            return None
        loose = replace(self, fold=True)
        for kind, _, patterns in self.patterns():
            names = seen(kind)
            if any(not self.finds(each, names) and loose.finds(each, names) for each in patterns):
                return loose
        return None


def select_alerts(names: Sequence[str]) -> frozenset[str]:
    """The alerts of some names; ``all`` gives the empty set, which means every TLS failure.

    Raises:
        UsageError: a name that the catalogue does not have.
    """
    if "all" in names:
        return frozenset()
    known = catalog.known_names()
    names = [_as_known(name, known) for name in names]
    for name in names:
        if name not in known and not name.startswith("alert_"):
            near = choose_from(name, known)
            hint = (
                near
                if near.startswith("did")
                else "logscan alerts lists all names; 'all' is every TLS failure"
            )
            raise UsageError(f"{name}: no such alert or cause", hint, argument="alert")
    return frozenset(names)


def _as_known(name: str, known: Collection[str]) -> str:
    """A name as the catalogue writes it: ``Bad_Certificate`` and ``bad-certificate`` are meant for it."""
    plain = name.lower().replace("-", "_")
    return plain if name not in known and (plain in known or plain.startswith("alert_")) else name


class HostNames:
    """Names the Message Processor that wrote a file: by rules, else by what is known of the file or its log,
    else by its path (:mod:`logscan._failures.hosts`).

    Args:
        rules: ``NAME`` for all files, or ``NAME=PATTERN`` for those whose path matches.
        known: path, or live name of a log → name; for files for which no rule speaks.

    Raises:
        UsageError: a rule without a name.
    """

    def __init__(self, rules: Sequence[str] = (), known: Mapping[str, str] | None = None) -> None:
        self._given = tuple(rules)
        self._stored = dict(known or {})
        self._rules: list[tuple[str, str]] = []
        for rule in rules:
            name, _, pattern = rule.partition("=")
            if not name:
                raise UsageError(f"{rule}: no name", "write mp01, or mp01=logs/mp01/*", argument="host")
            self._rules.append((name, pattern or "*"))
        self._known = lru_cache(maxsize=10_000)(self._name)

    def __call__(self, path: str) -> str:
        """The Message Processor that wrote a file."""
        return self._known(path)

    def __reduce__(self) -> tuple[type[HostNames], tuple[tuple[str, ...], dict[str, str]]]:
        return HostNames, (self._given, self._stored)

    def knowing(self, known: Mapping[str, str]) -> HostNames:
        """The same rules, with names for further files."""
        return HostNames(self._given, {**self._stored, **known}) if known else self

    def only(self, paths: Iterable[str]) -> HostNames:
        """The same rules, with what is known of some files alone."""
        names = {name for path in paths for name in (path, name_text(path))}
        names |= {describe(name).stem for name in names}
        return HostNames(self._given, {n: self._stored[n] for n in names if n in self._stored})

    def _name(self, path: str) -> str:
        return name_text(self._name_of(path))

    def _name_of(self, path: str) -> str:
        return (
            self.ruled(path)
            or self._stored.get(path)
            or self._stored.get(describe(path).stem)
            or host_of(path)
        )

    def ruled(self, path: str) -> str | None:
        """The name that a rule gives."""
        return next((name for name, pattern in self._rules if fnmatch.fnmatchcase(path, pattern)), None)


def _any_matches(patterns: tuple[str, ...], value: str | None, fold: bool = False) -> bool:
    if not patterns:
        return True
    name = value or ""
    if fold:
        return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
