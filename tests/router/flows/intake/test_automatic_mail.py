"""What machines write is kept where it belongs: it wakes nobody, reopens nothing, and is never answered."""

from conversation.model.conversation import State
from tests.router.flows.stage import Stage


async def test_an_automatic_answer_to_a_closed_matter_is_kept_in_it_and_leaves_it_closed(stage: Stage) -> None:
    mei = await stage.agent("mei")
    asked = await stage.write("My top-up is lost", channel="text")
    await stage.replies.send(mei, asked.conversation or "", client_id="r1", text="Found it.")
    await stage.actions.close(mei, asked.conversation or "")
    away = await stage.write("I am away. My card was stolen", channel="text", machine="auto-reply")
    kept = await stage.conversation(asked.conversation)
    assert (away.conversation, kept.state, kept.queue) == (asked.conversation, State.CLOSED, "payments")
    assert [message.text for message in await stage.messages(asked.conversation)][-1].startswith("I am away")


async def test_an_automatic_answer_does_not_move_what_is_open(stage: Stage) -> None:
    asked = await stage.write("My top-up is lost", channel="text")
    said = len(await stage.messages(asked.conversation))
    away = await stage.write("Away. My card was stolen", channel="text", machine="auto-reply")
    kept = await stage.conversation(asked.conversation)
    assert (away.conversation, kept.state, kept.queue) == (asked.conversation, State.WAITING, "payments")
    assert len(await stage.messages(asked.conversation)) == said + 1


async def test_a_machine_that_nobody_knows_is_kept_and_not_answered(stage: Stage) -> None:
    news = await stage.write("top-up news", channel="text", machine="list", address="news")
    assert len(await stage.messages(news.conversation)) == 1
