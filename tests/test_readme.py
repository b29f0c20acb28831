"""The README is executed: every command there runs and prints what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from logscan._cli._commands import COMMANDS
from support import pages
from support.command import ROOT, environment

TEXT = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", TEXT, re.DOTALL)


INSTALLS = [command for command, _ in pages.commands(TEXT) if "-m venv" in command]
CHAPTERS = {
    chapter.partition("\n")[0]: [pair for pair in pages.commands(chapter) if pair[0] not in INSTALLS]
    for chapter in TEXT.split("\n## ")
}
RUNS = {title: shown for title, shown in CHAPTERS.items() if shown}


@pytest.mark.parametrize("title", RUNS)
def test_commands(title: str, tmp_path: Path) -> None:
    """The commands of a chapter, in order, end well and print what it shows, to the last byte."""
    assert pages.run(RUNS[title], tmp_path) == []


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
    assert TEXT.index(INSTALLS[0]) < TEXT.index(INSTALLS[1]) < TEXT.index(next(iter(RUNS.values()))[0][0])


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
