"""Classifiers of issues with their cards, one of them in use or none; and what agents said conversations are about."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, func, insert, select, text, update

from conversation.errors import NotFound
from conversation.ports.storage.classifiers import Relabel, StoredModel
from storage.codecs.rows import Fields
from storage.database.run import Run
from storage.schema.conversations import conversations, relabels
from storage.schema.messages import messages
from storage.schema.rules import models

_ROW = models.c
_COLUMNS = (_ROW.id, _ROW.trained_at, _ROW.author, _ROW.labels, _ROW.own, _ROW.card, _ROW.active, _ROW.before_id)
_FIRST_WORDS = 3  # inbound messages of a conversation that show what it is about


def _model_of(row: Fields) -> StoredModel:
    return StoredModel(
        id=row["id"],
        trained_at=row["trained_at"],
        author=row["author"],
        labels=row["labels"],
        own=row["own"],
        card=row["card"],
        active=row["active"],
        before=row["before_id"],
    )


def _active(c: Connection) -> StoredModel | None:
    row = c.execute(select(*_COLUMNS).where(_ROW.active)).mappings().first()
    return None if row is None else _model_of(row)


def _all(c: Connection, limit: int) -> list[StoredModel]:
    return [_model_of(row) for row in c.execute(select(*_COLUMNS).order_by(_ROW.id.desc()).limit(limit)).mappings()]


def _get(c: Connection, model: str) -> StoredModel:
    row = c.execute(select(*_COLUMNS).where(_ROW.id == model)).mappings().first()
    if row is None:
        raise NotFound("there is no such model")
    return _model_of(row)


def _weights(c: Connection, model: str) -> bytes:
    found = c.execute(select(_ROW.weights).where(_ROW.id == model)).scalar()
    if found is None:
        raise NotFound("there is no such model")
    return bytes(found)


def _one_by_one(c: Connection) -> None:
    if c.dialect.name == "postgresql":  # two operators at once come one after the other
        c.execute(text("LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE"))


def _activate(c: Connection, model: str) -> StoredModel:
    _one_by_one(c)
    chosen, before = _get(c, model), _active(c)
    if chosen.active:
        return chosen
    c.execute(update(models).where(_ROW.active).values(active=False))
    c.execute(update(models).where(_ROW.id == model).values(active=True, before_id=before.id if before else None))
    return _get(c, model)


def _roll_back(c: Connection) -> StoredModel | None:
    _one_by_one(c)
    active = _active(c)
    if active is None:
        raise NotFound("no model is in use")
    c.execute(update(models).where(_ROW.active).values(active=False))
    if active.before is None:
        return None
    c.execute(update(models).where(_ROW.id == active.before).values(active=True))
    return _get(c, active.before)


def _relabels(c: Connection, after: str | None, limit: int) -> list[Relabel]:
    """The newest word of an agent on each conversation, with what the customer wrote first."""
    newest = (
        select(relabels.c.conversation_id, func.max(relabels.c.id).label("id"))
        .where(relabels.c.issue.is_not(None))
        .group_by(relabels.c.conversation_id)
        .order_by(relabels.c.conversation_id)
        .limit(limit)
    )
    if after is not None:
        newest = newest.where(relabels.c.conversation_id > after)
    chosen = newest.subquery()
    wanted = (
        select(relabels.c.conversation_id, relabels.c.issue, relabels.c.at, conversations.c.language)
        .select_from(relabels.join(chosen, relabels.c.id == chosen.c.id))
        .join(conversations, conversations.c.id == relabels.c.conversation_id)
        .order_by(relabels.c.conversation_id)
    )
    rows = list(c.execute(wanted).mappings())
    texts = _first_words(c, [row["conversation_id"] for row in rows])
    return [
        Relabel(
            conversation=row["conversation_id"],
            issue=row["issue"],
            language=row["language"],
            at=row["at"],
            texts=tuple(texts.get(row["conversation_id"], ())),
        )
        for row in rows
    ]


def _first_words(c: Connection, wanted: Sequence[str]) -> Mapping[str, list[str]]:
    row = messages.c
    place = func.row_number().over(partition_by=row.conversation_id, order_by=row.seq).label("place")
    inbound = and_(row.conversation_id.in_(wanted), row.direction == "in", row.text != "")
    ranked = select(row.conversation_id, row.text, row.seq, place).where(inbound).subquery()
    first = select(ranked).where(ranked.c.place <= _FIRST_WORDS).order_by(ranked.c.conversation_id, ranked.c.seq)
    texts: dict[str, list[str]] = {}
    for found in c.execute(first).mappings():
        texts.setdefault(found["conversation_id"], []).append(found["text"])
    return texts


class Models:
    """The port `Models` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def add(self, model: StoredModel, weights: bytes) -> None:
        """Keep it; it is not in use yet."""
        row = {
            "id": model.id,
            "trained_at": model.trained_at,
            "author": model.author,
            "labels": model.labels,
            "own": model.own,
            "card": dict(model.card),
            "weights": weights,
        }
        await self._run(lambda c: c.execute(insert(models).values(row)))

    async def active(self) -> StoredModel | None:
        """The one in use."""
        return await self._run(_active)

    async def get(self, model: str) -> StoredModel:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, model))

    async def all(self, limit: int = 50) -> list[StoredModel]:
        """Newest first."""
        return await self._run(lambda c: _all(c, limit))

    async def weights(self, model: str) -> bytes:
        """Its bytes. Raises `NotFound`."""
        return await self._run(lambda c: _weights(c, model))

    async def activate(self, model: str) -> StoredModel:
        """Use this one from now on. Raises `NotFound`."""
        return await self._run(lambda c: _activate(c, model))

    async def roll_back(self) -> StoredModel | None:
        """Use the one that was in use before, or none; which one that is. Raises `NotFound` where none is in use."""
        return await self._run(_roll_back)

    async def relabels(self, *, after: str | None, limit: int) -> list[Relabel]:
        """What agents said, in order of conversation: the newest word on each."""
        return await self._run(lambda c: _relabels(c, after, limit))
