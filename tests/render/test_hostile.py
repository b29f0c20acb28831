"""Every attack in every field, through every output: harmless and whole (H7, M4, M9, M10 and the rows on CSV, Markdown
and invisible characters). The table of attacks is tests/data/hostile/strings.tsv."""

from __future__ import annotations

import functools
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import logscan
from logscan._failures.names import LONGEST_NAME
from logscan._outputs import mail
from logscan._render.formats import FORMATS, Shape, render
from logscan._render.letter import letter
from logscan._render.subject import Sender
from support import hostile
from support.command import ROOT, environment
from support.command import logscan as command
from support.mails import MAIL_ELEMENTS
from support.profiles import sampled

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Case:
    """The hostile log, what a report of it is, and what commands print of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = hostile.written(folder)
        self.report = logscan.report(folder, each=True)
        self.own = self.report.incidents, self.report.failures

    def formatted(self, form: str, each: bool = False) -> bytes:
        return render(
            self.report,
            Shape(format=form, what="bad_certificate", each=each or form in ("ecs", "otel"), details=10_000),
        )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("hostile"))


def as_read(text: str) -> str:
    r"""A text as logscan decodes it: bytes that are no UTF-8 are ``\xNN``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def sums(rows: list[dict[str, Any]]) -> int:
    return sum(row["failed_handshakes"] for row in rows)


def test_every_failure_is_counted(case: Case) -> None:
    """Whatever stands in its fields; and each name is as it was, or cut with a mark."""
    assert len(case.report.failures) == case.number
    assert sums([{"failed_handshakes": i.failed_handshakes} for i in case.report.incidents]) == case.number
    texts = [attack.text for attack in hostile.ATTACKS if attack.kind != "long"]
    expected = Counter(re.sub(r"\s", "_", as_read(text)) for text in texts)
    proxies = Counter(f.proxy or "" for f in case.report.failures)
    assert [text for text in expected if proxies[text] != expected[text]] == []
    assert max(len(value) for f in case.report.failures for value in f if isinstance(value, str)) <= 4096
    assert max(map(len, proxies)) == LONGEST_NAME
    assert sum("characters, " in name for name in proxies) == 2


@pytest.mark.parametrize(
    ("form", "each"), [*product(FORMATS, [False]), *product(("table", "csv", "json", "jsonl"), [True])]
)
def test_formats(case: Case, form: str, each: bool) -> None:
    """Of incidents and of single failures."""
    data = case.formatted(form, each)
    rows = len(case.report.failures if each else case.report.incidents)
    if form == "table":
        text = hostile.check_terminal(data)
        assert f"{case.number:,} failed handshakes" in text
        assert len(data) < 4_000_000
    elif form == "markdown":
        check_markdown(data, rows)
    elif form == "csv":
        found = hostile.check_csv(data)
        at = found[0].index("failed_handshakes") if not each else 0
        assert len(found) == rows + 1
        assert each or sum(int(row[at]) for row in found[1:]) == case.number
    elif form == "json":
        value = hostile.check_json(data)["failures" if each else "incidents"]
        assert (len(value), each or sums(value)) == (rows, each or case.number)
        assert {row["proxy"] for row in value} == {f.proxy for f in case.report.failures}
    elif form == "jsonl":
        value = hostile.check_json_lines(data)
        assert (len(value), each or sums(value)) == (rows, each or case.number)
    elif form in ("ecs", "otel"):
        assert len(hostile.check_json_lines(data)) == case.number
        assert data.isascii()
    elif form == "html":
        more = {
            "dl aria-label",
            "li class",
            "noscript",
        }  # of a page with more incidents than it shows at once
        page = hostile.check_html(data, hostile.elements(harmless("html").decode()) | more)
        assert f"{case.number:,} failed handshakes" in page
    elif form == "xlsx":
        check_workbook(data, rows)
    else:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_parquet(io.BytesIO(data))
        assert len(frame) == rows
        assert set(frame["env"]) == {
            f.env.encode("utf-8", "backslashreplace").decode() for f in case.report.failures if f.env
        }


@functools.cache
def harmless(form: str) -> bytes:
    """The same output of a log in which nobody wrote anything strange."""
    report = logscan.report(ROOT / "sample_logs", alert="all")
    return render(report, Shape(format=form, what="TLS"))


