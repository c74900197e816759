"""Nothing of the chat is wider than its frame, on telephones and in the widget, whatever stands in it and in every language."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import FilePayload, Frame, Page, expect

from conversation.model.choices import with_choices
from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_chat import FakeChat

pytestmark = pytest.mark.browser

LOCALES = {"en": "en-GB", "zh": "zh-CN", "fr": "fr-FR", "de": "de-DE", "es": "es-ES"}
WORDS = {tag: json.loads(Path(f"channels/webchat/page/i18n/{tag}.json").read_text("utf-8")) for tag in LOCALES}
WIDTHS = [320, 360, 390, 412]
ZOOMED = 195  # 390 px at 200 %
TITLES = [
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "Wallet " * 12,
    "客服" * 30,
]
LONG = "Rechtsschutzversicherungsgesellschaften" * 4
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360606000000004"
    "0001f61738550000000049454e44ae426082"
)

# Elements and words that are seen and reach over an edge, and boxes whose contents can be moved sideways.
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const hidden = (node) => node.closest(".hidden, .skip, option, noscript") || !node.checkVisibility({visibilityProperty: true});
  const clipped = (node) => node.closest("h1, .cut, #typing, textarea, select");
  const over = (box) => box.width && (box.right > width + 0.5 || box.left < -0.5);
  const name = (node) => `${node.tagName} #${node.id} .${node.getAttribute("class")} ${(node.textContent ?? "").trim().slice(0, 30)}`;
  for (const node of document.body.querySelectorAll("*")) {
    if (hidden(node)) continue;
    if (over(node.getBoundingClientRect())) found.push(name(node));
    if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth && !clipped(node)) found.push(`moves: ${name(node)}`);
    for (const text of node.childNodes) {
      if (text.nodeType !== 3 || clipped(node)) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      if ([...range.getClientRects()].some(over)) found.push(`words: ${name(node)}`);
    }
  }
  if (document.documentElement.scrollWidth > width) found.push(`the page: ${document.documentElement.scrollWidth}`);
  if (document.body.scrollWidth > width) found.push(`the body: ${document.body.scrollWidth}`);
  return found;
}"""

# What has to be at hand without scrolling, since the page itself cannot be scrolled.
AT_HAND = """() => ["#send", "#close", "#text"].map((id) => document.querySelector(id)).filter((node) => node.checkVisibility())
  .filter((node) => {
    const box = node.getBoundingClientRect();
    return box.top < 0 || box.bottom > innerHeight || document.body.scrollTop
      || !node.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
  }).map((node) => node.id)"""

SMALL = """() => [...document.querySelectorAll("button, .icon, select")]
  .filter((node) => node.checkVisibility() && !node.closest(".file") && !node.matches(".file"))
  .map((node) => [node.id || node.className, node.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.width < 43.5 || box.height < 43.5)).map(([name]) => name)"""


async def fill(chat: FakeChat) -> None:
    """A conversation with everything that is long."""
    chat.follow_up, chat.calls = "help-mail", True
    soon = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    chat.status = {"open": False, "next_opening": soon, "position": 27, "wait": 6000}
    file = {"id": "f", "name": f"{LONG}.pdf", "type": "application/pdf", "size": 1}
    await chat._keep("in", f"{LONG} https://example.com/{LONG}?{LONG}", {"kind": "customer"}, [file])
    await chat._keep("out", LONG, {"kind": "agent", "name": LONG}, [file])
    choices = [LONG, "Top-up", "Something else that is not in this list at all"]
    await chat.answer(with_choices("What is it about?", choices), kind="system", choices=choices)


async def busy(page: Page | Frame, chat: FakeChat) -> None:
    """What stands there only at times: a sign of typing, an error, files before they are sent, one message that failed."""
    pixel = FilePayload(name=f"{LONG}.png", mimeType="image/png", buffer=PIXEL)
    await page.locator("#file").set_input_files([pixel, FilePayload(name=LONG, mimeType="text/plain", buffer=b"x")])
    await expect(page.locator(".chip")).to_have_count(2)
    await page.locator("#trouble").evaluate(f"(node) => {{ node.hidden = false; node.textContent = '{LONG}' }}")
    await page.locator("#text").fill(LONG)
    await page.evaluate("document.querySelector('#mail-words').textContent += ' ' + 'x'.repeat(254)")
    await chat.tell("typing", {"name": LONG})
    await expect(page.locator("#typing")).to_contain_text(LONG)


async def refuse(page: Page | Frame, chat: FakeChat) -> None:
    chat.answering = False
    await page.locator("#send").click()
    await expect(page.locator(".mine .state").last).to_be_visible()
    identity = chat.frames[-1]["send"]["id"] if "send" in chat.frames[-1] else ""
    await chat.tell("error", {"code": "refused", "detail": "no", "id": identity})
    await expect(page.locator(".again")).to_be_visible()


async def enter(open_context: OpenContext, url: str, width: int, tag: str = "en", **options: Any) -> Page:
    page = await (await open_context(locale=LOCALES[tag], viewport={"width": width, "height": 720}, **options)).page()
    await page.goto(url)
    await expect(page.locator("body[data-line=ready]")).to_be_visible()
    return page


