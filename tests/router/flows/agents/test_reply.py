"""What agents do: words and moves, each once, each told, each only by whom it is allowed to."""

from datetime import timedelta

import pytest

from conversation.errors import Conflict, NotFound, PermanentFailure, Refused, Unknown
from conversation.model.conversation import State
from conversation.model.events import EventType, Topic
from conversation.model.message import Attachment, Direction, Status
from conversation.model.people import Agent, Role
from conversation.ports.storage.attachments import StoredAttachment
from tests.router.flows.stage import Stage


async def owned(stage: Stage, name: str = "mei") -> tuple[Agent, str]:
    agent = await stage.agent(name)
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    return agent, accepted.conversation or ""


async def code_of(action: object) -> str:
    with pytest.raises(Conflict) as refused:
        await action  # type: ignore[misc]
    return refused.value.code


async def test_a_reply_is_a_message_an_outbox_row_and_events_in_one(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    async with stage.signals.subscribe(Topic.OUTBOX, Topic.VISITORS) as listening:
        message, new = await stage.replies.send(agent, conversation, client_id="c1", text="Good morning")
        heard = await listening.wait(2)
    assert (new, message.seq, message.feed_seq, message.status) == (True, 2, 2, Status.QUEUED)
    assert heard[Topic.OUTBOX][0].keys == ("site",)
    assert heard[Topic.VISITORS][0].keys == (message.identity,)
    assert await stage.outbox() == {"queued": 1}
    assert [e.message for e in await stage.events(EventType.SENT)] == [message.id]
    assert (await stage.conversation(conversation)).owner_wrote_at == stage.clock.now()
    assert await stage.dispatcher.once() == 1
    sent = stage.channels["site"].sent[0]
    assert (sent.id, sent.text, sent.to.address, sent.author_name) == (message.id, "Good morning", "anna", "mei")


async def test_the_same_reply_twice_has_one_effect_and_another_text_is_refused(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    first, _ = await stage.replies.send(agent, conversation, client_id="c1", text="hi")
    again, new = await stage.replies.send(agent, conversation, client_id="c1", text="hi")
    assert (again.id, new, await stage.outbox()) == (first.id, False, {"queued": 1})
    assert await code_of(stage.replies.send(agent, conversation, client_id="c1", text="ho")) == "idempotency_mismatch"
    await stage.actions.close(agent, conversation)
    again, new = await stage.replies.send(agent, conversation, client_id="c1", text="hi")
    assert (again.id, new) == (first.id, False)


async def test_replying_takes_what_is_offered_to_oneself(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.distributor.once()
    await stage.replies.send(agent, accepted.conversation or "", client_id="c", text="hi")
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.owner, await stage.held(agent)) == (State.ASSIGNED, agent.id, 1)


async def test_replying_takes_what_waits_within_capacity_only(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    one = await stage.write("one", address="a")
    two = await stage.write("two", address="b")
    await stage.replies.send(agent, one.conversation or "", client_id="c", text="hi")
    assert await code_of(stage.replies.send(agent, two.conversation or "", client_id="d", text="hi")) == "capacity_full"
    assert len(await stage.messages(two.conversation)) == 1


async def test_a_reply_by_somebody_else_is_refused_unless_they_lead(stage: Stage) -> None:
    _, conversation = await owned(stage)
    other = await stage.agent("other")
    assert await code_of(stage.replies.send(other, conversation, client_id="c", text="hi")) == "not_owner"
    assert await stage.outbox() == {}
    lead = await stage.agent("lead", role=Role.LEAD)
    _, new = await stage.replies.send(lead, conversation, client_id="c", text="hi")
    assert new
    assert (await stage.conversation(conversation)).owner != lead.id


async def test_a_note_is_for_agents_only_and_never_leaves(stage: Stage) -> None:
    _, conversation = await owned(stage)
    other = await stage.agent("other")
    note, _ = await stage.replies.send(other, conversation, client_id="n", text="vip!", note=True)
    assert (note.direction, note.feed_seq, await stage.outbox()) == (Direction.NOTE, None, {})
    assert [event.message for event in await stage.events(EventType.NOTE)] == [note.id]


async def test_a_closed_conversation_is_answered_only_after_reopening(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    await stage.actions.close(agent, conversation)
    assert await code_of(stage.replies.send(agent, conversation, client_id="c", text="hi")) == "closed"
    await stage.actions.reopen(agent, conversation)
    await stage.replies.send(agent, conversation, client_id="c", text="hi")


async def test_the_channel_is_where_the_customer_last_wrote_or_one_they_have(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    assert (
        await code_of(stage.replies.send(agent, conversation, client_id="c", text="x", channel="app")) == "no_channel"
    )


async def test_what_an_agent_may_not_see_is_not_there(stage: Stage) -> None:
    stranger = await stage.agent("stranger", queues=("payments",))
    accepted = await stage.write("hello")
    for move in (stage.actions.take, stage.actions.close, stage.actions.release):
        with pytest.raises(NotFound):
            await move(stranger, accepted.conversation or "")
    with pytest.raises(NotFound):
        await stage.replies.send(stranger, accepted.conversation or "", client_id="c", text="hi")


async def test_a_file_is_sent_by_its_owner_only(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    mine = Attachment(id="f1", name="a.png", type="image/png", size=3, sha256="x")
    for attachment, owner in ((mine, agent.id), (Attachment(id="f2", name="b", type="image/png"), "else")):
        async with stage.storage.begin("test") as work:
            await work.attachments.add(
                StoredAttachment(attachment=attachment, key="k", owner=owner, created_at=stage.clock.now())
            )
    message, _ = await stage.replies.send(agent, conversation, client_id="c", text="", attachments=("f1",))
    assert [(a.id, a.name) for a in message.attachments] == [("f1", "a.png")]
    again, new = await stage.replies.send(agent, conversation, client_id="c", text="", attachments=("f1",))
    assert (again.id, new) == (message.id, False)
    with pytest.raises(Refused):
        await stage.replies.send(agent, conversation, client_id="d", text="", attachments=("f2",))
    assert len(await stage.messages(conversation)) == 2


async def test_a_transfer_moves_queue_or_owner_and_tells_both_sides(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    other = await stage.agent("other", skills={"safety": 2})
    await stage.actions.transfer(agent, conversation, queue="safety")
    moved = await stage.conversation(conversation)
    assert (moved.queue, moved.state, await stage.held(agent)) == ("safety", State.WAITING, 0)
    told = (await stage.events(EventType.UPDATED))[-1]
    assert (told.queue, told.was_queue) == ("safety", "general")
    lead = await stage.agent("lead", role=Role.LEAD)
    await stage.actions.transfer(lead, conversation, to=other.id)
    assert ((await stage.conversation(conversation)).owner, await stage.held(other)) == (other.id, 1)
    assert await code_of(stage.actions.transfer(other, conversation, queue="nowhere")) == "unknown_queue"


async def test_release_gives_back_and_frees_the_hands(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    async with stage.signals.subscribe(Topic.WORK) as listening:
        await stage.actions.release(agent, conversation)
        assert await listening.wait(1)
    assert ((await stage.conversation(conversation)).state, await stage.held(agent)) == (State.WAITING, 0)


async def test_only_the_holder_or_a_lead_moves_what_is_held(stage: Stage) -> None:
    _, conversation = await owned(stage)
    other = await stage.agent("other")
    until = stage.clock.now() + timedelta(hours=1)
    assert await code_of(stage.actions.release(other, conversation)) == "not_owner"
    assert await code_of(stage.actions.close(other, conversation)) == "not_owner"
    assert await code_of(stage.actions.snooze(other, conversation, until=until)) == "not_owner"
    assert await code_of(stage.actions.transfer(other, conversation, queue="safety")) == "not_owner"
    assert await code_of(stage.actions.take(other, conversation)) == "taken"


async def test_a_relabel_is_kept_and_teaches_the_customers_language(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    await stage.actions.label(agent, conversation, language="fr", issue="topup", labels=["a", "a", "b"])
    labelled = await stage.conversation(conversation)
    assert (labelled.language, labelled.issue, labelled.labels) == ("fr", "topup", ("a", "b"))
    async with stage.storage.read("test") as work:
        customer = await work.customers.get(labelled.customer)
    assert (customer.language, customer.language_source) == ("fr", "agent")


@pytest.mark.parametrize(
    ("word", "status"), [("sent", Status.SENT), ("failed", Status.FAILED), ("retry", Status.QUEUED)]
)
async def test_an_uncertain_message_is_settled_by_a_person(stage: Stage, word: str, status: Status) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello", channel="text")
    message, _ = await stage.replies.send(agent, accepted.conversation or "", client_id="c", text="hi")
    stage.channels["text"].failures.append(Unknown("no answer"))
    await stage.dispatcher.once()
    assert (await stage.messages(accepted.conversation))[1].status is Status.UNCERTAIN
    settled = await stage.replies.resolve(agent, accepted.conversation or "", message.id, word)
    assert settled.status is status
    assert await code_of(stage.replies.resolve(agent, accepted.conversation or "", message.id, word)) == "not_uncertain"
    assert await stage.dispatcher.once() == (1 if word == "retry" else 0)


async def test_a_failed_message_tells_why(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    await stage.replies.send(agent, conversation, client_id="c", text="hi")
    stage.channels["site"].failures.append(PermanentFailure("the customer blocked us", code="blocked"))
    await stage.dispatcher.once()
    failed = (await stage.messages(conversation))[1]
    assert (failed.status, failed.error) == (Status.FAILED, "blocked: the customer blocked us")


async def test_typing_is_heard_by_the_customers_page_and_stored_nowhere(stage: Stage) -> None:
    agent, conversation = await owned(stage)
    async with stage.signals.subscribe(Topic.TYPING) as listening:
        await stage.replies.typing(agent, conversation)
        hint = (await listening.wait(1))[Topic.TYPING][0]
    assert hint.keys == ((await stage.conversation(conversation)).identity,)
    assert hint.data["from"] == "agent"


async def test_a_reply_token_goes_with_the_first_answer_within_a_minute_and_never_again(stage: Stage) -> None:
    agent = await stage.agent("mei")
    accepted = await stage.write("hello", channel="text", reply_token="t-1")
    for text in ("one", "two"):
        await stage.replies.send(agent, accepted.conversation or "", client_id=text, text=text)
        await stage.dispatcher.once()
    await stage.write("again", channel="text", reply_token="t-2")
    stage.clock.advance(timedelta(seconds=61))
    await stage.replies.send(agent, accepted.conversation or "", client_id="three", text="three")
    await stage.dispatcher.once()
    sent = stage.channels["text"].sent
    assert [(message.text, message.reply_token) for message in sent] == [("one", "t-1"), ("two", None), ("three", None)]
