"""The logs that jobs read: generated once in a folder, packed, split."""

from __future__ import annotations

import gzip
import importlib
import os
import random
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

import generate
from generate import USUAL, Recipe


def data_file(
    folder: Path,
    name: str,
    size: int,
    *,
    failing: float = 0.001,
    seed: int = 7,
    milliseconds: float = 2.0,
    recipe: Recipe = USUAL,
) -> Path:
    """A generated log and its truth, written once."""
    path = folder / name
    if not path.exists():
        whole = path.with_name(name + ".part")
        with whole.open("wb") as log, truth_of(path).open("w") as truth:
            generate.write(
                log, truth, size, seed=seed, failing=failing, milliseconds=milliseconds, recipe=recipe
            )
        whole.rename(path)
    return path


def truth_of(path: Path) -> Path:
    """Where the truth of a log stands."""
    return path.with_name(path.name + ".truth.jsonl")


def _once(target: Path, write: Callable[[Path], object]) -> Path:
    if not target.exists():
        part = target.with_name(target.name + ".part")
        write(part)
        part.rename(target)
    return target


def packed(path: Path, suffix: str) -> Path:
    """The packed form of a log."""

    def write(part: Path) -> None:
        with path.open("rb") as data, open_packed(part, suffix) as out:
            shutil.copyfileobj(data, out, 1 << 20)

    return _once(path.with_name(path.name + suffix), write)


def zstd_module() -> Any:
    """The module for zstd: Python's own since 3.14."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def open_packed(path: Path, suffix: str) -> IO[bytes]:
    """An open file to write, packed according to the suffix."""
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb", 6))
    if suffix == ".zst":
        return cast("IO[bytes]", zstd_module().open(path, "wb", level=3))
    return path.open("wb")


def split(path: Path, parts: int, suffix: str) -> Path:
    """The same log as a rotated log of many files."""

    def write(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        step = path.stat().st_size // parts + 1
        with path.open("rb") as data:
            for number in range(parts):
                with open_packed(folder / f"system-2026-11-23.{number}.log{suffix}", suffix) as out:
                    out.write(data.read(step))

    return _once(path.with_name(f"{path.stem}-{parts}{suffix}"), write)


def ids_of(path: Path, count: int) -> list[str]:
    """Message ids from random places of a log."""
    rnd = random.Random(1)
    found: list[str] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(found) < count:
            file.seek(rnd.randrange(max(1, size - 4096)))
            at = (text := file.read(4096)).find(b"messageid:")
            if at >= 0 and (end := text.find(b" ", at)) > 0:
                name = text[at + 10 : end].decode()
                if name not in found[-50:]:
                    found.append(name)
    return list(dict.fromkeys(found))


def last_quarter(path: Path) -> str:
    """The time a quarter of an hour before the end of a log."""
    with path.open("rb") as file:
        file.seek(-65536, os.SEEK_END)
        lines = [line for line in file.read().decode().splitlines()[1:] if line.startswith("20")]
    return str(datetime.fromisoformat(lines[-1][:23]) - timedelta(minutes=15))


def warm(path: Path) -> None:
    """Read a file, or all files of a folder, into the page cache."""
    for file in path.iterdir() if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb", buffering=0) as data:
                while data.read(1 << 20):
                    pass
