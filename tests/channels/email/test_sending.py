"""Every step of SMTP x every fault, through the outbox of a real store: what agents see, what happens next, and one Message-ID."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from itertools import pairwise

import pytest

from channels.email import create
from channels.email.account import EmailAccount
from channels.email.credentials import Password
from channels.email.smtp import Mailer, Patience
from conversation.id_generator import new_id
from conversation.model.conversation import Conversation
from conversation.model.message import Message, Status
from conversation.model.outbound import OutboxRow, OutboxState
from conversation.model.people import Identity
from router.flows.delivery.sender import Dispatcher
from router.policy import auto_reply as automatic
from router.policy.delivery_result import MISCONFIGURED_PAUSE, SECOND_TRY
from storage.store import Store, open_storage
from tests.channels.email.scripted import DROP, HANG, ScriptedSmtp, scripted_smtp
from tests.channels.email.test_account import SETTINGS
from tests.channels.email.test_smtp import patience_with
from tests.contracts.tools import Bench, FakeSignals
from tests.fakes import FakeClock
from tests.mailservers import PASSWORD
from tests.router.flows.stage import FakeWebhooks
from tests.storage.makers import conversation, message, put

STEPS = ("banner", "ehlo", "auth", "mail", "rcpt", "data", "dot")
FAULTS = {"4xx": "450 4.3.2 not now", "5xx": "550 5.7.1 no", "421": "421 4.3.2 closing", "hang": HANG, "drop": DROP}
LATER = (OutboxState.QUEUED, Status.SENDING)
FAILED = (OutboxState.FAILED, Status.FAILED)
DOUBTED = (OutboxState.QUEUED, Status.UNCERTAIN)


def wanted(step: str, fault: str) -> tuple[OutboxState, Status]:
    if fault == "5xx":
        return FAILED  # at whichever step: who wrote it learns the reason at once
    return DOUBTED if step == "dot" and fault in ("hang", "drop") else LATER


@dataclass(slots=True)
class Sending:
    """An account whose server does as it is told, and the outbox that it is fed from."""

    store: Store
    clock: FakeClock
    account: EmailAccount
    mailer: Mailer
    server: ScriptedSmtp
    dispatcher: Dispatcher

    async def write(self) -> str:
        where = conversation(channel="mail")
        to = Identity(channel="mail", address="anna@example.org", id="i", customer="c")
        draft = message(where, channel="mail", identity="i")
        await put(self.store, where)
        async with self.store.begin("test") as work:
            said, _ = await work.messages.add(draft, body_hash="h", feed=False)
            await work.outbox.add(_row(said, where, to, self.clock), at=self.clock.now())
        return draft.id

    async def due(self) -> datetime | None:
        async with self.store.read("test") as work:
            return await work.outbox.next_due(["mail"])

    async def stands(self, identifier: str) -> tuple[OutboxState, Status, str]:
        async with self.store.read("test") as work:
            found = (await work.messages.find([identifier]))[identifier]
            unsettled = {state for state, count in (await work.outbox.counts()).items() if count}
        settled = "failed" if found.status is Status.FAILED else "sent"
        return OutboxState((unsettled or {settled}).pop()), found.status, found.error or ""


def _row(said: Message, where: Conversation, to: Identity, clock: FakeClock) -> OutboxRow:
    return automatic.row_for(said, where, to, identifier=new_id(), now=clock.now())


def ids(server: ScriptedSmtp) -> set[str]:
    return {str(message_from_bytes(body)["Message-ID"]) for body in server.offered}


@pytest.fixture
async def sending(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Sending]:
    signals = FakeSignals()
    async with (
        open_storage(sqlite_url, clock=clock, signals=signals, durable=False) as store,
        scripted_smtp() as server,
    ):
        given = {**SETTINGS, "smtp": f"smtp+plain://u@127.0.0.1:{server.port}"}
        account = create("mail", given, Bench(clock=clock).tools())
        where = account.settings.smtp_server
        assert where is not None
        account._mailer = Mailer(where, "help@wallet.example", Password(PASSWORD), account.settings.tls(), clock)
        dispatcher = Dispatcher(
            store, lambda: {"mail": account}, FakeWebhooks(), signals, clock, draw=lambda: 0.5, at_once=1
        )
        yield Sending(store, clock, account, account._mailer, server, dispatcher)
        await account.stop()


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_leaves_the_mail_where_it_belongs_and_its_id_never_changes(
    sending: Sending, fault: str
) -> None:
    for step in STEPS:
        sending.server.script = {step: FAULTS[fault]}
        sending.mailer._patience = patience_with(step, FAULTS[fault])
        sending.server.offered.clear()
        await sending.account.stop()  # no connection is left over: each step is gone through
        identifier = await sending.write()
        await sending.dispatcher.once()
        state, status, words = await sending.stands(identifier)
        assert (state, status) == wanted(step, fault), (step, words)
        assert words, step
        if (state, status) == FAILED:
            assert "550 5.7.1 no" in words  # the reason, at once
        else:
            await recovers(sending, identifier, step)
        assert len(ids(sending.server)) <= 1, step


async def recovers(sending: Sending, identifier: str, step: str) -> None:
    """The server is well again: the mail leaves at the next try, which is not before its time."""
    sending.server.script = {}
    sending.mailer._patience = Patience()
    doubted = (await sending.stands(identifier))[1] is Status.UNCERTAIN
    assert await sending.dispatcher.once() == 0, step
    sending.clock.advance(max(SECOND_TRY if doubted else MISCONFIGURED_PAUSE, timedelta(minutes=2)))
    assert await sending.dispatcher.once() == 1, step
    assert (await sending.stands(identifier))[:2] == (OutboxState.SENT, Status.SENT), step
    (identity,) = ids(sending.server)
    assert identity.startswith("<hg."), step


async def test_a_mail_whose_sender_died_midway_has_its_second_try_and_no_third(sending: Sending) -> None:
    identifier = await sending.write()
    for wanted_ in (DOUBTED, (OutboxState.UNCERTAIN, Status.UNCERTAIN)):
        async with sending.store.begin("test") as work:  # claimed by a node that is heard of no more
            lease, now = timedelta(seconds=60), sending.clock.now()
            assert await work.outbox.claim("dead", targets=["mail"], limit=1, now=now, lease=lease)
        sending.clock.advance(timedelta(seconds=61))
        assert await sending.dispatcher.once() == 0
        assert (await sending.stands(identifier))[:2] == wanted_
        sending.clock.advance(SECOND_TRY)
    assert await sending.dispatcher.once() == 0


async def test_the_second_try_of_a_mail_whose_sender_died_leaves_under_its_id(sending: Sending) -> None:
    identifier = await sending.write()
    async with sending.store.begin("test") as work:
        await work.outbox.claim("dead", targets=["mail"], limit=1, now=sending.clock.now(), lease=timedelta(seconds=60))
    sending.clock.advance(timedelta(seconds=61))
    assert await sending.dispatcher.once() == 0
    sending.clock.advance(SECOND_TRY)
    assert await sending.dispatcher.once() == 1
    assert (await sending.stands(identifier))[:2] == (OutboxState.SENT, Status.SENT)


async def test_what_waits_for_a_channel_that_is_gone_fails_at_its_deadline_and_says_so(sending: Sending) -> None:
    identifier = await sending.write()
    signals = FakeSignals()
    bereft = Dispatcher(sending.store, dict, FakeWebhooks(), signals, sending.clock)
    sending.clock.advance(timedelta(days=2))
    await bereft.once()
    assert (await sending.stands(identifier))[0] is OutboxState.QUEUED
    sending.clock.advance(timedelta(days=1, minutes=3))
    await bereft.once()
    state, status, words = await sending.stands(identifier)
    assert ((state, status), words.partition(":")[0]) == (FAILED, "no_channel")


@pytest.mark.parametrize("fault", [HANG, DROP])
async def test_what_is_doubted_twice_waits_for_a_person_and_keeps_its_id(sending: Sending, fault: str) -> None:
    sending.server.script = {"dot": fault}
    sending.mailer._patience = patience_with("dot", fault)
    identifier = await sending.write()
    await sending.dispatcher.once()
    sending.clock.advance(SECOND_TRY)
    await sending.dispatcher.once()
    assert (await sending.stands(identifier))[:2] == (OutboxState.UNCERTAIN, Status.UNCERTAIN)
    sending.clock.advance(timedelta(days=1))
    assert await sending.dispatcher.once() == 0
    async with sending.store.begin("test") as work:
        assert await work.outbox.resolve(identifier, OutboxState.QUEUED, now=sending.clock.now())
    sending.server.script = {}
    sending.mailer._patience = Patience()
    assert await sending.dispatcher.once() == 1
    assert (len(sending.server.offered), len(ids(sending.server))) == (3, 1)


async def test_a_server_that_is_away_for_days_is_tried_with_growing_pauses_and_then_given_up(sending: Sending) -> None:
    sending.server.script = {"mail": "451 4.3.0 try later"}
    identifier = await sending.write()
    began, tries = sending.clock.now(), [sending.clock.now()]
    await sending.dispatcher.once()
    while (due := await sending.due()) is not None:
        # after the first hour only the last one is looked at
        skipped = timedelta(days=2, hours=22, minutes=40) if len(tries) == 16 else timedelta(0)
        sending.clock.advance(due + skipped - sending.clock.now())
        assert await sending.dispatcher.once() == 1
        tries.append(due)
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[:6] == sorted(pauses[:6])
    assert timedelta(minutes=1) < pauses[14] <= timedelta(minutes=15)
    assert timedelta(days=2, hours=23) < tries[-1] - began <= timedelta(days=3)
    state, status, words = await sending.stands(identifier)
    assert ((state, status), words[:9], "451 4.3.0" in words) == (FAILED, "gave up: ", True)
