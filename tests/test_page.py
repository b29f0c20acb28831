"""Pages in a real browser: no error, no request, nothing that a reader cannot reach."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, logscan

TLS = ROOT / "tests/data/tls"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, headless."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


def open_page(browser: Any, path: Path, width: int = 1000, **options: Any) -> tuple[Any, list[str]]:
    """A page, and what went wrong while it was shown."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request", lambda request: told.append(request.url) if not request.url.startswith("file:") else None
    )
    page.goto(path.as_uri())
    return page, told


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
    page, told = open_page(browser, diagnosis_page, width, color_scheme=scheme)
    assert page.locator("section").count() == 2
    assert "<img/src=x/onerror=alert(1)>" in page.locator("h2").first.inner_text()
    assert page.locator("svg.sequence .bad .message").first.text_content() == "Certificate: EMPTY"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open] li").first.is_visible()
    page.close()
    assert told == []


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
