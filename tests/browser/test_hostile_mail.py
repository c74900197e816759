"""What hostile mails became, in a real browser: in the console as agents see it, and bare, without any policy around it. Nothing runs."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from channels.email.arrivals import Account, arrival
from channels.email.normalize import letter
from channels.email.thread_ids import Threads
from conversation.errors import MalformedPayload
from conversation.model.message import MessageReceived
from tests.browser.conftest import OpenContext, shoot
from tests.browser.fake_desk import FakeDesk, conversation
from tests.browser.test_console import enter
from tests.channels.email.poison import HOSTILE, SCRIPTS
from tests.contracts.channel import NOW

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
ACCOUNT = Account(channel="mail", threads=Threads(b"key", "help@wallet.example"))
RUNNING = ("javascript:", "vbscript:", "data:text", "data:image/svg")
PAGE = 49  # as many as the console draws at once
SHOWN = 300  # characters of each text: a browser need not draw megabytes
LISTED = """() => [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes].map((a) => [node.localName, a.name, a.value]))"""


def arrived() -> list[MessageReceived]:
    """What the house stores of each hostile mail that it can read, but for those that are merely large."""
    found: list[MessageReceived] = []
    for make in HOSTILE.values():
        raw = make()
        if len(raw) > 100_000:
            continue
        try:
            events = arrival(letter(raw), raw, ACCOUNT, received_at=NOW).events
        except MalformedPayload:
            continue
        found.extend(event for event in events if isinstance(event, MessageReceived))
    return found


async def nothing_ran(page: Page) -> None:
    assert await page.evaluate("() => typeof window.hacked") == "undefined"


async def test_nothing_runs_in_the_console(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    mails = arrived()
    assert len(mails) >= 300
    desk.logged_in = True
    customer = {"id": "customer-1", "name": SCRIPTS[4], "verified": False, "language": "en"}
    pages = [mails[at : at + PAGE] for at in range(0, len(mails), PAGE)]
    for number, several in enumerate(pages, 1):
        it = conversation(number, kind="email", channel="mail", channels=["mail"], customer=customer)
        desk.put(it)
        for mail in several:
            desk._keep(it["id"], "in", mail.text[:SHOWN], html=mail.html, **beside(mail))
    page = await enter(open_context, desk_url)
    for number, several in enumerate(pages, 1):
        await page.locator(f"[data-row=conversation-{number}]").click()
        await expect(page.locator(".message")).to_have_count(len(several))
        await nothing_ran(page)
    await shoot(page, "hostile-mail")


def beside(mail: MessageReceived) -> dict[str, Any]:
    files = [{"id": a.id, "name": a.name, "type": a.type, "size": a.size} for a in mail.attachments[:5]]
    return {"author": {"kind": "customer", "name": mail.sender.name}, "attachments": files, "channel": "mail"}


async def test_nothing_runs_and_nothing_is_fetched_without_any_policy(open_context: OpenContext) -> None:
    watched = await open_context()
    # pictures from elsewhere stand there under a scheme that is none
    watched.allowed = ("blocked:", "UNKNOWN_URL_SCHEME")
    page = await watched.page()
    pages = [mail.html for mail in arrived() if mail.html]
    assert len(pages) >= 50
    for html in pages:
        await page.set_content(f"<!doctype html><main>{html}</main>", wait_until="load")
        await nothing_ran(page)
        for node, name, value in await page.evaluate(LISTED):
            assert not name.startswith("on"), (node, name)
            assert not "".join(value.lower().split()).startswith(RUNNING), (node, name, value)
