"""Sizes of the archive for a log in each layout, beside gzip, zstd and CLP, in one run, on generated data.

    python benchmarks/archive_layouts.py                            # 100 MB in each layout, a table to stdout
    python benchmarks/archive_layouts.py --size 20MB --layouts 'grep|syslog' --without zst

For each layout of the generator (:mod:`printing`) and of real logs (:mod:`archived_layouts`): the bytes of
``gzip -6``, of ``zstd -19``, of CLP's IR stream, and of the Parquet files that ``logscan ingest`` writes; its
processor time with one worker; and rows that keep their bytes beside their columns. ``logscan cat`` must give
the text back. CLP's archiver ``clp-s`` is in no package of PyPI or Debian. In its place stands, where it is
installed, ``clp-ffi-py`` (PyPI): what CLP's logging libraries write, four-byte IR packed by zstd -3.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import generate
import pyarrow.parquet as pq
from archived_layouts import NAMES, OTHERS, printed
from generate import Recipe
from inputs import data_file, zstd_module
from measuring import Command, machine, run

_STAMP = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_FIRST = 80
"""Bytes of a line in which an entry's time begins."""
_BLOCK = 1 << 20
GOAL = 0.9
"""Entries by ``gzip -6``, at most."""


class Sizes(NamedTuple):
    """What one layout costs, in bytes."""

    text: int
    packed: dict[str, int]
    """By other tools."""
    entries: int
    failures: int
    cpu: float
    rows: int
    raw: int
    """Rows with bytes beside their columns."""


def gz(path: Path) -> int:
    """Bytes of ``gzip -6``."""
    packer = zlib.compressobj(6, wbits=31)
    return sum(len(packer.compress(block)) for block in blocks(path)) + len(packer.flush())


def zst(path: Path, level: int = 19) -> int:
    """Bytes of ``zstd -19``."""
    packer = zstd_module().ZstdCompressor(level)
    return sum(len(packer.compress(block)) for block in blocks(path)) + len(packer.flush())


def clp(path: Path) -> int:
    """Bytes of CLP's IR stream.

    Raises:
        ImportError: ``clp-ffi-py`` is not installed.
    """
    return sum(map(len, clp_stream(path)))


def clp_stream(path: Path) -> Iterator[bytes]:
    """CLP's IR stream, packed: entries with a time like ``2026-11-23 00:00:00,000`` at their beginning as
    message and milliseconds, other lines as messages alone.

    Raises:
        ImportError: ``clp-ffi-py`` is not installed.
    """
    from clp_ffi_py.ir import FourByteSerializer

    packer = zstd_module().ZstdCompressor(3)
    preamble = FourByteSerializer.serialize_preamble(0, "yyyy-MM-dd HH:mm:ss,SSS", "UTC")
    yield packer.compress(preamble)
    before = 0
    for entry in entries(path):
        moment = milliseconds(entry[:24])
        if moment is None:
            moment, message = before, entry
        else:
            message = entry[23:]
        made = FourByteSerializer.serialize_message_and_timestamp_delta(moment - before, message)
        before = moment
        yield packer.compress(made)
    yield packer.compress(FourByteSerializer.serialize_end_of_ir()) + packer.flush()


PACKERS: dict[str, Callable[[Path], int]] = {"gz": gz, "zst": zst, "CLP": clp}


