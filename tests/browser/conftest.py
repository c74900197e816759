"""A real Chromium, one for each test, with a watch over everything that a page must not do."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.fake_chat import FakeChat
from tests.browser.fake_desk import FakeDesk

OUTPUT = Path(__file__).parents[2] / "test-output" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# generous: a busy machine is slow, not wrong; a test that has its answer does not wait
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


def find_chromium() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found:
        return found
    words = (
        "no Chromium on this machine: install the package 'chromium' (and a font for Chinese, 'fonts-droid-fallback')"
    )
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


class Watched:
    """A context whose pages may not complain: console errors, page errors, refused policies, requests to elsewhere."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.allowed: tuple[str, ...] = ()

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: None if _local(request.url) else self._note(f"went to {request.url}"))
        return page

    def _note(self, text: str) -> None:
        if not any(word in text for word in self.allowed):
            self.complaints.append(text)


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "http://localhost", "data:", "blob:", "about:"))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = find_chromium()
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=path, args=flags)
        yield chromium
        await chromium.close()


OpenContext = Callable[..., Awaitable[Watched]]


@pytest.fixture
async def open_context(browser: Browser) -> AsyncIterator[OpenContext]:
    """Open watched contexts; at the end none of their pages may have complained."""
    opened: list[Watched] = []

    async def open_one(**options: Any) -> Watched:
        usual: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
        watched = Watched(await browser.new_context(**(usual | options)))
        opened.append(watched)
        return watched

    yield open_one
    complaints = [text for watched in opened for text in watched.complaints]
    for watched in opened:
        await watched.context.close()
    assert not complaints, complaints


async def _serve(app: web.Application) -> TestServer:
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.fixture
async def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def desk_url(desk: FakeDesk) -> AsyncIterator[str]:
    server = await _serve(desk.app())
    yield str(server.make_url("/desk/"))
    await server.close()


@pytest.fixture
async def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
async def chat_url(chat: FakeChat) -> AsyncIterator[str]:
    server = await _serve(chat.app())
    yield str(server.make_url("/chat/site"))
    await server.close()


async def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page under the tests' output."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=OUTPUT / f"{name}.png", animations="disabled")


async def violations(page: Page) -> list[str]:
    """What the accessibility rules find wrong; the rules run in the page's own world, past its policy."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
