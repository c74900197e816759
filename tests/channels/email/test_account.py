"""The account: every promise that all kinds keep, what a letter becomes, and which answers may leave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.email import create
from channels.email.account import EmailAccount
from channels.email.arrivals import Account, arrival, external_id
from channels.email.auto_reply_limit import AutoReplyLimit
from channels.email.normalize import letter
from channels.email.settings import Settings
from channels.email.thread_ids import Threads
from conversation.errors import ChannelMisconfigured, PermanentFailure
from conversation.model.message import Attachment, DeliveryReported, InboundEvent, Malformed, MessageReceived, Status
from conversation.model.outbound import Effect, OutboundMessage, OutboxRow, OutboxState
from conversation.model.people import Identity
from conversation.ports.channel import Tools
from router.policy.delivery_result import of_error
from tests.channels.email.scripted import scripted_imap, scripted_smtp
from tests.contracts.channel import NOW, ChannelContract, outbound
from tests.contracts.tools import Bench, FakeFiles, FakeState
from tests.fakes import FakeClock, FakeInbox
from tests.mailservers import PASSWORD, post_office

KEY = "a signing key of the tests"
SETTINGS: dict[str, Any] = {
    "address": "help@wallet.example",
    "imap": "imap+plain://mailbox@127.0.0.1:1",
    "smtp": "smtp+plain://127.0.0.1:1",
    "password": PASSWORD,
    "signing_key": KEY,
}
THREADS = Threads(Settings.model_validate(SETTINGS).key(), "help@wallet.example")
ACCOUNT = Account(channel="account", threads=THREADS, trusted=frozenset({"mx.wallet.example"}))
MESSAGE = "0198c0de-0000-7000-8000-000000000001"
CONVERSATION = "0198c0de-0000-7000-8000-00000000000c"


def read(raw: bytes) -> Sequence[InboundEvent]:
    return arrival(letter(raw), raw, ACCOUNT, received_at=NOW).events


def received(raw: bytes) -> MessageReceived:
    (event,) = read(raw)
    assert isinstance(event, MessageReceived)
    return event


def written(body: str = "hello", **fields: str) -> bytes:
    given = {"From": "Anna <anna@example.org>", "Subject": "hi", "Message-ID": "<a@example.org>"}
    given |= {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()


@asynccontextmanager
async def servers() -> AsyncIterator[dict[str, Any]]:
    """Settings that lead to servers which answer."""
    async with scripted_imap() as imap, scripted_smtp() as smtp:
        yield {
            **SETTINGS,
            "imap": f"imap+plain://mailbox@127.0.0.1:{imap.port}",
            "smtp": f"smtp+plain://127.0.0.1:{smtp.port}",
        }


class TestEmail(ChannelContract):
    folder = Path(__file__).parent / "payloads"
    secrets = (PASSWORD, KEY)
    longest_text = 900_000

    def build(self, tools: Tools) -> EmailAccount:
        return create("account", SETTINGS, tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return read(raw)

    def saying(self, text: str, number: int = 1) -> bytes:
        return written(text, Message_ID=f"<{number}@example.org>", Subject="")

    def test_poisonous_characters_never_arrive(self) -> None:
        for raw in (self.saying("a\x00b"), self.saying("ab").replace(b"ab\r\n", b"a\x00b\xed\xa0\x80c\r\n")):
            text = received(raw).text
            assert text.startswith("a")
            assert not [letter for letter in text if letter == "\x00" or "\ud800" <= letter <= "\udfff"]

    async def test_stopping_is_harmless_before_the_start_and_twice(self) -> None:
        async with servers() as given:
            channel = create("account", given, self.bench().tools())
            await channel.stop()
            await channel.start()
            await channel.stop()
            await channel.stop()

    async def test_a_cancelled_account_leaves_nothing_open(self) -> None:
        async with servers() as given:
            channel = create("account", given, self.bench().tools())
            await channel.start()
            mine = asyncio.current_task()
            listening = asyncio.ensure_future(channel.listen(FakeInbox()))
            await asyncio.sleep(0.1)
            assert not listening.done()
            listening.cancel()
            await asyncio.wait({listening})
            await channel.stop()
            left = [task for task in asyncio.all_tasks() if task is not mine and "one" not in str(task.get_coro())]
            assert left == []


# -- what a letter becomes ---------------------------------------------------------------------------------------------


def test_the_answer_of_who_was_written_to_is_proven_and_of_another_only_claimed() -> None:
    answered = THREADS.message_id(MESSAGE, CONVERSATION, "anna@example.org")
    mine = received(written(In_Reply_To=answered))
    assert (mine.token, mine.reply_to) == (CONVERSATION, None)
    forwarded = received(written(In_Reply_To=answered, From="bob@example.org"))
    assert (forwarded.token, forwarded.reply_to) == (None, CONVERSATION)


def test_a_forged_sender_is_nobodys_customer_and_proves_nothing() -> None:
    answered = THREADS.message_id(MESSAGE, CONVERSATION, "anna@example.org")
    forged = received(
        written(In_Reply_To=answered, Authentication_Results="mx.wallet.example; spf=fail; dkim=none; dmarc=fail")
    )
    assert forged.sender.address.startswith("unverified:")
    assert (forged.sender.email, forged.token, forged.reply_to) == (None, None, None)
    elsewhere = received(written(Authentication_Results="mx.stranger.example; dmarc=fail"))
    assert elsewhere.sender.address == "anna@example.org"


def test_the_same_mail_has_the_same_id_and_two_that_share_a_message_id_have_two() -> None:
    first = received(written("one"))
    assert first.external_id == received(b"Received: from here\r\n" + written("one")).external_id
    assert first.external_id != received(written("two")).external_id
    raw = b"From: anna@example.org\r\n\r\nhi"
    assert external_id(letter(raw), raw).startswith("#")


@pytest.mark.parametrize(
    ("status", "action", "wanted"),
    [("5.1.1", "failed", Status.FAILED), ("4.4.1", "delayed", Status.SENT), ("4.4.7", "failed", Status.FAILED)],
)
def test_a_bounce_of_ours_is_told_of_its_message(status: str, action: str, wanted: Status) -> None:
    original = THREADS.message_id(MESSAGE, CONVERSATION, "gone@example.org")
    raw = (Path(__file__).parent / "payloads" / "foreign-bounce.eml").read_bytes()
    raw = raw.replace(b"<somebody-elses@wallet.example>", original.encode())
    raw = raw.replace(b"5.1.1", status.encode()).replace(b"Action: failed", f"Action: {action}".encode())
    (report,) = read(raw)
    assert isinstance(report, DeliveryReported)
    assert (report.external_id, report.status) == (MESSAGE, wanted)
    assert (report.error is None) is (wanted is Status.SENT)


def test_what_is_told_of_our_mail_is_believed_of_mail_systems_and_of_whom_it_went_to() -> None:
    original = THREADS.message_id(MESSAGE, CONVERSATION, "gone@example.org")
    raw = (Path(__file__).parent / "payloads" / "foreign-bounce.eml").read_bytes()
    raw = raw.replace(b"<somebody-elses@wallet.example>", original.encode())
    personal = raw.replace(b"Return-Path: <>\r\n", b"").replace(b"MAILER-DAEMON@mx.example.org", b"max@example.org")
    (report,) = read(personal)
    assert isinstance(report, DeliveryReported)
    for other in (
        personal.replace(b"gone@example.org", b"eve@example.org"),
        personal.replace(b"To: help", b"Authentication-Results: mx.wallet.example; dmarc=fail\r\nTo: help"),
    ):
        (aside,) = read(other)
        assert isinstance(aside, Malformed)
        assert aside.code == "foreign_bounce"


def test_the_bytes_of_a_report_on_our_mail_are_kept() -> None:
    original = THREADS.message_id(MESSAGE, CONVERSATION, "gone@example.org")
    raw = (Path(__file__).parent / "payloads" / "foreign-bounce.eml").read_bytes()
    raw = raw.replace(b"<somebody-elses@wallet.example>", original.encode())
    assert [event.raw for event in read(raw) if isinstance(event, DeliveryReported)] == [raw]


def test_our_own_mail_coming_back_is_no_message() -> None:
    own = THREADS.message_id(MESSAGE, CONVERSATION, "anna@example.org")
    assert read(written(From="help@wallet.example", X_Huntgroup_Mailbox=own)) == ()
    assert read(written(From="Help <help+x@wallet.example>", Message_ID=own)) == ()


def test_who_only_writes_our_address_and_our_mark_is_heard() -> None:
    own = THREADS.message_id(MESSAGE, CONVERSATION, "anna@example.org")
    for mark in ("help@wallet.example", "yes", own.replace("hg.", "hg.a", 1)):
        assert len(read(written(From="help@wallet.example", X_Huntgroup_Mailbox=mark))) == 1
    assert len(read(written(X_Huntgroup_Mailbox=own))) == 1


# -- who wrote it ------------------------------------------------------------------------------------------------------

MX = "mx.wallet.example"


@pytest.mark.parametrize(
    ("results", "doubt"),
    [
        ("dmarc=pass header.from=example.org", None),
        ("dmarc=pass header.from=evil.example", "unproven"),
        ("spf=pass smtp.mailfrom=anna@example.org", None),
        ("spf=pass smtp.mailfrom=bounces.example.org; dkim=none", None),
        ("spf=pass smtp.mailfrom=mallory@evil.example; dkim=pass header.d=evil.example", "unproven"),
        ('spf=pass smtp.mailfrom="x@example.org; "@evil.example', "unproven"),
        ("spf=pass smtp.helo=example.org", "unproven"),
        ("dkim=pass header.d=notexample.org", "unproven"),
        ("dkim=pass header.d=org", "unproven"),
        ("dkim=pass header.i=@example.org header.d=example.org; spf=fail smtp.mailfrom=list.example", None),
        ("spf=none; dkim=none; dmarc=none", "unproven"),
        ("spf=fail smtp.mailfrom=example.org; dkim=fail header.d=example.org", "forged"),
        ("dmarc=fail header.from=example.org; spf=pass smtp.mailfrom=example.org", "forged"),
    ],
)
def test_a_sender_is_proven_by_what_passed_for_the_domain_in_from(results: str, doubt: str | None) -> None:
    assert received(written(Authentication_Results=f"{MX}; {results}")).doubt == doubt


def test_only_our_own_server_on_top_proves_anybody() -> None:
    passed = "dmarc=pass header.from=example.org"
    assert received(written(Authentication_Results=f"mx.stranger.example; {passed}")).doubt == "unproven"
    below = b"Authentication-Results: mx.stranger.example; spf=pass\r\n" + written(
        Authentication_Results=f"{MX}; {passed}"
    )
    assert received(below).doubt == "unproven"


def judged(raw: bytes, **changed: Any) -> MessageReceived:
    (event,) = arrival(letter(raw), raw, replace(ACCOUNT, **changed), received_at=NOW).events
    assert isinstance(event, MessageReceived)
    return event


def test_who_is_not_proven_stays_apart_unless_they_answer_what_was_sent_to_them() -> None:
    answered = THREADS.message_id(MESSAGE, CONVERSATION, "anna@example.org")
    assert judged(written(), apart=True).apart
    answer = judged(written(In_Reply_To=answered), apart=True)
    assert (answer.apart, answer.doubt, answer.token) == (False, None, CONVERSATION)
    proven = judged(written(Authentication_Results=f"{MX}; dmarc=pass header.from=example.org"), apart=True)
    assert (proven.apart, proven.doubt) == (False, None)
    joined = judged(written(), apart=False)
    assert (joined.apart, joined.doubt) == (False, "unproven")
    assert judged(written(), apart=False, believes=True).doubt is None


@pytest.mark.parametrize(
    ("given", "apart", "warned"),
    [
        ({}, False, True),
        ({"unproven": "apart"}, True, False),
        ({"trusted_servers": [MX]}, True, False),
        ({"trusted_servers": [MX], "unproven": "join"}, False, False),
        ({"believe_senders": True}, False, False),
    ],
)
def test_without_a_server_that_checks_senders_the_operator_is_warned(
    given: dict[str, Any], apart: bool, warned: bool
) -> None:
    found = kinds.settings_warnings({"kind": "email", **SETTINGS, **given})
    assert Settings.model_validate({**SETTINGS, **given}).apart is apart
    assert [one.path for one in found] == ([("trusted_servers",)] if warned else [])


def test_a_local_part_that_leaves_no_room_for_a_tag_is_told() -> None:
    long = {**SETTINGS, "plus_address": True, "trusted_servers": [MX]}
    for letters, warned in ((19, False), (20, True)):
        given = {"kind": "email", **long, "address": f"{'x' * letters}@wallet.example"}
        assert [one.path for one in kinds.settings_warnings(given)] == ([("plus_address",)] if warned else [])
        threads = Threads(b"k", str(given["address"]), tag=True)
        assert (threads.reply_address(CONVERSATION, "a@b.example") is None) is warned


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna@Example.ORG", "anna@example.org", True),
        ("anna@münchen.example", "anna@xn--mnchen-3ya.example", True),
        ("anna@MÜNCHEN.example", "anna@münchen.example", True),
        ("jo\u0308rg@example.org", "j\u00f6rg@example.org", True),
        ("\u212aarl@example.org", "karl@example.org", False),
        ("anna@\u212aarl.example", "anna@karl.example", True),
        ("\u0130da@example.org", "ida@example.org", False),
        ("anna@fa\u00df.example", "anna@fass.example", False),
        ("anna@\u0440\u0430\u0443.example", "anna@pay.example", False),
        ("an.na@example.org", "anna@example.org", False),
    ],
)
def test_one_person_is_one_identity_and_nobody_else_is(one: str, other: str, same: bool) -> None:
    found = [received(written(From=address)).sender.address for address in (one, other)]
    assert (found[0] == found[1]) is same
    token = THREADS.message_id(MESSAGE, CONVERSATION, one)
    assert (received(written(From=other, In_Reply_To=token)).token == CONVERSATION) is same


def test_quotes_are_taken_off_and_nothing_is_lost() -> None:
    raw = (Path(__file__).parent / "payloads" / "reply-with-quote.eml").read_bytes()
    found = arrival(letter(raw), raw, ACCOUNT, received_at=NOW)
    assert [(attachment.name, data) for attachment, data in found.files] == [("mail.eml", raw)]


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"imap": "imaps://u:secret@imap.example.com"}, "must not carry a password"),
        ({"imap": "imap://imap.example.com"}, "must begin with"),
        ({"imap": "imap+plain://imap.example.com"}, "without TLS"),
        ({"smtp": "smtp+plain://10.0.0.1"}, "without TLS"),
        ({"smtp": "smtps://"}, "scheme://host"),
        ({"address": "help"}, "not an e-mail address"),
        ({"name": "Help\r\nBcc: x@y.example"}, "control character"),
        ({"password": None}, "'password' or 'oauth' is missing"),
        ({"imap": None, "smtp": None}, "neither 'imap' nor 'smtp'"),
        ({"colour": "red"}, "unknown key"),
    ],
)
def test_faults_in_settings_are_told_in_words(changed: dict[str, Any], words: str) -> None:
    given = {key: value for key, value in (SETTINGS | changed).items() if value is not None}
    faults = [fault.message for fault in kinds.settings_faults("email", "mail", {"kind": "email", **given})]
    assert any(words in fault for fault in faults), faults
    assert not any("secret" in fault for fault in faults)


def test_answers_stay_known_when_the_password_changes_only_with_a_signing_key() -> None:
    keyed = [Settings.model_validate({**SETTINGS, "password": one}).key() for one in ("one", "two")]
    bare = {key: value for key, value in SETTINGS.items() if key != "signing_key"}
    unkeyed = [Settings.model_validate({**bare, "password": one}).key() for one in ("one", "two")]
    assert keyed[0] == keyed[1]
    assert unkeyed[0] != unkeyed[1]


def test_a_missing_authority_stops_the_account(tmp_path: Path) -> None:
    settings = Settings.model_validate({**SETTINGS, "ca": str(tmp_path / "none.pem")})
    with pytest.raises((OSError, ssl.SSLError)):
        settings.tls()


async def test_a_missing_authority_is_told(tmp_path: Path) -> None:
    given = {**SETTINGS, "smtp": "smtps://smtp.example.com", "ca": str(tmp_path / "none.pem")}
    with pytest.raises(ChannelMisconfigured, match="'ca'"):
        await create("account", given, Bench(clock=FakeClock(NOW)).tools()).start()


# -- what leaves -------------------------------------------------------------------------------------------------------


class Once(FakeState):
    """Leases as the store gives them."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        return 1 if self.held.setdefault(name, owner) == owner else None


