"""The agents' console in a real browser, against a desk from memory."""

import asyncio
import re

import pytest
from playwright.async_api import FilePayload, Page, Route, expect

from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_desk import ME, FakeDesk, conversation, moment, seen

pytestmark = pytest.mark.browser
MINE = {"state": "assigned", "assignee": ME, "priority": "high"}


def furnish(desk: FakeDesk) -> None:
    """A morning's work."""
    desk.logged_in = True
    lin = {"id": "customer-1", "name": "林晓", "verified": True, "language": "zh"}
    desk.put(conversation(1, **MINE, customer=lin, channels=["site", "app"], unread=1), "充值不成功，钱扣了没到账")
    desk.put(conversation(2, state="waiting", language="de"), "Meine Karte wurde abgelehnt")
    desk.put(
        conversation(3, state="snoozed", assignee=ME, language="en", issue="refund"), "When will my refund arrive?"
    )
    desk.put(conversation(4, state="closed", language="fr"), "Merci, c'est réglé !")
    desk.put(conversation(5, queue="safety", priority="urgent", language="en"), "Somebody emptied my account")


async def enter(open_context: OpenContext, url: str, **options: object) -> Page:
    page = await (await open_context(**options)).page()
    await page.goto(f"{url}?login=once")
    await expect(page.locator(".list")).to_be_visible()
    return page


async def test_a_wrong_password_is_told_and_the_right_one_opens_the_desk(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    watched = await open_context()
    page = await watched.page()
    await page.goto(desk_url)
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await shoot(page, "login-light")
    assert not await violations(page)
    await page.get_by_label("E-mail").fill("wei@example.com")
    await page.get_by_label("Password").fill("wrong")
    watched.allowed = ("401",)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("did not work")
    await page.get_by_label("Password").fill("correct horse")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator(".list")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Password")).to_be_visible()
    assert desk.presence == "offline"
    desk.put(conversation(1), "Hello")
    await page.get_by_label("E-mail").fill("wei@example.com")
    await page.get_by_label("Password").fill("correct horse")
    await page.keyboard.press("Enter")
    await expect(page.locator(".row")).to_have_count(1)


@pytest.mark.parametrize(
    ("locale", "scheme", "wait", "words", "button"),
    [
        ("en-GB", "light", 2, "Try again in", "Log in"),
        ("zh-CN", "dark", 40, "秒后重试", "登录"),
        ("fr-FR", "light", 300, "Réessayez dans 5 min", "Se connecter"),
        ("de-DE", "dark", 300, "In 5 Min. können Sie", "Anmelden"),
    ],
)
async def test_the_login_page_says_how_long_to_wait_and_waits(
    desk: FakeDesk,
    desk_url: str,
    open_context: OpenContext,
    locale: str,
    scheme: str,
    wait: int,
    words: str,
    button: str,
) -> None:
    desk.login_wait = wait
    small = {"width": 390, "height": 700}
    watched = await open_context(locale=locale, color_scheme=scheme, viewport=small if scheme == "dark" else None)
    watched.allowed = ("429", "401")
    page = await watched.page()
    await page.goto(desk_url)
    await page.locator("input[name=email]").fill("wei@example.com")
    await page.locator("input[name=password]").fill("wrong")
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("timer")).to_contain_text(words)
    await expect(page.get_by_role("button", name=button)).to_be_disabled()
    await shoot(page, f"login-wait-{locale[:2]}-{scheme}")
    assert not await violations(page)
    if wait == 2:
        desk.login_wait = 0
        await expect(page.get_by_role("button", name=button)).to_be_enabled()
        await expect(page.get_by_role("timer")).to_have_count(0)


async def test_a_login_link_is_used_once_and_leaves_the_address(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, desk_url)
    assert "login" not in page.url
    assert await seen(desk, "POST", "/login") == {"token": "once"}


