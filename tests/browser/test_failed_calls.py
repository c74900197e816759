"""A webhook that was not called stands on the conversation at once, in words that say what to do."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_desk import FakeDesk, moment
from tests.browser.test_console import enter, furnish

pytestmark = pytest.mark.browser
REASON = "expired: nothing older than 15 minutes leaves by itself: attempt 21: the webhook freeze answered 503"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
async def test_a_freeze_that_did_not_leave_is_shown_to_whoever_has_the_conversation_open(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, scheme: str, width: int
) -> None:
    furnish(desk)
    page = await enter(
        open_context, desk_url, viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    await page.locator("[data-row=conversation-5]").click()
    await expect(page.locator(".composer")).to_be_visible()
    failed = {"webhook": "freeze", "at": moment(), "reason": REASON}
    await desk.change("conversation-5", "webhook.failed", failed_calls=[failed])
    told = page.locator(".failed-call")
    await expect(told).to_contain_text("The webhook “freeze” was not called")
    await expect(told).to_contain_text("answered 503")
    await shoot(page, f"console-failed-call-{width}-{scheme}")
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    if width > 800:
        assert not await violations(page)
        await expect(page.locator("[data-row=conversation-5]")).to_contain_text("webhook not called")
    await desk.change("conversation-5", "conversation.updated", failed_calls=[])
    await expect(told).to_have_count(0)
