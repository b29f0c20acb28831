"""A browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.oracles import CHROMIUM, require


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, headless; not beyond a module, since its event loop runs until it is closed."""
    require(CHROMIUM)
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM.path, args=["--no-sandbox"])
        yield started
        started.close()