def reply(**changed: Any) -> OutboundMessage:
    to = Identity(channel="account", address="anna@example.org", name="Anna", id="i1", customer="c1")
    return replace(outbound(), to=to, **changed)


async def test_automatic_answers_go_to_one_address_once_a_day() -> None:
    state = Once()
    async with post_office() as office:
        given = {**SETTINGS, "smtp": f"smtp+plain://127.0.0.1:{office.port}"}
        account = create("account", given, Bench(clock=FakeClock(NOW)).tools(state=state))
        first = reply(automatic=True)
        await account.send(first)
        await account.send(first)  # the same message again, as after a lost answer
        with pytest.raises(PermanentFailure):
            await account.send(replace(first, id="0198c0de-0000-7000-8000-000000000002"))
        await account.send(replace(reply(), id="0198c0de-0000-7000-8000-000000000003"))
        await account.stop()
    assert [(taken.sender, taken.mail["Auto-Submitted"]) for taken in office.taken] == [
        ("<>", "auto-replied"),
        ("<>", "auto-replied"),
        ("help@wallet.example", None),
    ]
    assert office.taken[0].mail["Message-ID"] == office.taken[1].mail["Message-ID"]


async def test_an_automatic_answer_that_is_kept_back_is_no_failure() -> None:
    async with post_office() as office:
        given = {**SETTINGS, "smtp": f"smtp+plain://127.0.0.1:{office.port}"}
        account = create("account", given, Bench(clock=FakeClock(NOW)).tools(state=Once()))
        await account.send(reply(automatic=True))
        tagged = reply(automatic=True, id="0198c0de-0000-7000-8000-000000000002")
        tagged = replace(tagged, to=replace(tagged.to, address="Anna+away@Example.org"))
        with pytest.raises(PermanentFailure) as caught:
            await account.send(tagged)
        await account.stop()
    assert (caught.value.code, len(office.taken)) == ("suppressed", 1)
    row = OutboxRow(id="r", effect=Effect.MESSAGE, target="account", created_at=NOW, message=tagged)
    outcome = of_error(caught.value, row, idempotent=False, now=NOW, draw=lambda: 0.5)
    assert (outcome.state, outcome.status) == (OutboxState.FAILED, Status.SUPPRESSED)
    assert outcome.error == "an automatic answer went to this address within the last day"


