"""Descriptions of files; the bytes lie in the blob store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from conversation.errors import AttachmentGone, NotFound, Refused
from conversation.model.message import Attachment
from conversation.ports.storage.attachments import StoredAttachment
from storage.codecs.rows import Values, stored_attachment_of
from storage.database.run import Run
from storage.database.upsert import insert_into
from storage.schema.messages import attachments


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is recorded of a file's bytes."""

    id: str
    key: str
    size: int
    sha256: str


def _files(c: Connection, after: str, limit: int) -> list[FileRecord]:
    row = attachments.c
    asked = select(row.id, row.key, row.size, row.sha256).where(row.id > after).order_by(row.id).limit(limit)
    return [FileRecord(*found) for found in c.execute(asked)]


def _values(stored: StoredAttachment) -> Values:
    attachment = stored.attachment
    return {
        "id": attachment.id,
        "key": stored.key,
        "sha256": attachment.sha256 or "",
        "name": attachment.name,
        "type": attachment.type,
        "size": attachment.size,
        "owner": stored.owner,
        "conversation_id": stored.conversation,
        "created_at": stored.created_at,
    }


def _add(c: Connection, stored: StoredAttachment) -> None:
    c.execute(insert(attachments).values(_values(stored)))


def add_new(c: Connection, dialect: str, stored: Sequence[StoredAttachment]) -> set[str]:
    """Those whose id is not there yet; which ids these were."""
    new = insert_into(dialect, attachments).values([_values(one) for one in stored])
    return set(c.execute(new.on_conflict_do_nothing(index_elements=["id"]).returning(attachments.c.id)).scalars())


def _known(c: Connection, ids: Sequence[str]) -> set[str]:
    return set(c.execute(select(attachments.c.id).where(attachments.c.id.in_(ids))).scalars())


def _get(c: Connection, attachment: str) -> StoredAttachment:
    row = c.execute(select(attachments).where(attachments.c.id == attachment)).mappings().first()
    if row is None:
        raise NotFound("there is no such attachment")
    return stored_attachment_of(row)


def _check(stored: StoredAttachment | None, conversation: str, owners: Collection[str]) -> Attachment:
    """One answer for what is not there and what is somebody else's: ids cannot be guessed at."""
    if stored is None or (owners and stored.owner not in owners):
        raise AttachmentGone("there is no such attachment")
    if stored.conversation not in (None, conversation):
        raise Refused("this attachment belongs to another conversation")
    return stored.attachment


def _bind(c: Connection, ids: Sequence[str], conversation: str, owners: Collection[str]) -> list[Attachment]:
    row = attachments.c
    locked = select(attachments).where(row.id.in_(ids)).order_by(row.id).with_for_update()
    found = {stored["id"]: stored_attachment_of(stored) for stored in c.execute(locked).mappings()}
    named = [_check(found.get(attachment), conversation, owners) for attachment in dict.fromkeys(ids)]
    c.execute(update(attachments).where(row.id.in_(list(found))).values(conversation_id=conversation))
    return named


class Attachments:
    """The port `Attachments` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def add(self, stored: StoredAttachment) -> None:
        """Before it is named in any message."""
        await self._run(lambda c: _add(c, stored))

    async def add_new(self, stored: Sequence[StoredAttachment]) -> set[str]:
        """Those whose id is not there yet; which ids these were."""
        return await self._run(lambda c: add_new(c, self._dialect, stored)) if stored else set()

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids are there."""
        return await self._run(lambda c: _known(c, ids))

    async def get(self, attachment: str) -> StoredAttachment:
        """Raises `NotFound`."""
        return await self._run(lambda c: _get(c, attachment))

    async def files(self, *, after: str, limit: int) -> list[FileRecord]:
        """By id, those after one; an empty `after` begins."""
        return await self._run(lambda c: _files(c, after, limit))

    async def bind(
        self, attachments: Sequence[str], *, conversation: str, owner: str | None, account: str | None = None
    ) -> list[Attachment]:
        """Name them in a message of that conversation, in the order given; all of them or, with `Refused`, none.

        `owner` None binds whoever's they are; `account` owns what it brought itself. Naming one twice in the same
        conversation is lawful.
        """
        if not attachments:
            return []
        owners = () if owner is None else tuple(filter(None, (owner, account)))
        return await self._run(lambda c: _bind(c, attachments, conversation, owners))
