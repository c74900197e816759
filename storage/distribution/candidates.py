"""Free agents for many conversations at once, each in the order of its strategy: one statement, whatever is asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, TextClause, text

from conversation.model.people import Presence
from conversation.ports.storage.distribution import Asked, Candidate
from storage.agents.presence import primary
from storage.database.bulk_sql import POSTGRESQL, Given
from storage.schema.types import from_micros, to_micros

_MOST = 50  # more than a distributor's batch: one batch cannot fill all of them

# `place` joins what belongs to one conversation asked for; `languages` and `skills` there count its rows in the other tables.
# `wanted`: the agent must speak one of these; `own`: it is the conversation's own language, for which a level counts first
_SOURCES = {
    name: Given(name, columns)
    for name, columns in (
        (
            "asked",
            {"place": "integer", "queue": "text", "kind": "text", "strategy": "text"}
            | {"languages": "integer", "skills": "integer"},
        ),
        ("languages", {"place": "integer", "language": "text", "own": "integer", "wanted": "integer"}),
        ("skills", {"place": "integer", "skill": "text"}),
        ("passed", {"place": "integer", "agent": "text"}),
    )
}
# `zh` and `zh-Hant` are one language here
_PRIMARY = {
    POSTGRESQL: "split_part(language, '-', 1)",
    "sqlite": "substr(language, 1, instr(language || '-', '-') - 1)",
}
# instants and shares are numbers, so that one expression orders by any strategy; a plug-in gets the least busy first and orders
# them itself
_TURN = """CASE g.strategy
      WHEN 'longest_idle' THEN 0
      WHEN 'round_robin' THEN COALESCE(a.last_offered_at, -1)
      ELSE CAST(l.held AS double precision) / l.cap
    END, CASE g.strategy WHEN 'round_robin' THEN 0 ELSE a.idle_since END, a.id"""
# named queues override skills
_FREE = """
WITH g AS ({asked}), t AS ({languages}), s AS ({skills}), x AS ({passed}),
spoken AS (
  SELECT t.place, e.agent_id,
    max(CASE t.own WHEN 1 THEN e.level END) AS own, max(CASE t.wanted WHEN 1 THEN e.level END) AS wanted
  FROM t JOIN (SELECT agent_id, level, {primary} AS language FROM agent_languages) AS e ON e.language = t.language
  GROUP BY t.place, e.agent_id
), skilled AS (
  SELECT s.place, e.agent_id, min(e.level) AS weakest, count(*) AS has
  FROM s JOIN agent_skills AS e ON e.skill = s.skill GROUP BY s.place, e.agent_id
), found AS (
  SELECT g.place, a.id AS agent, l.held, l.cap, a.idle_since, a.last_offered_at,
    COALESCE(spoken.own, spoken.wanted, 0) AS level, COALESCE(skilled.weakest, 0) AS skill,
    row_number() OVER (PARTITION BY g.place ORDER BY {turn}) AS turn
  FROM g
  JOIN agent_load AS l ON l.kind = g.kind AND l.held < l.cap
  JOIN agent_presence AS p ON p.agent_id = l.agent_id AND p.presence = :online AND p.until > :now
  JOIN agents AS a ON a.id = l.agent_id AND NOT a.disabled
  LEFT JOIN spoken ON spoken.place = g.place AND spoken.agent_id = a.id
  LEFT JOIN skilled ON skilled.place = g.place AND skilled.agent_id = a.id
  LEFT JOIN agent_queues AS named ON named.agent_id = a.id AND named.queue = g.queue
  LEFT JOIN x ON x.place = g.place AND x.agent = a.id
  WHERE x.agent IS NULL AND (g.languages = 0 OR spoken.wanted IS NOT NULL) AND (named.queue IS NOT NULL
    OR COALESCE(skilled.has, 0) = g.skills AND NOT EXISTS (SELECT 1 FROM agent_queues AS q WHERE q.agent_id = a.id))
)
SELECT place, agent, held, cap, idle_since, last_offered_at, level, skill FROM found WHERE turn <= :most ORDER BY place, turn
"""


def _statement(dialect: str) -> TextClause:
    sources = {name: f"SELECT * FROM {source.table(dialect)}" for name, source in _SOURCES.items()}
    return text(_FREE.format(primary=_PRIMARY[dialect], turn=_TURN, **sources))


_STATEMENTS = {dialect: _statement(dialect) for dialect in (POSTGRESQL, "sqlite")}


def free(c: Connection, asked: Sequence[Asked], now: datetime) -> list[list[Candidate]]:
    """At most 50 for each, in the order of its strategy, as they are seen just now: nothing is locked."""
    dialect = c.dialect.name
    given: dict[str, Any] = {"now": to_micros(now), "online": Presence.ONLINE.value, "most": _MOST}
    for name, rows in _rows(asked).items():
        given |= _SOURCES[name].parameters(dialect, rows)
    found: list[list[Candidate]] = [[] for _ in asked]
    for row in c.execute(_STATEMENTS[dialect], given).mappings():
        found[row["place"]].append(_candidate(row))
    return found


def _candidate(row: RowMapping) -> Candidate:
    offered = row["last_offered_at"]
    return Candidate(
        agent=row["agent"],
        held=row["held"],
        cap=row["cap"],
        idle_since=from_micros(row["idle_since"]),
        last_offered=None if offered is None else from_micros(offered),
        level=row["level"],
        skill=row["skill"],
    )


def _rows(asked: Sequence[Asked]) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _SOURCES}
    for place, one in enumerate(asked):
        wanted, skills, about = _wanted_languages(one), set(one.needs.skills), one.conversation
        own = {primary(about.language)} if about.language else set()
        rows["asked"].append((place, one.needs.queue, about.kind.value, one.strategy, len(wanted), len(skills)))
        rows["languages"] += [
            (place, language, int(language in own), int(language in wanted)) for language in own | wanted
        ]
        rows["skills"] += [(place, skill) for skill in skills]
        rows["passed"] += [(place, agent) for agent in about.passed]
    return rows


def _wanted_languages(asked: Asked) -> set[str]:
    """Primary subtags of which the agent must speak one; none: any agent will do."""
    if asked.needs.languages is not None:
        return set(map(primary, asked.needs.languages))
    return {primary(asked.conversation.language)} if asked.conversation.language else set()
