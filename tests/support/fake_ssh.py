"""An ``ssh`` that runs the script of a host on this machine: for what needs no server, and for hosts that lie."""

from __future__ import annotations

import os
from pathlib import Path


def fake_ssh(folder: Path, before: str = "", **hosts: str) -> dict[str, str]:
    """What the environment of a command must have, so that its hosts are on this machine.

    Args:
        folder: where the program is put.
        before: lines of ``sh`` that run first on every host.
        hosts: host → lines of ``sh`` that run there, with the script of logscan as ``$script``; else it is run.
    """
    cases = "".join(f"{name}) {text};;\n" for name, text in hosts.items())
    path = folder / "ssh"
    path.write_text(
        "#!/bin/sh\n"
        'while [ "$1" != -- ]; do shift; done\n'
        f"host=$2; script=$3; echo $$ >> {folder}/pids\n{before}\n"
        f'case $host in\n{cases}*) eval "$script";;\nesac\n'
    )
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}


def processes(folder: Path) -> list[int]:
    """The processes of all sessions that were begun so far."""
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_alive(process: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
