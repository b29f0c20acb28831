"""How many files may be open at once: some descriptors are always left for everything else."""

from __future__ import annotations

import os

RESERVE = 64
"""Descriptors that followed files leave: for rotated files, the checkpoint, outputs, modules."""
_ENOUGH = 1 << 20
"""More are not asked for: a limit of the system may be endless."""


class Descriptors:
    """The descriptors that followed files may use. The limit of the process is raised as far as it may be.

    Attributes:
        limit: how many files can be followed.
        used: how many are.
    """

    def __init__(self) -> None:
        self.used = 0
        self.limit = _ENOUGH
        try:
            import resource
        except ImportError:  # not on this system
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                soft = wanted
            except (ValueError, OSError):
                pass  # then with those that there are
        if soft != resource.RLIM_INFINITY:
            self.limit = max(1, soft - min(RESERVE, soft // 2) - _open_now())

    def take(self) -> bool:
        """Use one more; ``False`` when none is left."""
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def give_back(self) -> None:
        """Use one less."""
        self.used -= 1


def _open_now() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 16
