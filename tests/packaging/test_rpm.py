"""The RPM is built around the archive, holds all of it, and rpmlint finds no error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.command import ROOT

RPM = ROOT / "packaging" / "rpm"
ARCHIVE = os.environ.get("LOGSCAN_BUNDLE", "")

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]  # it packs 135 MB


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from the archive."""
    if shutil.which("rpmbuild") is None:
        pytest.skip("no rpmbuild (apt-get install rpm, dnf install rpm-build)")
    if not ARCHIVE:
        pytest.skip(
            "no archive: packaging/bundle/build.sh, then LOGSCAN_BUNDLE=dist/logscan-…-linux-x86_64.tar.xz"
        )
    folder = tmp_path_factory.mktemp("rpm")
    done = subprocess.run(
        [RPM / "build.sh", ARCHIVE, folder], capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.rpm")
    return found


def query(package: Path, *arguments: str) -> list[str]:
    """What rpm says of a package file, line by line."""
    words = ["rpm", "--query", "--package", *arguments, str(package)]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def test_what_it_holds(package: Path) -> None:
    """The whole archive below /opt/logscan, the command on the PATH, the units."""
    files = set(query(package, "--list"))
    listed = subprocess.run(
        ["tar", "-tf", ARCHIVE], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    inside = {
        re.sub("^[^/]*", "/opt/logscan", name).rstrip("/")
        for name in listed
        if not re.match("[^/]*/systemd(/|$)", name)
    }
    assert inside <= files
    assert files - inside == {
        "/etc/logscan", "/etc/logscan/edge.toml", "/usr/bin/logscan",
        "/usr/lib/systemd/system/logscan-report@.service", "/usr/lib/systemd/system/logscan-report@.timer",
        "/usr/lib/systemd/system/logscan-tail@.service",
    }  # fmt: skip
    assert query(package, "--configfiles") == ["/etc/logscan/edge.toml"]


def test_what_it_needs(package: Path) -> None:
    """Of a host: glibc 2.17, libgcc and a shell; nothing of it is offered to other packages."""
    requires = {re.sub(r"\(.*| .*", "", line) for line in query(package, "--requires")}
    assert {name for name in requires if not name.startswith(("lib", "rpmlib"))} == {"/bin/sh"}
    versions = re.findall(r"GLIBC_([\d.]+)", "\n".join(query(package, "--requires")))
    assert all(tuple(map(int, version.split("."))) <= (2, 17) for version in versions)
    assert {re.sub(r"[( ].*", "", line) for line in query(package, "--provides")} == {"apigee-logscan"}


def test_it_runs_after_it_is_unpacked(package: Path, tmp_path: Path) -> None:
    """As rpm would lay it out."""
    if shutil.which("rpm2cpio") is None or shutil.which("cpio") is None:
        pytest.skip("no rpm2cpio and cpio")
    subprocess.run(
        f"rpm2cpio {package} | cpio --quiet -idm", shell=True, cwd=tmp_path, check=True, timeout=120
    )
    assert os.readlink(tmp_path / "usr/bin/logscan") == "../../opt/logscan/bin/logscan"
    done = subprocess.run(
        [tmp_path / "opt/logscan/bin/logscan", "--version"], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout[:8]) == (0, b"logscan ")


def test_rpmlint(package: Path) -> None:
    """No error."""
    if shutil.which("rpmlint") is None:
        pytest.skip("no rpmlint (apt-get install rpmlint, dnf install rpmlint)")
    done = subprocess.run(
        ["rpmlint", "--rpmlintrc", RPM / "rpmlintrc", package],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if " E: " in line] == []
    assert re.search(r" 0 errors", done.stdout), done.stdout + done.stderr
