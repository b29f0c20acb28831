"""The real command in a process of its own, and the places of the test data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SAMPLES = ROOT / "sample_logs"

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, compress
else:
    from backports.zstd import CompressionParameter, compress

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def zstd_compress(data: bytes) -> bytes:
    """A frame with a checksum, as the zstd command writes it."""
    return compress(data, options={CompressionParameter.checksum_flag: 1})


def environment(**more: str) -> dict[str, str]:
    """The environment of a command under test: no colours, a fixed zone."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")}
    return kept | {"TZ": "UTC", "PYTHONPATH": str(ROOT), **more}


def logscan(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``logscan`` as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "logscan", *map(str, arguments)],
        input=stdin, capture_output=True, cwd=cwd, env=environment(**env), timeout=120,
    )  # fmt: skip


def named(names: Iterable[str], quick: Sequence[str]) -> list[Any]:
    """Parameters of a test: all of some names in the thorough run, a few of them in the quick one."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.thorough) for name in names]
