"""Hosts that the system's ``ssh`` reaches: their addresses, and the command line.

Configuration, keys, agent, jump hosts and known hosts are those of ``ssh``. It never asks a person, and
refuses a host key that is not known.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from logscan.errors import UsageError

SCHEME = "ssh://"
CONNECT_SECONDS = 10
"""How long the connection to a host may take."""
_ADDRESS = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][\w.$+-]{0,63})@)?"
    r"(?P<name>\[[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,32})?\]|[A-Za-z0-9_][\w.-]{0,254})"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)?",
    re.ASCII | re.DOTALL,
)


class Host(NamedTuple):
    """Where ``ssh`` goes."""

    name: str
    """As ``ssh`` takes it: an alias of its configuration, a name, or a number."""
    user: str = ""
    port: int = 0

    @property
    def address(self) -> str:
        """The address without a path: the beginning of the paths of its files."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        user, port = self.user and f"{self.user}@", f":{self.port}" if self.port else ""
        return f"{SCHEME}{user}{name}{port}"

    @property
    def label(self) -> str:
        """What its incidents call it."""
        return f"{self.name}:{self.port}" if self.port else self.name

    @property
    def by_hand(self) -> str:
        """What a person writes after ``ssh`` to try it."""
        port, user = f"-p {self.port} " if self.port else "", f"{self.user}@" if self.user else ""
        return f"{port}{user}{self.name}"

    def command(self, script: str) -> list[str]:
        """The command line that runs a script of ``sh`` there."""
        line = [
            "ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}",
            "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "LogLevel=ERROR",
            "-o", "ClearAllForwardings=yes", "-o", "ForwardAgent=no",
        ]  # fmt: skip
        if self.port:
            line += ["-p", str(self.port)]
        if self.user:
            line += ["-l", self.user]
        return [*line, "--", self.name, f"exec sh -c {shlex.quote(script)}"]


def is_ssh(path: str) -> bool:
    """Whether a path lies on a host that ``ssh`` reaches."""
    return path.startswith(SCHEME)


def parsed(path: str) -> tuple[Host, str]:
    """The host of an address, and the path there; "/" where the address has none.

    Raises:
        UsageError: a host, user or port that cannot be one.
    """
    found = _ADDRESS.fullmatch(path)
    if found is None or "\0" in path or (found["port"] and not 0 < int(found["port"]) < 65_536):
        secret = "@" in path and ":" in path[len(SCHEME) :].partition("@")[0]
        hint = "give no password: ssh takes a key" if secret else "write ssh://[user@]host[:port]/path"
        raise UsageError(f"{path}: not an address for ssh", hint)
    name = found["name"].strip("[]")
    return Host(name, found["user"] or "", int(found["port"] or 0)), found["path"] or "/"
