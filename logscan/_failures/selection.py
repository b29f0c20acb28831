"""Selection: which failed handshakes are asked for, and what their hosts are called."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from logscan._failures import catalog
from logscan._reading.paths import describe
from logscan.errors import UsageError
from logscan.times import TimeRange
from logscan.values import FailedHandshake, name_text


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed handshakes count. Names may be patterns (``payments-*``); empty means any."""

    alerts: frozenset[str] = frozenset({"bad_certificate"})
    """Names of the catalogue; empty: every TLS failure."""
    family: str | None = None
    """All faces of one fault, in place of alerts."""
    orgs: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    not_proxies: tuple[str, ...] = ()
    """Proxies that are left out."""
    side: str | None = None
    messages: frozenset[str] = frozenset()
    """Message ids; empty: any. They are cut as those of failures are (:mod:`logscan._failures.names`)."""
    times: TimeRange = TimeRange(None, None, None)

    @property
    def neighbours(self) -> bool:
        """Whether faults next to TLS are asked for by name."""
        names = {reason.name for reason in catalog.NEIGHBOURS} - {r.name for r in catalog.REASONS}
        return bool(self.alerts & names) or self.family == catalog.NOT_TLS

    def names(self, failure: FailedHandshake) -> bool:
        """Whether the kind of failure is asked for."""
        if self.family is not None:
            return self.family in failure.families
        return not self.alerts or failure.alert in self.alerts

    def selects(self, failure: FailedHandshake) -> bool:
        """Whether a failed handshake is asked for: its kind, its place, its time."""
        held = self.times.holds(failure.time, failure.zone)
        return bool(held) and self.covers(failure) and self.names(failure)

    def covers(self, failure: FailedHandshake) -> bool:
        """Whether it happened where it was asked for."""
        return (
            _any_matches(self.orgs, failure.org)
            and _any_matches(self.envs, failure.env)
            and _any_matches(self.proxies, failure.proxy)
            and not (self.not_proxies and _any_matches(self.not_proxies, failure.proxy))
            and (self.side is None or failure.side == self.side)
            and (not self.messages or failure.message_id in self.messages)
        )


def select_alerts(names: Sequence[str]) -> frozenset[str]:
    """The alerts of some names; ``all`` gives the empty set, which means every TLS failure.

    Raises:
        UsageError: a name that the catalogue does not have.
    """
    if "all" in names:
        return frozenset()
    known = catalog.known_names()
    for name in names:
        if name not in known and not name.startswith("alert_"):
            import difflib

            near = difflib.get_close_matches(name, known, 3, 0.5)
            raise UsageError(
                f"{name}: no such alert or cause",
                f"did you mean {', '.join(near)}?" if near else "'all' takes every TLS failure",
                argument="alert",
            )
    return frozenset(names)


class HostNames:
    """Names the Message Processor that wrote a file: by rules, else by the file's live name.

    Args:
        rules: ``NAME`` for all files, or ``NAME=PATTERN`` for those whose path matches.
        known: path → name of files for which no rule speaks.

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

    def _name(self, path: str) -> str:
        return name_text(self._name_of(path))

    def _name_of(self, path: str) -> str:
        for name, pattern in self._rules:
            if fnmatch.fnmatchcase(path, pattern):
                return name
        if path in self._stored:
            return self._stored[path]
        return describe(path).stem if path != "-" else "standard input"


def _any_matches(patterns: tuple[str, ...], value: str | None) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(value or "", pattern) for pattern in patterns)
