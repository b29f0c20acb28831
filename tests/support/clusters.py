"""A cluster of real worker processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.command import environment

SCRIPT = """
import sys
from distributed import LocalCluster
if __name__ == '__main__':
    c = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host='127.0.0.1')
    print(c.scheduler_address, *[w.pid for w in c.workers.values()], flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def running(folder: Path, before: Sequence[str] = (), **more: str) -> Iterator[tuple[str, list[int]]]:
    """A cluster of two processes: its address, and theirs; the scheduler's is the last.

    Args:
        folder: its working directory.
        before: words of a command that starts it, such as ``unshare``.
        more: of its environment.
    """
    script = folder / "cluster.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [*before, sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, cwd=folder, env={**environment(), **more},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address, *pids = process.stdout.readline().decode().split()
        yield address, [*map(int, pids), process.pid]
    finally:
        process.kill()
        process.communicate(timeout=30)
