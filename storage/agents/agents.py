"""The people who answer: what they can do, how much they hold, whether they are there, and the tokens they come with."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select, text, update

from conversation.errors import Conflict, NotFound
from conversation.model.people import DEFAULT_CAPACITY, Agent, Presence, WorkKind
from conversation.ports.storage.agents import OnDuty, QueueNeeds
from storage.agents.agent_cache import Roster
from storage.agents.presence import duty, lapse, on_duty, set_presence
from storage.codecs.rows import Values, agent_of
from storage.database.run import Run
from storage.database.upsert import Now, ask_instant, insert_into
from storage.schema.agents import (
    agent_languages,
    agent_load,
    agent_presence,
    agent_queues,
    agent_skills,
    agent_tokens,
    agents,
)
from storage.schema.events import counters

Rows = dict[str, list[tuple[str, int]]]
_REVISION = select(counters.c.value).where(counters.c.name == "agents")
_CHANGED = text(
    "INSERT INTO counters (name, value) VALUES ('agents', 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1"
)


# -- read --------------------------------------------------------------------------------------------------------------


def _side(c: Connection, ids: Sequence[str], table: Table, key: str, value: str | None) -> Rows:
    columns = [table.c.agent_id, table.c[key], *([table.c[value]] if value else [])]
    found: Rows = {}
    for row in c.execute(select(*columns).where(table.c.agent_id.in_(ids)).order_by(table.c[key])):
        found.setdefault(row[0], []).append((row[1], row[2] if value else 0))
    return found


def read_agents(c: Connection, *conditions: ColumnElement[bool]) -> list[Agent]:
    """Those who meet the conditions, by name."""
    rows = c.execute(select(agents).where(*conditions).order_by(agents.c.name, agents.c.id)).mappings().all()
    ids = [row["id"] for row in rows]
    languages = _side(c, ids, agent_languages, "language", "level")
    skills = _side(c, ids, agent_skills, "skill", "level")
    queues = _side(c, ids, agent_queues, "queue", None)
    caps = _side(c, ids, agent_load, "kind", "cap")
    return [
        agent_of(
            row,
            languages=dict(languages.get(row["id"], ())),
            skills=dict(skills.get(row["id"], ())),
            queues=[queue for queue, _ in queues.get(row["id"], ())],
            capacity={WorkKind(kind): cap for kind, cap in caps.get(row["id"], ())},
        )
        for row in rows
    ]


def _get(c: Connection, agent: str) -> Agent:
    found = read_agents(c, agents.c.id == agent)
    if not found:
        raise NotFound("there is no such agent")
    return found[0]


def _names(c: Connection, ids: Sequence[str]) -> dict[str, str]:
    return {row.id: row.name for row in c.execute(select(agents.c.id, agents.c.name).where(agents.c.id.in_(ids)))}


def _revision(c: Connection) -> int:
    return int(c.execute(_REVISION).scalar() or 0)


def _by_email(c: Connection, email: str) -> tuple[Agent, str | None] | None:
    found = c.execute(select(agents.c.id, agents.c.password_hash).where(agents.c.email == _plain(email))).first()
    return None if found is None else (_get(c, found.id), found.password_hash)


def _loads(c: Connection) -> dict[tuple[str, WorkKind], tuple[int, int]]:
    return {(row.agent_id, WorkKind(row.kind)): (row.held, row.cap) for row in c.execute(select(agent_load))}


# -- write -------------------------------------------------------------------------------------------------------------


def _plain(email: str) -> str:
    return email.strip().lower()


def _write_sides(c: Connection, agent: Agent) -> None:
    for table in (agent_languages, agent_skills, agent_queues):
        c.execute(delete(table).where(table.c.agent_id == agent.id))
    languages = [{"agent_id": agent.id, "language": name, "level": level} for name, level in agent.languages.items()]
    skills = [{"agent_id": agent.id, "skill": name, "level": level} for name, level in agent.skills.items()]
    queues = [{"agent_id": agent.id, "queue": name} for name in dict.fromkeys(agent.queues)]
    for table, rows in ((agent_languages, languages), (agent_skills, skills), (agent_queues, queues)):
        if rows:
            c.execute(insert(table), rows)


def _values(agent: Agent) -> Values:
    return {
        "email": _plain(agent.email),
        "name": agent.name,
        "role": agent.role.value,
        "disabled": agent.disabled,
    }


def _taken() -> Conflict:
    return Conflict("another agent has this address", code="email_taken")


def _add(c: Connection, dialect: str, now: Now | None, agent: Agent, password_hash: str | None) -> None:
    c.execute(_CHANGED)
    at = agent.created_at or ask_instant(c, dialect, now)
    values = {**_values(agent), "id": agent.id, "password_hash": password_hash, "created_at": at, "idle_since": at}
    new = insert_into(dialect, agents).values(values).on_conflict_do_nothing(index_elements=["email"])
    if not c.execute(new).rowcount:
        raise _taken()
    _write_sides(c, agent)
    caps = {**DEFAULT_CAPACITY, **agent.capacity}
    rows = [{"agent_id": agent.id, "kind": kind.value, "held": 0, "cap": caps[kind]} for kind in sorted(caps)]
    c.execute(insert(agent_load), rows)


def _update(c: Connection, agent: Agent, password_hash: str | None) -> None:
    c.execute(_CHANGED)  # first: whoever changes another agent waits here, holding nothing
    # load before the agent's own row: the order in which moves take them
    _set_caps(c, agent.id, agent.capacity)
    same = select(agents.c.id).where(agents.c.email == _plain(agent.email), agents.c.id != agent.id)
    if c.execute(same).first() is not None:
        raise _taken()
    secret = {} if password_hash is None else {"password_hash": password_hash}
    if not c.execute(update(agents).where(agents.c.id == agent.id).values({**_values(agent), **secret})).rowcount:
        raise NotFound("there is no such agent")
    _write_sides(c, agent)
    if agent.disabled:
        for table in (agent_tokens, agent_presence):
            c.execute(delete(table).where(table.c.agent_id == agent.id))
    elif password_hash is not None:  # whoever had the old password is out
        ours = agent_tokens.c
        c.execute(delete(agent_tokens).where(ours.agent_id == agent.id, ours.kind != "bearer"))


def _set_caps(c: Connection, agent: str, capacity: Mapping[WorkKind, int]) -> None:
    load = agent_load.c
    for kind, cap in sorted(capacity.items()):
        c.execute(update(agent_load).where(load.agent_id == agent, load.kind == kind.value).values(cap=cap))


# -- tokens ------------------------------------------------------------------------------------------------------------


def _living(digest: str, kinds: Sequence[str], now: datetime) -> ColumnElement[bool]:
    row = agent_tokens.c
    return and_(
        row.digest == digest, row.kind.in_(kinds), or_(row.until.is_(None), row.until > now), row.used_at.is_(None)
    )


def _by_token(c: Connection, digest: str, kinds: Sequence[str], now: datetime) -> tuple[Agent, str] | None:
    row = agent_tokens.c
    token = c.execute(select(row.agent_id, row.kind).where(_living(digest, kinds, now))).first()
    if token is None:
        return None
    found = read_agents(c, agents.c.id == token.agent_id, agents.c.disabled.is_(False))
    return (found[0], token.kind) if found else None


def _all_living(c: Connection, digests: Sequence[str], now: datetime) -> dict[str, str]:
    row = agent_tokens.c
    ours = select(row.digest, row.agent_id).join(agents, agents.c.id == row.agent_id)
    alive = and_(or_(row.until.is_(None), row.until > now), row.used_at.is_(None), agents.c.disabled.is_(False))
    return {found.digest: found.agent_id for found in c.execute(ours.where(row.digest.in_(digests), alive))}


def _use_token(c: Connection, digest: str, now: datetime) -> Agent | None:
    row = agent_tokens.c
    used = update(agent_tokens).where(_living(digest, ["login"], now)).values(used_at=now).returning(row.agent_id)
    agent = c.execute(used).scalar()
    if agent is None:
        return None
    found = read_agents(c, agents.c.id == agent, agents.c.disabled.is_(False))
    return found[0] if found else None


class Agents:
    """The port `Agents` of `conversation.ports.storage`. Without `now` the time is the database's."""

    def __init__(self, run: Run, dialect: str, now: Now | None, roster: Roster) -> None:
        self._run = run
        self._dialect = dialect
        self._now = now
        self._roster = roster
        self._changed = False  # what this transaction has not committed is nobody else's to read

    async def add(self, agent: Agent, *, password_hash: str | None) -> None:
        """With a load row for every kind of work. Raises `Conflict("email_taken")`."""
        self._changed = True
        await self._run(lambda c: _add(c, self._dialect, self._now, agent, password_hash))

    async def update(self, agent: Agent, *, password_hash: str | None = None) -> None:
        """Everything but the id; kinds of work that `capacity` does not name keep their cap.

        Lowering a cap evicts nobody. Disabling ends tokens and presence. Raises `NotFound`, `Conflict("email_taken")`.
        """
        self._changed = True
        await self._run(lambda c: _update(c, agent, password_hash))

    async def get(self, agent: str) -> Agent:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, agent))

    async def by_email(self, email: str) -> tuple[Agent, str | None] | None:
        """(agent, password hash), case-insensitive; disabled agents too."""
        return await self._run(lambda c: _by_email(c, email))

    async def find(self, ids: Sequence[str]) -> dict[str, Agent]:
        """Those that exist, by id."""
        if not ids:
            return {}
        return {agent.id: agent for agent in await self._run(lambda c: read_agents(c, agents.c.id.in_(ids)))}

    async def names(self, ids: Sequence[str]) -> dict[str, str]:
        """Names by id, of those that exist; nothing is read for nobody."""
        return await self._run(lambda c: _names(c, ids)) if ids else {}

    async def all(self) -> list[Agent]:
        """By name; as they were read before, where nobody was changed since."""
        if self._changed:
            return await self._run(read_agents)
        # the revision first: what is read after it is at least as new, and what is newer is read again
        revision = await self._run(_revision)
        known = self._roster.at(revision)
        if known is None:
            known = self._roster.keep(revision, await self._run(read_agents))
        return list(known)

    async def revision(self) -> int:
        """Counted in the transaction of every change."""
        return await self._run(_revision)

    async def add_token(self, agent: str, *, digest: str, kind: str, prefix: str, until: datetime | None) -> None:
        """`kind` is bearer, session or login (one-time)."""

        def add(c: Connection) -> None:
            at = ask_instant(c, self._dialect, self._now)
            row = {"digest": digest, "agent_id": agent, "kind": kind, "prefix": prefix, "until": until}
            c.execute(insert(agent_tokens).values(created_at=at, **row))

        await self._run(add)

    async def by_token(self, digest: str, *, kinds: Sequence[str], now: datetime) -> tuple[Agent, str] | None:
        """(agent, kind) of a living token of an enabled agent."""
        return await self._run(lambda c: _by_token(c, digest, kinds, now))

    async def living(self, digests: Sequence[str], *, now: datetime) -> dict[str, str]:
        """Which of these tokens live, and whose they are: agent id by digest. Enabled agents only."""
        return await self._run(lambda c: _all_living(c, digests, now))

    async def use_token(self, digest: str, *, now: datetime) -> Agent | None:
        """Consume a one-time login token."""
        return await self._run(lambda c: _use_token(c, digest, now))

    async def end_token(self, digest: str) -> None:
        """Logout."""
        await self._run(lambda c: c.execute(delete(agent_tokens).where(agent_tokens.c.digest == digest)))

    async def set_presence(self, agent: str, presence: Presence, *, until: datetime, now: datetime) -> bool:
        """Write or renew the lease; True when the state changed. `offline` counts from `now`, whatever `until` says."""
        return await self._run(lambda c: set_presence(c, self._dialect, agent, presence, until=until, now=now))

    async def lapse(self, now: datetime) -> list[str]:
        """Whose presence ran out since the last look: they are offline from the moment at which it did."""
        return await self._run(lambda c: lapse(c, now))

    async def on_duty(self, now: datetime) -> list[OnDuty]:
        """Everybody whose presence lease lives and is not `offline`."""
        return await self._run(lambda c: on_duty(c, now))

    async def duty(self, queues: Sequence[QueueNeeds], now: datetime) -> frozenset[tuple[str, str]]:
        """Which (queue, language) pairs somebody online serves now; (queue, "*") where the conversation's language is not asked."""
        return await self._run(lambda c: duty(_online(c, now), queues))

    async def loads(self) -> dict[tuple[str, WorkKind], tuple[int, int]]:
        """(held, cap) by agent and kind."""
        return await self._run(_loads)


def _online(c: Connection, now: datetime) -> list[Agent]:
    row = agent_presence.c
    there = select(row.agent_id).where(row.presence == Presence.ONLINE.value, row.until > now)
    return read_agents(c, agents.c.disabled.is_(False), agents.c.id.in_(there))
