"""The wheelhouse: built once, installed without a network; and what its installer says of what it cannot use."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import DATA, ROOT, SAMPLES, environment

FOLDER = ROOT / "packaging/wheelhouse"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
TOOLS = ("sha256sum", "uname", "getconf", "cut", "sed", "head", "ls", "dirname")


def outside(**more: str) -> dict[str, str]:
    """The environment of a command that must find what is installed, not this checkout."""
    env = environment(**more)
    del env["PYTHONPATH"]
    return env


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A wheelhouse without wheels."""
    folder = tmp_path / "house"
    folder.mkdir()
    shutil.copy(FOLDER / "install.sh", folder)
    (folder / "ARCH").write_text(f"{os.uname().machine}\n")
    (folder / "requirements-3.11.txt").write_text("apigee-logscan==0\n")
    signed(folder)
    return folder


def signed(folder: Path) -> None:
    """Write the sums of the files that are there."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.name}\n" for path in files)
    )


def install(house: Path, *arguments: str, path: str | None = None) -> tuple[int, str]:
    """Run the installer: its exit code and its one line."""
    env = outside() if path is None else outside(PATH=path)
    done = subprocess.run(
        ["/bin/sh", house / "install.sh", *arguments], capture_output=True, env=env, timeout=60
    )
    assert done.stdout == b"", done.stdout
    assert done.stderr.count(b"\n") == 1, done.stderr.decode()
    return done.returncode, done.stderr.decode()


def test_damage_is_named(house: Path, tmp_path: Path) -> None:
    """A file that has changed, and one that is missing; nothing is installed."""
    (house / "ARCH").write_text("x86_65\n")
    expected = "install.sh: damaged or missing: ./ARCH: copy the wheelhouse again\n"
    assert install(house, str(tmp_path / "venv")) == (2, expected)
    (house / "ARCH").unlink()
    assert install(house, str(tmp_path / "venv")) == (2, expected)
    assert not (tmp_path / "venv").exists()


def test_another_processor(house: Path, tmp_path: Path) -> None:
    """Both are named, and what to do."""
    (house / "ARCH").write_text("s390x\n")
    signed(house)
    code, line = install(house, str(tmp_path / "venv"))
    assert code == 2
    assert line.startswith("install.sh: this wheelhouse is for s390x, this machine is ")


def test_no_python(house: Path, tmp_path: Path) -> None:
    """The line has the command that installs one."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        where = shutil.which(name)
        if where is None:
            pytest.skip(f"{name} is not here")
        (tools / name).symlink_to(where)
    (tools / "python3").write_text("#!/bin/sh\necho 3.6\n")
    (tools / "python3").chmod(0o755)
    code, line = install(house, str(tmp_path / "venv"), path=str(tools))
    assert (code, "no Python 3.11 on this machine: dnf install python3.11" in line) == (2, True), line
    code, line = install(house, "--python", "python3", str(tmp_path / "venv"), path=str(tools))
    assert (code, "python3 is Python 3.6; this wheelhouse is for 3.11" in line) == (2, True), line
    code, line = install(house, "--python", "python9", str(tmp_path / "venv"), path=str(tools))
    assert (code, "python9: cannot be run" in line) == (2, True), line


def test_a_directory_of_others(house: Path, tmp_path: Path) -> None:
    """What is not logscan's is left alone."""
    (house / f"requirements-{PYTHON}.txt").write_text("apigee-logscan==0\n")
    signed(house)
    code, line = install(house, "--python", sys.executable, str(tmp_path))
    assert (code, line) == (2, f"install.sh: {tmp_path}: holds something else: give another directory\n")


@pytest.mark.parametrize("option", ["--arch s390x", "--python", "--what"])
def test_bad_use_of_the_builder(option: str) -> None:
    """One line, before anything is downloaded."""
    done = subprocess.run([FOLDER / "build.sh", *option.split()], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def has_no_network() -> list[str]:
    """What runs a command without a network; empty: nothing here can."""
    command = ["unshare", "-n"]
    if shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode:
        return command
    return []


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_a_host_without_a_network(tmp_path: Path) -> None:
    """Built, copied, installed; then report, search, tail and diagnose do their job there, with frames."""
    without = has_no_network()
    if not without:
        pytest.skip("this machine cannot take the network away from a process")
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True, timeout=60)
    built = subprocess.run(
        [copy / "packaging/wheelhouse/build.sh", "--python", PYTHON, "--out", tmp_path / "house"],
        capture_output=True, env=outside(PYTHON=sys.executable), timeout=800,
    )  # fmt: skip
    if built.returncode:
        pytest.skip(f"no wheels are to be had here: {built.stderr.decode()[-300:]}")
    shutil.rmtree(tmp_path / "house")
    subprocess.run(["tar", "-xf", "house.tar"], cwd=tmp_path, check=True, timeout=60)
    venv = tmp_path / "opt logscan"
    done = subprocess.run(
        [*without, tmp_path / "house/install.sh", "--python", sys.executable, venv],
        capture_output=True, env=outside(), timeout=800,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().endswith(f" is installed: {venv}/bin/logscan\n")

    def run(*arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [*without, *arguments], cwd=SAMPLES, input=stdin, capture_output=True, timeout=120,
            env=outside(LOGSCAN_KEYSTORE_PASSWORD="changeit"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    logscan = str(venv / "bin/logscan")
    log = (SAMPLES / "no-keystore/system.log").read_bytes()
    assert b"client-certificate: 15 failed handshakes in 8 incidents" in run(logscan, "report", ".")
    assert run(logscan, "search", "router01.example.com-4321-1001-1", ".").count(b"4321-1001-1") == 4
    assert b"bad_certificate" in run(logscan, "tail", "--from-start", "-", stdin=log)
    assert b"No keystore is configured for the target." in run(logscan, "diagnose", "no-keystore")
    assert b"good.p12" in run(logscan, "diagnose", "no-keystore", str(DATA / "tls/pki/good.p12"))
    code = "import logscan; print(len(logscan.read_incidents('.')))"
    assert int(run(str(venv / "bin/python"), "-c", code)) > 5
    # Again, as an upgrade does it.
    again = subprocess.run(
        [*without, tmp_path / "house/install.sh", "--python", sys.executable, venv],
        capture_output=True, env=outside(), timeout=800,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr.decode()