@pytest.mark.parametrize("tag", LOCALES)
async def test_the_empty_page_keeps_inside_every_telephone(
    chat: FakeChat, chat_url: str, open_context: OpenContext, tag: str
) -> None:
    page = await enter(open_context, chat_url, WIDTHS[0], tag)
    for width in [ZOOMED, *WIDTHS, 700, 1440]:
        await page.set_viewport_size({"width": width, "height": 720})
        for title in TITLES:
            await page.locator("h1").evaluate("(node, title) => { node.textContent = title }", title)
            assert await page.evaluate(OUTSIDE) == [], (width, title)


@pytest.mark.parametrize("tag", LOCALES)
async def test_a_full_page_keeps_inside_every_telephone(
    chat: FakeChat, chat_url: str, open_context: OpenContext, tag: str
) -> None:
    chat.title = TITLES[0]
    await fill(chat)
    page = await enter(open_context, chat_url, WIDTHS[0], tag)
    await expect(page.locator(".message")).to_have_count(3)
    await busy(page, chat)
    for width in [ZOOMED, *WIDTHS, 700, 1440]:
        await page.set_viewport_size({"width": width, "height": 720})
        assert await page.evaluate(OUTSIDE) == [], width
        assert width == ZOOMED or await page.evaluate(AT_HAND) == [], width
        if width == 390 and tag in ("de", "es"):
            await shoot(page, f"chat-width-full-{tag}")
    await refuse(page, chat)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 720})
        assert await page.evaluate(OUTSIDE) == [], width
        assert await page.evaluate(SMALL) == [], width


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_language_and_call_are_in_a_menu_on_a_telephone_and_in_the_open_elsewhere(
    chat: FakeChat, chat_url: str, open_context: OpenContext, scheme: str
) -> None:
    await chat.answer("Hello! How can we help you today?")
    chat.calls = True
    page = await enter(open_context, chat_url, 390, "de", color_scheme=scheme)
    await expect(page.locator("#language")).to_be_hidden()
    await page.get_by_role("button", name=WORDS["de"]["menu"]).click()
    await expect(page.get_by_role("button", name=WORDS["de"]["call"])).to_be_visible()
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(SMALL) == []
    assert await violations(page) == []
    await shoot(page, f"chat-menu-390-{scheme}")
    await page.get_by_label(WORDS["de"]["language"]).select_option("en")
    await expect(page.locator("#text")).to_have_attribute("placeholder", WORDS["en"]["write"])
    await page.keyboard.press("Escape")
    await expect(page.locator("#language")).to_be_hidden()
    await page.set_viewport_size({"width": 1440, "height": 900})
    await expect(page.locator("#menu")).to_be_hidden()
    await expect(page.locator("#language")).to_be_visible()
    await expect(page.locator("#call")).to_be_visible()
    await shoot(page, f"chat-wide-1440-{scheme}")


@pytest.mark.parametrize("tag", LOCALES)
async def test_the_widget_keeps_inside_its_frame_and_a_visitor_can_send_and_close(
    chat: FakeChat, chat_url: str, open_context: OpenContext, tag: str
) -> None:
    chat.title = TITLES[0]
    await fill(chat)
    async with shop(chat, chat_url, tag) as url:
        page = await (await open_context(viewport={"width": WIDTHS[0], "height": 720})).page()
        await page.goto(url)
        await page.locator("huntgroup-chat button").click()
        frame = await opened(page)
        await expect(frame.locator(".message")).to_have_count(3)
        await busy(frame, chat)
        for width in [*WIDTHS, 600, 1440]:
            await page.set_viewport_size({"width": width, "height": 720})
            assert await frame.evaluate(OUTSIDE) == [], width
            assert await frame.evaluate(AT_HAND) == [], width
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            if width in (390, 1440) and tag in ("de", "es"):
                await shoot(page, f"chat-widget-{tag}-{width}")
            for button in ("#send", "#close"):
                await frame.locator(button).click(trial=True)
                box = await frame.locator(button).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                assert box["width"] >= 44
        await frame.locator("#menu").click()
        await page.keyboard.press("Escape")  # the menu's, not the chat's
        await expect(frame.locator("#more")).not_to_be_visible()
        await expect(frame.locator("#text")).to_be_visible()
        await frame.locator("#close").click()
        await expect(page.locator("huntgroup-chat iframe")).to_be_hidden()


@asynccontextmanager
async def shop(chat: FakeChat, chat_url: str, tag: str) -> AsyncIterator[str]:
    """A page of another origin with the widget on it."""

    async def page(_: web.Request) -> web.Response:
        script = f'<script src="{chat_url}/widget.js" async data-language="{tag}"></script>'
        head = '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        text = f"<!doctype html><html lang=en><title>Shop</title>{head}<h1>Shop</h1>{script}</html>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    server = TestServer(app, host="localhost")
    await server.start_server()
    chat.origin = str(server.make_url("/")).rstrip("/")
    try:
        yield chat.origin
    finally:
        await server.close()


async def opened(page: Page) -> Frame:
    handle = await page.locator("huntgroup-chat iframe").element_handle()
    assert handle is not None
    frame = await handle.content_frame()
    assert frame is not None
    await expect(frame.locator("body[data-line=ready]")).to_be_visible()
    return frame
