"""Commands of a Markdown page, what they print now, and the words of a page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.command import ROOT, environment, warm

CONSOLE = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
_SHELL = re.compile(r"(?<=```sh\n).*?(?=```)", re.DOTALL)
_SHOWN = re.compile(r"```text\n.*?```", re.DOTALL)


def parts(block: str) -> list[tuple[str, str]]:
    """Each command of one console block with the output that is shown for it."""
    pieces = (part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])
    return [(command, output) for command, _, output in pieces]


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that is shown for it."""
    return [pair for block in CONSOLE.findall(text) for pair in parts(block)]


def typed(text: str) -> list[str]:
    """The commands of logscan in the shell blocks, whose output is not shown. Without comments and further commands."""
    lines = "\n".join(_SHELL.findall(text)).replace("\\\n", " ").splitlines()
    return [re.split(r" +[#|] ", line)[0].rstrip() for line in lines if line.startswith("logscan ")]


def words(text: str) -> int:
    """The words of a page as ``wc -w`` counts them, marks of tables and code included.

    Left out is only what commands print: the lines below the ``$`` of a console block, and blocks of text.
    """
    typed = CONSOLE.sub(lambda block: "".join(f"$ {command}\n" for command, _ in parts(block[0])), text)
    return len(_SHOWN.sub("", typed).split())


class Reader:
    """Someone who types the commands of a page, with a folder of their own for ``/tmp``."""

    def __init__(self, folder: Path, *, from_the_start: bool = False) -> None:
        """Set up in an empty folder; ``logscan`` on its PATH is this checkout's.

        Args:
            from_the_start: no call of it leaves out the start of Python.
        """
        (folder / "bin").mkdir()
        program = folder / "bin" / "logscan"
        server = None if from_the_start else warm(environment())
        client = f"-IS '{ROOT}/tests/support/warm_command.py' {server.address}" if server else "-m logscan"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {client} "$@"\n')
        program.chmod(0o755)
        self.folder = folder
        self.env = environment()
        self.env["PATH"] = f"{program.parent}:{self.env['PATH']}"

    def run(self, command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
        """Run one command in a folder. What it prints names ``/tmp`` again."""
        command = command.replace("/tmp/", f"{self.folder}/")
        done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=cwd, env=self.env, timeout=120)
        done.stdout = done.stdout.replace(f"{self.folder}/".encode(), b"/tmp/")
        return done


def run(
    shown: list[tuple[str, str]], folder: Path, *, from_the_start: bool = False
) -> list[tuple[str, str, str]]:
    """Run commands in their order.

    Returns:
        the commands that fail or print something else: what is shown, and what they print.
    """
    reader = Reader(folder, from_the_start=from_the_start)
    different = []
    for command, output in shown:
        done = reader.run(command)
        printed = done.stdout.decode()
        if done.returncode or printed != output:
            different.append((command, output, f"{printed}{done.stderr.decode()}exit code {done.returncode}"))
    return different


def rewritten(text: str, folder: Path) -> str:
    """The page with what its commands print now.

    Commands that install are left as they are.

    Raises:
        RuntimeError: if a command fails.
    """
    reader = Reader(folder)

    def block(found: re.Match[str]) -> str:
        lines = []
        for command, output in parts(found[0]):
            if "-m venv" not in command:
                done = reader.run(command)
                if done.returncode:
                    raise RuntimeError(f"{command}\n{done.stderr.decode()}exit code {done.returncode}")
                output = done.stdout.decode()
            lines.append(f"$ {command}\n{output}")
        return "".join(lines)

    return CONSOLE.sub(block, text)
