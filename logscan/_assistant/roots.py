"""Roots: the files and directories that an assistant may have read, fixed at the start, and nothing else.

Every path is followed to its end before it is compared, so neither ``..`` nor a link leads out. Only local
files are read: no addresses, no standard input, no FIFOs and devices.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from logscan._reading.paths import list_streams
from logscan._reading.remote import is_remote
from logscan._store.storage import is_store
from logscan.errors import InputError, NoLogsError, UsageError, reason_of
from logscan.nodes import Kind, kind_of
from logscan.values import Problem

MAX_FILES = 100_000
"""Files and directories below a directory that are looked at."""
LEADS_OUT = "is a link that leads out of the roots: not read"


class Source(NamedTuple):
    """One file that may be read."""

    path: str
    size: int
    """In bytes, as it lies on disk."""
    modified: datetime
    """Wall time of this machine."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots of a run."""

    paths: tuple[str, ...]
    """Real paths."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Roots:
        """The roots that were named.

        Raises:
            UsageError: one is an address, or neither a file nor a directory.
            InputError: one cannot be found.
        """
        return cls(tuple(dict.fromkeys(_real(name) for name in names)))

    def holds(self, real: str) -> bool:
        """Whether a real path is one of the roots, or below one."""
        return any(real == root or real.startswith(root.rstrip("/") + "/") for root in self.paths)

    def resolve(self, name: str) -> str:
        """The real path of a name.

        Raises:
            UsageError: it is none of a file or directory, or leads out of the roots.
            InputError: it cannot be found.
        """
        real = _followed(name)
        if not self.holds(real):  # said also where there is no such file: its absence is not shown
            raise UsageError(f"not below the roots of this server: {name}", "sources lists what may be read")
        return _real(name)

    def logs(self, names: Sequence[str] | None, problems: list[Problem]) -> list[str]:
        """Logs and stores to read; of a directory what is named like a log, as in other commands.

        Args:
            names: files and directories; ``None``: all roots.
            problems: takes what is not read.

        Raises:
            UsageError: a name leads out of the roots.
            InputError: a name cannot be found.
            NoLogsError: nothing is left to read.
        """
        found: list[str] = []
        for path in self._chosen(names):
            if not os.path.isdir(path) or is_store(path):
                found += self._whole(path, problems)
                continue
            before = len(problems)
            try:
                streams = list_streams([path], problems)
            except NoLogsError:
                continue  # the reason is among the problems
            reals = [(file.path, os.path.realpath(file.path)) for stream in streams for file in stream]
            found += [real for _, real in reals if self.holds(real)]
            problems += [
                Problem(name, LEADS_OUT, fatal=False) for name, real in reals if not self.holds(real)
            ]
            if len(problems) == before and not reals:
                problems.append(Problem(path, "no logs in this directory", fatal=False))
        if not found:
            said = "; ".join(str(problem) for problem in problems[:3])
            raise NoLogsError(f"nothing to read ({said})", "sources lists what may be read")
        return list(dict.fromkeys(found))

    def evidence(self, names: Sequence[str] | None, problems: list[Problem]) -> list[str]:
        """Evidence of any kind; a directory stays one, if no link in it leads out.

        Raises:
            UsageError: a name leads out of the roots.
            InputError: a name cannot be found.
        """
        return [path for name in self._chosen(names) for path in self._whole(name, problems)]

    def sources(self, problems: list[Problem]) -> Iterator[Source]:
        """Every file below the roots, by name."""
        for root in self.paths:
            for path in [root] if not os.path.isdir(root) else self._files_below(root, problems):
                try:
                    state = os.stat(path)
                except OSError as error:
                    problems.append(Problem(path, reason_of(error), fatal=False))
                    continue
                yield Source(path, state.st_size, datetime.fromtimestamp(state.st_mtime))

    def _chosen(self, names: Sequence[str] | None) -> list[str]:
        return [self.resolve(name) for name in names] if names else list(self.paths)

    def _whole(self, path: str, problems: list[Problem]) -> list[str]:
        """A path as it is, where no link below it leads out; else the files below it that do not."""
        if not os.path.isdir(path):
            return [path]
        own: list[Problem] = []
        files = list(self._files_below(path, own))
        if not own:
            return [path]
        problems += own
        if is_store(path):
            problems.append(Problem(path, "a store with such a link is not read", fatal=False))
            return []
        return files

    def _files_below(self, path: str, problems: list[Problem]) -> Iterator[str]:
        """Regular files below a directory; links that lead out, and what cannot be listed, are problems."""

        def failed(error: OSError) -> None:
            problems.append(Problem(str(error.filename), reason_of(error)))

        seen = 0
        for folder, folders, names in os.walk(path, onerror=failed, followlinks=False):
            folders.sort()
            for name in sorted((*folders, *names)):
                seen += 1
                if seen > MAX_FILES:
                    problems.append(Problem(path, f"more than {MAX_FILES:,} files: the others are not read"))
                    return
                whole = os.path.join(folder, name)
                if os.path.islink(whole) and not self.holds(os.path.realpath(whole)):
                    problems.append(Problem(whole, LEADS_OUT, fatal=False))
                elif kind_of(whole) is Kind.FILE:
                    yield whole


def _followed(name: str) -> str:
    """Where a path leads, whether there is something or not."""
    if is_remote(name) or name in ("", "-") or "\0" in name:
        raise UsageError(f"no local file or directory: {name}", "give paths of this machine")
    return os.path.realpath(name)


def _real(name: str) -> str:
    real = _followed(name)
    kind = kind_of(real)
    if kind is None:
        raise InputError(f"no such file or directory: {name}", "name it as it is, without patterns")
    if kind.is_stream:
        raise UsageError(f"{name}: is a {kind.value}", "give files and directories")
    return real
