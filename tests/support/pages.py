"""Commands of a Markdown page, and whether they print what the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.command import ROOT, environment


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that is shown for it."""
    return [
        (command, output)
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for command, _, output in (
            part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        )
    ]


def run(shown: list[tuple[str, str]], folder: Path) -> list[tuple[str, str, str]]:
    """Run commands in their order, as a reader does, with a folder of their own for ``/tmp``.

    Returns:
        the commands that fail or print something else: what is shown, and what they print.
    """
    (folder / "bin").mkdir()
    program = folder / "bin" / "logscan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logscan "$@"\n')
    program.chmod(0o755)
    env = environment()
    env["PATH"] = f"{program.parent}:{env['PATH']}"
    different = []
    for command, output in shown:
        command, output = (text.replace("/tmp/", f"{folder}/") for text in (command, output))
        done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=ROOT, env=env, timeout=120)
        printed = done.stdout.decode()
        if done.returncode or printed != output:
            different.append((command, output, f"{printed}{done.stderr.decode()}exit code {done.returncode}"))
    return different
