"""Pages in a real browser: no error, no request, nothing that a reader cannot reach."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logscan._render.diagnosis.words import common_beginning
from support import hostile
from support.browser_pages import open_page, serious
from support.command import ROOT, logscan
from support.oracles import CHROMIUM, needs
from support.profiles import sampled

TLS = ROOT / "tests/data/tls"
pytestmark = needs(CHROMIUM)


@pytest.fixture(scope="module")
def diagnosis_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a proven cause, an open one and a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    log = (TLS / "jsse17/ca_mismatch_v1.2.client.log").read_text()
    (folder / "system.log").write_text(log.replace("apiproxy-name", "<img/src=x/onerror=alert(1)>"))
    captures = [TLS / "jsse17/ca_mismatch_v1.2.pcap", TLS / "openssl/expired_v1.3.pcap"]
    done = logscan(
        "diagnose", "system.log", *captures, "--keystore", TLS / "pki/good.p12", "--tz", "UTC", "--format", "html",
        "-o", "page.html", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return folder / "page.html"


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (360, "dark")])
def test_diagnosis(browser: Any, diagnosis_page: Path, width: int, scheme: str) -> None:
    """Readable on a phone and in the dark; the picture is there; details open by the keyboard."""
    page, messages = open_page(browser, diagnosis_page, width, color_scheme=scheme)
    assert page.locator("section.case").count() == 2
    kinds = page.locator(".contents tbody tr").evaluate_all("rows => rows.map(row => row.className)")
    assert kinds == ["certain", "open"]
    order = "e => [...e.querySelectorAll('.verdict, .amount')].map(each => each.className.split(' ')[0])"
    assert page.locator("section.case").first.evaluate(order) == ["verdict", "amount"]
    copy = page.locator(".command button:visible").first
    copy.click()
    page.locator(".command button:text-is('Copied')").wait_for(timeout=5_000)
    assert "<img/src=x/onerror=alert(1)>" in page.locator("h2").first.inner_text()
    assert page.locator("svg.sequence .bad .message").first.text_content() == "Certificate: EMPTY"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open] li").first.is_visible()
    page.close()
    assert messages == []


def test_a_hostile_report(browser: Any, tmp_path: Path) -> None:
    """Every attack in every field: no script but our own, no element, request or dialog of others."""
    number = hostile.written(tmp_path)
    page_path = tmp_path / "page.html"
    done = logscan("report", ".", "--format", "html", "-o", page_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    page, messages = open_page(browser, page_path)
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    assert f"{number:,} failed handshakes" in page.locator("h1").inner_text()
    assert page.evaluate("[...document.scripts].map(each => each.type)") in (
        ["application/json", ""],
        ["text/plain", ""],
    )
    strange = "document.querySelectorAll('img, b, iframe, object, embed, form, link, base').length"
    assert page.evaluate(strange) == 0
    links = "[...document.querySelectorAll('a')].map(each => each.getAttribute('href'))"
    assert [href for href in page.evaluate(links) if not re.fullmatch(r"#i\d+-[0-9a-f]{8}", href)] == []
    # Each row opened, on each page of the table; all of it as CSV.
    for _ in range(100):
        for button in page.locator("td.name button").all()[:5]:
            button.click()
        if page.locator("#next").is_disabled():
            break
        page.locator("#next").click()
    with page.expect_download() as started:
        page.locator("#csv").click()
    rows = hostile.check_csv(Path(started.value.path()).read_bytes())
    at = rows[0].index("failed_handshakes")
    assert sum(int(row[at]) for row in rows[1:]) == number
    with page.expect_download() as started:
        page.locator("#json").click()
    kept = json.loads(Path(started.value.path()).read_bytes())["incidents"]
    assert sum(each["failed_handshakes"] for each in kept) == number
    handlers = "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"
    assert page.evaluate(handlers) == 0
    page.close()
    assert messages == []


def test_diagnosis_prints(browser: Any, diagnosis_page: Path, tmp_path: Path) -> None:
    """To PDF."""
    page, _ = open_page(browser, diagnosis_page)
    pdf = page.pdf(path=str(tmp_path / "page.pdf"))
    assert pdf.startswith(b"%PDF")
    page.close()


@pytest.mark.parametrize("scheme", sampled(["light", "dark"], 2))
def test_diagnosis_is_accessible(browser: Any, diagnosis_page: Path, scheme: str) -> None:
    """Nothing serious by axe's rules."""
    # axe is a script: the page forbids all but its own, so that it must be let in for this.
    page, _ = open_page(browser, diagnosis_page, color_scheme=scheme, bypass_csp=True)
    assert serious(page) == []
    page.close()


