"""Message updates: edits, retractions, reactions. Applied in one go; what comes too early is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, update

from conversation.model.edits_and_reactions import Afterwards, applied, come_late
from conversation.model.message import Message, MessageEdited, MessageReacted, MessageReceived, MessageRetracted
from conversation.model.people import Identity
from storage.codecs.rows import message_of, message_values
from storage.database.bulk_sql import STATEMENTS, Insert, Update, pairs
from storage.schema.intake import quarantine
from storage.schema.messages import attachments, early_updates, fetches, messages

Key = tuple[str, str]  # (channel, external id)
_update = Update(messages, ["text", "html", "attachments", "marks"])
_keep = Insert(
    early_updates,
    conflict="(channel, external_id, kind, who) DO UPDATE SET emoji = excluded.emoji, at = excluded.at"
    " WHERE early_marks.at <= excluded.at",
)
_RETRACTED, _REACTED = "retracted", "reacted"


def unknown(c: Connection, keys: Iterable[Key]) -> set[Key]:
    """Those of these that name no message."""
    wanted = set(keys)
    return wanted - named(c, wanted).keys()


def apply(c: Connection, events: Sequence[Afterwards]) -> list[Message]:
    """Fold the events into their messages, in order; the messages that changed. Retractions and reactions to unknown ones are kept."""
    known = named(c, {(event.channel, event.external_id) for event in events})
    before = {message.id: message for message in known.values()}
    after = dict(before)
    for event in events:
        message = known.get((event.channel, event.external_id))
        if message is not None:
            after[message.id] = applied(after[message.id], event)
    early = [event for event in events if (event.channel, event.external_id) not in known]
    _keep(c, map(_early, (event for event in early if not isinstance(event, MessageEdited))))
    return _write(c, before, after)


def apply_early(c: Connection, keys: Iterable[Key]) -> list[Message]:
    """Updates that came before these messages; the messages that changed by it."""
    events: list[Afterwards] = []
    for channel, external_id in sorted(keys):
        row = early_updates.c
        mine = (row.channel == channel, row.external_id == external_id)
        found = c.execute(delete(early_updates).where(*mine).returning(row.kind, row.who, row.emoji, row.at))
        events += [_event(channel, external_id, one.kind, _Early(one.who, one.emoji, one.at)) for one in found]
    return apply(c, events)


def first_wordings(c: Connection, repeated: Sequence[MessageReceived]) -> list[Message]:
    """Originals that come after their edit: the first wording and the files are added to what stands there."""
    known = named(c, {(event.channel, event.external_id) for event in repeated})
    before = {message.id: message for message in known.values()}
    after = dict(before)
    for event in repeated:
        message = known[event.channel, event.external_id]
        after[message.id] = come_late(after[message.id], event)
    return _write(c, before, after)


def named(c: Connection, keys: Iterable[Key], *, lock: bool = True) -> dict[Key, Message]:
    """Messages by the key that names them or one of their parts."""
    dialect = c.dialect.name
    statement = STATEMENTS[dialect].named_messages if lock else STATEMENTS[dialect].read_messages
    rows = c.execute(statement, pairs(dialect, sorted(keys))).mappings()
    return {(row["key_channel"], row["key_external_id"]): message_of(row) for row in rows}


def _write(c: Connection, before: dict[str, Message], after: dict[str, Message]) -> list[Message]:
    changed = [message for identifier, message in after.items() if message is not before[identifier]]
    _update(c, map(message_values, changed))
    emptied = [before[message.id] for message in changed if message.retracted_at is not None]
    if emptied:
        _forget(c, emptied)
    return changed


def _forget(c: Connection, emptied: Sequence[Message]) -> None:
    """Files and raw bytes of what was taken back: nobody can open them from now on, and the housekeeper deletes them."""
    files = [attachment.id for message in emptied for attachment in message.attachments]
    raw = [message.raw for message in emptied if message.raw is not None]
    c.execute(delete(fetches).where(fetches.c.message_id.in_([message.id for message in emptied])))
    if files:
        c.execute(update(attachments).where(attachments.c.id.in_(files)).values(conversation_id=None))
    if raw:
        c.execute(delete(quarantine).where(quarantine.c.id.in_(raw)))


def _early(event: MessageRetracted | MessageReacted) -> dict[str, object]:
    key = {"channel": event.channel, "external_id": event.external_id}
    if isinstance(event, MessageRetracted):
        return {**key, "kind": _RETRACTED, "who": "", "emoji": None, "at": event.received_at}
    at = event.sent_at or event.received_at
    return {**key, "kind": _REACTED, "who": event.sender.address, "emoji": event.emoji, "at": at}


class _Early(NamedTuple):
    who: str
    emoji: str | None
    at: datetime


def _event(channel: str, external_id: str, kind: str, early: _Early) -> MessageRetracted | MessageReacted:
    if kind == _RETRACTED:
        return MessageRetracted(channel=channel, external_id=external_id, received_at=early.at)
    sender = Identity(channel=channel, address=early.who)
    return MessageReacted(
        channel=channel, external_id=external_id, sender=sender, emoji=early.emoji, received_at=early.at
    )
