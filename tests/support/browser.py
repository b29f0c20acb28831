"""Pages in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


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


def serious(page: Any) -> list[str]:
    """What axe finds serious: rule and element. The page must have been opened with ``bypass_csp``."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