def test_a_domain_is_answered_by_machine_so_often_an_hour() -> None:
    clock = FakeClock(NOW)
    rounds = AutoReplyLimit(clock, most=3)
    assert [rounds.takes("x.example", str(number)) for number in range(5)] == [True] * 3 + [False] * 2
    assert rounds.takes("x.example", "0")  # another try
    assert rounds.takes("y.example", "9")
    clock.advance(timedelta(hours=1))
    assert rounds.takes("x.example", "5")


@pytest.mark.parametrize(
    ("fields", "quiet"),
    [
        ({"To": "Help <help@wallet.example>"}, False),
        ({"To": "help+hgx@wallet.example"}, False),
        ({"To": "x@y.example", "Cc": "HELP@wallet.example"}, False),
        ({"To": "sales@wallet.example", "X_Original_To": "sales@wallet.example"}, False),
        ({"To": "old@wallet.example"}, False),
        ({"To": "undisclosed-recipients:;", "Delivered_To": "help@wallet.example"}, True),
        ({"To": "list@elsewhere.example"}, True),
        ({}, True),
    ],
)
def test_who_does_not_write_to_us_by_name_is_not_answered_by_machine(fields: dict[str, str], quiet: bool) -> None:
    assert judged(written(**fields), aliases=("old@wallet.example",)).quiet is quiet