async def test_the_list_filters_searches_and_shows_what_matters(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    rows = page.locator(".row")
    await expect(rows).to_have_count(4)
    await expect(page.locator("[data-row=conversation-1] .unread")).to_have_text(re.compile("1$"))
    await expect(page.locator("[data-row=conversation-5]")).to_contain_text("urgent")
    await expect(page).to_have_title(re.compile(r"^\(1\)"))
    await page.get_by_role("button", name="Closed", exact=True).click()
    await expect(rows).to_have_count(1)
    await page.get_by_role("button", name=re.compile("^Waiting")).click()
    await expect(rows).to_have_count(2)
    await page.get_by_label("Queue", exact=True).select_option("safety")
    await expect(rows).to_have_count(1)
    await page.get_by_label("Queue", exact=True).select_option("")
    await page.get_by_label("Search").fill("充值")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("林晓")


async def test_a_message_comes_in_live_without_reload_or_polling(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".message")).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await desk.hear("conversation-1", "还在吗？")
    await expect(page.locator(".message").last).to_contain_text("还在吗？")
    await seen(desk, "POST", "/conversation-1/read")
    assert [url for url in asked if "/read" not in url and "favicon" not in url] == []
    await desk.hear("conversation-2", "Hallo?")
    await expect(page.locator("[data-row=conversation-2] .unread")).to_have_text(re.compile("1$"))
    new = conversation(
        6, language="en", customer={"id": "customer-6", "name": "Ada", "verified": False, "language": "en"}
    )
    desk.put(new)
    await desk.tell("conversation.created", "conversation-6")
    await expect(page.locator("[data-row=conversation-6]")).to_contain_text("Ada")
    await desk.tell("conversation.updated", "conversation-6", visible=False, snapshot=None)
    await expect(page.locator("[data-row=conversation-6]")).to_have_count(0)


async def test_an_offer_counts_down_and_is_accepted_or_declined(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    offer = {"state": "offered", "offered_to": ME, "offer_until": moment(0.6)}
    await desk.change("conversation-5", "conversation.offered", **offer)
    await desk.change("conversation-2", "conversation.offered", **offer)
    await expect(page.locator(".offer")).to_have_count(2)
    await expect(page.locator(".offer .count").first).to_have_text(re.compile(r"\d+ s"))
    await expect(page).to_have_title(re.compile(r"^\(3\)"))
    assert await page.locator("#icon").get_attribute("href") == "favicon-unread.svg"
    await shoot(page, "console-offers-light")
    await page.locator(".offer", has_text="urgent").get_by_role("button", name="Accept").click()
    await expect(page.locator(".bar")).to_contain_text("7K3M-9Q05")
    await page.locator(".offer").get_by_role("button", name="Decline").click()
    await expect(page.locator(".offer")).to_have_count(0)
    await seen(desk, "POST", "/conversation-5/take")
    await seen(desk, "POST", "/conversation-2/release")


async def test_a_lost_race_is_told_in_words(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    watched = await open_context()
    watched.allowed = ("409",)
    page = await watched.page()
    await page.goto(f"{desk_url}?login=once")
    await page.locator("[data-row=conversation-2]").click()
    for code, words in (("moved", "A colleague was faster"), ("capacity_full", "capacity")):
        desk.fail["/api/v1/conversations/conversation-2/take"] = (409, code)
        await page.get_by_role("button", name="Take", exact=True).click()
        await expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()


async def test_a_reply_names_its_channel_and_climbs_its_ladder(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator("#goes select")).to_have_value("site")
    await page.locator("#compose").fill("您好，我马上为您查询。")
    await page.locator("#compose").press("Enter")
    last = page.locator(".message.out").last
    await expect(last).to_contain_text("您好，我马上为您查询。")
    await expect(last.locator(".status")).to_contain_text("delivered")
    said = await seen(desk, "POST", "/conversation-1/messages")
    assert (said["channel"], said["note"], len(said["id"])) == ("site", False, 36)
    await page.locator("#goes select").select_option("app")
    await page.locator("#compose").fill("Erste Zeile")
    await page.locator("#compose").press("Shift+Enter")
    await page.locator("#compose").press_sequentially("zweite")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".message.out").last.locator(".bubble")).to_have_text("Erste Zeile\nzweite")
    await expect(page.locator(".message.out")).to_have_count(2)
    assert desk.asked[-1][2].get("channel") == "app" or any(
        body.get("channel") == "app" for _, path, body in desk.asked if path.endswith("/messages")
    )


async def test_a_reply_that_could_not_leave_is_kept_and_sent_again_under_the_same_id(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    watched = await open_context()
    watched.allowed = ("503",)
    page = await watched.page()
    await page.goto(f"{desk_url}?login=once")
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".message")).to_have_count(1)
    path = "/api/v1/conversations/conversation-1/messages"
    await page.route(f"**{path}", lambda route: route.fulfill(status=503, json={"code": "overloaded"}), times=1)
    await page.locator("#compose").fill("Hello")
    await page.locator("#compose").press("Enter")
    await expect(page.locator(".status.unsent")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".message.out")).to_have_count(1)
    await expect(page.locator(".message.out .status")).to_contain_text("delivered")


