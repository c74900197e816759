"""The webhook kind: the inherited suite, Standard Webhooks vectors, and what is its own."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from channels import registry as kinds
from channels import standard_webhooks as signatures
from channels.http_client import OutgoingHttp
from channels.webhook import create, normalize
from conversation.errors import ChannelMisconfigured, MalformedPayload, PermanentFailure, SignatureRejected
from conversation.model.message import Accepted, InboundEvent, Malformed, MessageReceived
from conversation.ports.channel import Channel, Request, Tools
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, outbound
from tests.contracts.provider import provider
from tests.contracts.tools import Bench
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret of last month").decode()


def signed(raw: bytes, *, secret: str = SECRET, at: datetime = NOW, message_id: str = "msg_1") -> Request:
    headers = signatures.headers([signatures.key_of(secret)], message_id, at, raw)
    return Request("POST", "/hooks/account", {}, headers, raw, NOW)


class TestWebhook(WebhookContract, HttpSendContract):
    folder = Path(__file__).parent / "payloads"
    secrets = (SECRET, SECRET.removeprefix("whsec_"))
    signed_headers = ("webhook-id", "webhook-timestamp", "webhook-signature")

    def build(self, tools: Tools) -> Channel:
        return create("account", {"secret": SECRET, "reply_url": "https://app.example/replies"}, tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", {"secret": SECRET, "reply_url": url}, tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW)

    def saying(self, text: str, number: int = 1) -> bytes:
        return json.dumps({"id": f"evt-{number}", "from": {"id": "u1"}, "text": text}).encode()

    def request(self, raw: bytes, *, at: datetime = NOW) -> Request:
        return signed(raw, at=at)


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("webhook")


def test_the_vector_of_the_standards_own_libraries_is_met() -> None:
    key = signatures.key_of(SECRET)
    body = b'{"test": 2432232314}'
    wanted = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signatures.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == wanted


@pytest.mark.parametrize("off", [-301, 301])
def test_a_timestamp_more_than_five_minutes_off_is_rejected(off: int) -> None:
    request = signed(b"{}", at=NOW + timedelta(seconds=off))
    with pytest.raises(SignatureRejected):
        signatures.verify([signatures.key_of(SECRET)], request.headers, request.body, now=NOW)


@pytest.mark.parametrize("off", [-299, 299])
def test_a_timestamp_within_five_minutes_is_accepted(off: int) -> None:
    request = signed(b"{}", at=NOW + timedelta(seconds=off))
    signatures.verify([signatures.key_of(SECRET)], request.headers, request.body, now=NOW)


def test_either_secret_verifies_while_one_replaces_the_other() -> None:
    rotating = create("account", {"secret": [SECRET, OLD_SECRET]}, Bench(clock=FakeClock(NOW)).tools())
    rotating.verify(signed(b"{}"))
    rotating.verify(signed(b"{}", secret=OLD_SECRET))


def test_one_right_signature_among_several_is_enough() -> None:
    right = signed(b"{}")
    both = f"v1,AAAA v1a,BBBB {right.headers['webhook-signature']}"
    signatures.verify([signatures.key_of(SECRET)], {**right.headers, "webhook-signature": both}, right.body, now=NOW)


def test_another_accounts_secret_is_rejected() -> None:
    with pytest.raises(SignatureRejected):
        signatures.verify([signatures.key_of(OLD_SECRET)], signed(b"{}").headers, b"{}", now=NOW)


def test_a_bad_item_keeps_its_exact_bytes_and_spares_its_mates() -> None:
    raw = (Path(__file__).parent / "payloads" / "batch-with-bad-items.json").read_bytes()
    found = normalize.events(raw, channel="account", received_at=NOW)
    assert [type(event) for event in found] == [
        MessageReceived, Malformed, Malformed, Malformed, Malformed, MessageReceived,
    ]  # fmt: skip
    assert [event.raw for event in found if isinstance(event, Malformed)] == [
        b'{"id":"b2"}', b'{"id":"b3","id":"b3"}', b'{"n":NaN}', b"7",
    ]  # fmt: skip


def test_the_answer_names_what_was_put_aside_and_why() -> None:
    channel = create("account", {"secret": SECRET}, Bench(clock=FakeClock(NOW)).tools())
    request = signed(b'[{"id":"g","from":{"id":"u"},"text":"x"},{"id":"b"}]')
    accepted = [
        Accepted(external_id="g", conversation="c", message="m", queue="q"),
        Accepted(external_id="b", conversation=None, message=None, queue=None, quarantined="row"),
    ]
    reply = channel.answer(request, accepted)
    assert reply.status == 200
    assert json.loads(reply.body) == {
        "items": [
            {"id": "g", "conversation": "c", "message": "m", "queue": "q", "duplicate": False},
            {"id": "b", "error": {"code": "missing", "detail": "'from' is missing"}, "quarantined": "row"},
        ]
    }
    assert channel.answer(request, accepted[1:]).status == 422


def test_a_list_that_is_too_long_is_refused_whole() -> None:
    raw = b"[" + b",".join([b"1"] * 1001) + b"]"
    with pytest.raises(MalformedPayload) as caught:
        normalize.events(raw, channel="account", received_at=NOW)
    assert caught.value.code == "too_many"


async def test_a_reply_is_signed_with_the_messages_id() -> None:
    clock = FakeClock(NOW)
    async with provider() as playing, OutgoingHttp(clock) as http:
        channel = create("account", {"secret": SECRET, "reply_url": playing.url}, Bench(clock=clock, http=http).tools())
        receipt = await channel.send(outbound("你好"))
        (seen,) = playing.seen
    assert receipt.external_ids == (outbound().id,)
    assert seen.headers["webhook-id"] == outbound().id
    signatures.verify([signatures.key_of(SECRET)], seen.headers, seen.body, now=NOW)
    body = json.loads(seen.body)
    assert (body["text"], body["to"]["id"], body["author"]) == ("你好", "u1", "Mei")


async def test_without_a_reply_url_the_account_only_receives() -> None:
    channel = create("account", {"secret": SECRET}, Bench(clock=FakeClock(NOW)).tools())
    assert not channel.can.send
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(outbound())
    assert caught.value.code == "no_reply_url"


async def test_refused_credentials_stop_the_account() -> None:
    clock = FakeClock(NOW)
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.status = 401
        channel = create("account", {"secret": SECRET, "reply_url": playing.url}, Bench(clock=clock, http=http).tools())
        with pytest.raises(ChannelMisconfigured):
            await channel.send(outbound())


def test_settings_faults_come_all_at_once_and_never_show_the_secret() -> None:
    faults = kinds.settings_faults("webhook", "app", {"kind": "webhook", "secrt": "x", "secret": "hunter2", "pace": -1})
    told = {".".join(map(str, fault.path)): fault.message for fault in faults}
    assert "did you mean 'secret'" in told["secrt"]
    assert "whsec_" in told["secret"]
    assert "pace" in told
    assert "hunter2" not in str(told)


def test_an_unknown_kind_is_a_fault_with_a_suggestion() -> None:
    (fault,) = kinds.settings_faults("webhok", "app", {"kind": "webhok"})
    assert "did you mean 'webhook'" in fault.message


def test_a_missing_secret_is_named() -> None:
    (fault,) = kinds.settings_faults("webhook", "app", {"kind": "webhook"})
    assert fault.path == ("secret",)
    assert replace(fault, path=()).message == "'secret' is missing"