async def test_files_leave_with_the_answer_and_too_large_ones_do_not() -> None:
    files = FakeFiles()
    attachment = Attachment(id="f1", name="терминал.pdf", type="application/pdf", size=7)
    await files.keep([(attachment, b"%PDF-1.")])
    async with post_office() as office:
        given = {**SETTINGS, "smtp": f"smtp+plain://127.0.0.1:{office.port}", "attachment_bytes": 100}
        account = create("account", given, Bench(clock=FakeClock(NOW)).tools(files=files))
        await account.send(reply(attachments=(attachment,)))
        with pytest.raises(PermanentFailure) as caught:
            await account.send(reply(attachments=(replace(attachment, size=101),)))
        with pytest.raises(PermanentFailure):
            await account.send(reply(attachments=(replace(attachment, id="gone"),)))
        await account.stop()
    assert caught.value.code == "too_large"
    (taken,) = office.taken
    part = next(part for part in taken.mail.walk() if part.get_filename())
    assert part.get_payload(decode=True) == b"%PDF-1."


async def test_forged_and_unreadable_senders_are_not_answered() -> None:
    account = create("account", SETTINGS, Bench(clock=FakeClock(NOW)).tools())
    for address in ("unverified:anna@example.org", "unparsable:0011"):
        message = reply()
        with pytest.raises(PermanentFailure):
            await account.send(replace(message, to=replace(message.to, address=address)))
