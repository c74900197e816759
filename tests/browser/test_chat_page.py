"""The customers' chat page and its widget in a real browser, against a chat from memory."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import FilePayload, Page, expect

from conversation.model.choices import with_choices
from tests.browser.conftest import OpenContext, shoot, violations
from tests.browser.fake_chat import FakeChat
from tests.browser.fake_desk import moment

pytestmark = pytest.mark.browser
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360606000000004"
    "0001f61738550000000049454e44ae426082"
)


async def enter(open_context: OpenContext, url: str, **options: object) -> Page:
    page = await (await open_context(**options)).page()
    await page.goto(url)
    await expect(page.locator("body[data-line=ready]")).to_be_visible()
    return page


async def write(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


async def test_a_customer_writes_and_is_answered(chat: FakeChat, chat_url: str, open_context: OpenContext) -> None:
    page = await enter(open_context, chat_url)
    await expect(page.locator(".welcome")).to_be_visible()
    await write(page, "充值不成功，钱扣了没到账")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    await chat.tell("typing", {"name": "Wei"})
    await expect(page.locator("#typing")).to_have_text("Wei is writing…")
    await chat.answer("您好，我马上查询。")
    await expect(page.locator(".theirs .bubble")).to_have_text("您好，我马上查询。")
    await expect(page.locator("#typing")).to_be_hidden()
    await chat.tell("read", {"seq": 1})
    await expect(page.locator(".mine .state")).to_have_text("Read")
    await expect(page.locator(".message")).to_have_count(2)
    assert [list(session) for session in chat.sessions] == [["timezone"]]
    assert {"seen": {"seq": 2}} in chat.frames
    assert await page.context.cookies() == []


async def test_an_agent_without_a_name_speaks_in_the_name_of_the_service(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    chat.agent = None
    page = await enter(open_context, chat_url)
    await chat.tell("typing", {"name": None})
    await expect(page.locator("#typing")).to_have_text("Example Wallet is writing…")
    await chat.answer("Good morning")
    await expect(page.locator(".theirs .name")).to_have_text("Example Wallet")


async def test_an_answer_that_came_while_the_page_was_closed_is_there_when_it_opens(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await write(page, "Hello")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    context = page.context
    await page.close()
    await chat.answer("Here I am")
    again = await context.new_page()
    await again.goto(chat_url)
    await expect(again.locator(".theirs .bubble")).to_have_text("Here I am")
    await expect(again.locator(".mine .bubble")).to_have_text("Hello")
    assert len(chat.sessions) == 1
    assert chat.hellos[-1] == {"token": "token-1", "last_seq": 0}


async def test_a_dropped_line_resumes_from_the_last_seq_and_resends(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await write(page, "one")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    chat.answering = False
    await write(page, "two")
    await expect(page.locator(".mine").last).to_contain_text("Sending")
    chat.answering = True
    await chat.drop()
    await expect(page.locator(".mine").last).not_to_contain_text("Sending")
    await expect(page.locator(".mine")).to_have_count(2)
    assert chat.hellos[-1]["last_seq"] == 1
    assert [message["text"] for message in chat.log] == ["one", "two"]


async def test_what_is_written_offline_survives_a_reload_and_is_sent_once(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    chat.answering = False
    await write(page, "kept")
    await expect(page.locator(".mine")).to_contain_text("Sending")
    await page.locator("#text").fill("a draft")
    chat.answering = True
    await page.reload()
    await expect(page.locator(".mine")).to_contain_text("Sent")
    await expect(page.locator("#text")).to_have_value("a draft")
    assert [message["text"] for message in chat.log] == ["kept"]


@pytest.mark.parametrize(("code", "sessions"), [(4401, 2), (4408, 1), (4410, 1)])
async def test_the_page_obeys_close_codes(
    chat: FakeChat, chat_url: str, open_context: OpenContext, code: int, sessions: int
) -> None:
    await chat.answer("before")
    chat.close_next = code
    page = await enter(open_context, chat_url)
    await expect(page.locator(".theirs .bubble")).to_have_text("before")
    await expect(page.locator(".message")).to_have_count(1)
    assert len(chat.sessions) == sessions


async def test_other_words_under_a_used_id_stay_on_the_page_and_are_sent_anew(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await write(page, "one")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    waiting = [{"id": next(iter(chat.said)), "text": "two", "attachments": [], "at": moment(), "state": "sending"}]
    await page.evaluate("(queue) => localStorage.setItem('huntgroup.site.queue', JSON.stringify(queue))", waiting)
    await page.reload()
    await expect(page.locator(".mine").last).to_contain_text("Not sent")
    await expect(page.locator(".mine .bubble")).to_have_text(["one", "two"])
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".mine").last).to_contain_text("Sent")
    await expect(page.locator(".mine .bubble")).to_have_text(["one", "two"])
    assert [message["text"] for message in chat.log] == ["one", "two"]


async def test_enter_breaks_no_composition_and_shift_enter_makes_a_line(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await page.locator("#text").fill("ni hao")
    event = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true})"
    await page.locator("#text").evaluate(f"(node) => node.dispatchEvent({event})")
    assert chat.frames == [] or all("send" not in frame for frame in chat.frames)
    await page.locator("#text").press("Shift+Enter")
    await page.locator("#text").press_sequentially("b")
    await page.locator("#text").press("Enter")
    await expect(page.locator(".mine .bubble")).to_have_text("ni hao\nb")


async def test_pictures_are_sent_and_shown_and_files_offered(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await page.locator("#file").set_input_files(
        [
            FilePayload(name="dot.png", mimeType="image/png", buffer=PIXEL),
            FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"notes"),
        ]
    )
    await expect(page.locator(".chip")).to_have_count(2)
    await page.get_by_role("button", name="Remove notes.txt").click()
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".mine .picture img")).to_have_attribute("alt", "Picture: dot.png")
    sent = next(frame["send"] for frame in chat.frames if "send" in frame)
    assert (sent["text"], len(sent["attachments"])) == ("", 1)


@pytest.mark.parametrize(
    ("locale", "status", "code", "words"),
    [
        ("zh-CN", 429, "upload_quota", "请在 25 分钟后重试"),
        ("en-GB", 429, "upload_quota", "Please try again in 25 min"),
        ("fr-FR", 429, "upload_quota", "Réessayez dans 25 min"),
        ("de-DE", 429, "upload_quota", "in 25 Min. wieder"),
        ("zh-CN", 507, "no_room", "目前无法接收文件"),
        ("en-GB", 507, "no_room", "We cannot take files at the moment"),
        ("fr-FR", 507, "no_room", "Nous ne pouvons pas recevoir de fichiers"),
        ("de-DE", 507, "no_room", "Dateien können wir gerade nicht annehmen"),
    ],
)
async def test_a_refused_file_is_explained_in_the_visitors_language(
    chat: FakeChat, chat_url: str, open_context: OpenContext, locale: str, status: int, code: str, words: str
) -> None:
    chat.refusal = (status, code)
    context = await open_context(locale=locale, viewport={"width": 390, "height": 700})
    context.allowed = (f"status of {status}",)  # the browser tells of it in its console
    page = await context.page()
    await page.goto(chat_url)
    await expect(page.locator("body[data-line=ready]")).to_be_visible()
    await page.locator("#file").set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=PIXEL)])
    await expect(page.locator("#trouble")).to_contain_text(words)
    await shoot(page, f"chat-refused-{code}-{locale[:2]}")
    await write(page, "without a file")
    await expect(page.locator(".mine .bubble")).to_have_text("without a file")


async def test_a_message_whose_file_was_removed_keeps_its_words(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await page.locator("#file").set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=PIXEL)])
    await expect(page.locator(".chip")).to_have_count(1)
    chat.removed = True
    await write(page, "see the picture")
    await expect(page.locator("#trouble")).to_have_text(
        "A file was removed because it was not sent in time. Please attach it again."
    )
    await expect(page.locator(".mine")).to_contain_text("Not sent")
    await shoot(page, "chat-file-removed")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".mine")).to_contain_text("Sent")
    sent = [frame["send"] for frame in chat.frames if "send" in frame]
    assert [("attachments" in one, one["text"]) for one in sent] == [
        (True, "see the picture"),
        (False, "see the picture"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("locale", "tag", "words"),
    [
        ("zh-CN", "zh-CN", "我们现在休息"),
        ("en-GB", "en", "We are closed"),
        ("fr-FR", "fr", "Nous sommes fermés"),
        ("de-DE", "de", "Wir haben geschlossen"),
        ("es-ES", "es", "Estamos cerrados"),
    ],
)
async def test_the_closed_notice_speaks_five_languages(
    chat: FakeChat, chat_url: str, open_context: OpenContext, locale: str, tag: str, words: str, scheme: str
) -> None:
    chat.status = {"open": False, "next_opening": (datetime.now(UTC) + timedelta(days=2)).isoformat()}
    await chat._keep("in", "充值不成功\nhttps://example.com/help。好吗？", {"kind": "customer"}, [])
    await chat.answer("Closed now; your reference is 7K3M-9QFX.", kind="system")
    await chat.answer("Good morning! I am looking into it.")
    await chat.answer("One moment please.")
    page = await enter(open_context, chat_url, locale=locale, color_scheme=scheme)
    await expect(page.locator("#notice")).to_contain_text(words)
    assert await page.locator("html").get_attribute("lang") == tag
    await expect(page.locator(".bubble a")).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(page.locator(".bubble a")).to_have_attribute("href", "https://example.com/help")
    await shoot(page, f"chat-closed-{tag}-{scheme}")
    assert not await violations(page)


async def test_the_language_switch_is_a_choice_that_is_kept(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await page.get_by_label("Language").select_option("zh")
    await expect(page.locator("#text")).to_have_attribute("placeholder", "输入消息")
    await page.reload()
    await expect(page.locator("#text")).to_have_attribute("placeholder", "输入消息")


async def test_a_place_in_line_is_told(chat: FakeChat, chat_url: str, open_context: OpenContext) -> None:
    chat.status = {"open": True, "next_opening": None, "position": 2, "wait": 170}
    page = await enter(open_context, chat_url)
    await expect(page.locator("#status")).to_have_text("We are here · Number 2 in line · about 3 min")
    await shoot(page, "chat-empty-light")


async def test_markup_stays_text(chat: FakeChat, chat_url: str, open_context: OpenContext) -> None:
    page = await enter(open_context, chat_url)
    await chat.answer('<img src=x onerror="alert(1)"> javascript:alert(1)')
    await expect(page.locator(".bubble")).to_have_text('<img src=x onerror="alert(1)"> javascript:alert(1)')
    await expect(page.locator(".bubble a, .bubble img")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_telephone(chat: FakeChat, chat_url: str, open_context: OpenContext, scheme: str) -> None:
    await chat.answer("Hello! How can we help you today?")
    page = await enter(open_context, chat_url, viewport={"width": 360, "height": 640}, color_scheme=scheme)
    await write(page, "My card was declined twice this morning, and nobody could tell me why.")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    await shoot(page, f"chat-narrow-{scheme}")
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def test_the_widget_opens_counts_and_closes_on_a_foreign_page(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    async def shop(_: web.Request) -> web.Response:
        script = f'<script src="{chat_url}/widget.js" async data-language="de"></script>'
        icon = '<link rel="icon" href="data:,">'
        text = f"<!doctype html><html lang=en><title>Shop</title>{icon}<h1>Shop</h1>{script}</html>"
        policy = f"script-src {chat_url}/widget.js; style-src 'none'; frame-src {chat_url}"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    app = web.Application()
    app.router.add_get("/", shop)
    server = TestServer(app, host="localhost")
    await server.start_server()
    chat.origin = str(server.make_url("/")).rstrip("/")
    page = await (await open_context()).page()
    await page.goto(str(server.make_url("/")))
    button = page.locator("huntgroup-chat button")
    await expect(button).to_have_attribute("aria-label", "Chat")
    await button.click()
    frame = page.frame_locator("huntgroup-chat iframe")
    await expect(frame.locator("#text")).to_have_attribute("placeholder", "Nachricht schreiben")
    await expect(frame.locator("body[data-line=ready]")).to_be_visible()
    await frame.locator("#text").fill("Hallo")
    await frame.locator("#text").press("Enter")
    await expect(frame.locator(".mine")).to_contain_text("Gesendet")
    await shoot(page, "widget-open-light")
    await frame.get_by_role("button", name="Chat schließen").click()
    await expect(page.locator("huntgroup-chat iframe")).to_be_hidden()
    await chat.answer("Guten Tag!")
    await expect(page.locator("huntgroup-chat span")).to_have_text("1")
    await page.evaluate("huntgroup.open()")
    await expect(page.locator("huntgroup-chat span")).to_be_hidden()
    await expect(frame.locator(".theirs .bubble")).to_have_text("Guten Tag!")
    await page.keyboard.press("Escape")
    await expect(button).to_have_attribute("aria-expanded", re.compile("false"))
    await server.close()


async def test_a_visitor_leaves_an_address_and_may_change_it(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    chat.follow_up = "help-mail"
    watched = await open_context(viewport={"width": 420, "height": 640})
    watched.allowed = ("422",)
    page = await watched.page()
    await page.goto(chat_url)
    await expect(page.locator("body[data-line=ready]")).to_be_visible()
    await expect(page.locator("#mail")).to_be_hidden()
    await write(page, "My top up is still pending.")
    await expect(page.locator("#mail-words")).to_have_text("Leaving? We will send the answer by e-mail.")
    await page.locator("#email").fill("anna")
    await page.locator("#email").press("Enter")
    await expect(page.locator("#mail-words.bad")).to_be_visible()
    await shoot(page, "chat-address")
    assert await violations(page) == []
    await page.locator("#email").fill("anna@example.org")
    await page.locator("#email").press("Enter")
    await expect(page.locator("#mail-words")).to_have_text("If you are away, the answer goes to anna@example.org.")
    await page.locator("#mail-change").click()
    await expect(page.locator("#email")).to_have_value("anna@example.org")
    await page.locator("#email").fill("anna@example.com")
    await page.locator("#email").press("Enter")
    await expect(page.locator("#mail-words")).to_contain_text("anna@example.com")
    await shoot(page, "chat-address-kept")
    assert chat.addresses == ["anna@example.org", "anna@example.com"]


async def test_a_chat_that_sends_no_mail_asks_for_no_address(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await write(page, "Hello")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    await expect(page.locator("#mail")).to_be_hidden()


async def test_a_question_with_choices_is_answered_by_a_button(
    chat: FakeChat, chat_url: str, open_context: OpenContext
) -> None:
    page = await enter(open_context, chat_url)
    await write(page, "Hello")
    await expect(page.locator(".mine")).to_contain_text("Sent")
    asked = with_choices("What is it about?", ["Top-up", "Card"])
    await chat.answer(asked, kind="system", choices=["Top-up", "Card"])
    await expect(page.locator(".system .bubble")).to_contain_text("What is it about?")
    await expect(page.locator(".system .bubble")).not_to_contain_text("1.")
    await shoot(page, "chat-choices")
    await page.get_by_role("button", name="Card").click()
    await expect(page.locator(".mine .bubble").last).to_have_text("Card")
    assert await violations(page) == []
