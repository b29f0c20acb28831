"""Hosts: what the Message Processors are called that wrote some logs, by where the logs lie.

Logs of this machine have its name. Collected logs lie in a folder for each host, or have the host in their
names. One name is never given to two folders of one run: it becomes longer instead.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import takewhile
from urllib.parse import urlsplit

from logscan._reading.paths import describe
from logscan._reading.remote import is_remote
from logscan._reading.ssh import is_ssh, parsed
from logscan._reading.unpack import STDIN

LIVE = "/opt/apigee/"
"""Below it lie the logs of this machine."""
_COMMON = re.compile(
    r"opt|var|srv|mnt|apigee|logs?|data|edge-message-processor|message-processor|archived?|old|rotated|backup"
    r"|olddir|\d{4}-?\d\d(?:-?\d\d)?(?:[T_-]?\d{2,6})?",
    re.IGNORECASE,
)
"""Names of folders that say nothing of a host: those of every machine, and dates."""
_DAY = re.compile(r"/\d{4}/\d\d(?:/\d\d)?(?=/|$)")
"""Folders for a year, its months and their days."""
_ENDING = re.compile(r"\.(?:log|txt|out)$", re.IGNORECASE)
_OF_ALL = r"system|startup\w*|transactions?|configurations?|metrics|apigee-monitoring|edge-message-processor"
_USUAL = re.compile(_OF_ALL, re.IGNORECASE)
"""Names of logs that every host has."""
_AROUND = re.compile(rf"(?:{_OF_ALL})[-_.](?P<after>.+)|(?P<before>.+?)[-_.](?:{_OF_ALL})", re.IGNORECASE)

Parts = tuple[str, ...]


def host_of(path: str) -> str:
    """The name of the host that wrote a log, by its path alone: the same whatever other logs there are."""
    given, folders, file = _read(path)
    return given or (file or (folders[-1] if folders else this_machine()))


def hosts_of(paths: Iterable[str]) -> dict[str, str]:
    """The names of the hosts that wrote the logs of a run: by the folder in which their paths differ.

    Args:
        paths: live names of the logs (:attr:`logscan._reading.paths.LogFile.stem`).
    """
    names: dict[str, str] = {}
    places: dict[str, tuple[Parts, str]] = {}
    for path in paths:
        given, folders, file = _read(path)
        if given:
            names[path] = given
        else:
            places[path] = folders, file
    usual = {folders for folders, file in places.values() if not file}
    parts = {
        path: folders if not file or folders in usual else (*folders, file)
        for path, (folders, file) in places.items()
    }
    short = _shortened(set(parts.values()))
    return names | {path: short[found] for path, found in parts.items()}


def this_machine() -> str:
    """The name of this machine."""
    import socket  # only here: it is not needed for collected logs

    return socket.gethostname() or "localhost"


def _read(path: str) -> tuple[str, Parts, str]:
    """What a path says: the host's name, if that is certain; else the folders that may be it, and the file's
    name, if it may be."""
    if path == STDIN:
        return "standard input", (), ""
    stem = describe(path).stem
    if is_remote(stem):
        if is_ssh(stem):
            return parsed(stem)[0].label, (), ""
        address = urlsplit(stem)
        folder, _, name = f"{address.netloc.rpartition('@')[2]}{address.path}".rpartition("/")
    else:
        folder, name = os.path.split(os.path.abspath(stem))
        if f"{folder}/".startswith(LIVE):
            return this_machine(), (), ""
    parts = _DAY.sub("", folder).split("/")
    folders = tuple(part for part in parts if part and not _COMMON.fullmatch(part))
    return "", folders, _in_name(_ENDING.sub("", name))


def _in_name(name: str) -> str:
    """The host in the name of a file; empty if it is that of a usual log."""
    if not name or _USUAL.fullmatch(name):
        return ""
    around = _AROUND.fullmatch(name)
    return (around["after"] or around["before"]) if around else name


def _shortened(places: set[Parts]) -> dict[Parts, str]:
    """A name for each place, different for different ones, as short as that allows."""
    named = {place: place[-1] for place in places if place}
    if len(set(named.values())) < len(named):
        alike = len(list(takewhile(lambda level: len(set(level)) == 1, zip(*named, strict=False))))
        first = {place: place[alike] if len(place) > alike else place[-1] for place in named}
        named = first if len(set(first.values())) == len(named) else _longer(named)
    return {place: named.get(place) or this_machine() for place in places}


def _longer(places: Iterable[Parts]) -> dict[Parts, str]:
    """Of each place its last parts, as many as tell it from those that end alike."""
    names: dict[Parts, str] = {}
    groups: dict[str, list[Parts]] = {"": list(places)}
    size = 0
    while groups:
        size += 1
        endings: dict[str, list[Parts]] = defaultdict(list)
        for group in groups.values():
            for place in group:
                endings["/".join(place[-size:])].append(place)
        for name, group in endings.items():
            if len(group) == 1 or all(len(place) < size for place in group):
                names |= dict.fromkeys(group, name)
        groups = {name: group for name, group in endings.items() if group[0] not in names}
    return names
