"""History: keeps the incidents of each run in a file, and compares a run with an earlier one.

The time range and the selection of a run name its file: a second run of the same night replaces the first.
``history_files.py`` knows the files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from logscan._failures import history_files
from logscan._failures.history_files import Kept, Key
from logscan._failures.incidents import OTHERS
from logscan.atomic import make_private_folder
from logscan.errors import InputError, UsageError
from logscan.values import Incident

GROWTH = 1.25
"""An incident grows or shrinks when its failures per hour change by this factor, and by at least one
failure."""

NEW, GROWING, SHRINKING, CONTINUING, RESOLVED = "new", "growing", "shrinking", "continuing", "resolved"


@dataclass(frozen=True, slots=True)
class Run:
    """Time range and selection of a run."""

    since: datetime | None
    until: datetime | None
    what: str
    """The selection, in words that are the same for the same selection."""
    created: datetime

    @property
    def label(self) -> str:
        """Name of the time range, which sorts by time; of an open range: the day of the run."""
        ends = [f"{time:%Y-%m-%dT%H%M}" for time in (self.since, self.until) if time is not None]
        return "_".join(ends) or f"{self.created:%Y-%m-%d}"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that identify the selection."""
        return blake2b(self.what.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()

    @property
    def hours(self) -> float | None:
        """Length of the time range."""
        if self.since is None or self.until is None:
            return None
        return (self.until - self.since).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes since an earlier run."""

    label: str
    """Label of the earlier run."""
    states: dict[Incident, tuple[str, str]]
    """Incident → its state, and the change in words."""
    gone: tuple[tuple[Key, int], ...]
    """Resolved incidents of the earlier run, with their failures then."""
    outside: tuple[int, int] | None = None
    """TLS failures outside the selection, now and then, if they have grown."""

    def of(self, holds: Callable[[Key], bool]) -> Comparison:
        """Only the incidents whose key holds; nothing outside the selection."""
        states = {incident: state for incident, state in self.states.items() if holds(key_of(incident))}
        return Comparison(self.label, states, tuple(gone for gone in self.gone if holds(gone[0])))

    def number(self, *states: str) -> int:
        """The number of incidents in one of these states."""
        return sum(state in states for state, _ in self.states.values())


def key_of(incident: Incident) -> Key:
    """The key that identifies an incident in all runs."""
    by = (value for pair in incident.by for value in pair)
    return (incident.org, incident.env, incident.proxy, incident.alert, incident.side, *by)


def keep(
    folder: str, run: Run, incidents: Sequence[Incident], by: Sequence[str], outside: int | None = None
) -> str:
    """Write the incidents of a run; returns the path of the file.

    Args:
        folder: the history.
        run: time range and selection.
        incidents: of the selection.
        by: further columns.
        outside: TLS failures outside the selection.

    Raises:
        OutputError: the file cannot be written; an older one is unchanged.
    """
    make_private_folder(folder)
    header = {
        "label": run.label, "what": run.what, "hours": run.hours,
        "made": run.created.isoformat(timespec="seconds"),
        "by": list(by), "outside": outside, "incidents": len(incidents),
    }  # fmt: skip
    path = os.path.join(folder, f"incidents-{run.label}--{run.digest}{history_files.SUFFIX}")
    history_files.write(path, header, [(key_of(incident), incident) for incident in incidents])
    return path


def earlier(folder: str, run: Run, which: str) -> Kept | None:
    """The run to compare with, or ``None``: the previous one (``previous``), or the one of a date.

    Raises:
        UsageError: ``which`` is neither ``previous`` nor a date.
        InputError: the file of that run cannot be read, or has a newer version.
        MissingPackageError: an earlier logscan wrote it as Parquet, and pyarrow is not installed.
    """
    if which != "previous" and not re.fullmatch(r"\d{4}-\d\d-\d\d", which):
        raise UsageError(
            f"{which}: expected previous or a date", "write previous, or 2026-11-23", argument="compare"
        )
    runs = []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"{folder}: {error.strerror}", "check that --history is a directory that you may read"
        ) from error
    for name in names:
        match = history_files.NAME.fullmatch(name)
        if (
            match is None
            or not os.path.isfile(os.path.join(folder, name))
            or match["digest"] != run.digest
            or match["label"] >= run.label
        ):
            continue
        if which == "previous" or match["label"].startswith(which):
            runs.append((match["label"], match["suffix"] == history_files.SUFFIX, name))
    return history_files.read(os.path.join(folder, max(runs)[2])) if runs else None


def compare(run: Run, incidents: Iterable[Incident], before: Kept, outside: int | None = None) -> Comparison:
    """Compare incidents with an earlier run: by failures per hour if both time ranges have a known length.

    Args:
        run: time range and selection of this run.
        incidents: of this run.
        before: the earlier run.
        outside: TLS failures outside the selection in this run.
    """
    scale = run.hours / before.hours if run.hours and before.hours else 1.0
    states: dict[Incident, tuple[str, str]] = {}
    for incident in incidents:
        if incident.alert == OTHERS:
            continue  # not the same ones in two runs
        then = before.counts.get(key_of(incident))
        if then is None:
            states[incident] = (NEW, "")
            continue
        now, expected = incident.failed_handshakes, then * scale
        words = f"{then:,} before"
        if _has_grown(now, expected):
            states[incident] = (GROWING, words)
        elif now * GROWTH <= expected and expected - now >= 1:
            states[incident] = (SHRINKING, words)
        else:
            states[incident] = (CONTINUING, words)
    present = {key_of(incident) for incident in states}
    gone = tuple(
        (key, count) for key, count in before.counts.items() if key not in present and key[3] != OTHERS
    )
    rise = None
    if outside is not None and before.outside is not None and _has_grown(outside, before.outside * scale):
        rise = outside, before.outside
    return Comparison(before.label, states, gone, rise)


def _has_grown(now: int, expected: float) -> bool:
    return now >= expected * GROWTH and now - expected >= 1


def name_of(key: Key) -> str:
    """A key in words."""
    org, env, proxy, alert, *_ = key
    return f"{org or '-'} / {env or '-'} / {proxy or '-'}: {alert}"
