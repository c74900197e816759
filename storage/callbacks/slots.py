"""Places in slots: held while a request is being written, then booked. Bookings of one slot wait for one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from conversation.model.callback import CallCapacity, fits
from storage.database.run import Run
from storage.database.upsert import insert_into
from storage.schema.callbacks import callback_bookings, callback_slots

_slot = callback_slots.c
_booked = callback_bookings.c


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What is wanted of a slot."""

    request: str
    queue: str
    at: datetime
    language: str
    capacities: Sequence[CallCapacity]
    per_slot: int | None
    until: datetime
    now: datetime
    instead_of: str | None = None

    @property
    def capacity(self) -> int:
        """What the slot holds at most, in whatever languages."""
        together = sum(one.calls for one in self.capacities)
        return together if self.per_slot is None else min(together, self.per_slot)


def _in_slot(queue: str, at: datetime) -> ColumnElement[bool]:
    return and_(_booked.queue == queue, _booked.at == at)


def _lock(c: Connection, dialect: str, queue: str, at: datetime) -> None:
    """The slot's row, made where it is the first booking."""
    new = insert_into(dialect, callback_slots).values(queue=queue, at=at, taken=0, capacity=0)
    c.execute(new.on_conflict_do_nothing())
    c.execute(select(_slot.taken).where(_slot.queue == queue, _slot.at == at).with_for_update()).one()


def _counted(c: Connection, queue: str, at: datetime) -> dict[str, int]:
    wanted = select(_booked.language, func.count()).where(_in_slot(queue, at)).group_by(_booked.language)
    return {row[0]: row[1] for row in c.execute(wanted)}


def _hold(c: Connection, dialect: str, place: _Place) -> bool:
    wanted, concerned = (place.queue, place.at), _places(c, place.request, place.instead_of or place.request)
    for queue, at in sorted({wanted, *concerned.values()}):  # in one order, whoever exchanges which slot for which
        _lock(c, dialect, queue, at)
    c.execute(delete(callback_bookings).where(_in_slot(*wanted), _booked.held_until <= place.now))
    mine = c.execute(select(callback_bookings).where(_booked.id == place.request)).first()
    if mine is not None and (mine.held_until is None or (mine.queue, mine.at) == wanted):
        _keep(c, place)
        return True
    taken = _counted(c, *wanted)
    with_it = taken | {place.language: taken.get(place.language, 0) + 1}
    if not fits(with_it, place.capacities, place.per_slot):
        return False
    if mine is not None:
        _give_back(c, place.request, (mine.queue, mine.at))
    values = {"id": place.request, "queue": place.queue, "at": place.at, "language": place.language}
    c.execute(insert(callback_bookings).values(held_until=place.until, **values))
    here = (_slot.queue == place.queue, _slot.at == place.at)
    c.execute(update(callback_slots).where(*here).values(taken=sum(with_it.values()), capacity=place.capacity))
    return True


def _keep(c: Connection, place: _Place) -> None:
    """What is held is held for longer; what is booked for good stays as it is."""
    held = (_booked.id == place.request, _booked.held_until < place.until)
    c.execute(update(callback_bookings).where(*held).values(held_until=place.until))


def _confirm(c: Connection, dialect: str, request: str, callback: str) -> tuple[str, datetime] | None:
    places = _places(c, request, callback)
    for queue, at in sorted(set(places.values())):  # in one order, whoever exchanges which slot for which
        _lock(c, dialect, queue, at)
    if request not in places:
        return None
    if request != callback and callback in places:
        _give_back(c, callback, places[callback])
    kept = update(callback_bookings).where(_booked.id == request).values(id=callback, held_until=None)
    return places[request] if c.execute(kept).rowcount else None


def _places(c: Connection, *ids: str) -> dict[str, tuple[str, datetime]]:
    wanted = select(_booked.id, _booked.queue, _booked.at).where(_booked.id.in_(ids))
    return {row.id: (row.queue, row.at) for row in c.execute(wanted)}


def _unbook(c: Connection, dialect: str, callback: str) -> None:
    place = _places(c, callback).get(callback)
    if place is not None:
        _lock(c, dialect, *place)
        _give_back(c, callback, place)


def _give_back(c: Connection, booking: str, place: tuple[str, datetime]) -> None:
    """Under the slot's lock."""
    c.execute(delete(callback_bookings).where(_booked.id == booking))
    left = sum(_counted(c, *place).values())
    c.execute(update(callback_slots).where(_slot.queue == place[0], _slot.at == place[1]).values(taken=left))


def _taken(c: Connection, queue: str, start: datetime, end: datetime, now: datetime) -> dict[datetime, dict[str, int]]:
    living = or_(_booked.held_until.is_(None), _booked.held_until > now)
    wanted = (
        select(_booked.at, _booked.language, func.count())
        .where(_booked.queue == queue, _booked.at >= start, _booked.at < end, living)
        .group_by(_booked.at, _booked.language)
    )
    found: dict[datetime, dict[str, int]] = {}
    for at, language, number in c.execute(wanted):
        found.setdefault(at, {})[language] = number
    return found


class Slots:
    """The part of the port `Callbacks` that is about slots."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def hold(self, request: str, queue: str, at: datetime, **wanted: Any) -> bool:
        """Keep a place in a slot for this request, instead of any it holds; False where the slot is full. Idempotent by request."""
        place = _Place(request=request, queue=queue, at=at, **wanted)
        return await self._run(lambda c: _hold(c, self._dialect, place))

    async def confirm(self, request: str, callback: str) -> tuple[str, datetime] | None:
        """What was held becomes the callback's booking, instead of any it had; None where nothing is held."""
        return await self._run(lambda c: _confirm(c, self._dialect, request, callback))

    async def let_go(self, request: str) -> None:
        """What was only held for this request is free for others; what is booked stays."""
        held = (_booked.id == request, _booked.held_until.is_not(None))
        await self._run(lambda c: c.execute(delete(callback_bookings).where(*held)))

    async def unbook(self, callback: str) -> None:
        """Its place is free for others; harmless where it has none."""
        await self._run(lambda c: _unbook(c, self._dialect, callback))

    async def taken(
        self, queue: str, start: datetime, end: datetime, *, now: datetime
    ) -> Mapping[datetime, Mapping[str, int]]:
        """Places taken in [start, end): by slot, then by language."""
        return await self._run(lambda c: _taken(c, queue, start, end, now))
