"""The documentation: its commands run and print what they show, its links lead somewhere, its site and man page build,
its reference is the program's."""

from __future__ import annotations

import doctest
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from logscan._cli._commands import COMMANDS, grouped
from support import pages
from support.command import ROOT, environment, logscan

DOCS = ROOT / "docs"
TEXTS = {
    path: path.read_text()
    for path in (
        *ROOT.glob("*.md"),
        *DOCS.glob("*.md"),
        ROOT / "sample_logs/README.md",
        ROOT / "tests/data/README.md",
    )
}
"""Every page for readers."""

PAGES = [path for path in sorted(DOCS.glob("*.md")) if pages.commands(path.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=[path.stem for path in PAGES])
def test_commands(page: Path, tmp_path: Path) -> None:
    """Every command of a page, in order."""
    assert pages.run(pages.commands(page.read_text()), tmp_path) == []


def test_options_are_there() -> None:
    """Commands that are only shown (addresses of others, services) have options and arguments that there are."""
    group = grouped(COMMANDS)
    shown = [command for text in TEXTS.values() for command in pages.typed(text)]
    assert len(shown) > 20
    for command in shown:
        _, name, *arguments = shlex.split(command)
        group.commands[name].make_context(name, arguments)


def test_python_examples() -> None:
    """Programs of a page print what it shows below them."""
    examples = [
        pair
        for text in TEXTS.values()
        for pair in re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", text, re.DOTALL)
    ]
    assert examples
    for code, output in examples:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            cwd=ROOT,
            env=environment(),
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode().split() == output.split()


def test_links() -> None:
    """Each relative link of a page leads to a file, or a heading, that is there. Pages of the site stay within it."""
    bad = []
    for page, text in TEXTS.items():
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, heading = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if (
                not target.exists()
                or (heading and heading not in anchors(target))
                or (page.parent == DOCS and not target.is_relative_to(DOCS))
            ):
                bad.append(f"{page.relative_to(ROOT)}: {link}")
    assert bad == []


def anchors(page: Path) -> set[str]:
    """The names that GitHub and the site give to the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_examples_can_be_printed_anew(tmp_path: Path) -> None:
    """What a command no longer prints is replaced; what installs is left alone."""
    page = "a\n```console\n$ echo one\nold\n$ cat /tmp/none; cd /tmp/bin && pwd\n```\nb\n```console\n$ python3 -m venv x\n```\n"
    now = pages.rewritten(page, tmp_path)
    assert now == page.replace("old\n", "one\n").replace("pwd\n", "pwd\n/tmp/bin\n")
    with pytest.raises(RuntimeError, match="exit code 3"):
        pages.rewritten("```console\n$ exit 3\n```\n", tmp_path / "bin")


def test_picture_of_a_terminal() -> None:
    """It is made from a real run, with colours, and loads nothing; the page's and the view's are there."""
    pictures = runpy.run_path(str(DOCS / "make_pictures.py"))
    made = pictures["terminal"]()
    text = re.sub(r"<[^>]+>", "", made).replace("&#160;", " ")
    for command in pictures["COMMANDS"]:
        assert f"$ {command}" in text
    assert "bad_certificate" in text
    assert "font-weight: bold" in made
    assert re.findall(r"url\(\"?http|@font-face|@import", made) == []
    assert made == pictures["terminal"]()
    for name in pictures["PICTURES"]:
        assert 5_000 < (DOCS / "images" / name).stat().st_size < 150_000


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


@pytest.mark.parametrize("builder", [pytest.param("html", marks=pytest.mark.thorough), "man"])
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
