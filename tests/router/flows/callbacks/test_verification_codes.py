"""A request that waits for a one-time code, on both databases: nothing is work, and nobody is called, before it came back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from conversation.errors import CallbackRefused, Unknown
from conversation.model.callback import CallbackStatus, CallState, SlotQuery
from conversation.model.conversation import State
from conversation.model.people import Identity
from conversation.model.verification_code import IN_CONVERSATION, LIFE, PAUSE, TRIES, CodeSent
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.verification_codes import CodeVerification
from tests.router.flows.callbacks.test_callbacks import HALF, PARIS, asked, monday
from tests.router.flows.stage import CANS, PLAN, Stage

NUMBER = "+33142685300"
BY_TEXT = {"code": "text"}
SAID = {"code": IN_CONVERSATION}

__all__ = ["monday"]  # it is Monday in Paris here, too


@asynccontextmanager
async def door(stage: Stage, **plan: Any) -> AsyncIterator[CodeVerification]:
    """Codes are 000000, 000001 and so on."""
    cans = CANS | {"phone": replace(CANS["phone"], calls=replace(PLAN, **(plan or BY_TEXT)))}
    stage.cans = cans
    numbers = count()
    async with stage.intake() as inbox:
        booking = CallbackBooking(stage.storage, stage.rules, inbox, stage.clock, cans=lambda: cans, ends=stage.ends)
        yield CodeVerification(
            stage.storage, stage.rules, stage.clock, booking, cans=lambda: cans, draw=lambda: f"{next(numbers):06}"
        )


async def waits(calls: CodeVerification, **values: Any) -> CodeSent:
    told = await calls.ask(asked(**values))
    assert isinstance(told, CodeSent)
    return told


async def texts(stage: Stage) -> list[tuple[str, str]]:
    """What left for telephones so far: number and words."""
    while await stage.dispatcher.once():
        pass
    return [(one.to.address, one.text) for one in stage.channels["text"].sent]


async def slots(calls: CodeVerification, limit: int = 1) -> list[datetime]:
    query = SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup")
    return [slot.start for slot in await calls.booking.slots(query, limit=limit)]


async def conversations(stage: Stage) -> int:
    return len(await stage.events())


async def test_a_request_is_taken_when_the_code_that_was_texted_to_its_number_came_back(stage: Stage) -> None:
    await stage.agent(capacity=1, languages={"en": 5, "fr": 5})
    async with door(stage) as calls:
        (slot,) = await slots(calls)
        one = asked(slot=slot, language="fr")
        sent = await calls.ask(one)
        assert isinstance(sent, CodeSent)
        assert (sent.number, sent.until) == (NUMBER, stage.clock.now() + LIFE)
        assert await conversations(stage) == 0
        assert await slots(calls) != [slot]  # it is kept for them meanwhile
        (text,) = await texts(stage)
        assert text[0] == NUMBER
        assert text[1].startswith("000000 est votre code pour être appelé au +33142685300.")

        told = await calls.confirm(sent.request, "000 000")
        again = await calls.confirm(sent.request, "٠٠٠٠٠٠")
        repeated = await calls.ask(one)

    assert (told.callback.state, told.callback.slot_at) == (CallState.SCHEDULED, slot)
    assert isinstance(repeated, CallbackStatus)
    assert again.callback == told.callback == repeated.callback
    assert len(await stage.messages(told.callback.conversation)) == 1
    assert len(await texts(stage)) == 1


async def test_a_code_can_be_guessed_at_a_few_times_only(stage: Stage) -> None:
    await stage.agent()
    async with door(stage) as calls:
        sent = await waits(calls)
        for guess in [*("999999", "", "00000", "0000000", "letters")][:TRIES]:
            with pytest.raises(CallbackRefused, match="code_wrong"):
                await calls.confirm(sent.request, guess)
        with pytest.raises(CallbackRefused, match="code_over"):
            await calls.confirm(sent.request, "000000")
        with pytest.raises(CallbackRefused, match="code_over"):
            await calls.another_code(sent.request)
        with pytest.raises(CallbackRefused, match="code_over"):
            await calls.confirm("nobody asked for this", "000000")
        assert (
            await calls.code_sent(sent.request) == sent
        )  # with what was asked for, so that its form can be shown again
    assert await conversations(stage) == 0


async def test_a_code_ends_gives_the_slot_back_and_the_same_request_gets_another(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        slot = (await slots(calls, 3))[2]
        one = asked(slot=slot)
        sent = await waits(calls, slot=slot, external_id=one.external_id)
        stage.clock.advance(LIFE)
        assert slot in await slots(calls, 5)
        with pytest.raises(CallbackRefused, match="code_over"):
            await calls.confirm(sent.request, "000000")
        other = await calls.ask(one)
        assert isinstance(other, CodeSent)
        with pytest.raises(CallbackRefused, match="code_wrong"):
            await calls.confirm(other.request, "000000")
        told = await calls.confirm(other.request, "000001")
    assert told.callback.slot_at == slot


async def test_a_repeat_sends_no_second_code_and_another_takes_the_place_of_the_first(stage: Stage) -> None:
    await stage.agent()
    one = asked()
    async with door(stage) as calls:
        first, second = await calls.ask(one), await calls.ask(one)
        assert first == second
        assert len(await texts(stage)) == 1
        with pytest.raises(CallbackRefused, match="code_soon"):
            await calls.another_code(one.external_id)
        stage.clock.advance(PAUSE)
        await calls.another_code(one.external_id)
        with pytest.raises(CallbackRefused, match="code_wrong"):
            await calls.confirm(one.external_id, "000000")
        newest = (await texts(stage))[-1][1].split()[0]
        told = await calls.confirm(one.external_id, newest)
    assert told.callback.number == NUMBER


async def test_a_number_gets_a_few_codes_in_an_hour_whoever_asks_for_them(stage: Stage) -> None:
    async with door(stage, code="text", codes=3) as calls:
        for _ in range(2):
            await waits(calls)
        stage.clock.advance(PAUSE)
        one = asked()
        await calls.ask(one)
        stage.clock.advance(PAUSE)
        with pytest.raises(CallbackRefused, match="too_many"):
            await calls.another_code(one.external_id)
        with pytest.raises(CallbackRefused, match="too_many"):
            await waits(calls)
        await waits(calls, number="+33491123456")
        assert len(await texts(stage)) == 4
        stage.clock.advance(timedelta(hours=1))
        await waits(calls)
    assert len(await texts(stage)) == 5


async def test_who_asked_never_to_be_called_is_not_sent_a_code_either(stage: Stage) -> None:
    async with stage.storage.begin("test") as work:
        await work.callbacks.block(NUMBER, reason="asked", now=stage.clock.now())
    async with door(stage) as calls:
        with pytest.raises(CallbackRefused, match="do_not_call"):
            await waits(calls)
    assert await texts(stage) == []


async def test_who_proves_the_number_changes_the_open_request_wherever_it_was_made(stage: Stage) -> None:
    await stage.agent()
    own = await stage.write("hello", channel="site", address="anna")
    async with door(stage) as calls:
        first = await calls.booking.request(asked(token=own.conversation))
        (slot,) = await slots(calls)
        sent = await waits(calls, slot=slot, note="rather then")  # and is not told that a call is asked for
        told = await calls.confirm(sent.request, "000000")

    assert told.callback.id == first.callback.id
    assert (told.callback.state, told.callback.slot_at, told.callback.note) == (
        CallState.SCHEDULED,
        slot,
        "rather then",
    )
    assert told.callback.conversation == own.conversation
    assert (await stage.conversation(own.conversation)).state is State.SNOOZED


async def test_the_code_is_said_where_they_wrote_and_strangers_get_none(stage: Stage) -> None:
    await stage.agent()
    own = await stage.write("call me please", channel="site", address="anna")
    async with door(stage, **SAID) as calls:
        with pytest.raises(CallbackRefused, match="code_no_way"):
            await waits(calls)
        sent = await waits(calls, token=own.conversation)
        assert sent.number is None
        said = (await stage.messages(own.conversation))[-1].text
        assert "is your code to be called at +33142685300." in said
        told = await calls.confirm(sent.request, said.split()[0])
    assert told.callback.conversation == own.conversation
    assert await texts(stage) == []


async def test_a_code_that_was_said_proves_no_number(stage: Stage) -> None:
    await stage.agent()
    async with door(stage, **SAID) as calls:
        first = await calls.booking.request(asked())
        own = await stage.write("call me please", channel="site", address="mallory")
        sent = await waits(calls, token=own.conversation, note="mine now")
        with pytest.raises(CallbackRefused, match="asked_already"):
            await calls.confirm(sent.request, "000000")
        assert (await calls.booking.status(first.callback.id)).callback == first.callback


async def test_a_customer_who_wrote_from_that_number_needs_no_code(stage: Stage) -> None:
    await stage.agent()
    own = await stage.write("call me please", channel="text", address=NUMBER)
    async with door(stage) as calls:
        assert isinstance(await calls.ask(asked(token=own.conversation)), CallbackStatus)
        await waits(calls, token=own.conversation, number="+33491123456", issue=None)


async def test_a_code_whose_sending_is_in_doubt_is_settled_because_nobody_could_look_at_it(stage: Stage) -> None:
    stage.channels["text"].failures.append(Unknown("no answer in time"))
    async with door(stage) as calls:
        sent = await waits(calls)
        assert await texts(stage) == []
        assert await stage.outbox() == {}
        stage.clock.advance(PAUSE)
        await calls.another_code(sent.request)
    assert len(await texts(stage)) == 1


async def test_a_code_for_an_account_that_is_gone_ends_with_its_life(stage: Stage) -> None:
    async with door(stage) as calls:
        await waits(calls)
    del stage.channels["text"]
    stage.clock.advance(LIFE + timedelta(minutes=2))
    await stage.dispatcher.once()
    assert await stage.outbox() == {}


async def test_a_request_keeps_every_field_while_it_waits(stage: Stage) -> None:
    slot = stage.clock.now() + timedelta(days=1)
    one = asked(
        extension="12",
        locale="de",
        note="ring twice",
        sender=Identity(channel="phone", address=f"{NUMBER};12", name="Anna", phone=NUMBER),
        zones=("Europe/Paris", "Europe/Berlin"),
    )
    async with door(stage) as calls:
        for wanted in (one, replace(one, external_id="other", slot=slot, consent=False, issue=None, language=None)):
            if wanted.slot is None:
                await calls.ask(wanted)
            else:
                with pytest.raises(CallbackRefused, match="slot_taken"):
                    await calls.ask(wanted)  # nobody works here, so there is no slot
    async with stage.storage.read("test") as work:
        kept = await work.call_codes.find(one.external_id)
        assert kept is not None
        assert kept.asked == one
        assert await work.call_codes.find("other") is None
        assert "000000" not in kept.digest


async def test_what_was_asked_for_last_counts_while_the_code_is_awaited(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        first, second = await slots(calls, 2)
        one = asked(slot=first)
        await calls.ask(one)
        await calls.ask(replace(one, slot=second, note="rather then"))
        assert await slots(calls, 2) == [first, second + HALF]  # the place that it held first is free again
        await calls.ask(replace(one, note="as soon as you can"))
        await calls.ask(replace(one, slot=first, note="as at first"))
        assert await slots(calls, 1) == [second]
        told = await calls.confirm(one.external_id, "000000")
    assert (told.callback.slot_at, told.callback.note) == (first, "as at first")
    assert len(await texts(stage)) == 1


async def test_another_code_is_good_for_as_long_as_the_first_and_so_is_the_place(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        slot = (await slots(calls, 2))[1]
        one = asked(slot=slot)
        sent = await waits(calls, slot=slot, external_id=one.external_id)
        stage.clock.advance(LIFE - timedelta(seconds=10))
        again = await calls.another_code(one.external_id)
        assert again.until == sent.until + LIFE - timedelta(seconds=10)
        stage.clock.advance(LIFE - timedelta(seconds=10))
        assert slot not in await slots(calls, 5)
        told = await calls.confirm(one.external_id, (await texts(stage))[-1][1].split()[0])
    assert told.callback.slot_at == slot


async def test_codes_asked_for_at_the_same_moment_are_counted_each(stage: Stage) -> None:
    async with door(stage, code="text", codes=3) as calls:
        told = await asyncio.gather(*(waits(calls) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(one, CodeSent) for one in told) == 3
    assert len(await texts(stage)) == 3


async def test_codes_that_are_said_and_calls_that_are_moved_do_not_wait_for_one_another(stage: Stage) -> None:
    """One locks a conversation and then a slot, as the other does: on PostgreSQL the other order ends half of them."""
    await stage.agent(capacity=50)
    own = [await stage.write("call me please", channel="site", address=f"anna-{n}") for n in range(4)]
    async with door(stage, **SAID) as calls:
        (slot,) = await slots(calls)
        opened = [
            await calls.booking.request(asked(number=f"+3349112000{n}", token=one.conversation))
            for n, one in enumerate(own)
        ]

        async def move(n: int) -> None:
            for turn in range(6):
                await calls.booking.reschedule(opened[n].callback.id, slot if turn % 2 == 0 else None)

        async def ask(n: int) -> None:
            for turn in range(6):
                await waits(calls, number=f"+334911{n}00{turn:02}", token=own[n].conversation, slot=slot)

        await asyncio.gather(*(move(n) for n in range(4)), *(ask(n) for n in range(4)))
