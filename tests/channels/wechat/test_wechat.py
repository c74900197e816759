"""The WeChat kind: the inherited suite in both modes, WeChat's own vector, its error table, windows, access tokens, files."""

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.wechat import create, encryption, normalize, render, xml
from channels.wechat.account import WechatAccount
from channels.wechat.errors import TABLE, error_of
from conversation.errors import (
    ChannelMisconfigured,
    MalformedPayload,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import Attachment, InboundEvent, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Channel, Request, Tools
from tests.channels.wechat.fake import AES_KEY, APP_ID, SECRET, TOKEN, USER, FakeWechat, signed, wechat
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, deliver, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, FakeState
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

PAYLOADS = Path(__file__).parent / "payloads"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "webhook" / "wechat_wechatpy"
LIVING = "88_a-token-that-lives"


def settings(**more: object) -> dict[str, object]:
    return {"app_id": APP_ID, "secret": SECRET, "token": TOKEN, "pace": 1000, **more}


def calling(raw: bytes, *, at: datetime = NOW, aes: bool = False, method: str = "POST") -> Request:
    query, body = signed(raw, at=int(at.timestamp()), aes=aes)
    return Request(method, "/hooks/account", query, {}, body, NOW)


def with_token(tools: Tools) -> Tools:
    state = FakeState()
    state.remembered["access_token"] = {"token": LIVING, "until": NOW.timestamp() + 3600}
    return replace(tools, state=state)


class TestPlain(WebhookContract, HttpSendContract):
    folder = PAYLOADS
    secrets = (SECRET, TOKEN, AES_KEY, LIVING)
    aes = False

    def build(self, tools: Tools) -> Channel:
        more = {"aes_key": AES_KEY} if self.aes else {}
        return create("account", settings(**more), with_token(tools))

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(api=url), with_token(tools))

    def answering(self) -> OutboundMessage:
        return answering()

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW)

    def saying(self, text: str, number: int = 1) -> bytes:
        fields = {"ToUserName": "gh_1", "FromUserName": USER, "CreateTime": "1795399200", "MsgType": "text"}
        head = xml.document({**fields, "MsgId": str(number)}).removesuffix(b"</xml>")
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return head + b"<Content>" + escaped.encode("utf-8", "surrogatepass") + b"</Content></xml>"

    def request(self, raw: bytes, *, at: datetime = NOW) -> Request:
        return calling(raw, at=at, aes=self.aes)

    def test_a_changed_body_is_rejected(self) -> None:
        """WeChat signs what is encrypted, and in plain mode nothing of the body: the README says so."""
        request = self.request(self.saying("hello"))
        encrypted = xml.fields(request.body).get("Encrypt", "")
        for changed in (encrypted[:-4] + "AAA=", encrypted[32:], "") if self.aes else ():
            with pytest.raises(SignatureRejected):
                self.webhook().verify(replace(request, body=xml.document({"Encrypt": changed})))

    @pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
    def test_a_changed_query_is_rejected(self, name: str) -> None:
        request = self.request(self.saying("hello"))
        named = "msg_signature" if self.aes and name == "signature" else name
        for value in (None, "", "0", "x", request.query[named][:-1] + "é", request.query[named] + "0"):
            query = {key: text for key, text in request.query.items() if key != named}
            given = query if value is None else {**query, named: value}
            with pytest.raises(SignatureRejected):
                self.webhook().verify(replace(request, query=given))

    def test_no_secret_is_seen_in_a_rejection(self, caplog: pytest.LogCaptureFixture) -> None:
        request = self.request(self.saying("hello"))
        with pytest.raises(SignatureRejected) as caught:
            self.webhook().verify(replace(request, query={}))
        shown = str(caught.value) + caplog.text
        assert not [secret for secret in self.secrets if secret in shown]

    @pytest.mark.parametrize("off", [-301, 301])
    def test_a_call_more_than_five_minutes_off_is_rejected(self, off: int) -> None:
        with pytest.raises(SignatureRejected):
            self.webhook().verify(self.request(b"<xml/>", at=NOW + timedelta(seconds=off)))

    def test_trying_the_address_is_answered_by_the_same_word(self) -> None:
        request = calling(b"", method="GET")
        tried = replace(request, query={**request.query, "echostr": "5927782489442352469"})
        self.webhook().verify(tried)
        assert self.webhook().normalize(tried) == []
        reply = self.webhook().answer(tried, [])
        assert (reply.body, reply.type) == (b"5927782489442352469", "text/plain")

    def test_every_call_is_answered_by_the_word_that_wechat_wants(self) -> None:
        reply = self.webhook().answer(self.request(self.saying("hello")), [])
        assert (reply.status, reply.body) == (200, b"success")