def blocks(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def entries(path: Path) -> Iterator[bytes]:
    """The lines of a log, those without a time with the line before them."""
    held = b""
    with path.open("rb") as file:
        for line in file:
            if held and _STAMP.search(line, 0, _FIRST):
                yield held
                held = b""
            held += line
    if held:
        yield held


def milliseconds(stamp: bytes) -> int | None:
    """Since 1970, of a time with a comma and three digits; ``None``: it is none."""
    if len(stamp) < 24 or stamp[10:11] != b" " or stamp[19:20] != b"," or stamp[23:].isdigit():
        return None
    try:
        return round(
            (datetime.fromisoformat(stamp[:23].decode()) - datetime(1970, 1, 1)).total_seconds() * 1000
        )
    except ValueError:
        return None


def log_in(folder: Path, name: str, size: int, failing: float) -> Path:
    """A log in a layout."""
    if name not in OTHERS:
        return data_file(folder, f"{name}.log", size, failing=failing, recipe=Recipe(layout=name))
    path = folder / f"{name}.log"
    single = data_file(folder, "single.log", size, failing=failing)
    with single.open(encoding="utf-8", newline="") as lines, path.open("wb") as out:
        out.writelines(printed(name, lines))
    return path


def stored(folder: Path) -> tuple[int, int, int, int]:
    """Bytes of entries and of failures in a store, its rows, and those with bytes beside their columns."""
    sizes, rows, raw = [0, 0], 0, 0
    for path in folder.rglob("*.parquet"):
        of_failures = "failures" in str(path.relative_to(folder))
        sizes[of_failures] += path.stat().st_size
        if not of_failures:
            column = pq.read_table(path, columns=["raw"], partitioning=None).column("raw")
            rows, raw = rows + len(column), raw + len(column) - column.null_count
    return sizes[0], sizes[1], rows, raw


def measured(path: Path, logscan: list[str], packers: list[str]) -> Sizes:
    """What one log costs.

    Raises:
        SystemExit: the store does not give the text back.
    """
    packed = {name: PACKERS[name](path) for name in packers}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        store = Path(folder) / "store"
        _, use = run(Command("ingest", [*logscan, "ingest", path, "--store", store, "--workers", "1"]))
        text, _ = run(Command("cat", [*logscan, "cat", path, "--store", store]))
        if hashlib.sha256(text).digest() != hashlib.sha256(path.read_bytes()).digest():
            raise SystemExit(f"{path}: the store gives other bytes")
        whole, failures, rows, raw = stored(store)
    return Sizes(path.stat().st_size, packed, whole, failures, use.cpu, rows, raw)


def row(name: str, sizes: Sizes) -> str:
    """A row of the table: bytes in MB, ratios to ``gzip -6``."""
    gz_size = sizes.packed["gz"]
    others = "".join(
        f" {size / 1e6:.2f} ({size / gz_size:.3f}) |" for other, size in sizes.packed.items() if other != "gz"
    )
    ratio, whole = sizes.entries / gz_size, (sizes.entries + sizes.failures) / gz_size
    shown = f"{ratio:.3f}" if ratio <= GOAL else f"**{ratio:.3f}**"
    return (
        f"| {name} | {sizes.text / 1e6:.1f} | {gz_size / 1e6:.2f} |{others} {sizes.entries / 1e6:.2f} |"
        f" {sizes.failures / 1e6:.2f} | {shown} | {whole:.3f} |"
        f" {sizes.raw:,} of {sizes.rows:,} | {sizes.cpu:.1f} |"
    )


def head(packers: list[str]) -> str:
    """The head of the table."""
    titles = {"zst": "zstd -19 (÷ gz)", "CLP": "CLP's IR (÷ gz)"}
    others = [titles[name] for name in packers if name != "gz"]
    cells = [
        "layout", "text MB", "gzip -6", *others, "entries", "failures", "entries ÷ gz", "all ÷ gz",
        "rows with bytes", "CPU s of ingest",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=generate.parse_size, default=100_000_000)
    parser.add_argument("--failing", type=float, default=0.001, help="share of failing messages")
    parser.add_argument("--layouts", default="", metavar="PATTERN", help=f"only these of {', '.join(NAMES)}")
    parser.add_argument("--without", default="", metavar="TOOL,…", help=f"of {', '.join(PACKERS)}")
    parser.add_argument("--logscan", default=shutil.which("logscan"), help="the command to measure")
    parser.add_argument("--data", type=Path, help="folder for the logs; default: a temporary one")
    args = parser.parse_args()
    if not args.logscan:
        parser.error("there is no logscan to measure: name one with --logscan")
    packers = [name for name in PACKERS if name == "gz" or name not in args.without.split(",")]
    if "CLP" in packers and not _has_clp():
        packers.remove("CLP")
        print("clp-ffi-py is not installed: no column for CLP\n")
    print(machine() + "\n")
    print(head(packers))
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            if re.fullmatch(args.layouts or ".*", name):
                path = log_in(folder, name, args.size, args.failing)
                print(row(name, measured(path, args.logscan.split(), packers)), flush=True)
                if name != "single":  # the others are made of it
                    path.unlink()


def _has_clp() -> bool:
    try:
        import clp_ffi_py  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
