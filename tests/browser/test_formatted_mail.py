"""A mail in the console as it was laid out: nothing runs, and pictures from elsewhere come only once the agent has agreed."""

import base64

import pytest
from playwright.async_api import Route, expect

from channels.email.mime import html_safe
from tests.browser.conftest import OpenContext, Watched, shoot
from tests.browser.fake_desk import FakeDesk, conversation
from tests.browser.test_console import enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MAIL = """<h2 style="color:#0a5">Your top-up</h2><p onclick="hacked=1">It <b>failed</b> twice.</p>
<script>window.hacked = 1</script><table border="1"><tr><td>Amount</td><td>100.00</td></tr></table>
<img src="cid:logo" alt="logo"><img src="https://tracker.example/p.png" alt="from elsewhere">
<form action="https://evil.example"><input></form>"""


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-GB", "Show as laid out"),
        ("zh-CN", "显示原始排版"),
        ("fr-FR", "Afficher la mise en forme"),
        ("de-DE", "Gestaltet anzeigen"),
    ],
)
async def test_a_mail_is_shown_as_laid_out_and_fetches_nothing_until_the_agent_agrees(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, locale: str, words: str
) -> None:
    desk.logged_in = True
    desk.put(conversation(1, kind="email", channel="mail", channels=["mail"]))
    html = html_safe.with_pictures(html_safe.safe(MAIL) or "", {"logo": "/api/v1/attachments/logo"})
    desk._keep("conversation-1", "in", "It failed twice.", html=html, doubt="unproven", channel="mail")
    watched = await open_context(locale=locale)
    watched.allowed = ("https://tracker.example/",)  # answered below, and never by a network

    async def opened(**_: object) -> Watched:
        return watched

    page = await enter(opened, desk_url)
    asked: list[str] = []

    async def elsewhere(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(body=PIXEL, content_type="image/png")

    async def logo(route: Route) -> None:
        await route.fulfill(body=PIXEL, content_type="image/png")

    await page.route("https://tracker.example/**", elsewhere)
    await page.route("**/api/v1/attachments/logo", logo)
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".doubt")).to_be_visible()
    await page.get_by_role("button", name=words).click()
    frame = page.frame_locator(".formatted iframe")
    await expect(frame.locator("h2")).to_have_css("color", "rgb(0, 170, 85)")
    await expect(frame.locator("form, script, [onclick]")).to_have_count(0)
    width = "img => img.decode().then(() => img.naturalWidth)"
    assert await frame.locator("img[alt=logo]").evaluate(width) == 1
    assert asked == []
    await shoot(page, f"formatted-mail-{locale}")
    await page.locator(".consent button").click()
    await expect(page.locator(".consent")).to_have_count(0)
    picture = frame.locator("img[alt='from elsewhere']")
    await expect(picture).to_have_attribute("src", "https://tracker.example/p.png")
    assert await picture.evaluate(width) == 1
    assert asked == ["https://tracker.example/p.png"]
    assert await page.evaluate("() => typeof window.hacked") == "undefined"
