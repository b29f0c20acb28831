"""The test run itself: its end names what was left out and which oracles are absent."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import ROOT, environment
from support.oracles import ORACLES


def run_pytest(*arguments: str, **env: str) -> list[str]:
    """The lines of a run that ends well."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        capture_output=True, cwd=ROOT, env=environment(**env), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode().splitlines()


@pytest.mark.thorough
def test_the_time_limit_names_what_it_leaves_out() -> None:
    """Each test once, without its parameters, whichever worker had it."""
    lines = run_pytest("-n", "2", "--time-limit", "0.0001", "tests/test_times.py")
    begin = next(number for number, line in enumerate(lines) if "left out: the time limit is reached" in line)
    names = [line for line in lines[begin + 1 :] if line.startswith("tests/test_times.py::")]
    assert "tests/test_times.py::test_what_people_type" in names
    assert sorted(set(names)) == names
    assert " skipped in " in lines[-1]


def test_absent_oracles_are_named_and_thorough_tests_wait(tmp_path: Path) -> None:
    """The oracles in the last line before the counts, in CI under a headline."""
    file = "tests/test_readme.py"
    quick = run_pytest("--collect-only", file, CI="")
    thorough = run_pytest("--collect-only", "--thorough", file, PATH=str(tmp_path), CI="true")
    assert set(thorough) - set(quick) >= {f"{file}::test_the_install_command"}
    assert re.search(r"\([1-9] deselected\)", quick[-1])
    (line,) = [line for line in thorough if line.startswith("Absent oracles: ")]
    assert all(f"{oracle.name} ({oracle.checks})" in line for oracle in ORACLES)
    assert any("= absent oracles =" in line for line in thorough)
    assert any(line.startswith("Absent oracles: ") for line in quick)
