"""Agents' load: how much of each kind of work somebody holds. It moves with conversations and never above a cap."""

from datetime import datetime

from sqlalchemy import Connection, and_, update

from conversation.errors import Conflict, Refused
from conversation.model.conversation import Conversation
from conversation.model.people import WorkKind
from storage.schema.agents import agent_load, agents

Holding = tuple[str, WorkKind]


def holding(conversation: Conversation) -> Holding | None:
    """Whose capacity it takes, and of which kind."""
    return (conversation.holder, conversation.kind) if conversation.holder else None


def shift(c: Connection, before: Conversation, after: Conversation) -> None:
    """From the old holder to the new one, both or neither. The conversation must be locked; rows are taken by agent id.

    Raises `Conflict` when the new holder has no room.
    """
    gone, came = holding(before), holding(after)
    if gone == came:
        return
    steps = sorted((whose, step) for whose, step in ((gone, -1), (came, 1)) if whose is not None)
    done: list[tuple[Holding, int]] = []
    for whose, step in steps:
        if not _change(c, whose, step):
            for other, taken in done:
                _change(c, other, -taken, checked=False)
            raise Conflict("this agent holds as much work of this kind as they may", code="capacity_full")
        done.append((whose, step))


def _change(c: Connection, whose: Holding, step: int, *, checked: bool = True) -> bool:
    agent, kind = whose
    load = agent_load.c
    where = and_(load.agent_id == agent, load.kind == kind.value)
    if step > 0 and checked:
        where = and_(where, load.held < load.cap)
    changed = c.execute(update(agent_load).where(where).values(held=load.held + step)).rowcount
    if not changed and step < 0:
        raise Refused(f"agent {agent} has no load of kind {kind.value} to give back")
    return bool(changed)


def remember_turns(c: Connection, before: Conversation, after: Conversation) -> None:
    """What the strategies go by: since when somebody is idle, when somebody was last offered work."""
    turns: dict[str, dict[str, datetime]] = {}
    if before.holder is not None and before.holder != after.holder:
        turns.setdefault(before.holder, {})["idle_since"] = after.updated_at
    if after.offered_to is not None and after.offered_to != before.offered_to:
        turns.setdefault(after.offered_to, {})["last_offered_at"] = after.updated_at
    for agent, values in sorted(turns.items()):
        c.execute(update(agents).where(agents.c.id == agent).values(values))
