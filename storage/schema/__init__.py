"""The tables. Ids are UUIDv7 as text, instants are integers (microseconds since 1970 in UTC): the same on both databases.

No foreign keys on the hot tables (messages, decisions, events, outbox): they would cost a row lock each and all their rows are
written by `storage` in the transaction that wrote what they point to. Ownership and capacity are held by constraints.

One module a noun; the names of the modules are those of the rooms of `storage`.
"""

from storage.schema import (
    agents,
    backfills,
    callbacks,
    compatibility,
    conversations,
    customers,
    delivery,
    events,
    intake,
    messages,
    rules,
)
from storage.schema.types import metadata

__all__ = [
    "agents",
    "backfills",
    "callbacks",
    "compatibility",
    "conversations",
    "customers",
    "delivery",
    "events",
    "intake",
    "messages",
    "metadata",
    "rules",
]
