"""The Viber kind: the inherited suite, its error table, its keyboards, its webhook, its welcome."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.viber import create, normalize, render
from channels.viber.account import ViberAccount
from channels.viber.errors import TABLE, status_of
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import Attachment, InboundEvent, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Answer, Channel, Request, Tools
from tests.channels.viber.fake import TOKEN, USER, FakeViber, signature, viber
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, NoHttp
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

PAYLOADS = Path(__file__).parent / "payloads"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "webhook" / "viber_sdk"
SENDER = {"name": "Support"}


class Agreeing(NoHttp):
    """Viber, which agrees to everything; `asked` holds what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        self.asked.append((url, json.loads(how["body"])))
        return Answer(status=200, headers={}, body=b'{"status":0}')


def settings(**more: object) -> dict[str, object]:
    return {"token": TOKEN, "pace": 1000, **more}


def signed(raw: bytes) -> Request:
    return Request("POST", "/hooks/account", {}, {"x-viber-content-signature": signature(raw)}, raw, NOW)


class TestViber(WebhookContract, HttpSendContract):
    folder = PAYLOADS
    secrets = (TOKEN,)
    signed_headers = ("x-viber-content-signature",)
    taken = b'{"status":0,"status_message":"ok","message_token":5741311803571721087}'

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=Agreeing())

    def build(self, tools: Tools) -> Channel:
        return create("account", settings(), tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(api=url), tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW)

    def saying(self, text: str, number: int = 1) -> bytes:
        event = {
            "event": "message",
            "timestamp": 1795399200000,
            "message_token": number,
            "sender": {"id": USER, "name": "Lin"},
            "message": {"type": "text", "text": text},
        }
        return json.dumps(event).encode()

    def request(self, raw: bytes, *, at: object = None) -> Request:
        return signed(raw)


def account(http: OutgoingHttp, playing: FakeViber, **more: object) -> ViberAccount:
    tools = Bench(clock=FakeClock(NOW), http=http).tools()
    return create("account", settings(api=playing.url, **more), tools)


def answering(text: str = "Hello", **more: Any) -> OutboundMessage:
    message = outbound(text)
    return replace(message, to=replace(message.to, address=USER), **more)


# -- in ----------------------------------------------------------------------------------------------------------------


def test_a_name_and_a_language_of_the_telephone_come_along_and_nonsense_is_no_fault() -> None:
    read = {
        name: normalize.events((PAYLOADS / f"{name}.json").read_bytes(), channel="account", received_at=NOW)[0]
        for name in ("text", "nonsense-language")
    }
    first, second = read["text"], read["nonsense-language"]
    assert isinstance(first, MessageReceived)
    assert isinstance(second, MessageReceived)
    assert (first.sender.name, first.locale) == ("Lin Wei", "zh-hans")
    assert (second.sender.name, second.locale) == (None, None)


def test_three_hundred_hostile_payloads_never_break_the_reading() -> None:
    texts = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.json")) if "expected" not in path.name]
    hostile = [*HOSTILE, *(bad for raw in texts for bad in accidents(raw, count=10, seed=5))]
    assert len(hostile) >= 300
    suite = TestViber()
    for raw in hostile:
        suite.told(raw)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpora are not here")
def test_every_message_of_vibers_own_library_is_read_when_a_customer_says_it() -> None:
    seen = set()
    for path in sorted(CORPUS.glob("*.json")):
        message = json.loads(path.read_bytes())
        if "type" not in message:
            continue  # a keyboard, or a part of one
        event = {"event": "message", "message_token": 1, "sender": {"id": USER}, "message": message}
        (read,) = normalize.events(json.dumps(event).encode(), channel="account", received_at=NOW)
        assert isinstance(read, MessageReceived), path.name
        seen.add(message["type"])
    assert {"text", "picture", "file", "location", "contact", "url", "video"} <= seen


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("viber")


async def test_the_webhook_is_set_to_the_public_address_once_the_account_listens() -> None:
    http = Agreeing()
    channel = create("account", settings(), Bench(clock=FakeClock(NOW), http=http).tools())
    await channel.start()
    listening = asyncio.ensure_future(channel.listen(FakeInbox()))
    await asyncio.sleep(0)
    listening.cancel()
    (first, second) = http.asked
    assert first[0].endswith("/pa/get_account_info")
    assert second[1]["url"] == "http://127.0.0.1:8080/hooks/account"


def test_only_the_answer_to_an_opened_chat_says_the_welcome() -> None:
    tools = Bench(clock=FakeClock(NOW)).tools()
    channel = create("account", settings(welcome="Ask us anything."), tools)
    opened = signed((PAYLOADS / "conversation-started.json").read_bytes())
    assert json.loads(channel.answer(opened, []).body) == {
        "sender": {"name": "Support"},
        "type": "text",
        "text": "Ask us anything.",
    }
    assert channel.answer(signed((PAYLOADS / "text.json").read_bytes()), []).body == b""
    assert create("account", settings(), tools).answer(opened, []).body == b""


# -- out ---------------------------------------------------------------------------------------------------------------


async def test_a_long_answer_leaves_in_parts_and_goes_on_where_it_stopped() -> None:
    text = "\n\n".join(f"{number}: " + "充" * 6900 for number in range(4))
    async with viber(hook="http://127.0.0.1:9/") as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.fail_after = 2
        with pytest.raises(TransientFailure) as caught:
            await account(http, playing).send(answering(text))
        assert len(caught.value.sent) == 2
        playing.fail_after = None
        receipt = await account(http, playing).send(answering(text, sent=caught.value.sent))
    assert len(receipt.external_ids) == len(playing.delivered) == 4
    assert "\n\n".join(playing.delivered) == text


