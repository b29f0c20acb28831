"""The README is executed: its commands run and print what it shows. It is short, and names every command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from logscan._cli._commands import COMMANDS
from support import pages
from support.command import ROOT, SAMPLES

TEXT = (ROOT / "README.md").read_text()
INSTALLS = [command for command, _ in pages.commands(TEXT) if "-m venv" in command]
RUNS = [pair for pair in pages.commands(TEXT) if pair[0] not in INSTALLS]
CHEATS = pages.typed(TEXT)


def test_commands(tmp_path: Path) -> None:
    """Commands with an output end well and print it, to the last byte."""
    assert RUNS
    assert pages.run(RUNS, tmp_path, from_the_start=True) == []


def test_it_is_short() -> None:
    """At most 900 words, as ``wc -w`` counts all but what commands print."""
    assert pages.words(TEXT) <= 900


def test_words() -> None:
    """Commands count, with their mark; what they print does not."""
    text = "one two\n```console\n$ ls -l\na b c\nd\n$ pwd\n```\n```text\nx y z\n```\n```sh\nls # all\n```\n"
    assert pages.words(text) == len(text.split()) - len([*"abcd", *"xyz", "```text", "```"])


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the cheat sheet names."""
    tls = ROOT / "tests/data/tls"
    (tmp_path / "system.log").symlink_to(tls / "jsse17/ca_mismatch_v1.2.client.log")
    (tmp_path / "handshake.pcap").symlink_to(tls / "jsse17/ca_mismatch_v1.2.pcap")
    (tmp_path / "client.p12").symlink_to(tls / "pki/good.p12")
    (tmp_path / "samples").symlink_to(SAMPLES)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/mp01").symlink_to(SAMPLES / "noise")
    (tmp_path / "logs/mp02").symlink_to(SAMPLES / "interleaved")
    (tmp_path / "logscan.toml").write_text(f'paths = ["{SAMPLES}"]\n')
    return tmp_path


@pytest.mark.parametrize("command", [command for command in CHEATS if "tail" not in command])
def test_cheat_sheet(command: str, desk: Path) -> None:
    """Each line does what it says, on a machine whose log is the sample logs. (Others test that tail follows.)"""
    reader = pages.Reader(desk)
    reader.env["LOGSCAN_CONFIG"] = str(desk / "logscan.toml")
    if "search" in command:  # which takes no paths from a configuration
        command += " samples"
    done = reader.run(command, desk)
    assert done.returncode == ("--fail-on" in command), done.stderr.decode()
    for name in re.findall(r"-o (\S+)", command):
        assert (desk / name).stat().st_size > 100
    if "search router" in command:
        assert done.stdout.decode().count("router01.example.com-4321-1001-1") == 4


def test_there_is_one_command_to_install_and_one_to_test() -> None:
    """Both are the first in the README; the first runs the main job, the second is what `make test` and CI run."""
    assert len(INSTALLS) == 2
    assert "pip install" in INSTALLS[0]
    assert INSTALLS[0].endswith("logscan report sample_logs/")
    tests = "pytest -q -n auto"
    assert INSTALLS[1].endswith(f"/{tests}")
    assert f"test: ## The quick run\n\t$(BIN){tests}\n" in (ROOT / "Makefile").read_text()
    (pattern,) = re.findall(r"sed -n '(.*)' README.md", (ROOT / ".ci/run").read_text())
    done = subprocess.run(["sed", "-n", pattern, "README.md"], capture_output=True, cwd=ROOT, timeout=60)
    assert done.stdout.decode() == f"{INSTALLS[1]}\n"
    assert TEXT.index(INSTALLS[0]) < TEXT.index(INSTALLS[1]) < TEXT.index(CHEATS[0]) < TEXT.index(RUNS[0][0])


@pytest.mark.thorough
def test_the_install_command(tmp_path: Path) -> None:
    """As a stranger would type it, in a copy without what a developer has."""
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True, timeout=60)
    done = subprocess.run(INSTALLS[0], shell=True, capture_output=True, cwd=copy, timeout=280)
    assert done.returncode == 0, done.stderr.decode()
    assert b"client-certificate: 15 failed handshakes in 8 incidents" in done.stdout
    code = "import logscan; print(len(logscan.read_incidents('sample_logs')))"
    done = subprocess.run([copy / ".venv/bin/python", "-c", code], capture_output=True, cwd=copy, timeout=60)
    assert int(done.stdout) > 5, done.stderr.decode()


def test_every_command_is_named() -> None:
    """Also in the other direction: what the README calls a command is one."""
    assert set(re.findall(r"`logscan ([a-z]+)", TEXT)) == set(COMMANDS)
