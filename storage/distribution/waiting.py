"""Waiting work and free agents. Conversations are claimed with SKIP LOCKED, agents with a plain FOR UPDATE."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select, text, true, union_all

from conversation.model.conversation import Conversation, Priority, State
from conversation.model.people import Presence
from conversation.model.routing_names import NEXT_PAGE, PAGE, PAGES, sortable_text
from conversation.ports.storage.distribution import Asked, Candidate, Need, Offer
from storage.codecs.rows import conversation_of
from storage.database.run import Run
from storage.distribution import candidates, offers
from storage.schema.agents import agent_presence, agents
from storage.schema.conversations import conversations
from storage.schema.types import from_micros

_ROW = conversations.c


def _in_state(state: State) -> ColumnElement[bool]:
    """Written out, as the partial indexes have it: a bound value would hide them from a generic plan."""
    return _ROW.state == literal_column(f"'{state.value}'")


_WAITING = _in_state(State.WAITING)
_NEXT = (_ROW.priority.desc(), _ROW.waiting_since, _ROW.id)
_SPARE = 16  # places that other nodes may hold locked


def _read(c: Connection, wanted: Select[Any]) -> list[Conversation]:
    return [conversation_of(row) for row in c.execute(wanted).mappings()]


def _locked(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(conversations).where(*conditions).with_for_update(skip_locked=True)


# -- waiting -----------------------------------------------------------------------------------------------------------


def _wanted(nobody: Sequence[Need], skip: Sequence[str]) -> ColumnElement[bool]:
    """Neither what nobody can serve now nor what was looked at already."""
    need = _ROW.queue + "\n" + func.coalesce(_ROW.language, "") + "\n" + _ROW.kind
    wanted = [need.not_in(["\n".join(one) for one in nobody])] if nobody else []
    return and_(true(), *wanted, *([_ROW.id.not_in(skip)] if skip else []))


def _heads(queues: Sequence[str], depth: int, wanted: ColumnElement[bool]) -> Select[Any]:
    """The first of each queue by its own index scan, then those locked that go first over all."""
    branches = [
        select(
            select(_ROW.id, _ROW.queue)
            .where(_ROW.queue == queue, _WAITING, wanted)
            .order_by(*_NEXT)
            .limit(depth)
            .subquery(f"q{number}")
        )
        for number, queue in enumerate(queues)
    ]
    heads = union_all(*branches).subquery("heads")
    still = and_(_ROW.id == heads.c.id, _ROW.queue == heads.c.queue, _WAITING)
    return select(conversations).join(heads, still).with_for_update(of=conversations, skip_locked=True)


def _waiting(c: Connection, queues: Sequence[str], limit: int, wanted: ColumnElement[bool]) -> list[Conversation]:
    queues = sorted(set(queues))
    if len(queues) > 1:
        found = _read(c, _heads(queues, 4 * limit + _SPARE, wanted).order_by(*_NEXT).limit(limit))
        if found:
            return found
    # one queue is one index scan; for several this is the slow and exact way, needed where all heads are locked by others
    return _read(c, _locked(_ROW.queue.in_(queues), _WAITING, wanted).order_by(*_NEXT).limit(limit)) if queues else []


# -- what time causes --------------------------------------------------------------------------------------------------


def _expired(c: Connection, now: datetime, limit: int) -> list[Conversation]:
    """Those that ran out first, in the order in which their holders' load may be locked."""
    ran_out = (_in_state(State.OFFERED), _ROW.offered_to.is_not(None), _ROW.offer_until <= now)
    return _by_holder(_read(c, _locked(*ran_out).order_by(_ROW.offer_until, _ROW.id).limit(limit)))


def _deserted(c: Connection, now: datetime, limit: int) -> list[Conversation]:
    row = agent_presence.c
    here = select(row.agent_id).where(
        row.agent_id == _ROW.offered_to, row.until > now, row.presence != Presence.OFFLINE.value
    )
    gone = (_in_state(State.OFFERED), _ROW.offered_to.is_not(None), ~here.exists())
    return _by_holder(_read(c, _locked(*gone).order_by(_ROW.offer_until, _ROW.id).limit(limit)))


def _by_holder(found: list[Conversation]) -> list[Conversation]:
    return sorted(found, key=lambda one: one.holder or "")


