"""Requests to be called that wait for a one-time code. A try is counted by the statement that looks."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, case, func, or_, select, update

from conversation.model.message import CallbackRequested
from conversation.model.people import Identity
from conversation.model.verification_code import TRIES, WITHIN, PendingCall
from storage.database.bulk_sql import POSTGRESQL
from storage.database.run import Run
from storage.database.upsert import insert_into
from storage.schema.callbacks import call_codes

_row = call_codes.c
_INSTANTS = ("received_at", "slot")
_SENDER = ("channel", "address", "name", "phone")


def _asked_to(asked: CallbackRequested) -> dict[str, Any]:
    stored = {name: value for name, value in asdict(asked).items() if name not in ("sender", "queue", *_INSTANTS)}
    sender = {name: getattr(asked.sender, name) for name in _SENDER}
    instants = {name: at.isoformat() for name in _INSTANTS if (at := getattr(asked, name)) is not None}
    return {**stored, "zones": list(asked.zones), "sender": sender, **instants}


def _asked_from(stored: dict[str, Any]) -> CallbackRequested:
    known = {field.name for field in fields(CallbackRequested)}
    given = {name: value for name, value in stored.items() if name in known}
    given |= {name: datetime.fromisoformat(stored[name]) for name in _INSTANTS if name in stored}
    return CallbackRequested(**given | {"zones": tuple(stored["zones"]), "sender": Identity(**stored["sender"])})


def _code(pending: PendingCall) -> dict[str, Any]:
    """What another code changes."""
    return {
        "carrier": pending.carrier,
        "digest": pending.digest,
        "sent_at": pending.sent_at,
        "until": pending.until,
        "sendings": pending.sendings,
        "tries": pending.tries,
    }


def _pending(row: RowMapping) -> PendingCall:
    given = {name: row[name] for name in ("carrier", "digest", "sent_at", "until", "sendings", "tries")}
    return PendingCall(asked=_asked_from(row["request"]), callback=row["callback_id"], **given)


def _add(c: Connection, dialect: str, pending: PendingCall, now: datetime) -> bool:
    asked = pending.asked
    values = {"id": asked.external_id, "number": asked.number, "request": _asked_to(asked), **_code(pending)}
    ended = or_(_row.until <= now, _row.tries >= TRIES)
    new = insert_into(dialect, call_codes).values(values)
    values_of_request = {
        name: new.excluded[name] for name in ("number", "request", *_code(pending)) if name != "sendings"
    }
    renewed = new.on_conflict_do_update(
        index_elements=[_row.id],
        set_={
            **values_of_request,
            "sendings": case((_row.sent_at > now - WITHIN, _row.sendings + 1), else_=1),
        },  # of one hour
        where=_row.callback_id.is_(None) & ended,
    )
    return bool(c.execute(renewed).rowcount)


def _find(c: Connection, request: str, *, lock: bool = False) -> PendingCall | None:
    wanted = select(call_codes).where(_row.id == request)
    row = c.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    return None if row is None else _pending(row)


def _tried(c: Connection, request: str, now: datetime) -> PendingCall | None:
    good: tuple[ColumnElement[bool], ...] = (_row.id == request, _row.tries < TRIES, _row.until > now)
    counted = update(call_codes).where(*good).values(tries=_row.tries + 1).returning(*call_codes.columns)
    row = c.execute(counted).mappings().first()
    return None if row is None else _pending(row)


class CallCodes:
    """The port `CallCodes`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def add(self, pending: PendingCall, *, now: datetime) -> bool:
        """False, and nothing written, where this request waits already, or was settled."""
        return await self._run(lambda c: _add(c, self._dialect, pending, now))

    async def alone(self, number: str) -> None:
        """Nobody else sends a code to this number until the transaction ends: they are counted."""
        if self._dialect == POSTGRESQL:  # the other has one writer
            wait = select(func.pg_advisory_xact_lock(func.hashtextextended(f"call_codes/{number}", 0)))
            await self._run(lambda c: c.execute(wait))

    async def change(self, pending: PendingCall) -> None:
        """Another code, or another wish, in place of the one before."""
        values = {**_code(pending), "request": _asked_to(pending.asked)}
        statement = update(call_codes).where(_row.id == pending.asked.external_id).values(values)
        await self._run(lambda c: c.execute(statement))

    async def find(self, request: str) -> PendingCall | None:
        """By the request's id."""
        return await self._run(lambda c: _find(c, request))

    async def lock(self, request: str) -> PendingCall | None:
        """By the request's id, locked."""
        return await self._run(lambda c: _find(c, request, lock=True))

    async def tried(self, request: str, *, now: datetime) -> PendingCall | None:
        """Somebody typed a code: counted, and committed whatever it was. None where no code is good any more."""
        return await self._run(lambda c: _tried(c, request, now))

    async def settled(self, request: str, callback: str) -> None:
        """Its code came back, and this is what became of the request."""
        statement = update(call_codes).where(_row.id == request).values(callback_id=callback)
        await self._run(lambda c: c.execute(statement))

    async def sent_to(self, number: str, *, since: datetime) -> int:
        """How many codes left for requests of this number (E.164) since then."""
        left = select(func.coalesce(func.sum(_row.sendings), 0)).where(_row.number == number, _row.sent_at > since)
        return int(await self._run(lambda c: c.execute(left).scalar_one()))
