"""Names that move to :mod:`logscan.reading.fingerprint`."""

from __future__ import annotations

from logscan.reading import fingerprint
from logscan.reading.fingerprint import LEAST as LEAST
from logscan.reading.fingerprint import TIME as TIME
from logscan.reading.fingerprint import without_copies as without_copies
from logscan.reading.paths import LogFile
from logscan.reading.probe import probe


def bytes_before(path: str, position: int) -> bytes | None:
    """See there."""
    return fingerprint.bytes_before(LogFile(path, path, (0, "", 0), probe(path)), position)