def test_no_call_is_larger_than_viber_takes_whatever_the_letters() -> None:
    for text in ("a" * 20_000, "充" * 20_000, "🍎" * 20_000, '"' * 20_000):
        for body in render.messages(answering(text), SENDER):
            assert len(body) <= 30_000
            assert len(json.loads(body)["text"]) <= 7000


async def test_a_question_gets_a_keyboard_and_keeps_its_numbered_lines() -> None:
    question = with_choices("Which of these is it?", ["Top-up", "Fees & <limits>"])
    async with viber(hook="http://127.0.0.1:9/") as playing, OutgoingHttp(FakeClock(NOW)) as http:
        await account(http, playing).send(answering(question, automatic=True))
    assert playing.delivered == ["Which of these is it?\n1. Top-up\n2. Fees & <limits>"]
    (keyboard,) = playing.keyboards
    assert [button["ActionBody"] for button in keyboard["Buttons"]] == ["Top-up", "Fees & <limits>"]
    assert keyboard["Buttons"][1]["Text"] == "Fees &amp; &lt;limits&gt;"


def test_more_choices_than_a_keyboard_has_rows_stay_numbered_lines() -> None:
    (body,) = render.messages(answering(with_choices("?", [str(n) for n in range(13)]), automatic=True), SENDER)
    assert "keyboard" not in json.loads(body)


async def test_a_file_is_refused_where_nobody_could_open_its_address() -> None:
    file = Attachment(id="a", name="a.png", type="image/png")
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools(public_url="http://wallet.example"))
    assert not channel.can.attachments
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(answering("See the picture", attachments=(file,)))
    assert caught.value.code == "unsupported"
    assert "https" in caught.value.detail


async def test_an_answer_that_may_have_been_delivered_is_in_doubt() -> None:
    async with viber(hook="http://127.0.0.1:9/") as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.mute = True
        channel = account(http, playing)
        with pytest.raises(Unknown):
            await channel.send(answering())
    assert playing.delivered == ["Hello"]
    assert not channel.can.idempotent


@pytest.mark.parametrize(
    ("registered", "subscribed", "code"), [(False, True, "unknown_recipient"), (True, False, "blocked")]
)
async def test_who_cannot_be_written_to_is_told_apart(registered: bool, subscribed: bool, code: str) -> None:
    async with viber(hook="http://127.0.0.1:9/") as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.registered = {USER} if registered else set()
        playing.subscribers = {USER} if subscribed else set()
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing).send(answering())
    assert caught.value.code == code


async def test_a_refused_token_stops_the_account_at_its_start_and_is_not_shown() -> None:
    async with viber() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        with pytest.raises(ChannelMisconfigured) as caught:
            await account(http, playing, token="a-token-of-last-year").start()
        await account(http, playing).start()
    assert "a-token-of-last-year" not in str(caught.value)


_PERMANENT = {
    3: "refused", 4: "refused", 5: "unknown_recipient", 6: "blocked", 11: "unsupported", 13: "unsupported", 14: "unsupported",
    **dict.fromkeys(range(16, 25), "refused"),
}  # fmt: skip
CASES: Mapping[int, type[ChannelError]] = {
    1: TransientFailure, 10: TransientFailure, 12: RateLimited, 999: TransientFailure,
    **dict.fromkeys((2, 7, 8, 9, 15), ChannelMisconfigured),
    **dict.fromkeys(_PERMANENT, PermanentFailure),
}  # fmt: skip


@pytest.mark.parametrize(("status", "wanted"), sorted(CASES.items()))
def test_every_row_of_the_error_table(status: int, wanted: type[ChannelError]) -> None:
    body = json.dumps({"status": status, "status_message": "in words"}).encode()
    with pytest.raises(ChannelError) as caught:
        status_of(Answer(status=200, headers={}, body=body), FakeClock(NOW))
    assert type(caught.value) is wanted
    assert getattr(caught.value, "code", None) == _PERMANENT.get(status)
    assert "in words" in str(caught.value)


async def test_a_customer_who_got_too_much_holds_up_nobody_else() -> None:
    async with viber(hook="http://127.0.0.1:9/") as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.limited = True
        with pytest.raises(RateLimited) as caught:
            await account(http, playing).send(answering())
    assert not caught.value.whole_account


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"[0]", b'{"status":false}', b'{"status":"0"}'])
def test_an_answer_without_a_status_may_have_been_a_delivery(body: bytes) -> None:
    with pytest.raises(Unknown):
        status_of(Answer(status=200, headers={}, body=body), FakeClock(NOW))


def test_the_table_holds_every_status_and_no_other() -> None:
    assert set(TABLE) | {999} == set(CASES)


def test_settings_faults_come_all_at_once_and_show_no_secret() -> None:
    given = {"kind": "viber", "token": "hun ter2", "sender": "x" * 29, "api": "ftp://x", "tokn": "x"}
    faults = kinds.settings_faults("viber", "v", given)
    told: Mapping[str, str] = {".".join(map(str, fault.path)): fault.message for fault in faults}
    assert {"token", "sender", "api", "tokn"} <= told.keys()
    assert "hun ter2" not in str(told)
