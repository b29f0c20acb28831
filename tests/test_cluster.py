"""A real cluster of worker processes, of which one is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, environment, logscan

from logscan.models import Counters
from logscan.store.manifest import load
from logscan.store.reading import Store

distributed = pytest.importorskip("distributed")


@pytest.mark.filterwarnings("default")
def test_a_worker_is_lost(tmp_path: Path) -> None:
    """The store holds every file once, byte for byte."""
    (tmp_path / "logs").mkdir()
    for number in range(8):
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/generate.py", "--size", "2M", "--seed", str(number),
             tmp_path / f"logs/mp{number}.log"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        (tmp_path / f"logs/mp{number}.log.truth.jsonl").unlink()
    script = tmp_path / "cluster.py"
    script.write_text(
        "import sys\nfrom distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    c = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,"
        " host='127.0.0.1')\n"
        "    print(c.scheduler_address, *[w.pid for w in c.workers.values()], flush=True)\n"
        "    sys.stdin.read()\n"
    )
    cluster = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=tmp_path, env=environment(),
    )  # fmt: skip
    try:
        assert cluster.stdout is not None
        address, *pids = cluster.stdout.readline().decode().split()
        killed: list[Any] = []

        def kill() -> None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not list(
                (tmp_path / "store").glob(".incoming/**/*.parquet")
            ):
                time.sleep(0.02)
            os.kill(int(pids[0]), signal.SIGKILL)
            killed.append(pids[0])

        threading.Thread(target=kill, daemon=True).start()
        done = logscan("ingest", tmp_path / "logs", "--store", "store", "--cluster", address, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        assert b"8 new files" in done.stderr
        assert killed
    finally:
        cluster.kill()
        cluster.communicate(timeout=30)
    held = Store(str(tmp_path / "store"))
    for source in held.ordered:
        assert b"".join(held.text(source.id, Counters())) == Path(source.path).read_bytes()
    assert len(load(str(tmp_path / "store")).sources) == 8


def test_no_scheduler(tmp_path: Path) -> None:
    """Said, with what to do."""
    done = logscan(
        "ingest", ROOT / "sample_logs", "--store", "store", "--cluster", "nonsense://x", cwd=tmp_path
    )
    assert (done.returncode, b"does not answer" in done.stderr) == (2, True), done.stderr.decode()