class TestSealed(TestPlain):
    aes = True

    def test_a_call_that_is_not_encrypted_is_rejected_where_there_is_a_key(self) -> None:
        plain = calling(self.saying("hello"))
        for query in (plain.query, {**plain.query, "msg_signature": plain.query["signature"]}):
            with pytest.raises(SignatureRejected):
                self.webhook().verify(replace(plain, query=query))

    def test_a_encrypted_call_says_what_was_encrypted(self) -> None:
        (event,) = self.webhook().normalize(self.request(self.saying("充值")))
        assert isinstance(event, MessageReceived)
        assert event.text == "充值"


# -- encryption ---------------------------------------------------------------------------------------------------------


def test_wechats_own_vector_is_met() -> None:
    encrypted = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="
    key = encryption.key_of("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR")
    assert encryption.signed("dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "123456", "1411443780", "437374425", encrypted)
    assert encryption.decrypt(key, "wx49f0ab532d5d035a", encrypted) == b"5927782489442352469"


@pytest.mark.parametrize("size", [0, 1, 11, 12, 31, 32, 33, 2048])
def test_what_was_encrypted_is_decrypted_for_its_own_account_only(size: int) -> None:
    key = encryption.key_of(AES_KEY)
    encrypted = encryption.encrypt(key, APP_ID, b"x" * size, random=b"r" * 16)
    assert encryption.decrypt(key, APP_ID, encrypted) == b"x" * size
    with pytest.raises(MalformedPayload):
        encryption.decrypt(key, "wx0000000000000000", encrypted)
    with pytest.raises(MalformedPayload):
        encryption.decrypt(encryption.key_of("A" * 42 + "E"), APP_ID, encrypted)


def test_a_padding_that_only_ends_rightly_is_refused() -> None:
    key = encryption.key_of(AES_KEY)
    plain = b"r" * 16 + (5).to_bytes(4, "big") + b"hello" + APP_ID.encode()
    short = 32 - len(plain) % 32
    made = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypted = made.update(plain + b"\0" * (short - 1) + bytes([short])) + made.finalize()
    with pytest.raises(MalformedPayload):
        encryption.decrypt(key, APP_ID, base64.b64encode(encrypted).decode())


@pytest.mark.parametrize("encrypted", ["", "AAAA", "not base64!", "A" * 43 + "=", "é" * 44])
def test_what_is_not_encrypted_is_refused(encrypted: str) -> None:
    with pytest.raises(MalformedPayload):
        encryption.decrypt(encryption.key_of(AES_KEY), APP_ID, encrypted)


# -- in ----------------------------------------------------------------------------------------------------------------


def payload(name: str) -> Sequence[InboundEvent]:
    return normalize.events((PAYLOADS / f"{name}.xml").read_bytes(), channel="account", received_at=NOW)


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("text", timedelta(hours=48)),
        ("voice", timedelta(hours=48)),
        ("text-menu-tapped", timedelta(minutes=1)),
        ("click", timedelta(minutes=1)),
        ("scan-scene", timedelta(minutes=1)),
    ],
)
def test_what_a_customer_does_opens_the_window_that_wechat_gives(name: str, window: timedelta) -> None:
    event = payload(name)[-1]
    assert isinstance(event, MessageReceived)
    assert event.sent_at is not None
    assert event.reply_until == event.sent_at + window


def test_characters_that_no_xml_may_hold_cost_no_message() -> None:
    raw = TestPlain().saying("one\x1ftwo")
    (event,) = normalize.events(raw, channel="account", received_at=NOW)
    assert isinstance(event, MessageReceived)
    assert event.text == "one\ufffdtwo"


