"""Figures for reports: set-based statements that walk ids, which sort by time, instead of indexes made for reports alone."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Table,
    and_,
    case,
    func,
    select,
    type_coerce,
)

from conversation.model.decision import Decision
from conversation.model.ids import first_id
from conversation.ports.storage.figures import Calls, Corrected, Counts, Lived, Seen, Unanswered, Waiting, Window
from storage.codecs.decisions import decision_from_text
from storage.database.run import Run
from storage.schema.callbacks import callback_attempts, callbacks
from storage.schema.conversations import IS_WAITING, conversations, decisions, relabels
from storage.schema.delivery import outbox
from storage.schema.events import events
from storage.schema.intake import quarantine
from storage.schema.messages import messages

_SLACK = timedelta(hours=1)  # an id is made a little before the instant that is stored with it
_LOST = ("failed", "uncertain", "suppressed")
_UNSETTLED = ("queued", "sending", "uncertain", "parked")
_TALK = messages.c
_HAPPENED = events.c


def _made(table: Table, at: ColumnElement[Any], window: Window) -> ColumnElement[bool]:
    """Rows of the window; the id lets the database begin where the window begins."""
    return and_(table.c.id >= first_id(window.since - _SLACK), at >= window.since, at < window.until)


def _counts(c: Connection, each: Select[Any]) -> Counts:
    """How many rows of each kind; NULL is an empty word.

    Grouped from outside: to PostgreSQL an expression with bound values is another one each time it is written.
    """
    by = tuple(each.subquery().c)
    found = c.execute(select(*by, func.count()).group_by(*by))
    return {tuple("" if part is None else str(part) for part in key): int(n) for *key, n in found}


# -- conversations -----------------------------------------------------------------------------------------------------


def _first_answer() -> ScalarSelect[Any]:
    theirs = and_(
        _TALK.conversation_id == conversations.c.id,
        _TALK.direction == "out",
        _TALK.author_kind == "agent",
        _TALK.status != "failed",
    )
    return select(_TALK.created_at).where(theirs).order_by(_TALK.seq).limit(1).scalar_subquery()


def _first_call() -> ScalarSelect[Any]:
    tried = callback_attempts.join(callbacks, callbacks.c.id == callback_attempts.c.callback_id)
    theirs = and_(callbacks.c.conversation_id == conversations.c.id, callback_attempts.c.connected_at.is_not(None))
    return select(func.min(callback_attempts.c.connected_at)).select_from(tried).where(theirs).scalar_subquery()


def _lived(c: Connection, window: Window, after: str | None, limit: int) -> list[Lived]:
    row = conversations.c
    columns = (row.id, row.created_at, row.queue, row.channel, row.kind, row.language, row.issue)
    wanted = select(*columns, _first_answer(), _first_call(), row.closed_at).where(
        _made(conversations, row.created_at, window)
    )
    if after is not None:
        wanted = wanted.where(row.id > after)
    return [
        Lived(
            id=made,
            created_at=created,
            queue=queue,
            channel=channel,
            work=work,
            language=language,
            issue=issue,
            answered_at=min(filter(None, (answered, called)), default=None),
            closed_at=closed,
        )
        for made, created, queue, channel, work, language, issue, answered, called, closed in c.execute(
            wanted.order_by(row.id).limit(limit)
        )
    ]


def _waiting(c: Connection) -> list[Waiting]:
    row = conversations.c
    since = func.min(func.coalesce(row.waiting_since, row.updated_at), type_=row.updated_at.type)
    wanted = (
        select(row.queue, row.language, func.count(), since)
        .where(IS_WAITING)
        .group_by(row.queue, row.language)
        .order_by(row.queue, row.language)
    )
    return [Waiting(queue=q, language=language, count=n, since=first) for q, language, n, first in c.execute(wanted)]


# -- messages and what could not be read -------------------------------------------------------------------------------


def _messages(c: Connection, window: Window) -> Counts:
    why = case((_TALK.status.in_(_LOST), func.coalesce(_TALK.error, "")), else_="")
    columns = select(_TALK.channel, _TALK.direction, _TALK.author_kind, _TALK.status, why.label("why"))
    return _counts(c, columns.where(_made(messages, _TALK.created_at, window)))


def _quarantined(c: Connection, window: Window) -> Counts:
    row = quarantine.c
    within = and_(row.last_at >= window.since, row.last_at < window.until, row.replayed_at.is_(None))
    return _counts(c, select(row.channel, row.code).where(within))


def _unacknowledged(c: Connection) -> list[Unanswered]:
    row = outbox.c
    since = func.min(row.created_at, type_=row.created_at.type)
    late = and_(row.effect == "webhook", row.state.in_(_UNSETTLED))
    wanted = select(row.target, func.count(), since).where(late).group_by(row.target).order_by(row.target)
    return [Unanswered(webhook=target, count=n, since=first) for target, n, first in c.execute(wanted)]


# -- what happened to conversations ------------------------------------------------------------------------------------


def _data(name: str) -> ColumnElement[Any]:
    value: ColumnElement[Any] = _HAPPENED.data[name].as_string()
    return value


def _transferred() -> ColumnElement[bool]:
    """By an agent: what time or a later message moves has no owner to ask."""
    by_others = ("reason", "alert", "callback")
    by_agent = and_(_HAPPENED.agent_id.is_not(None), *(_data(name).is_(None) for name in by_others))
    return and_(_HAPPENED.type == "conversation.updated", _HAPPENED.was_queue.is_not(None), by_agent)


def _what() -> ColumnElement[Any]:
    released = _HAPPENED.type == "conversation.released"
    was_closed = and_(_data("was_state") == "closed", _data("state") != "closed")
    return case(
        (_HAPPENED.type == "conversation.offered", "offered"),
        (and_(released, _data("reason") == "expired"), "expired"),
        (and_(released, _data("reason") == "abandoned"), "abandoned"),
        (and_(released, _data("was_state") == "offered"), "declined"),
        (released, "released"),
        (was_closed, "reopened"),
        (_transferred(), "transferred"),
        else_="",
    )


def _between(window: Window) -> ColumnElement[bool]:
    """The feed is short and in order of commits: its own retention bounds the walk."""
    return and_(_HAPPENED.at >= window.since, _HAPPENED.at < window.until)


def _handled(c: Connection, window: Window) -> Counts:
    moves = ("conversation.offered", "conversation.released", "conversation.updated")
    queue = func.coalesce(_HAPPENED.was_queue, _HAPPENED.queue).label("place")
    columns = select(queue, _what().label("what")).where(_between(window), _HAPPENED.type.in_(moves))
    return {key: n for key, n in _counts(c, columns).items() if key[1]}


def _first_decision(of: ColumnElement[Any]) -> ScalarSelect[Any]:
    first = select(decisions.c.decision).where(decisions.c.conversation_id == of)
    return first.order_by(decisions.c.id).limit(1).scalar_subquery()


def _transfers(c: Connection, window: Window, within: int) -> list[Corrected]:
    micros = BigInteger()
    age = type_coerce(_HAPPENED.at, micros) - type_coerce(conversations.c.created_at, micros)
    wanted = (
        select(_HAPPENED.was_queue, _HAPPENED.queue, _first_decision(_HAPPENED.conversation_id))
        .join_from(events, conversations, conversations.c.id == _HAPPENED.conversation_id)
        .where(_between(window), _transferred(), age <= within * 1_000_000)
    )
    return [
        Corrected(decision=_read(decision), from_queue=was, queue=queue) for was, queue, decision in c.execute(wanted)
    ]


def _relabels(c: Connection, window: Window) -> list[Corrected]:
    row = relabels.c
    wanted = select(row.language, row.issue, _first_decision(row.conversation_id)).where(
        _made(relabels, row.at, window)
    )
    return [
        Corrected(decision=_read(decision), language=language, issue=issue)
        for language, issue, decision in c.execute(wanted)
    ]


def _read(decision: str | None) -> Decision | None:
    return None if decision is None else decision_from_text(decision)


def _calls(c: Connection, window: Window) -> list[Calls]:
    row = callbacks.c
    tries = select(func.count()).where(callback_attempts.c.callback_id == row.id).scalar_subquery()
    each = select(row.channel, row.state, row.missed, tries.label("tries")).where(
        _made(callbacks, row.asked_at, window)
    )
    one = each.subquery().c
    missed = func.sum(case((one.missed, 1), else_=0))
    wanted = select(one.channel, one.state, func.count(), func.sum(one.tries), missed)
    found = c.execute(wanted.group_by(one.channel, one.state).order_by(one.channel, one.state))
    return [
        Calls(channel=channel, state=state, count=n, attempts=int(tried), missed=int(gone))
        for channel, state, n, tried, gone in found
    ]


def _presences(c: Connection, window: Window) -> list[Seen]:
    wanted = (
        select(_HAPPENED.agent_id, _HAPPENED.at, _data("presence"))
        .where(_between(window), _HAPPENED.type == "presence.changed", _HAPPENED.agent_id.is_not(None))
        .order_by(_HAPPENED.cursor)
    )
    return [Seen(agent, at, presence == "online") for agent, at, presence in c.execute(wanted)]


class Figures:
    """The port `Figures` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def lived(self, window: Window, *, after: str | None, limit: int) -> list[Lived]:
        """Conversations opened in the window, in order of id."""
        return await self._run(lambda c: _lived(c, window, after, limit))

    async def messages(self, window: Window) -> Counts:
        """By channel, direction, kind of author, status and, where it did not arrive, the reason in words."""
        return await self._run(lambda c: _messages(c, window))

    async def handled(self, window: Window) -> Counts:
        """By queue and what happened to a conversation."""
        return await self._run(lambda c: _handled(c, window))

    async def handled_since(self) -> datetime | None:
        """The oldest instant that is still in the event feed."""
        oldest = select(_HAPPENED.at).order_by(_HAPPENED.cursor).limit(1)
        return await self._run(lambda c: c.execute(oldest).scalar())

    async def transfers(self, window: Window, within_seconds: int) -> list[Corrected]:
        """What agents sent to another queue so soon after it was opened."""
        return await self._run(lambda c: _transfers(c, window, within_seconds))

    async def relabels(self, window: Window) -> list[Corrected]:
        """What agents labelled anew."""
        return await self._run(lambda c: _relabels(c, window))

    async def presences(self, window: Window) -> list[Seen]:
        """Who came and who went, in order."""
        return await self._run(lambda c: _presences(c, window))

    async def waiting(self) -> list[Waiting]:
        """Who waits now."""
        return await self._run(_waiting)

    async def calls(self, window: Window) -> list[Calls]:
        """Calls asked for in the window."""
        return await self._run(lambda c: _calls(c, window))

    async def quarantined(self, window: Window) -> Counts:
        """Payloads that could not be read and were not replayed since."""
        return await self._run(lambda c: _quarantined(c, window))

    async def unacknowledged(self) -> list[Unanswered]:
        """Webhooks that nobody has acknowledged."""
        return await self._run(_unacknowledged)
