"""What no database takes is taken out, and two keys never become one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversation.errors import TransientFailure
from conversation.id_generator import new_id
from conversation.model.message import MessageReceived
from conversation.model.outbound import Effect, OutboxRow, OutboxState
from router.flows.intake.sanitize import KEY_LIMIT, TEXT_LIMIT, clean, clean_key, clean_text
from router.policy.delivery_result import LONGEST_PAUSE, back_off, of_error
from tests.router.flows.stage import Stage, received


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("\udc00x\ud83d", "\ufffdx\ufffd"),
        ("😀 充值", "😀 充值"),
    ],
)
def test_text_becomes_storable(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned
    cleaned.encode()


def test_endless_text_is_cut() -> None:
    assert len(clean_text("充" * (TEXT_LIMIT + 1))) == TEXT_LIMIT


def test_keys_that_look_alike_when_cleaned_stay_apart() -> None:
    keys = ["x" * KEY_LIMIT + "a", "x" * KEY_LIMIT + "b", "\ud800", "\ud801", "\x00", "fine"]
    assert len({clean_key(key) for key in keys}) == len(keys)
    assert clean_key("fine") == "fine"
    assert all(len(clean_key(key)) <= KEY_LIMIT for key in keys)


def test_a_clean_message_is_handed_on_as_it_is() -> None:
    event = received("充值", attributes={"vip": True, "nested": {"list": [1, "two"]}})
    assert clean(event).event is event


def test_attributes_are_cleaned_to_any_depth() -> None:
    event = received(attributes={"a\x00": {"b": ["\ud800", float("nan")]}})
    cleaned = clean(event).event
    assert isinstance(cleaned, MessageReceived)
    assert cleaned.attributes == {"a\ufffd": {"b": ["\ufffd", "nan"]}}


async def test_what_cannot_even_be_cleaned_is_put_aside(stage: Stage) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"x": deep}
    async with stage.intake() as inbox:
        fine, bad = await inbox.accept([received("fine"), received(attributes=deep, raw=b"deep", address="b")])
    assert fine.conversation is not None
    assert bad.quarantined is not None
    assert (await stage.quarantined())[0].raw == b"deep"


def test_pauses_grow_and_are_jittered() -> None:
    assert back_off(1, lambda: 1.0) == timedelta(seconds=4)
    assert back_off(1, lambda: 0.5) == timedelta(seconds=2)
    assert back_off(60, lambda: 1.0) == LONGEST_PAUSE
    assert back_off(60, lambda: 0.0) > timedelta(0)


def test_what_already_left_is_remembered_for_the_next_try() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    row = OutboxRow(id=new_id(), effect=Effect.MESSAGE, target="text", created_at=now, attempts=1)
    outcome = of_error(TransientFailure("cut", sent=("part-1",)), row, idempotent=False, now=now, draw=lambda: 1.0)
    assert (outcome.state, outcome.sent) == (OutboxState.QUEUED, ("part-1",))
