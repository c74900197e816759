"""Where the focus is in the console: a sentence typed anywhere closes, releases, transfers and notes nothing."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_desk import ME, FakeDesk, conversation, moment, seen
from tests.browser.test_console import MINE, enter, furnish

pytestmark = pytest.mark.browser
SENTENCE = "Hello Ann, we are sorry"
MOVES = re.compile(r"/(close|release|transfer|snooze|reopen|label|messages)$")
NARROW = {"width": 390, "height": 780}


def moved(desk: FakeDesk) -> list[str]:
    """What was done to conversations so far."""
    return [path for method, path, _ in desk.asked if method == "POST" and MOVES.search(path)]


async def at_the_desk(desk: FakeDesk, open_context: OpenContext, url: str, **options: object) -> Page:
    furnish(desk)
    page = await enter(open_context, url, **options)
    await expect(page.locator("[data-row=conversation-5]")).to_be_visible()
    return page


async def test_a_sentence_typed_after_a_click_on_a_row_stands_in_the_composer(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-5]").click()
    await page.keyboard.type(SENTENCE)
    await expect(page.locator("#compose")).to_have_value(SENTENCE)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.locator("[data-row=conversation-1]").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type(SENTENCE)
    await expect(page.locator(".bar")).to_contain_text("9Q01")
    await expect(page.locator("#compose")).to_have_value(SENTENCE)
    await page.locator("[data-row=conversation-5]").click()
    await page.keyboard.type("!")
    await expect(page.locator("#compose")).to_have_value(f"{SENTENCE}!")
    await page.locator("[data-row=conversation-5]").click()  # open already
    await page.keyboard.type("!")
    await expect(page.locator("#compose")).to_have_value(f"{SENTENCE}!!")
    assert not moved(desk)


async def test_a_sentence_typed_after_escape_asks_before_it_closes(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    row = page.locator("[data-row=conversation-5]")
    await row.click()
    await page.keyboard.press("Escape")
    await expect(row).to_be_focused()
    await page.keyboard.type(SENTENCE)
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="Close")
    await expect(sheet).to_contain_text("Close the conversation with Visitor 7K3M-9Q05?")
    await shoot(page, "keys-close")
    assert not await violations(page)
    await page.keyboard.press("Escape")
    await expect(row).to_be_focused()
    await page.keyboard.type("nice to meet you")  # n asks for a note
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Private note").locator("textarea")).to_have_value("ice to meet you\n")
    await page.keyboard.press("Escape")
    assert not moved(desk)
    assert desk.conversations["conversation-5"]["state"] == "waiting"


@pytest.mark.parametrize("opened", ["e", "s", "t", "l", "n", "?"])
async def test_a_sentence_typed_after_a_closed_dialog_does_nothing_without_another_one(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, opened: str
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    row = page.locator("[data-row=conversation-5]")
    await row.click()
    for way in ("Escape", "Dismiss"):
        await page.keyboard.press("Escape")
        await page.keyboard.press(opened)
        sheet = page.get_by_role("dialog")
        await expect(sheet).to_be_visible()
        await (sheet.get_by_label(way).click() if way == "Dismiss" else page.keyboard.press(way))
        await expect(sheet).to_have_count(0)
        await expect(row).to_be_focused()
        await page.keyboard.type(SENTENCE)
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        await expect(sheet).to_have_count(0)
    assert not moved(desk)


async def test_a_dialog_opened_by_a_click_gives_the_focus_back_to_the_composer(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    for name in ("Label", "Transfer", "Snooze"):
        await page.get_by_role("button", name=name, exact=True).click()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.type(SENTENCE)
    await expect(page.locator("#compose")).to_have_value(SENTENCE)
    button = page.get_by_role("button", name="Label", exact=True)
    await button.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(button).to_be_focused()
    assert not moved(desk)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state": "closed"}, "closed"),
        (MINE | {"kind": "callback", "channel": "phone", "channels": ["phone"]}, "mine"),
    ],
    ids=["closed", "callback"],
)
async def test_where_no_reply_can_be_written_a_click_goes_to_the_messages_and_no_letter_is_a_command(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, state: dict[str, object], words: str
) -> None:
    desk.put(conversation(7, **state), "Thanks")
    desk.put_call("conversation-7")
    page = await at_the_desk(desk, open_context, desk_url)
    await page.get_by_label("Search").fill("Thanks")
    await page.locator("[data-row=conversation-7]").click()
    messages = page.get_by_role("log", name="Messages with Visitor 7K3M-9Q07")
    await expect(messages).to_be_focused()
    await expect(messages).to_have_accessible_description(re.compile(f"7K3M-9Q07 {words}"))
    await page.keyboard.type(SENTENCE)
    await page.keyboard.press("Enter")
    await expect(messages).to_be_focused()
    assert not moved(desk)
    assert not await violations(page)


async def test_keys_do_nothing_outside_the_list(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    places = ("#thread", "[aria-label='Queue']", ".tabs button", ".aside .scroll", ".presence[tabindex='0']")
    for place in places:
        await page.locator(place).first.focus()
        await page.keyboard.type("estlnjk?")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.locator(".bar")).to_contain_text("9Q01")
    await page.evaluate("document.activeElement.blur()")  # a click beside everything
    await page.keyboard.type("estlnjk?")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".bar")).to_contain_text("9Q01")
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-row=conversation-1]")).to_be_focused()
    await page.locator("[aria-label='Queue']").focus()
    await page.keyboard.press("Escape")  # it may have been open: that closes it
    await expect(page.locator("[aria-label='Queue']")).to_be_focused()
    assert not moved(desk)


async def test_keys_with_modifiers_of_a_composition_or_held_down_open_nothing(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-5]").click()
    await page.keyboard.press("Escape")
    row = page.locator("[data-row=conversation-5]")
    for init in ({"ctrlKey": True}, {"metaKey": True}, {"altKey": True}, {"isComposing": True}, {"keyCode": 229}):
        await row.dispatch_event("keydown", {"key": "e", "bubbles": True, "cancelable": True} | init)
    await row.dispatch_event("keydown", {"key": "e", "bubbles": True, "repeat": True})
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await row.dispatch_event("keydown", {"key": "e", "bubbles": True})
    await expect(page.get_by_role("dialog", name="Close")).to_be_visible()


async def test_enter_held_down_on_a_row_sends_no_draft(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await page.keyboard.type("half a thou")
    await page.keyboard.press("Escape")
    for _ in range(4):
        await page.keyboard.down("Enter")  # the first opens, the others repeat
    await page.keyboard.up("Enter")
    await expect(page.locator("#compose")).to_be_focused()
    await expect(page.locator("#compose")).to_have_value("half a thou")
    assert not moved(desk)
    await page.keyboard.press("Enter")
    assert (await seen(desk, "POST", "/conversation-1/messages"))["text"] == "half a thou"


async def test_j_and_k_keep_the_focus_in_the_list_and_mean_the_row_that_has_it(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    rows = page.locator(".row")
    await page.keyboard.press("j")
    await expect(rows.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await expect(rows.nth(1)).to_be_focused()
    await expect(rows.nth(1)).to_have_class(re.compile("chosen"))
    await page.keyboard.press("Tab")
    await expect(rows.nth(2)).to_be_focused()
    reference = f"9Q0{(await rows.nth(2).get_attribute('data-row') or '')[-1]}"
    await page.keyboard.press("e")  # not the one that was open
    await expect(page.get_by_role("dialog")).to_contain_text(reference)
    await expect(page.locator(".bar")).to_contain_text(reference)
    await page.keyboard.press("Escape")
    await page.keyboard.press("k")
    await expect(rows.nth(1)).to_be_focused()
    assert not moved(desk)


async def test_a_live_update_throws_the_focus_out_of_neither_the_composer_nor_the_list(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    row, composer = page.locator("[data-row=conversation-2]"), page.locator("#compose")
    await row.click()
    await page.keyboard.type("Hello ")
    for number in (5, 2, 1, 2):  # the rows change places
        await desk.hear(f"conversation-{number}", f"Are you there, {number}?")
        await expect(page.locator(f"[data-row=conversation-{number}]")).to_contain_text(f"there, {number}?")
    await desk.change("conversation-2", "conversation.updated", state="assigned", assignee=ME)
    await expect(page.locator(".bar .chip.state")).to_have_text("mine")
    await page.keyboard.type("Ann")
    await expect(composer).to_have_value("Hello Ann")
    await page.keyboard.press("Escape")
    for number in (5, 2, 1, 2, 5):
        await desk.hear(f"conversation-{number}", f"And now, {number}?")
        await expect(page.locator(f"[data-row=conversation-{number}]")).to_contain_text(f"now, {number}?")
        await expect(row).to_be_focused()
    await expect(page.locator(".row").nth(1)).to_have_attribute("data-row", "conversation-2")
    await desk.tell("conversation.updated", "conversation-2", visible=False, snapshot=None)
    await expect(row).to_have_count(0)
    await expect(page.locator(".row").nth(1)).to_be_focused()  # what stands in its place
    await page.keyboard.press("2")  # a filter
    await expect(page.locator(".row")).to_have_count(1)
    await expect(page.locator(".row")).to_be_focused()


async def test_a_conversation_that_is_closed_or_goes_while_somebody_types_makes_no_letter_a_command(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-2]").click()
    await page.keyboard.type("Hello ")
    await desk.change("conversation-2", "conversation.closed", state="closed")
    await expect(page.locator("#thread")).to_be_focused()
    await page.keyboard.type("Ann, we are sorry")
    await page.locator("[data-row=conversation-5]").click()
    await page.keyboard.type("Hello ")
    await desk.tell("conversation.updated", "conversation-5", visible=False, snapshot=None)
    await expect(page.locator("main.thread.none")).to_be_focused()
    await page.keyboard.type("Ann, we are sorry")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert not moved(desk)


async def test_taking_by_key_can_be_undone_and_a_note_by_key_has_its_own_dialog_and_draft(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    await page.locator("[data-row=conversation-2]").click()
    await page.keyboard.type("half a reply")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    sheet = page.get_by_role("dialog", name="Private note")
    await page.keyboard.type("Customer is a VIP")
    await shoot(page, "keys-note")
    assert not await violations(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(sheet.locator("textarea")).to_have_value("Customer is a VIP")
    await page.keyboard.press("Control+Enter")
    said = await seen(desk, "POST", "/conversation-2/messages")
    assert (said["text"], said["note"]) == ("Customer is a VIP", True)
    await expect(page.locator(".message.note")).to_contain_text("Customer is a VIP")
    await expect(page.locator("[data-row=conversation-2]")).to_be_focused()
    await expect(page.locator("#compose")).to_have_value("half a reply")
    await page.keyboard.press("n")
    await expect(sheet.locator("textarea")).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await page.keyboard.press("a")
    await expect(page.locator("#compose")).to_be_focused()
    await page.get_by_role("button", name="Undo").click()
    await seen(desk, "POST", "/conversation-2/release")
    await page.reload()
    await page.locator("[data-row=conversation-2]").click()
    await expect(page.locator("#compose")).to_have_value("half a reply")


async def test_an_undone_close_gives_a_conversation_back_to_its_holder_alone(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    state = page.locator(".bar .chip.state")
    undo = page.get_by_role("status").filter(has_text="is closed").get_by_role("button", name="Undo")
    await page.locator("[data-row=conversation-2]").click()
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")
    await expect(state).to_have_text("mine")
    await page.get_by_role("button", name="Close", exact=True).click()
    await undo.click()
    await seen(desk, "POST", "/conversation-2/reopen")
    await expect(state).to_have_text("mine")
    await page.get_by_role("button", name="Give back", exact=True).click()
    await expect(state).to_have_text("waiting")
    await page.get_by_role("button", name="Close", exact=True).click()
    await undo.click()
    await expect(state).to_have_text("waiting")
    await page.get_by_role("button", name="Take", exact=True).click()
    await expect(state).to_have_text("mine")
    verbs = [
        path.rpartition("/")[2] for method, path, _ in desk.asked if method == "POST" and "conversation-2/" in path
    ]
    assert [verb for verb in verbs if verb != "read"] == [
        "take",
        "close",
        "reopen",
        "take",
        "release",
        "close",
        "reopen",
        "take",
    ]


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN", "fr-FR", "de-DE"])
async def test_single_letter_keys_are_turned_off_for_good_by_whoever_wants_none(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, locale: str
) -> None:
    page = await at_the_desk(desk, open_context, desk_url, locale=locale)
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(sheet.get_by_role("checkbox")).to_be_focused()
    await shoot(page, f"keys-help-{locale}")
    assert not await violations(page)
    await page.keyboard.press("Space")
    await expect(sheet.locator("kbd", has_text="j")).to_have_count(0)
    await page.keyboard.press("Escape")
    for _ in range(2):
        await page.locator("[data-row=conversation-5]").click()
        await page.keyboard.press("Escape")
        await page.keyboard.type("?estlnjk")
        await expect(sheet).to_have_count(0)
        await expect(page.locator(".bar")).to_contain_text("9Q05")
        await page.reload()
        await expect(page.locator("[data-row=conversation-5]")).to_be_visible()
    await page.locator("header.top .icon-button").first.click()
    await sheet.get_by_role("checkbox").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(page.locator(".row.chosen")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_telephone_a_row_opens_its_messages_and_back_returns_to_the_row(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, scheme: str
) -> None:
    phone = {"viewport": NARROW, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    page = await at_the_desk(desk, open_context, desk_url, **phone)
    row = page.locator("[data-row=conversation-5]")
    await row.tap()
    await expect(page.locator("#thread")).to_be_focused()  # no keyboard comes up over it
    await shoot(page, f"keys-narrow-thread-{scheme}")
    await page.get_by_role("button", name="Back to the list").tap()
    await expect(row).to_be_focused()
    await shoot(page, f"keys-narrow-list-{scheme}")
    assert not moved(desk)


async def test_in_a_narrow_window_the_keyboard_goes_in_and_out_of_a_conversation(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url, viewport=NARROW)
    rows = page.locator(".row")
    for number in (0, 1):
        await page.keyboard.press("j")
        await expect(rows.nth(number)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.type(SENTENCE)
    await expect(page.locator("#compose")).to_have_value(SENTENCE)
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_focused()
    await page.keyboard.type(SENTENCE)
    await page.keyboard.press("Escape")
    await expect(rows.nth(1)).to_be_focused()
    await page.keyboard.press("?")
    await shoot(page, "keys-help-narrow")
    await page.keyboard.press("Escape")
    await page.keyboard.press("s")
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_focused()  # its row is not shown
    assert not moved(desk)


async def test_an_offer_declined_by_keyboard_leaves_the_focus_in_the_list(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await at_the_desk(desk, open_context, desk_url)
    for number in (2, 5):
        offer = {"state": "offered", "offered_to": ME, "offer_until": moment(5)}
        await desk.change(f"conversation-{number}", "conversation.offered", **offer)
    await expect(page.locator(".offer")).to_have_count(2)
    await page.get_by_role("button", name="Decline").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".offer")).to_have_count(1)
    await expect(page.locator(".offer [data-row]")).to_be_focused()
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/take", late)
    await page.get_by_role("button", name="Accept").click()
    await page.keyboard.type(SENTENCE)  # before the desk has answered
    await expect(page.locator("#compose")).to_have_value(SENTENCE)
    held.set()
    await expect(page.locator(".bar .chip.state")).to_have_text("mine")
    await expect(page.locator("#compose")).to_be_focused()
