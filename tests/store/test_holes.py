"""NUL bytes that a truncation left before an entry: the store names the same place as the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from logscan import ingest, report
from logscan._jobs.search import find
from logscan.values import Counters

FAILED = (
    b"2026-11-23 00:00:0%d,006 org:o env:e api:p rev:1 messageid:m-%d NIOThread@0 ERROR HTTP.CLIENT -"
    b" HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:10.0.0.1:443 Remote host:0.0.0.0:1]@6"
    b" useCount=1 handshake failed, message: Received fatal alert: bad_certificate\n"
)
HOLE = b"\0" * 5


@pytest.mark.parametrize(
    "data",
    [
        HOLE + FAILED % (1, 1) + FAILED % (2, 2),
        FAILED % (1, 1) + HOLE + FAILED % (2, 2) + FAILED % (3, 3),
        FAILED % (1, 1) + HOLE + b"\n" + FAILED % (2, 2),
    ],
    ids=["at the beginning", "before an entry", "a line of its own"],
)
def test_an_entry_begins_after_the_hole(data: bytes, tmp_path: Path) -> None:
    """Searches and reports of the file and of the store give the same bytes and offsets."""
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    log.write_bytes(data)
    ingest([log], store=tmp_path / "store", workers=1)
    for name in ("m-1", "m-2"):
        for by_prefix in (False, True):
            found, kept = (
                [
                    (one.span.data, one.span.place.offset)
                    for one in find([name], [str(where)], Counters(), prefix=by_prefix)
                ]
                for where in (log, tmp_path / "store")
            )
            assert kept == found
            assert found
    in_file, in_store = (report(str(where), alert="all", each=True) for where in (log, tmp_path / "store"))
    assert [one.place.offset for one in in_store.failures] == [one.place.offset for one in in_file.failures]
    assert in_file.failures
