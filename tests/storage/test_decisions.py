"""Stored decisions on both databases: read back with the text of their message."""

from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import insert, update

from conversation.id_generator import new_id
from conversation.model.conversation import Conversation, Priority, State
from conversation.model.decision import Decision, ExistingConversation, Facts, Joining, StoredDecision
from conversation.model.message import Message
from storage.codecs.decisions import decision_values
from storage.schema.conversations import decisions
from storage.schema.messages import messages
from storage.store import Store
from tests.storage.makers import NOW, conversation, execute, put, say


def decided(message: Message, at: datetime = NOW) -> StoredDecision:
    existing = ExistingConversation(
        id="m",
        state=State.CLOSED,
        queue="general",
        issue=None,
        language="zh",
        priority=Priority.HIGH,
        owned=False,
        last_activity=NOW,
        closed_at=NOW,
        said=("closed",),
        attributes={"a": 1},
    )
    facts = Facts(
        now=at,
        channel="site",
        kind="webchat",
        text=message.text,
        language="zh",
        language_confidence=0.9,
        intents=("human",),
        customer={"vip": True},
        matters=(existing,),
        on_duty=frozenset({("general", "zh")}),
    )
    decision = Decision(
        joining=Joining.NEW,
        queue="payments",
        priority=Priority.URGENT,
        revision="r1",
        opens=at + timedelta(hours=8),
        due=at,
        open=False,
        replies=("closed",),
        rules=("VIPs",),
        settled_by={"queue": "VIPs"},
    )
    return StoredDecision(
        id=new_id(), conversation=message.conversation, message=message.id, at=at, facts=facts, decision=decision
    )


async def stored(store: Store, where: Conversation, count: int = 1) -> list[StoredDecision]:
    written = await say(store, where, count=count, text="充值不成功")
    made = [decided(message, NOW + timedelta(minutes=number)) for number, message in enumerate(written)]
    await execute(store, insert(decisions), [decision_values(one) for one in made])
    return made


async def test_the_newest_decision_is_read_back_whole(store: Store) -> None:
    one = conversation()
    await put(store, one)
    made = await stored(store, one, 2)
    async with store.read("test") as work:
        assert await work.decisions.latest(one.id) == made[-1]
        assert await work.decisions.latest("nothing") is None


async def test_decisions_stream_in_order_of_id(store: Store) -> None:
    one = conversation()
    await put(store, one)
    made = await stored(store, one, 5)
    async with store.read("test") as work:
        first = await work.decisions.stream(NOW + timedelta(minutes=1), after=None, limit=2)
        rest = await work.decisions.stream(NOW, after=first[-1].id, limit=10)
    assert [*first, *rest] == made[1:]


async def test_text_is_kept_with_the_message_only(store: Store) -> None:
    one = conversation()
    await put(store, one)
    made = (await stored(store, one))[0]
    assert "充值" not in str(decision_values(made)["facts"])
    await execute(store, update(messages).values(text=""))
    async with store.read("test") as work:
        erased = await work.decisions.latest(one.id)
    assert erased is not None
    assert erased.facts.text == ""


def test_what_is_stored_keeps_the_names_of_earlier_releases() -> None:
    """The names of the fields are the form of a stored decision: one that is renamed is not read any more."""
    facts = (
        "now channel kind brand text language language_confidence language_source issue issue_confidence issue_source model"
        " intents claims first_message verified machine customer conversation matters token script rivals wish on_duty"
    )
    known = "id state queue issue language priority owned last_activity closed_at owner_wrote_at said attributes"
    decision = (
        "joining queue priority revision conversation linked moves language language_confidence language_source issue"
        " issue_confidence issue_source open opens due replies labels ask callback webhooks page"
    )

    assert set(facts.split()) <= {one.name for one in fields(Facts)}
    assert set(known.split()) <= {one.name for one in fields(ExistingConversation)}
    assert set(decision.split()) <= {one.name for one in fields(Decision)}
