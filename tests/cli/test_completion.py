"""Completion: what the program answers, and what the real shells make of it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logscan._cli import _completion as completion
from logscan._cli._commands import COMMANDS, grouped
from support.command import environment, logscan

LIMIT = 60
"""Seconds for what a shell does in less than one."""


def answers(*words: str, shell: str = "fish") -> list[str]:
    """The lines that a shell gets for the words of a line."""
    return completion.answer(shell, words).splitlines()


def values(*words: str) -> set[str]:
    """The words that may stand at the end of a line."""
    first, *lines = answers(*words, shell="bash")
    assert first == "words"
    return set(lines)


def test_closed_lists() -> None:
    """Each option with a closed list completes with all of it, from where the program has it."""
    from logscan._failures import catalog
    from logscan._render.formats import FORMATS

    assert values("report", "--format", "") == set(FORMATS)
    assert values("export", "--format", "") == {"parquet", "arrow", "csv", "jsonl"}
    assert values("diagnose", "--format", "") == {"text", "markdown", "json", "html"}
    assert values("alerts", "--format", "") == {"table", "json"}
    assert values("tail", "--alert", "") == {"all", *catalog.known_names()}
    assert values("report", "--alert", "bad_certificate,certificate_re") == {
        "bad_certificate,certificate_refused_by_http",
        "bad_certificate,certificate_request_unreadable",
        "bad_certificate,certificate_required",
        "bad_certificate,certificate_revoked",
        "bad_certificate,certificate_revoked_locally",
    }
    assert values("gather", "--alert", "all") == {"all"}
    assert values("report", "--family", "") == set(catalog.FAMILIES)
    assert {"target", "alias", "keystore", "day"} <= values("report", "--by", "")
    assert values("report", "--by", "target,al") == {"target,alias"}
    assert {"proxy", "target", "minute"} <= values("report", "--group", "")
    assert values("tail", "--side", "") == {"southbound", "northbound"}
    assert values("search", "--color", "a") == {"auto", "always"}
    assert values("report", "--tz", "Europe/Berl") == {"Europe/Berlin"}
    assert values("report", "--fail-on", "") == {"new", "growing"}
    assert values("diagnose", "--fail-on", "") == {"fault", "open"}
    assert "yesterday" in values("export", "--since", "y")
    assert "ca_mismatch" in values("causes", "ca_")
    assert values("config", "s") == {"show"}
    assert values("config", "show", "t") == {"tail"}


def test_previous_runs(tmp_path: Path) -> None:
    """--compare knows the runs of the history that the line names."""
    (tmp_path / "incidents-2026-11-23T00-00--0123abcd.parquet").touch()
    assert values("report", "--history", str(tmp_path), "--compare", "") == {"previous", "2026-11-23"}
    assert values("report", "--history", "nowhere", "--compare", "") == {"previous"}


def test_files_and_folders() -> None:
    """The shell completes names itself."""
    assert answers("report", "--store", "x") == ["dirs"]
    assert answers("report", "-o", "x") == ["files"]
    assert (
        answers("report", "x")
        == answers("search", "id", "x")
        == answers("report", "--each", "x")
        == ["files"]
    )
    assert answers("report", "--", "-x") == ["files"]
    assert answers("report", "--org", "x") == ["words"]


def test_options_and_commands() -> None:
    """Every option and command, with what it is for."""
    assert values("") == set(COMMANDS)
    assert "report\tReport refused" in completion.answer("fish", ["rep"])
    assert {"--version", "--install-completion"} <= values("--")
    for name, command in grouped(COMMANDS).commands.items():
        options = {text for parameter in command.params for text in parameter.opts if text.startswith("--")}
        assert values(name, "--") >= options


def test_how_each_shell_reads_it() -> None:
    """bash splits at the sign, zsh wants colons escaped, fish replaces the whole word."""
    assert answers("report", "--format", "=", "ht", shell="bash") == ["words", "html"]
    assert answers("report", "--format", "=", shell="bash")[1] == "table"
    assert answers("report", "--format=ht", shell="zsh") == ["words", "html"]
    assert answers("report", "--format=ht", shell="fish") == ["words", "--format=html"]
    assert completion._line("zsh", completion.Word("a:b", "c:d")) == "a\\:b:c:d"
    assert answers("report", shell="tcsh") == []


def test_the_program_answers() -> None:
    """In place of running the command: no file is read, nothing is written."""
    done = logscan("report", "--format", "pa", _LOGSCAN_COMPLETE="bash")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"words\nparquet\n", b"")


def test_install(tmp_path: Path) -> None:
    """For the shell that is named, whatever shell asks; twice is once; start files keep what they have."""
    (tmp_path / ".zshrc").write_text("# mine, without an end")
    for shell in ("zsh", "zsh", "bash", "fish"):
        done = logscan("--install-completion", shell, HOME=str(tmp_path), SHELL="/bin/bash")
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(f"Completion for {shell} is installed in ~/.".encode()), done.stdout
    lines = (tmp_path / ".zshrc").read_text().splitlines()
    assert lines[0] == "# mine, without an end"
    assert len(lines) == 2
    assert "compinit" in lines[1]
    assert (tmp_path / ".zfunc/_logscan").read_text() == logscan("--show-completion=zsh").stdout.decode()
    done = logscan("--install-completion", "zhs", HOME=str(tmp_path))
    assert (done.returncode, b"did you mean zsh?" in done.stderr) == (2, True)


TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""A shell that is interactive needs a terminal of its own."""


