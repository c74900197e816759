"""Stored decisions: what was decided and from what. A message's text is kept with the message only."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from conversation.model.decision import StoredDecision
from storage.codecs.decisions import decision_of
from storage.database.run import Run
from storage.schema.conversations import decisions
from storage.schema.messages import messages

_ROW = decisions.c
# outer: a decision outlives its message's text
_WITH_TEXT = select(decisions, messages.c.text.label("said")).outerjoin(messages, messages.c.id == _ROW.message_id)


def _latest(c: Connection, conversation: str) -> StoredDecision | None:
    newest = _WITH_TEXT.where(_ROW.conversation_id == conversation).order_by(_ROW.id.desc()).limit(1)
    row = c.execute(newest).mappings().first()
    return None if row is None else decision_of(row)


def _stream(c: Connection, since: datetime, after: str | None, limit: int) -> list[StoredDecision]:
    wanted = _WITH_TEXT.where(_ROW.at >= since)
    if after is not None:
        wanted = wanted.where(_ROW.id > after)
    return [decision_of(row) for row in c.execute(wanted.order_by(_ROW.id).limit(limit)).mappings()]


class Decisions:
    """The port `Decisions` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def latest(self, conversation: str) -> StoredDecision | None:
        """The newest decision of a conversation."""
        return await self._run(lambda c: _latest(c, conversation))

    async def stream(self, since: datetime, *, after: str | None, limit: int) -> list[StoredDecision]:
        """In order of id, for rehearsal; texts are filled in from their messages."""
        return await self._run(lambda c: _stream(c, since, after, limit))

    async def count(self, since: datetime) -> int:
        """How many there are to stream."""
        counted = select(func.count()).select_from(decisions).where(_ROW.at >= since)
        return await self._run(lambda c: c.execute(counted).scalar_one())
