"""Some text of some logs, from all over them: enough to see what is frequent in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logscan._reading.unpack import read_at
from logscan._scanning.time_slices import StreamSlice
from logscan.errors import InputError

MOST = 4
"""Files that are looked at: the largest."""
SIZE = 1 << 16
"""Bytes of each."""


def samples_of(slices: Sequence[StreamSlice]) -> Iterator[bytes]:
    """Text from the middle of the largest plain files on this machine; none of packed ones."""
    files = [file for part in slices for file in part.stream if file.probe.is_local]
    sizes = [(file.probe.plain_size or 0, file.path) for file in files]
    for size, path in sorted(sizes, reverse=True)[:MOST]:
        try:
            yield read_at(path, max(0, size // 2 - SIZE // 2), SIZE) if size else b""
        except (OSError, InputError):
            yield b""
