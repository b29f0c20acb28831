"""Copies are left out only where the whole text stands elsewhere."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._reading.fingerprint import Identity, begins_as, digest, without_copies
from logscan._reading.paths import discover
from logscan.values import Counters
from support.logs import HEAD, INFO

TEXT = HEAD.format(s=1, ms=1, a=1, m=1, t=0).encode() + INFO.encode() * 100


def kept(*paths: Path) -> tuple[list[str], Counters]:
    counters = Counters()
    streams = without_copies(discover([str(path) for path in paths], counters.problems), counters)
    return sorted(Path(file.path).name for stream in streams for file in stream), counters


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "packed"])
def test_the_middle_counts(tmp_path: Path, pack: object) -> None:
    """Two logs that begin and end alike, and differ in one byte between: both are read."""
    assert callable(pack)
    one, other = tmp_path / "a.log", tmp_path / "b.log"
    one.write_bytes(TEXT)
    changed = bytearray(TEXT)
    changed[len(TEXT) // 2] ^= 1
    other.write_bytes(pack(bytes(changed)))
    assert kept(one, other)[0] == ["a.log", "b.log"]
    other.write_bytes(pack(TEXT))
    names, counters = kept(one, other)
    assert (names, counters.copies) == (["a.log"], 1)
    assert "holds the same text as" in counters.problems[0].reason


@given(sizes=st.lists(st.integers(0, len(TEXT)), min_size=2, max_size=5), packed=st.integers(0, 31))
def test_the_longest_is_kept(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], packed: int) -> None:
    """Of beginnings of one text, plain or packed, those with a known beginning are read once: the longest."""
    folder = tmp_path_factory.mktemp("copies")
    paths = []
    for number, size in enumerate(sizes):
        path = folder / f"{chr(97 + number)}.log"
        path.write_bytes(gzip.compress(TEXT[:size]) if packed >> number & 1 else TEXT[:size])
        paths.append(path)
    names, counters = kept(*paths)
    known = [size for size in sizes if size >= 256]
    assert counters.copies == max(0, len(known) - 1)
    left = [size for path, size in zip(paths, sizes, strict=True) if path.name in names and size >= 256]
    assert left == ([max(known)] if known else [])


def test_a_damaged_copy_is_read(tmp_path: Path) -> None:
    """What cannot be read to its end is no copy: its reader reports the damage."""
    whole, damaged = tmp_path / "a.log", tmp_path / "b.log.gz"
    whole.write_bytes(TEXT)
    damaged.write_bytes(gzip.compress(TEXT)[:-12])
    assert kept(whole, damaged)[0] == ["a.log", "b.log.gz"]


@pytest.mark.parametrize(
    ("text", "inode", "modified", "is_known"),
    [
        (b"the end of an entry\n", 2, 1000, True),  # packed since: another inode, the old time of change
        (b"the end of an entry\n", 2, 1001, False),  # of another entry with the same end
        (b"the end of an entry\n", 1, 1001, True),
        (b"the end of an entry\nand more\n", 1, 1001, True),  # it has grown
        (b"the end of an entry\nand more\n", 2, 1000, False),
        (b"the end of another\n", 1, 1000, False),
    ],
)
def test_a_piece_without_a_time(text: bytes, inode: int, modified: int, is_known: bool) -> None:
    """A rotated file may hold nothing but the end of an entry, which is that of many: when it was changed tells."""
    piece = b"the end of an entry\n"
    known = [Identity(7, 1, len(piece), digest(piece), 1000)]
    assert begins_as(text, (7, inode), modified, known) is is_known