@pytest.fixture(scope="module")
def report_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of generated logs, compared with an earlier run, with a hostile name in it."""
    folder = tmp_path_factory.mktemp("report")
    script = ROOT / "benchmarks/generate.py"
    subprocess.run(
        [sys.executable, script, "--size", "2M", "--failing", "0.05", "--milliseconds", "60000", "--start", "2026-11-01",
         folder / "system.log"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    whole = (folder / "system.log").read_bytes()
    first = folder / "first"
    first.mkdir()
    (first / "system.log").write_bytes(whole[: len(whole) // 3])
    line = (ROOT / "sample_logs/no-keystore/system.log").read_text().replace("payments-v1", HOSTILE)
    (folder / "system.log").write_bytes(whole + line.replace("2026-11-23", "2026-11-30").encode())
    history = ("--history", "kept", "--alert", "all")
    for args in (
        ("first", *history, "--until", "2026-11-02", "--format", "csv", "-o", "first.csv"),
        (
            "system.log",
            *history,
            "--until",
            "2026-12-01",
            "--compare",
            "previous",
            "--format",
            "html",
            "-o",
            "page.html",
        ),
    ):
        done = logscan("report", *args, cwd=folder)
        assert done.returncode == 0, done.stderr.decode()
    return folder / "page.html"


HOSTILE = "<script>alert(1)</script><b>x"


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_report(browser: Any, report_page: Path, width: int, scheme: str) -> None:
    """Filter, sort, open a row; on a phone nothing is cut off; nothing is asked of the network."""
    assert report_page.stat().st_size < 2_000_000
    page, messages = open_page(browser, report_page, width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.bars .hit").count() > 0
    assert page.locator("svg.heat rect").count() == 30 * 24
    assert page.locator("tbody .mark.new").count() > 0
    rows = page.locator("tr.row")
    number = rows.count()
    assert number > 20
    whole = int(page.locator("#shown").inner_text().partition(",")[0])
    # Details are closed until they are asked for; then they have the entries.
    name = rows.first.locator("button")
    name.focus()
    page.keyboard.press("Enter")
    assert name.get_attribute("aria-expanded") == "true"
    detail = page.locator("#" + name.get_attribute("aria-controls"))
    assert "messageid:" in detail.locator("pre").first.inner_text()
    page.locator("#filter").fill("script alert")
    page.locator(f"#shown:text-is('1 of {whole} selected')").wait_for(timeout=5_000)
    assert rows.count() == 1
    assert rows.first.locator("button").inner_text() == HOSTILE
    page.locator("#filter").fill("")
    page.locator(f"#shown:text-matches('^{whole}(,|$)')").wait_for(timeout=5_000)
    if width > 700:
        head = page.locator("th", has_text="Failed")
        for order in ("descending", "ascending"):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == order
            cells = [
                int(cell.replace(",", ""))
                for cell in page.locator("tr.row td:nth-child(4)").all_inner_texts()
            ]
            assert cells == sorted(cells, reverse=order == "descending")
    page.close()
    assert messages == []


def test_report_without_scripts(browser: Any, report_page: Path) -> None:
    """A mail program runs none: everything is open then."""
    page, _ = open_page(browser, report_page, java_script_enabled=False)
    assert page.locator("tr.detail").first.is_visible()
    page.close()


@pytest.mark.parametrize("scheme", sampled(["dark", "light"], 2))
def test_report_is_accessible(browser: Any, report_page: Path, scheme: str) -> None:
    """Nothing serious by axe's rules; and it prints."""
    page, _ = open_page(browser, report_page, color_scheme=scheme, bypass_csp=True)
    assert page.pdf().startswith(b"%PDF")
    page.locator("td.name button").first.click()
    assert serious(page) == []
    page.close()


def test_a_report_of_nothing(browser: Any, tmp_path: Path) -> None:
    """Says so."""
    (tmp_path / "system.log").write_text("2026-11-25 00:00:00,000 main INFO X - quiet\n")
    assert (
        logscan("report", "system.log", "--format", "html", "-o", "page.html", cwd=tmp_path).returncode == 0
    )
    page, messages = open_page(browser, tmp_path / "page.html")
    assert "Nothing failed" in page.locator("main").inner_text()
    page.close()
    assert messages == []


@pytest.mark.parametrize(
    ("paths", "beginning"),
    [
        (("/srv/case/mp1/a.log", "/srv/case/mp2/b.log"), "/srv/case/"),
        (("evidence/a.log", "evidence/b.pcap"), "evidence/"),
        (("/srv/a.log", "/srv/b.log"), ""),
        (("/srv/case/a.log", "case/b.log"), ""),
        (("/srv/case/a.log",), "/srv/case/"),
        (("https://mgmt.example/v1/o/a", "/srv/case/a.log"), "/srv/case/"),
        ((), ""),
    ],
)
def test_a_common_beginning_is_named_once(paths: tuple[str, ...], beginning: str) -> None:
    """Only where that saves something."""
    assert common_beginning(paths) == beginning
