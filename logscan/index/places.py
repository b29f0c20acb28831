"""Places: where the index of a log lies."""

from __future__ import annotations

import os

NAME = "logscan-index.sqlite"
"""In a directory of its own."""
SIDECAR = ".logscan-index.sqlite"
"""Beside the logs."""


def place_of(path: str, index: str) -> str:
    """Where the catalogue of a file is: in the index's directory, or without one beside the file."""
    if index:
        return os.path.join(index, NAME)
    return os.path.join(os.path.dirname(os.path.realpath(path)), SIDECAR)
