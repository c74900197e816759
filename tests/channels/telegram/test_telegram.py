"""The telegram kind: the inherited suite, and what is its own."""

import asyncio
import base64
import hmac
import json
import logging
import random
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.telegram import create, normalize, render
from channels.telegram import start_payload as start
from channels.telegram.account import TelegramAccount
from channels.telegram.content import with_links
from channels.telegram.settings import Settings
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    StoreUnavailable,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import (
    Accepted,
    Attachment,
    ContactChanged,
    InboundEvent,
    Malformed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
)
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
from conversation.ports.channel import Answer, Channel, Fetched, Request, Tools
from tests.channels.telegram.fake import CUSTOMER, GROUP, SECRET, SUPERGROUP, TOKEN, FakeTelegram, telegram
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, FakeFiles, FakeState
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

KEY = b"a key for links, of the tests"
FOLDER = Path(__file__).parent / "payloads"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


class QuietHttp:
    """A Bot API where nothing ever happens."""

    async def post(self, url: str, body: bytes, **how: Any) -> tuple[int, bytes]:
        raise AssertionError("requests leave by `request`")

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        if url.endswith(("/getupdates", "/getwebhookinfo")):
            await asyncio.sleep(3600)
        return Answer(status=200, headers={}, body=b'{"ok":true,"result":true}')

    async def fetch(self, url: str, **how: Any) -> Fetched:
        raise AssertionError("nothing is fetched")


