"""Further addresses of one person on one account: whoever is known by one of them is known by all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Select, case, func, insert, select, update

from conversation.id_generator import new_id
from conversation.model.people import Identity
from storage.database.bulk_sql import STATEMENTS, Insert, pairs
from storage.schema.conversations import conversations
from storage.schema.customers import customers, identities, identity_aliases
from storage.schema.events import audit

Key = tuple[str, str]  # (channel, address)
_insert = Insert(identity_aliases, conflict="(channel, address) DO NOTHING")
_replace = Insert(identity_aliases, conflict="(channel, address) DO UPDATE SET identity_id = excluded.identity_id")


@dataclass(frozen=True, slots=True)
class Same:
    """Which keys stand for which: those of people whom nobody knew by any of their addresses."""

    key: Mapping[Key, Key] = field(default_factory=dict)

    def of(self, key: Key) -> Key:
        """The key under which this person is made known."""
        return self.key.get(key, key)


def settle(c: Connection, people: Sequence[Identity], now: datetime) -> Same:
    """Addresses of known people are added to them; two known ones who turn out to be one become one customer's."""
    groups = _groups(people)
    known = whose(c, {key for group in groups for key in group})
    same: dict[Key, Key] = {}
    for group in groups:
        found = [known[key] for key in group if key in known]
        if not found:
            same |= dict.fromkeys(group, group[0])
            continue
        add(c, (key for key in group if key not in known), found[0][0], now)
        join(c, [customer for _, customer in found], now)
    return Same(same)


def remember(c: Connection, same: Same, made: Mapping[Key, str], now: datetime) -> None:
    """The further addresses of those who are known now; `made` gives identity ids by key."""
    for key, first in sorted(same.key.items()):
        if key != first and first in made:
            add(c, [key], made[first], now)


def whose(c: Connection, keys: Iterable[Key]) -> dict[Key, tuple[str, str]]:
    """(identity, customer) of each key that is known."""
    dialect = c.dialect.name
    rows = c.execute(STATEMENTS[dialect].whose, pairs(dialect, sorted(keys)))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def add(c: Connection, keys: Iterable[Key], identity: str, now: datetime) -> None:
    """These addresses lead to this identity, unless they lead somewhere already."""
    _insert(c, [_row(key, identity, now) for key in keys])


def redirect(c: Connection, key: Key, identity: str, now: datetime) -> None:
    """From now on this address leads to this identity."""
    _replace(c, [_row(key, identity, now)])


def _row(key: Key, identity: str, now: datetime) -> dict[str, object]:
    return {"channel": key[0], "address": key[1], "identity_id": identity, "created_at": now}


def _groups(people: Sequence[Identity]) -> list[list[Key]]:
    """The addresses of each person, the first one first; who shares an address is the same person."""
    groups: list[list[Key]] = []
    for one in people:
        mine = [(one.channel, address) for address in dict.fromkeys((one.address, *one.also))]
        overlapping = [group for group in groups if set(group) & set(mine)]
        groups = [group for group in groups if group not in overlapping]
        groups.append(list(dict.fromkeys([*(key for group in overlapping for key in group), *mine])))
    return groups


def join(c: Connection, people: Iterable[str], now: datetime) -> None:
    """All of these customers become the oldest of them, with every identity and conversation; what was moved is written down."""
    keep, *others = sorted(set(people))
    if not others:
        return
    row = customers.c
    c.execute(select(row.id).where(row.id.in_([keep, *others])).order_by(row.id).with_for_update())
    for other in others:
        moved = {
            table.name: sorted(
                c.execute(
                    update(table).where(table.c.customer_id == other).values(customer_id=keep).returning(table.c.id)
                ).scalars()
            )
            for table in (identities, conversations)
        }
        _inherit(c, keep, other)
        written = {"id": new_id(), "at": now, "actor": "house", "action": "customers.joined", "subject": keep}
        c.execute(insert(audit).values(**written, data={"from": other, **moved}))


def conversations_of(identity: str) -> Select[tuple[str]]:
    """The ids of the conversations of whoever has this identity: the index by which their messages are found."""
    theirs = identities.c.customer_id == conversations.c.customer_id
    return select(conversations.c.id).join(identities, theirs).where(identities.c.id == identity)


def _inherit(c: Connection, keep: str, other: str) -> None:
    """What the older one lacks; what both have stays as the older one has it."""
    old, new = customers.c, select(customers).where(customers.c.id == other).subquery()
    given = {name: func.coalesce(old[name], select(new.c[name]).scalar_subquery()) for name in ("name", "language")}
    source = case((old.language.is_(None), select(new.c.language_source).scalar_subquery()), else_=old.language_source)
    c.execute(update(customers).where(old.id == keep).values(**given, language_source=source))
