"""Many waiting conversations to many agents: agents locked once, then loads, turns and conversations with one statement each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, TextClause, select, text

from conversation.errors import Conflict
from conversation.model.conversation import Conversation
from conversation.ports.storage.distribution import Asked, Candidate, Offer
from storage.database.bulk_sql import POSTGRESQL, Given, ids, to_json
from storage.distribution import candidates
from storage.schema.agents import agent_load
from storage.schema.types import to_micros

_Load = tuple[str, str]  # agent, kind of work
_NO_CAPACITY = (0, 0)


def pools(c: Connection, asked: Sequence[Asked], now: datetime) -> list[list[Candidate]]:
    """Free agents for each conversation asked for, in strategy order, with their loads locked until the transaction ends.

    All loads are locked by one statement in one order, so that no two distributors can wait for each other in a circle. Raises
    `Conflict("retry")` where everybody found for one of them was filled by others while the locks were waited for.
    """
    by_group = {_group(one): one for one in asked}
    found = dict(zip(by_group, candidates.free(c, list(by_group.values()), now), strict=True))
    if c.dialect.name == POSTGRESQL:
        found = _locked(c, found, by_group)
    return [found[_group(one)] for one in asked]


def _group(asked: Asked) -> tuple[object, ...]:
    """Those for whom the same people come into question, in the same order."""
    one = asked.conversation
    return asked.needs.queue, asked.strategy, one.language, one.kind, one.passed


def _locked(
    c: Connection, found: Mapping[tuple[object, ...], list[Candidate]], asked: Mapping[tuple[object, ...], Asked]
) -> dict[tuple[object, ...], list[Candidate]]:
    loads = {(one.agent, asked[group].conversation.kind.value) for group, free in found.items() for one in free}
    fresh = _lock(c, loads)
    still: dict[tuple[object, ...], list[Candidate]] = {}
    for group, free in found.items():
        kind = asked[group].conversation.kind.value
        loaded = ((one, fresh.get((one.agent, kind), _NO_CAPACITY)) for one in free)  # none: taken from them meanwhile
        seen = [
            one if (one.held, one.cap) == (held, cap) else replace(one, held=held, cap=cap)
            for one, (held, cap) in loaded
        ]
        still[group] = [one for one in seen if one.held < one.cap]
        if free and not still[group]:
            raise Conflict("others were faster", code="retry")
    return still


def _lock(c: Connection, loads: set[_Load]) -> dict[_Load, tuple[int, int]]:
    """(held, cap) as they are now that nobody else can change them."""
    if not loads:
        return {}
    row = agent_load.c
    wanted = select(row.agent_id, row.kind, row.held, row.cap).where(
        row.agent_id.in_(sorted({agent for agent, _ in loads})), row.kind.in_(sorted({kind for _, kind in loads}))
    )
    rows = c.execute(wanted.order_by(row.agent_id, row.kind).with_for_update())
    return {(agent, kind): (held, cap) for agent, kind, held, cap in rows}


# -- writing -----------------------------------------------------------------------------------------------------------


_LOADS = Given("loads", {"agent": "text", "work": "text", "more": "integer"})
_CAPACITY = Given(
    "hands",
    {"conversation": "text", "place": "text", "agent": "text", "passed": "text", "until": "bigint", "at": "bigint"},
)


def _statements(dialect: str) -> tuple[TextClause, TextClause, TextClause]:
    listed = "= ANY(CAST(:ids AS text[]))" if dialect == POSTGRESQL else "IN (SELECT value FROM json_each(:ids))"
    passed = "CAST(hands.passed AS jsonb)" if dialect == POSTGRESQL else "hands.passed"
    return (
        text(
            f"UPDATE agent_load SET held = held + loads.more FROM {_LOADS.table(dialect)}"
            " WHERE agent_id = loads.agent AND kind = loads.work AND held + loads.more <= cap"
        ),
        text(f"UPDATE agents SET last_offered_at = :now WHERE id {listed}"),
        text(
            "UPDATE conversations SET state = 'offered', offered_to = hands.agent, offer_until = hands.until, held_since = hands.at,"
            f" updated_at = CASE WHEN updated_at > hands.at THEN updated_at ELSE hands.at END, passed = {passed}"
            f" FROM {_CAPACITY.table(dialect)} WHERE id = hands.conversation AND state = 'waiting' AND queue = hands.place"
        ),
    )


_STATEMENTS = {name: _statements(name) for name in (POSTGRESQL, "sqlite")}


def store(c: Connection, offers: Sequence[Offer], now: datetime) -> None:
    """All of them or none: agents' loads and turns, and the conversations. Raises `Conflict` ("capacity_full", "moved")."""
    if not offers:
        return
    dialect = c.dialect.name
    fill, turn, hand = _STATEMENTS[dialect]
    taken = Counter((offer.agent, offer.before.kind.value) for offer in offers)
    more = [(agent, kind, count) for (agent, kind), count in sorted(taken.items())]
    if c.execute(fill, _LOADS.parameters(dialect, more)).rowcount != len(more):
        raise Conflict("an agent holds as much work of this kind as they may", code="capacity_full")
    c.execute(turn, {"now": to_micros(now), **ids(dialect, sorted({offer.agent for offer in offers}))})
    rows = [_row(offer.before, offer.after, to_micros(now)) for offer in offers]
    if c.execute(hand, _CAPACITY.parameters(dialect, rows)).rowcount != len(rows):
        raise Conflict("somebody else moved one of these conversations first", code="moved")


def _row(before: Conversation, after: Conversation, now: int) -> tuple[Any, ...]:
    until = None if after.offer_until is None else to_micros(after.offer_until)
    return before.id, before.queue, after.offered_to, to_json(after.passed), until, now
