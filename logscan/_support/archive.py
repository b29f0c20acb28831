"""The zip for support: its files, its list of what is missing, its manifest."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import IO

from logscan._support.redact import redact
from logscan.values import name_text

MANIFEST_VERSION = 1


@dataclass(slots=True)
class Item:
    """One file of the zip."""

    name: str
    data: bytes
    source: str
    """Where it comes from."""
    redacted: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """One line of the list of what support needs."""

    what: str
    items: Sequence[str]
    """Files that have it."""
    how: str = ""
    """How to get it, where it is missing."""


@dataclass(slots=True)
class Gathered:
    """What goes into the zip."""

    items: list[Item] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """What does not go in, and why."""
    wanted: list[Wanted] = field(default_factory=list)

    def add(self, name: str, data: bytes | str, source: str, counts: Counter[str] | None = None) -> str:
        """Add a file under a name that no other has."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        taken = {item.name for item in self.items}
        stem, dot, end = name.rpartition(".")
        number = 2
        while name in taken:
            name = f"{stem}-{number}{dot}{end}" if dot else f"{end}-{number}"
            number += 1
        self.items.append(Item(name, raw, source, dict(counts or {})))
        return name

    def text(self, name: str, data: bytes | str, source: str) -> str:
        """Add a text, with its secrets masked."""
        counts: Counter[str] = Counter()
        text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
        return self.add(name, redact(text, counts), source, counts)


def versions() -> str:
    """Versions of logscan, Python and the system."""
    rows = [
        f"logscan {version('logscan')}", f"Python {sys.version.split()[0]} ({sys.implementation.name})",
        f"{platform.system()} {platform.release()} {platform.machine()}",
    ]  # fmt: skip
    return "\n".join(rows) + "\n"


def readme(gathered: Gathered, now: datetime | None) -> str:
    """What is in the zip and what is missing, for a person."""
    time = now or datetime.now(UTC)
    lines = [f"Gathered by logscan at {time:%Y-%m-%d %H:%M:%S} UTC. Checksums are in manifest.json.", ""]
    for wanted in gathered.wanted:
        mark = "x" if wanted.items else " "
        tail = (
            f": {', '.join(wanted.items[:3])}" + (" …" if len(wanted.items) > 3 else "")
            if wanted.items
            else f" (missing: {wanted.how})"
        )
        lines.append(f"[{mark}] {wanted.what}{tail}")
    masked: Counter[str] = Counter()
    for item in gathered.items:
        masked.update(item.redacted)
    if masked:
        lines += ["", "Masked: " + ", ".join(f"{number:,} {kind}" for kind, number in sorted(masked.items()))]
    if gathered.skipped:
        lines += ["", "Left out:"]
        lines += [f"  {name}: {why}" for name, why in gathered.skipped.items()]
    return "\n".join(lines) + "\n"


def manifest(gathered: Gathered, now: datetime | None = None) -> bytes:
    """What is in the zip, with checksums."""
    return json.dumps(
        {
            "version": MANIFEST_VERSION,
            "created": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
            "logscan": version("logscan"),
            "files": [
                {
                    "name": item.name, "bytes": len(item.data),
                    "sha256": hashlib.sha256(item.data).hexdigest(),
                    "source": name_text(item.source), "masked": item.redacted,
                }
                for item in gathered.items
            ],
            "left_out": gathered.skipped,
            "missing": [wanted.what for wanted in gathered.wanted if not wanted.items],
        },
        indent=2, ensure_ascii=False,
    ).encode("utf-8", "surrogateescape")  # fmt: skip


def write(gathered: Gathered, file: IO[bytes], now: datetime | None = None) -> None:
    """Write the zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", manifest(gathered, now))
        for item in gathered.items:
            archive.writestr(item.name, item.data)


def listing(gathered: Gathered) -> Iterator[str]:
    """Each file with its size and what was masked in it; what is left out; what is missing."""
    for item in gathered.items:
        masked = ", ".join(f"{number:,} {kind}" for kind, number in sorted(item.redacted.items()))
        yield f"{len(item.data):>12,}  {item.name}" + (f"  (masked: {masked})" if masked else "")
    for name, why in gathered.skipped.items():
        yield f"    left out  {name}: {why}"
    for wanted in gathered.wanted:
        if not wanted.items:
            yield f"     missing  {wanted.what}" + (f": {wanted.how}" if wanted.how else "")
