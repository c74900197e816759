"""What media tell besides messages costs a batch nothing in which nobody tells it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from conversation.model.message import MessageReacted
from conversation.model.people import Identity
from tests.router.flows.stage import Stage, received

BESIDE = ("early_marks", "identity_aliases", "message_parts", "watermarks", "fetches")


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def told(stage: Stage, *events: Any) -> list[str]:
    async with stage.intake(shards=1) as inbox:
        with statements() as seen:
            await inbox.accept(list(events))
    return seen


async def test_plain_messages_ask_no_more_than_they_did(stage: Stage) -> None:
    await stage.write("hello", address="anna")
    one = await told(stage, received("again", address="anna"))
    many = await told(stage, *(received(f"and again {number}", address="anna") for number in range(20)))
    assert len(many) == len(one)
    # a further address and what came too early are looked up within the reads that there were before
    beside = [statement for statement in one if any(table in statement for table in BESIDE)]
    assert len(beside) <= 3
    assert all(statement.lstrip().startswith("SELECT") for statement in beside)
    assert all(any(table in statement for table in ("identities", "messages")) for statement in beside)


async def test_what_is_told_besides_costs_a_statement_for_the_batch_and_not_for_each(stage: Stage) -> None:
    await stage.write("hello", channel="text", external_id="m1", address="anna")
    sender = Identity(channel="text", address="anna")

    def reacted(emoji: str, seconds: int) -> MessageReacted:
        at = stage.clock.now().replace(second=seconds)
        return MessageReacted(channel="text", external_id="m1", sender=sender, emoji=emoji, received_at=at)

    one = await told(stage, reacted("👍", 1))
    many = await told(stage, *(reacted("👍" * number, number + 1) for number in range(1, 20)))
    assert len(many) == len(one)
