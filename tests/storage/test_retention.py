"""What the house forgets, and what it does not."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, update

from conversation.errors import AttachmentGone, NotFound
from conversation.id_generator import new_id
from conversation.model.events import EventType, NewEvent
from conversation.model.message import Attachment, DeliveryReported, MessageRetracted, Status
from conversation.model.outbound import Effect, OutboxRow, OutboxState
from conversation.model.people import Agent, Role
from conversation.model.verification_code import LIFE
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.retention import Keep
from conversation.ports.storage.visitor_sessions import StoredSession
from router.flows.maintenance.retention import Housekeeper
from storage.messages.blobs import FolderBlobs
from storage.schema.agents import agent_tokens
from storage.schema.callbacks import call_codes
from storage.schema.conversations import decisions
from storage.schema.customers import visitor_sessions
from storage.schema.delivery import outbox
from storage.schema.events import audit, events
from storage.schema.intake import quarantine
from storage.schema.messages import early_reports, early_updates, fetches
from storage.store import Store
from tests.fakes import FakeClock
from tests.storage.makers import hire, meet
from tests.storage.test_call_codes import pending

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
KEEP = Keep(quarantine=MONTH, decisions=MONTH, audit=MONTH)


def _counts(c: Connection) -> dict[str, int]:
    early = (early_reports, early_updates, fetches)
    tables = (events, outbox, visitor_sessions, agent_tokens, call_codes, *early, quarantine, decisions, audit)
    return {table.name: c.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}


def _settled_fetch(clock: FakeClock) -> dict[str, object]:
    names = dict.fromkeys(("message_id", "channel", "url", "name", "type"), "x")
    return {**names, "id": new_id(), "at": None, "attempts": 1, "created_at": clock.now()}


async def _fill(store: Store, clock: FakeClock) -> None:
    """One row of each kind; of the outbox one that was sent and one that still waits."""
    now = clock.now()
    agent = Agent(id=new_id(), email=f"{new_id()}@example.com", name="a", role=Role.AGENT, created_at=now)
    session = StoredSession(id=new_id(), channel="site", identity="i", language=None, claims={}, until=now + WEEK)
    report = DeliveryReported(channel="text", external_id=new_id(), status=Status.SENT, received_at=now)
    async with store.begin("test") as work:
        await work.events.add([NewEvent(type=EventType.QUEUE, queue="general")], now=now)
        await work.agents.add(agent, password_hash=None)
        await work.agents.add_token(agent.id, digest=new_id(), kind="session", prefix="p", until=now + WEEK)
        await work.agents.add_token(agent.id, digest=new_id(), kind="bearer", prefix="p", until=None)
        await work.sessions.add(session, digest=new_id(), now=now)
        await work.call_codes.add(replace(pending(), sent_at=now, until=now + LIFE), now=now)
        await work.intake.report([report])
        await work.intake.apply_updates([MessageRetracted(channel="text", external_id=new_id(), received_at=now)])
        await work._run(lambda c: c.execute(insert(fetches).values(_settled_fetch(clock))))
        await work._run(lambda c: _put_aside(c, clock))
        for _ in range(2):
            row = OutboxRow(id=_id_of(clock), effect=Effect.WEBHOOK, target="duty", created_at=now)
            await work.outbox.add(row, at=now)
        claimed = await work.outbox.claim("me", targets=["duty"], limit=1, now=now, lease=WEEK)
        assert await work.outbox.finish(claimed[0], OutboxState.SENT)


def _put_aside(c: Connection, clock: FakeClock) -> None:
    made = _id_of(clock)
    raw = {"channel": "app", "sha256": made, "size": 0, "code": "c", "reason": "r", "raw": b"", "headers": {}}
    c.execute(insert(quarantine).values(id=made, first_at=clock.now(), last_at=clock.now(), **raw))
    told = {"conversation_id": made, "message_id": made, "revision": "1", "facts": "{}", "decision": "{}"}
    c.execute(insert(decisions).values(id=made, at=clock.now(), **told))
    c.execute(insert(audit).values(id=made, at=clock.now(), actor="a", action="b", subject="c", data={}))


def _upload(clock: FakeClock, key: str) -> StoredAttachment:
    file = Attachment(id=_id_of(clock), name="a.txt", type="text/plain", size=1, sha256="0" * 64)
    return StoredAttachment(attachment=file, key=key, owner="visitor", created_at=clock.now())


def _id_of(clock: FakeClock) -> str:
    """An id as it would have been made at the clock's instant."""
    millis = f"{int(clock.now().timestamp() * 1000):012x}"
    return f"{millis[:8]}-{millis[8:]}{new_id()[13:]}"


async def test_what_is_old_is_forgotten_and_what_still_counts_is_kept(store: Store, clock: FakeClock) -> None:
    await _fill(store, clock)
    clock.advance(timedelta(days=31))
    await _fill(store, clock)
    async with store.begin("test") as work:
        forgotten = await work.retention.prune(clock.now(), 100, KEEP)
    assert forgotten == dict.fromkeys(forgotten, 1)
    async with store.read("test") as work:
        left = await work._run(_counts)
        assert (await work.events.oldest(), await work.events.head()) == (2, 2)
    assert left == {
        "call_codes": 1,
        "events": 1,
        "outbox": 3,
        "visitor_sessions": 1,
        "agent_tokens": 3,
        "early_reports": 1,
        "early_marks": 1,
        "fetches": 1,
        "quarantine": 1,
        "decisions": 1,
        "audit": 1,
    }


