"""The real command in a process of its own, and the places of the test data."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.warm import Started, Warm, of_the_interpreter

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SAMPLES = ROOT / "sample_logs"

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, compress
else:
    from backports.zstd import CompressionParameter, compress

IS_WARM = sys.platform == "linux" and not os.environ.get("LOGSCAN_TESTS_COLD")
"""Whether calls share the start of Python. The thorough run begins each from the start, as coverage needs it."""

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def zstd_compress(data: bytes) -> bytes:
    """A frame with a checksum, as the zstd command writes it."""
    return compress(data, options={CompressionParameter.checksum_flag: 1})


def environment(**more: str) -> dict[str, str]:
    """The environment of a command under test: no colours, a fixed zone."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")}
    return kept | {"TZ": "UTC", "PYTHONPATH": str(ROOT), **more}


def cold(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``logscan`` as a user would, from the start of Python."""
    return subprocess.run(
        [sys.executable, "-m", "logscan", *map(str, arguments)],
        input=stdin, capture_output=True, cwd=cwd, env=environment(**env), timeout=120,
    )  # fmt: skip


def logscan(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``logscan`` in a process of its own: in the quick run one that need not load it (support/warm.py)."""
    whole = environment(**env)
    server = warm(whole)
    if server is None:
        return cold(*arguments, stdin=stdin, cwd=cwd, **env)
    return server.run(arguments, stdin, cwd=cwd, env=whole, timeout=120)


def started(
    *arguments: str | Path, stdin: int = subprocess.DEVNULL, before: Sequence[str] = (), **env: str
) -> subprocess.Popen[bytes] | Started:
    """Begin ``logscan``, its output in pipes; in a quick run without the start of Python, unless a command
    before it is to run it."""
    whole = environment(**env)
    server = warm(whole)
    if server and not before:
        return server.start(arguments, stdin, cwd=ROOT, env=whole)
    return subprocess.Popen(
        [*before, sys.executable, "-m", "logscan", *map(str, arguments)],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=whole,
    )  # fmt: skip


def warm(env: dict[str, str]) -> Warm | None:
    """The server of calls, where there is one that such a call can use."""
    server = _server() if IS_WARM else None
    return server if server and of_the_interpreter(env) == server.fixed else None


@cache
def _server() -> Warm:
    """That of this process."""
    server = Warm(ROOT, environment())
    atexit.register(server.close)
    return server


def named(names: Iterable[str], quick: Sequence[str]) -> list[Any]:
    """Parameters of a test: all of some names in the thorough run, a few of them in the quick one."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.thorough) for name in names]
