"""All inputs of a run: the files that are followed, and new ones that appear in folders and patterns."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from logscan._live.checkpoint import Checkpoint, FileState
from logscan._live.events import STREAM, Waker
from logscan._live.followed_file import FollowedFile
from logscan._live.followed_input import FollowedInput, FollowedStream
from logscan._live.live_scanner import LiveScanner
from logscan._live.options import FollowOptions
from logscan._live.run import Run
from logscan._reading.paths import list_streams
from logscan._reading.unpack import STDIN
from logscan.errors import NoLogsError, reason_of
from logscan.nodes import Kind, kind_of
from logscan.values import Counters, Place, Problem, Span

RESTING = 5.0
"""Seconds without a new line in any file after which the files are looked at less often."""
REST_INTERVAL = 0.25
"""Seconds between two looks from then on, where no event reports new lines."""
SWEEP_INTERVAL = 10.0
"""Seconds between two looks at a quiet file, and at a folder, where events report what happens: they only
save time."""
SEARCH_INTERVAL = 2.0
"""Seconds between two searches of folders and patterns for new files."""
SEARCH_INTERVAL_AFTER_EVENT = 0.2
"""The same once an event reports a change in a folder."""
_LIVE_AGE = 2
"""The age, as :func:`logscan._reading.paths.describe` gives it, of a file that is still written."""


class FollowedPaths:
    """The inputs of a run.

    Attributes:
        is_busy: whether the last look found something new.

    Args:
        paths: files, folders, patterns, or ``-``.
        counters: takes bytes, files, gaps and problems.
        options: how they are followed.
        start: where an earlier run stopped.

    """

    def __init__(
        self, paths: Sequence[str], counters: Counters, options: FollowOptions, start: Checkpoint
    ) -> None:
        self._paths = paths
        self._counters = counters
        self._options = options
        self._clock = options.clock
        self._start = start
        self._run = Run(counters, options)
        self._scanners: dict[str, LiveScanner] = {}
        self._waker = Waker(not options.poll, self._clock)
        self._touched: set[str] | None = None
        """The paths to look at next; ``None``: all."""
        self.is_busy = False
        self._lacking = 0
        """Files that could not be opened at the last look because too many are open."""
        self._searched = self._last_busy = self._swept = self._clock.monotonic()
        for path in self._live_paths(counters.problems):
            self._follow(path, from_start=options.from_start or bool(start.files))
        self._watch_folders()
        # Reading begins where the files end now, not where they end at the first look.
        for scanner in self._scanners.values():
            scanner.source.begin()
        if options.from_start and not start.files:
            self._report_rotated()
        self._report_lacking()

    def __len__(self) -> int:
        """Paths that are followed."""
        return len(self._scanners)

    def look(self, only: Collection[str] | None = None) -> Iterator[tuple[str, list[Span]]]:
        """Look at the inputs to which something may have happened: the spans that have become whole.

        Args:
            only: look at these paths alone.
        """
        self.is_busy = False
        for path, scanner in list(self._scanners.items()):
            if (only is None or path in only) and self._has_news(path, scanner):
                for spans in scanner.look():
                    yield path, spans
                self.is_busy = self.is_busy or scanner.is_busy
        self._report_lacking()

    def wait(self, *, has_open_messages: bool) -> None:
        """Wait until something may have happened; not at all while there is more to read."""
        now = self._clock.monotonic()
        if self.is_busy:
            self._last_busy = now
            more = self._waker.wait(0)
            self._touched = None if self._touched is None or more is None else self._touched | more
            return
        self._touched = self._waker.wait(self._pause(now - self._last_busy, has_open_messages))
        if not self._waker.events or now - self._swept >= SWEEP_INTERVAL:
            self._touched, self._swept = None, now
        if now - self._searched >= self._search_interval:
            self.search()

    @property
    def _search_interval(self) -> float:
        if self._waker.is_folder_changed:
            return SEARCH_INTERVAL_AFTER_EVENT
        # A folder that a pattern may match has no event before it is known.
        is_reported = not any(glob.has_magic(os.path.dirname(path)) for path in self._paths)
        return SWEEP_INTERVAL if self._waker.events and is_reported else SEARCH_INTERVAL

    def search(self) -> None:
        """Look for new files in folders and patterns; they are read from their beginning."""
        self._searched, self._waker.is_folder_changed = self._clock.monotonic(), False
        self._watch_folders()
        if not any(os.path.isdir(path) or glob.has_magic(path) for path in self._paths):
            return
        for path in self._live_paths([]):
            if path not in self._scanners:
                self._follow(path, from_start=True)

    def drain(self) -> list[tuple[str, list[Span]]]:
        """What is left when following ends."""
        return [(path, scanner.drain()) for path, scanner in self._scanners.items()]

    def close(self) -> None:
        """Release files and watches."""
        for scanner in self._scanners.values():
            scanner.source.close()
        self._waker.close()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes: standard input alone, and closed."""
        ended = [scanner.source.ended for scanner in self._scanners.values()]
        return bool(ended) and all(ended)

    @property
    def lag(self) -> tuple[int, float]:
        """Bytes that are there and were not read, and for how many seconds the first has been there."""
        lags = [scanner.source.lag for scanner in self._scanners.values()]
        return sum(unread for unread, _ in lags), max((age for _, age in lags), default=0.0)

    def unread(self) -> list[str]:
        """The paths of which there is more to read than was read."""
        return [path for path in self._scanners if self.is_unread(path)]

    def is_unread(self, path: str) -> bool:
        """Whether there is more to read of a path than was read."""
        return self._scanners[path].source.lag[0] > 0

    def ends(self) -> dict[str, int]:
        """The sizes of the files that stand at the paths."""
        sizes: dict[str, int] = {}
        for path in self._scanners:
            with contextlib.suppress(OSError):
                sizes[path] = os.stat(path).st_size
        return sizes

    def unflushed(self) -> list[str]:
        """The paths of which not everything that was read was given."""
        return [path for path, scanner in self._scanners.items() if not scanner.is_flushed]

    # Where a run stands

    def lowest(self, firsts: Iterable[Place]) -> dict[str, tuple[int, int]]:
        """For each path number and offset of the first byte that was not given in full.

        Args:
            firsts: where the messages begin that are not complete.
        """
        lowest: dict[str, tuple[int, int]] = {}
        for path, scanner in self._scanners.items():
            if oldest := scanner.oldest():
                lowest[path] = oldest
        for first in firsts:
            owner = self._owner(first)
            if owner is not None:
                place = (first.file, first.offset)
                lowest[owner] = min(lowest.get(owner, place), place)
        return lowest

    def states_at(self, lowest: dict[str, tuple[int, int]]) -> dict[str, FileState]:
        """The files of a checkpoint from which a new run goes on at these places.

        Forgets what stands before them. Files that are not followed now stay as they were.
        """
        states = dict(self._start.files)
        for path, scanner in self._scanners.items():
            name = os.path.abspath(path)
            place = lowest.get(path)
            known = self._start.files.get(name)
            mark = scanner.source.mark_at(*place) if place else known and known.mark
            if mark is not None and path != STDIN:
                beside = scanner.source.beside(place[0] if place else None)
                states[name] = FileState(mark, tuple(beside), time.time())
            if place:
                scanner.source.forget(place[0])
        return states

    def is_read_again(self, place: Place, lowest: dict[str, tuple[int, int]]) -> bool:
        """Whether a run that begins at these places reads this one again."""
        owner = self._owner(place)
        return owner is not None and (place.file, place.offset) >= lowest.get(owner, (0, 0))

    def _owner(self, place: Place) -> str | None:
        """The path under which a file was read."""
        scanners = self._scanners.items()
        return next((path for path, scanner in scanners if scanner.source.has_read(place.file)), None)

    def _follow(self, path: str, *, from_start: bool) -> None:
        source = self._source(path, from_start)
        if source is not None:
            self._scanners[path] = LiveScanner(source, self._counters, self._options)
            self._run.paths.add(os.path.abspath(path))

    def _source(self, path: str, from_start: bool) -> FollowedInput | None:
        """A path as an input; ``None`` where it is a pipe that cannot be opened."""
        if path == STDIN or kind_of(path) is Kind.FIFO:
            try:
                stream = FollowedStream(path, self._counters, self._options)
            except OSError as error:
                self._counters.problems.append(Problem(path, reason_of(error)))
                return None
            self._waker.watch_stream(stream.descriptor)
            return stream
        self._waker.watch([path])
        known = self._start.files.get(os.path.abspath(path))
        mark, beside = (known.mark, known.beside) if known else (None, None)
        return FollowedFile(path, self._run, from_start=from_start, mark=mark, beside=beside)

    def _watch_folders(self) -> None:
        """Wait for what happens in the folders that are followed, new ones too."""
        for path in self._paths:
            base = path
            while glob.has_magic(base):
                base = os.path.dirname(base)
            for folder, _, _ in os.walk(base or "."):
                self._waker.watch_folder(os.path.abspath(folder))
                if not os.path.isdir(path):
                    break  # of a pattern only where it begins

    def _has_news(self, path: str, scanner: LiveScanner) -> bool:
        """Whether to look at an input now."""
        source = scanner.source
        if not scanner.is_flushed:
            return True
        if self._touched is None:
            return source.has_news()
        if source.is_stream:
            return STREAM in self._touched
        return path in self._touched or not source.is_at_rest

    def _report_lacking(self) -> None:
        """Report how many files are not followed for want of descriptors, when that changes."""
        sources = [scanner.source for scanner in self._scanners.values()]
        lacking = [source.followed for source in sources if source.lacks_descriptor]
        if len(lacking) != self._lacking and lacking:
            reason = f"not followed: too many open files ({len(lacking):,} of {len(sources):,} paths wait)"
            hint = "raise the limit: ulimit -n, or LimitNOFILE= in a systemd unit"
            self._counters.problems.append(Problem(lacking[0], reason, hint, fatal=False))
        self._lacking = len(lacking)

    def _report_rotated(self) -> None:
        """Report how many rotated files stand beside those that are read from their start."""
        rotated = sum(len(scanner.source.beside(None)) for scanner in self._scanners.values())
        if rotated:
            what = "rotated file beside the logs is" if rotated == 1 else "rotated files beside the logs are"
            reason = f"{rotated:,} {what} not read"
            hint = "logscan report reads them; tail --since TIME those that reach into the time"
            self._counters.problems.append(Problem(self._paths[0], reason, hint, fatal=False))

    def _pause(self, idle: float, has_open_messages: bool) -> float:
        """Seconds until something must be done at the latest."""
        options = self._options
        if has_open_messages or self.unflushed():
            return min(options.quiet_time / 4, options.poll_interval)
        if self._waker.events:
            return options.wake_interval
        return options.poll_interval if idle < RESTING else max(options.poll_interval, REST_INTERVAL)

    def _live_paths(self, problems: list[Problem]) -> list[str]:
        """The paths to follow: of a file and its rotations only the one that is still written. Takes a
        problem for a folder and a pattern that give nothing yet."""
        names: list[str] = []
        for path in self._paths:
            if path == STDIN or (not os.path.isdir(path) and not glob.has_magic(path)):
                names.append(path)
                continue
            found: list[Problem] = []
            with contextlib.suppress(NoLogsError):
                for stream in list_streams([path], found):
                    newest = stream[-1]
                    if newest.age[0] == _LIVE_AGE and not self._is_excluded(newest.path):
                        names.append(newest.path)
            problems += [
                replace(each, hint="waiting for one", fatal=False) if each.path == path else each
                for each in found
            ]
        return list(dict.fromkeys(names))

    def _is_excluded(self, path: str) -> bool:
        names = (os.path.basename(path), path, os.path.abspath(path))
        return any(fnmatchcase(name, pattern) for name in names for pattern in self._options.exclude)
