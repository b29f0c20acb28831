"""Proxy bundles: a zip or a folder becomes an API proxy's targets with their TLS settings.

A zip is read in memory, never unpacked to disk: names that point outside cannot harm, and what it expands
to is bounded.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from logscan._evidence.configuration import Proxy, Target, TlsSettings, settings_from
from logscan._evidence.xml import child_text, read_xml, text_of
from logscan.errors import InputError, first_line
from logscan.nodes import is_stream

MAX_FILES = 20_000
MAX_FILE = 4 << 20
"""Bytes of one file of a bundle."""
MAX_TOTAL = 128 << 20
"""Bytes of all files that are read of a bundle."""
ROOTS = ("apiproxy", "sharedflowbundle")


def is_bundle_folder(path: str) -> bool:
    """Whether a folder is a bundle, or holds one."""
    return any((Path(path) / root).is_dir() for root in ROOTS) or Path(path).name in ROOTS


def read_bundle_zip(data: bytes, source: str) -> Proxy:
    """A bundle from a zip file.

    Raises:
        InputError: it is no zip, or holds no bundle.
    """
    problems: list[str] = []
    with open_zip(data, source) as archive:
        return _proxy(list(_zipped(archive, problems)), source, problems)


def open_zip(data: bytes, source: str) -> zipfile.ZipFile:
    """A zip in memory whose list of files is bounded.

    Raises:
        InputError: it is no zip, or lists too many files.
    """
    if data.count(b"PK\x01\x02") > 2 * MAX_FILES:  # the list is read as a whole, whatever it says of itself
        raise InputError(f"{source}: the zip lists more than {2 * MAX_FILES:,} files: not read")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except Exception as error:  # whatever the library raises on bytes from outside
        raise InputError(
            f"{source}: the zip cannot be read: {first_line(error)}", "export the proxy's revision again"
        ) from error


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """The first bytes of one file of a zip, one more than the limit at most.

    Raises:
        ValueError: it cannot be unpacked.
    """
    try:
        with archive.open(info) as file:
            return file.read(limit + 1)
    except Exception as error:  # every kind of packing raises errors of its own
        raise ValueError(f"cannot be unpacked: {first_line(error)}") from error


def _zipped(archive: zipfile.ZipFile, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    total = 0
    for count, info in enumerate(archive.infolist()):
        if count >= MAX_FILES:
            problems.append(f"more than {MAX_FILES:,} files: the rest was not read")
            return
        if not _wanted(info.filename):
            continue
        try:
            data = unpacked(archive, info, min(MAX_FILE, MAX_TOTAL - total))
        except ValueError as error:
            problems.append(f"{info.filename}: {error}")
            continue
        total += len(data)
        if len(data) > MAX_FILE or total > MAX_TOTAL:
            problems.append(f"{info.filename}: expands to more than {MAX_FILE:,} bytes: not read")
            continue
        yield info.filename, data


def read_bundle_folder(path: str) -> Proxy:
    """A bundle from a folder that holds ``apiproxy/``, or is it.

    Raises:
        InputError: it holds no bundle.
    """
    root = Path(path)
    problems: list[str] = []
    files: list[tuple[str, bytes]] = []
    total = 0
    inside = "" if root.name not in ROOTS else root.name + "/"
    for count, file in enumerate(sorted(islice(root.rglob("*.xml"), MAX_FILES + 1))):
        name = inside + file.relative_to(root).as_posix()
        if count >= MAX_FILES or total > MAX_TOTAL:
            problems.append(f"more than {MAX_FILES:,} files or {MAX_TOTAL:,} bytes: the rest was not read")
            break
        if is_stream(str(file)):  # it would never end
            problems.append(f"{file}: is no file: skipped")
        elif _wanted(name) and file.is_file():
            try:
                with file.open("rb") as opened:
                    data = opened.read(MAX_FILE + 1)
            except OSError as error:
                problems.append(f"{file}: {error.strerror}")
                continue
            if len(data) > MAX_FILE:
                problems.append(f"{file}: more than {MAX_FILE:,} bytes: not read")
                continue
            total += len(data)
            files.append((name, data))
    return _proxy(files, path, problems)


def read_bundle_file(data: bytes, source: str) -> Proxy:
    """A single ``TargetEndpoint`` as a bundle of its own.

    Raises:
        ValueError: it is no XML.
    """
    root = read_xml(data)
    targets = (_target(root, "target endpoint", source, source),) if root.tag == "TargetEndpoint" else ()
    return Proxy(None, None, targets, source)


_PLACE = re.compile(r"(?:^|/)(?:apiproxy|sharedflowbundle)/(?:(targets|policies|proxies)/)?[^/]+\.xml$")


def _wanted(name: str) -> bool:
    return _PLACE.search(name.replace("\\", "/")) is not None


def _proxy(files: list[tuple[str, bytes]], source: str, problems: list[str]) -> Proxy:
    name = revision = None
    targets: list[Target] = []
    for path, data in files:
        try:
            root = read_xml(data)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        if root.tag in ("APIProxy", "SharedFlowBundle"):
            name, revision = root.get("name"), root.get("revision")
        elif root.tag == "TargetEndpoint":
            targets.append(_target(root, "target endpoint", path, source))
        elif "/policies/" in path.replace("\\", "/") and _calls_out(root):
            targets.append(_target(root, "policy", path, source))
    if not files:
        raise InputError(
            f"{source}: no proxy bundle: it holds no apiproxy/ folder with XML files",
            "download a revision: /organizations/ORG/apis/PROXY/revisions/REV?format=bundle",
        )
    return Proxy(name, revision, tuple(targets), source, tuple(problems))


def _calls_out(root: Element) -> bool:
    """Whether a policy opens connections of its own."""
    return any(root.find(f".//{tag}") is not None for tag in ("HTTPTargetConnection", "SSLInfo"))


def _target(root: Element, kind: str, path: str, source: str) -> Target:
    connection = root.find(".//HTTPTargetConnection")
    within = connection if connection is not None else root
    info = within.find(".//SSLInfo")
    url = text_of(within.find("URL"))
    servers = tuple(server.get("name") or "" for server in within.iter("Server") if server.get("name"))
    host, port = _address(url)
    place = path if path == source else f"{source}:{path}"
    return Target(kind, root.get("name") or path, url, host, port, servers, _settings(info, place), place)


def _settings(info: Element | None, place: str) -> TlsSettings | None:
    """An ``SSLInfo``; an empty one switches nothing on and is as none."""
    if info is None or not len(info):
        return None
    values: dict[str, object] = {
        str(child.tag): text_of(child) for child in info if child.tag not in ("Protocols", "Ciphers")
    }
    for group, item in (("Protocols", "Protocol"), ("Ciphers", "Cipher")):
        parent = next((child for child in info if child.tag == group), None)
        if parent is not None:
            values[group] = [text_of(child) or "" for child in parent if child.tag == item]
    if child_text(info, "Enabled") is None:
        values["Enabled"] = None
    return settings_from(values, place)


def _address(url: str | None) -> tuple[str | None, int | None]:
    if not url:
        return None, None
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None, None
