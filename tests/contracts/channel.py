"""The suite that every kind of channel inherits: subclass it, name the payload folder, say how an account is built.

Three classes: `ChannelContract` for every kind, `WebhookContract` where the provider calls us, `HttpSendContract` where
replies leave over HTTP. `docs/a-new-channel.md` walks through them.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol, cast

import pytest

from channels.http_client import OutgoingHttp
from conversation.errors import (
    ChannelError,
    InboundError,
    MalformedPayload,
    Overloaded,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    StoreUnavailable,
    TransientFailure,
    Unknown,
)
from conversation.model.message import InboundEvent, Malformed, MessageEdited, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
from conversation.model.visible_text import has_words
from conversation.ports.channel import Channel, Inbox, Reply, Request, Tools, Webhook
from tests.contracts import events
from tests.contracts.hostile import HOSTILE, TEXTS, accidents, emptied
from tests.contracts.provider import provider
from tests.contracts.tools import Bench
from tests.fakes import FakeClock, FakeInbox

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TWIN = ".expected.json"


class WebhookChannel(Channel, Webhook, Protocol):
    """Both ports in one account."""


async def deliver(channel: Webhook, inbox: Inbox, request: Request) -> Reply:
    """What the house does with a provider's request: the answer is made after the inbox has returned, or not at all."""
    channel.verify(request)
    found = channel.normalize(request)
    return channel.answer(request, await inbox.accept(found))


def outbound(text: str = "Hello, we are looking into it.") -> OutboundMessage:
    """A reply to a customer."""
    return OutboundMessage(
        id="0198c0de-0000-7000-8000-000000000001",
        conversation="0198c0de-0000-7000-8000-00000000000c",
        reference="7K3M-9QFX",
        channel="account",
        to=Identity(channel="account", address="u1", name="Lin", id="i1", customer="c1"),
        text=text,
        author_name="Mei",
        language="en",
        created_at=NOW,
    )


class ChannelContract:
    """What holds for every kind. `secrets` are the words that must be seen nowhere."""

    folder: ClassVar[Path]
    secrets: ClassVar[tuple[str, ...]] = ()

    def build(self, tools: Tools) -> Channel:
        """An account called "account"."""
        raise NotImplementedError

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        """The kind's `normalize`, at the instant NOW."""
        raise NotImplementedError

    def saying(self, text: str, number: int = 1) -> bytes:
        """A payload in which a customer says this; another number is another message."""
        raise NotImplementedError

    # -- payloads and their twins --------------------------------------------------------------------------------------

    @staticmethod
    def payloads(folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.endswith(TWIN))

    def told(self, raw: bytes) -> object:
        try:
            return events.told(self.read(raw))
        except MalformedPayload as error:
            return events.fault(error)

    def test_each_payload_becomes_what_its_twin_says(self, subtests: pytest.Subtests) -> None:
        for path in self.payloads(self.folder):
            with subtests.test(payload=path.name):
                twin = path.with_name(path.name + TWIN)
                assert self.told(path.read_bytes()) == json.loads(twin.read_text("utf-8"))

    def test_the_folder_holds_payloads_and_no_orphaned_twins(self) -> None:
        found = {path.name for path in self.payloads(self.folder)}
        twins = {path.name.removesuffix(TWIN) for path in self.folder.glob(f"*{TWIN}")}
        assert len(found) >= 5
        assert found == twins

    def test_reading_the_same_bytes_twice_gives_the_same_events(self) -> None:
        for path in self.payloads(self.folder):
            raw = path.read_bytes()
            assert self.told(raw) == self.told(raw)

    # -- hostile bytes and every script --------------------------------------------------------------------------------

    def test_hostile_bytes_are_refused_or_read_but_never_break_anything(self) -> None:
        for raw in HOSTILE:
            self.told(raw)

    def test_damaged_payloads_are_refused_or_read_but_never_break_anything(self) -> None:
        for path in self.payloads(self.folder):
            for raw in accidents(path.read_bytes(), count=60):
                self.told(raw)

    def test_no_edit_comes_without_words(self, subtests: pytest.Subtests) -> None:
        """It would wipe the words of its message: whatever an edit lacks, it has words or is no edit."""
        for path in self.payloads(self.folder):
            raw = path.read_bytes()
            if not self._edits(raw):
                continue
            with subtests.test(payload=path.name):
                assert all(has_words(edit.text) for changed in emptied(raw) for edit in self._edits(changed))

    def _edits(self, raw: bytes) -> list[MessageEdited]:
        with suppress(MalformedPayload):
            return [event for event in self.read(raw) if isinstance(event, MessageEdited)]
        return []

    @pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
    def test_texts_of_any_script_and_size_arrive_as_they_were_written(self, text: str) -> None:
        fits = len(text) <= self.longest_text
        if fits:
            (event,) = self.read(self.saying(text))
            assert isinstance(event, MessageReceived)
            assert event.text == text
        else:
            with pytest.raises(InboundError):
                self.read(self.saying(text))

    longest_text: ClassVar[int] = 1_000_000

    def test_poisonous_characters_never_arrive(self) -> None:
        (event,) = self.read(self.saying("a\x00b\ud800c"))
        assert isinstance(event, MessageReceived)
        assert event.text == "a\ufffdb\ufffdc"

    def test_what_was_read_is_named_uniquely_and_in_time_zones(self) -> None:
        first, again, other = (self.read(self.saying("hello", number))[0] for number in (1, 1, 2))
        assert first.external_id == again.external_id != other.external_id
        assert first.channel == "account"
        assert first.received_at.tzinfo is not None

    # -- the life of an account ----------------------------------------------------------------------------------------

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW))

    async def test_stopping_is_harmless_before_the_start_and_twice(self) -> None:
        channel = self.build(self.bench().tools())
        await channel.stop()
        await channel.start()
        await channel.stop()
        await channel.stop()

    async def test_a_cancelled_account_leaves_nothing_open(self) -> None:
        channel = self.build(self.bench().tools())
        before = asyncio.all_tasks()
        await channel.start()
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(channel.listen(FakeInbox()))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not listening.done()
            listening.cancel()
        await channel.stop()
        assert asyncio.all_tasks() == before

    def test_the_account_says_its_name_and_what_it_can_do(self) -> None:
        channel = self.build(self.bench().tools())
        assert channel.name == "account"
        assert not channel.can.attachments or channel.can.attachment_bytes > 0
        assert channel.can.length is None or channel.can.length > 0

    def test_no_secret_is_seen_in_any_representation(self) -> None:
        channel = self.build(self.bench().tools())
        shown = repr(channel) + str(channel) + repr(getattr(channel, "settings", ""))
        assert not [secret for secret in self.secrets if secret in shown]


