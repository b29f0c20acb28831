"""The digests of a text that is read range by range: they tell whether a file still begins with that text."""

from __future__ import annotations

import contextlib
from hashlib import blake2b

from logscan._reading.decompressors import unpacking_errors
from logscan._reading.unpack import open_bytes

MOST_RANGES = 500
"""Ranges of one text whose digests are kept: a log that is ingested every few minutes has many."""
_CHUNK = 1 << 18


class RangeDigest:
    """The digest of the bytes of a range, piece by piece."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=12)

    def add(self, data: bytes | memoryview) -> None:
        """The next bytes."""
        self._hash.update(data)

    def text(self) -> str:
        """The digest."""
        return self._hash.hexdigest()


def with_range(ranges: str, begin: int, end: int, digest_of_range: str) -> str:
    """The ranges of a text with one more: ``END:DIGEST,END:DIGEST``, each from the end of the one before.

    A text that was read in more than :data:`MOST_RANGES` ranges has none: it is known by its beginning and
    its end alone.
    """
    if (begin and not ranges) or ranges.count(",") + 1 >= MOST_RANGES:
        return ""
    return f"{ranges},{end}:{digest_of_range}".lstrip(",")


def holds_ranges(path: str, ranges: str) -> bool:
    """Whether a file begins with a text of which the digests of its ranges are known; without any: yes.

    The file is read as far as that text goes, unpacked.

    Raises:
        InputError: the file cannot be opened.
    """
    if not ranges:
        return True
    with contextlib.suppress(OSError, *unpacking_errors()), contextlib.closing(open_bytes(path)) as stream:
        at = 0
        block = memoryview(bytearray(_CHUNK))
        for one in ranges.split(","):
            end, _, expected = one.partition(":")
            found = RangeDigest()
            while at < int(end):
                count = stream.readinto(block[: min(_CHUNK, int(end) - at)])
                if not count:
                    return False
                found.add(block[:count])
                at += count
            if found.text() != expected:
                return False
        return True
    return False
