"""Sources: paths become streams of bytes, unpacked, in the order in which they were written.

A *stream* is what one appender wrote: one file, or the files of a rotated family oldest first, read as
if they had never been cut, so that a message (and even a line) that spans a rotation is whole. Nothing
here knows what a log line looks like.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from logscan._reading.probe import Judge, Probe, probe
from logscan._reading.remote import is_remote
from logscan._reading.unpack import STDIN, ByteStream, open_bytes
from logscan.errors import InputError, NoLogsError, problem_of, reason_of
from logscan.nodes import Kind, kind_of
from logscan.values import Problem

DEFAULT_PATHS = (
    "/opt/apigee/var/log/edge-message-processor/logs/system.log",
    "/opt/apigee/var/log/edge-message-processor/system.log",
)
"""Where a Message Processor writes; the playbooks name both."""
DEFAULT_PATTERNS = tuple(f"{path}*" for path in DEFAULT_PATHS)
"""The same with the files of its rotation."""

PACKED = (".gz", ".zst", ".bz2", ".xz")
"""How the names of packed files end."""


def is_packed(path: str) -> bool:
    """Whether a name is that of a packed file."""
    return os.path.splitext(path)[1] in PACKED


_COMPRESSED = rf"(?:{'|'.join(map(re.escape, PACKED))})?"
_ROTATED = (
    # The live file's name, a mark of age, and how the mark is read. Newest last.
    re.compile(rf"(?P<stem>.+?)-(?P<date>\d{{4}}-\d\d-\d\d)(?:\.(?P<index>\d+))?(?P<end>\.log){_COMPRESSED}"),
    re.compile(
        rf"(?P<stem>.+?)(?P<end>)[.-](?P<date>\d{{4}}-?\d\d-?\d\d)(?:[-.](?P<index>\d+))?{_COMPRESSED}"
    ),
    re.compile(rf"(?P<stem>.+?)(?P<end>)\.(?P<number>\d{{1,5}}){_COMPRESSED}"),
    re.compile(rf"(?P<stem>.+?)(?P<end>){_COMPRESSED}"),
)
LOG_NAME = re.compile(r"\.log(?:$|[.-])")
"""How the names of logs are known in directories."""


class LogFile(NamedTuple):
    """A file to read."""

    path: str
    stem: str
    """Directory and live name: the same for all files of a rotated family."""
    age: tuple[int, str, int]
    """Sorts the files of a rotation set oldest first."""
    probe: Probe = Probe()
    """What one look at the file found."""
    opened: Callable[[int], ByteStream] | None = None
    """Opens its text at an offset, where it does not lie at ``path``."""

    def open(self, skip: int = 0, *, forget: bool = False) -> ByteStream:
        """Open its text at an offset, unpacked in a thread of its own.

        Raises:
            InputError: it cannot be opened.
        """
        if self.opened is not None:
            return self.opened(skip)
        return open_bytes(self.path, skip, forget=forget, ahead=True)


Stream = tuple[LogFile, ...]


def discover(paths: Sequence[str], problems: list[Problem], judge: Judge | None = None) -> list[Stream]:
    """The streams of some paths, each file looked at once.

    Args:
        paths: files, directories (searched for ``*.log`` and its rotated forms), glob patterns, ``-``.
        problems: takes what cannot be read; the rest is still returned.
        judge: reads a sample of each text; its result is in :attr:`Probe.notes`.

    Raises:
        NoLogsError: see :func:`list_streams`.
    """
    probed = (
        tuple(file._replace(probe=probe(file.path, judge)) for file in stream)
        for stream in list_streams(paths, problems)
    )
    streams = (tuple(file for file in stream if not _is_archive(file, problems)) for stream in probed)
    return [stream for stream in streams if stream]


def _is_archive(file: LogFile, problems: list[Problem]) -> bool:
    """Whether several files are packed in a file. That is a problem: what it holds is not read."""
    kind = file.probe.archive
    if kind:
        problems.append(
            Problem(file.path, f"is a {kind} archive: not read", "unpack it, and give what is in it")
        )
    return bool(kind)


def list_streams(paths: Sequence[str], problems: list[Problem]) -> list[Stream]:
    """The streams of some paths by name alone: rotated files joined, each file once; nothing is opened.

    Args:
        paths: see :func:`discover`.
        problems: takes what cannot be listed; the rest is still returned.

    Raises:
        NoLogsError: nothing at all was found for a path that is a directory or pattern and no other
            path gave a file either.
    """
    found: dict[str, LogFile] = {}
    for path in paths:
        names = [path] if path == STDIN else _expand(path, problems)
        for name in names:
            key = name if name == STDIN or is_remote(name) else os.path.realpath(name)
            found.setdefault(key, describe(name))
    if not found and problems:
        first = problems[0]
        raise NoLogsError(f"{first.path}: {first.reason}", first.hint)
    return in_streams(found.values())


def in_streams(files: Iterable[LogFile]) -> list[Stream]:
    """Files as streams: rotated ones joined."""
    families: dict[str, list[LogFile]] = {}
    for file in files:
        families.setdefault(file.stem, []).append(file)
    streams: list[Stream] = []
    for family in families.values():
        streams += _joined(sorted(family, key=lambda file: file.age))
    return streams


def describe(path: str) -> LogFile:
    """What a file's name says of its family and age."""
    directory, name = os.path.split(path)
    for pattern in _ROTATED:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        parts = match.groupdict()
        stem = os.path.join(directory, parts["stem"] + parts["end"])
        if parts.get("date"):
            return LogFile(path, stem, (0, parts["date"].replace("-", ""), int(parts["index"] or 0)))
        if parts.get("number"):
            return LogFile(path, stem, (1, "", -int(parts["number"])))
        return LogFile(path, stem, (2, "", 0))
    return LogFile(path, path, (2, "", 0))


