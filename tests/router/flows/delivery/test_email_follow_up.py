"""A visitor who is gone gets the answer by mail, and answers it: the same conversation, and nobody else's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from conversation.model.capabilities import Can, FollowUp
from conversation.model.conversation import State
from conversation.model.message import DeliveryReported, Direction, Message, Status
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Agent, Identity, WorkKind
from router.flows.agents.reply import ReplyService
from router.flows.customers.visitor_feed import Feed, VisitorSessionService
from router.flows.delivery.email_follow_up import FollowUps
from tests.router.flows.stage import CANS, FakeChannel, Stage, received

AFTER = timedelta(minutes=3)
WITH_MAIL = {
    **CANS,
    "site": replace(CANS["site"], follow_up=FollowUp(account="mail", after=AFTER)),
    "mail": Can(work=WorkKind.EMAIL, threads=True),
}


class Chat:
    """A visitor's chat with an agent, and the mail account behind it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.mail = FakeChannel("mail", WITH_MAIL["mail"])
        stage.channels["mail"] = self.mail
        self.replies = ReplyService(stage.storage, stage.rules, stage.signals, stage.clock, cans=lambda: WITH_MAIL)
        self.follow_ups = FollowUps(stage.storage, stage.clock, cans=lambda: WITH_MAIL)
        self.feed = Feed(stage.storage, stage.signals, stage.clock, cans=lambda: WITH_MAIL)
        self.identity = self.conversation = ""
        self.agent: Agent | None = None

    async def begin(self, email: str | None = "Anna@example.org", *, address: str | None = None) -> None:
        door = VisitorSessionService(self.stage.storage, self.stage.clock)
        _, visitor = await door.open("site", email=email, name="Anna", address=address, verified=address is not None)
        self.identity = visitor.identity.id
        accepted = await self.stage.write("My top up is pending", address=visitor.identity.address)
        self.conversation = accepted.conversation or ""
        self.agent = self.agent or await self.stage.agent()
        await self.stage.actions.take(self.agent, self.conversation)

    async def say(self, text: str) -> Message:
        assert self.agent is not None
        message, _ = await self.replies.send(self.agent, self.conversation, client_id=text, text=text)
        return message

    async def later(self, span: timedelta = AFTER) -> list[OutboundMessage]:
        """All mails that left so far."""
        self.stage.clock.advance(span)
        await self.follow_ups.once()
        while await self.stage.dispatcher.once():
            pass
        return self.mail.sent


@pytest.fixture
def chat(stage: Stage) -> Chat:
    return Chat(stage)