def _abandoned(c: Connection, gone_since: datetime, limit: int) -> list[Conversation]:
    here = select(agent_presence.c.agent_id).where(agent_presence.c.until >= gone_since)
    gone = select(agents.c.id).where(agents.c.id.not_in(here))
    long_held = or_(_ROW.held_since.is_(None), _ROW.held_since < gone_since)
    found: list[Conversation] = []
    for state, holder in ((State.ASSIGNED, _ROW.owner_id), (State.OFFERED, _ROW.offered_to)):
        wanted = _locked(_in_state(state), holder.in_(gone), long_held).order_by(_ROW.id)
        found += _read(c, wanted.limit(limit - len(found)))
    return _by_holder(found)


def _asleep(c: Connection, now: datetime, limit: int) -> list[Conversation]:
    over = _locked(_in_state(State.SNOOZED), _ROW.snoozed_until <= now)
    return _read(c, over.order_by(_ROW.snoozed_until, _ROW.id).limit(limit))


def _overdue(
    c: Connection, queue: str, waiting_before: datetime, limit: int, after: Conversation | None
) -> list[Conversation]:
    """Each priority is one short range of the queue's index: what was looked at already is not read again."""
    found: list[Conversation] = []
    for priority in sorted(Priority, reverse=True):
        wanted = [_WAITING, _ROW.queue == queue, _ROW.priority == int(priority), _ROW.waiting_since < waiting_before]
        if after is not None and priority >= after.priority:
            if priority > after.priority:
                continue
            wanted += _behind(after)
        late = select(conversations).where(*wanted).order_by(_ROW.waiting_since, _ROW.id)
        found += _read(c, late.limit(limit - len(found)))
        if len(found) == limit:
            break
    return found


def _behind(one: Conversation) -> tuple[ColumnElement[bool], ...]:
    since = _ROW.waiting_since
    return (since >= one.waiting_since, or_(since > one.waiting_since, _ROW.id > one.id))


def _page_at() -> ColumnElement[str]:
    """The text of the instant of the next call that was fixed in an earlier queue."""
    at: ColumnElement[str] = _ROW.attributes[(PAGES, NEXT_PAGE)].as_string()
    return at


def _escalating(c: Connection, queues: Sequence[str], now: str, limit: int) -> list[Conversation]:
    """By what was kept from earlier queues; of what is offered also whatever may be called for in its own."""
    kept = _page_at() <= now
    wished = _ROW.attributes[PAGE].as_string().is_not(None)
    offered = and_(_in_state(State.OFFERED), _ROW.offered_to.is_not(None))
    found = _read(c, select(conversations).where(_WAITING, kept).order_by(_page_at(), _ROW.id).limit(limit))
    own = or_(kept, wished, _ROW.queue.in_(queues))
    return found + _read(
        c, select(conversations).where(offered, own).order_by(_ROW.waiting_since, _ROW.id).limit(limit)
    )


def _claim_unheld(c: Connection, ids: Sequence[str]) -> list[Conversation]:
    unheld = or_(_WAITING, _in_state(State.OFFERED))
    return _read(c, _locked(_ROW.id.in_(ids), unheld).order_by(_ROW.id)) if ids else []


def _claim(c: Connection, queue: str, ids: Sequence[str]) -> list[Conversation]:
    return _read(c, _locked(_ROW.id.in_(ids), _ROW.queue == queue, _WAITING).order_by(_ROW.id)) if ids else []


# -- counts ------------------------------------------------------------------------------------------------------------


def _queue_counts(c: Connection) -> dict[str, tuple[int, datetime | None]]:
    counted = select(_ROW.queue, func.count(), func.min(_ROW.waiting_since)).where(_WAITING).group_by(_ROW.queue)
    return {queue: (count, oldest) for queue, count, oldest in c.execute(counted)}


_EACH_QUEUE = text(
    "WITH RECURSIVE named (queue) AS (SELECT min(queue) FROM conversations WHERE state = 'waiting' UNION ALL"
    " SELECT (SELECT min(c.queue) FROM conversations AS c WHERE c.state = 'waiting' AND c.queue > named.queue)"
    " FROM named WHERE named.queue IS NOT NULL)"
    " SELECT named.queue, (SELECT min(c.waiting_since) FROM conversations AS c WHERE c.state = 'waiting'"
    " AND c.queue = named.queue AND c.priority = p.priority) AS since"
    " FROM named CROSS JOIN (SELECT 0 AS priority UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS p"
    " WHERE named.queue IS NOT NULL"
)  # jumps from queue to queue in the index of what waits


def _waiting_queues(c: Connection) -> dict[str, datetime]:
    oldest: dict[str, datetime] = {}
    for queue, since in c.execute(_EACH_QUEUE):
        if since is not None:
            oldest[queue] = min(from_micros(since), oldest.get(queue, from_micros(since)))
    return oldest


