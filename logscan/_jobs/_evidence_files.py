"""Which files the paths of evidence are, and why one cannot be read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from logscan._evidence import bundle
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.paths import LOG_NAME
from logscan._reading.remote import expand, is_remote
from logscan._reading.ssh import is_ssh, parsed
from logscan._reading.unpack import open_bytes, read_up_to
from logscan.errors import InputError, first_line, problem_of, reason_of
from logscan.shown import without_password
from logscan.values import Problem

MAX_FILES = 100_000
"""Files of directories that are looked at."""


def files_of(paths: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    """Every file of the paths, and whether it was named itself. A folder that is a bundle is one file."""
    for path in paths:
        if is_remote(path):
            try:
                yield from ((name, name == without_password(path)) for name in expand(path))
            except InputError as error:
                problems.append(problem_of(path, error))
        elif path != "-" and not os.path.exists(path):
            problems.append(Problem(path, "no such file", "check the path"))
        elif path == "-" or not os.path.isdir(path) or bundle.is_bundle_folder(path):
            yield path, True
        else:
            yield from _files_below(path, problems)


def _files_below(path: str, problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in [name for name in folders if name in bundle.ROOTS]:
            folders.remove(name)
            yield os.path.join(folder, name), True
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                problems.append(
                    Problem(path, f"more than {MAX_FILES:,} files: the others were not looked at")
                )
                return
            yield os.path.join(folder, name), False


def is_log_elsewhere(path: str) -> bool:
    """Whether a path names logs of another host: they are counted there, other files are copied."""
    name = path.rstrip("/").rpartition("/")[2]
    return is_ssh(path) and ("." not in name or LOG_NAME.search(name) is not None or parsed(path)[1] == "/")


def fault_of(path: str) -> str:
    """Why no byte of a file could be read, though it is not empty.

    Raises:
        InputError: it cannot be read at all.
    """
    try:
        with contextlib.closing(open_bytes(path)) as stream:
            read_up_to(stream, 1)
    except InputError:
        raise
    except unpacking_errors() as error:
        return reason_of(error) if isinstance(error, OSError) else f"damaged ({first_line(error)})"
    return "holds nothing that could be read"
