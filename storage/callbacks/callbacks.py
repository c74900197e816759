"""Calls that customers asked for. No slot is booked beyond its capacity, and nobody is called twice at a time: the tables hold it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, literal, literal_column, or_, select, update

from conversation.errors import Conflict, NotFound
from conversation.model.callback import ASLEEP, Attempt, Callback, CallOutcome, CallState
from conversation.ports.storage.callbacks import BlockedNumber
from storage.callbacks import slots as callback_slots
from storage.database.upsert import insert_into
from storage.schema.callbacks import callback_attempts, callbacks, do_not_call
from storage.schema.conversations import conversations

_row = callbacks.c
_try = callback_attempts.c
# as the indexes of open requests have it: SQLite, where a column of ours gives `open = 1`, would read every request there ever was
_OPEN: ColumnElement[bool] = literal_column("callbacks.open")
_ASLEEP = sorted(state.value for state in ASLEEP)


def _values(one: Callback) -> dict[str, Any]:
    return {
        "id": one.id,
        "conversation_id": one.conversation,
        "channel": one.channel,
        "number": one.number,
        "extension": one.extension,
        "matter": one.matter,
        "zones": list(one.zones),
        "language": one.language,
        "name": one.name,
        "note": one.note,
        "state": one.state.value,
        "open": one.open,
        "slot_at": one.slot_at,
        "slot_end": one.slot_end,
        "slot_local": one.slot_local,
        "due_at": one.due_at,
        "due_since": one.due_since,
        "asked_at": one.asked_at,
        "outcomes": [outcome.value for outcome in one.outcomes],
        "remind_at": one.remind_at,
        "missed": one.missed,
        "consent_at": one.consent_at,
        "version": one.version,
        "updated_at": one.updated_at,
    }


def _callback(row: RowMapping) -> Callback:
    given = {name: row[name] for name in row if name not in ("open", "conversation_id")}
    given |= {
        "conversation": row["conversation_id"],
        "zones": tuple(row["zones"]),
        "state": CallState(row["state"]),
        "outcomes": tuple(CallOutcome(one) for one in row["outcomes"]),
    }
    return Callback(**given)


def _attempt(row: RowMapping) -> Attempt:
    given = {name: row[name] for name in row if name not in ("callback_id", "agent_id", "outcome")}
    outcome = CallOutcome(row["outcome"]) if row["outcome"] else None
    return Attempt(callback=row["callback_id"], agent=row["agent_id"], outcome=outcome, **given)


def _read(c: Connection, *conditions: ColumnElement[bool], order: Any = _row.id, limit: int = 1) -> list[Callback]:
    wanted = select(callbacks).where(*conditions).order_by(order, _row.id).limit(limit)
    return [_callback(row) for row in c.execute(wanted).mappings()]


def _add(c: Connection, dialect: str, one: Callback) -> bool:
    new = insert_into(dialect, callbacks).values(_values(one)).on_conflict_do_nothing()
    return bool(c.execute(new).rowcount)


def _move(c: Connection, before: Callback, after: Callback) -> Callback:
    stored = replace(after, version=before.version + 1)
    still = (_row.id == before.id, _row.version == before.version)
    if not c.execute(update(callbacks).where(*still).values(_values(stored))).rowcount:
        raise Conflict("somebody else changed this request first", code="moved")
    return stored


def _get(c: Connection, callback: str, *, lock: bool = False) -> Callback:
    wanted = select(callbacks).where(_row.id == callback)
    row = c.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    if row is None:
        raise NotFound("there is no such request")
    return _callback(row)


def _of_conversation(c: Connection, conversation: str) -> Callback | None:
    wanted = select(callbacks).where(_row.conversation_id == conversation)
    row = c.execute(wanted.order_by(_row.open.desc(), _row.asked_at.desc(), _row.id.desc()).limit(1)).mappings().first()
    return None if row is None else _callback(row)


def _position(c: Connection, one: Callback, queue: str) -> int:
    there = (_row.conversation_id == conversations.c.id, conversations.c.queue == queue)
    earlier = or_(_row.asked_at < one.asked_at, (_row.asked_at == one.asked_at) & (_row.id < one.id))
    asap = _row.state.in_([CallState.REQUESTED.value, CallState.DUE.value]) & _row.slot_at.is_(None)
    ahead = select(func.count()).select_from(callbacks, conversations).where(_OPEN, *there, asap, earlier)
    return int(c.execute(ahead).scalar_one()) + 1


# -- tries -------------------------------------------------------------------------------------------------------------


def _write_attempt(c: Connection, dialect: str, one: Attempt) -> None:
    values = {
        "id": one.id,
        "callback_id": one.callback,
        "number": one.number,
        "agent_id": one.agent,
        "dialer": one.dialer,
        "created_at": one.created_at,
    }
    if not c.execute(insert_into(dialect, callback_attempts).values(values).on_conflict_do_nothing()).rowcount:
        raise Conflict("this customer is being called", code="on_the_line")


def _claim(c: Connection, attempt: str, now: datetime) -> bool:
    unasked = (_try.id == attempt, _try.dialed_at.is_(None), _try.ended_at.is_(None))
    return bool(c.execute(update(callback_attempts).where(*unasked).values(dialed_at=now)).rowcount)


def _progress(c: Connection, attempt: str, provider_id: str | None, connected_at: datetime | None) -> bool:
    reported = {"provider_id": provider_id, "connected_at": connected_at}
    values = {
        name: func.coalesce(_try[name], literal(value, _try[name].type))
        for name, value in reported.items()
        if value is not None
    }
    living = (_try.id == attempt, _try.ended_at.is_(None))
    return bool(c.execute(update(callback_attempts).where(*living).values(values or {"id": attempt})).rowcount)


def _end(c: Connection, attempt: str, outcome: CallOutcome, now: datetime, note: str | None) -> bool:
    ended = {"ended_at": now, "outcome": outcome.value, "note": note}
    living = (_try.id == attempt, _try.ended_at.is_(None))
    return bool(c.execute(update(callback_attempts).where(*living).values(ended)).rowcount)


def _attempts(c: Connection, *conditions: ColumnElement[bool], limit: int = 1_000) -> list[Attempt]:
    wanted = select(callback_attempts).where(*conditions).order_by(_try.created_at, _try.number).limit(limit)
    return [_attempt(row) for row in c.execute(wanted).mappings()]


class Callbacks(callback_slots.Slots):
    """The port `Callbacks` of `conversation.ports.storage`; slots are in `callback_slots`."""

    async def add(self, callback: Callback) -> bool:
        """False, and nothing written, where this number has an open request of this matter."""
        return await self._run(lambda c: _add(c, self._dialect, callback))

    async def move(self, before: Callback, after: Callback) -> Callback:
        """Write `after` where the row still is `before`, by its version. Raises `Conflict("moved")`."""
        return await self._run(lambda c: _move(c, before, after))

    async def lock(self, callback: str) -> Callback:
        """By id, locked. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, callback, lock=True))

    async def get(self, callback: str) -> Callback:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, callback))

    async def open_of(self, number: str, extension: str, matter: str) -> Callback | None:
        """The open request of this number and matter."""
        same = (_row.number == number, _row.extension == extension, _row.matter == matter, _OPEN)
        return next(iter(await self._run(lambda c: _read(c, *same))), None)

    async def open_with(self, number: str, extension: str) -> list[Callback]:
        """The open requests of this number, of any matter, the oldest first."""
        same = (_row.number == number, _row.extension == extension, _OPEN)
        return await self._run(lambda c: _read(c, *same, order=_row.asked_at))

    async def of_conversation(self, conversation: str) -> Callback | None:
        """The newest request in this conversation; an open one before those that are settled."""
        return await self._run(lambda c: _of_conversation(c, conversation))

    async def position(self, callback: Callback, queue: str) -> int:
        """Its place among the open requests of this queue that wait for a call as soon as possible; 1 is next."""
        return await self._run(lambda c: _position(c, callback, queue))

    async def due(self, now: datetime, limit: int) -> list[Callback]:
        """Those that sleep and whose time has come, oldest first."""
        over = (_OPEN, _row.state.in_(_ASLEEP), _row.due_at <= now)
        return await self._run(lambda c: _read(c, *over, order=_row.due_at, limit=limit))

    async def reminders(self, now: datetime, limit: int) -> list[Callback]:
        """Those whose reminder is to leave now."""
        wanted = (_OPEN, _row.remind_at <= now)
        return await self._run(lambda c: _read(c, *wanted, order=_row.remind_at, limit=limit))

    async def waiting(self, before: datetime, limit: int) -> list[Callback]:
        """Those that are due, not marked as missed, and whose slot was over before then."""
        late = (_OPEN, _row.state == CallState.DUE.value, _row.missed.is_(False), _row.slot_end <= before)
        return await self._run(lambda c: _read(c, *late, order=_row.asked_at, limit=limit))

    async def old(
        self, channel: str | None, before: datetime, limit: int, *, but: Collection[str] = ()
    ) -> list[Callback]:
        """Those of this account that have been due since then or longer; without one, those of all `but` these."""
        since = func.coalesce(_row.due_since, _row.updated_at)
        of = _row.channel == channel if channel is not None else _row.channel.not_in(but)
        forgotten = (_OPEN, of, _row.state == CallState.DUE.value, since <= literal(before, _row.asked_at.type))
        return await self._run(lambda c: _read(c, *forgotten, order=_row.asked_at, limit=limit))

    async def forbidden(self, limit: int) -> list[Callback]:
        """Open ones, not on the line, for numbers that are never to be called."""
        waits = _row.state.in_([*_ASLEEP, CallState.DUE.value])
        wanted = (_OPEN, waits, _row.number.in_(select(do_not_call.c.number)))
        return await self._run(lambda c: _read(c, *wanted, order=_row.number, limit=limit))

    async def in_states(self, states: Collection[CallState], after: str, limit: int) -> list[Callback]:
        """Open ones in these states, by id, above this one."""
        wanted = (_OPEN, _row.state.in_(sorted(state.value for state in states)), _row.id > after)
        return await self._run(lambda c: _read(c, *wanted, limit=limit))

    async def attempt(self, attempt: Attempt) -> None:
        """Write it down before it is dialed. Raises `Conflict("on_the_line")` while another try has not ended."""
        await self._run(lambda c: _write_attempt(c, self._dialect, attempt))

    async def claim(self, attempt: str, *, now: datetime) -> bool:
        """Whether the caller, and nobody else ever, asks the dialer for it."""
        return await self._run(lambda c: _claim(c, attempt, now))

    async def progress(
        self, attempt: str, *, provider_id: str | None = None, connected_at: datetime | None = None
    ) -> bool:
        """What a dialer reports of a call that has not ended; whether it has not."""
        return await self._run(lambda c: _progress(c, attempt, provider_id, connected_at))

    async def end(self, attempt: str, outcome: CallOutcome, *, now: datetime, note: str | None = None) -> bool:
        """It is over; False where it was already."""
        return await self._run(lambda c: _end(c, attempt, outcome, now, note))

    async def attempts(self, callback: str) -> list[Attempt]:
        """All tries, the first first."""
        return await self._run(lambda c: _attempts(c, _try.callback_id == callback))

    async def find_attempt(self, attempt: str) -> Attempt | None:
        """By id."""
        return next(iter(await self._run(lambda c: _attempts(c, _try.id == attempt))), None)

    async def on_the_line(self, before: datetime, limit: int) -> list[Attempt]:
        """Tries written before then that have not ended."""
        living = (_try.ended_at.is_(None), _try.created_at <= before)
        return await self._run(lambda c: _attempts(c, *living, limit=limit))

    async def is_blocked(self, number: str) -> bool:
        """Whether this number (E.164) asked not to be called."""
        wanted = select(do_not_call.c.number).where(do_not_call.c.number == number)
        return await self._run(lambda c: c.execute(wanted).first() is not None)

    async def blocked(self, *, after: str = "", limit: int) -> list[BlockedNumber]:
        """Those that are never called, by number, from behind `after`."""
        row = do_not_call.c
        wanted = select(do_not_call).where(row.number > after).order_by(row.number).limit(limit)
        rows = await self._run(lambda c: c.execute(wanted).all())
        return [BlockedNumber(number=one.number, reason=one.reason, at=one.at) for one in rows]

    async def block(self, number: str, *, reason: str, now: datetime) -> None:
        """Never call it; the first reason stands."""
        new = insert_into(self._dialect, do_not_call).values(number=number, reason=reason, at=now)
        await self._run(lambda c: c.execute(new.on_conflict_do_nothing()))

    async def unblock(self, number: str) -> bool:
        """It may be called again; whether it might not."""
        gone = delete(do_not_call).where(do_not_call.c.number == number)
        return bool(await self._run(lambda c: c.execute(gone).rowcount))
