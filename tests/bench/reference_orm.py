"""What most applications do: the SQLAlchemy ORM, one unit of work a message, on either database."""

import json
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, Text, UniqueConstraint, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.bench.workload import Plain

BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """The reference's registry."""


class Contact(Base):
    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("channel", "address"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[int]
    address: Mapped[str] = mapped_column(Text)


class Conversation(Base):
    __tablename__ = "conversations"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    queue: Mapped[int] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(Text, default="queued")
    messages: Mapped[int] = mapped_column(default=0)


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("channel", "external_id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    channel: Mapped[int]
    external_id: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    meta: Mapped[str] = mapped_column(Text)


class Outbox(Base):
    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    state: Mapped[str] = mapped_column(Text, default="new")


def _durable(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


async def make(url: str) -> tuple[AsyncEngine, async_sessionmaker[AsyncSession]]:
    """An engine with the reference's tables."""
    engine = create_async_engine(url, pool_size=8) if url.startswith("postgresql") else create_async_engine(url)
    if url.startswith("sqlite"):
        event.listen(engine.sync_engine, "connect", _durable)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return engine, async_sessionmaker(engine, expire_on_commit=False)


async def store(sessions: async_sessionmaker[AsyncSession], row: Plain) -> None:
    """One message, one transaction; a repeat is a unique violation and no error."""
    try:
        async with sessions() as session, session.begin():
            contact = await session.scalar(select(Contact).filter_by(channel=row.channel, address=row.address))
            if contact is None:
                contact = Contact(channel=row.channel, address=row.address)
                session.add(contact)
                await session.flush()
            conversation = await session.scalar(select(Conversation).filter_by(contact_id=contact.id, status="queued"))
            if conversation is None:
                conversation = Conversation(contact_id=contact.id, queue=row.queue)
                session.add(conversation)
            conversation.messages = (conversation.messages or 0) + 1
            await session.flush()
            message = Message(
                conversation_id=conversation.id,
                channel=row.channel,
                external_id=row.external_id,
                body=row.body,
                meta=json.dumps(row.meta),
            )
            session.add(message)
            await session.flush()
            session.add(Outbox(message_id=message.id))
    except IntegrityError:
        return
