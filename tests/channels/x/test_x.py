"""The X kind: the inherited suite, its checks and signatures, its mentions, its error tables, its limits."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.provider_errors import Meaning
from channels.x import create, normalize, oauth
from channels.x.account import XAccount
from channels.x.errors import CODES, PROBLEMS, body_of
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import Attachment, InboundEvent, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Answer, Channel, Request, Tools
from tests.channels.x.fake import KEY, SECRET, TOKEN, TOKEN_SECRET, US, USER, FakeX, signature, x
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, deliver, malformed, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, NoHttp
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

PAYLOADS = Path(__file__).parent / "payloads"
EXAMPLE = oauth.Credentials(  # the example of X's own page about signatures
    consumer_key="xvz1evFS4wEEPTGEFPHBog",
    consumer_secret="kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    token_secret="LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
)


class Agreeing(NoHttp):
    """X, which agrees to everything."""

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        return Answer(status=200, headers={}, body=b"{}")


def settings(**more: object) -> dict[str, object]:
    keys = {"consumer_key": KEY, "consumer_secret": SECRET, "token": TOKEN, "token_secret": TOKEN_SECRET}
    return {"id": US, "pace": 1000, **keys, **more}


def signed(raw: bytes) -> Request:
    return Request("POST", "/hooks/account", {}, {"x-twitter-webhooks-signature": signature(raw)}, raw, NOW)


def check(token: str) -> Request:
    return Request("GET", "/hooks/account", {"crc_token": token}, {}, b"", NOW)


def read(raw: bytes, **more: Any) -> Sequence[InboundEvent]:
    return normalize.events(raw, channel="account", received_at=NOW, account=US, **more)


class TestX(WebhookContract, HttpSendContract):
    folder = PAYLOADS
    secrets = (SECRET, TOKEN, TOKEN_SECRET)
    signed_headers = ("x-twitter-webhooks-signature",)
    taken = b'{"data":{"dm_event_id":"1830000000000000001"}}'

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=Agreeing())

    def build(self, tools: Tools) -> Channel:
        return create("account", settings(), tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(api=url), tools)

    def answering(self) -> OutboundMessage:
        return answering()

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return read(raw)

    def saying(self, text: str, number: int = 1) -> bytes:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        made = {"target": {"recipient_id": US}, "sender_id": USER, "message_data": {"text": escaped}}
        event = {"type": "message_create", "id": str(number), "message_create": made}
        return json.dumps({"for_user_id": US, "direct_message_events": [event]}).encode()

    def request(self, raw: bytes, *, at: object = None) -> Request:
        return signed(raw)


def account(http: OutgoingHttp, playing: FakeX, **more: object) -> XAccount:
    tools = Bench(clock=FakeClock(datetime.now(UTC)), http=http).tools()
    return create("account", settings(api=playing.url, media=playing.url, **more), tools)


def answering(text: str = "Hello", **more: Any) -> OutboundMessage:
    message = outbound(text)
    return replace(message, to=replace(message.to, address=USER), **more)


# -- in ----------------------------------------------------------------------------------------------------------------


def test_the_signature_of_requests_is_that_of_the_published_example() -> None:
    stated = {
        "status": "Hello Ladies + Gentlemen, a signed OAuth request!",
        "oauth_consumer_key": EXAMPLE.consumer_key,
        "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "1318622958",
        "oauth_token": EXAMPLE.token,
        "oauth_version": "1.0",
    }
    url = "https://api.twitter.com/1/statuses/update.json?include_entities=true"
    assert oauth.signature("post", url, EXAMPLE, stated.items()) == "tnnArxj06cWHq44gCs1OSKk/jLY="
    assert EXAMPLE.consumer_secret not in repr(EXAMPLE)


async def test_a_check_is_answered_with_the_signature_of_its_token() -> None:
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    token = "9b4507b3-9040-4669-9ca3-6b94edb50553"
    reply = await deliver(channel, FakeInbox(), check(token))
    assert json.loads(reply.body) == {"response_token": signature(token.encode())}
    assert (reply.status, reply.type) == (200, "application/json")


@pytest.mark.parametrize(
    "token", ["", '{"for_user_id":"7004","direct_message_events":[]}', "[]", "a b", "x" * 501, "ä"]
)
def test_nobody_gets_a_call_signed_by_making_it_the_token_of_a_check(token: str) -> None:
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    with pytest.raises(SignatureRejected):
        channel.verify(check(token))


def test_a_call_about_another_account_is_put_aside_and_a_stranger_is_not_taken_for_us() -> None:
    raw = (PAYLOADS / "text.json").read_bytes().replace(b'"for_user_id": "7004"', b'"for_user_id": "7005"')
    assert malformed(read(raw)) == ["unsupported"]
    (event,) = normalize.events(raw, channel="account", received_at=NOW)
    assert isinstance(event, MessageReceived)


def test_mentions_are_heard_only_where_that_is_wanted_and_answered_to_the_person() -> None:
    raw = (PAYLOADS / "mention.json").read_bytes()
    (event,) = read(raw)
    assert isinstance(event, MessageReceived)
    (private,) = read((PAYLOADS / "text.json").read_bytes())
    assert isinstance(private, MessageReceived)
    assert event.sender == private.sender
    assert read(raw, mentions=False) == []


@pytest.mark.slow
def test_a_batch_of_thousands_is_read_whole() -> None:
    item = json.loads((PAYLOADS / "text.json").read_bytes())["direct_message_events"][0]
    rows = [item | {"id": str(number)} for number in range(3000)]
    found = read(json.dumps({"for_user_id": US, "direct_message_events": rows}).encode())
    assert [event.external_id for event in found] == [str(number) for number in range(3000)]


def test_three_hundred_hostile_payloads_are_refused_or_read() -> None:
    hostile = [*HOSTILE, *(raw for path in TestX.payloads(PAYLOADS) for raw in accidents(path.read_bytes(), count=20))]
    assert len(hostile) >= 300
    for raw in hostile:
        TestX().told(raw)


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("x")


async def test_a_picture_of_a_direct_message_is_fetched_with_a_signature_and_any_other_file_is_not() -> None:
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.pictures["/1.1/ton/data/dm/1/2.png"] = b"\x89PNG\r\n\x1a\n"
        channel = account(http, playing)
        picture = Attachment(id="a", name="a.png", type="image/png", url="provider:/1.1/ton/data/dm/1/2.png")
        assert (await channel.fetch(picture)).data == b"\x89PNG\r\n\x1a\n"
        with pytest.raises(PermanentFailure) as caught:
            await channel.fetch(replace(picture, url="provider:@elsewhere.example/2.png"))
    assert caught.value.code == "bad_url"
    assert playing.refused == []


# -- out ---------------------------------------------------------------------------------------------------------------


async def test_a_long_answer_leaves_in_parts_and_goes_on_where_it_stopped() -> None:
    text = "\n\n".join(f"{number}: " + "充" * 9900 for number in range(4))
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.fail_after = 2
        with pytest.raises(TransientFailure) as caught:
            await account(http, playing).send(answering(text))
        assert len(caught.value.sent) == 2
        playing.fail_after = None
        receipt = await account(http, playing).send(answering(text, sent=caught.value.sent))
    assert len(receipt.external_ids) == len(playing.delivered) == 4
    assert "\n\n".join(playing.delivered) == text


async def test_a_question_keeps_its_numbered_lines() -> None:
    question = with_choices("Which of these is it?", ["Top-up", "Fees & <limits>"])
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        await account(http, playing).send(answering(question, automatic=True))
    assert playing.delivered == ["Which of these is it?\n1. Top-up\n2. Fees & <limits>"]


async def test_a_used_up_limit_is_waited_out_until_the_instant_that_x_tells() -> None:
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.limited = 600
        with pytest.raises(RateLimited) as caught:
            await account(http, playing).send(answering())
    assert timedelta(seconds=590) < caught.value.retry_after <= timedelta(seconds=601)


def test_of_two_limits_only_those_that_are_used_up_are_waited_for() -> None:
    soon, late = (str(int((NOW + timedelta(minutes=n)).timestamp())) for n in (5, 90))
    day = {"x-user-limit-24hour-remaining": "3", "x-user-limit-24hour-reset": late}
    for remaining, wanted in (("3", 5), ("0", 90)):
        headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": soon, **day}
        headers["x-user-limit-24hour-remaining"] = remaining
        with pytest.raises(RateLimited) as caught:
            body_of(Answer(status=429, headers=headers, body=b""), FakeClock(NOW))
        assert caught.value.retry_after == timedelta(minutes=wanted)


async def test_an_answer_that_may_have_been_delivered_is_in_doubt() -> None:
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.mute = True
        channel = account(http, playing)
        with pytest.raises(Unknown):
            await channel.send(answering())
    assert playing.delivered == ["Hello"]
    assert not channel.can.idempotent


@pytest.mark.parametrize(("known", "willing", "code"), [(False, True, "unknown_recipient"), (True, False, "blocked")])
async def test_who_cannot_be_written_to_is_told_apart(known: bool, willing: bool, code: str) -> None:
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.known, playing.open_to_us = ({USER} if known else set()), willing
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing).send(answering())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (answering(" "), "unsupported"),
        (outbound(), "unknown_recipient"),
    ],
)
async def test_what_cannot_be_sent_says_so_before_anything_leaves(message: OutboundMessage, code: str) -> None:
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(message)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "wrong", [{"token": "another"}, {"token_secret": "wrong"}, {"consumer_secret": "wrong"}, {"id": "7005"}]
)
async def test_refused_keys_and_those_of_another_account_stop_the_account_at_its_start(wrong: dict[str, str]) -> None:
    async with x() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        with pytest.raises(ChannelMisconfigured):
            await account(http, playing, **wrong).start()
        await account(http, playing).start()


_CASES: list[tuple[int, dict[str, Any], Meaning]] = [
    *((403, {"type": f"https://api.twitter.com/2/problems/{kind}"}, code) for kind, code in PROBLEMS.items()),
    *((403, {"errors": [{"code": number, "message": "no"}]}, code) for number, code in CODES.items()),
    (401, {}, ChannelMisconfigured),
    (403, {}, "blocked"),
    (404, {}, "unknown_recipient"),
    (413, {}, "too_large"),
    (418, {}, "refused"),
    (302, {}, TransientFailure),
    (500, {}, TransientFailure),
]


@pytest.mark.parametrize(("status", "body", "wanted"), _CASES)
def test_every_row_of_the_error_tables(status: int, body: dict[str, Any], wanted: Meaning) -> None:
    with pytest.raises(ChannelError) as caught:
        body_of(Answer(status=status, headers={}, body=json.dumps(body).encode()), FakeClock(NOW))
    if isinstance(wanted, type):
        assert type(caught.value) is wanted
    else:
        assert getattr(caught.value, "code", None) == wanted


def test_settings_faults_come_all_at_once_and_show_no_secret() -> None:
    given = {**settings(), "kind": "x", "id": "@wallet", "token": "hun ter2", "api": "ftp://x", "tokn": "x"}
    faults = kinds.settings_faults("x", "x", given)
    told = {".".join(map(str, fault.path)): fault.message for fault in faults}
    assert {"id", "token", "api", "tokn"} <= told.keys()
    assert "hun ter2" not in str(told)
