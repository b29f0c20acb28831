"""Pages in a real browser: no error, no request, nothing that a reader cannot reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import hostile
from support.command import ROOT, logscan
from support.oracles import CHROMIUM, needs

TLS = ROOT / "tests/data/tls"
pytestmark = needs(CHROMIUM)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, headless."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM.path, args=["--no-sandbox"])
        yield started
        started.close()


def open_page(browser: Any, path: Path, width: int = 1000, **options: Any) -> tuple[Any, list[str]]:
    """A page, and what went wrong while it was shown."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on(
        "request",
        lambda request: messages.append(request.url) if not request.url.startswith("file:") else None,
    )
    page.goto(path.as_uri())
    return page, messages


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
    assert page.locator("section").count() == 2
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
    assert f"{number} failed handshakes" in page.locator("h1").inner_text()
    assert page.evaluate("document.scripts.length") == 1
    assert (
        page.evaluate(
            "document.querySelectorAll('img, a, b, iframe, object, embed, form, link, base').length"
        )
        == 0
    )
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_diagnosis_is_accessible(browser: Any, diagnosis_page: Path, scheme: str) -> None:
    """Nothing serious by axe's rules."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # axe is a script: the page forbids all, so that it must be let in for this.
    page, _ = open_page(browser, diagnosis_page, color_scheme=scheme, bypass_csp=True)
    found = axe.Axe().run(page).response["violations"]
    page.close()
    assert [
        f"{rule['id']}: {rule['nodes'][0]['html']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ] == []


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
    assert page.locator("ul.now li").first.inner_text().startswith(f"acme / prod / {HOSTILE}")
    assert page.locator("svg.bars rect").count() > 20
    assert page.locator("svg.heat rect").count() == 30 * 24
    assert page.locator(".state.new").count() > 0
    rows = page.locator("tr.row")
    number = rows.count()
    assert number > 20
    # Details are closed until they are asked for; then they hold the entries.
    first = rows.first
    name = first.locator("button")
    detail = page.locator("#" + name.get_attribute("aria-controls"))
    assert not detail.is_visible()
    name.focus()
    page.keyboard.press("Enter")
    assert name.get_attribute("aria-expanded") == "true"
    assert "messageid:" in detail.locator("pre").first.inner_text()
    page.locator("#filter").fill("script alert")
    assert page.locator("tr.row:visible").count() == 1
    assert page.locator("#shown").inner_text() == f"1 of {number} shown"
    page.locator("#filter").fill("")
    if width > 700:
        head = page.locator("th", has_text="Failed")
        for order in ("descending", "ascending"):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == order
            cells = [
                int(cell.replace(",", ""))
                for cell in page.locator("tr.row td:nth-child(3)").all_inner_texts()
            ]
            assert cells == sorted(cells, reverse=order == "descending")
    page.close()
    assert messages == []


def test_report_without_scripts(browser: Any, report_page: Path) -> None:
    """A mail program runs none: everything is open then."""
    page, _ = open_page(browser, report_page, java_script_enabled=False)
    assert page.locator("tr.detail").first.is_visible()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_is_accessible(browser: Any, report_page: Path, scheme: str) -> None:
    """Nothing serious by axe's rules; and it prints."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page, _ = open_page(browser, report_page, color_scheme=scheme, bypass_csp=True)
    assert page.pdf().startswith(b"%PDF")
    found = axe.Axe().run(page).response["violations"]
    page.close()
    bad = [
        f"{rule['id']}: {rule['nodes'][0]['html']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert bad == []


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
