"""Logs that grow, are rotated at any byte and packed, as a host's do."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

FIRST = b"2026-11-22 23:00:00,000 main INFO FIRST - of its kind\n"
"""How a log begins, so that its file is known by it."""


def grown(data: bytes, folder: Path, rnd: random.Random) -> Iterator[None]:
    """Write a log piece by piece into ``system.log`` of a folder; now and then, and at the end, give way."""
    places = range(len(FIRST), len(data))
    cuts = sorted(rnd.sample(places, min(rnd.randrange(6), len(places))))
    log = folder / "system.log"
    number = 0
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        with log.open("ab") as file:
            file.write(data[start:end])
        if rnd.random() < 0.6:
            yield
        if rnd.random() < 0.3 and end < len(data):
            rotated = folder / f"system-2026-11-23.{number}.log"
            log.rename(rotated)
            if rnd.random() < 0.5:
                (folder / f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
                rotated.unlink()
            number += 1
    if not log.exists():
        log.write_bytes(b"")
    yield