class TestTelegram(WebhookContract, HttpSendContract):
    folder = FOLDER
    secrets = (TOKEN, TOKEN.partition(":")[2], SECRET)
    signed_headers = ("x-telegram-bot-api-secret-token",)
    signs_body = False
    taken = b'{"ok":true,"result":{"message_id":77}}'

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=QuietHttp())

    def build(self, tools: Tools) -> Channel:
        return create("account", {"token": TOKEN, "mode": "webhook", "secret": SECRET}, tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", {"token": TOKEN, "api": url}, tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW, groups=True, key=KEY)

    def saying(self, text: str, number: int = 1) -> bytes:
        chat = {"id": 5001, "type": "private"}
        message = {"message_id": number, "from": {"id": 5001}, "chat": chat, "date": 1795399200, "text": text}
        return json.dumps({"update_id": 9100 + number, "message": message}).encode()

    def request(self, raw: bytes, *, at: Any = NOW) -> Request:
        return Request("POST", "/hooks/account", {}, {"x-telegram-bot-api-secret-token": SECRET}, raw, at)


class TestPolledTelegram(TestTelegram):
    """The same account, polled: it starts and stops alike, and no webhook is believed."""

    def build(self, tools: Tools) -> Channel:
        return create("account", {"token": TOKEN}, tools)

    def webhook(self) -> Any:
        return create("account", {"token": TOKEN, "mode": "webhook", "secret": SECRET}, self.bench().tools())

    def test_a_webhook_that_was_not_asked_for_is_rejected(self) -> None:
        polled = create("account", {"token": TOKEN}, self.bench().tools())
        for headers in ({}, {"x-telegram-bot-api-secret-token": ""}, {"x-telegram-bot-api-secret-token": SECRET}):
            with pytest.raises(SignatureRejected):
                polled.verify(replace(self.request(b"{}"), headers=headers))


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("telegram")


# -- reading -----------------------------------------------------------------------------------------------------------


def read(name: str, **how: Any) -> Sequence[InboundEvent]:
    return normalize.events((FOLDER / name).read_bytes(), channel="account", received_at=NOW, **how)


@pytest.mark.parametrize("name", ["group-message.json", "group-left.json", "group-migrated.json", "channel-post.json"])
def test_nothing_is_taken_from_groups_unless_that_is_wanted(name: str) -> None:
    assert read(name) == []


def test_whatever_cannot_be_read_is_kept_and_never_refused() -> None:
    count = 0
    for path in sorted(FOLDER.glob("*.json")):
        if path.name.endswith(".expected.json"):
            continue
        for raw in [*HOSTILE, *accidents(path.read_bytes(), count=20, seed=count)]:
            count += 1
            for event in normalize.events(raw, channel="account", received_at=NOW, groups=True, key=KEY):
                assert not isinstance(event, Malformed) or (event.raw == raw and event.code and event.external_id)
    assert count > 300


def test_links_hidden_behind_words_are_shown_where_emojis_count_twice() -> None:
    link = {"type": "text_link", "offset": 3, "length": 2, "url": "https://a.example"}
    assert with_links("😀 go on", [link]) == "😀 go <https://a.example> on"
    for wrong in ({**link, "offset": -9}, {**link, "offset": 2**40}, {**link, "url": None}, "no entity"):
        assert with_links("😀 go on", [wrong]) == "😀 go on"


def test_a_link_brings_a_customer_back_into_a_conversation_only_where_it_is_signed() -> None:
    conversation = uuid.UUID("0198c0de-0000-7000-8000-00000000000c")
    proof = hmac.digest(KEY, conversation.bytes, sha256)[:12]
    token = base64.b32encode(conversation.bytes + proof).decode().rstrip("=")
    said = start.read(f"/start c-{token}--issue-topup", KEY)
    assert said == start.Start(payload="issue-topup", conversation=str(conversation), issue="topup")
    for forged, key in (
        (token, None),
        (token, b"another key of sixteen"),
        (token[:-1], KEY),
        ("A" * 45, KEY),
        ("é", KEY),
        ("1", KEY),
    ):
        again = start.read(f"/start c-{forged}--issue-topup", key)
        assert again is not None
        assert (again.conversation, again.issue) == (None, "topup")


def test_the_token_of_a_link_is_seen_by_nobody() -> None:
    (event,) = read("start-into-a-conversation.json", key=KEY)
    assert isinstance(event, MessageReceived)
    assert event.token == "0198c0de-0000-7000-8000-00000000000c"
    assert (event.text, event.attributes["start"]) == ("/start language-zh", "language-zh")


@pytest.mark.parametrize("text", ["/started", "start", "hello /start x", "/start@other " + "x" * 65])
def test_what_is_no_start_hints_at_nothing(text: str) -> None:
    said = start.read(text, KEY)
    assert said in (None, start.Start())


# -- rendering ---------------------------------------------------------------------------------------------------------


def to_customer(text: str = "Hello", **more: Any) -> OutboundMessage:
    person = Identity(channel="account", address=str(more.pop("chat", CUSTOMER)), name="Lin")
    return replace(outbound(text), to=person, **more)


def file(name: str, kind: str, data: bytes = PICTURE) -> Attachment:
    return Attachment(id=f"id of {name}", name=name, type=kind, size=len(data))


def test_long_texts_are_split_by_utf16_units() -> None:
    calls = render.calls(to_customer("😀" * 3000))
    assert [len(call.given["text"].encode("utf-16-le")) // 2 for call in calls] == [4096, 1904]


def test_choices_become_buttons_and_their_titles_come_back() -> None:
    message = to_customer(with_choices("Which?", ["Top-up", "Account locked"]), automatic=True)
    (call,) = render.calls(message)
    assert call.given["text"] == "Which?"
    rows = call.given["reply_markup"]["inline_keyboard"]
    assert [button["text"] for row in rows for button in row] == ["Top-up", "Account locked"]
    assert [button["callback_data"] for row in rows for button in row] == ["1", "2"]


def test_what_a_person_typed_with_numbers_stays_as_it_is() -> None:
    (call,) = render.calls(to_customer("1. First\n2. Second"))
    assert call.given == {"text": "1. First\n2. Second"}


def test_a_short_text_stands_below_a_single_file_and_a_long_one_before_it() -> None:
    picture = file("a.png", "image/png")
    (call,) = render.calls(to_customer("Look", attachments=(picture,)))
    assert (call.method, call.given["caption"]) == ("sendPhoto", "Look")
    calls = render.calls(to_customer("x" * 1025, attachments=(picture, file("b.pdf", "application/pdf"))))
    assert [call.method for call in calls] == ["sendMessage", "sendPhoto", "sendDocument"]


def test_what_is_answered_is_named_in_groups_only() -> None:
    (call,) = render.calls(to_customer(chat=GROUP, reply_to=f"{GROUP}:41"))
    assert call.given["reply_parameters"] == {"message_id": 41, "allow_sending_without_reply": True}
    for other in ("-9:41", "41", f"{GROUP}:x", "callback:7", None):
        (call,) = render.calls(to_customer(chat=GROUP, reply_to=other))
        assert "reply_parameters" not in call.given
    (call,) = render.calls(to_customer(reply_to=f"{CUSTOMER}:41"))
    assert "reply_parameters" not in call.given


# -- against the fake --------------------------------------------------------------------------------------------------


class World:
    """A fake, an account that uses it, and an inbox."""

    def __init__(self, playing: FakeTelegram, account: TelegramAccount, tools: Tools, clock: FakeClock) -> None:
        self.playing = playing
        self.account = account
        self.tools = tools
        self.clock = clock
        self.inbox = FakeInbox()

    async def listens(self, until: Any) -> None:
        """Start and listen until that is so."""
        await self.account.start()
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self.account.listen(self.inbox))
            async with asyncio.timeout(60):
                while not until():
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            listening.cancel()


class Remembering(FakeState):
    def __init__(self, cursor: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self.at = cursor
        self.mine = True

    async def cursor(self) -> Mapping[str, object] | None:
        return self.at

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        return 1 if self.mine else None


@asynccontextmanager
async def world(state: FakeState | None = None, **settings: Any) -> AsyncIterator[World]:
    clock = FakeClock(NOW)
    async with telegram() as playing, OutgoingHttp(clock) as http:
        tools = Bench(clock=clock, http=http).tools(state=state or FakeState(), files=FakeFiles())
        read = Settings.model_validate({"token": TOKEN, "api": playing.url, **settings})
        yield World(playing, TelegramAccount("account", read, tools, patience=1.0), tools, clock)


async def test_updates_are_confirmed_only_after_their_commit() -> None:
    async with world() as w:
        await w.playing.write("one")
        w.inbox.failure = StoreUnavailable("gone")
        await w.account.start()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await w.account.listen(w.inbox)
        assert w.playing.confirmed == 0
        w.inbox.failure = None
        await w.playing.write("two")
        await w.listens(lambda: w.playing.confirmed > 0)
        assert [event.text for event in w.inbox.events if isinstance(event, MessageReceived)] == ["one", "two"]
        assert w.inbox.cursors[-1] == {"offset": w.playing.confirmed, "at": NOW.isoformat()}
        assert w.playing.updates == []


async def test_one_commit_takes_all_that_came_at_once_and_one_that_is_unreadable_spares_the_others() -> None:
    async with world() as w:
        counted: list[tuple[str, int]] = []
        w.account.tools = replace(w.tools, count=lambda event, amount=1, /: counted.append((event, amount)))
        await w.playing.write("before")
        await w.playing.post_update(message={"message_id": 1, "chat": "nowhere"})
        await w.playing.post_update(my_chat_member=7)
        await w.playing.write("after")
        await w.listens(lambda: not w.playing.updates)
        assert [type(event) for event in w.inbox.events] == [MessageReceived, Malformed, Malformed, MessageReceived]
        assert len(w.inbox.cursors) == 1
        assert counted == [("received", 4)]
        unreadable = w.inbox.events[1]
        assert isinstance(unreadable, Malformed)
        assert json.loads(unreadable.raw)["message"] == {"message_id": 1, "chat": "nowhere"}


async def test_reading_goes_on_where_it_was_left() -> None:
    async with world(Remembering({"offset": 7003, "at": NOW.isoformat()})) as w:
        for text in ("one", "two", "three"):
            await w.playing.write(text)
        await w.listens(lambda: bool(w.inbox.events))
        assert [event.text for event in w.inbox.events if isinstance(event, MessageReceived)] == ["three"]


@pytest.mark.parametrize(
    "cursor",
    [{"offset": 9_000_000, "at": (NOW - timedelta(days=7)).isoformat()}, {"offset": 9_000_000}, {"at": 7}, None],
)
async def test_after_a_quiet_week_numbers_may_begin_anew_and_nothing_is_dropped(
    cursor: Mapping[str, object] | None,
) -> None:
    async with world(Remembering(cursor)) as w:
        await w.playing.write("with a lower number")
        await w.listens(lambda: bool(w.inbox.events))
        assert len(w.inbox.events) == 1


async def test_what_is_of_no_concern_to_us_is_confirmed_without_a_commit() -> None:
    async with world() as w:
        await w.playing.post_update(message=w.playing.message(GROUP, text="in a group"))
        await w.listens(lambda: not w.playing.updates)
        assert w.inbox.events == []
        assert w.inbox.cursors == []


async def test_another_reader_of_the_same_bot_is_told_in_words() -> None:
    async with world() as w:
        await w.account.start()
        w.playing.webhook = {"url": "https://elsewhere.example"}
        with pytest.raises(TransientFailure) as caught:
            await w.account.listen(w.inbox)
        assert "webhook is active" in caught.value.detail
        await w.account.start()  # which takes the webhook away, so that the next try reads
        assert w.playing.webhook == {}


async def test_of_two_nodes_one_reads_and_the_other_waits() -> None:
    state = Remembering()
    state.mine = False
    async with world(state) as w:
        await w.playing.write("for the other node")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await w.account.listen(w.inbox)
        assert w.inbox.events == []
        assert not [method for method, _ in w.playing.called if method == "getupdates"]
        assert w.account.lag() is None
        assert "another node" in w.account.status_text()


async def test_a_node_that_lost_its_lease_stops_reading() -> None:
    state = Remembering()
    async with world(state) as w:
        await w.account.start()

        async def lost() -> None:
            while not [method for method, _ in w.playing.called if method == "getupdates"]:
                await asyncio.sleep(0.01)
            state.mine = False

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                tasks.create_task(w.account.listen(w.inbox))
                tasks.create_task(lost())
        (error,) = caught.value.exceptions
        assert isinstance(error, TransientFailure)


async def test_everything_that_is_asked_for_arrives() -> None:
    async with world() as w:
        edited = {**w.playing.message(text="edited"), "edit_date": 1795399300}
        person = {"id": CUSTOMER, "first_name": "Lin"}
        chat = {"id": CUSTOMER, "type": "private"}
        liked = {"chat": chat, "message_id": 5, "user": person, "date": 1, "old_reaction": [], "new_reaction": []}
        left = {"chat": chat, "from": person, "date": 1, "new_chat_member": {"status": "kicked"}}
        await w.playing.post_update(edited_message=edited)
        await w.playing.post_update(message_reaction=liked)
        await w.playing.post_update(my_chat_member=left)
        await w.listens(lambda: len(w.inbox.events) == 3)
        assert [type(event) for event in w.inbox.events] == [MessageEdited, MessageReacted, ContactChanged]


async def test_a_pressed_button_is_answered_after_the_commit() -> None:
    async with world() as w:
        await w.account.send(to_customer(with_choices("Which?", ["Top-up", "Locked"]), automatic=True))
        (question,) = w.playing.got
        (row,) = json.loads(question.given["reply_markup"])["inline_keyboard"]
        await w.playing.press(row[1], question)
        await w.listens(lambda: bool(w.playing.answered))
        (event,) = w.inbox.events
        assert isinstance(event, MessageReceived)
        assert event.text == "Locked"
        methods = [method for method, _ in w.playing.called]
        assert methods.index("answercallbackquery") > methods.index("getupdates")


async def test_a_button_that_cannot_be_answered_holds_nothing_up() -> None:
    async with world() as w:
        await w.account.send(to_customer(with_choices("Which?", ["Top-up", "Locked"]), automatic=True))
        (row,) = json.loads(w.playing.got[0].given["reply_markup"])["inline_keyboard"]
        await w.playing.press(row[0], w.playing.got[0])
        w.playing.queries.clear()
        await w.playing.write("and then")
        await w.listens(lambda: len(w.inbox.events) == 2 and not w.playing.updates)
        assert w.playing.answered == []


def test_at_a_webhook_the_answer_itself_lets_the_button_go() -> None:
    account = create(
        "account", {"token": TOKEN, "mode": "webhook", "secret": SECRET}, Bench(clock=FakeClock(NOW)).tools()
    )
    request = Request("POST", "/hooks/account", {}, {}, (FOLDER / "button.json").read_bytes(), NOW)
    (event,) = account.normalize(request)
    accepted = Accepted(external_id=event.external_id, conversation="c", message="m", queue="q")
    told = json.loads(account.answer(request, [accepted]).body)
    assert told == {"method": "answerCallbackQuery", "callback_query_id": "4382bfdwdsb323b2d9"}


async def test_the_webhook_is_set_with_its_secret_and_all_that_is_asked_for() -> None:
    hook: dict[str, Any] = {"mode": "webhook", "secret": SECRET, "hook_url": "https://hooks.example:8443/hooks/account"}
    async with world(**hook) as w:
        await w.account.start()
        assert w.playing.webhook["secret_token"] == SECRET
        assert json.loads(w.playing.webhook["allowed_updates"]) == [
            "message", "edited_message", "callback_query", "message_reaction", "my_chat_member",
        ]  # fmt: skip
        assert w.account.lag() is None


async def test_a_webhook_is_watched_and_set_again_where_somebody_took_it_away() -> None:
    async with world(mode="webhook", secret=SECRET, hook_url="https://hooks.example/hooks/account") as w:
        await w.playing.write("waits")
        await w.listens(lambda: bool(w.account.status_text()))
        assert (
            w.account.status_text()
            == "1 updates wait at Telegram; Telegram met last: Wrong response from the webhook: 503"
        )
        w.playing.webhook = {"url": "https://elsewhere.example"}
        with pytest.raises(TransientFailure):
            await w.account.listen(w.inbox)


@pytest.mark.parametrize("url", ["http://hooks.example/hooks/account", "https://hooks.example:9000/hooks/account"])
async def test_a_webhook_that_telegram_will_not_have_stops_the_account(url: str) -> None:
    async with world(mode="webhook", secret=SECRET, hook_url=url) as w:
        with pytest.raises(ChannelMisconfigured) as caught:
            await w.account.start()
        assert "bad webhook" in caught.value.detail.lower()


async def test_a_wrong_token_stops_the_account_and_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "123456789:not-the-right-token-of-this-bot"
    async with world(token=wrong) as w:
        with pytest.raises(ChannelMisconfigured) as caught:
            await w.account.start()
        with pytest.raises(ChannelMisconfigured):
            await w.account.send(to_customer())
    assert wrong.partition(":")[2] not in str(caught.value) + repr(caught.value) + logged(caplog)


async def test_no_log_at_any_level_holds_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world() as w:
        await w.playing.picture(PICTURE)
        await w.listens(lambda: bool(w.inbox.events))
        await w.account.send(to_customer("Hello"))
        (event,) = w.inbox.events
        assert isinstance(event, MessageReceived)
        await w.account.fetch(event.attachments[0])
        w.playing.down = True
        with pytest.raises(ChannelError):
            await w.account.fetch(event.attachments[0])
    logging.getLogger("telegram.Bot").warning("what is said at all is seen here")
    assert "what is said at all" in logged(caplog)
    assert TOKEN.partition(":")[2] not in logged(caplog)


async def test_no_log_at_any_level_holds_the_webhooks_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world(mode="webhook", secret=SECRET, hook_url="https://hooks.example/hooks/account") as w:
        await w.account.start()
        assert w.playing.webhook["secret_token"] == SECRET
    assert SECRET not in logged(caplog)


async def test_a_server_that_tells_the_token_back_makes_it_no_more_public() -> None:
    body = json.dumps({"ok": False, "description": f"Bad Request: no method at /bot{TOKEN}/x"}).encode()
    with pytest.raises(PermanentFailure) as caught:
        await answered(400, body)
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN.lower() not in (shown + caught.value.detail + repr(caught.value)).lower()
    assert "No method at /bot***/x" in caught.value.detail


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged but by the fake's own server."""
    kept = [record for record in caplog.records if record.name != "aiohttp.access"]
    return "\n".join(f"{record.name} {record.getMessage()}" for record in kept)


# -- files -------------------------------------------------------------------------------------------------------------


async def test_a_picture_is_fetched_in_its_largest_size() -> None:
    async with world() as w:
        await w.playing.picture(PICTURE)
        await w.listens(lambda: bool(w.inbox.events))
        (event,) = w.inbox.events
        assert isinstance(event, MessageReceived)
        (attachment,) = event.attachments
        assert TOKEN not in repr(event)
        fetched = await w.account.fetch(attachment)
        assert (fetched.data, fetched.type) == (PICTURE, "image/png")


async def test_files_that_are_gone_or_too_large_say_so() -> None:
    async with world() as w:
        with pytest.raises(PermanentFailure) as caught:
            await w.account.fetch(Attachment(id="a", name="a", type="image/png", url="provider:gone"))
        assert caught.value.code == "expired"
        w.playing.files["huge"] = b"\0" * 20_000_001
        for size in (0, 20_000_001):
            with pytest.raises(PermanentFailure) as caught:
                await w.account.fetch(Attachment(id="a", name="a", type="video/mp4", size=size, url="provider:huge"))
            assert caught.value.code == "too_large"


async def test_files_of_agents_arrive_with_their_names() -> None:
    async with world() as w:
        picture, letter = (
            file("bild.png", "image/png"),
            file('a "letter"\r\nX: y.pdf', "application/pdf", b"%PDF-1.4 x"),
        )
        await w.tools.files.keep([(picture, PICTURE), (letter, b"%PDF-1.4 x")])
        receipt = await w.account.send(to_customer("Both", attachments=(picture, letter)))
        assert [one.method for one in w.playing.got] == ["sendMessage", "sendPhoto", "sendDocument"]
        assert [one.file for one in w.playing.got] == [b"", PICTURE, b"%PDF-1.4 x"]
        assert w.playing.got[2].name == "a _letter_X_ y.pdf"
        assert len(set(receipt.external_ids)) == 3


async def test_a_picture_that_telegram_cannot_show_is_sent_as_a_file() -> None:
    async with world() as w:
        broken = file("broken.png", "image/png", b"no picture")
        await w.tools.files.keep([(broken, b"no picture")])
        await w.account.send(to_customer("", attachments=(broken,)))
        assert [one.method for one in w.playing.got] == ["sendDocument"]


async def test_a_file_that_is_too_large_or_gone_is_not_tried() -> None:
    async with world() as w:
        huge = Attachment(id="h", name="h.zip", type="application/zip", size=50_000_001)
        for attachment, code in ((huge, "too_large"), (file("gone.png", "image/png"), "unsupported")):
            with pytest.raises(PermanentFailure) as caught:
                await w.account.send(to_customer("", attachments=(attachment,)))
            assert caught.value.code == code
        assert w.playing.got == []


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "description", "wanted", "code"),
    [
        (400, "Bad Request: chat not found", PermanentFailure, "unknown_recipient"),
        (400, "Bad Request: message is too long", PermanentFailure, "too_long"),
        (400, "Bad Request: can't parse entities: unsupported start tag", PermanentFailure, "refused"),
        (400, "Bad Request: message text is empty", PermanentFailure, "unsupported"),
        (400, "Bad Request: not enough rights to send text messages to the chat", PermanentFailure, "blocked"),
        (400, "Bad Request: something new", PermanentFailure, "refused"),
        (401, "Unauthorized", ChannelMisconfigured, None),
        (403, "Forbidden: bot was blocked by the user", PermanentFailure, "blocked"),
        (403, "Forbidden: user is deactivated", PermanentFailure, "unknown_recipient"),
        (403, "Forbidden: bot was kicked from the group chat", PermanentFailure, "blocked"),
        (403, "Forbidden: bot can't initiate conversation with a user", PermanentFailure, "blocked"),
        (404, "Not Found", ChannelMisconfigured, None),
        (409, "Conflict: terminated by other getUpdates request", TransientFailure, None),
        (413, "Request Entity Too Large", PermanentFailure, "too_large"),
        (500, "Internal Server Error", TransientFailure, None),
        (502, "<html>Bad Gateway</html>", TransientFailure, None),
    ],
)
async def test_every_row_of_the_error_table(
    status: int, description: str, wanted: type[ChannelError], code: str | None
) -> None:
    body = json.dumps({"ok": False, "error_code": status, "description": description}).encode()
    with pytest.raises(wanted) as caught:
        await answered(status, description.encode() if description.startswith("<") else body)
    assert type(caught.value) is wanted
    assert getattr(caught.value, "code", None) == code


