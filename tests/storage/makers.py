"""Rows to start from: conversations, agents and identities as other rooms would have made them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert

from conversation.id_generator import new_id
from conversation.model.conversation import Conversation, State, reference_of
from conversation.model.message import Author, AuthorKind, Direction, Message, Status
from conversation.model.people import Agent, Customer, Identity, Presence, WorkKind
from storage.codecs.rows import conversation_values, message_values
from storage.schema.conversations import conversations
from storage.schema.messages import messages
from storage.store import Store

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
_numbers = count(1)


def conversation(**values: Any) -> Conversation:
    identifier = new_id()
    given: dict[str, Any] = {
        "id": identifier,
        "reference": reference_of(identifier),
        "customer": "nobody",
        "state": State.WAITING,
        "queue": "general",
        "kind": WorkKind.CHAT,
        "channel": "site",
        "channels": ("site",),
        "created_at": NOW,
        "updated_at": NOW,
        "waiting_since": NOW,
    }
    return Conversation(**(given | values))


def message(where: Conversation, **values: Any) -> Message:
    given: dict[str, Any] = {
        "id": new_id(),
        "conversation": where.id,
        "seq": 0,
        "direction": Direction.OUT,
        "author": Author(kind=AuthorKind.AGENT, id="agent", name="Anna"),
        "text": "hello",
        "created_at": NOW,
        "channel": "site",
        "status": Status.QUEUED,
    }
    return Message(**(given | values))


async def execute(store: Store, statement: Any, *rows: Any) -> Any:
    async with store.begin("test") as work:
        return await work._run(lambda c: c.execute(statement, *rows))


async def put(store: Store, *made: Conversation) -> None:
    await execute(store, insert(conversations), [conversation_values(one) for one in made])


async def say(store: Store, where: Conversation, *, count: int = 1, **values: Any) -> list[Message]:
    """Inbound messages as the intake would have stored them."""
    inbound = {"direction": Direction.IN, "status": Status.RECEIVED, "author": Author(kind=AuthorKind.CUSTOMER)}
    said = [message(where, seq=seq, **(inbound | values)) for seq in range(1, count + 1)]
    await execute(store, insert(messages), [message_values(one) for one in said])
    return said


async def hire(
    store: Store,
    name: str = "Anna",
    *,
    capacity: Mapping[WorkKind, int] | None = None,
    online: bool = True,
    until: datetime = NOW + timedelta(hours=1),
    **values: Any,
) -> Agent:
    """An agent, online unless told otherwise."""
    given: dict[str, Any] = {
        "id": new_id(),
        "email": f"{name}.{next(_numbers)}@example.com",
        "name": name,
        "created_at": NOW,
    }
    agent = Agent(**(given | {"capacity": dict(capacity or {})} | values))
    async with store.begin("test") as work:
        await work.agents.add(agent, password_hash=None)
        if online:
            await work.agents.set_presence(agent.id, Presence.ONLINE, until=until, now=NOW)
    return agent


async def meet(store: Store, address: str = "visitor", channel: str = "site", name: str | None = None) -> Identity:
    """A customer with one identity."""
    async with store.begin("test") as work:
        stranger = Identity(channel=channel, address=address, name=name)
        return await work.customers.add_identity(stranger, customer=Customer(id=new_id(), name=name, created_at=NOW))


async def held(store: Store, agent: Agent, kind: WorkKind = WorkKind.CHAT) -> int:
    async with store.read("test") as work:
        return (await work.agents.loads())[agent.id, kind][0]


def rows_of(c: Connection, statement: Any) -> list[Any]:
    return list(c.execute(statement).mappings())
