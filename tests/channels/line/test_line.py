"""The LINE kind: the inherited suite, LINE's own signature vector, its error table, reply tokens and pushes, files."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.line import create, normalize, render, tokens
from channels.line.account import LineAccount
from channels.line.errors import TABLE, error_of
from channels.line.settings import Settings
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    MalformedPayload,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import Attachment, InboundEvent, Malformed, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Answer, Channel, Request, Tools
from tests.channels.line.fake import SECRET, TOKEN, USER, FakeLine, line, signature
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, deliver, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, NoHttp
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

PAYLOADS = Path(__file__).parent / "payloads"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "webhook" / "line_sdk"


class Bots(NoHttp):
    """LINE's answer to who we are."""

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        assert (method, url) == ("GET", "https://api.line.me/v2/bot/info")
        return Answer(status=200, headers={}, body=b'{"userId":"Ubot"}')


def settings(**more: object) -> dict[str, object]:
    return {"secret": SECRET, "token": TOKEN, "pace": 1000, **more}


def signed(raw: bytes, *, secret: str = SECRET) -> Request:
    return Request("POST", "/hooks/account", {}, {"x-line-signature": signature(raw, secret)}, raw, NOW)


class TestLine(WebhookContract, HttpSendContract):
    folder = PAYLOADS
    secrets = (SECRET, TOKEN)
    signed_headers = ("x-line-signature",)

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=Bots())

    def build(self, tools: Tools) -> Channel:
        return create("account", settings(), tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(api=url), tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW)

    def saying(self, text: str, number: int = 1) -> bytes:
        event = {
            "type": "message",
            "webhookEventId": f"01E{number}",
            "timestamp": 1795399200000,
            "source": {"type": "user", "userId": USER},
            "message": {"id": str(number), "type": "text", "text": text},
        }
        return json.dumps({"destination": "Ubot", "events": [event]}).encode()

    def request(self, raw: bytes, *, at: object = None) -> Request:
        return signed(raw)


# -- in ----------------------------------------------------------------------------------------------------------------


def test_the_vector_of_lines_own_library_is_met() -> None:
    account = create("account", {"secret": "channel_secret", "token": "t"}, Bench(clock=FakeClock(NOW)).tools())
    header = {"x-line-signature": "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="}
    account.verify(Request("POST", "/hooks/account", {}, header, b"bodybodybodybody", NOW))


def test_a_signature_made_with_another_secret_is_rejected() -> None:
    account = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    with pytest.raises(SignatureRejected):
        account.verify(signed(b"{}", secret="another"))


def test_an_unsend_an_edit_and_a_quote_name_the_message_as_it_was_stored() -> None:
    read = {
        name: normalize.events((PAYLOADS / f"{name}.json").read_bytes(), channel="account", received_at=NOW)[0]
        for name in ("unsend", "edited", "quote")
    }
    quote = read["quote"]
    assert isinstance(quote, MessageReceived)
    assert read["unsend"].external_id == read["edited"].external_id == quote.reply_to == "588000000000000777"


def test_a_group_is_served_as_one_customer_where_the_operator_says_so() -> None:
    raw = (PAYLOADS / "group.json").read_bytes()
    assert normalize.events(raw, channel="account", received_at=NOW) == []
    found = normalize.events(raw, channel="account", received_at=NOW, groups=True)
    assert [type(event).__name__ for event in found] == [
        "MessageReceived", "MessageRetracted", "MessageReceived", "ContactChanged", "ContactChanged", "Malformed", "Malformed",
    ]  # fmt: skip
    assert isinstance(found[0], MessageReceived)
    assert found[0].sender.address.startswith("C")


def test_a_bad_event_keeps_its_bytes_and_spares_its_mates() -> None:
    raw = (PAYLOADS / "batch-with-bad-events.json").read_bytes()
    found = normalize.events(raw, channel="account", received_at=NOW)
    assert [type(event) for event in found] == [MessageReceived, *[Malformed] * 4, MessageReceived]
    wanted = [
        json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in json.loads(raw)["events"][1:5]
    ]
    assert [event.raw for event in found if isinstance(event, Malformed)] == wanted


