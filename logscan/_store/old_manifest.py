"""A store of version 0.1.0, whose one JSON file said what it holds, becomes a store of this version."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from typing import Any, NamedTuple

from logscan._store.contents import Contents
from logscan._store.delta_log import create
from logscan._store.parquet_files import bounds_of, table_schema
from logscan._store.records import DataFile, Join, Source, filters_in_name, folder_of
from logscan._store.storage import OLD_MANIFEST
from logscan.errors import InputError, first_line, reason_of
from logscan.values import Counters, Problem

KEPT_AS = "_logscan-store-0.1.0.json"
"""The name that the manifest has after that."""
_VERSIONS = (1, 2)
_OLD_NAME = re.compile(
    r"(?:entries|failures)/date=\d{4}-\d\d-\d\d/host=[^/\\\0]*/[^/\\\0]+\.parquet", re.ASCII
)
"""How those stores named their files. Any other path could lead outside."""


class Old(NamedTuple):
    """What a manifest says."""

    sources: list[Source]
    files: list[tuple[str, DataFile]]
    """Path below the store, and the file as it will be, but for its name's end."""
    joins: list[Join]
    needles: str


def is_old(address: str) -> bool:
    """Whether a store of version 0.1.0 lies there."""
    return os.path.isfile(os.path.join(address, OLD_MANIFEST))


def adopt_old(address: str, counters: Counters, work: str) -> int:
    """Make a store of version 0.1.0 one of this version, in one commit. Its files are linked, not copied.

    Args:
        address: its directory; this run holds its lock.
        counters: takes files that are missing.
        work: a directory for unfinished files.

    Returns:
        The number of files.

    Raises:
        InputError: the manifest is damaged.
        OSError: the files cannot be linked or copied.
    """
    old = read_manifest(os.path.join(address, OLD_MANIFEST))
    create(address, table_schema(), adopts=True)
    contents = Contents(address, adopts=True)
    if not contents.log.guard:  # else a run was killed after its commit
        files = []
        for name, file in old.files:
            try:
                files.append(_linked(contents, name, file))
            except FileNotFoundError:
                counters.problems.append(
                    Problem(
                        os.path.join(address, name),
                        "missing",
                        f"its {file.rows:,} rows are left out; logscan store repair reads them again from"
                        " their logs",
                    )
                )
        contents.state.note(old.sources, (), old.joins)
        contents.log.needles = int(old.needles[:15] or "0", 16)
        contents.commit("adopt", files, work=work, logs=len(old.sources), from_version="0.1.0")
    os.replace(os.path.join(address, OLD_MANIFEST), os.path.join(address, KEPT_AS))
    for name, _ in old.files:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(address, name))
            os.removedirs(os.path.dirname(os.path.join(address, name)))
    return len(old.files)


def _linked(contents: Contents, name: str, file: DataFile) -> DataFile:
    """A file at its new place, where its name says where its filters are."""
    import pyarrow.parquet as pq

    from logscan._store.picked_rows import damage_errors

    path = contents.storage.path(name)
    file.size = os.stat(path).st_size
    with contextlib.suppress(*damage_errors()):
        file.statistics = bounds_of(pq.read_metadata(path))  # a check reports damage
    target = contents.storage.path(file.name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with contextlib.suppress(FileExistsError):
        try:
            os.link(path, target)
        except OSError as error:
            if isinstance(error, FileExistsError):
                raise
            shutil.copyfile(path, f"{target}.part")
            os.replace(f"{target}.part", target)
    return file


def read_manifest(path: str) -> Old:
    """Read a manifest.

    Raises:
        InputError: it is damaged, or of another version.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content: dict[str, Any] = json.load(file)
        version = content["version"]
        if version not in _VERSIONS:
            raise InputError(f"{path}: a store of version {version}", "use the logscan that made it")
        files = [_file(values) for values in content["files"]]
        seen: dict[int, tuple[str, str]] = {}
        for place, (device, inode, modified, size, source) in content["seen"].items():
            seen[source] = (place, f"{device}:{inode}:{size}:{modified}")
        sources = [_source(values, seen) for values in content["sources"]]
        joins = [
            Join(**{**values, "rows": [(source, offset) for source, offset in values["rows"]]})
            for values in content["joins"]
        ]
        return Old(sources, files, joins, str(content["needles"]))
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InputError(
            f"{path}: damaged ({first_line(error)})",
            "restore it from a backup, or move it away: then logscan store repair makes a store of the"
            " Parquet files alone",
        ) from error


def _source(values: dict[str, Any], seen: dict[int, tuple[str, str]]) -> Source:
    last = values.pop("last")
    number = int(values["id"])
    place, stamp = seen.get(number, ("", ""))
    return Source(
        **values, rank=number, last=None if last is None else (last[0], last[1]), place=place, stamp=stamp
    )


def _file(values: dict[str, Any]) -> tuple[str, DataFile]:
    name = values["name"]
    if not _OLD_NAME.fullmatch(name) or name.partition("/")[0] != values["kind"]:
        raise ValueError(f"{name[:200]!r} is no path of a store")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", values["date"], re.ASCII):
        raise ValueError(f"{values['date'][:40]!r} is no date")
    parts = [(int(source), int(begin), int(end)) for source, begin, end in values["parts"]]
    blooms = [(int(offset), int(size)) for offset, size in values["blooms"]]
    base = os.path.basename(name).removesuffix(".parquet")
    new = (
        f"{folder_of(values['kind'], values['date'], values['host'])}/{base}{filters_in_name(blooms)}.parquet"
    )
    return name, DataFile(new, int(values["rows"]), int(values["size"]), parts)
