"""A log of a store that somebody else wrote: no path in it leads outside, and no odd value is a traceback."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from logscan._jobs.ingest import ingest
from support.command import ROOT, logscan
from support.profiles import sampled

SAMPLE = ROOT / "sample_logs/no-keystore"
FOLDER = "kind=entries/date=2026-11-01/host=x"
PATHS = (
    "../victim.parquet",
    "{victim}",
    "file://{victim}",
    "%2e%2e/victim.parquet",
    f"{FOLDER}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/victim.parquet",
    f"{FOLDER}%2F..%2F..%2F..%2F..%2Fvictim.parquet",
    f"{FOLDER}/..%5cvictim.parquet",
    "victim.parquet",
    "",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store."""
    folder = tmp_path_factory.mktemp("hostile")
    ingest([str(SAMPLE)], store=folder / "S", workers=1)
    return folder


def with_commit(made: Path, folder: Path, action: str, change: dict[str, object]) -> Path:
    """A copy of the store, and one commit more; a Parquet file lies beside it."""
    shutil.copytree(made / "S", folder / "S")
    victim = folder / "victim.parquet"
    shutil.copy(next((folder / "S").glob("kind=entries/*/*/*.parquet")), victim)
    rows = [
        json.loads(line)
        for path in sorted((folder / "S/_delta_log").glob("*.json"))
        for line in path.read_text().splitlines()
    ]
    add = next(row["add"] for row in rows if "kind=entries" in row.get("add", {}).get("path", ""))
    if action == "remove":
        add = {
            "deletionTimestamp": int((time.time() - 30 * 86_400) * 1000),
            "dataChange": True,
            "extendedFileMetadata": True,
            "partitionValues": add["partitionValues"],
            "size": add["size"],
        }
    commits = [{"commitInfo": {"timestamp": 1, "operation": "WRITE"}}, {action: add | change}]
    (folder / "S/_delta_log/00000000000000000002.json").write_text(
        "".join(json.dumps(row) + "\n" for row in commits)
    )
    return victim


@pytest.mark.parametrize(("action", "path"), sampled([(a, p) for p in PATHS for a in ("add", "remove")], 4))
def test_paths_that_lead_outside(action: str, path: str, made: Path, tmp_path: Path) -> None:
    """Neither read nor deleted, by any command; each says it in a few words."""
    victim = with_commit(made, tmp_path, action, {"path": path.format(victim=tmp_path / "victim.parquet")})
    (tmp_path / "more.log").write_text("2026-11-25 10:00:00,000 main INFO A - x\n")
    for command in (
        ("ingest", "more.log", "--keep", "1d", "--store", "S"),
        ("search", "-c", "router01.example.com-4321-5562-1", "--store", "S"),
        ("store", "vacuum", "S", "--older-than", "0", "--unnamed"),
        ("store", "check", "S"),
        ("store", "repair", "S"),
    ):
        done = logscan(*command, cwd=tmp_path)
        assert b"Traceback" not in done.stderr
        if action == "add":
            assert (done.returncode, done.stdout.strip()) in ((2, b""), (2, b"0")), (command, done.stderr)
        assert victim.exists(), command


@pytest.mark.parametrize(
    "change",
    sampled([{"path": 5}, {"size": "x"}, {"stats": "{"}, {"stats": '{"numRecords": -5}'}, {"partitionValues": {}}, {"partitionValues": {"kind": "x", "date": "../..", "host": "h"}}], 2),
)  # fmt: skip
def test_odd_values(change: dict[str, object], made: Path, tmp_path: Path) -> None:
    """One message and exit code 2, or the store is read without what is odd; never a traceback."""
    with_commit(made, tmp_path, "add", change)
    for command in (
        ("report", "--store", "S"),
        ("search", "-c", "x", "--store", "S"),
        ("store", "check", "S"),
    ):
        done = logscan(*command, cwd=tmp_path)
        assert b"Traceback" not in done.stderr
        assert b"fault of logscan" not in done.stderr, done.stderr
        assert done.returncode in (0, 1, 2)


@pytest.mark.parametrize("fault", ["truncated", "emptied", "checkpoint", "gone"])
def test_a_damaged_log(fault: str, made: Path, tmp_path: Path) -> None:
    """Exit code 2 in each command, and no byte is deleted."""
    shutil.copytree(made / "S", tmp_path / "S")
    log = tmp_path / "S/_delta_log"
    last = max(log.glob("*.json"))
    if fault == "truncated":
        last.write_bytes(last.read_bytes()[:300])
    elif fault == "emptied":
        last.write_bytes(b"")
    elif fault == "checkpoint":
        (log / "_last_checkpoint").write_text('{"version": 1, "size": 3}')
        (log / "00000000000000000001.checkpoint.parquet").write_bytes(b"PAR1")
    else:
        shutil.rmtree(log)
    before = {path: path.read_bytes() for path in (tmp_path / "S").rglob("*.parquet")}
    for command in (
        ("report", "--store", "S"),
        ("ingest", SAMPLE, "--store", "S"),
        ("store", "vacuum", "S", "--older-than", "0"),
    ):
        done = logscan(*command, cwd=tmp_path)
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False), (command, done.stderr)
    assert before.items() <= {path: path.read_bytes() for path in (tmp_path / "S").rglob("*.parquet")}.items()
