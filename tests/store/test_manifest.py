"""A store's manifest that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logscan._jobs.ingest import ingest
from logscan._store.manifest import load
from logscan._store.upkeep import repair
from logscan.errors import InputError
from support.command import ROOT

SAMPLE = ROOT / "sample_logs/no-keystore"


@pytest.mark.parametrize(
    "name",
    ["../vic/victim.parquet", "/tmp/victim.parquet", "entries/../../victim.parquet", "entries/date=2026-11-23/host=../victim.parquet/..",
     "entries/date=2026-11-23/../victim.parquet", "entries\\..\\victim.parquet", "victim.parquet", "", "entries/date=2026-11-23/host=a/x\0.parquet"],
)  # fmt: skip
def test_a_manifest_that_leads_outside(name: str, tmp_path: Path) -> None:
    """M6: such a store is refused in one line, and nothing outside is read or deleted."""
    folder = str(tmp_path / "st")
    ingest([str(SAMPLE)], store=folder, workers=1)
    path = tmp_path / "st/logscan-store.json"
    content = json.loads(path.read_text())
    content["files"][0]["name"] = name
    path.write_text(json.dumps(content))
    (tmp_path / "vic").mkdir()
    victims = [tmp_path / "vic/victim.parquet", tmp_path / "victim.parquet"]
    for victim in victims:
        victim.write_bytes(b"x")
    for run in (
        lambda: ingest([str(SAMPLE)], store=folder, workers=1, keep=1),
        lambda: load(folder),
        lambda: repair(folder),
    ):
        with pytest.raises(InputError, match="is no path of a store"):
            run()
    assert all(victim.exists() for victim in victims)


@pytest.mark.parametrize(
    "change", [{"date": "../.."}, {"kind": "failures"}, {"name": 5}, {"parts": 5}, {"parts": [[1]]}]
)
def test_a_manifest_with_odd_values(change: dict[str, object], tmp_path: Path) -> None:
    """M6: damage is said in one line."""
    folder = str(tmp_path / "st")
    ingest([str(SAMPLE)], store=folder, workers=1)
    path = tmp_path / "st/logscan-store.json"
    content = json.loads(path.read_text())
    content["files"][0] = content["files"][0] | change
    if change == {"kind": "failures"} and content["files"][0]["name"].startswith("failures"):
        content["files"][0]["kind"] = "entries"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="damaged"):
        load(folder)