def _position(c: Connection, conversation: str) -> int | None:
    own = select(_ROW.queue, _ROW.priority, _ROW.waiting_since, _ROW.id).where(_ROW.id == conversation, _WAITING)
    mine = c.execute(own).first()
    if mine is None:
        return None
    longer = or_(
        _ROW.waiting_since < mine.waiting_since, and_(_ROW.waiting_since == mine.waiting_since, _ROW.id < mine.id)
    )
    before = or_(_ROW.priority > mine.priority, and_(_ROW.priority == mine.priority, longer))
    ahead = select(func.count()).select_from(conversations).where(_ROW.queue == mine.queue, _WAITING, before)
    return int(c.execute(ahead).scalar_one()) + 1


class Distribution:
    """The port `Distribution` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def waiting(
        self, queues: Sequence[str], *, limit: int, nobody: Sequence[Need] = (), skip: Sequence[str] = ()
    ) -> list[Conversation]:
        """Claim waiting conversations, highest priority then longest wait first, skipping what others hold locked."""
        return await self._run(lambda c: _waiting(c, queues, limit, _wanted(nobody, skip)))

    async def candidates(self, asked: Asked, *, now: datetime) -> list[Candidate]:
        """Free agents in strategy order, at most 50, as they are seen just now: nothing is locked."""
        return await self._run(lambda c: candidates.free(c, [asked], now)[0])

    async def pools(self, asked: Sequence[Asked], *, now: datetime) -> list[list[Candidate]]:
        """The same for each of many, their loads locked (plain FOR UPDATE). Once in a transaction; may raise `Conflict("retry")`."""
        return await self._run(lambda c: offers.pools(c, asked, now)) if asked else []

    async def offer(self, made: Sequence[Offer], *, now: datetime) -> None:
        """Conversations claimed by `waiting` to agents of their `pools`. Raises `Conflict` ("capacity_full", "moved")."""
        await self._run(lambda c: offers.store(c, made, now))

    async def expired_offers(self, now: datetime, limit: int) -> list[Conversation]:
        """Offers that ran out, locked; by holder, which is the order to move them in."""
        return await self._run(lambda c: _expired(c, now, limit))

    async def deserted_offers(self, now: datetime, limit: int) -> list[Conversation]:
        """Offers to somebody whose presence ran out, locked; by holder, which is the order to move them in."""
        return await self._run(lambda c: _deserted(c, now, limit))

    async def abandoned(self, gone_since: datetime, limit: int) -> list[Conversation]:
        """Work held since before then whose holder's presence ran out before then, locked; by holder, which is the order to move it in."""
        return await self._run(lambda c: _abandoned(c, gone_since, limit))

    async def asleep(self, now: datetime, limit: int) -> list[Conversation]:
        """Snoozed conversations whose time has come, locked."""
        return await self._run(lambda c: _asleep(c, now, limit))

    async def overdue_in_queue(
        self, queue: str, waiting_before: datetime, limit: int, *, after: Conversation | None = None
    ) -> list[Conversation]:
        """Waiting in that queue since before then, not locked: the most urgent first, then the longest wait."""
        return await self._run(lambda c: _overdue(c, queue, waiting_before, limit, after))

    async def claim(self, queue: str, ids: Sequence[str]) -> list[Conversation]:
        """Those of them that wait in that queue, locked, skipping what others hold locked."""
        return await self._run(lambda c: _claim(c, queue, ids))

    async def escalating(self, queues: Sequence[str], now: datetime, limit: int) -> list[Conversation]:
        """Nobody took them, and somebody may have to be called now although they left a queue or are offered; not locked."""
        return await self._run(lambda c: _escalating(c, queues, sortable_text(now), limit))

    async def claim_unheld(self, ids: Sequence[str]) -> list[Conversation]:
        """Those of them that wait or are offered, locked, skipping what others hold locked."""
        return await self._run(lambda c: _claim_unheld(c, ids))

    async def waiting_queues(self) -> dict[str, datetime]:
        """Since when the first waits, by queue."""
        return await self._run(_waiting_queues)

    async def queue_counts(self) -> dict[str, tuple[int, datetime | None]]:
        """(waiting, oldest waiting_since) by queue."""
        return await self._run(_queue_counts)

    async def position(self, conversation: str) -> int | None:
        """Place in its queue, 1 is next; None when it does not wait."""
        return await self._run(lambda c: _position(c, conversation))