def check_markdown(data: bytes, rows: int) -> None:
    """As GitHub reads it, a table and nothing else."""
    reader = pytest.importorskip("markdown_it")
    pytest.importorskip("linkify_it")
    hostile.check_terminal(data)
    page = reader.MarkdownIt("gfm-like").render(data.decode())
    assert hostile.elements(page) <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.count("<tr>") == rows + 1
    # In a word it may stand, escaped where it could be that of an address.
    assert re.search(r"(?<!\w)(?<!\w\\)@", data.decode()) is None


def check_workbook(data: bytes, rows: int) -> None:
    """Text, no formulas, no links."""
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet.max_row == rows + 1
    for row in sheet.iter_rows(min_row=2):
        for cell in row:
            assert cell.data_type != "f"
            assert cell.hyperlink is None
            assert (
                not isinstance(cell.value, str) or hostile.unsafe(cell.value.replace("_x0009_", "")) == set()
            )


def test_mail(case: Case) -> None:
    """Subject, text and HTML; the page is that of the report."""
    written = letter(case.report, Sender(what="bad_certificate", host="mp01"))
    page = case.formatted("html").decode()
    assert hostile.unsafe(written.subject) == set()
    assert hostile.unsafe(written.html, "\n") == set()
    assert hostile.elements(written.html) <= MAIL_ELEMENTS
    subject = written.subject + "\r\nBcc: x\x1b\u202e"
    made = mail.compose(
        subject, written.text, written.html, ["a@example.com"], sender="b@example.com", page=page
    )
    body = made.get_body(("plain",))
    assert body is not None
    hostile.check_terminal(body.get_content().encode())
    assert "\n" not in str(made["Subject"])
    assert made["Bcc"] is None


