"""Real hosts for ssh: one OpenSSH server on this machine, whose ports are hosts with other means."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.command import ROOT
from support.oracles import SSHD, require

KINDS = {
    "full": "logscan is installed",
    "bare": "Python alone",
    "none": "neither",
    "evil": "something else is called logscan",
    "py36": "Python 3.6 without grep, where there is one",
    "py39": "Python 3.9 with grep, where there is one",
    "tokyo": "logscan is installed, in another zone",
    "tokyobare": "Python alone, in another zone",
}


def python_of(version: str) -> Path | None:
    """A Python of a version, on the PATH or of pyenv; ``None`` where there is none."""
    installed = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python{version}"))
    found = shutil.which(f"python{version}", path="/usr/bin:/usr/local/bin")
    return Path(found) if found else next(iter(installed), None)


EVIL = Path(__file__).with_name("evil_host.py")


class Hosts:
    """The hosts of a test: ``full``, ``bare``, ``none`` … and as many more names as a test wants.

    Attributes:
        env: what the environment of a command must have.
        folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        require(SSHD)
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "there").mkdir()
        (folder / "empty").mkdir()
        (folder / "evil").mkdir()
        for kind, version in (("py36", "3.6"), ("py39", "3.9")):
            (folder / kind).mkdir()
            if (python := python_of(version)) is not None:
                (folder / kind / "python3").symlink_to(python)
        self._script(folder / "evil/logscan", f'exec {sys.executable} {EVIL} {folder}/evil/how "$@"')
        for key in ("host", "key", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        (folder / "keys").write_text((folder / "key.pub").read_text())
        self._script(folder / "there/logscan", f'PYTHONPATH={ROOT} exec {sys.executable} -m logscan "$@"')
        for name in (
            "sh",
            "nice",
            "sleep",
            "cat",
            "tail",
            "ls",
            "wc",
            "find",
            "sort",
            "test",
            "printf",
            "head",
        ):
            (folder / "empty" / name).symlink_to(shutil.which(name) or "/bin/" + name)
        self.ports = {kind: _free_port() for kind in KINDS}
        self._configure_server()
        self.config = folder / "ssh_config"
        self._script(folder / "bin/ssh", f'exec {shutil.which("ssh")} -F {self.config} "$@"')
        self.names: dict[str, str] = {}
        for kind in KINDS:
            self.name(kind, kind)
        self.env: dict[str, Any] = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "SSH_AUTH_SOCK": "",
        }  # fmt: skip
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        with (folder / "sshd.log").open("wb") as log:
            self._server = subprocess.Popen([SSHD.path, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
        for port in self.ports.values():
            _wait_for(port)

    def name(self, alias: str, kind: str = "full", *more: str) -> str:
        """A further host; ``more``: lines of its configuration."""
        key = f"HostKeyAlias {alias}"
        public = " ".join((self.folder / "host.pub").read_text().split()[:2])
        with (self.folder / "known_hosts").open("a") as file:
            file.write(f"{alias} {public}\n")
        lines = [
            f"Host {alias}", "HostName 127.0.0.1", f"Port {self.ports[kind]}", f"User {getpass.getuser()}", key,
            f"IdentityFile {self.folder / 'key'}", "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.folder / 'known_hosts'}",
        ]  # fmt: skip
        own = {line.split()[0] for line in more}
        with self.config.open("a") as file:
            kept = [line for line in lines if line.split()[0] not in own]
            file.write("\n  ".join([kept[0], *more, *kept[1:]]) + "\n")
        return f"ssh://{alias}"

    def behave(self, how: str) -> None:
        """What the host ``evil`` does: see support/evil_host.py."""
        (self.folder / "evil/how").write_text(how)

    def close(self) -> None:
        """End the server."""
        self._server.terminate()
        self._server.wait(timeout=10)

    def _configure_server(self) -> None:
        folder = self.folder
        paths = {
            "full": f"{folder}/there:/usr/bin:/bin", "bare": "/usr/bin:/bin", "none": f"{folder}/empty",
            "evil": f"{folder}/evil:/usr/bin:/bin",
            "py36": f"{folder}/py36:{folder}/empty",
            "py39": f"{folder}/py39:/usr/bin:/bin",
        }  # fmt: skip
        lines = [f"Port {port}" for port in self.ports.values()]
        lines += [
            "ListenAddress 127.0.0.1", f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/keys",
            "StrictModes no", f"PidFile {folder}/pid", "PasswordAuthentication no", "UsePAM no",
            "PermitRootLogin yes", f"Banner {folder}/banner", "MaxStartups 100", "MaxSessions 100",
        ]  # fmt: skip
        (folder / "banner").write_text("*** Authorized use only ***\n" * 3)
        for kind, port in self.ports.items():
            zone = "Asia/Tokyo" if kind.startswith("tokyo") else "UTC"
            path = paths[{"tokyo": "full", "tokyobare": "bare"}.get(kind, kind)]
            lines += [f"Match LocalPort {port}", f'  SetEnv PATH="{path}" TZ="{zone}" HOME="{folder}"']
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


@contextlib.contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """Hosts, as long as they are needed."""
    made = Hosts(folder)
    try:
        yield made
    finally:
        made.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
