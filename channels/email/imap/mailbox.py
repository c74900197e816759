"""Reads one folder from where it was left: oldest first, committed before it counts as read, each mail once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from channels.email.arrivals import Account, Arrival, arrival
from channels.email.imap import fetching
from channels.email.imap.connection import Connection
from channels.email.parser_process import Reader
from channels.email.settings import MEBIBYTE, Settings
from conversation.errors import MalformedPayload, TransientFailure
from conversation.model.message import InboundEvent, Malformed
from conversation.ports.channel import Inbox, Tools
from conversation.ports.metrics import ChannelEvent

log = logging.getLogger(__name__)

WINDOW = 100
BATCH = 100
BATCH_BYTES = 8 * MEBIBYTE
MOST_PASSED = 100  # more than these, and it is the mailbox that is sick
RETRY_PASSED_AFTER = (
    3600.0  # seconds after which mails that were passed over are requested once more, as with each new connection
)
LARGE = 256 * 1024
LONGEST_READING = 1.0  # seconds after which what has been read of a batch is committed
LEASE = timedelta(seconds=24)  # of which another node takes over within 30 s after the reader was killed


class MailboxCursor:
    """Where reading stands: the cursor that is committed with each batch."""

    def __init__(self, folder: str, uidvalidity: int, uid: int, passed: Sequence[int] = ()) -> None:
        self.folder = folder
        self.uidvalidity = uidvalidity
        self.uid = uid
        self.passed = set(passed)  # what the server did not give out: it is requested until it comes, or is gone

    @classmethod
    def of(cls, cursor: Mapping[str, object] | None, folder: str, uidvalidity: int) -> "MailboxCursor":
        """From the cursor. Another folder, or a new UIDVALIDITY, starts from the beginning: repeats are recognised."""
        cursor = cursor or {}
        uid, passed = cursor.get("uid"), cursor.get("passed")
        if cursor.get("folder") != folder or cursor.get("uidvalidity") != uidvalidity or not isinstance(uid, int):
            return cls(folder, uidvalidity, 0)
        return cls(folder, uidvalidity, uid, passed if isinstance(passed, list) else ())

    def cursor(self, uid: int) -> Mapping[str, object]:
        """To be committed with the mail of this number."""
        kept: dict[str, object] = {"folder": self.folder, "uidvalidity": self.uidvalidity, "uid": uid}
        return kept | ({"passed": sorted(self.passed)} if self.passed else {})


class Host(Protocol):
    """What the account gives to the reading of its mailbox."""

    settings: Settings
    tools: Tools
    account: Account
    reader: Reader

    async def holds(self) -> bool:
        """Whether this node is still the one that reads; renews the lease."""
        ...

    def set_status(self, detail: str) -> None:
        """In words, for operators."""
        ...

    def caught_up(self) -> None:
        """Nothing waits in the folder now."""
        ...


class Mailbox:
    """One connection's reading, until it breaks or another node takes over."""

    def __init__(self, host: Host, connection: Connection, inbox: Inbox, *, idle: float) -> None:
        self._host = host
        self._connection = connection
        self._inbox = inbox
        self._idle = idle
        self._read = 0

    async def read(self) -> None:
        """Until cancelled. The lease is renewed meanwhile, however long reading takes."""
        tasks = [asyncio.ensure_future(self._reading()), asyncio.ensure_future(self._keep())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            await self._still_mine()

    async def _reading(self) -> None:
        """What was pushed while nobody listened is found by looking after every silence."""
        settings, clock = self._host.settings, self._host.tools.clock
        selected = await self._connection.select(settings.folder)
        place = MailboxCursor.of(await self._host.tools.state.cursor(), settings.folder, selected.uidvalidity)
        asked = -RETRY_PASSED_AFTER
        while True:
            if clock.monotonic() - asked >= RETRY_PASSED_AFTER:
                asked = clock.monotonic()
                await self._retry_passed(place)
            while await self._catch_up(place):
                pass  # what came meanwhile would be pushed to nobody
            self._host.caught_up()
            self._report_progress(0, place)
            await self._connection.idle(self._idle)

    async def _catch_up(self, place: MailboxCursor) -> bool:
        """Whether there was anything to read."""
        await self._still_mine()
        waiting = await self._connection.uids_after(place.uid, self._host.settings.since)
        for start in range(0, len(waiting), WINDOW):
            window = waiting[start : start + WINDOW]
            sizes, unsized = await fetching.sizes(self._connection, window)
            for batch in _batches(window, sizes, self._host.settings.message_bytes):
                self._report_progress(len(waiting) - start, place)
                await self._still_mine()
                await self._take(batch, sizes, unsized, place)
        return bool(waiting)

    async def _take(
        self, batch: Sequence[int], sizes: Mapping[int, int], unsized: Mapping[int, str], place: MailboxCursor
    ) -> None:
        """Fetched, read, committed; what takes long to read does not keep those before it waiting."""
        wanted = {uid: sizes[uid] for uid in batch if uid in sizes}
        fetched = await fetching.mails(self._connection, wanted, self._host.settings.message_bytes)
        refused = {**unsized, **fetched.refused}
        clock = self._host.tools.clock
        read: list[Arrival] = []
        uids: list[int] = []
        began = clock.monotonic()
        for uid in batch:
            if uid in fetched.raws:
                read.append(await self._arrival(uid, fetched.raws[uid], whole=self._fits(sizes[uid])))
                uids.append(uid)
            elif uid in refused:
                read.append(self._pass(uid, refused[uid], place))
            if uid == batch[-1] or clock.monotonic() - began > LONGEST_READING:
                await self._commit(read, uids, uid, place)
                read, uids, began = [], [], clock.monotonic()

    def _pass(self, uid: int, why: str, place: MailboxCursor) -> Arrival:
        """Leave this mail out for now: people are notified, the mails after it flow, and it is requested once more later."""
        if len(place.passed) >= MOST_PASSED:
            raise TransientFailure(f"the server gives out no mail: {why}")
        place.passed.add(uid)
        self._host.tools.count(ChannelEvent.PASSED_OVER)
        log.warning("mail_passed", extra={"channel": self._host.account.channel, "uid": uid, "detail": why})
        note = f"{place.folder}, UIDVALIDITY {place.uidvalidity}, UID {uid}\r\n{why}\r\n".encode()
        words = f"the mail server holds this mail and does not give it out ({why}); it is asked for again"
        return Arrival(events=(self._malformed(uid, note, MalformedPayload(words, code="not_given"), self._now()),))

    async def _retry_passed(self, place: MailboxCursor) -> None:
        """What the server gives out now is stored like any mail; what is gone is forgotten."""
        for uid in sorted(place.passed):
            sizes, refused = await fetching.sizes(self._connection, [uid])
            fetched = await fetching.mails(self._connection, sizes, self._host.settings.message_bytes)
            if uid in refused or uid in fetched.refused:
                continue
            place.passed.discard(uid)
            for raw in fetched.raws.values():
                await self._commit(
                    [await self._arrival(uid, raw, whole=self._fits(sizes[uid]))], [uid], place.uid, place
                )

    async def _commit(self, read: Sequence[Arrival], uids: Sequence[int], upto: int, place: MailboxCursor) -> None:
        """Committed; only then does the cursor move, and only then is the mailbox touched."""
        files = [file for one in read for file in one.files]
        if files:
            await self._host.tools.files.keep(files)
        events = [event for one in read for event in one.events]
        if events:
            await self._inbox.accept(events, cursor=place.cursor(upto))
        place.uid = upto
        self._read += len(uids)
        self._host.tools.count(ChannelEvent.RECEIVED, len(uids))
        await self._put_away(uids)

    def _now(self) -> datetime:
        return self._host.tools.clock.now()

    def _fits(self, size: int) -> bool:
        return size <= self._host.settings.message_bytes

    async def _arrival(self, uid: int, raw: bytes, *, whole: bool) -> Arrival:
        """What cannot be read is quarantined with its bytes, and the next mail is not kept waiting."""
        now = self._now()
        try:
            letter = await self._host.reader.letter(raw)
            read = partial(arrival, letter, raw, self._host.account, received_at=now)
            found = await asyncio.to_thread(read) if len(raw) > LARGE else read()  # megabytes are hashed
        except MalformedPayload as fault:
            log.warning("mail_put_aside", extra={"channel": self._host.account.channel, "code": fault.code})
            return Arrival(events=(self._malformed(uid, raw, fault, now),))
        return (
            found
            if whole
            else Arrival(events=(*found.events, self._malformed(uid, raw, _TOO_LARGE, now)), files=found.files)
        )

    def _malformed(self, uid: int, raw: bytes, fault: MalformedPayload, now: datetime) -> InboundEvent:
        return Malformed(
            channel=self._host.account.channel,
            external_id=f"uid-{uid}",
            received_at=now,
            raw=raw,
            reason=fault.detail[:500],
            code=fault.code,
        )

    async def _put_away(self, uids: Sequence[int]) -> None:
        """As the operator wishes; a mail that stays where it is was read all the same."""
        settings = self._host.settings
        if uids and settings.mark_seen:
            await self._connection.mark_seen(uids)
        if uids and settings.archive and not await self._connection.move(uids, settings.archive):
            log.warning("mail_not_moved", extra={"channel": self._host.account.channel, "count": len(uids)})

    async def _still_mine(self) -> None:
        if not await self._host.holds():
            raise TransientFailure("another node reads this mailbox now")

    def _report_progress(self, waiting: int, place: MailboxCursor) -> None:
        words = f"{waiting} mails wait to be read; " if waiting else ""
        self._host.set_status(f"{words}read up to number {place.uid}, {self._read} since {place.folder} was opened")


_TOO_LARGE = MalformedPayload("the mail is larger than this account reads: only its beginning was", code="too_large")


def _batches(window: Sequence[int], sizes: Mapping[int, int], largest: int) -> list[list[int]]:
    """In order, few enough and small enough to be held at once."""
    batches: list[list[int]] = []
    held = 0
    for uid in window:
        size = min(sizes.get(uid, 0), largest)
        if not batches or len(batches[-1]) >= BATCH or held + size > BATCH_BYTES:
            batches.append([])
            held = 0
        batches[-1].append(uid)
        held += size
    return batches