async def test_a_note_is_another_colour_and_goes_to_nobody(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await page.get_by_role("button", name="Private note").click()
    await page.locator("#compose").click()
    await expect(page.locator(".goes")).to_contain_text("Only colleagues see this.")
    await page.keyboard.type("Customer is a VIP")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.note")).to_contain_text("Customer is a VIP")
    said = await seen(desk, "POST", "/conversation-1/messages")
    assert said["note"] is True
    assert "channel" not in said


async def test_a_draft_outlives_a_reload(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await page.locator("#compose").fill("half a thou")
    await page.locator("[data-row=conversation-2]").click()
    await expect(page.locator(".bar")).to_contain_text("9Q02")
    await expect(page.locator("#compose")).to_have_value("")
    await page.reload()
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator("#compose")).to_have_value("half a thou")


async def test_keys_move_and_act_but_never_while_somebody_writes(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await expect(page.locator(".row").first).to_be_visible()  # there must be somewhere to go
    await page.keyboard.press("j")
    await expect(page.locator(".row.chosen")).to_have_count(1)
    first = await page.locator(".row.chosen").get_attribute("data-row")
    await page.keyboard.press("j")
    await expect(page.locator(f"[data-row={first}].chosen")).to_have_count(0)
    await page.keyboard.press("k")
    await expect(page.locator(f"[data-row={first}]")).to_have_class(re.compile("chosen"))
    await page.keyboard.press("/")
    await expect(page.locator("#search")).to_be_focused()
    await page.keyboard.type("ejk")
    await expect(page.locator(".row")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator("#search")).to_have_value("")
    await expect(page.locator("#search")).not_to_be_focused()
    await expect(page.locator(".row")).to_have_count(4)
    await page.keyboard.press("/")
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.keyboard.type("eaj?")
    await expect(page.locator("#compose")).to_have_value("eaj?")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Private note")
    await shoot(page, "console-help-light")
    await page.keyboard.press("Escape")
    await page.locator("[data-row=conversation-2]").click()
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")
    await seen(desk, "POST", "/conversation-2/take")
    await expect(page.locator(".bar .chip.state")).to_have_text("mine")
    await expect(page.locator("#compose")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await seen(desk, "POST", "/conversation-2/close")
    await page.get_by_role("status").filter(has_text="is closed").get_by_role("button", name="Undo").click()
    await seen(desk, "POST", "/conversation-2/reopen")


async def test_moves_ask_what_they_need(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await page.get_by_role("button", name="Label", exact=True).click()
    await page.get_by_role("dialog").get_by_label("Issue").select_option("refund")
    await page.get_by_role("dialog").get_by_label("Labels").fill("vip, angry")
    await shoot(page, "console-label-light")
    assert not await violations(page)
    await page.get_by_role("button", name="Save").click()
    assert await seen(desk, "POST", "/label") == {"issue": "refund", "labels": ["vip", "angry"]}
    await page.get_by_role("button", name="Snooze", exact=True).click()
    await page.get_by_role("button", name="In an hour").click()
    assert "until" in await seen(desk, "POST", "/snooze")
    await page.get_by_role("button", name="Transfer", exact=True).click()
    await page.get_by_label("Queue or colleague").select_option("queue:safety")
    await page.get_by_label("Note for whoever takes it").fill("see above")
    await page.get_by_role("dialog").get_by_role("button", name="Transfer").click()
    assert await seen(desk, "POST", "/transfer") == {"queue": "safety", "note": "see above"}


async def test_why_is_this_here_names_the_rule_and_the_nearest_misses(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await page.keyboard.press("Escape")
    await page.keyboard.press("w")
    await expect(page.locator(".rules.won")).to_contain_text("Chinese money matters")
    await expect(page.locator(".why")).to_contain_text("if language were French or German")
    await expect(page.locator(".why")).to_contain_text("if the customer’s vip were yes")
    await expect(page.locator(".why")).to_contain_text("does not speak zh")
    misses = page.locator(".rules:not(.won) .rule")
    await expect(misses).to_have_count(3)
    await expect(misses.first).to_contain_text("Chinese top-ups of VIPs")
    await expect(misses.first.locator(".condition.no")).to_contain_text(
        "the customer’s vip should be yes; it is unknown"
    )
    await shoot(page, "console-why-light")
    assert not await violations(page)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN", "fr-FR", "de-DE"])
async def test_a_lead_tries_a_message_that_nobody_sent_with_the_keyboard_alone(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, locale: str
) -> None:
    furnish(desk)
    desk.role = "lead"
    page = await enter(open_context, desk_url, locale=locale)
    await expect(page.locator(".row").first).to_be_visible()
    await page.keyboard.press("m")
    sheet = page.get_by_role("dialog")
    await expect(sheet.locator("[name=text]")).to_be_focused()
    await page.keyboard.type("充值不成功")
    for typed in ("Tab", "Tab", "Tab", "Tab", "Tab", "Tab"):  # channel, language, and the many fields of a moment
        await page.keyboard.press(typed)
    await sheet.locator("[name=at]").fill("2026-11-23T03:00")
    await sheet.locator("[name=facts]").fill("vip = true\nconversation.calls = 3\ntier = gold")
    await page.keyboard.press("Control+Enter")
    asked = await seen(desk, "POST", "/explain")
    assert asked["text"] == "充值不成功"
    assert asked["channel"] == "site"
    assert asked["set"] == {"customer.vip": True, "conversation.calls": 3, "customer.tier": "gold"}
    assert asked["at"].endswith("Z")
    told = sheet.locator(".tried")
    await expect(told).to_be_focused()
    await expect(told).to_contain_text("Chinese money matters")
    await expect(told.locator("blockquote")).to_contain_text("open again tomorrow")
    await expect(told.locator(".rules:not(.won) .rule")).to_have_count(3)
    await shoot(page, f"console-try-{locale}")
    assert not await violations(page)
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)


async def test_what_is_no_fact_is_told_before_anything_is_asked(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    desk.role = "lead"
    page = await enter(open_context, desk_url, color_scheme="dark", viewport={"width": 390, "height": 780})
    await page.get_by_role("button", name="Try a message").click()
    await page.locator("[name=text]").fill("Hello")
    await page.locator("[name=facts]").fill("vip")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator("[name=facts]")).to_have_attribute("aria-invalid", "true")
    assert not [path for _, path, _ in desk.asked if path.endswith("/explain")]
    await shoot(page, "console-try-narrow-dark")
    assert not await violations(page)


async def test_trying_messages_is_for_leads(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await expect(page.locator(".row").first).to_be_visible()
    await page.keyboard.press("m")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Try a message")).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).not_to_contain_text("Try a message")


async def test_the_socket_resumes_from_its_cursor_after_a_drop(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await desk.hear("conversation-1", "one")
    await expect(page.locator(".message")).to_have_count(2)
    await desk.drop()
    await desk.hear("conversation-1", "two")
    await expect(page.locator(".message")).to_have_count(3)
    assert desk.cursors[0] is None
    assert desk.cursors[-1] == "1"


@pytest.mark.parametrize("asked", ["", "/messages"])
async def test_what_is_said_while_a_thread_is_on_its_way_stands_in_it(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, asked: str
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    row = page.locator("[data-row=conversation-1]")
    await expect(row).to_be_visible()
    held = desk.hold(f"/api/v1/conversations/conversation-1{asked}")
    await row.click()
    await held.written.wait()
    heard = await desk.hear("conversation-1", "one more thing")
    answer = desk._keep("conversation-1", "out", "An answer")
    await desk.tell("message.sent", "conversation-1", answer)
    answer["status"] = "delivered"
    await desk.tell("message.status", "conversation-1", answer)
    await expect(row).to_contain_text("An answer")  # the page has heard of all this; the thread is still on its way
    held.release.set()
    await expect(page.locator(".message")).to_have_count(3)
    await expect(page.locator(".message").nth(1)).to_contain_text(heard["text"])
    await expect(page.locator(".message.out .status")).to_contain_text("delivered")


async def test_an_answer_that_is_late_takes_no_step_back_on_the_ladder(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".message")).to_have_count(1)
    posted: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    await page.route("**/conversation-1/messages", lambda route: posted.set_result(route), times=1)
    await page.locator("#compose").fill("On my way")
    await page.locator("#compose").press("Enter")
    late = await posted
    said = late.request.post_data_json or {}
    answer = desk._keep("conversation-1", "out", "On my way", client_id=said["id"])
    await desk.tell("message.sent", "conversation-1", answer)
    await desk.tell("message.status", "conversation-1", answer | {"status": "delivered"})
    status = page.locator(".message.out .status")
    await expect(status).to_contain_text("delivered")
    await late.fulfill(status=201, json=answer)
    await desk.hear("conversation-1", "Thanks")
    await expect(page.locator(".message")).to_have_count(3)  # whatever came before this was drawn
    await expect(status).to_contain_text("delivered")


async def test_a_thread_that_could_not_be_fetched_is_fetched_when_its_customer_writes_again(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    watched = await open_context()
    watched.allowed = ("503",)
    page = await watched.page()
    await page.goto(f"{desk_url}?login=once")
    desk.fail["/api/v1/conversations/conversation-1/messages"] = (503, "overloaded")
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator(".message")).to_have_count(0)
    await desk.hear("conversation-1", "Are you there?")
    await expect(page.locator(".message")).to_have_count(2)


async def test_what_was_counted_by_the_list_is_not_counted_again(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    count = page.locator("[data-row=conversation-1] .unread")
    await expect(count).to_have_text(re.compile("1$"))
    [told] = desk.messages["conversation-1"]
    await desk.tell("message.received", "conversation-1", told)  # committed before the list was read, heard after it
    await desk.hear("conversation-5", "Hurry")
    await expect(page.locator("[data-row=conversation-5] .unread")).to_have_text(re.compile("1$"))
    await expect(count).to_have_text(re.compile("1$"))


async def test_presence_is_switched_and_kept_over_a_reload(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await expect(page.get_by_text("You are offline and get no offers.")).to_be_visible()
    await page.get_by_role("radio", name="Online").click()
    await expect(page.get_by_role("radio", name="Online")).to_be_checked()
    assert await seen(desk, "PUT", "/me/presence") == {"state": "online"}
    desk.presence = "offline"
    await page.reload()
    await expect(page.get_by_role("radio", name="Online")).to_be_checked()


async def test_files_go_along_with_a_reply(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.locator("[data-row=conversation-1]").click()
    upload = FilePayload(name="terms.txt", mimeType="text/plain", buffer=b"terms")
    await page.locator(".composer input[type=file]").set_input_files([upload])
    await expect(page.locator(".files .chip")).to_contain_text("terms.txt")
    await page.get_by_role("button", name="Send").click()
    said = await seen(desk, "POST", "/conversation-1/messages")
    assert len(said["attachments"]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-CN"), ("fr-FR", "fr"), ("de-DE", "de"), ("es-ES", "es")]
)
async def test_the_desk_is_readable_in_every_language_light_and_dark(
    desk: FakeDesk, desk_url: str, open_context: OpenContext, scheme: str, locale: str, language: str
) -> None:
    furnish(desk)
    desk.presence = "online"
    said = "您好！请看 https://example.com/help?a=1，谢谢。"
    desk._keep("conversation-1", "out", said, status="read")
    desk._keep(
        "conversation-1", "out", "我们已收到。", author={"kind": "system", "id": None, "name": None}, status="delivered"
    )
    desk._keep("conversation-1", "note", "VIP, please be quick")
    desk._keep("conversation-1", "out", "It may have gone", status="uncertain")
    page = await enter(open_context, desk_url, locale=locale, color_scheme=scheme)
    await desk.change("conversation-5", "conversation.offered", state="offered", offered_to=ME, offer_until=moment(0.7))
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".message")).to_have_count(5)
    assert await page.locator("html").get_attribute("lang") == language
    await expect(page.locator(".bubble a")).to_have_attribute("href", "https://example.com/help?a=1")
    await shoot(page, f"console-{language}-{scheme}")
    assert not await violations(page)


async def test_the_language_is_a_choice_that_is_kept(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    await page.get_by_label("Language").select_option("zh")
    await expect(page.get_by_role("button", name=re.compile("^我的"))).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name=re.compile("^我的"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_desk_fits_a_telephone(desk: FakeDesk, desk_url: str, open_context: OpenContext, scheme: str) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url, viewport={"width": 390, "height": 780}, color_scheme=scheme)
    await shoot(page, f"console-narrow-list-{scheme}")
    await page.locator("[data-row=conversation-1]").click()
    await expect(page.locator(".composer")).to_be_visible()
    await shoot(page, f"console-narrow-thread-{scheme}")
    for language in ("zh", "fr", "de", "es", "en"):
        await page.locator("header select").select_option(language)
        await expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), language
    await page.get_by_role("button", name="Back to the list").click()
    await expect(page.locator(".list")).to_be_visible()


async def test_markup_in_a_message_stays_text(desk: FakeDesk, desk_url: str, open_context: OpenContext) -> None:
    desk.logged_in = True
    desk.put(conversation(1), '<img src=x onerror="alert(1)"> javascript:alert(1)')
    page = await enter(open_context, desk_url)
    await page.locator(".row").click()
    await expect(page.locator(".bubble")).to_have_text('<img src=x onerror="alert(1)"> javascript:alert(1)')
    await expect(page.locator(".bubble a, .bubble img")).to_have_count(0)


async def test_a_burst_of_events_is_drawn_without_a_long_task(
    desk: FakeDesk, desk_url: str, open_context: OpenContext
) -> None:
    furnish(desk)
    page = await enter(open_context, desk_url)
    for number in range(10, 210):
        desk.put(conversation(number), "hi")
        await desk.tell("conversation.created", f"conversation-{number}")
    await expect(page.locator(".row")).to_have_count(204)
