"""Files that still lie with a provider, and what becomes of them."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select, update

from conversation.model.message import Attachment, Message
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.downloads import Fetch, in_message
from storage.codecs.rows import Values, message_of, message_values
from storage.database.run import Run
from storage.messages.attachments import add_new
from storage.schema.messages import fetches, messages


def fetch_values(fetch: Fetch, *, now: datetime) -> Values:
    """All columns of a new row of `fetches`, due at once."""
    attachment = fetch.attachment
    return {
        "id": attachment.id,
        "message_id": fetch.message,
        "channel": fetch.channel,
        "url": attachment.url,
        "name": attachment.name,
        "type": attachment.type,
        "at": now,
        "attempts": 0,
        "created_at": now,
    }


def _fetch_of(row: RowMapping) -> Fetch:
    attachment = Attachment(id=row["id"], name=row["name"], type=row["type"], url=row["url"])
    return Fetch(
        attachment=attachment,
        message=row["message_id"],
        channel=row["channel"],
        created_at=row["created_at"],
        attempts=row["attempts"],
    )


def _claim(c: Connection, limit: int, now: datetime, lease: timedelta) -> list[Fetch]:
    row = fetches.c
    due = select(row.id).where(row.at <= now).order_by(row.at).limit(limit).with_for_update(skip_locked=True)
    taken = update(fetches).where(row.id.in_(due)).values(at=now + lease, attempts=row.attempts + 1)
    return [_fetch_of(one) for one in c.execute(taken.returning(fetches)).mappings()]


def _settle(c: Connection, fetch: Fetch) -> Message | None:
    """Its message, locked, where this claim still counts."""
    row = fetches.c
    mine = (row.id == fetch.attachment.id, row.at.is_not(None), row.attempts == fetch.attempts)
    if not c.execute(update(fetches).where(*mine).values(at=None)).rowcount:
        return None
    found = c.execute(select(messages).where(messages.c.id == fetch.message).with_for_update()).mappings().first()
    message = None if found is None else message_of(found)
    if message is None or all(one.id != fetch.attachment.id for one in message.attachments):
        return None
    return message


def _put(c: Connection, message: Message, attachment: Attachment) -> Message:
    after = replace(message, attachments=in_message(message, attachment))
    values = {"attachments": message_values(after)["attachments"]}
    c.execute(update(messages).where(messages.c.id == message.id).values(values))
    return after


def _done(c: Connection, dialect: str, fetch: Fetch, stored: StoredAttachment) -> Message | None:
    message = _settle(c, fetch)
    if message is None:
        return None
    add_new(c, dialect, [replace(stored, conversation=message.conversation)])
    before = next(one for one in message.attachments if one.id == fetch.attachment.id)
    return _put(c, message, replace(stored.attachment, inline=before.inline))


def _failed(c: Connection, fetch: Fetch, fault: str) -> Message | None:
    message = _settle(c, fetch)
    if message is None:
        return None
    before = next(one for one in message.attachments if one.id == fetch.attachment.id)
    return _put(c, message, replace(before, url=None, fault=fault))


def _later(c: Connection, fetch: Fetch, at: datetime) -> None:
    row = fetches.c
    mine = (row.id == fetch.attachment.id, row.at.is_not(None), row.attempts == fetch.attempts)
    c.execute(update(fetches).where(*mine).values(at=at))


class Fetches:
    """The port `Fetches` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def claim(self, limit: int, *, now: datetime, lease: timedelta) -> list[Fetch]:
        """Those that are due; nobody else is given them until the lease ends."""
        return await self._run(lambda c: _claim(c, limit, now, lease))

    async def done(self, fetch: Fetch, stored: StoredAttachment) -> Message | None:
        """Its own copy is here: the message that names it, as it is now; None where it was settled or taken back meanwhile."""
        return await self._run(lambda c: _done(c, self._dialect, fetch, stored))

    async def failed(self, fetch: Fetch, fault: str) -> Message | None:
        """It cannot be had; its message says why. None where it was settled meanwhile."""
        return await self._run(lambda c: _failed(c, fetch, fault))

    async def later(self, fetch: Fetch, at: datetime) -> None:
        """To be tried again then."""
        await self._run(lambda c: _later(c, fetch, at))
