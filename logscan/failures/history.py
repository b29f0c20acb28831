"""History: each run's incidents in a Parquet file, and what has changed since an earlier run.

One file per run,
named by its time range and selection: the same night run again replaces that night. Files are
whole or not there, and say the version of their layout.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from logscan.atomic import written
from logscan.errors import InputError, UsageError
from logscan.failures.frames import to_frame
from logscan.values import Incident

VERSION = 1
"""Of the files: a reader refuses what is newer."""
_NAME = re.compile(r"incidents-(?P<label>[0-9T_-]+?|open)--(?P<digest>[0-9a-f]{8})\.parquet")
GROWTH = 1.25
"""An incident grows or shrinks when its number of failures an hour changes by this factor, and by one failure
at least."""

NEW, GROWING, SHRINKING, CONTINUING, RESOLVED = "new", "growing", "shrinking", "continuing", "resolved"
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was asked for."""

    since: datetime | None
    until: datetime | None
    what: str
    """The selection, in words that are the same for the same selection."""
    made: datetime

    @property
    def label(self) -> str:
        """The name of its time range: sorts by time; of an open range, the day on which it was made."""
        ends = [f"{time:%Y-%m-%dT%H%M}" for time in (self.since, self.until) if time is not None]
        return "_".join(ends) or f"{self.made:%Y-%m-%d}"

    @property
    def digest(self) -> str:
        """Eight letters for the selection."""
        return blake2b(self.what.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()

    @property
    def hours(self) -> float | None:
        """How long its time range is."""
        if self.since is None or self.until is None:
            return None
        return (self.until - self.since).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Kept:
    """An earlier run."""

    path: str
    label: str
    hours: float | None
    counts: dict[Key, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has changed."""

    label: str
    """Of the earlier run."""
    states: dict[Incident, tuple[str, str]]
    """Each incident's state, and the change in words."""
    gone: tuple[tuple[Key, int], ...]
    """Incidents of the earlier run that are no more, with their failures then."""

    def number(self, *states: str) -> int:
        """How many incidents are in one of these states."""
        return sum(state in states for state, _ in self.states.values())


def key_of(incident: Incident) -> Key:
    """What an incident is known by from run to run."""
    by = (value for pair in incident.by for value in pair)
    return (incident.org, incident.env, incident.proxy, incident.alert, incident.side, *by)


def keep(folder: str, run: Run, incidents: Sequence[Incident], by: Sequence[str]) -> str:
    """Write a run's incidents; the path of the file.

    Raises:
        OutputError: it cannot be written; what was kept before is unchanged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    os.makedirs(folder, exist_ok=True)
    table = pa.Table.from_pandas(to_frame(incidents, by), preserve_index=False)
    about = {
        "version": VERSION, "label": run.label, "what": run.what, "hours": run.hours,
        "made": run.made.isoformat(timespec="seconds"),
        "keys": [list(key_of(incident)) for incident in incidents],
    }  # fmt: skip
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"logscan": json.dumps(about).encode()}
    )
    path = os.path.join(folder, f"incidents-{run.label}--{run.digest}.parquet")
    with written(path) as file:
        pq.write_table(table, file, compression="zstd")
    return path


def earlier(folder: str, run: Run, which: str) -> Kept | None:
    """The run to compare with: the one before this (``previous``), or that of a day.

    Raises:
        UsageError: ``which`` is neither ``previous`` nor a date.
        InputError: its file cannot be read, or is of a newer version.
    """
    if which != "previous" and not re.fullmatch(r"\d{4}-\d\d-\d\d", which):
        raise UsageError(f"--compare {which}: neither 'previous' nor a date", "write previous, or 2026-11-23")
    labels = []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"{folder}: {error.strerror}", "is --history a directory that may be read?"
        ) from error
    for name in names:
        found = _NAME.fullmatch(name)
        if found is None or found["digest"] != run.digest or found["label"] >= run.label:
            continue
        if which == "previous" or found["label"].startswith(which):
            labels.append((found["label"], name))
    if not labels:
        return None
    return _read(os.path.join(folder, max(labels)[1]))


def _read(path: str) -> Kept:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["failed_handshakes"])
        about: dict[str, Any] = json.loads((table.schema.metadata or {})[b"logscan"])
        version = about["version"]
        if version > VERSION:
            raise InputError(
                f"{path}: written by a newer logscan (version {version} of the history; this one reads"
                f" {VERSION})",
                "use that logscan, or another --history directory",
            )
        counts = table.column("failed_handshakes").to_pylist()
        keys = [tuple(key) for key in about["keys"]]
        return Kept(path, about["label"], about["hours"], dict(zip(keys, counts, strict=True)))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not a run of logscan's history: {error}",
            "move it away; the next run is compared with the one before",
        ) from error


def compare(run: Run, incidents: Iterable[Incident], before: Kept) -> Comparison:
    """Mark each incident against an earlier run. Where both have a known length, failures an hour count."""
    scale = run.hours / before.hours if run.hours and before.hours else 1.0
    states: dict[Incident, tuple[str, str]] = {}
    for incident in incidents:
        then = before.counts.get(key_of(incident))
        if then is None:
            states[incident] = (NEW, "")
            continue
        now, expected = incident.failed_handshakes, then * scale
        words = f"{then:,} before"
        if now >= expected * GROWTH and now - expected >= 1:
            states[incident] = (GROWING, words)
        elif now * GROWTH <= expected and expected - now >= 1:
            states[incident] = (SHRINKING, words)
        else:
            states[incident] = (CONTINUING, words)
    present = {key_of(incident) for incident in states}
    gone = tuple((key, count) for key, count in before.counts.items() if key not in present)
    return Comparison(before.label, states, gone)


def name_of(key: Key) -> str:
    """A key for a person."""
    org, env, proxy, alert, *_ = key
    return f"{org or '-'} / {env or '-'} / {proxy or '-'}: {alert}"
