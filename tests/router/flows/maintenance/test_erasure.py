"""A customer is forgotten, on both databases: no word of theirs is left in any table, and what others rely on still holds."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from conversation.errors import CallbackRefused, Conflict, NotFound
from conversation.id_generator import new_id
from conversation.model.callback import CallbackStatus, CallOutcome, CallState, SlotQuery
from conversation.model.conversation import State
from conversation.model.message import Attachment, Malformed, MessageEdited, MessageReacted, Status
from conversation.model.people import Identity
from conversation.model.verification_code import CodeSent
from conversation.ports.storage import Work
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.visitor_sessions import StoredSession
from router.flows.maintenance.erasure import Eraser
from storage.messages.blobs import FolderBlobs
from storage.schema import metadata
from storage.schema.callbacks import do_not_call
from storage.schema.events import audit
from storage.schema.messages import fetches
from storage.store import Store
from tests.router.flows.callbacks.test_callbacks import PARIS, asked, monday
from tests.router.flows.callbacks.test_verification_codes import BY_TEXT, door
from tests.router.flows.stage import Stage, received

__all__ = ["monday"]

NUMBER = "+33142685300"
SECRETS = ("anna.private", "Anna Dupont", NUMBER, "the blue wallet", "passport.png", "anna@mail.example")


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "files")


@pytest.fixture
def eraser(stage: Stage, blobs: FolderBlobs) -> Eraser:
    return Eraser(stage.storage, blobs, stage.clock)


WISH = SlotQuery(channel="phone", zones=PARIS, language="en", issue="fees")


async def _all(work: Work, customer: str) -> list[str]:
    return list(await work.erasure.lock(customer))


def _whole(c: Connection) -> dict[str, str]:
    return {
        table.name: "\n".join(str(tuple(row)) for row in c.execute(select(table))) for table in metadata.sorted_tables
    }


async def left(store: Store, *words: str) -> list[tuple[str, str]]:
    """Every table in which one of these words stands."""
    async with store.read("test") as work:
        tables = await work._run(_whole)
    return [(name, word) for name, text in tables.items() for word in words if word in text]


async def someone(stage: Stage, blobs: FolderBlobs, address: str = "anna.private", number: str = NUMBER) -> str:
    """Wrote, edited, reacted, sent a file, was answered, could not be read once, asked for a call, has a session. Their customer."""
    her = Identity(channel="site", address=address, name="Anna Dupont", email="anna@mail.example")
    first = received("I lost the blue wallet", address=address, external_id=f"first of {number[-2:]}", issue="topup")
    beside: dict[str, Any] = {"channel": "site", "received_at": stage.clock.now()}
    async with stage.intake() as inbox:
        accepted = (await inbox.accept([replace(first, sender=her)]))[0]
        again = MessageEdited(external_id=first.external_id, text="I lost the blue wallet!", sender=her, **beside)
        early = MessageReacted(external_id="not here yet", sender=her, emoji="+", **beside)
        unread = Malformed(
            external_id=new_id(), reason=f"from {address}", raw=f"<{address}> the blue wallet".encode(), **beside
        )
        await inbox.accept([again, early, unread])
    conversation = await stage.conversation(accepted.conversation)
    agent = await stage.agent(new_id())
    await stage.actions.take(agent, conversation.id)
    await stage.replies.send(agent, conversation.id, client_id=new_id(), text="she holds the blue wallet", note=True)
    await stage.replies.send(agent, conversation.id, client_id=new_id(), text="Dear Anna Dupont")
    await _belongings(stage, blobs, conversation.identity or "", conversation.id, sub=address)
    async with door(stage, **BY_TEXT) as calls:
        await calls.booking.request(asked(token=conversation.id, note="the blue wallet", number=number))
        await calls.ask(asked(issue="unauthorised", number=number))
    return conversation.customer


async def _belongings(stage: Stage, blobs: FolderBlobs, identity: str, conversation: str, *, sub: str) -> None:
    now = stage.clock.now()
    key, digest, size = await blobs.put_whole(b"the blue wallet")
    file = Attachment(id=new_id(), name="passport.png", type="image/png", size=size, sha256=digest)
    session = StoredSession(
        id=new_id(),
        channel="site",
        identity=identity,
        language=None,
        claims={"sub": sub},
        until=now + timedelta(days=1),
    )
    async with stage.storage.begin("test") as work:
        await work.attachments.add(StoredAttachment(attachment=file, key=key, owner=identity, created_at=now))
        await work.attachments.bind([file.id], conversation=conversation, owner=None)
        await work.sessions.add(session, digest=new_id(), now=now)
        (said,) = await work.messages.page(conversation, after=0, limit=1)
        waiting = {"message_id": said.id, "channel": "site", "url": "provider:the blue wallet", "name": "passport.png"}
        await work._run(
            lambda c: c.execute(insert(fetches).values(id=new_id(), type="x", created_at=now, attempts=0, **waiting))
        )


async def test_no_word_is_left_in_any_table_or_file_and_nobody_else_loses_one(
    stage: Stage, blobs: FolderBlobs, eraser: Eraser, tmp_path: Path
) -> None:
    anna = await someone(stage, blobs)
    berta = await someone(stage, blobs, "berta.public", "+33491123456")
    before = {name for name, _ in await left(stage.storage, *SECRETS)}
    assert {"messages", "identities", "outbox", "quarantine", "callbacks", "call_codes"} <= before
    berta_has = await left(stage.storage, "berta.public")

    erased = await eraser.erase(anna, actor="tests")

    assert await left(stage.storage, "anna.private") == []
    assert await left(stage.storage, "berta.public") == berta_has
    assert (erased.rows["messages"], erased.rows["attachments"], erased.rows["identities"]) == (4, 1, 2)
    async with stage.storage.read("test") as work:
        told = await work._run(lambda c: c.execute(select(audit.c.action, audit.c.subject)).all())
    assert told == [("customer.erase", anna)]
    assert len([file for file in (tmp_path / "files").rglob("*") if file.is_file()]) == 1

    await eraser.erase(berta, actor="tests")
    assert await left(stage.storage, *SECRETS) == []
    assert [file for file in (tmp_path / "files").rglob("*") if file.is_file()] == []


async def test_a_message_that_is_told_again_stays_a_repeat_and_a_new_one_is_a_strangers(
    stage: Stage, blobs: FolderBlobs, eraser: Eraser
) -> None:
    anna = await someone(stage, blobs)
    await eraser.erase(anna, actor="tests")
    again = await stage.write("I lost the blue wallet", address="anna.private", external_id=f"first of {NUMBER[-2:]}")
    assert again.duplicate
    new = await stage.write("hello", address="anna.private")
    assert (await stage.conversation(new.conversation)).customer != anna
    await eraser.erase(anna, actor="tests")  # again is harmless
    assert len(await stage.messages(new.conversation)) == 1


async def test_what_is_open_is_laid_down_as_an_agent_would(stage: Stage, blobs: FolderBlobs, eraser: Eraser) -> None:
    anna = await someone(stage, blobs)
    agent = await stage.agent(capacity=1)
    async with door(stage, code=None) as calls:
        (slot,) = await calls.booking.slots(WISH, limit=1)
        booked = await calls.booking.request(asked(number=NUMBER, issue="fees", slot=slot.start))
        customer = (await stage.conversation(booked.callback.conversation)).customer
        await eraser.erase(customer, actor="tests")
        assert slot in await calls.booking.slots(WISH, limit=1)  # its place is free again
        assert (await calls.booking.status(booked.callback.id)).callback.state is CallState.CANCELLED
    await eraser.erase(anna, actor="tests")
    async with stage.storage.begin("test") as work:
        states = {one.state for one in (await work.conversations.find([*await _all(work, anna)])).values()}
        loads = await work.agents.loads()
    assert states == {State.CLOSED}
    assert all(held == 0 for held, _ in loads.values())
    assert await stage.outbox() == {}
    assert agent.id


async def test_what_had_not_left_is_not_sent_after_all(stage: Stage, blobs: FolderBlobs, eraser: Eraser) -> None:
    anna = await someone(stage, blobs)
    await eraser.erase(anna, actor="tests")
    while await stage.dispatcher.once():
        pass
    assert [one.text for one in stage.channels["site"].sent] == []
    assert stage.channels["text"].sent == []
    async with stage.storage.begin("test") as work:
        (conversation, *_) = await _all(work, anna)
        said = await work.messages.page(conversation, after=0, limit=10)
    assert {one.status for one in said} <= {Status.RECEIVED, Status.FAILED, Status.SENT}


async def test_nobody_is_erased_in_the_middle_of_a_call(stage: Stage, blobs: FolderBlobs, eraser: Eraser) -> None:
    anna = await someone(stage, blobs)
    agent = await stage.agent()
    async with stage.storage.begin("test") as work:
        (conversation, *_) = await _all(work, anna)
        found = await work.callbacks.of_conversation(conversation)
    assert found is not None
    holder = (await stage.conversation(conversation)).owner
    async with stage.storage.read("test") as work:
        owner = next(one for one in await work.agents.all() if one.id == (holder or agent.id))
    await stage.calls.dial(owner, conversation)
    with pytest.raises(Conflict, match="being called"):
        await eraser.erase(anna, actor="tests")
    assert await left(stage.storage, "anna.private") != []
    await stage.calls.outcome(owner, conversation, CallOutcome.DONE)
    await eraser.erase(anna, actor="tests")
    assert await left(stage.storage, "anna.private") == []


async def test_what_still_waits_for_its_code_is_forgotten_and_nothing_comes_of_the_code(
    stage: Stage, eraser: Eraser
) -> None:
    """Asked for by the link of a conversation, for a number that is known from nowhere else."""
    chat = await stage.write("hello", address="anna")
    customer = (await stage.conversation(chat.conversation)).customer
    hers: dict[str, Any] = {"sender": Identity(channel="phone", address=NUMBER, name="Anna Dupont"), "number": NUMBER}
    async with door(stage, **BY_TEXT) as calls:
        sent = await calls.ask(asked(token=chat.conversation, note="the blue wallet", **hers))
        other = await calls.ask(asked(number="+33491123456", note="mine"))
        assert isinstance(sent, CodeSent)
        assert isinstance(other, CodeSent)
        assert {"call_codes", "outbox"} <= {name for name, _ in await left(stage.storage, *SECRETS)}

        erased = await eraser.erase(customer, actor="tests")

        assert (erased.rows["call_codes"], erased.rows["outbox"]) == (1, 1)
        assert await left(stage.storage, *SECRETS) == []
        with pytest.raises(CallbackRefused, match="code_over"):
            await calls.confirm(sent.request, "000000")
        assert (await stage.conversation(chat.conversation)).state is State.CLOSED
        assert isinstance(
            await calls.confirm(other.request, "000001"), CallbackStatus
        )  # who is not erased loses nothing


async def test_that_a_number_is_never_called_is_remembered(stage: Stage, blobs: FolderBlobs, eraser: Eraser) -> None:
    anna = await someone(stage, blobs)
    async with stage.storage.begin("test") as work:
        await work.callbacks.block(NUMBER, reason="asked", now=stage.clock.now())
    await eraser.erase(anna, actor="tests")
    async with stage.storage.read("test") as work:
        numbers = await work._run(lambda c: c.execute(select(do_not_call.c.number)).scalars().all())
    assert numbers == [NUMBER]
    with pytest.raises(NotFound):
        await eraser.erase("nobody", actor="tests")