def on_terminal(*arguments: str | Path, cwd: Path) -> bytes:
    """What a command prints on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "logscan", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=slave,
        stderr=subprocess.DEVNULL, cwd=cwd, env=environment(TERM="xterm-256color", COLUMNS="200"),
    )  # fmt: skip
    os.close(slave)
    data = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        data += piece
    os.close(master)
    process.wait(60)
    return data.replace(b"\r\n", b"\n")


def in_pipe(*arguments: str | Path, cwd: Path) -> bytes:
    """What a command prints into a pipe."""
    return command(*arguments, cwd=cwd).stdout


SEARCHES = [
    ("--prefix", "--only-ids"), ("--prefix", "-l"), ("--prefix", "-c"), ("--prefix", "-H"), ("--prefix", "--json"), ("--mentions",),
]  # fmt: skip
Run = Callable[[Case], bytes]
ANY = ["_", *(attack.text[:1] for attack in hostile.ATTACKS if not attack.text[:1].isspace())]


def ids(case: Case) -> Path:
    """A file with the beginnings of all message ids."""
    path = case.folder.parent / "ids.txt"
    path.write_text("\n".join(dict.fromkeys(["m-", *ANY])), encoding="utf-8", errors="surrogateescape")
    return path


PRINTED: dict[str, Run] = {
    "report on a terminal": lambda c: on_terminal("report", "--details", "10000", ".", cwd=c.folder),
    "report --each on a terminal": lambda c: on_terminal("report", "--each", ".", cwd=c.folder),
    "report --color": lambda c: in_pipe("report", "--color", "always", "--details", "10000", ".", cwd=c.folder),
    **{
        f"search {' '.join(options)} {where}": functools.partial(
            lambda c, options, run, more: run("search", *options, *more, "-f", ids(c), ".", cwd=c.folder),
            options=options, run=run, more=more,
        )
        for options in SEARCHES
        for where, run, more in (("on a terminal", on_terminal, ()), ("--color", in_pipe, ("--color", "always")))
        if where != "--color" or options[-1] in ("--only-ids", "-H")
    },
    "diagnose": lambda c: in_pipe("diagnose", ".", cwd=c.folder),
    "diagnose --format json": lambda c: in_pipe("diagnose", ".", "--format", "json", cwd=c.folder),
    "diagnose --format markdown": lambda c: in_pipe("diagnose", ".", "--format", "markdown", cwd=c.folder),
    "diagnose --format html": lambda c: in_pipe("diagnose", ".", "--format", "html", cwd=c.folder),
    "tail in a pipe": lambda c: tailed(c, "--each", "-"),
    "tail --json": lambda c: tailed(c, "--json", "-"),
    "tail --entries --color": lambda c: tailed(c, "--entries", "--color", "always", "-"),
    "search in a pipe": lambda c: in_pipe("search", "--prefix", "-f", ids(c), "system.log", cwd=c.folder),
    "index -l": lambda c: on_terminal("index", "-l", ".", cwd=c.folder),
    "export --format csv": lambda c: in_pipe("export", "--format", "csv", "-o", "-", "system.log", cwd=c.folder),
}  # fmt: skip


def tailed(case: Case, *options: str) -> bytes:
    """``tail`` of standard input, from its beginning."""
    log = (case.folder / "system.log").read_bytes()
    return command("tail", "--from-start", *options, stdin=log, cwd=case.folder).stdout


@pytest.mark.parametrize("name", sampled(list(PRINTED), 2))
def test_printed(case: Case, name: str) -> None:
    """M4: nothing of the log, and no file name, acts on a terminal; nor where colour is passed on to ``less -R``."""
    data = PRINTED[name](case)
    assert data
    if name == "export --format csv":
        rows = hostile_csv(data)
        assert len(rows) > case.number
    elif name == "search in a pipe":
        assert data == b"".join(line for line in (case.folder / "system.log").read_bytes().splitlines(True))
    elif "--json" in name:
        assert len(hostile.check_json_lines(data)) >= case.number - len(hostile.ATTACKS)
    elif name == "diagnose --format json":
        assert hostile.check_json(data)["verdicts"]
    elif name == "diagnose --format html":
        clean = in_pipe("diagnose", "sample_logs", "--format", "html", cwd=ROOT)
        hostile.check_html(data, hostile.elements(clean.decode()))
    else:
        text = hostile.check_terminal(data, colour=True)
        if name.startswith("tail in"):
            assert text.count("\n") == case.number - sum(
                a.kind not in ("bytes", "long") for a in hostile.ATTACKS
            )


def hostile_csv(data: bytes) -> list[list[str]]:
    """Rows of an export: data as they are, but no formula."""
    import csv

    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline="")))
    bad = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    assert [cell for row in rows for cell in row if cell.strip().startswith(bad)] == []
    return rows


def test_metrics(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """M10: labels are safe, every failure is in a series, and alerts of the log make no more series than the limit."""
    parser = pytest.importorskip("prometheus_client.parser")
    client = pytest.importorskip("prometheus_client")
    from logscan._outputs.metrics import Metrics

    monkeypatch.setattr("logscan._outputs.metrics.SERIES", 300)
    metrics = Metrics(
        case.report.counters,
        lambda: dict.fromkeys(("lag_bytes", "lag_seconds", "open_messages", "files"), 0.0),
    )
    for number, failure in enumerate(case.report.failures):
        metrics.feed(failure)
        metrics.feed(failure._replace(alert=f"alert_{number}"))
    text = client.generate_latest(metrics.registry).decode()
    assert hostile.unsafe(text.replace("\\n", "")) == set()
    (family,) = (
        f for f in parser.text_string_to_metric_families(text) if f.name == "logscan_failed_handshakes"
    )
    counts = [sample for sample in family.samples if sample.name.endswith("_total")]
    assert sum(sample.value for sample in counts) == 2 * case.number
    assert len(counts) <= 302
    assert {s.labels["alert"] for s in counts if s.labels["org"] == "other"} == {"bad_certificate", "other"}
    assert metrics.left_out == 2 * case.number - sum(s.value for s in counts if s.labels["org"] != "other")


def in_json(char: str) -> str:
    """A byte of a file's name that is no UTF-8 is shown in JSON as everywhere; all else keeps its value."""
    return f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char


def test_invisible_characters_are_those_of_unicode() -> None:
    """The one table: every character of an unsafe category, and every one of the data, is shown as an escape."""
    from logscan._render.safe import safe_json
    from logscan.shown import INVISIBLE, safe, safe_lines

    for code in (*range(0x3100), *range(0xD7F0, 0x10000), *range(0x1D100, 0x1D200), *range(0xE0000, 0xE0200)):
        char = chr(code)
        shown = safe(f"a{char}b")
        listed = any(first <= code <= last for first, last in INVISIBLE)
        if char == "\t" or not (hostile.unsafe(char, "") or listed):
            assert shown == f"a{char}b"
        else:
            assert shown.isascii()
            assert re.fullmatch(r"a\\(x\w\w|u\w{4}|U\w{8})b", shown)
        assert json.loads(safe_json(json.dumps(char, ensure_ascii=False))) == in_json(char)
        assert (safe_lines(char) == char) == (safe(char) == char or char == "\n")