def test_three_hundred_hostile_payloads_never_break_the_reading() -> None:
    texts = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.json")) if "expected" not in path.name]
    hostile = [*HOSTILE, *(bad for raw in texts for bad in accidents(raw, count=10, seed=11))]
    assert len(hostile) >= 300
    suite = TestLine()
    for raw in hostile:
        suite.told(raw)


async def test_hostile_calls_that_are_signed_well_are_put_aside_and_the_next_message_is_there_at_once() -> None:
    texts = [(PAYLOADS / f"{name}.json").read_bytes() for name in ("text", "postback", "batch-with-bad-events")]
    channel, inbox = create("account", settings(), Bench(clock=FakeClock(NOW)).tools()), FakeInbox()
    began = time.process_time()
    for raw in (bad for text in texts for bad in accidents(text, count=100)):
        request = signed(raw)
        channel.verify(request)
        try:
            await inbox.accept(channel.normalize(request))
        except MalformedPayload as fault:
            await inbox.quarantine("account", raw, fault.detail, code=fault.code)
    await deliver(channel, inbox, signed(TestLine().saying("and now?", 4711)))
    assert time.process_time() - began < 2
    assert inbox.put_aside
    assert inbox.events[-1].external_id == "4711"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpora are not here")
def test_every_payload_of_lines_own_library_is_read() -> None:
    for path in sorted(CORPUS.glob("*.json")):
        found = normalize.events(path.read_bytes(), channel="account", received_at=NOW, groups=True)
        assert len(found) == len(json.loads(path.read_bytes())["events"])
        assert {event.code for event in found if isinstance(event, Malformed)} <= {"unsupported"}


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("line")


# -- out ---------------------------------------------------------------------------------------------------------------


def answering(text: str = "Hello", **more: Any) -> OutboundMessage:
    message = outbound(text)
    return replace(message, to=replace(message.to, address=USER), **more)


def account(http: OutgoingHttp, playing: FakeLine, clock: FakeClock, **more: object) -> LineAccount:
    tools = Bench(clock=clock, http=http).tools()
    found = settings(api=playing.url, data_api=playing.url, **more)
    return LineAccount("account", Settings.model_validate(found), tools, preparing=(0.0, 0.0))


async def test_a_fresh_reply_token_is_used_and_a_used_one_gives_way_to_a_push() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        token = tokens.stamped(playing.reply_token(), NOW)
        receipt = await channel.send(answering("first", reply_token=token))
        again = await channel.send(answering("second", reply_token=token, id=outbound().id[:-1] + "2"))
    assert playing.delivered == ["first", "second"]
    assert [call.path for call in playing.calls] == ["reply", "reply", "push"]
    assert len({*receipt.external_ids, *again.external_ids}) == 2


async def test_a_reply_token_of_a_minute_ago_is_not_tried() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        token = tokens.stamped(playing.reply_token(), NOW)
        clock.advance(timedelta(seconds=51))
        await channel.send(answering(reply_token=token))
    assert [call.path for call in playing.calls] == ["push"]


async def test_a_push_that_was_taken_before_is_a_success_and_reaches_nobody_twice() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        playing.mute = True
        with pytest.raises(Unknown) as caught:
            await channel.send(answering())
        assert caught.value.repeatable is True
        playing.mute = False
        first = await channel.send(answering())
        second = await channel.send(answering())
    assert playing.delivered == ["Hello"]
    assert first.external_ids == second.external_ids


async def test_a_push_of_yesterday_is_not_repeated_because_line_forgets_its_key() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        playing.mute = True
        with pytest.raises(Unknown) as caught:
            await account(http, playing, clock).send(answering(created_at=NOW - timedelta(hours=23)))
    assert caught.value.repeatable is False