async def answered(status: int, body: bytes, *, chat: int = CUSTOMER) -> None:
    class Http(QuietHttp):
        async def request(self, method: str, url: str, **how: Any) -> Answer:
            return Answer(status=status, headers={}, body=body)

    account = create("account", {"token": TOKEN}, Bench(clock=FakeClock(NOW), http=Http()).tools())
    await account.send(to_customer(chat=chat))


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"[]", b'{"ok":true}', b'{"ok":true,"result":true}', b'{"ok":true,"result":{}}']
)
async def test_an_answer_that_cannot_be_read_leaves_it_unknown(body: bytes) -> None:
    with pytest.raises(Unknown):
        await answered(200, body)


@pytest.mark.parametrize(("chat", "whole"), [(CUSTOMER, True), (GROUP, False)])
async def test_telegrams_wait_is_obeyed_and_a_groups_is_its_own(chat: int, *, whole: bool) -> None:
    body = json.dumps({"ok": False, "error_code": 429, "parameters": {"retry_after": 41}}).encode()
    with pytest.raises(RateLimited) as caught:
        await answered(429, body, chat=chat)
    assert caught.value.retry_after == timedelta(seconds=41)
    assert caught.value.whole_account is whole


async def test_blocked_gone_and_unknown_customers_are_told_apart() -> None:
    async with world() as w:
        w.playing.blocked, w.playing.gone = {CUSTOMER}, {GROUP}
        for chat, code in (
            (CUSTOMER, "blocked"),
            (GROUP, "unknown_recipient"),
            (404, "unknown_recipient"),
            ("@lin", "unknown_recipient"),
        ):
            with pytest.raises(PermanentFailure) as caught:
                await w.account.send(to_customer(chat=chat))
            assert caught.value.code == code


