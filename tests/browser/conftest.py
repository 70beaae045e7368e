"""A Chromium, a town to look at, and pages that must behave."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    sync_playwright,
)

from tests.browser.town import Town, lived

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1440, "height": 900}

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (apt-get install chromium)")
    with lived(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def administrators_cookies(town: Town, browser: Browser) -> "list[SetCookieParam]":
    """Signed in once, by the form."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, town)
    kept: list[SetCookieParam] = [
        {"name": each["name"], "value": each["value"], "domain": "127.0.0.1", "path": "/console"}
        for each in context.cookies()
    ]
    context.close()
    return kept


def sign_in(page: Page, town: Town, user: str = "", secret: str = "") -> None:
    if not page.url.startswith(town.url):
        page.goto(f"{town.url}/console")
    page.get_by_label("User").fill(user or town.user)
    page.get_by_label("Secret").fill(secret or town.secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Today").wait_for()


class Watch:
    """What a page did that it should not: errors in its console, requests to other hosts."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.problems: list[str] = []
        self.expected: tuple[str, ...] = ()

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"error {error.error}"))
        context.on("request", self._request)

    def _console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning") and not any(each in text for each in self.expected):
            self.problems.append(f"{kind} {text}")

    def _request(self, request: object) -> None:
        url = getattr(request, "url", "")
        if not url.startswith((self._town.url, "data:", "blob:")):
            self.problems.append(f"request to {url}")


@pytest.fixture
def watch(town: Town) -> Iterator[Watch]:
    watch = Watch(town)
    yield watch
    assert watch.problems == []


@pytest.fixture
def open_page(
    town: Town, browser: Browser, watch: Watch, administrators_cookies: "list[SetCookieParam]"
) -> Iterator[OpenPage]:
    """`open_page("/console", theme="dark", signed_in=False, size=...)`, in a browser profile of
    its own."""
    contexts = []

    def open_(
        path: str,
        *,
        theme: str = "light",
        signed_in: bool = True,
        size: ViewportSize | None = None,
    ) -> Page:
        context = browser.new_context(viewport=size or DESKTOP, reduced_motion="reduce")
        contexts.append(context)
        watch.over(context)
        context.add_cookies(
            [
                {
                    "name": "trunkline_theme",
                    "value": theme,
                    "domain": "127.0.0.1",
                    "path": "/console",
                }
            ]
        )
        if signed_in:
            context.add_cookies(administrators_cookies)
        page = context.new_page()
        page.goto(town.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
