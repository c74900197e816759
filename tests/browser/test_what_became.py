"""What became of messages, and until when a customer can be answered, in a real browser against a desk from memory."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_desk import ME, FakeDesk, conversation, moment, seen

pytestmark = pytest.mark.browser
CLOSED = {
    "channel": "site",
    "open": "templates",
    "until": None,
    "templates": ["hello", "refund_done"],
    "channels": ["app"],
}


def furnish(desk: FakeDesk, **reply: object) -> None:
    desk.logged_in = True
    window = {"reply_until": moment(-5), "reply": {**CLOSED, **reply}, "channels": ["site", "app"]}
    desk.put(conversation(1, state="assigned", assignee=ME, language="en", **window))
    keep = desk._keep
    first = keep("conversation-1", "in", "Where is my refund?", edited_at=moment(), first_text="Where is my refnd?")
    first["reactions"] = [{"emoji": "👍", "at": moment()}]
    keep("conversation-1", "in", "", retracted_at=moment())
    keep(
        "conversation-1", "out", "We are looking.", author={"kind": "agent", "id": None, "name": "Shop"}, external=True
    )
    keep("conversation-1", "in", "Thank you", reply_to=first["id"])
    keep("conversation-1", "in", "", unsupported="poll")
    lost = {"id": "f1", "name": "voice.ogg", "type": "audio/ogg", "size": 0, "fault": "expired"}
    waiting = {"id": "f2", "name": "photo.jpg", "type": "image/jpeg", "size": 0, "waiting": True}
    keep("conversation-1", "in", "", attachments=[lost, waiting])


async def opened(open_context: OpenContext, url: str, **options: object) -> Page:
    page = await (await open_context(**options)).page()
    await page.goto(f"{url}?login=once")
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".message")).to_have_count(6)
    return page


async def test_a_thread_shows_what_became_of_its_messages(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await opened(open_context, desk_url)
    messages = page.locator(".message")
    await expect(messages.nth(0)).to_contain_text("edited")
    await expect(messages.nth(0).locator(".reaction")).to_have_text("👍")
    await messages.nth(0).get_by_text("what it said first").click()
    await expect(messages.nth(0)).to_contain_text("Where is my refnd?")
    await expect(messages.nth(1)).to_contain_text("Taken back by the customer")
    await expect(messages.nth(2)).to_contain_text("answered in the provider's app")
    await expect(messages.nth(2)).to_contain_text("Shop")
    await expect(messages.nth(3).locator("blockquote")).to_contain_text("Where is my refund?")
    await expect(messages.nth(4)).to_contain_text("not understood: poll")
    await expect(messages.nth(5)).to_contain_text("voice.ogg: the provider has it no longer")
    await expect(messages.nth(5)).to_contain_text("photo.jpg: being fetched")
    await shoot(page, "what-became-light")
    assert not await violations(page)
    message = desk.messages["conversation-1"][3]
    message |= {"text": "", "retracted_at": moment()}
    await desk.tell("message.changed", "conversation-1", message)
    await expect(messages.nth(3)).to_contain_text("Taken back")


async def test_after_the_window_a_template_is_sent_or_another_channel_taken(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await opened(open_context, desk_url)
    await expect(page.locator("#reach")).to_contain_text("A template may still be sent")
    await expect(page.locator("#compose")).to_be_disabled()
    await page.locator("#template").select_option("refund_done")
    await page.locator("#template-words").fill("Anna | 7 EUR")
    await shoot(page, "window-closed-light")
    await page.locator("#template-send").click()
    said = await seen(desk, "POST", "/messages")
    assert (said["template"], said["parameters"], said["text"]) == ("refund_done", ["Anna", "7 EUR"], "")
    await page.get_by_role("button", name="Answer on app").click()
    await expect(page.locator("#compose")).to_be_enabled()


async def test_the_end_of_an_open_window_is_shown(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk, open="persons", until=moment(90), templates=[])
    page = await opened(open_context, desk_url)
    await expect(page.locator("#reach")).to_contain_text("automatic replies do not any more")
    await expect(page.locator("#compose")).to_be_enabled()


@pytest.mark.parametrize("language", ["zh", "fr", "de", "es"])
async def test_the_window_is_told_in_the_agents_language(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    furnish(desk)
    page = await opened(open_context, desk_url, locale=language)
    words = {
        "zh": "仍可发送模板消息",
        "fr": "Un modèle peut encore",
        "de": "Eine Vorlage kann noch",
        "es": "se puede enviar una plantilla",
    }
    await expect(page.locator("#reach")).to_contain_text(words[language])
    await shoot(page, f"window-closed-{language}")