class Shell:
    """An interactive shell on a terminal, that has completion as it was installed."""

    def __init__(self, name: str, home: Path) -> None:
        binary = home / "bin"
        binary.mkdir()
        (binary / "logscan").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logscan "$@"\n')
        (binary / "logscan").chmod(0o755)
        assert logscan("--install-completion", name, HOME=str(home)).returncode == 0
        (home / "storage").mkdir()
        start = [sys.executable, "-c", TAKE_TERMINAL, name, "-i"]
        values = {"HOME": str(home), "PATH": f"{binary}:{os.environ['PATH']}", "TERM": "xterm"}
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            start, stdin=theirs, stdout=theirs, stderr=theirs, cwd=home, start_new_session=True,
            env=environment(**values) | {"XDG_CONFIG_HOME": str(home / ".config"), "ZDOTDIR": str(home)},
        )  # fmt: skip
        os.close(theirs)
        self._text = ""
        self._type("echo rea''dy\r")
        self._wait(r"ready")

    def completed(self, line: str) -> str:
        """The line after a TAB at its end."""
        self._text = ""
        self._type(f"{line}\t")
        self._type('\x01echo "<"\x05">"\r')  # begin of line, end of line: the shell prints what it made
        return self._wait(r"\n< *(.*?) *>").strip()

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def _wait(self, pattern: str) -> str:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self._text += os.read(self._ours, 65536).decode(errors="replace")
                except OSError:
                    break
            plain = re.sub(r"\x1b(?:\[[0-9;?>=<]*[A-Za-z]|\][^\x07]*\x07|[=>()][B0]?)", "", self._text)
            if found := re.search(pattern, plain.replace("\r", "\n")):
                return found[1] if found.groups() else found[0]
        raise AssertionError(f"{pattern} did not come: {self._text!r}")


LINES = {
    "logscan rep": "logscan report",
    "logscan report --format mark": "logscan report --format markdown",
    "logscan report --format=xl": "logscan report --format=xlsx",
    "logscan report --by target,al": "logscan report --by target,alias",
    "logscan report --family backend": "logscan report --family backend-certificate",
    "logscan tail --alert certificate_requi": "logscan tail --alert certificate_required",
    "logscan report --tz Europe/Berl": "logscan report --tz Europe/Berlin",
    "logscan report --compare p": "logscan report --compare previous",
    "logscan report --color ne": "logscan report --color never",
    "logscan report --store stor": "logscan report --store storage",
    "logscan report stor": "logscan report storage",
    "logscan report --not-": "logscan report --not-proxy",
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", completion.SHELLS)
def test_a_real_shell(name: str, tmp_path: Path) -> None:
    """At the first TAB of the shell, and at each after it."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    shell = Shell(name, tmp_path)
    try:
        for line, whole in LINES.items():
            assert shell.completed(line).rstrip("/") == whole
    finally:
        shell.close()
