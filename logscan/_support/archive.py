"""The zip for support: its files, its list of what is missing, its manifest."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO

from logscan import __version__
from logscan._support.named_values import Place
from logscan._support.redact import MASK, joined, redact, redact_bytes
from logscan._support.remembered import MAX_REMEMBERED, Remembered
from logscan.errors import OutputError
from logscan.shown import safe, safe_lines, without_password
from logscan.values import name_text

MANIFEST_VERSION = 1
CAPTURES = "captures/"
"""Where captures are in the zip."""


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


AGAIN = "masked elsewhere"
"""The kind of a secret that the second pass found."""


@dataclass(slots=True)
class Gathered:
    """What goes into the zip."""

    items: list[Item] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """What does not go in, and why."""
    wanted: list[Wanted] = field(default_factory=list)
    remembered: Remembered = field(default_factory=Remembered)
    """What was masked, for the second pass."""

    def add(self, name: str, data: bytes | str, source: str, counts: Counter[str] | None = None) -> str:
        """Add a file under a name that no other has."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        taken = {item.name for item in self.items}
        stem, dot, end = name.rpartition(".")
        number = 2
        while name in taken:
            name = f"{stem}-{number}{dot}{end}" if dot else f"{end}-{number}"
            number += 1
        self.items.append(Item(name, raw, self._clean(source), dict(counts or {})))
        return name

    def text(self, name: str, data: bytes | str, source: str) -> str:
        """Add a text of others, with its secrets masked."""
        counts: Counter[str] = Counter()
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else _as_utf8(data)
        return self.add(name, redact_bytes(raw, counts, self.remembered.add), source, counts)

    def own_text(self, name: str, text: str, source: str) -> str:
        """Add a text that logscan writes: also without control characters of the names in it."""
        return self.text(name, safe_lines(text), source)

    def leave_out(self, name: str, why: str) -> None:
        """List what does not go in, and why."""
        self.skipped[self._clean(name)] = self._clean(why)

    def _clean(self, text: str) -> str:
        return safe(redact(without_password(text), Counter(), self.remembered.add))

    def mask_again(self) -> None:
        """The second pass: mask in every file what was masked in any. A capture keeps its length."""
        for item in self.items:
            places = list(joined(self.remembered.places(item.data)))
            if places:
                item.data = _without(item.data, places, same_length=item.name.startswith(CAPTURES))
                item.redacted[AGAIN] = item.redacted.get(AGAIN, 0) + len(places)
        self.skipped = {self._again(name): self._again(why) for name, why in self.skipped.items()}
        for item in self.items:
            item.source = self._again(item.source)

    def _again(self, text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        places = list(joined(self.remembered.places(data)))
        return _without(data, places).decode("utf-8", "surrogateescape")


def _as_utf8(data: bytes) -> bytes:
    """A text in UTF-8: in UTF-16 no secret would be found."""
    head = data[:4096]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode()
    if head.count(0) * 3 > len(head):
        code = "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
        return data.decode(code, "replace").encode()
    return data


def _without(data: bytes, places: Sequence[Place], *, same_length: bool = False) -> bytes:
    parts: list[bytes] = []
    done = 0
    for begin, end, _ in places:
        parts += data[done:begin], b"*" * (end - begin) if same_length else MASK.encode()
        done = end
    return b"".join((*parts, data[done:]))


def versions() -> str:
    """Versions of logscan, Python and the system."""
    rows = [
        f"logscan {__version__}", f"Python {sys.version.split()[0]} ({sys.implementation.name})",
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
    if gathered.remembered.left_out:
        lines += ["", left_out_line(gathered)]
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
            "logscan": __version__,
            "files": [
                {
                    "name": item.name, "bytes": len(item.data),
                    "sha256": hashlib.sha256(item.data).hexdigest(),
                    "source": name_text(item.source), "masked": item.redacted,
                }
                for item in gathered.items
            ],
            "left_out": gathered.skipped,
            "not_searched_again": gathered.remembered.left_out,
            "missing": [wanted.what for wanted in gathered.wanted if not wanted.items],
        },
        indent=2,
    ).encode()  # fmt: skip


def write(gathered: Gathered, file: IO[bytes], now: datetime | None = None) -> None:
    """Write the zip, if no secret that was masked is in it.

    It is made in a temporary file without a name and read back: what was masked anywhere is searched for in
    every file and name of it.

    Raises:
        OutputError: a secret is still in it; nothing was written.
    """
    with tempfile.TemporaryFile() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.json", manifest(gathered, now))
            for item in gathered.items:
                archive.writestr(item.name, item.data)
        with zipfile.ZipFile(made) as archive:
            for number, name in enumerate(archive.namelist(), 1):
                where = f"the name of file {number} in the zip"
                _check(gathered.remembered, where, name.encode("utf-8", "surrogateescape"))
            for name in archive.namelist():
                _check(gathered.remembered, name, archive.read(name))
        made.seek(0)
        shutil.copyfileobj(made, file, 1 << 20)


def _check(remembered: Remembered, where: str, data: bytes) -> None:
    found = next(remembered.places(data), None)
    if found is not None:
        raise OutputError(
            f"{where}, byte {found[0]:,}: a {found[2]} that was masked elsewhere is still there;"
            " nothing was written",
            "rename or leave out the file that it comes from: --review lists the files",
        )


def left_out_line(gathered: Gathered) -> str:
    """How many secrets were masked, but not searched for again."""
    return (
        f"{gathered.remembered.left_out:,} secrets beyond {MAX_REMEMBERED:,} were masked where they have a"
        " name or form, but not searched for in other files."
    )


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
    if gathered.remembered.left_out:
        yield left_out_line(gathered)