def _joined(family: list[LogFile]) -> Iterator[Stream]:
    """Cut a family where its own numbering shows that a file is missing in between."""
    run = [family[0]]
    for older, newer in pairwise(family):
        missing = older.age[:2] == newer.age[:2] and newer.age[2] - older.age[2] > 1
        missing = missing or (older.age[0] == 1 and newer.age[0] == 2 and older.age[2] < -1)
        if missing or older.age == newer.age:
            yield tuple(run)
            run = []
        run.append(newer)
    yield tuple(run)


def _expand(path: str, problems: list[Problem]) -> list[str]:
    if is_remote(path):
        return _expand_remote(path, problems)
    if os.path.isdir(path):
        before = len(problems)
        names = sorted(_files_of(_logs_below(path, problems), problems))
        if not names and len(problems) == before:
            problems.append(
                Problem(path, "no logs in this directory", "looked for *.log, *.log.1, *.log.gz …: "
                        "name other files one by one")
            )  # fmt: skip
        return names
    if os.path.exists(path) or not glob.has_magic(path):
        return [path]
    matches = sorted(glob.glob(path, recursive=True))
    if not matches:
        problems.append(Problem(path, "no file matches this pattern", "is it quoted as meant?"))
    expanded: list[str] = []
    for match in matches:
        expanded += _expand(match, problems) if os.path.isdir(match) else _files_of([match], problems)
    return expanded


def _files_of(paths: Iterable[str], problems: list[Problem]) -> Iterator[str]:
    """Paths that were found, without those that are no files: reading them may wait for ever."""
    for path in paths:
        kind = kind_of(path)
        if kind is not None and kind.is_stream:
            hint = "give it by its name to read it" if kind is not Kind.SOCKET else ""
            problems.append(Problem(path, f"is a {kind.value}: skipped", hint, fatal=False))
        else:
            yield path


def _expand_remote(path: str, problems: list[Problem]) -> list[str]:
    from logscan._reading import remote

    path = remote.address(path)
    try:
        names = remote.expand(path)
    except InputError as error:
        problems.append(problem_of(path, error))
        return []
    if names == [path]:
        return names
    found = [name for name in names if LOG_NAME.search(name.rpartition("/")[2])]
    if not found:
        problems.append(Problem(path, "no logs there", "looked for *.log, *.log.1, *.log.gz …"))
    return found


def _logs_below(directory: str, problems: list[Problem]) -> Iterator[str]:
    def failed(error: OSError) -> None:
        problems.append(Problem(str(error.filename), reason_of(error)))

    for folder, subfolders, names in os.walk(directory, onerror=failed, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            if LOG_NAME.search(name) and not name.startswith("."):
                yield os.path.join(folder, name)
