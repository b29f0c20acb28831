"""What all followed files of a run share."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field

from logscan._live.descriptors import Descriptors
from logscan._live.options import FollowOptions
from logscan.values import Counters


@dataclass(frozen=True, slots=True)
class Run:
    """What all followed files of a run share."""

    counters: Counters
    """Takes bytes, files, gaps and problems."""
    options: FollowOptions
    descriptors: Descriptors = field(default_factory=Descriptors)
    paths: set[str] = field(default_factory=set)
    """The absolute paths that are followed: what stands there is no rotated file of another path."""

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """Open a file, and what the system says of it.

        Raises:
            OSError: it cannot be opened, or no descriptor is left for it.
        """
        if not self.descriptors.take():
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            self.descriptors.give_back()
            raise
        return descriptor, os.fstat(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file that used one of the descriptors."""
        os.close(descriptor)
        self.descriptors.give_back()
