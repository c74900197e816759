"""A batch's two trips: read under lock, then write. Each is one hop; each statement serves the whole batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, update

from conversation.errors import Conflict, Refused
from conversation.id_generator import new_id
from conversation.model.conversation import Conversation
from conversation.model.edits_and_reactions import Afterwards
from conversation.model.message import (
    ContactChanged,
    DeliveryReported,
    Direction,
    Message,
    MessageEchoed,
    MessageReceived,
)
from conversation.model.people import Customer, Identity
from conversation.ports.storage.intake import IntakeWrites, Known, NewsOfContacts
from storage.codecs.decisions import decision_values
from storage.codecs.driver_rows import acquaintance_from, conversation_from
from storage.codecs.outbox import outbox_values
from storage.codecs.rows import conversation_values, customer_values, identity_values, message_of, message_values
from storage.customers import aliases
from storage.customers import contact_changes as contacts
from storage.database.bulk_sql import NEW_IDENTITY, POSTGRESQL, STATEMENTS, Insert, Update, ids, pairs
from storage.database.run import Run
from storage.event_feed import EventFeed
from storage.intake.cursors import write_cursors
from storage.messages import delivery_reports as reports
from storage.messages import echoes
from storage.messages import edits_and_reactions as afterwards
from storage.messages.downloads import fetch_values
from storage.schema.conversations import conversations, decisions
from storage.schema.customers import customers, identities
from storage.schema.delivery import outbox
from storage.schema.messages import fetches, messages
from storage.schema.types import to_micros

_Key = tuple[str, str]  # (channel, address) or (channel, external id)
_People = dict[_Key, tuple[Identity, Customer]]
_KEPT = ("id", "reference", "customer_id", "created_at")  # what never changes in a conversation
_WRITTEN = [c.name for c in conversations.columns if c.name != "held_since"]  # that is kept where holders change

_insert_identities = Insert(identities, NEW_IDENTITY.names)
_insert_customers = Insert(customers)
_insert_conversations = Insert(conversations, _WRITTEN)
_insert_messages = Insert(messages)
_insert_decisions = Insert(decisions)
_insert_outbox = Insert(outbox)
_update_conversations = Update(conversations, [name for name in _WRITTEN if name not in _KEPT])
_update_customers = Update(customers, ["name", "language", "language_source", "verified", "attributes"])
_update_identities = Update(
    identities, ["name", "email", "phone", "verified", "reply_until", "reply_token", "blocked_at"]
)
_insert_fetches = Insert(fetches, conflict="(id) DO NOTHING")


class BatchIntake:
    """The port `Intake`."""

    def __init__(self, run: Run, dialect: str, feed: EventFeed) -> None:
        self._run = run
        self._dialect = dialect
        self._feed = feed

    async def load(self, arrivals: Sequence[MessageReceived], *, reopen_since: datetime, now: datetime) -> list[Known]:
        """One `Known` for each arrival, in order; unknown customers are made, all are locked by id."""
        if not arrivals:
            return []
        return await self._run(lambda c: _load(c, arrivals, reopen_since, now))

    async def store(self, writes: IntakeWrites, *, now: datetime) -> Mapping[str, int]:
        """Write it all; returns the `feed_seq` of each message that got one."""
        given = await self._run(lambda c: _store(c, writes, now))
        self._feed.keep(writes.events, now=now)
        return given

    async def unknown(self, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those (channel, external id) that name no message."""
        return await self._run(lambda c: afterwards.unknown(c, keys))

    async def apply_updates(self, events: Sequence[Afterwards]) -> list[Message]:
        """Edits, retractions and reactions, folded into their messages; those that changed."""
        return await self._run(lambda c: afterwards.apply(c, events))

    async def apply_early_updates(self, keys: Collection[tuple[str, str]]) -> list[Message]:
        """What was reported about these messages before they came; those that changed by it."""
        return await self._run(lambda c: afterwards.apply_early(c, keys))

    async def first_wordings(self, repeated: Sequence[MessageReceived]) -> list[Message]:
        """Originals that come after their edit; the messages that got their first wording, or their files."""
        return await self._run(lambda c: afterwards.first_wordings(c, repeated))

    async def ours(self, echoes_: Sequence[MessageEchoed]) -> tuple[set[tuple[str, str]], list[Message]]:
        """Which (channel, external id) are known, and messages of ours that an echo proved to be sent before their receipt came."""
        return await self._run(lambda c: echoes.ours(c, echoes_))

    async def contact(self, events: Sequence[ContactChanged], *, now: datetime) -> NewsOfContacts:
        """Who cannot be reached any more, or again, and who has a new address."""
        return await self._run(lambda c: contacts.apply(c, events, now))

    async def report(self, reports_: Sequence[DeliveryReported]) -> list[Message]:
        """Statuses move forward only; what is reported of an unknown message is kept for it."""
        return await self._run(lambda c: reports.apply(c, reports_)) if reports_ else []


# -- reading -----------------------------------------------------------------------------------------------------------