def test_three_hundred_hostile_payloads_never_break_the_reading() -> None:
    texts = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.xml"))]
    hostile = [*HOSTILE, *(bad for raw in texts for bad in accidents(raw, count=12, seed=11))]
    assert len(hostile) >= 300
    for raw in hostile:
        TestPlain().told(raw)


async def test_hostile_calls_that_are_encrypted_well_are_put_aside_and_the_next_message_is_there_at_once() -> None:
    hostile = [
        bad
        for name in ("text", "click", "voice")
        for bad in accidents((PAYLOADS / f"{name}.xml").read_bytes(), count=100)
    ]
    channel, inbox = create("account", settings(aes_key=AES_KEY), Bench(clock=FakeClock(NOW)).tools()), FakeInbox()
    began = time.process_time()
    for raw in hostile:
        request = calling(raw, aes=True)
        channel.verify(request)
        try:
            await inbox.accept(channel.normalize(request))
        except MalformedPayload as fault:
            await inbox.quarantine("account", request.body, fault.detail, code=fault.code)
    await deliver(channel, inbox, calling((PAYLOADS / "link.xml").read_bytes(), aes=True))
    assert time.process_time() - began < 2
    assert inbox.put_aside
    assert inbox.events[-1].external_id == payload("link")[0].external_id


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpora are not here")
def test_every_payload_of_wechatpy_is_read(subtests: pytest.Subtests) -> None:
    """The encrypted ones with the key of its own tests; what is of WeChat Pay is understood to be none of ours."""
    known = {"app_id": "wx49f0ab532d5d035a", "aes_key": "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"}
    channel = create("account", settings(**known), Bench(clock=FakeClock(NOW)).tools())
    paths = sorted(CORPUS.glob("*.xml"))
    assert len(paths) > 40
    for path in paths:
        with subtests.test(payload=path.name):
            found = channel.normalize(Request("POST", "/hooks/account", {}, {}, path.read_bytes(), NOW))
            assert {getattr(event, "code", "unsupported") for event in found} <= {"unsupported"}


def test_whoever_subscribes_is_greeted_in_the_answer_encrypted_where_messages_are() -> None:
    raw = (PAYLOADS / "subscribe.xml").read_bytes()
    greeting = {"greeting": "您好 <wallet>"}
    plain = create("account", settings(**greeting), Bench(clock=FakeClock(NOW)).tools())
    told = xml.fields(plain.answer(calling(raw), []).body)
    assert (told["ToUserName"], told["Content"], told["MsgType"]) == (USER, "您好 <wallet>", "text")
    encrypting_account = create("account", settings(**greeting, aes_key=AES_KEY), Bench(clock=FakeClock(NOW)).tools())
    envelope = xml.fields(encrypting_account.answer(calling(raw, aes=True), []).body)
    assert encryption.signed(
        envelope["MsgSignature"], TOKEN, envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"]
    )
    opened = xml.fields(encryption.decrypt(encryption.key_of(AES_KEY), APP_ID, envelope["Encrypt"]))
    assert opened["Content"] == "您好 <wallet>"
    assert plain.answer(calling((PAYLOADS / "text.xml").read_bytes()), []).body == b"success"


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("wechat")


# -- out ---------------------------------------------------------------------------------------------------------------


def answering(text: str = "Hello", **more: Any) -> OutboundMessage:
    message = outbound(text)
    until = {"reply_until": NOW + timedelta(hours=1)}
    return replace(message, to=replace(message.to, address=USER), **(until | more))


def account(
    http: OutgoingHttp, playing: FakeWechat, clock: FakeClock, bench: Bench | None = None, **more: object
) -> WechatAccount:
    tools = (bench or Bench(clock=clock)).tools(http=http)
    return create("account", settings(api=playing.url, **more), tools)


async def test_a_long_answer_is_split_by_bytes_and_leaves_in_order() -> None:
    clock = FakeClock(NOW)
    text = "。".join(f"第{number}句" + "充" * 300 for number in range(6))
    async with wechat() as playing, OutgoingHttp(clock) as http:
        receipt = await account(http, playing, clock).send(answering(text))
    assert "".join(playing.delivered) == text
    assert len(set(receipt.external_ids)) == len(playing.delivered) == 3