async def test_a_group_that_moved_is_followed_and_told_of() -> None:
    async with world(groups=True) as w:
        w.playing.migrated = True
        await w.listens(lambda: bool(w.playing.called))
        receipt = await w.account.send(to_customer("Hello all", chat=GROUP))
        assert [(one.chat, one.text) for one in w.playing.got] == [(SUPERGROUP, "Hello all")]
        assert receipt.external_ids[0].startswith(f"{SUPERGROUP}:")
        (event,) = w.inbox.events
        assert isinstance(event, ContactChanged)
        assert (event.sender.address, event.new_address) == (str(GROUP), str(SUPERGROUP))


async def test_a_reply_that_broke_off_goes_on_behind_what_had_left() -> None:
    async with world() as w:
        long = "\n\n".join(str(number) * 4000 for number in range(3))
        w.playing.flood = 0
        asking = w.playing.do_sendmessage

        async def breaking(given: dict[str, Any], files: Any) -> Any:
            w.playing.flood = 9 if len(w.playing.got) == 1 else 0
            return await asking(given, files)

        w.playing.do_sendmessage = breaking  # type: ignore[method-assign]
        with pytest.raises(RateLimited) as caught:
            await w.account.send(to_customer(long))
        assert len(caught.value.sent) == 1
        w.playing.do_sendmessage = asking  # type: ignore[method-assign]
        w.playing.flood = 0
        receipt = await w.account.send(to_customer(long, sent=caught.value.sent))
        assert [one.text[0] for one in w.playing.got] == ["0", "1", "2"]
        assert receipt.external_ids[:1] == caught.value.sent


