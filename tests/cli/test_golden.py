"""Golden cases: data files in ``cases/``, each run through the real command.

A case is a TOML file: ``args``, optional ``cwd`` (a folder of the project to run in), ``files`` (name → text, written to a folder in which the command
runs), optional ``stdin`` and ``env``, and what must come: ``status``, ``stdout``, ``stderr``. The project's
sample logs are at ``sample_logs``. ``python tests/cli/test_golden.py`` shows what has changed and, with
``--write``, takes it over.
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
from support.command import ROOT, SAMPLES, logscan

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))


def outcome(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run a case in an empty folder."""
    shutil.copytree(SAMPLES, folder / "sample_logs")
    for name, text in case.get("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    where = ROOT / case["cwd"] if "cwd" in case else folder
    done = logscan(*case["args"], stdin=case.get("stdin", "").encode(), cwd=where, **case.get("env", {}))
    return {
        "status": done.returncode,
        "stdout": done.stdout.decode(),
        "stderr": done.stderr.decode(),
    }


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path, tmp_path: Path) -> None:
    """The command prints what the case says, and ends as it says."""
    case = tomllib.loads(path.read_text())
    got = outcome(case, tmp_path / "work")
    assert got == {"status": 0, "stdout": "", "stderr": ""} | {
        key: case[key] for key in ("status", "stdout", "stderr") if key in case
    }


def _toml(value: object) -> str:
    if isinstance(value, str) and "\n" in value and "'''" not in value and "\r" not in value:
        return f"'''\n{value}'''"
    return json.dumps(value, ensure_ascii=True)


def main() -> None:
    """Show or take over what the cases print now."""
    for path in CASES:
        text = path.read_text()
        case = tomllib.loads(text)
        with tempfile.TemporaryDirectory() as folder:
            got = outcome(case, Path(folder) / "work")
        expected = {
            "status": case.get("status", 0),
            "stdout": case.get("stdout", ""),
            "stderr": case.get("stderr", ""),
        }
        if got == expected:
            continue
        for key, value in got.items():
            sys.stdout.writelines(
                difflib.unified_diff(
                    str(expected[key]).splitlines(True),
                    str(value).splitlines(True),
                    f"{path.name}:{key}",
                    "now",
                )
            )
        if "--write" in sys.argv:
            head = text.split("# expected\n")[0].rstrip() + "\n\n# expected\n"
            body = [f"{key} = {_toml(value)}" for key, value in got.items() if value not in (0, "")]
            tables = ""
            if "\n[" in head:
                at = head.index("\n[")
                head, tables = head[: at + 1], head[at + 1 :].replace("# expected\n", "").rstrip() + "\n"
                head += "# expected\n"
            path.write_text(head + "\n".join(body) + "\n" + ("\n" + tables if tables else ""))


if __name__ == "__main__":
    main()