@pytest.mark.parametrize("how", ["mute", "down"])
async def test_a_reply_to_which_no_good_answer_came_is_never_repeated(how: str) -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        setattr(playing, how, True)
        with pytest.raises(Unknown) as caught:
            await channel.send(answering(reply_token=tokens.stamped(playing.reply_token(), NOW)))
    assert caught.value.repeatable is not True
    assert [call.path for call in playing.calls] == ["reply"]


async def test_a_long_answer_leaves_in_calls_of_five_and_goes_on_where_it_stopped() -> None:
    clock = FakeClock(NOW)
    text = "\n\n".join(f"{number}: " + "🍎" * 2400 for number in range(12))
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        playing.fail_after = 2
        with pytest.raises(TransientFailure) as caught:
            await channel.send(answering(text))
        assert len(caught.value.sent) == 10
        playing.fail_after = None
        receipt = await channel.send(answering(text, sent=caught.value.sent))
    assert len(receipt.external_ids) == len(playing.delivered) == 12
    assert "\n\n".join(playing.delivered) == text


async def test_only_the_first_call_of_a_long_answer_takes_the_reply_token() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        token = tokens.stamped(playing.reply_token(), NOW)
        await account(http, playing, clock).send(answering("x" * 40_000, reply_token=token))
    assert [(call.path, len(call.body["messages"])) for call in playing.calls] == [("reply", 5), ("push", 3)]


def test_a_question_gets_buttons_and_keeps_its_numbered_lines() -> None:
    long = "Something that is longer than twenty characters"
    message = answering(with_choices("Which of these is it?", ["Top-up", long]), automatic=True)
    (found,) = render.messages(message)
    assert found["text"] == f"Which of these is it?\n1. Top-up\n2. {long}"
    actions = [item["action"] for item in found["quickReply"]["items"]]
    assert [action["text"] for action in actions] == ["Top-up", long]
    assert all(len(action["label"]) <= 20 for action in actions)


def test_more_choices_than_line_has_buttons_for_stay_numbered_lines() -> None:
    (found,) = render.messages(answering(with_choices("?", [str(n) for n in range(14)]), automatic=True))
    assert "quickReply" not in found


async def test_a_file_is_refused_where_nobody_could_open_its_address() -> None:
    file = Attachment(id="a", name="a.png", type="image/png")
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools(public_url="http://wallet.example"))
    assert not channel.can.attachments
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(answering("See the picture", attachments=(file,)))
    assert caught.value.code == "unsupported"
    assert "https" in caught.value.detail


async def test_a_stranger_is_an_unknown_recipient() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        message = answering()
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).send(replace(message, to=replace(message.to, address="U" + "0" * 32)))
    assert caught.value.code == "unknown_recipient"


@pytest.mark.parametrize("token", [True, False])
async def test_a_rate_makes_the_account_wait_and_a_quota_that_is_used_up_does_not(*, token: bool) -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        given = tokens.stamped(playing.reply_token(), NOW) if token else None
        playing.limited = True
        with pytest.raises(RateLimited):
            await account(http, playing, clock).send(answering(reply_token=given))
        playing.limited, playing.quota_over = False, True
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).send(answering())
    assert "monthly limit" in caught.value.detail
    assert playing.delivered == []


async def test_a_refused_token_stops_the_account_at_its_start_and_is_not_shown() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock, token="a-token-of-last-year")
        with pytest.raises(ChannelMisconfigured) as caught:
            await channel.start()
        await account(http, playing, clock).start()
    assert "a-token-of-last-year" not in str(caught.value)


CASES: tuple[tuple[int, str, type[ChannelError], str], ...] = (
    (400, "The property, 'to', in the request body is invalid", PermanentFailure, "unknown_recipient"),
    (400, "The request body has 1 error(s)", PermanentFailure, "refused"),
    (401, "Authentication failed", ChannelMisconfigured, ""),
    (403, "Access to this API is not available for your account", PermanentFailure, "refused"),
    (404, "Not found", PermanentFailure, "unknown_recipient"),
    (410, "Gone", PermanentFailure, "expired"),
    (413, "Request entity too large", PermanentFailure, "too_long"),
    (415, "Unsupported media type", PermanentFailure, "refused"),
    (429, "You have reached your monthly limit.", PermanentFailure, "refused"),
    (429, "The API rate limit has been exceeded. Try again later.", RateLimited, ""),
    (500, "Internal server error", TransientFailure, ""),
    (503, "", TransientFailure, ""),
)