async def test_what_is_kept_longer_by_default_outlives_a_month(store: Store, clock: FakeClock) -> None:
    await _fill(store, clock)
    clock.advance(timedelta(days=31))
    async with store.begin("test") as work:
        forgotten = await work.retention.prune(clock.now(), 100, Keep())
    assert (forgotten["quarantine"], forgotten["decisions"], forgotten["audit"]) == (0, 0, 0)


async def test_bytes_that_came_again_stay_in_quarantine(store: Store, clock: FakeClock) -> None:
    async with store.begin("test") as work:
        await work._run(lambda c: _put_aside(c, clock))
        await work._run(lambda c: c.execute(update(quarantine).values(last_at=clock.now() + MONTH)))
    clock.advance(timedelta(days=31))
    async with store.begin("test") as work:
        assert (await work.retention.prune(clock.now(), 100, KEEP))["quarantine"] == 0


async def _sent_up(store: Store, blobs: FolderBlobs, clock: FakeClock, owner: str) -> StoredAttachment:
    upload = replace(_upload(clock, (await blobs.put_whole(b"x"))[0]), owner=owner)
    async with store.begin("test") as work:
        await work.attachments.add(upload)
    return upload


async def _bind(store: Store, *uploads: StoredAttachment) -> None:
    async with store.begin("test") as work:
        await work.attachments.bind([one.attachment.id for one in uploads], conversation=new_id(), owner=None)


async def test_only_uploads_that_no_message_names_are_forgotten_with_their_bytes_within_the_hour(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    blobs = FolderBlobs(tmp_path)
    visitor, agent = (await meet(store)).id, (await hire(store)).id
    named, *left = [await _sent_up(store, blobs, clock, owner) for owner in (visitor, visitor, agent)]
    await _bind(store, named)
    clock.advance(timedelta(minutes=49))
    young = await _sent_up(store, blobs, clock, visitor)
    keeper = Housekeeper(store, blobs, clock, Keep())
    assert not await keeper.uploads()
    assert [await _there(blobs, one.key) for one in (*left, young)] == [True, True, True]
    clock.advance(timedelta(minutes=6))  # the next look at the latest
    assert not await keeper.uploads()
    assert [await _there(blobs, one.key) for one in (named, *left, young)] == [True, False, False, True]
    async with store.read("test") as work:
        with pytest.raises(NotFound):
            await work.attachments.get(left[0].attachment.id)
        assert (await work.attachments.get(young.attachment.id)).key == young.key


async def test_files_that_an_account_brought_wait_longer_for_their_message_whatever_their_id(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    blobs = FolderBlobs(tmp_path)
    early = _upload(clock, (await blobs.put_whole(b"x"))[0])
    mail = replace(early, owner="mail", attachment=replace(early.attachment, id="0" * 32))  # a digest, not an instant
    async with store.begin("test") as work:
        await work.attachments.add(mail)
    keeper = Housekeeper(store, blobs, clock, Keep())
    clock.advance(timedelta(days=6))
    await keeper.uploads()
    assert await _there(blobs, mail.key)
    clock.advance(timedelta(days=2))
    await keeper.uploads()
    assert not await _there(blobs, mail.key)


async def test_an_upload_that_is_named_while_it_is_removed_is_whole_or_gone(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    blobs, visitor = FolderBlobs(tmp_path), (await meet(store)).id
    uploads = [await _sent_up(store, blobs, clock, visitor) for _ in range(8)]
    clock.advance(timedelta(hours=1))
    binding = [_bind(store, one) for one in uploads]
    keeper = Housekeeper(store, blobs, clock, Keep())
    fates = await asyncio.gather(*binding[:4], keeper.uploads(), *binding[4:], return_exceptions=True)
    bound = [fate is None for place, fate in enumerate(fates) if place != 4]
    assert {type(fate) for fate in fates} <= {type(None), bool, AttachmentGone}
    assert [await _there(blobs, one.key) for one in uploads] == bound


async def _there(blobs: FolderBlobs, key: str) -> bool:
    try:
        return await blobs.get(key) == b"x"
    except NotFound:
        return False


async def test_a_look_forgets_no_more_than_its_limit_and_the_oldest_first(store: Store, clock: FakeClock) -> None:
    for _ in range(3):
        await _fill(store, clock)
    clock.advance(timedelta(days=31))
    async with store.begin("test") as work:
        assert (await work.retention.prune(clock.now(), 2, KEEP))["events"] == 2
        assert await work.events.oldest() == 3
        assert (await work.retention.prune(clock.now(), 2, KEEP))["events"] == 1
        assert await work.events.oldest() == 4
        assert await work.events.after(3, limit=10) == []


async def test_the_house_forgets_until_nothing_old_is_left(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("router.flows.maintenance.retention._BATCH", 1)
    for _ in range(2):
        await _fill(store, clock)
    clock.advance(timedelta(days=31))
    keeper = Housekeeper(store, FolderBlobs(tmp_path), clock, KEEP)
    assert [await keeper.once() for _ in range(3)] == [True, True, False]
