"""What media do besides writing: edits, retractions, reactions, echoes, news of contacts; in any order, any number of times."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversation.id_generator import new_id
from conversation.model.conversation import State
from conversation.model.events import EventType
from conversation.model.message import (
    AuthorKind,
    ContactChanged,
    DeliveryReported,
    Direction,
    InboundEvent,
    Message,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageRetracted,
    Status,
)
from conversation.model.outbound import OutboxState
from conversation.model.people import Identity
from tests.fakes import FakeClock
from tests.router.flows.stage import Stage, received

T0 = FakeClock().now()


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def anna(address: str = "anna", **more: Any) -> Identity:
    return Identity(channel="text", address=address, **more)


def wrote(text: str, external_id: str, **more: Any) -> InboundEvent:
    return received(text, channel="text", external_id=external_id, **more)


def edited(text: str, external_id: str, seconds: float, **more: Any) -> MessageEdited:
    return MessageEdited(channel="text", external_id=external_id, text=text, received_at=later(seconds), **more)


def gone(external_id: str) -> MessageRetracted:
    return MessageRetracted(channel="text", external_id=external_id, received_at=later(60), sender=anna())


def reacted(emoji: str | None, external_id: str, seconds: float) -> MessageReacted:
    at = later(seconds)
    return MessageReacted(channel="text", external_id=external_id, sender=anna(), emoji=emoji, received_at=at)


def echoed(text: str, external_id: str, **more: Any) -> MessageEchoed:
    told: dict[str, Any] = {"to": anna(), "received_at": later(5), "author_name": "Shop", **more}
    return MessageEchoed(channel="text", external_id=external_id, text=text, **told)


async def tell(stage: Stage, *events: InboundEvent) -> list[Any]:
    async with stage.intake(shards=1) as inbox:
        accepted: list[Any] = await inbox.accept(list(events))
    return accepted


async def said(stage: Stage) -> list[Message]:
    """Everything, of all conversations."""
    found: list[Message] = []
    async with stage.storage.read("test") as work:
        for event in await work.events.after(0, limit=5000):
            if event.type is EventType.CREATED:
                found += await work.messages.page(event.conversation or "", after=0, limit=100)
    return found


async def only(stage: Stage) -> Message:
    (message,) = await said(stage)
    return message


# -- edits -------------------------------------------------------------------------------------------------------------


async def test_the_newest_edit_is_shown_and_the_first_wording_kept_in_any_order(stage: Stage) -> None:
    await tell(stage, wrote("helo", "m1"))
    await tell(stage, edited("hello there", "m1", 20))
    await tell(stage, edited("hello", "m1", 10))
    await tell(stage, edited("hello there", "m1", 20))
    message = await only(stage)
    assert (message.text, message.first_text, message.edited_at) == ("hello there", "helo", later(20))
    assert len(await stage.events(EventType.CHANGED)) == 1


async def test_an_edit_in_the_batch_of_its_message_counts(stage: Stage) -> None:
    await tell(stage, edited("hello", "m1", 10, sender=anna()), wrote("helo", "m1"))
    message = await only(stage)
    assert (message.text, message.first_text) == ("hello", "helo")


async def test_an_edit_of_what_nobody_knows_is_stored_as_said_and_the_original_comes_behind(stage: Stage) -> None:
    await tell(stage, edited("hello", "m1", 10, sender=anna()))
    assert (await only(stage)).text == "hello"
    await tell(stage, edited("hey", "m1", 5, sender=anna()))
    (again,) = await tell(stage, wrote("helo", "m1"))
    message = await only(stage)
    assert again.duplicate
    assert (message.text, message.first_text, message.direction) == ("hello", "helo", Direction.IN)


async def test_an_edit_of_nobody_is_put_aside_with_its_words(stage: Stage) -> None:
    (answer,) = await tell(stage, edited("hello", "m1", 10))
    (row,) = await stage.quarantined()
    assert (row.id, row.code, row.raw) == (answer.quarantined, "edit_without_sender", b"hello")


# -- retractions -------------------------------------------------------------------------------------------------------


async def test_what_was_taken_back_is_told_by_nothing(stage: Stage) -> None:
    await tell(stage, wrote("my password is tiger", "m1", unsupported="poll", raw=b"tiger in raw"))
    assert [row.raw for row in await stage.quarantined()] == [b"tiger in raw"]
    await tell(stage, edited("tiger!", "m1", 5))
    await tell(stage, gone("m1"))
    await tell(stage, edited("tiger again", "m1", 70), reacted("👍", "m1", 80))
    message = await only(stage)
    assert message.retracted_at == later(60)
    assert "tiger" not in repr(message)
    assert await stage.quarantined() == []
    async with stage.storage.read("test") as work:
        assert "tiger" not in repr(await work.messages.last([message.conversation]))


async def test_a_retraction_that_overtakes_its_message_empties_it_on_arrival(stage: Stage) -> None:
    await tell(stage, gone("m1"))
    await tell(stage, wrote("my password is tiger", "m1"))
    message = await only(stage)
    assert (message.text, message.retracted_at) == ("", later(60))
    await tell(stage, wrote("my password is tiger", "m1"))
    assert (await only(stage)).text == ""


# -- reactions ---------------------------------------------------------------------------------------------------------


async def test_the_newest_reaction_of_each_counts_and_none_takes_it_away(stage: Stage) -> None:
    await tell(stage, wrote("hello", "m1"))
    await tell(stage, reacted("👍", "m1", 10), reacted("❤️", "m1", 20))
    assert [one.emoji for one in (await only(stage)).reactions] == ["❤️"]
    await tell(stage, reacted(None, "m1", 30))
    await tell(stage, reacted("👍", "m1", 10))
    assert [one.emoji for one in (await only(stage)).reactions] == [None]


async def test_a_reaction_that_overtakes_its_message_is_shown_once_it_is_there(stage: Stage) -> None:
    await tell(stage, reacted("👍", "m1", 10))
    await tell(stage, wrote("hello", "m1"))
    assert [(one.by, one.emoji) for one in (await only(stage)).reactions] == [("anna", "👍")]


# -- order -------------------------------------------------------------------------------------------------------------


async def test_one_batch_is_put_in_the_order_of_the_provider(stage: Stage) -> None:
    await tell(
        stage,
        wrote("third", "m10", sent_at=later(1)),
        wrote("of somebody else", "x", address="ben"),
        wrote("first", "m8", sent_at=later(0)),
        wrote("second", "m9", sent_at=later(1)),
    )
    mine = [message for message in await said(stage) if message.external_id != "x"]
    assert [(one.seq, one.text) for one in mine] == [(1, "first"), (2, "second"), (3, "third")]


async def test_what_answers_an_earlier_message_names_it(stage: Stage) -> None:
    await tell(stage, wrote("first", "m1"), wrote("second", "m2", reply_to="m1", album="a1"))
    first, second = await said(stage)
    assert (first.reply_to, second.reply_to, second.album) == (None, "m1", "a1")


# -- echoes ------------------------------------------------------------------------------------------------------------


async def test_what_was_answered_elsewhere_is_kept_and_counts_as_the_answer(stage: Stage) -> None:
    (accepted,) = await tell(stage, wrote("hello", "m1"))
    await tell(stage, echoed("We are on it", "e1"))
    await tell(stage, echoed("We are on it", "e1"))
    conversation = await stage.conversation(accepted.conversation)
    _, answer = await said(stage)
    assert (answer.direction, answer.status, answer.author.kind) == (Direction.OUT, Status.SENT, AuthorKind.AGENT)
    assert (answer.author.id, answer.author.name) == (None, "Shop")
    assert (conversation.owner_wrote_at, conversation.due) == (T0, None)
    assert await stage.outbox() == {}


async def test_an_echo_to_a_stranger_opens_a_conversation_in_which_nobody_waits(stage: Stage) -> None:
    (accepted,) = await tell(stage, echoed("Happy new year", "e1"))
    assert (await stage.conversation(accepted.conversation)).state is State.CLOSED
    (answer,) = await tell(stage, wrote("Thank you, and what about my card?", "m1"))
    assert answer.conversation == accepted.conversation
    assert (await stage.conversation(answer.conversation)).state is State.WAITING


async def answering(stage: Stage, text: str = "We are on it") -> tuple[Message, Any]:
    (accepted,) = await tell(stage, wrote("hello", "m1"))
    agent = await stage.agent(queues=("general",))
    message, _ = await stage.replies.send(agent, accepted.conversation, client_id="r1", text=text)
    return message, agent


async def test_the_echo_of_our_own_message_changes_nothing(stage: Stage) -> None:
    message, _ = await answering(stage)
    await stage.dispatcher.once()
    await tell(stage, echoed("We are on it", f"provider-{message.id}"))
    assert len(await said(stage)) == 2


async def test_an_echo_that_overtakes_our_receipt_is_the_receipt(stage: Stage) -> None:
    message, _ = await answering(stage)
    async with stage.storage.begin("test") as work:
        await work.outbox.claim("me", targets=["text"], limit=9, now=T0, lease=timedelta(minutes=1))
    await tell(stage, echoed("We are  on it", "p-1"))
    (_, mine) = await said(stage)
    assert (mine.id, mine.status, mine.external_id) == (message.id, Status.SENT, "p-1")
    async with stage.storage.begin("test") as work:
        await work.messages.set_status(message.id, Status.SENT, external_ids=["p-1", "p-2"])
    await tell(stage, echoed("it", "p-2"))
    assert len(await said(stage)) == 2


async def test_an_echo_settles_what_was_in_doubt(stage: Stage) -> None:
    message, _ = await answering(stage)
    async with stage.storage.begin("test") as work:
        (row,) = await work.outbox.claim("me", targets=["text"], limit=9, now=T0, lease=timedelta(minutes=1))
        await work.outbox.finish(row, OutboxState.UNCERTAIN, error="no answer")
        await work.messages.set_status(message.id, Status.UNCERTAIN, error="no answer")
    await tell(stage, echoed("We are on it", "p-1"))
    assert ((await said(stage))[1].status, await stage.outbox()) == (Status.SENT, {})


async def test_an_echo_taken_for_somebody_elses_goes_when_our_receipt_claims_it(stage: Stage) -> None:
    message, _ = await answering(stage, "**bold**")
    async with stage.storage.begin("test") as work:
        await work.outbox.claim("me", targets=["text"], limit=9, now=T0, lease=timedelta(minutes=1))
    await tell(stage, echoed("bold, as the medium writes it", "p-1"))
    assert len(await said(stage)) == 3
    async with stage.storage.begin("test") as work:
        await work.messages.set_status(message.id, Status.SENT, external_ids=["p-1"])
    _, mine, other = await said(stage)
    assert (mine.external_id, other.external_id, other.text) == ("p-1", None, "")
    assert other.retracted_at is not None


# -- contacts ----------------------------------------------------------------------------------------------------------


def news(seconds: float, **told: Any) -> ContactChanged:
    return ContactChanged(channel="text", external_id=new_id(), sender=anna(), received_at=later(seconds), **told)


async def identity_of(stage: Stage, message: Message) -> Identity:
    async with stage.storage.read("test") as work:
        return await work.customers.identity(message.identity or "")


async def test_what_waits_for_one_who_blocked_us_fails_at_once_and_a_later_word_lets_us_in_again(stage: Stage) -> None:
    message, _ = await answering(stage)
    await tell(stage, news(10, reachable=False))
    first, mine = await said(stage)
    assert (mine.status, mine.error) == (Status.FAILED, "blocked: the customer has blocked us")
    assert (await identity_of(stage, first)).blocked_at == later(10)
    assert await stage.dispatcher.once() == 0
    assert (await stage.events(EventType.UPDATED))[-1].data["reason"] == "contact"
    await tell(stage, news(5, reachable=True))  # older than the block
    assert (await identity_of(stage, first)).blocked_at is not None
    await tell(stage, news(20, reachable=True))
    assert (await identity_of(stage, first)).blocked_at is None
    assert message.id == mine.id


async def test_who_writes_has_let_us_in_again(stage: Stage) -> None:
    await tell(stage, wrote("hello", "m1"))
    await tell(stage, news(10, reachable=False))
    await tell(stage, wrote("hello again", "m2"))
    assert (await identity_of(stage, (await said(stage))[0])).blocked_at is None


async def test_answers_go_to_a_new_address_and_the_conversation_goes_on(stage: Stage) -> None:
    message, agent = await answering(stage)
    await tell(stage, news(10, new_address="anna2"))
    await stage.dispatcher.once()
    assert [one.to.address for one in stage.channels["text"].sent] == ["anna2"]
    for address in ("anna", "anna2"):
        (answer,) = await tell(stage, wrote("more", f"m-{address}", address=address))
        assert answer.conversation == message.conversation
    await stage.replies.send(agent, message.conversation, client_id="r2", text="again")
    await stage.dispatcher.once()
    assert [one.to.address for one in stage.channels["text"].sent] == ["anna2", "anna2"]
    await tell(stage, news(10, new_address="anna2"))
    assert (await identity_of(stage, message)).address == "anna2"


async def test_a_new_address_that_is_known_already_is_the_same_person(stage: Stage) -> None:
    (one,) = await tell(stage, wrote("hello", "m1"))
    (two,) = await tell(stage, wrote("it is me", "m2", address="anna2"))
    await tell(stage, news(10, new_address="anna2"))
    first, second = await stage.conversation(one.conversation), await stage.conversation(two.conversation)
    assert first.customer == second.customer
    assert first.identity == second.identity


async def test_a_nameless_customer_gets_the_name_that_is_told_and_keeps_it(stage: Stage) -> None:
    await tell(stage, wrote("hello", "m1"))
    for name in ("Anna Berg", "Somebody Else"):
        named = replace(news(10), sender=anna(name=name))
        await tell(stage, named)
    (message,) = await said(stage)
    conversation = await stage.conversation(message.conversation)
    async with stage.storage.read("test") as work:
        customer = await work.customers.get(conversation.customer)
    assert (customer.name, (await identity_of(stage, message)).name) == ("Anna Berg", "Anna Berg")
    assert (await stage.events(EventType.UPDATED))[-1].data["reason"] == "contact"


# -- further addresses -------------------------------------------------------------------------------------------------


async def test_whoever_is_known_by_one_address_is_known_by_all(stage: Stage) -> None:
    (first,) = await tell(stage, wrote("hello", "m1", address="+1555"))
    async with stage.intake(shards=1) as inbox:
        both = wrote("more", "m2")
        told = Identity(channel="text", address="b-suid", also=("+1555",))
        (second,) = await inbox.accept([_from(both, told)])
    (third,) = await tell(stage, wrote("only the other", "m3", address="b-suid"))
    assert first.conversation == second.conversation == third.conversation


async def test_strangers_of_one_batch_who_share_an_address_are_one(stage: Stage) -> None:
    accepted = await tell(
        stage,
        _from(wrote("hello", "m1"), anna("+1555", also=("b-suid",))),
        _from(wrote("hello again", "m2"), anna("b-suid", also=("+1555",))),
    )
    accepted += await tell(stage, wrote("and again", "m3", address="b-suid"))
    assert len({one.conversation for one in accepted}) == 1


async def test_two_who_turn_out_to_be_one_lose_no_conversation(stage: Stage) -> None:
    (one,) = await tell(stage, wrote("hello", "m1", address="+1555"))
    (two,) = await tell(stage, wrote("my card was stolen", "m2", address="b-suid"))
    (three,) = await tell(stage, _from(wrote("hello", "m3"), anna("b-suid", also=("+1555",))))
    found = [await stage.conversation(each.conversation) for each in (one, two, three)]
    assert len({each.customer for each in found}) == 1
    assert one.conversation != two.conversation
    assert (await stage.messages(one.conversation))[0].text == "hello"


def _from(event: Any, sender: Identity) -> InboundEvent:
    changed: InboundEvent = replace(event, sender=sender)
    return changed


# -- watermarks --------------------------------------------------------------------------------------------------------


def read_up_to(seconds: float, status: Status = Status.READ) -> DeliveryReported:
    return DeliveryReported(
        channel="text",
        external_id=new_id(),
        status=status,
        received_at=later(seconds),
        to="anna",
        up_to=later(seconds),
    )


async def test_everything_sent_before_a_watermark_advances_and_nothing_after_it(stage: Stage) -> None:
    message, agent = await answering(stage)
    await stage.dispatcher.once()
    stage.clock.advance(timedelta(seconds=30))
    await stage.replies.send(agent, message.conversation, client_id="r2", text="and more")
    await stage.dispatcher.once()
    await tell(stage, read_up_to(10))
    assert [one.status for one in (await said(stage))[1:]] == [Status.READ, Status.SENT]
    await tell(stage, read_up_to(40, Status.DELIVERED), read_up_to(5))
    assert [one.status for one in (await said(stage))[1:]] == [Status.READ, Status.DELIVERED]


async def test_a_watermark_that_comes_before_our_receipt_is_kept(stage: Stage) -> None:
    message, _ = await answering(stage)
    await tell(stage, read_up_to(10))
    assert (await said(stage))[1].status is Status.QUEUED
    await stage.dispatcher.once()
    assert (await said(stage))[1].status is Status.READ
    assert message.sent_at is None


@pytest.mark.parametrize("times", [1, 3])
async def test_replays_of_everything_change_nothing(stage: Stage, times: int) -> None:
    events = [wrote("helo", "m1"), edited("hello", "m1", 10), reacted("👍", "m1", 20), echoed("Yes?", "e1")]
    for _ in range(times):
        await tell(stage, *events)
    first, answer = await said(stage)
    assert (first.text, first.first_text, len(first.reactions), answer.text) == ("hello", "helo", 1, "Yes?")
