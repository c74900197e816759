"""Echoes: what somebody answered in the provider's own app, and not what we sent ourselves."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select, update

from conversation.model.edits_and_reactions import retracted
from conversation.model.message import Message, MessageEchoed, Status
from storage.codecs.outbox import message_from_json
from storage.codecs.rows import message_of, message_values
from storage.database.bulk_sql import Insert
from storage.messages.edits_and_reactions import Key, named
from storage.schema.delivery import outbox
from storage.schema.messages import message_parts, messages

_insert_parts = Insert(message_parts, conflict="(channel, external_id) DO NOTHING")


def ours(c: Connection, events: Sequence[MessageEchoed]) -> tuple[set[Key], list[Message]]:
    """Which of these are known, and the messages of ours that an echo proves to be sent before their receipt came.

    An echo that is faster than the answer to our own request is recognised by its text: what is being sent now, or is in doubt, to
    this customer and says the same.
    """
    keys = {(event.channel, event.external_id) for event in events}
    known = set(named(c, keys))
    leaving = _leaving(c, sorted({event.channel for event in events}))
    proven: list[Message] = []
    for event in events:
        key = (event.channel, event.external_id)
        match = None if key in known else next((one for one in leaving if _is(event, *one)), None)
        if match is not None:
            known.add(key)
            proven += _prove(c, match[0], event)
    return known, proven


def _leaving(c: Connection, channels: Sequence[str]) -> list[tuple[Message, str, str, str]]:
    """(message, channel, address, text) of what is being sent, or is in doubt."""
    row = outbox.c
    wanted = select(outbox).where(row.target.in_(channels), row.state.in_(["sending", "uncertain"]))
    rows = c.execute(wanted.where(row.message_id.is_not(None))).mappings().all()
    sent = select(messages).where(messages.c.id.in_([one["message_id"] for one in rows]))
    by_id = {one["id"]: message_of(one) for one in c.execute(sent).mappings()}
    found = []
    for one in rows:
        leaving = message_from_json(one["body"], ())
        if one["message_id"] in by_id:
            found.append((by_id[one["message_id"]], one["target"], leaving.to.address, leaving.text))
    return found


def add_parts(c: Connection, message: Message, external_ids: Sequence[str]) -> None:
    """The provider's ids of further parts of it."""
    rows = [{"channel": message.channel, "external_id": one, "message_id": message.id} for one in external_ids]
    _insert_parts(c, rows)


def disown(c: Connection, message: Message, external_ids: Sequence[str]) -> list[Message]:
    """Echoes of this message of ours that were faster than its receipt, and were taken for somebody else's words: they go."""
    row = messages.c
    same = (row.channel == message.channel, row.external_id.in_(list(external_ids)), row.id != message.id)
    found = [message_of(one) for one in c.execute(select(messages).where(*same).with_for_update()).mappings()]
    gone = [retracted(replace(one, external_id=None), message.created_at) for one in found]
    for one in gone:
        c.execute(update(messages).where(row.id == one.id).values(message_values(one)))
    return gone


def _is(event: MessageEchoed, message: Message, channel: str, address: str, text: str) -> bool:
    """A part of it is recognised by its text as well; a file without words by there being a file."""
    if (event.channel, event.to.address) != (channel, address):
        return False
    sent, whole = " ".join(event.text.split()), " ".join(text.split())
    return sent in whole if sent else bool(event.attachments and message.attachments)


def _prove(c: Connection, message: Message, event: MessageEchoed) -> list[Message]:
    """It has left; what waits behind it in doubt may leave. A further echo is of another part of it."""
    row = messages.c
    first = update(messages).where(row.id == message.id, row.external_id.is_(None))
    sent = first.values(external_id=event.external_id, status=Status.SENT.value, error=None, sent_at=event.sent_at)
    found = c.execute(sent.returning(messages)).mappings().first()
    if found is None:
        add_parts(c, message, [event.external_id])
        return []
    doubted = update(outbox).where(outbox.c.message_id == message.id, outbox.c.state == "uncertain")
    c.execute(doubted.values(state="sent", finished_at=event.received_at))
    return [message_of(found)]
