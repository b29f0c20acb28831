"""Where the index of a log is."""

from __future__ import annotations

import os

NAME = "logscan-index.sqlite"
"""File name of an index in a directory of its own."""
SIDECAR = ".logscan-index.sqlite"
"""File name of an index beside the logs."""


def index_of(path: str, directory: str) -> str:
    """Path of the index of a log: in the directory of the index; "": beside the log."""
    if directory:
        return os.path.join(directory, NAME)
    return os.path.join(os.path.dirname(os.path.realpath(path)), SIDECAR)
