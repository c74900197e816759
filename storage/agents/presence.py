"""Who is there: presence is a lease, and being on duty is being online with what a queue asks for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from conversation.model.people import Agent, Presence
from conversation.ports.storage.agents import OnDuty, QueueNeeds
from storage.codecs.rows import on_duty_of
from storage.database.upsert import insert_into
from storage.schema.agents import agent_presence


def set_presence(
    c: Connection, dialect: str, agent: str, presence: Presence, *, until: datetime, now: datetime
) -> bool:
    """Write or renew; True when the state changed. Going offline twice does not put the grace time off."""
    row = agent_presence.c
    found = c.execute(select(agent_presence).where(row.agent_id == agent).with_for_update()).mappings().first()
    was = on_duty_of(found) if found else None
    before = was.presence if was is not None and was.until > now else Presence.OFFLINE
    changed = before is not presence
    if presence is Presence.OFFLINE:
        if was is not None and not changed:
            return False
        until = now
    since = now if changed or was is None else was.since
    values = {"presence": presence.value, "until": until, "since": since}
    new = insert_into(dialect, agent_presence).values(agent_id=agent, **values)
    c.execute(new.on_conflict_do_update(index_elements=["agent_id"], set_=values))
    return changed


def lapse(c: Connection, now: datetime) -> list[str]:
    """Whoever ran out becomes offline, counted from then; with several nodes only one of them learns of each agent."""
    row = agent_presence.c
    over = (row.presence != Presence.OFFLINE.value, row.until <= now)
    if c.execute(select(row.agent_id).where(*over).limit(1)).first() is None:
        return []
    gone = update(agent_presence).where(*over).values(presence=Presence.OFFLINE.value, since=row.until)
    return sorted(c.execute(gone.returning(row.agent_id)).scalars())


def on_duty(c: Connection, now: datetime) -> list[OnDuty]:
    """Everybody whose lease lives."""
    row = agent_presence.c
    living = select(agent_presence).where(row.until > now, row.presence != Presence.OFFLINE.value)
    return [on_duty_of(found) for found in c.execute(living.order_by(row.agent_id)).mappings()]


def primary(language: str) -> str:
    """The primary subtag: `zh` of `zh-Hant`."""
    return language.replace("_", "-").split("-", 1)[0].lower()


def serves(agent: Agent, needs: QueueNeeds) -> bool:
    """Named queues override skills."""
    if agent.queues:
        return needs.queue in agent.queues
    return all(skill in agent.skills for skill in needs.skills)


def _languages(agent: Agent, needs: QueueNeeds) -> set[str]:
    languages = {primary(language) for language in agent.languages}
    if needs.languages is None:
        return languages
    asked = {primary(language) for language in needs.languages}
    return languages | {"*"} if not asked or asked & languages else set()


def duty(online: Sequence[Agent], queues: Sequence[QueueNeeds]) -> frozenset[tuple[str, str]]:
    """(queue, language) pairs; "*" where a queue does not go by the conversation's language and somebody serves it."""
    return frozenset(
        (needs.queue, language)
        for needs in queues
        for agent in online
        if serves(agent, needs)
        for language in _languages(agent, needs)
    )