async def test_the_sixth_message_is_more_than_wechat_allows_and_says_what_had_left() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).send(answering("充" * 4096))
    assert (caught.value.code, len(caught.value.sent)) == ("window_closed", 5)


async def test_silence_in_the_middle_keeps_what_had_left_and_goes_on_behind_it() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        await channel.start()
        playing.mute = True
        with pytest.raises(Unknown) as caught:
            await channel.send(answering("a" * 3000, sent=("first",)))
    assert caught.value.sent == ("first",)
    assert len(playing.delivered) == 1


async def test_after_the_window_only_a_template_leaves() -> None:
    clock = FakeClock(NOW)
    templates = {"ready": {"id": "T-1", "fields": ["thing1", "time2"]}}
    async with wechat() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock, templates=templates)
        for closed in (NOW, None):
            with pytest.raises(PermanentFailure) as caught:
                await channel.send(answering(reply_until=closed))
            assert caught.value.code == "window_closed"
            assert "ready" in caught.value.detail
        receipt = await channel.send(
            answering(reply_until=None, template="ready", parameters=("Top-up", "12:00"), automatic=True)
        )
    assert receipt.external_ids == ("200163840",)
    assert playing.sent[0]["data"] == {"thing1": {"value": "Top-up"}, "time2": {"value": "12:00"}}


async def test_a_picture_is_uploaded_and_sent_and_a_pdf_is_not() -> None:
    clock, bench = FakeClock(NOW), Bench(clock=FakeClock(NOW))
    picture = Attachment(id="p", name='a"\r\nx.png', type="image/png", size=9)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock, bench)
        await channel.tools.files.keep([(picture, b"\x89PNG data")])
        await channel.send(answering("See", attachments=(picture,)))
        for refused, code in (
            (replace(picture, type="application/pdf"), "unsupported"),
            (replace(picture, size=10**8), "too_large"),
        ):
            with pytest.raises(PermanentFailure) as caught:
                await channel.send(answering("See", attachments=(refused,)))
            assert caught.value.code == code
    assert playing.uploads == [b"\x89PNG data"]
    assert playing.delivered == ["See", "image"]


def test_a_question_is_numbered_lines_or_a_menu() -> None:
    message = answering(with_choices("哪一个?", ["充值", "银行卡"]), automatic=True)
    (lines,) = render.calls(message)
    assert lines.body["text"]["content"] == "哪一个?\n1. 充值\n2. 银行卡"
    (menu,) = render.calls(message, menus=True)
    assert menu.body["msgmenu"]["list"] == [{"id": "1", "content": "充值"}, {"id": "2", "content": "银行卡"}]


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_row_of_the_error_table(code: int) -> None:
    row, error = TABLE[code], error_of(code, "words")
    if isinstance(row, str):
        assert isinstance(error, PermanentFailure)
        assert error.code == row
    else:
        assert type(error) is type(row("words"))
        assert isinstance(error, ChannelMisconfigured | TransientFailure | RateLimited)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (45015, "window_closed"), (45047, "window_closed"), (40003, "unknown_recipient"), (43004, "blocked"), (45002, "too_long"),
        (40007, "expired"), (99999, "refused"),
    ],
)  # fmt: skip
async def test_an_errcode_in_a_200_is_no_success(code: int, wanted: str) -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        playing.errcode = code
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).send(answering())
    assert caught.value.code == wanted
    assert playing.current not in str(caught.value)


# -- the access token --------------------------------------------------------------------------------------------------


async def test_nodes_share_one_access_token_and_fetch_it_once() -> None:
    clock, state = FakeClock(NOW), FakeState()
    async with wechat() as playing, OutgoingHttp(clock) as http:
        bench = Bench(clock=clock, http=http)
        nodes = [create("account", settings(api=playing.url), bench.tools(state=state)) for _ in range(3)]
        await nodes[0].send(answering("one"))
        await asyncio.gather(*(node.send(answering("more")) for node in nodes))
    assert playing.fetched_tokens == 1
    assert len(playing.delivered) == 4


