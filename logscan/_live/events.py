"""Waits until the kernel reports that something happened to files, or for a while.

Events only save time: each file is looked at now and then anyway, so that nothing depends on them. Where
there are none (another system than Linux, network file systems, ``--poll``) waiting is sleeping.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable
from typing import Any

from logscan._live.options import Clock

SETTLE = 0.005
"""Seconds to wait after an event, so that a writer's next lines are read together with the first."""

STREAM = "-"
"""Stands for every pipe among the paths to which something happened."""
_SHARED = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "lustre", "gpfs", "afs",
)  # fmt: skip
"""File systems whose files other machines change."""


class Waker:
    """Waits for events on some paths and in their folders.

    Attributes:
        is_folder_changed: whether something was created, removed or switched that is none of the paths.

    Args:
        events: whether to use the kernel's events.
        clock: the clock by which to sleep where there are none.
    """

    def __init__(self, events: bool, clock: Clock) -> None:
        self._clock = clock
        self._notifier: Any = None
        self._flags: Any = None
        self._folders: dict[int, str] = {}
        self._watched: set[str] = set()
        self._names: dict[str, set[str]] = {}
        """Absolute path → the followed paths that lead there."""
        self._streams: list[int] = []
        self._is_shared = False
        """Whether a folder lies on a file system that others change without an event."""
        self.is_folder_changed = False
        if events:
            # Not on this system, or no watches are left: then files are looked at by the clock.
            with contextlib.suppress(ImportError, OSError):
                import inotify_simple

                self._notifier = inotify_simple.INotify()
                self._flags = inotify_simple.flags

    @property
    def events(self) -> bool:
        """Whether the kernel reports what happens to every path."""
        return self._notifier is not None and not self._is_shared

    def watch_stream(self, descriptor: int) -> None:
        """Wait for what comes through a pipe too."""
        self._streams.append(descriptor)

    def watch(self, paths: Iterable[str]) -> None:
        """Wait for events on these paths too, whatever file stands there."""
        for path in paths:
            if self._notifier is not None:
                self._names.setdefault(os.path.abspath(path), set()).add(path)
                self._names.setdefault(os.path.realpath(path), set()).add(path)
                for place in {os.path.abspath(path), os.path.realpath(path)}:
                    self.watch_folder(os.path.dirname(place))

    def watch_folder(self, folder: str) -> None:
        """Wait for events in this folder too."""
        if self._notifier is None or folder in self._watched:
            return
        self._is_shared = self._is_shared or is_shared(folder)
        flags = self._flags
        mask = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM | flags.DELETE | flags.ATTRIB
        try:
            number = self._notifier.add_watch(folder, mask)
        except FileNotFoundError:
            return
        except OSError:
            self.close()  # no watches left: all files are looked at by the clock
            return
        self._watched.add(folder)
        self._folders[number] = folder

    def wait(self, seconds: float) -> set[str] | None:
        """Wait so long at most; the paths to which something happened, ``None`` when it may be any path."""
        if self._notifier is None:
            self._sleep(seconds)
            return None
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            if self._streams and self._stream_within(left):
                more = self._read(0, settle=False)
                return None if more is None or self.is_folder_changed else more | {STREAM}
            paths = self._read(0 if self._streams else left, settle=seconds > 0)
            if paths or paths is None:
                return paths
            if self.is_folder_changed or time.monotonic() >= deadline:
                return set()

    def close(self) -> None:
        """Give the watches back."""
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None

    def _read(self, seconds: float, *, settle: bool) -> set[str] | None:
        events = self._notifier.read(timeout=int(seconds * 1000 + 0.999))
        if not events:
            return set()
        if settle:
            time.sleep(SETTLE)
            events += self._notifier.read(timeout=0)
        paths: set[str] = set()
        for event in events:
            if event.mask & self._flags.Q_OVERFLOW:
                self.is_folder_changed = True
                return None
            folder = self._folders.get(event.wd)
            if folder is None:
                continue
            if event.mask & self._flags.IGNORED:  # the folder is gone
                self._watched.discard(folder)
                self.is_folder_changed = True
                return None
            path = os.path.join(folder, event.name)
            known = self._names.get(path)
            if known is not None:
                paths |= known
                # A folder may have come in the place of a file that is waited for.
                self.is_folder_changed = self.is_folder_changed or bool(event.mask & self._flags.ISDIR)
            elif not event.mask & (self._flags.MODIFY | self._flags.ATTRIB):
                self.is_folder_changed = True
        return paths

    def _stream_within(self, seconds: float) -> bool:
        """Wait for a pipe or an event: whether something came through a pipe."""
        waiting = select.poll()
        for descriptor in self._streams:
            waiting.register(descriptor, select.POLLIN)
        if self._notifier is not None:
            waiting.register(self._notifier.fileno(), select.POLLIN)
        came = waiting.poll(seconds * 1000)
        return any(descriptor in self._streams for descriptor, _ in came)

    def _sleep(self, seconds: float) -> None:
        if self._streams:
            self._stream_within(seconds)
        else:
            self._clock.sleep(seconds)


def is_shared(folder: str) -> bool:
    """Whether another machine, or another kernel, may change a folder's files: then no event says so."""
    try:
        about = os.stat(folder)
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            device = f"{os.major(about.st_dev)}:{os.minor(about.st_dev)}"
            for line in mounts:
                words = line.split(" ")
                if words[2] == device and "-" in words:
                    kind = words[words.index("-") + 1]
                    return kind in _SHARED or kind.startswith("fuse")
    except (OSError, IndexError):
        pass
    return False
