"""The README is executed: every command there runs and prints what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from logscan._cli._commands import COMMANDS
from support.command import ROOT, environment

TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each command with the output that is shown for it."""
    found = []
    for block in BLOCKS:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


INSTALLS = [command for command, _ in commands() if "-m venv" in command]
RUNS = [pair for pair in commands() if "-m venv" not in pair[0]]


@pytest.fixture(scope="module")
def path_with_logscan(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the command as the tests' Python runs it."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "logscan"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logscan "$@"\n')
    script.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(("command", "output"), RUNS, ids=[command for command, _ in RUNS])
def test_commands(command: str, output: str, path_with_logscan: str) -> None:
    """It ends well and prints what the README shows, to the last byte."""
    env = environment()
    env["PATH"] = f"{path_with_logscan}:{env['PATH']}"
    done = subprocess.run(command, shell=True, capture_output=True, cwd=ROOT, env=env, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    shown = done.stdout.decode()
    assert shown == output


def test_there_is_one_command_to_install_and_one_to_test() -> None:
    """Both are the first in the README; the first runs the main job, the second is what `make test` and CI run."""
    assert len(INSTALLS) == 2
    assert "pip install" in INSTALLS[0]
    assert INSTALLS[0].endswith("logscan report sample_logs/")
    tests = "pytest -q -n logical"
    assert INSTALLS[1].endswith(f"/{tests}")
    assert f"test: ## The quick run\n\t$(BIN){tests}\n" in (ROOT / "Makefile").read_text()
    (pattern,) = re.findall(r"sed -n '(.*)' README.md", (ROOT / ".ci/run").read_text())
    done = subprocess.run(["sed", "-n", pattern, "README.md"], capture_output=True, cwd=ROOT, timeout=60)
    assert done.stdout.decode() == f"{INSTALLS[1]}\n"
    assert TEXT.index(INSTALLS[0]) < TEXT.index(INSTALLS[1]) < TEXT.index(RUNS[0][0])


@pytest.mark.thorough
def test_the_install_command(tmp_path: Path) -> None:
    """As a stranger would type it, in a copy without what a developer has."""
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True, timeout=60)
    done = subprocess.run(INSTALLS[0], shell=True, capture_output=True, cwd=copy, timeout=280)
    assert done.returncode == 0, done.stderr.decode()
    assert b"bad_certificate: 11 failed handshakes in 5 incidents" in done.stdout


@pytest.mark.parametrize(("code", "output"), PYTHON)
def test_python_examples(code: str, output: str) -> None:
    """The library's example prints what it shows."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == output.split()


def test_every_command_and_document_is_named() -> None:
    """Each command has a chapter, each page of docs/ that the README links is there."""
    for command in COMMANDS:
        assert f"logscan {command}" in TEXT
    for link in re.findall(r"\]\(([\w/.-]+)\)", TEXT):
        assert (ROOT / link).exists(), link