class WebhookContract(ChannelContract):
    """In addition, where the provider calls us."""

    def request(self, raw: bytes, *, at: datetime = NOW) -> Request:
        """A request as the provider would sign it."""
        raise NotImplementedError

    def webhook(self) -> WebhookChannel:
        return cast("WebhookChannel", self.build(self.bench().tools()))

    def test_a_rightly_signed_request_is_let_in(self) -> None:
        self.webhook().verify(self.request(self.saying("hello")))

    signs_body: ClassVar[bool] = True  # False where the provider only shows a secret

    def test_a_changed_body_is_rejected(self) -> None:
        if not self.signs_body:
            pytest.skip("this provider signs no bodies")
        request = self.request(self.saying("hello"))
        for changed in (request.body + b" ", request.body[:-1], request.body.replace(b"hello", b"hullo"), b""):
            with pytest.raises(SignatureRejected):
                self.webhook().verify(replace(request, body=changed))

    def test_missing_or_changed_headers_are_rejected(self) -> None:
        """One of the values is a byte that is no UTF-8, as the web server hands it on: whoever encodes it strictly answers 500."""
        request = self.request(self.saying("hello"))
        for name in self.signed_headers:
            for value in (None, "", "x", "0", "\udcff", request.headers[name][:-1] + "é", request.headers[name] * 50):
                headers = {key: text for key, text in request.headers.items() if key != name}
                given: Mapping[str, str] = headers if value is None else {**headers, name: value}
                with pytest.raises(SignatureRejected):
                    self.webhook().verify(replace(request, headers=given))

    signed_headers: ClassVar[tuple[str, ...]] = ()

    async def test_nothing_is_acknowledged_when_the_store_fails(self) -> None:
        for failure in (StoreUnavailable("gone"), Overloaded("full")):
            inbox = FakeInbox()
            inbox.failure = failure
            with pytest.raises(type(failure)):
                await deliver(self.webhook(), inbox, self.request(self.saying("hello")))

    async def test_a_repeated_request_is_answered_alike(self) -> None:
        channel, inbox, request = self.webhook(), FakeInbox(), self.request(self.saying("hello"))
        first = await deliver(channel, inbox, request)
        second = await deliver(channel, inbox, request)
        assert (first.status, second.status) == (200, 200)

    async def test_every_payload_that_can_be_read_is_answered(self) -> None:
        channel = self.webhook()
        for path in self.payloads(self.folder):
            request = self.request(path.read_bytes())
            with suppress(MalformedPayload):
                reply = await deliver(channel, FakeInbox(), request)
                assert reply.status < 500

    def test_no_secret_is_seen_in_a_rejection(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        request = self.request(self.saying("hello"))
        with pytest.raises(SignatureRejected) as caught:
            self.webhook().verify(replace(request, body=b"other", headers={}))
        shown = str(caught.value) + caplog.text
        assert not [secret for secret in self.secrets if secret in shown]


class HttpSendContract:
    """In addition, where replies leave over HTTP: a provider over loopback plays every answer."""

    secrets: ClassVar[tuple[str, ...]] = ()

    def build_sending(self, tools: Tools, url: str) -> Channel:
        """An account that sends to this URL."""
        raise NotImplementedError

    def answering(self) -> OutboundMessage:
        """What is sent: within the window for answers, where the medium has one."""
        return outbound()

    answers: ClassVar[tuple[tuple[int, Mapping[str, str], type[ChannelError]], ...]] = (
        (429, {"Retry-After": "7"}, RateLimited),
        (429, {}, RateLimited),
        (503, {"Retry-After": "7"}, RateLimited),
        (500, {}, TransientFailure),
        (502, {}, TransientFailure),
        (503, {}, TransientFailure),
        (302, {"Location": "http://127.0.0.1:1/"}, TransientFailure),
        (400, {}, PermanentFailure),
    )

    taken: ClassVar[bytes] = b"{}"  # what the provider answers when it took a message

    async def test_a_reply_leaves_once_and_gives_a_receipt(self) -> None:
        clock = FakeClock(NOW)
        async with provider() as playing, OutgoingHttp(clock) as http:
            playing.body = self.taken
            channel = self.build_sending(Bench(clock=clock, http=http).tools(), playing.url)
            receipt = await channel.send(self.answering())
            assert receipt.external_ids
            assert len(playing.seen) == 1

    async def test_every_answer_becomes_its_error(self, subtests: pytest.Subtests) -> None:
        clock = FakeClock(NOW)
        async with provider() as playing, OutgoingHttp(clock) as http:
            channel = self.build_sending(Bench(clock=clock, http=http).tools(), playing.url)
            for status, headers, wanted in self.answers:
                with subtests.test(status=status, headers=headers):
                    playing.status, playing.headers = status, dict(headers)
                    clock.advance(timedelta(minutes=1))  # the pace of the chat is not what is asked here
                    with pytest.raises(wanted) as caught:
                        await channel.send(self.answering())
                    self._check(caught.value, headers)

    def _check(self, error: ChannelError, headers: Mapping[str, str]) -> None:
        assert not [secret for secret in self.secrets if secret in str(error)]
        if isinstance(error, RateLimited) and "Retry-After" in headers:
            assert error.retry_after == timedelta(seconds=7)
        if isinstance(error, PermanentFailure):
            assert error.code

    async def test_silence_after_the_request_is_unknown_and_no_failure(self) -> None:
        clock = FakeClock(NOW)
        async with provider() as playing, OutgoingHttp(clock) as http:
            playing.silent = True
            channel = self.build_sending(Bench(clock=clock, http=http).tools(), playing.url)
            with pytest.raises(Unknown):
                await channel.send(self.answering())
            assert len(playing.seen) == 1

    async def test_a_provider_that_is_not_there_is_a_transient_failure(self) -> None:
        clock = FakeClock(NOW)
        async with OutgoingHttp(clock) as http:
            channel = self.build_sending(Bench(clock=clock, http=http).tools(), "http://127.0.0.1:9/")
            with pytest.raises(TransientFailure):
                await channel.send(self.answering())


def malformed(found: Sequence[InboundEvent]) -> list[str]:
    """The codes of the items that were put aside."""
    return [event.code for event in found if isinstance(event, Malformed)]
