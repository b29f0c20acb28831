"""File names of any bytes, in every format."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import logscan
from support.command import SAMPLES


@pytest.mark.parametrize("name", [b"n\xff.log", b"\xc3\x28\x80.log"])
def test_a_name_that_is_no_utf_8(tmp_path: Path, name: bytes) -> None:
    r"""M3: Parquet, a store and an export take it, as ``\xNN``."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    path.write_bytes((SAMPLES / "no-keystore" / "system.log").read_bytes())
    shown = str(tmp_path / name.decode("utf-8", "backslashreplace"))
    batches = list(logscan.export(path))
    assert {file for batch in batches for file in batch.column("file").to_pylist()} == {shown}
    logscan.ingest(path, store=tmp_path / "store")
    for source in (path, tmp_path / "store"):
        result = logscan.report(source, alert="all")
        named = Path(shown).name.removesuffix(".log")
        assert {host for incident in result.incidents for host in incident.hosts} == {named}
