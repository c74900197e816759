"""Customers see the name of an agent, never the address they log in with, wherever it was kept and whenever it was written."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.model.events import Topic
from conversation.model.people import Agent, public_name
from tests.router.flows.delivery.test_email_follow_up import Chat
from tests.router.flows.stage import Stage

LOGIN = "lee@example.com"
LOGINS = [LOGIN, "LEE@Example.com ", "Lee <lee@example.com>", "lee@work", "lee＠example.com", "", "  "]
NAMES = ["Lee Ann", "Lee @ Wallet", "@lee", "李安", "Zoë O'Neil-Smith"]


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_or_an_address_is_no_public_name(name: str) -> None:
    assert Agent(id="1", email=LOGIN, name=name).public_name is None
    assert public_name(name) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    assert Agent(id="1", email=LOGIN, name=name).public_name == name


def test_a_login_that_is_no_address_is_no_public_name_either() -> None:
    assert Agent(id="1", email="lee.ann", name="Lee.Ann").public_name is None


@given(st.text(max_size=10), st.emails(), st.text(max_size=10))
def test_no_public_name_holds_an_address(before: str, address: str, after: str) -> None:
    assert public_name(f"{before}{address}{after}") is None
    assert public_name(f"{before} {address} {after}") is None


async def nameless(stage: Stage, name: str = LOGIN) -> Agent:
    agent = await stage.agent("lee")
    async with stage.storage.begin("test") as work:
        await work.agents.update(replace(agent, name=name))
        return await work.agents.get(agent.id)


async def test_what_an_agent_without_a_name_says_is_stored_and_sent_without_one(stage: Stage) -> None:
    agent = await nameless(stage)
    accepted = await stage.write("hello")
    conversation = accepted.conversation or ""
    message, _ = await stage.replies.send(agent, conversation, client_id="c1", text="Good morning")
    assert (message.author.id, message.author.name) == (agent.id, None)
    await stage.dispatcher.once()
    assert [one.author_name for one in stage.channels["site"].sent] == [None]
    async with stage.signals.subscribe(Topic.TYPING) as listening:
        await stage.replies.typing(agent, conversation)
        (hint,) = (await listening.wait(2))[Topic.TYPING]
    assert (hint.data["name"], hint.data["public_name"]) == (LOGIN, None)  # colleagues see who it is


async def test_a_login_that_was_queued_as_a_name_before_does_not_leave(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await nameless(stage)
    accepted = await stage.write("hello")
    monkeypatch.setattr(Agent, "public_name", property(lambda agent: agent.name))  # as it was
    message, _ = await stage.replies.send(agent, accepted.conversation or "", client_id="c1", text="Good morning")
    assert message.author.name == LOGIN
    await stage.dispatcher.once()
    assert [one.author_name for one in stage.channels["site"].sent] == [None]


async def test_a_mail_after_a_chat_names_no_login_in_what_went_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(stage)
    chat.agent = await nameless(stage)
    await chat.begin(address="user:anna")
    monkeypatch.setattr(Agent, "public_name", property(lambda agent: agent.name))
    await chat.say("Please tell us the amount.")
    await chat.feed.seen(chat.identity, 2)
    await chat.say("And the day.")
    monkeypatch.undo()
    (mail,) = await chat.later(timedelta(minutes=3))
    assert mail.author_name is None
    assert [one.author for one in mail.quoted] == [None, ""]
