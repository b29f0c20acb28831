"""Fixtures of all tests."""

from __future__ import annotations

import pytest

from support.command import Run, logscan
from support.tailing import follow, log

__all__ = ["follow", "log"]


@pytest.fixture
def run() -> Run:
    """The command."""
    return logscan