def _load(
    connection: Connection, arrivals: Sequence[MessageReceived], reopen_since: datetime, now: datetime
) -> list[Known]:
    same = _settled(connection, arrivals, now)
    senders = _senders(arrivals, same)
    people = _introduce(connection, senders, now)
    new = frozenset(people)
    people |= _lock(connection, [key for key in senders if key not in new], senders, now)
    aliases.remember(connection, same, {key: identity.id for key, (identity, _) in people.items()}, now)
    tokens = {e.token for e in arrivals if e.token}
    old = {customer.id for key, (_, customer) in people.items() if key not in new}
    living = _living(connection, old, tokens, reopen_since)
    stored, early = _stored(connection, {(e.channel, e.external_id) for e in arrivals})
    answer = []
    for event in arrivals:
        key = same.of((event.channel, event.sender.address))
        identity, customer = people[key]
        answer.append(
            Known(
                identity=identity,
                customer=customer,
                conversations=_choose(living, customer.id, event.token),
                duplicate_of=stored.get((event.channel, event.external_id)) if stored else None,
                new=key in new,
                early=(event.channel, event.external_id) in early,
            )
        )
    return answer


def _settled(connection: Connection, arrivals: Sequence[MessageReceived], now: datetime) -> aliases.Same:
    """Most senders have one address only, and nothing is asked."""
    several = {e.channel for e in arrivals if e.sender.also}
    if not several:
        return aliases.Same()
    return aliases.settle(connection, [e.sender for e in arrivals if e.channel in several], now)


def _senders(arrivals: Sequence[MessageReceived], same: aliases.Same) -> dict[_Key, Identity]:
    """By key, as they were reported last, with the farthest end of their windows for answers."""
    senders: dict[_Key, Identity] = {}
    for event in arrivals:
        key = same.of((event.channel, event.sender.address))
        reported = _reported(event, key[1])
        senders[key] = _later(senders[key], reported) if key in senders else reported
    return senders


def _reported(event: MessageReceived, address: str) -> Identity:
    """What an arrival says of its sender, by their settled address. Most say nothing of windows, and are taken as they are."""
    reported = event.sender
    if reported.also or reported.address != address:
        reported = replace(reported, address=address, also=())
    if event.reply_until is None and event.reply_token is None:
        return reported
    return replace(reported, reply_until=event.reply_until, reply_token=event.reply_token)


def _later(before: Identity, reported: Identity) -> Identity:
    until = max(filter(None, (before.reply_until, reported.reply_until)), default=None)
    token = reported.reply_token or before.reply_token
    if (until, token) == (reported.reply_until, reported.reply_token):
        return reported
    return replace(reported, reply_until=until, reply_token=token)


def _introduce(connection: Connection, senders: Mapping[_Key, Identity], now: datetime) -> _People:
    """Insert identities nobody knows, in sorted order; those that were really new, each with its customer, who is not written yet.

    Where another node is first, its row wins: ON CONFLICT waits for its commit and the insert does nothing.
    """
    dialect = connection.dialect.name
    known = {(row[0], row[1]) for row in connection.execute(STATEMENTS[dialect].known, pairs(dialect, sorted(senders)))}
    strangers = [replace(senders[key], id=new_id(), customer=new_id()) for key in sorted(senders.keys() - known)]
    if not strangers:
        return {}
    made = _insert_strangers(connection, strangers, now)
    return {
        (one.channel, one.address): (
            one,
            Customer(id=one.customer, name=one.name, verified=one.verified, created_at=now),
        )
        for one in strangers
        if one.id in made
    }


def _insert_strangers(connection: Connection, strangers: Sequence[Identity], now: datetime) -> set[str]:
    """The ids that were inserted."""
    rows = [identity_values(stranger, now=now) for stranger in strangers]
    if connection.dialect.name != POSTGRESQL:  # one writer: what was not there just now is not there
        _insert_identities(connection, rows)
        return {stranger.id for stranger in strangers}
    arrays = NEW_IDENTITY.arrays(NEW_IDENTITY.encode(rows))
    return set(connection.execute(STATEMENTS[POSTGRESQL].introduce, arrays).scalars())


def _lock(connection: Connection, keys: Sequence[_Key], senders: Mapping[_Key, Identity], now: datetime) -> _People:
    """Lock these people's customers by id. An identity that was joined to somebody else meanwhile is not found: try again."""
    if not keys:
        return {}
    dialect = connection.dialect.name
    found = connection.execute(STATEMENTS[dialect].locked, pairs(dialect, sorted(keys))).all()
    if len(found) != len(keys):
        raise Conflict("a customer was joined to another meanwhile", code="retry")
    people = {(row[0], row[1]): acquaintance_from(row[2:]) for row in found}
    learned = {
        key: reported for key, (known, _) in people.items() if (reported := _learn(known, senders[key])) is not known
    }
    if learned:
        _update_identities(connection, (identity_values(reported, now=now) for reported in learned.values()))
        people |= {key: (reported, people[key][1]) for key, reported in learned.items()}
    return people