async def test_a_very_long_answer_goes_on_in_another_try() -> None:
    async with world() as w:
        w.playing.paced = False
        long, asking = "\n\n".join(str(number) * 4000 for number in range(3)), w.playing.do_sendmessage

        async def slow(given: dict[str, Any], files: Any) -> Any:
            w.clock.advance(timedelta(seconds=6))
            return await asking(given, files)

        w.playing.do_sendmessage = slow  # type: ignore[method-assign]
        with pytest.raises(RateLimited) as caught:
            await w.account.send(to_customer(long))
        assert (len(caught.value.sent), caught.value.whole_account) == (2, False)
        await w.account.send(to_customer(long, sent=caught.value.sent))
        assert [one.text[0] for one in w.playing.got] == ["0", "1", "2"]


async def test_one_chat_is_written_to_once_a_second_and_others_meanwhile() -> None:
    async with world(pace=1000, groups=True) as w:
        w.playing.paced = False
        for _ in range(8):
            try:
                await asyncio.wait_for(w.account.send(to_customer()), 0.2)
            except TimeoutError:
                break
        assert len(w.playing.got) == 3  # a short burst, then one a second
        await asyncio.wait_for(w.account.send(to_customer(chat=GROUP)), 0.2)


async def test_half_a_character_keeps_nothing_back() -> None:
    async with world() as w:
        picture = file("a.png", "image/png")
        await w.tools.files.keep([(picture, PICTURE)])
        await w.account.send(to_customer("a\ud800b & c=d"))
        await w.account.send(to_customer("a\ud800b & c=d", attachments=(picture,)))
        assert w.playing.delivered == ["a?b & c=d"] * 2


