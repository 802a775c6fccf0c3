"""Tests of the page in Chromium: `open_page(folder)` opens a model's page from a file, as a double click does.

No test may pass that has loaded anything but that file, or that left an error on the console: `open_page` checks both.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lstmctl.interchange.html import build_page
from lstmctl.registry.artifact import ModelFolder

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT = 60_000  # milliseconds; machines are shared


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "open_page" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(autouse=True)
def fast_disk(no_fsync: None) -> None:
    """No test here waits for the disk."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, which must be there: a page that was not tried in a browser was not tested."""
    found = os.environ.get("LSTMCTL_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("the tests of the page need Chromium: apt-get install chromium, or LSTMCTL_CHROMIUM=its path")
    with sync_playwright() as playwright:
        # The sandbox of Chromium refuses to run as root, as in containers.
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """`open_page(folder, text=…, examples=…, small=…, fragment="#text=…", **context)` → a Playwright page, ready.

    `context` are options of a browser context: viewport, color_scheme, reduced_motion, … The model is `model` there.
    """
    contexts, problems, allowed = [], [], set()

    def call(
        folder: ModelFolder, *, fragment: str = "", ready: bool = True, page_options: dict[str, Any] | None = None,
        **context: Any,
    ) -> Page:  # fmt: skip
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_bytes(build_page(folder, **(page_options or {})))
        allowed.add(path.as_uri())
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("request", lambda request: problems.append(request.url) if _is_other(request.url) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri() + fragment)
        page.evaluate("async () => { window.model = await lstmctl.readModel(); }")
        if ready:
            page.wait_for_selector("body[data-ready=true]", state="attached")
        return page

    def _is_other(url: str) -> bool:
        return url.partition("#")[0] not in allowed and not url.startswith(("data:", "blob:"))

    yield call
    for context in contexts:
        context.close()
    assert not problems
