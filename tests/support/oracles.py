"""Programs that logscan is compared with. A test that needs one says so with :func:`needs`;
the end of each run names the ones that this machine lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Oracle(NamedTuple):
    """A program, or several that come together."""

    name: str
    paths: tuple[str, ...]
    """Empty where one of its programs is not installed."""
    checks: str
    """What is not checked without it."""

    @property
    def path(self) -> str:
        """The first program; ``""`` without the oracle."""
        return self.paths[0] if self.paths else ""


def _all(*names: str) -> tuple[str, ...]:
    paths = [shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") for name in names]
    return tuple(path for path in paths if path) if all(paths) else ()


JDK = Oracle("JDK", _all("java", "javac", "keytool"), "the key manager, keystores that keytool writes")
TSHARK = Oracle("tshark", _all("tshark"), "captures, packet by packet")
CHROMIUM = Oracle("Chromium", _all("chromium") or _all("chromium-browser") or _all("google-chrome"), "pages")
SSHD = Oracle("sshd", _all("sshd", "ssh-keygen", "ssh"), "ssh://")
OPENSSL = Oracle("openssl", _all("openssl"), "keystores and handshakes of OpenSSL")
ORACLES = (JDK, TSHARK, CHROMIUM, SSHD, OPENSSL)


def needs(oracle: Oracle) -> pytest.MarkDecorator:
    """Skip a test where the oracle is absent."""
    return pytest.mark.skipif(not oracle.paths, reason=f"no {oracle.name} here")


def require(oracle: Oracle) -> None:
    """The same within a fixture."""
    if not oracle.paths:
        pytest.skip(f"no {oracle.name} here")


JVM = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.language=en")
"""Options with which a short Java program takes half the time."""


def keytool(*args: str | Path) -> str:
    """Run the JDK's keytool; what it prints."""
    command = [JDK.paths[2], *(f"-J{option}" for option in JVM), *args]
    return subprocess.run(command, check=True, capture_output=True, timeout=60, text=True).stdout


def summary() -> str:
    """The line at the end of a run."""
    absent = [f"{oracle.name} ({oracle.checks})" for oracle in ORACLES if not oracle.paths]
    return f"Absent oracles: {', '.join(absent) or 'none'}"
