"""Checkpoint: how far a live run has come, in a file that is whole or absent.

For each followed path it holds a mark (:class:`logscan._reading.fingerprint.Mark`) before which everything
was given, and the ids of the failures after the marks that were given already. A new run reads on from the
marks and skips those failures. For each host it holds the same as the logscan there has said it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from logscan._reading.fingerprint import Identity, Mark
from logscan.atomic import atomic_write
from logscan.errors import InputError, reason_of

VERSION = 1
"""Of the file's format. A later logscan reads earlier ones."""
NOT_ONE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What :func:`from_data` raises where the data is no checkpoint."""
KEPT = 30 * 86_400
"""Seconds after which a path that is not followed any more is forgotten."""


class FileState(NamedTuple):
    """How far one path was read."""

    mark: Mark
    beside: tuple[Identity, ...]
    """The rotated files that stood beside it: others have come since."""
    followed: float
    """When it was last followed, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come."""

    files: Mapping[str, FileState] = field(default_factory=dict)
    """By absolute path."""
    given: tuple[str, ...] = ()
    """Ids of failed handshakes after the marks that were given already."""
    hosts: Mapping[str, HostState] = field(default_factory=dict)
    """By the address of the host and the paths there."""


class HostState(NamedTuple):
    """How far the logs of a host were read by the logscan there."""

    checkpoint: Checkpoint
    followed: float
    """When the host was last followed, in seconds since 1970."""


def load(path: str) -> Checkpoint | None:
    """Read a checkpoint; ``None`` when there is none yet.

    Raises:
        InputError: it cannot be read, is damaged, or is of another version.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "is not a text file"
        raise InputError(f"{path}: {reason}", _CHOICE) from error
    try:
        data = json.loads(text)
        version = data["logscan_checkpoint"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: is no checkpoint of logscan, or is damaged", _CHOICE) from error
    if version != VERSION:
        raise InputError(
            f"{path}: is a checkpoint of another version of logscan ({version}; this one reads {VERSION})",
            f"use that version, or start over: {_CHOICE}",
        )
    try:
        return from_data(data)
    except NOT_ONE as error:
        raise InputError(f"{path}: is damaged: {error!r}", _CHOICE) from error


_CHOICE = "--start-over renames it and begins without it"


def save(path: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint: whenever the machine stops, the old or the new one stands there.

    Raises:
        OutputError: it cannot be written; the old one still stands there.
    """
    with atomic_write(path) as file:
        file.write(json.dumps(as_data(checkpoint), indent=1).encode() + b"\n")


def as_data(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as JSON has it."""
    return {
        "logscan_checkpoint": VERSION,
        "files": {
            name: {
                "device": mark.identity.device,
                "inode": mark.identity.inode,
                "head_size": mark.identity.head_size,
                "head": mark.identity.head,
                "modified": mark.identity.modified,
                "position": mark.position,
                "tail": mark.tail.hex(),
                "beside": [list(identity) for identity in beside],
                "seen": round(followed),
            }
            for name, (mark, beside, followed) in sorted(checkpoint.files.items())
        },
        "told": list(checkpoint.given),
        "hosts": {
            name: {"state": as_data(state), "seen": round(followed)}
            for name, (state, followed) in sorted(checkpoint.hosts.items())
        },
    }


def put_aside(path: str) -> str | None:
    """Rename a checkpoint, so that a run can begin without it; its new name, ``None`` when there was none."""
    aside = f"{path}.{time.strftime('%Y%m%d-%H%M%S')}.aside"
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, aside)
        return aside
    return None


def from_data(data: Mapping[str, Any], *, kept: float = KEPT) -> Checkpoint:
    """A checkpoint of JSON.

    Args:
        data: it, as :func:`as_data` makes it.
        kept: seconds after which a path that was not followed is forgotten. A host has a clock of its own.

    Raises:
        ValueError: it is none; also the others of :data:`NOT_ONE`.
    """
    states = ((name, _file_state(entry)) for name, entry in data["files"].items())
    now = time.time()
    files = {name: state for name, state in states if now - state.followed <= kept}
    hosts = {
        name: HostState(state_of_host(entry["state"]), _moment(entry["seen"]))
        for name, entry in data.get("hosts", {}).items()
    }
    hosts = {name: state for name, state in hosts.items() if now - state.followed <= kept}
    return Checkpoint(files, tuple(str(name) for name in data["told"]), hosts)


def state_of_host(data: Mapping[str, Any]) -> Checkpoint:
    """What a host says of how far it has read: as :func:`from_data`, but it speaks of no other hosts.

    Raises:
        ValueError: it is no checkpoint; also the others of :data:`NOT_ONE`.
    """
    return from_data({"files": data["files"], "told": data["told"]}, kept=math.inf)


def _file_state(entry: dict[str, Any]) -> FileState:
    # Checkpoints of earlier versions do not say when a file was changed.
    identity = Identity(
        int(entry["device"]), int(entry["inode"]), int(entry["head_size"]), str(entry["head"]),
        int(entry.get("modified", 0)),
    )  # fmt: skip
    position = int(entry["position"])
    if position < 0:
        raise ValueError(f"position {position}")
    beside = tuple(
        Identity(int(a), int(b), int(c), str(d), *map(int, modified))
        for a, b, c, d, *modified in entry["beside"]
    )
    return FileState(Mark(identity, position, bytes.fromhex(entry["tail"])), beside, _moment(entry["seen"]))


def _moment(seconds: Any) -> float:
    if not math.isfinite(moment := float(seconds)):
        raise ValueError(f"seen {moment}")
    return moment
