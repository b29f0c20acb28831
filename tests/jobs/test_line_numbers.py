"""Line numbers of quoted entries: as an editor counts them, or none."""

from __future__ import annotations

import gzip
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from logscan._jobs import _line_numbers
from logscan._jobs._line_numbers import lines_of
from logscan._jobs.diagnose import diagnose
from logscan.values import FailedHandshake, Place


def failure_at(path: Path, offset: int, message: str | None) -> FailedHandshake:
    """A failure that begins there."""
    values: dict[str, Any] = dict.fromkeys(FailedHandshake._fields)
    values |= {"time": datetime(2026, 1, 1), "message_id": message, "place": Place(str(path), offset)}
    return FailedHandshake(**values)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, bytes, list[FailedHandshake]]:
    """A file of long and short lines, with failures at some of them, out of order."""
    lines = [f"2026-01-01 00:00:00,000 m{number} {'x' * (number % 97 * 40)}\n" for number in range(2_000)]
    text = "".join(lines).encode()
    path = tmp_path / "system.log"
    path.write_bytes(text)
    at = [1_999, 0, 1, 777, 778, 1_500]
    failures = [failure_at(path, len("".join(lines[:number])), f"m{number}") for number in at]
    return path, text, failures


@pytest.mark.parametrize("block", [8_192, 1 << 20])
def test_lines(
    written: tuple[Path, bytes, list[FailedHandshake]], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place has the line that an editor shows, whatever the size of blocks; packed as well."""
    path, text, failures = written
    monkeypatch.setattr(_line_numbers, "BLOCK", block)
    expected = {each.place: text[: each.place.offset].count(b"\n") + 1 for each in failures}
    assert lines_of(failures) == expected
    packed = path.with_suffix(".log.gz")
    packed.write_bytes(gzip.compress(text))
    moved = [each._replace(place=Place(str(packed), each.place.offset)) for each in failures]
    assert sorted(lines_of(moved).values()) == sorted(expected.values())


def test_no_line(
    written: tuple[Path, bytes, list[FailedHandshake]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """None where it costs too much, the file is another one now, is gone, is a FIFO, or is an address."""
    path, text, failures = written
    monkeypatch.setattr(_line_numbers, "MAX_PLAIN_BYTES", failures[3].place.offset)
    assert sorted(lines_of(failures).values()) == [1, 2, 778]
    monkeypatch.undo()
    path.write_bytes(text.replace(b" m777 ", b" m000 ")[1:])
    assert failures[3].place not in lines_of(failures)
    path.unlink()
    assert lines_of(failures) == {}
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", Path("-"), Path("s3://bucket/x")):
        assert lines_of([failure_at(name, 5, None)]) == {}


def test_quoted(tmp_path: Path) -> None:
    """A diagnosis quotes the line; without one, the byte."""
    sample = Path(__file__).parents[1] / "data/tls/jsse11/alias_missing_v1.2.client.log"
    log = tmp_path / "system.log"
    log.write_bytes(b"2026-11-25 00:00:00,000 nothing\n" * 41 + sample.read_bytes())
    (verdict,) = diagnose(log, tz="UTC").verdicts
    assert verdict.chain[0].source == f"{log}, line 42"