@pytest.mark.parametrize(("status", "words", "wanted", "code"), CASES)
def test_every_row_of_the_error_table(status: int, words: str, wanted: type[ChannelError], code: str) -> None:
    body = json.dumps({"message": words}).encode()
    error = error_of(Answer(status=status, headers={}, body=body), FakeClock(NOW))
    assert type(error) is wanted
    assert getattr(error, "code", "") == code


def test_a_text_that_is_too_long_is_told_by_its_details() -> None:
    body = b'{"message":"The request body has 1 error(s)","details":[{"message":"Length must be between 0 and 5000","property":"messages[0].text"}]}'
    error = error_of(Answer(status=400, headers={}, body=body), FakeClock(NOW))
    assert isinstance(error, PermanentFailure)
    assert error.code == "too_long"


def test_each_row_of_the_table_can_be_reached() -> None:
    words = {(row.status, row.words) for row in TABLE}
    assert len(words) == len(TABLE)


# -- files -------------------------------------------------------------------------------------------------------------


def kept(number: str, kind: str) -> Attachment:
    return Attachment(id="a", name="x", type=kind, url=f"provider:{number}")


async def test_a_picture_is_fetched_from_the_host_of_files() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        playing.files["77"] = b"\x89PNG\r\n\x1a\n rest"
        fetched = await account(http, playing, clock).fetch(kept("77", "image/jpeg"))
    assert (fetched.type, fetched.data) == ("image/png", b"\x89PNG\r\n\x1a\n rest")


async def test_a_film_is_waited_for_until_it_is_ready() -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        playing.files["78"] = b"\0\0\0\x18ftypmp42"
        playing.preparing["78"] = ["processing", "processing", "succeeded"]
        fetched = await account(http, playing, clock).fetch(kept("78", "video/mp4"))
        playing.preparing["78"] = ["processing"] * 3
        with pytest.raises(TransientFailure):
            await account(http, playing, clock).fetch(kept("78", "video/mp4"))
        playing.preparing["78"] = ["failed"]
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).fetch(kept("78", "video/mp4"))
    assert fetched.type == "video/mp4"
    assert caught.value.code == "expired"


@pytest.mark.parametrize("kind", ["image/jpeg", "video/mp4"])
async def test_what_line_keeps_no_longer_has_expired(kind: str) -> None:
    clock = FakeClock(NOW)
    async with line() as playing, OutgoingHttp(clock) as http:
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).fetch(kept("79", kind))
    assert caught.value.code == "expired"


@pytest.mark.parametrize("url", ["provider:../../v2/bot/info", "provider:", "https://elsewhere.example/x"])
async def test_only_ids_of_messages_are_fetched(url: str) -> None:
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    with pytest.raises(PermanentFailure) as caught:
        await channel.fetch(Attachment(id="a", name="x", type="image/png", url=url))
    assert caught.value.code == "bad_url"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_faults_come_all_at_once_and_show_no_secret() -> None:
    faults = kinds.settings_faults("line", "l", {"kind": "line", "secret": "hun ter2", "tokn": "x", "api": "ftp://x"})
    told: Mapping[str, str] = {".".join(map(str, fault.path)): fault.message for fault in faults}
    assert {"secret", "token", "tokn", "api"} <= told.keys()
    assert "hun ter2" not in str(told)


def test_the_fake_signs_as_line_does() -> None:
    wanted = base64.b64encode(hmac.new(b"channel_secret", b"bodybodybodybody", hashlib.sha256).digest()).decode()
    assert signature(b"bodybodybodybody", "channel_secret") == wanted
