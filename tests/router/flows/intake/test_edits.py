"""Edits take no words away: in any order with their message, in one batch or several, any number of times, on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversation.model.events import EventType
from conversation.model.message import (
    PROVIDER,
    Attachment,
    InboundEvent,
    Message,
    MessageEchoed,
    MessageEdited,
    MessageRetracted,
)
from conversation.model.people import Identity
from conversation.model.visible_text import has_words
from tests.fakes import FakeClock
from tests.router.flows.stage import Stage, received

T0 = FakeClock().now()
STOLEN = "my card was stolen, please block it"
WORDLESS = ("", " \n", "\u200b\u200d", "\ufffc", "\ufeff", "\ufe0f", "\u00a0")
_NUMBERS = count(1)


def wrote(text: str, external_id: str = "m1", *, address: str = "anna", **more: Any) -> InboundEvent:
    return received(text, channel="text", external_id=external_id, address=address, **more)


def edited(
    text: str, seconds: float, external_id: str = "m1", *, address: str | None = "anna", raw: bytes = b""
) -> MessageEdited:
    at = T0 + timedelta(seconds=seconds)
    sender = Identity(channel="text", address=address) if address else None
    return MessageEdited(
        channel="text", external_id=external_id, text=text, received_at=at, edited_at=at, sender=sender, raw=raw
    )


async def arrive(stage: Stage, *events: InboundEvent) -> list[Any]:
    async with stage.intake(shards=1) as inbox:
        accepted: list[Any] = await inbox.accept(list(events))
    return accepted


async def said(stage: Stage, external_id: str = "m1") -> list[Message]:
    """Every message of this id, in all conversations."""
    found: list[Message] = []
    async with stage.storage.read("test") as work:
        for event in await work.events.after(0, limit=5_000):
            if event.type is EventType.CREATED:
                found += await work.messages.page(event.conversation or "", after=0, limit=100)
    return [message for message in found if message.external_id == external_id]


async def only(stage: Stage, external_id: str = "m1") -> Message:
    (message,) = await said(stage, external_id)
    return message


# -- without words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\ufffc\u200b\ufe0f \n"], ids=ascii)
async def test_an_edit_without_words_leaves_the_words_and_is_quarantined(stage: Stage, text: str) -> None:
    await arrive(stage, wrote(STOLEN))
    (answer,) = await arrive(stage, edited(text, 10, raw=b"as it came"))
    message = await only(stage)
    assert (message.text, message.first_text, message.edited_at) == (STOLEN, None, None)
    (row,) = await stage.quarantined()
    assert (row.id, row.code, row.raw) == (answer.quarantined, "edit_without_words", b"as it came")
    assert stage.meters["quarantined"] == 1
    assert await stage.events(EventType.CHANGED) == []


@pytest.mark.parametrize("address", ["anna", None], ids=["of somebody", "of nobody"])
async def test_an_edit_without_words_that_comes_first_swallows_nothing(stage: Stage, address: str | None) -> None:
    await arrive(stage, edited("", 10, address=address))
    assert await said(stage) == []
    (accepted,) = await arrive(stage, wrote(STOLEN))
    assert not accepted.duplicate
    assert ((await only(stage)).text, (await stage.conversation(accepted.conversation)).queue) == (STOLEN, "safety")


async def test_an_edit_without_words_in_the_batch_of_its_message_swallows_nothing(stage: Stage) -> None:
    _, accepted, _ = await arrive(stage, edited("\ufffc", 5), wrote(STOLEN), edited("", 10))
    assert ((await only(stage)).text, (await stage.conversation(accepted.conversation)).queue) == (STOLEN, "safety")


async def test_an_older_edit_with_words_counts_after_a_newer_one_without(stage: Stage) -> None:
    await arrive(stage, wrote("helo"))
    await arrive(stage, edited("", 20))
    await arrive(stage, edited("hello", 10))
    message = await only(stage)
    assert (message.text, message.first_text) == ("hello", "helo")


async def test_an_edit_without_words_of_a_picture_keeps_picture_and_caption(stage: Stage) -> None:
    await arrive(stage, wrote("my receipt", attachments=(photo(),)))
    await arrive(stage, edited("", 10))
    message = await only(stage)
    assert (message.text, [file.name for file in message.attachments]) == ("my receipt", ["photo.jpg"])


async def test_what_was_taken_back_stays_taken_back_and_is_marked(stage: Stage) -> None:
    gone = MessageRetracted(channel="text", external_id="m1", received_at=T0 + timedelta(seconds=30))
    await arrive(stage, wrote(STOLEN))
    await arrive(stage, gone)
    await arrive(stage, edited("", 40), edited("words again", 50), wrote(STOLEN))
    message = await only(stage)
    assert (message.text, message.first_text, message.retracted_at) == ("", None, gone.received_at)


# -- with words, before the message ------------------------------------------------------------------------------------


def photo(name: str = "photo.jpg") -> Attachment:
    return Attachment(id=f"file-{name}-0001", name=name, type="image/jpeg", url=f"{PROVIDER}{name}")


async def test_an_original_that_comes_after_its_edit_brings_its_files_once(stage: Stage) -> None:
    await arrive(stage, edited("the right receipt", 10))
    original = wrote("a receipt", attachments=(photo(),))
    await arrive(stage, original, original)
    await arrive(stage, original)
    message = await only(stage)
    assert (message.text, message.first_text) == ("the right receipt", "a receipt")
    assert [file.name for file in message.attachments] == ["photo.jpg"]
    async with stage.storage.begin("test") as work:
        due = await work.fetches.claim(9, now=stage.clock.now(), lease=timedelta(minutes=1))
    assert [(one.attachment.name, one.message) for one in due] == [("photo.jpg", message.id)]


async def test_two_edits_that_come_first_cost_the_original_no_file(stage: Stage) -> None:
    await arrive(stage, edited("second", 10))
    await arrive(stage, edited("third", 20))
    await arrive(stage, wrote("first", attachments=(photo(),)))
    message = await only(stage)
    assert (message.text, [file.name for file in message.attachments]) == ("third", ["photo.jpg"])


async def test_the_files_of_what_was_taken_back_do_not_come_back(stage: Stage) -> None:
    await arrive(stage, edited("second", 10))
    await arrive(stage, MessageRetracted(channel="text", external_id="m1", received_at=T0))
    await arrive(stage, wrote("first", attachments=(photo(),)))
    message = await only(stage)
    assert (message.text, message.attachments) == ("", ())
    async with stage.storage.begin("test") as work:
        assert await work.fetches.claim(9, now=stage.clock.now(), lease=timedelta(minutes=1)) == []


async def test_an_edit_changes_nothing_that_was_said_to_the_customer(stage: Stage) -> None:
    to = Identity(channel="text", address="anna")
    await arrive(stage, MessageEchoed(channel="text", external_id="e1", to=to, text="We are on it", received_at=T0))
    await arrive(stage, edited("something else", 10, "e1", address=None))
    assert (await only(stage, "e1")).text == "We are on it"


# -- in any order ------------------------------------------------------------------------------------------------------

ORIGINALS = st.sampled_from((STOLEN, "helo", "", "\u200b"))
EDITS = st.lists(st.sampled_from(("hello", "my account", STOLEN, *WORDLESS)), max_size=4)


@st.composite
def stories(draw: st.DrawFn) -> tuple[str, Sequence[str], Sequence[Sequence[int]]]:
    """An original, its edits from the oldest to the newest, and batches of places: 0 is the original, some come twice."""
    original, edits = draw(ORIGINALS), draw(EDITS)
    places = list(range(len(edits) + 1))
    again = draw(st.lists(st.sampled_from(places), max_size=3))
    order = draw(st.permutations([*places, *again]))
    ends = sorted(draw(st.sets(st.integers(1, len(order)), max_size=len(order))) | {len(order)})
    return original, edits, [order[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories())
async def test_in_any_order_the_newest_words_are_read_and_no_word_is_lost(
    stage: Stage, story: tuple[str, Sequence[str], Sequence[Sequence[int]]]
) -> None:
    original, edits, batches = story
    name = f"customer-{next(_NUMBERS)}"
    first = wrote(original, name, address=name, sent_at=T0)
    events = [first, *(edited(text, 10 * place, name, address=name) for place, text in enumerate(edits, 1))]
    found: set[str | None] = set()
    for places in batches:
        found |= {one.conversation for one in await arrive(stage, *(events[place] for place in places))} - {None}
    (conversation,) = found
    (message,) = await stage.messages(conversation)
    newest = next((text for text in reversed(edits) if has_words(text)), original)
    assert message.text == newest
    if original == STOLEN and newest == original and STOLEN not in edits:
        assert (await stage.conversation(message.conversation)).queue == "safety"