async def test_a_token_is_renewed_five_minutes_early() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        await channel.start()
        clock.advance(timedelta(seconds=7200 - 301))
        await channel.start()
        assert playing.fetched_tokens == 1
        clock.advance(timedelta(seconds=2))
        await channel.start()
    assert playing.fetched_tokens == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_wechat_refuses_is_fetched_again_once_and_then_the_account_stops(code: int) -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        channel = account(http, playing, clock)
        await channel.send(answering("before"))
        playing.replace_token()
        await channel.send(answering("after"))
        assert (playing.delivered, playing.forced) == (["before", "after"], 0)
        playing.stale = code
        with pytest.raises(ChannelMisconfigured) as caught:
            await channel.send(answering("never"))
    assert playing.forced == 1
    assert playing.delivered == ["before", "after"]
    assert playing.current not in str(caught.value)


async def test_a_wrong_app_secret_stops_the_account_at_its_start() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        with pytest.raises(ChannelMisconfigured) as caught:
            await account(http, playing, clock, secret="0ther").start()
    assert "0ther" not in str(caught.value)


class Before(FakeState):
    """Another node has the lease until we get it, and remembered the token just before."""

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        self.remembered[name] = {"token": LIVING, "until": NOW.timestamp() + 60}
        return 2


async def test_a_node_that_gets_the_lease_looks_once_more_before_it_fetches() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        tools = Bench(clock=clock, http=http).tools(state=Before())
        await create("account", settings(api=playing.url), tools).start()
    assert playing.fetched_tokens == 0


class Elsewhere(FakeState):
    """Another node has the lease, and tells the token after a while."""

    looks = 0

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        self.looks += 1
        if self.looks == 3:
            self.remembered[name] = {"token": LIVING, "until": NOW.timestamp() + 60}
        return None


async def test_a_node_waits_for_the_token_that_another_one_fetches() -> None:
    clock, state = FakeClock(NOW), Elsewhere()
    async with wechat() as playing, OutgoingHttp(clock) as http:
        playing.current = LIVING
        tools = Bench(clock=clock, http=http).tools(state=state)
        await create("account", settings(api=playing.url), tools).send(answering())
    assert (playing.fetched_tokens, playing.delivered) == (0, ["Hello"])


# -- files -------------------------------------------------------------------------------------------------------------


async def test_a_file_is_fetched_with_the_token_and_an_old_one_has_expired() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        playing.files["m+/1"] = b"\xff\xd8\xff picture"
        channel = account(http, playing, clock)
        file = Attachment(id="a", name="x", type="image/jpeg", url="provider:m+/1")
        assert (await channel.fetch(file)).type == "image/jpeg"
        playing.replace_token()
        assert (await channel.fetch(file)).data == b"\xff\xd8\xff picture"
        with pytest.raises(PermanentFailure) as caught:
            await channel.fetch(replace(file, url="provider:gone"))
    assert caught.value.code == "expired"
    assert playing.current not in str(caught.value)


async def test_a_film_is_fetched_from_the_address_that_wechat_tells_but_never_from_within_the_house() -> None:
    clock = FakeClock(NOW)
    async with wechat() as playing, OutgoingHttp(clock) as http:
        playing.films["v1"] = f"{playing.url}/film.mp4"
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing, clock).fetch(Attachment(id="a", name="x", type="video/mp4", url="provider:v1"))
    assert caught.value.code == "address_refused"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_faults_come_all_at_once_and_show_no_secret() -> None:
    wrong = {"kind": "wechat", "app_id": "x", "secret": "hun ter2", "token": "!", "aes_key": "short-key", "menu": True}
    told = {".".join(map(str, fault.path)): fault.message for fault in kinds.settings_faults("wechat", "w", wrong)}
    assert {"app_id", "secret", "token", "aes_key", "menu"} <= told.keys()
    assert "hun ter2" not in str(told)
    assert "short-key" not in str(told)


def test_a_body_is_json_without_escapes_that_wechat_would_show() -> None:
    (call,) = render.calls(answering("充值\U0001f600"))
    assert json.loads(render.body(call))["text"]["content"] == "充值\U0001f600"
    assert b"\\u" not in render.body(call)
