"""Windows for answers that close soon, while somebody waits for one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from conversation.model.conversation import Conversation
from storage.codecs.rows import conversation_of
from storage.schema.conversations import IS_OPEN, conversations
from storage.schema.customers import identities


def closing(c: Connection, now: datetime, until: datetime, limit: int) -> Sequence[Conversation]:
    """Open conversations whose customer wrote last, and whose window closes between `now` and `until`: each window once."""
    who, row = identities.c, conversations.c
    untold = or_(who.window_told.is_(None), who.window_told != who.reply_until)
    soon = select(who.id).where(who.reply_until > now, who.reply_until <= until, untold)
    locked = soon.order_by(who.reply_until).limit(limit).with_for_update(skip_locked=True)
    ids = list(c.execute(locked).scalars())
    if not ids:
        return []
    c.execute(update(identities).where(who.id.in_(ids)).values(window_told=who.reply_until))
    waits = or_(row.owner_wrote_at.is_(None), row.owner_wrote_at < row.last_inbound_at)
    theirs = row.customer_id.in_(select(who.customer_id).where(who.id.in_(ids)))
    found = select(conversations).where(theirs, row.identity_id.in_(ids), IS_OPEN, waits)
    return [conversation_of(one) for one in c.execute(found).mappings()]