async def test_what_was_not_read_is_mailed_once_and_in_one_mail(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    chat.stage.clock.advance(timedelta(minutes=1))
    await chat.say("And the day.")
    assert await chat.later(timedelta(minutes=1)) == []
    (mail,) = await chat.later(timedelta(minutes=1))
    assert (mail.to.address, mail.text) == ("anna@example.org", "Please tell us the amount.\n\nAnd the day.")
    assert (mail.missed, mail.author_name, mail.channel) == (True, "mei", "mail")
    assert len(await chat.later()) == 1
    await chat.say("Are you there?")
    assert [one.text for one in await chat.later()][1:] == ["Are you there?"]
    shown = [
        (m.channel, m.status) for m in await chat.stage.messages(chat.conversation) if m.direction is Direction.OUT
    ]
    assert shown.count(("mail", Status.SENT)) == 2


async def test_what_was_read_or_is_still_looked_at_is_not_mailed(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    chat.stage.clock.advance(AFTER / 2)
    await chat.feed.here(chat.identity, "site")
    assert await chat.later(AFTER / 2) == []
    await chat.feed.seen(chat.identity, 2)
    assert await chat.later() == []
    async with chat.stage.storage.read("test") as work:
        assert await work.follow_ups.due(chat.stage.clock.now(), 10) == []


async def test_one_that_fails_keeps_nobody_else_waiting_and_is_tried_again(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    other = Chat(chat.stage)
    other.agent = chat.agent
    await other.begin(email="ben@example.org")
    await other.say("And you?")
    whole = FollowUps._addressee

    async def failing(flow: FollowUps, visitor: Identity, account: str) -> Identity:
        if visitor.id == chat.identity:
            raise ValueError("what a bug would raise")
        return await whole(flow, visitor, account)

    monkeypatch.setattr(FollowUps, "_addressee", failing)
    assert [one.to.address for one in await other.later()] == ["ben@example.org"]
    assert "follow_up_failed" in caplog.text
    monkeypatch.undo()
    await chat.later(timedelta(minutes=5))
    assert [one.to.address for one in other.mail.sent] == ["ben@example.org", "anna@example.org"]


async def test_what_cannot_be_mailed_while_its_account_is_missing_is_mailed_when_it_is_back(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    loaded = {name: can for name, can in WITH_MAIL.items() if name != "mail"}
    chat.follow_ups = FollowUps(chat.stage.storage, chat.stage.clock, cans=lambda: loaded)
    assert await chat.later() == []
    loaded.clear()
    assert await chat.later() == []
    loaded |= WITH_MAIL
    assert [one.text for one in await chat.later()] == ["Please tell us the amount."]


async def test_a_typed_address_is_told_the_answer_and_nothing_of_what_went_before(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    (mail,) = await chat.later()
    assert (mail.quoted, mail.to.name) == ((), None)


async def test_an_address_that_is_vouched_for_is_told_what_went_before_but_no_notes(chat: Chat) -> None:
    await chat.begin(address="user:42")
    assert chat.agent is not None
    await chat.replies.send(chat.agent, chat.conversation, client_id="n", text="a fraud?", note=True)
    await chat.say("Hello Anna.")
    await chat.feed.seen(chat.identity, 2)
    await chat.say("Please tell us the amount.")
    (mail,) = await chat.later()
    assert [(one.author, one.text) for one in mail.quoted] == [(None, "My top up is pending"), ("mei", "Hello Anna.")]
    assert (mail.text, mail.to.name) == ("Please tell us the amount.", "Anna")


async def test_the_answer_to_the_mail_goes_on_in_the_same_conversation(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Please tell us the amount.")
    (mail,) = await chat.later()
    answer = received("50 euros", address=mail.to.address, channel="mail", token=mail.conversation)
    async with chat.stage.intake() as inbox:
        (accepted,) = await inbox.accept([answer])
    assert accepted.conversation == chat.conversation
    assert (await chat.stage.conversation(chat.conversation)).state is State.ASSIGNED
    await chat.say("Thank you, it is on its way.")  # to where the customer last wrote
    assert [one.text for one in await chat.later(timedelta(0))][1:] == ["Thank you, it is on its way."]
    assert [one.text for one in await chat.feed.after(chat.identity, 0, 50)] == [
        "My top up is pending",
        "Please tell us the amount.",
    ]


async def test_whoever_owns_a_typed_address_is_not_taken_for_the_visitor(chat: Chat) -> None:
    await chat.begin("victim@example.org")
    await chat.say("Please tell us the amount.")
    await chat.later()
    async with chat.stage.intake() as inbox:
        (accepted,) = await inbox.accept([received("My card is lost", address="victim@example.org", channel="mail")])
    assert accepted.conversation != chat.conversation


async def test_a_bounce_fails_the_mail_and_not_what_stands_in_the_chat(chat: Chat) -> None:
    await chat.begin()
    said = await chat.say("Please tell us the amount.")
    (mail,) = await chat.later()
    report = DeliveryReported(
        channel="mail", external_id=mail.id, status=Status.FAILED, received_at=chat.stage.clock.now(), error="gone"
    )
    async with chat.stage.intake() as inbox:
        await inbox.accept([report])
    states = {m.id: m.status for m in await chat.stage.messages(chat.conversation)}
    assert (states[mail.id], states[said.id]) == (Status.FAILED, Status.SENT)


@pytest.mark.parametrize("email", [None, "no address"])
async def test_who_left_no_address_gets_no_mail(chat: Chat, email: str | None) -> None:
    await chat.begin(email)
    await chat.say("Please tell us the amount.")
    assert await chat.later() == []