def _learn(known: Identity, reported: Identity) -> Identity:
    """What a channel says anew about its sender; a proof once given stays. Who writes has let us in again."""
    learned = _with_window(known, reported)
    if (
        reported.name in (None, known.name)
        and reported.email in (None, known.email)
        and reported.phone in (None, known.phone)
    ) and (known.verified or not reported.verified):
        return learned
    known = learned
    return replace(
        known,
        name=reported.name or known.name,
        email=reported.email or known.email,
        phone=reported.phone or known.phone,
        verified=known.verified or reported.verified,
    )


def _with_window(known: Identity, reported: Identity) -> Identity:
    if reported.reply_until is None and reported.reply_token is None and known.blocked_at is None:
        return known
    until = max(filter(None, (known.reply_until, reported.reply_until)), default=None)
    token = reported.reply_token or known.reply_token
    if (until, token, None) == (known.reply_until, known.reply_token, known.blocked_at):
        return known
    return replace(known, reply_until=until, reply_token=token, blocked_at=None)


def _living(
    connection: Connection, people: Iterable[str], tokens: Iterable[str], since: datetime
) -> dict[str, list[Conversation]]:
    """Open and recently closed conversations by customer, and by id those named by a token; locked."""
    dialect = connection.dialect.name
    found: dict[str, list[Conversation]] = {}
    if customers_ := sorted(people):
        parameters = {**ids(dialect, customers_), "since": to_micros(since)}
        for row in connection.execute(STATEMENTS[dialect].living, parameters):
            conversation = conversation_from(row)
            found.setdefault(conversation.customer, []).append(conversation)
    if named := sorted(tokens):
        for row in connection.execute(STATEMENTS[dialect].named, ids(dialect, named)):
            conversation = conversation_from(row)
            found[conversation.id] = [conversation]
    return found


def _choose(living: Mapping[str, Sequence[Conversation]], customer: str, token: str | None) -> tuple[Conversation, ...]:
    """The customer's own, most recently active first, and the one a token names where it is none of these."""
    mine = living.get(customer, ())
    if len(mine) > 1:
        mine = sorted(mine, key=lambda c: (c.updated_at, c.id), reverse=True)
    if token is None:
        return tuple(mine)
    known = {conversation.id for conversation in mine}
    named = living.get(token, ())
    return (*mine, *(conversation for conversation in named if conversation.id not in known))


def _stored(connection: Connection, keys: Iterable[_Key]) -> tuple[dict[_Key, Message], set[_Key]]:
    """What is stored already by key, and of which keys something was reported before they come."""
    dialect = connection.dialect.name
    found = connection.execute(STATEMENTS[dialect].stored, pairs(dialect, sorted(keys))).mappings().all()
    early = {(row["key_channel"], row["key_external_id"]) for row in found if row["early"]}
    return {(row["channel"], row["external_id"]): message_of(row) for row in found if row["id"]}, early


# -- writing -----------------------------------------------------------------------------------------------------------


def _store(connection: Connection, writes: IntakeWrites, now: datetime) -> dict[str, int]:
    for message in writes.messages:
        if "\0" in message.text:  # SQLite would take it
            raise Refused("a text with NUL in it")
    given = _number(connection, writes)
    _insert_customers(connection, (customer_values(person, now=now) for person in writes.newcomers))
    _insert_conversations(connection, map(conversation_values, writes.created))
    _update_conversations(connection, map(conversation_values, writes.changed))
    _insert_messages(connection, ({**message_values(m), "feed_seq": given.get(m.id)} for m in writes.messages))
    _insert_decisions(connection, map(decision_values, writes.decisions))
    _insert_outbox(connection, (outbox_values(row, at=row.created_at) for row in writes.outbox))
    _update_customers(connection, (customer_values(person, now=now) for person in writes.customers))
    _insert_fetches(connection, (fetch_values(one, now=now) for one in writes.fetches))
    if writes.tokens_used:
        used = identities.c.id.in_(sorted(writes.tokens_used))
        connection.execute(update(identities).where(used).values(reply_token=None))
    write_cursors(connection, writes.cursors, now)
    return given


def _number(connection: Connection, writes: IntakeWrites) -> dict[str, int]:
    """Each identity's own numbers for the messages it may see, in the order of the batch."""
    seen: dict[str, list[str]] = {}
    for message in writes.messages:
        if message.identity in writes.fed and message.identity and message.direction is not Direction.NOTE:
            seen.setdefault(message.identity, []).append(message.id)
    if not seen:
        return {}
    dialect = connection.dialect.name
    counts = [(identity, len(seen[identity])) for identity in sorted(seen)]
    given: dict[str, int] = {}
    for identity, last in connection.execute(STATEMENTS[dialect].fed, pairs(dialect, counts)):
        first = last - len(seen[identity]) + 1
        given.update((message, first + place) for place, message in enumerate(seen[identity]))
    return given
