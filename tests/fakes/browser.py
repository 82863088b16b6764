"""A real browser for the web page's tests: Debian's chromium, driven by playwright; skips where either is missing."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any, Final

import pytest

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It asks nobody for anything but the page."""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser while the context lasts."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
