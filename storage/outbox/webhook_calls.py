"""Calls of webhooks in the outbox: which wait, which cannot leave from here, which waited too long, which came to nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, text, update

from conversation.model.ids import first_id
from conversation.model.outbound import CALL_EXPIRES, Effect, OutboxState, WebhookCall
from storage.schema.delivery import outbox

_ROW = outbox.c
_UNSETTLED = text("state IN ('queued', 'sending', 'uncertain', 'parked')")  # spelled as in the partial index
_STUCK = (OutboxState.QUEUED.value, OutboxState.UNCERTAIN.value, OutboxState.PARKED.value)
_IS_CALL = _ROW.effect == Effect.WEBHOOK.value
_MICROSECOND = timedelta(microseconds=1)
# a call expires whatever it waits for; rows of earlier versions have no instant of their own
NOT_EXPIRED = f"(o.effect = 'message' OR coalesce(o.give_up_at, o.created_at + {CALL_EXPIRES // _MICROSECOND}) > :now)"


def _calls(*wanted: ColumnElement[bool]) -> Select[Any]:
    return select(outbox).where(_IS_CALL, *wanted)


def _read(c: Connection, wanted: Select[Any]) -> list[WebhookCall]:
    return [
        WebhookCall(
            id=row["id"],
            webhook=row["target"],
            conversation=row["conversation_id"],
            type=str(row["body"].get("type", "")),
            state=OutboxState(row["state"]),
            created_at=row["created_at"],
            attempts=row["attempts"],
            epoch=row["epoch"],
            error=row["error"],
        )
        for row in c.execute(wanted).mappings()
    ]


def unacknowledged(c: Connection, limit: int) -> list[WebhookCall]:
    """On their way, oldest first."""
    return _read(c, _calls().where(_UNSETTLED).order_by(_ROW.id).limit(limit))


def failed(c: Connection, since: datetime, limit: int) -> list[WebhookCall]:
    """Those that came to nothing, newest first."""
    wanted = _calls(_ROW.id >= first_id(since), _ROW.state == OutboxState.FAILED.value)
    return _read(c, wanted.order_by(_ROW.id.desc()).limit(limit))


def expired(c: Connection, now: datetime, limit: int) -> list[WebhookCall]:
    """Those that waited too long and are not being sent at the moment."""
    over = or_(
        and_(_ROW.give_up_at.is_not(None), _ROW.give_up_at <= now),
        and_(_ROW.give_up_at.is_(None), _ROW.created_at <= now - CALL_EXPIRES),
    )
    return _read(c, _calls(_ROW.state.in_(_STUCK), over).where(_UNSETTLED).order_by(_ROW.id).limit(limit))


def unserved(c: Connection, served: Sequence[str], before: datetime, limit: int) -> list[WebhookCall]:
    """Queued since before then for none of these webhooks, and no reason is noted yet."""
    wanted = _calls(
        _ROW.state == OutboxState.QUEUED.value,
        _ROW.error.is_(None),
        _ROW.created_at <= before,
        _ROW.target.not_in(list(served)),
    )
    return _read(c, wanted.where(_UNSETTLED).order_by(_ROW.id).limit(limit))


def note(c: Connection, call: WebhookCall, error: str) -> bool:
    """Say why it waits, where it is still as it was read."""
    return _change(c, call, {"error": error})


def give_up(c: Connection, call: WebhookCall, error: str, now: datetime) -> bool:
    """It never leaves by itself, where it is still as it was read."""
    values = {"state": OutboxState.FAILED.value, "error": error, "finished_at": now, "epoch": _ROW.epoch + 1}
    return _change(c, call, values)


def _change(c: Connection, call: WebhookCall, values: dict[str, Any]) -> bool:
    same = (_ROW.id == call.id, _ROW.epoch == call.epoch, _ROW.state == call.state.value)
    return c.execute(update(outbox).where(*same).values(**values)).rowcount == 1
