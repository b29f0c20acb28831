"""Golden cases: data files in ``cases/``, each run through the real command.

A case is a TOML file: ``args``, and optionally ``cwd`` (a folder of the project to run in), ``stdin``, ``[env]`` and
``[files]`` (name and text of each file in the folder where the command runs; a name that ends with ``/`` makes an empty
folder). ``sample_logs`` of the project lies in that folder too. The last table, ``[expected]``, holds ``status``,
``stdout`` and ``stderr``. ``python tests/cli/test_golden.py`` prints what has changed and, with ``--write``, writes it
into the cases.
"""

from __future__ import annotations

import difflib
import json
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.command import ROOT, SAMPLES, Run, cold, logscan

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
KEYS = {"args", "cwd", "stdin", "env", "files", "expected"}
FROM_THE_START = {tomllib.loads(path.read_text())["args"][0]: path for path in reversed(CASES)}.values()
"""One case of each command, which runs from the start of Python also in the quick run."""
NOTHING = {"status": 0, "stdout": "", "stderr": ""}


def outcome(case: dict[str, Any], folder: Path, run: Run = logscan) -> dict[str, Any]:
    """Run a case in an empty folder."""
    shutil.copytree(SAMPLES, folder / "sample_logs")
    for name, text in case.get("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(text.encode())
    where = ROOT / case["cwd"] if "cwd" in case else folder
    done = run(*case["args"], stdin=case.get("stdin", "").encode(), cwd=where, **case.get("env", {}))
    return {
        "status": done.returncode,
        "stdout": done.stdout.decode(),
        "stderr": done.stderr.decode(),
    }


def rewritten(text: str, got: dict[str, Any]) -> str:
    """The case with another outcome; all that stands before ``[expected]`` stays as it is."""
    head = text.rpartition("\n[expected]\n")[0]
    lines = [f"{key} = {_toml(value)}\n" for key, value in got.items() if value != NOTHING[key]]
    return f"{head}\n[expected]\n{''.join(lines)}"


def _toml(value: object) -> str:
    text = str(value)
    if "\n" in text and "'''" not in text and text.replace("\n", "").replace("\t", "").isprintable():
        return f"'''\n{value}'''"
    return json.dumps(value, ensure_ascii=True)


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path, tmp_path: Path) -> None:
    """The command prints what the case says, and ends as it says."""
    case = tomllib.loads(path.read_text())
    run = cold if path in FROM_THE_START else logscan
    assert outcome(case, tmp_path / "work", run) == NOTHING | case["expected"]


def test_form() -> None:
    """A case begins with a comment, has no other keys, and has the files that it reads."""
    for path in CASES:
        text = path.read_text()
        case = tomllib.loads(text)
        assert text.startswith("# "), path
        assert set(case) <= KEYS, path
        if "missing" not in path.stem:
            assert "no such file" not in case["expected"].get("stderr", ""), path


def test_written_anew() -> None:
    """A case that is written anew keeps its comment, its files and its environment, byte for byte."""
    other = {"status": 3, "stdout": "x\n[expected]\n'''\x1b\r", "stderr": "ü\n"}
    for path in CASES:
        text = path.read_text()
        case = tomllib.loads(text)
        assert rewritten(text, NOTHING | case["expected"]) == text
        again = rewritten(text, other)
        assert tomllib.loads(again) == case | {"expected": other}
        assert again.startswith(text[: text.index("\n[expected]\n")])
    assert sum(b"[files]" in path.read_bytes() for path in CASES) > 5


def main() -> None:
    """Print what the cases print now; with ``--write``, write it into them."""
    for path in CASES:
        text = path.read_text()
        case = tomllib.loads(text)
        expected = NOTHING | case["expected"]
        with tempfile.TemporaryDirectory() as folder:
            got = outcome(case, Path(folder) / "work")
        for key in NOTHING:
            old, new = str(expected[key]).splitlines(True), str(got[key]).splitlines(True)
            sys.stdout.writelines(difflib.unified_diff(old, new, f"{path.name}:{key}", "now"))
        if got != expected and "--write" in sys.argv:
            path.write_text(rewritten(text, got))


if __name__ == "__main__":
    main()