async def test_nothing_at_all_is_not_sent() -> None:
    async with world() as w:
        with pytest.raises(PermanentFailure) as caught:
            await w.account.send(to_customer(" "))
        assert caught.value.code == "unsupported"


# -- hostile -----------------------------------------------------------------------------------------------------------


async def test_three_hundred_hostile_updates_are_put_aside_and_the_next_message_is_there_at_once() -> None:
    chance = random.Random(7)
    raws = [path.read_bytes() for path in sorted(FOLDER.glob("*.json")) if not path.name.endswith(".expected.json")]
    async with world() as w:
        while len(w.playing.updates) < 300:
            update = json.loads(chance.choice(raws).decode())
            for kind in [key for key in update if key != "update_id"]:
                broken = {
                    **update[kind],
                    chance.choice(list(update[kind])): chance.choice([None, [], {}, "x", -1, 2**70]),
                }
                await w.playing.post_update(**{kind: broken})
        await w.playing.write("I am fine")
        began = time.process_time()
        await w.listens(lambda: not w.playing.updates)
        assert time.process_time() - began < 2
        last = w.inbox.events[-1]
        assert isinstance(last, MessageReceived)
        assert last.text == "I am fine"
        assert any(isinstance(event, Malformed) for event in w.inbox.events)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_what_is_wrong_in_the_settings_is_told_at_once_without_secrets() -> None:
    faults = kinds.settings_faults(
        "telegram", "bot", {"kind": "telegram", "token": "hunter2", "modus": "x", "pace": 0, "secret": "shorty"}
    )
    told = {".".join(map(str, fault.path)): fault.message for fault in faults}
    assert {"token", "modus", "pace", "secret"} <= set(told)
    assert "did you mean 'mode'" in told["modus"]
    assert "hunter2" not in str(told)
    assert "shorty" not in str(told)


def test_a_webhook_needs_a_secret() -> None:
    (fault,) = kinds.settings_faults("telegram", "bot", {"kind": "telegram", "token": TOKEN, "mode": "webhook"})
    assert "'secret' is missing" in fault.message
