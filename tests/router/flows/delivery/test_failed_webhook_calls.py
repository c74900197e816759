"""A call of a webhook that cannot leave is an error at once; one that waited for 15 minutes never leaves by itself."""

import logging
from datetime import timedelta

import pytest

from conversation.errors import PermanentFailure, TransientFailure
from conversation.id_generator import new_id
from conversation.model.events import EventType
from router.policy import auto_reply as automatic
from router.policy.delivery_result import state_of_call
from tests.router.flows.stage import Stage

TEXT = "my money was stolen, account A-123"


async def page(stage: Stage) -> str:
    """A conversation about which the duty is to be called; its id."""
    accepted = await stage.write(TEXT)
    conversation = await stage.conversation(accepted.conversation)
    async with stage.storage.begin("test") as work:
        row = automatic.webhook_row("duty", "rule.matched", conversation, identifier=new_id(), now=stage.clock.now())
        await work.outbox.add(row, at=stage.clock.now())
    return conversation.id


async def sent_after(stage: Stage, span: timedelta = timedelta()) -> int:
    """How often the webhook was called once a dispatcher looked, so much later."""
    stage.clock.advance(span)
    await stage.dispatcher.once()
    return len(stage.webhooks.sent)


async def reasons(stage: Stage, conversation: str) -> dict[str, str]:
    failed = (await stage.conversation(conversation)).routing.failed_webhooks
    return {name: one.reason for name, one in failed.items()}


async def listed(stage: Stage) -> list[tuple[str, str]]:
    async with stage.storage.read("test") as work:
        calls = [
            *await work.outbox.unacknowledged(9),
            *await work.outbox.failed_calls(stage.clock.now() - timedelta(days=1), 9),
        ]
    return [(call.webhook, state_of_call(call)) for call in calls]


async def test_a_webhook_that_cannot_be_called_is_an_error_within_seconds(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.webhooks.known = []
    conversation = await page(stage)
    assert await sent_after(stage) == 0
    assert await reasons(stage, conversation) == {}  # another node may have the secret
    assert await sent_after(stage, timedelta(seconds=6)) == 0
    assert await reasons(stage, conversation) == {"duty": "[webhooks.duty] has no secret on this node"}
    (event,) = await stage.events(EventType.CALL_FAILED)
    assert (event.conversation, event.queue, event.data["webhook"]) == (conversation, "safety", "duty")
    (line,) = [record for record in caplog.records if record.msg == "webhook_not_called"]
    assert (line.levelno, line.__dict__["webhook"], line.__dict__["reason"]) == (
        logging.ERROR,
        "duty",
        "[webhooks.duty] has no secret on this node",
    )
    assert "A-123" not in str(line.__dict__)
    assert stage.meters["webhooks.not_called"] == 1
    await sent_after(stage, timedelta(seconds=6))
    assert len(await stage.events(EventType.CALL_FAILED)) == 1  # once


async def test_the_error_ends_when_the_secret_comes_in_time(stage: Stage) -> None:
    stage.webhooks.known = []
    conversation = await page(stage)
    await sent_after(stage)
    await sent_after(stage, timedelta(seconds=6))
    assert await reasons(stage, conversation)
    stage.webhooks.known = ["duty"]
    assert await sent_after(stage, timedelta(seconds=6)) == 1
    assert await reasons(stage, conversation) == {}
    assert await listed(stage) == []


@pytest.mark.parametrize("missing", [True, False], ids=["no secret", "nothing ran"])
async def test_after_a_restart_a_call_of_twenty_minutes_ago_never_leaves_and_is_listed(
    stage: Stage, *, missing: bool
) -> None:
    conversation = await page(stage)
    if missing:
        stage.webhooks.known = []
        await sent_after(stage)
    stage.clock.advance(timedelta(minutes=20))
    stage.webhooks.known = ["duty"]  # the secret was added, and the service started again
    stage.dispatcher = stage.another_dispatcher()
    assert await sent_after(stage) == 0
    assert await sent_after(stage, timedelta(hours=1)) == 0
    assert await listed(stage) == [("duty", "expired")]
    assert (await reasons(stage, conversation))["duty"].startswith("expired: nothing older than 15 minutes leaves")


async def test_a_webhook_that_is_down_is_called_for_15_minutes_and_no_longer(stage: Stage) -> None:
    conversation = await page(stage)
    stage.webhooks.failures = [TransientFailure("the webhook duty answered 503")] * 1000
    tries = 0
    for _ in range(14 * 4):
        tries += await stage.dispatcher.once()
        stage.clock.advance(timedelta(seconds=15))
    assert tries >= 14  # at least once in a minute, to the end
    assert await listed(stage) == [("duty", "waiting")]
    stage.clock.advance(timedelta(seconds=61))
    await stage.dispatcher.once()
    stage.webhooks.failures.clear()
    assert await sent_after(stage, timedelta(minutes=5)) == 0
    assert await listed(stage) == [("duty", "expired")]
    assert "503" in (await reasons(stage, conversation))["duty"]


async def test_the_last_try_settles_it_as_expired(stage: Stage) -> None:
    conversation = await page(stage)
    stage.clock.advance(timedelta(minutes=14, seconds=59))
    stage.webhooks.failures = [TransientFailure("the webhook duty answered 503")]
    await stage.dispatcher.once()
    assert await listed(stage) == [("duty", "expired")]
    assert await reasons(stage, conversation) == {"duty": "expired: attempt 1: the webhook duty answered 503"}


async def test_a_refused_call_and_a_bug_are_errors_too(stage: Stage) -> None:
    for failure, state in (
        (PermanentFailure("not allowed", code="refused"), "failed"),
        (ZeroDivisionError(), "waiting"),
    ):
        conversation = await page(stage)
        stage.webhooks.failures = [failure]
        await stage.dispatcher.once()
        assert await reasons(stage, conversation)
        assert ("duty", state) in await listed(stage)
    assert await sent_after(stage, timedelta(minutes=16)) == 0  # what was parked expires as well
    assert [state for _, state in await listed(stage)] == ["expired", "failed"]


async def test_two_nodes_tell_of_an_expired_call_once(stage: Stage) -> None:
    await page(stage)
    stage.clock.advance(timedelta(minutes=16))
    for dispatcher in (stage.dispatcher, stage.another_dispatcher(), stage.another_dispatcher()):
        await dispatcher.once()
    assert len(await stage.events(EventType.CALL_FAILED)) == 1
    assert stage.meters["webhooks.not_called"] == 1


async def test_an_answer_to_a_customer_is_no_such_call_and_leaves_later_all_the_same(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello", channel="app")
    await stage.replies.send(agent, accepted.conversation or "", client_id="c1", text="hi")
    stage.clock.advance(timedelta(hours=2))
    await stage.dispatcher.once()
    assert [message.text for message in stage.channels["app"].sent] == ["hi"]
