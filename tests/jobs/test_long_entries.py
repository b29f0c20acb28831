"""Row N5: an entry longer than the limit is cut in the same way, from a file and from a store."""

from __future__ import annotations

from pathlib import Path

import pytest

import logscan

LINE = "2026-11-25 10:00:01,{} org:o env:e api:p rev:1 messageid:{} main INFO A - B.c() : text{}\n"


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("limit", [1 << 20, 5000, 4 << 20])
def test_a_store_cuts_as_a_file(tmp_path: Path, limit: int, prefix: bool) -> None:
    log = tmp_path / "a.log"
    log.write_text(
        LINE.format(100, "m-1", "") + LINE.format(101, "m-2", "y" * (2 << 20)) + LINE.format(102, "m-3", "")
    )
    logscan.ingest(log, store=tmp_path / "S")
    answers = []
    for path in (log, tmp_path / "S"):
        found = logscan.search(["m-2"], paths=path, max_entry_bytes=limit, prefix=prefix)
        spans = [each.span for each in found]
        counters = found.counters
        answers.append((spans[0].data, spans[0].cut, len(spans), counters.cut_entries, counters.cut_bytes))
    assert answers[0] == answers[1]
    assert len(answers[0][0]) == min(limit, (2 << 20) + len(LINE.format(101, "m-2", "")))
