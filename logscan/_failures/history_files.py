"""The files of the history: one for each time range and selection, as JSON lines.

The first line describes the run, each further one is an incident. logscan 0.1 wrote Parquet: such files are
read where pyarrow is installed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from logscan._failures.frames import as_dict
from logscan.atomic import atomic_write
from logscan.errors import InputError, MissingPackageError, check_installed, reason_of
from logscan.values import Incident

VERSION = 2
"""Version of the files. A reader refuses newer ones. Version 1 is Parquet."""
SUFFIX = ".jsonl"
NAME = re.compile(
    r"incidents-(?P<label>[0-9T_-]+?|open)--(?P<digest>[0-9a-f]{8})(?P<suffix>\.jsonl|\.parquet)"
)
MAX_LINE = 16 << 20
"""Bytes of a line: an incident has at most some hundred names of each list."""
MAX_LINES = 1_000_000
"""Incidents of a run."""
MAX_PARQUET = 256 << 20
"""Bytes of a Parquet file: 50,000 incidents take some MB."""

_MOVE = "move the file away; the run is then compared with the one before it"
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An earlier run, read from its file."""

    path: str
    label: str
    hours: float | None
    counts: dict[Key, int]
    outside: int | None = None
    """TLS failures outside the selection; older files do not say it."""


class _DamageError(Exception):
    """What is wrong with a file, and where."""


def write(path: str, header: Mapping[str, object], incidents: Iterable[tuple[Key, Incident]]) -> None:
    """Write the file of a run, as a whole or not at all.

    Args:
        path: the file.
        header: the fields of the first line, with the number of the incidents.
        incidents: each with its key.

    Raises:
        OutputError: it cannot be written; an older one is unchanged.
    """
    with atomic_write(path) as file:
        file.write(_line({"version": VERSION, **header}))
        for key, incident in incidents:
            file.write(_line({"key": list(key), **as_dict(incident)}))


def _line(row: Mapping[str, object]) -> bytes:
    """One line in ASCII, so that names of any bytes come back as they were."""
    return json.dumps(row, default=_plain).encode() + b"\n"


def _plain(value: object) -> str:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)


def read(path: str) -> Kept:
    """The run of a file.

    Raises:
        InputError: it cannot be read, is damaged, or has a newer version.
        MissingPackageError: it is a Parquet file, and pyarrow is not installed.
    """
    try:
        if path.endswith(SUFFIX):
            with open(path, "rb") as file:
                return _read_lines(file, path)
        return _read_parquet(path)
    except _DamageError as damage:
        raise InputError(f"{path}: not a run of logscan's history: {damage}", _MOVE) from damage
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}", _MOVE) from error


def _read_lines(file: IO[bytes], path: str) -> Kept:
    header = _object(file, 1)
    _check_version(header, path)
    number = header.get("incidents")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_LINES:
        raise _DamageError(f"line 1: incidents is not a number from 0 to {MAX_LINES:,}")
    counts: dict[Key, int] = {}
    for line in range(2, number + 2):
        row = _object(file, line, f"it has {line - 2:,} of {number:,} incidents")
        key = _key(row.get("key"), f"line {line}")
        counts[key] = counts.get(key, 0) + _count(row.get("failed_handshakes"), f"line {line}")
    if file.read(1):
        raise _DamageError(f"line {number + 2}: after the last incident something follows")
    return _kept(header, counts, path, "line 1")


def _object(file: IO[bytes], number: int, ended: str = "it is empty") -> dict[str, Any]:
    """The object of the next line."""
    line = file.readline(MAX_LINE + 1)
    if not line:
        raise _DamageError(f"line {number} is missing: {ended}")
    if not line.endswith(b"\n"):
        why = f"longer than {MAX_LINE:,} bytes" if len(line) > MAX_LINE else "cut off"
        raise _DamageError(f"line {number} is {why}")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _DamageError(f"line {number} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise _DamageError(f"line {number} is no JSON object")
    return row


def _check_version(header: Mapping[str, Any], path: str) -> None:
    version = header.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise _DamageError("line 1: version is no number")
    if version > VERSION:
        raise InputError(
            f"{path}: written by a newer logscan (version {version} of the history; this one reads"
            f" {VERSION})",
            "use that logscan, or another --history directory",
        )


def _key(value: object, where: str) -> Key:
    if not isinstance(value, list) or len(value) < 5:
        raise _DamageError(f"{where}: key is no list of at least 5 texts")
    if not all(part is None or isinstance(part, str) for part in value):
        raise _DamageError(f"{where}: key has a part that is no text")
    return tuple(value)


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _DamageError(f"{where}: failed_handshakes is no number")
    return value


def _kept(header: Mapping[str, Any], counts: dict[Key, int], path: str, where: str) -> Kept:
    label, hours, outside = (header.get(name) for name in ("label", "hours", "outside"))
    if not isinstance(label, str):
        raise _DamageError(f"{where}: label is no text")
    if isinstance(hours, bool) or not isinstance(hours, int | float | None):
        raise _DamageError(f"{where}: hours is no number")
    if isinstance(outside, bool) or not isinstance(outside, int | None):
        raise _DamageError(f"{where}: outside is no number")
    return Kept(path, label, hours, counts, outside)


def _read_parquet(path: str) -> Kept:
    """The run of a file of version 1."""
    try:
        check_installed(f"{path}, a run that logscan 0.1 kept,", "pyarrow")
        import pyarrow as pa
        import pyarrow.parquet as pq
    except MissingPackageError:
        raise
    except ImportError as error:
        raise InputError(f"{path}: pyarrow cannot be loaded: {error}") from error
    if (size := os.path.getsize(path)) > MAX_PARQUET:
        raise _DamageError(f"it has {size:,} bytes; at most {MAX_PARQUET:,} are read")
    try:
        table = pq.read_table(path, columns=["failed_handshakes"])
        header = json.loads((table.schema.metadata or {})[b"logscan"])
        if not isinstance(header, dict) or not isinstance(header.get("keys"), list):
            raise _DamageError("its header is no object with keys")
        _check_version(header, path)
        numbers = table.column("failed_handshakes").to_pylist()
    except (pa.ArrowException, KeyError, ValueError, TypeError, RecursionError) as error:
        raise _DamageError(str(error)) from error
    keys = [_key(key, "header") for key in header["keys"]]
    if len(keys) != len(numbers):
        raise _DamageError(f"{len(keys):,} keys for {len(numbers):,} incidents")
    counts = dict(zip(keys, (_count(number, "a row") for number in numbers), strict=True))
    return _kept(header, counts, path, "header")
