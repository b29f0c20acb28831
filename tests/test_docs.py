"""The documentation: its commands run and print what they show, its site and man page build, its reference is the program's."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support import pages
from support.command import ROOT, environment, logscan

DOCS = ROOT / "docs"


PAGES = [path for path in sorted(DOCS.glob("*.md")) if pages.commands(path.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=[path.stem for path in PAGES])
def test_commands(page: Path, tmp_path: Path) -> None:
    """Every command of a page, in order."""
    assert pages.run(pages.commands(page.read_text()), tmp_path) == []


def test_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of the library's page, in their order, as doctest runs them."""
    (tmp_path / "sample_logs").symlink_to(ROOT / "sample_logs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    blocks = re.findall(r"```pycon\n(.*?)```", (DOCS / "library.md").read_text(), re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "library.md", None, 0)
    failed, tried = doctest.DocTestRunner().run(examples)
    assert (failed, tried > 10) == (0, True)
    assert (tmp_path / "failures.png").stat().st_size > 1000


def test_reference() -> None:
    """Written from the program as it is."""
    done = subprocess.run(
        [sys.executable, DOCS / "make_reference.py", "--check"],
        capture_output=True,
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 0, "run python docs/make_reference.py"


@pytest.mark.parametrize("builder", ["html", "man"])
def test_site(builder: str, tmp_path: Path) -> None:
    """Site and man page, without a warning."""
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", builder, "-d", tmp_path / "trees", DOCS, tmp_path / "out"],
        capture_output=True, env=environment(), timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    if builder == "man":
        page = (tmp_path / "out/logscan.1").read_text()
        assert ".TH" in page
        assert "diagnose" in page
    else:
        assert (tmp_path / "out/diagnose.html").is_file()


def test_examples_of_configuration(tmp_path: Path) -> None:
    """The example file, and that of routes, are taken as they stand."""
    text = "".join(re.findall(r"```toml\n(.*?)```", (DOCS / "configuration.md").read_text(), re.DOTALL))
    assert tomllib.loads(text)["report"]["history"] == "/var/lib/logscan"
    (tmp_path / "logscan.toml").write_text(text)
    done = logscan("config", "show", cwd=tmp_path, LOGSCAN_CONFIG="logscan.toml")
    assert done.returncode == 0, done.stderr.decode()
    assert 'history   = "/var/lib/logscan"' in done.stdout.decode()
    assert done.stdout.count(b"[[route]]") == 2


def test_crontab_lines_are_understood(tmp_path: Path) -> None:
    """The commands of crontab, systemd and logrotate have options that there are."""
    page = (DOCS / "cron.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"logscan (report [^\n|]*)", page)
    (tmp_path / "system.log").write_text("2026-11-25 00:00:00,000 main INFO X - quiet\n")
    (tmp_path / "c.toml").write_text('[[route]]\nenv = "prod"\nemail = "payments@example.com"\n')
    tried = 0
    for line in lines:
        if "--since yesterday" in line:
            args = line.replace("/var/lib/logscan", str(tmp_path)).split()
            done = logscan(*args, "system.log", cwd=tmp_path, LOGSCAN_CONFIG="c.toml")
            assert done.returncode == 0, (line, done.stderr.decode())
            tried += 1
    assert tried == 4


def test_the_page_of_attacks_names_tests() -> None:
    """What stops an attack is shown by a test that exists."""
    named = set(
        re.findall(r"`((?:[a-z_]+/)*(?:test_[a-z_]+\.py|fuzz/))`", (DOCS / "security.md").read_text())
    )
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).exists()] == []
