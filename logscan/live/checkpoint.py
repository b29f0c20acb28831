"""Checkpoint: where a live run stood, in a file that is whole or not there.

It holds, for each followed path, a mark (:class:`logscan.reading.fingerprint.Mark`) in front of everything
that was not told yet, and the ids of what was told already behind it. A new run reads on from there and
leaves those out."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

from logscan.atomic import written
from logscan.errors import InputError, reason_of
from logscan.reading.fingerprint import Identity, Mark

VERSION = 1
"""Of the file's form. A later logscan reads earlier ones."""
KEPT = 30 * 86_400
"""Seconds after which a path that is not followed any more is forgotten."""


@dataclass
class State:
    """What a checkpoint holds."""

    marks: dict[str, Mark] = field(default_factory=dict)
    """By absolute path."""
    beside: dict[str, list[Identity]] = field(default_factory=dict)
    """The rotated files that stood beside each path: others have come since."""
    told: list[str] = field(default_factory=list)
    """Ids of failed handshakes that stand behind the marks and were told already."""
    seen: dict[str, float] = field(default_factory=dict)
    """When each path was followed last, in seconds since 1970."""


def load(path: str) -> State | None:
    """The state in a checkpoint; ``None`` when there is none yet.

    Raises:
        InputError: it cannot be read, or is of a later version.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{path}: {reason}", _CHOICE) from error
    try:
        data = json.loads(text)
        version = data["logscan_checkpoint"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: is no checkpoint of logscan, or is damaged", _CHOICE) from error
    if version != VERSION:
        raise InputError(
            f"{path}: is a checkpoint of another version of logscan ({version}; this one reads {VERSION})",
            "use that version, or " + _CHOICE,
        )
    try:
        return _state(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: is damaged: {error!r}", _CHOICE) from error


_CHOICE = "--start-over puts it aside and begins without it"


def save(path: str, state: State) -> None:
    """Write a checkpoint: the old or the new one stands there whenever the machine stops.

    Raises:
        OutputError: it cannot be written; the old one stands.
    """
    data = {
        "logscan_checkpoint": VERSION,
        "files": {
            name: {
                "device": mark.identity.device,
                "inode": mark.identity.inode,
                "head_size": mark.identity.head_size,
                "head": mark.identity.head,
                "position": mark.position,
                "tail": mark.tail.hex(),
                "beside": [list(identity) for identity in state.beside.get(name, ())],
                "seen": round(state.seen.get(name, time.time())),
            }
            for name, mark in sorted(state.marks.items())
        },
        "told": state.told,
    }
    with written(path) as file:
        file.write(json.dumps(data, indent=1).encode() + b"\n")


def put_aside(path: str) -> str | None:
    """Move a checkpoint away; its new name, ``None`` when there was none."""
    aside = f"{path}.{time.strftime('%Y%m%d-%H%M%S')}.aside"
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, aside)
        return aside
    return None


def _state(data: dict[str, Any]) -> State:
    state = State(told=[str(name) for name in data["told"]])
    now = time.time()
    for name, held in data["files"].items():
        seen = float(held["seen"])
        if now - seen > KEPT:
            continue
        identity = Identity(
            int(held["device"]), int(held["inode"]), int(held["head_size"]), str(held["head"])
        )
        position = int(held["position"])
        if position < 0:
            raise ValueError(f"position {position}")
        state.marks[name] = Mark(identity, position, bytes.fromhex(held["tail"]))
        state.seen[name] = seen
        state.beside[name] = [Identity(int(a), int(b), int(c), str(d)) for a, b, c, d in held["beside"]]
    return state
