"""What an agent does with a call in the console: each state of the panel, by keys alone, in five languages."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_desk import ME, FakeDesk, conversation, moment, seen

pytestmark = pytest.mark.browser
LOCALES = {"en": "en-GB", "zh": "zh-CN", "fr": "fr-FR", "de": "de-DE", "es": "es-ES"}
WORDS = {
    language: json.loads((Path("desk/console/i18n") / f"{language}.json").read_text("utf-8")) for language in LOCALES
}
MINE = {"state": "assigned", "assignee": ME, "kind": "callback", "channel": "phone", "channels": ["phone"]}


async def at_the_call(open_context: OpenContext, url: str, language: str = "en", **options: object) -> Page:
    watched = await open_context(locale=LOCALES[language], **options)
    watched.allowed = ("409",)
    page = await watched.page()
    await page.goto(f"{url}?login=once")
    await page.locator("[data-row=conversation-1]").click()
    return page


def panel(page: Page, language: str = "en") -> Locator:
    return page.get_by_role("region", name=WORDS[language]["call.title"])


@pytest.fixture
def call(desk: FakeDesk) -> None:
    desk.logged_in = True
    desk.put(conversation(1, **MINE, customer={"id": "customer-1", "name": "Anne", "verified": False}), "callback")
    desk.put_call("conversation-1", slot_local="2026-11-23T10:00", note="after the bell")


@pytest.mark.usefixtures("call")
async def test_the_number_is_a_link_once_the_try_is_written_down(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_call(open_context, desk_url)
    number = panel(page).locator(".number")
    await expect(number).to_have_text("+33199001234 · 12")
    await expect(number.locator("a")).to_have_count(0)
    await shoot(page, "call-due")
    await panel(page).get_by_role("button", name="Call", exact=True).click()
    await expect(number.locator("a")).to_have_attribute("href", "tel:+33199001234;ext=12")
    await expect(panel(page).get_by_role("button", name="Cancel the call")).to_have_count(0)  # nobody is cut off
    await expect(panel(page).get_by_role("button", name="Move")).to_have_count(0)
    await shoot(page, "call-dialing")
    assert not await violations(page)


@pytest.mark.usefixtures("call")
async def test_never_is_ticked_beside_the_outcome(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    page = await at_the_call(open_context, desk_url)
    await panel(page).get_by_label("They asked never to be called again").check()
    await panel(page).get_by_role("button", name="No answer").click()
    assert await seen(desk, "POST", "/callback/outcome") == {"outcome": "no_answer", "never": True}
    await expect(panel(page)).to_contain_text("given up: no answer")
    await shoot(page, "call-over")


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.usefixtures("call")
async def test_a_call_is_moved_by_keys_alone_in_every_language(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    words, page = WORDS[language], await at_the_call(open_context, desk_url, language)
    move = panel(page, language).get_by_role("button", name=words["call.move"], exact=True)
    await move.focus()
    await page.keyboard.press("Enter")
    when = panel(page, language).get_by_label(words["call.when"].replace("{zone}", "Europe/Paris"))
    await expect(when).to_be_focused()
    await expect(when.locator("option")).to_have_count(4)
    await expect(when.locator("option:checked")).to_have_text(words["call.choose"])
    await expect(when.locator("option").nth(1)).to_have_text(words["call.soon"])
    go = panel(page, language).get_by_role("button", name=words["call.move.go"])
    await expect(go).to_be_disabled()
    await expect(when.locator("option").last).to_have_text(re.compile("0?9:30$"))  # the customer's clock
    await shoot(page, f"call-move-{language}")
    assert not await violations(page)
    await page.keyboard.press("End")
    await expect(go).to_be_enabled()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # left as it is
    await expect(move).to_be_focused()
    assert not any(path.endswith("/slot") for _, path, _ in desk.asked)
    await page.keyboard.press("Enter")
    await expect(when.locator("option")).to_have_count(4)
    await expect(go).to_be_disabled()
    await page.keyboard.press("End")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await seen(desk, "POST", "/callback/slot") == {"slot": "2026-11-24T08:30:00Z"}
    await expect(page.get_by_role("status").filter(has_text=words["call.moved"])).to_be_visible()
    await expect(panel(page, language)).to_contain_text(words["callstate.scheduled"])


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.usefixtures("call")
async def test_a_call_is_cancelled_when_asked_twice_in_every_language(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    words, page = WORDS[language], await at_the_call(open_context, desk_url, language)
    cancel = panel(page, language).get_by_role("button", name=words["call.cancel"], exact=True)
    await cancel.focus()
    await page.keyboard.press("Enter")
    sure = panel(page, language).get_by_role("group", name=words["call.cancel.sure"])
    await expect(sure.get_by_role("button", name=words["call.leave"])).to_be_focused()  # a second Enter cancels nothing
    await shoot(page, f"call-cancel-{language}")
    assert not await violations(page)
    await page.keyboard.press("Enter")
    await expect(cancel).to_be_focused()
    assert desk.calls["conversation-1"]["state"] == "offered"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text=words["call.cancelled"])).to_be_visible()
    await expect(panel(page, language)).to_contain_text(words["callstate.cancelled"])
    await shoot(page, f"call-cancelled-{language}")


@pytest.mark.usefixtures("call")
async def test_a_time_that_was_taken_meanwhile_is_told_and_another_is_chosen(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_call(open_context, desk_url)
    desk.fail["/api/v1/conversations/conversation-1/callback/slot"] = (409, "slot_taken")
    await panel(page).get_by_role("button", name="Move", exact=True).click()
    go = panel(page).get_by_role("button", name="Move the call")
    for number in (2, 3):
        await panel(page).get_by_label("New time").select_option(index=number)
        await go.click()
        if number == 2:
            await expect(page.get_by_role("alert")).to_contain_text("That time has just been taken")
            await expect(go).to_be_disabled()  # until another one is chosen
    await expect(panel(page)).to_contain_text("scheduled")
    assert await seen(desk, "POST", "/callback/slot") == {"slot": "2026-11-24T08:30:00Z"}


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.usefixtures("call")
async def test_a_call_that_was_settled_meanwhile_is_told_to_be_in_every_language(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    words, page = WORDS[language], await at_the_call(open_context, desk_url, language)
    desk.fail["/api/v1/conversations/conversation-1/callback/cancel"] = (409, "call_settled")
    await panel(page, language).get_by_role("button", name=words["call.cancel"], exact=True).click()
    await panel(page, language).get_by_role("button", name=words["call.cancel.yes"]).click()
    await expect(page.get_by_role("alert")).to_contain_text(words["error.call_settled"])


NIGHT = [
    {"start": "2026-10-24T22:00:00Z", "end": "2026-10-24T22:30:00Z", "local": "2026-10-25T00:00"},
    {"start": "2026-10-25T00:30:00Z", "end": "2026-10-25T01:00:00Z", "local": "2026-10-25T02:30"},
    {"start": "2026-10-25T01:30:00Z", "end": "2026-10-25T02:00:00Z", "local": "2026-10-25T02:30"},
    {"start": "2026-10-26T08:00:00Z", "end": "2026-10-26T08:30:00Z", "local": "2026-10-26T09:00"},
]


@pytest.mark.usefixtures("call")
async def test_times_stand_under_their_days_and_the_hour_that_autumn_repeats_is_told_apart(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    desk.slots = NIGHT
    page = await at_the_call(open_context, desk_url)
    await panel(page).get_by_role("button", name="Move", exact=True).click()
    when = panel(page).get_by_label("New time")
    days = when.locator("optgroup")
    await expect(days).to_have_count(2)
    await expect(days.first).to_have_attribute("label", re.compile("^Sunday,? 25 October$"))
    await expect(days.first.locator("option")).to_have_text(
        [re.compile("0?0:00$"), re.compile(r"2:30 \(UTC\+02:00\)$"), re.compile(r"2:30 \(UTC\+01:00\)$")]
    )
    await when.select_option(index=4)
    await shoot(page, "call-move-days")
    await panel(page).get_by_role("button", name="Move the call").click()
    assert await seen(desk, "POST", "/callback/slot") == {"slot": NIGHT[2]["start"]}


@pytest.mark.usefixtures("call")
async def test_as_soon_as_possible_is_chosen_and_never_left_standing(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_call(open_context, desk_url)
    await panel(page).get_by_role("button", name="Move", exact=True).click()
    await panel(page).get_by_label("New time").select_option("As soon as possible")
    await panel(page).get_by_role("button", name="Move the call").click()
    assert await seen(desk, "POST", "/callback/slot") == {"slot": None}


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.usefixtures("call")
async def test_closing_over_a_call_asks_what_is_to_become_of_it_in_every_language(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    words, page = WORDS[language], await at_the_call(open_context, desk_url, language)
    await expect(panel(page, language)).to_be_visible()
    desk.fail["/api/v1/conversations/conversation-1/close"] = (409, "call_open")
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await page.get_by_role("dialog").get_by_role("button", name=words["close.go"], exact=True).click()
    sheet = page.get_by_role("dialog", name=words["call.title"])
    await expect(sheet).to_contain_text(words["error.call_open"])
    await expect(sheet.get_by_role("button", name=words["call.done"])).to_be_visible()
    await shoot(page, f"call-open-{language}")
    assert not await violations(page)
    await sheet.get_by_role("button", name=words["call.cancel"], exact=True).click()
    await sheet.get_by_role("button", name=words["call.cancel.yes"]).click()
    await expect(sheet).to_have_count(0)
    closed = words["closed_toast"].replace("{reference}", "7K3M-9Q01")
    await expect(page.get_by_role("status").filter(has_text=closed)).to_be_visible()  # what was asked for goes on
    assert desk.conversations["conversation-1"]["state"] == "closed"


@pytest.mark.usefixtures("call")
async def test_closing_goes_on_after_what_came_of_the_call_was_said(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_call(open_context, desk_url, viewport={"width": 390, "height": 780})
    desk.fail["/api/v1/conversations/conversation-1/close"] = (409, "call_open")
    await page.get_by_role("button", name="Close").click()
    sheet = page.get_by_role("dialog", name="Call asked for")
    await sheet.get_by_label("Note about the call").fill("They had it solved")
    await shoot(page, "call-open-narrow")
    await sheet.get_by_role("button", name="Spoke with them").click()
    await expect(page.get_by_role("status").filter(has_text="is closed")).to_be_visible()
    assert await seen(desk, "POST", "/callback/outcome") == {"outcome": "done", "note": "They had it solved"}


async def test_a_call_that_sleeps_with_nobody_is_changed_by_whoever_sees_it_and_one_of_a_colleague_is_not(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    desk.logged_in = True
    asleep = {"state": "snoozed", "kind": "callback", "channels": ["phone"], "snoozed_until": moment(60)}
    desk.put(conversation(1, **asleep), "callback")
    desk.put_call("conversation-1", state="scheduled")
    page = await at_the_call(open_context, desk_url)
    await expect(panel(page).get_by_role("button", name="Cancel the call")).to_be_visible()
    await expect(panel(page).get_by_label("Note about the call")).to_have_count(0)
    await shoot(page, "call-asleep")
    ann = {"id": "agent-ann", "name": "Ann Lee"}
    await desk.change("conversation-1", "conversation.updated", state="assigned", assignee=ann, snoozed_until=None)
    await expect(panel(page).get_by_role("button", name="Cancel the call")).to_have_count(0)


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize("language", LOCALES)
async def test_nobody_writes_into_a_telephone(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, language: str
) -> None:
    page = await at_the_call(open_context, desk_url, language)
    await expect(page.locator("#goes")).to_have_text(WORDS[language]["mute"])
    await expect(page.locator("#mode-reply")).to_be_disabled()
    await page.locator("#compose").fill("rang twice")
    await page.locator("#compose").press("Enter")
    assert (await seen(desk, "POST", "/messages"))["note"] is True
    await shoot(page, f"call-note-{language}")
    assert not await violations(page)


async def test_a_reply_goes_over_what_carries_words(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    desk.logged_in = True
    desk.put(conversation(1, **MINE | {"channel": "phone", "channels": ["site", "phone"]}), "callback")
    desk.put_call("conversation-1")
    page = await at_the_call(open_context, desk_url)
    await expect(page.locator("#goes")).to_contain_text("over site")
    await expect(page.locator("#mode-reply")).to_be_enabled()
