"""What the house asks and answers by itself, on a real store: the place in the queue, choices, and what is kept of it all."""

from conversation.model.choices import choices_of
from conversation.model.message import Direction
from tests.router.flows.stage import RULES, Stage, rulebook

MORE = """
[intents.status]
words = ["any news"]
[question]
reply = "choose"
choices = ["topup", "unauthorised"]
[replies.status]
en = "{reference} is {state}."
[replies.choose]
en = "What is it about?"
"""
TITLED = RULES.replace("[issues.topup]", '[issues.topup]\ntitle = "Top-up"').replace(
    "[issues.unauthorised]", '[issues.unauthorised]\ntitle = "Theft"'
)


async def _said(stage: Stage, conversation: str | None) -> list[str]:
    return [one.text for one in await stage.messages(conversation or "") if one.direction is Direction.OUT]


async def test_any_news_is_answered_with_state_and_place(stage: Stage) -> None:
    stage.rules.swap(rulebook(TITLED + MORE))
    for other in ("bob", "eve"):
        await stage.write("top up failed", address=other)
    mine = await stage.write("top up failed", address="ann")
    asked = await stage.write("any news?", address="ann")
    assert asked.conversation == mine.conversation
    conversation = await stage.conversation(mine.conversation)
    told = await _said(stage, mine.conversation)
    assert told[-1] == f"{conversation.reference} is waiting in the queue Payments, number 3 in line."


async def test_an_answer_to_the_question_moves_the_conversation(stage: Stage) -> None:
    stage.rules.swap(rulebook(TITLED + MORE))
    first = await stage.write("hello there, it does not work", address="ann")
    (asked,) = await _said(stage, first.conversation)
    assert choices_of(asked) == ("What is it about?", ("Top-up", "Theft"))
    answered = await stage.write("1", address="ann")
    conversation = await stage.conversation(first.conversation)
    assert (answered.conversation, answered.queue) == (first.conversation, "payments")
    assert (conversation.issue, conversation.queue) == ("topup", "payments")
    async with stage.storage.read("test") as work:
        stored = await work.decisions.stream(conversation.created_at, after=None, limit=10)
    assert [one.decision.choices for one in stored] == [("topup", "unauthorised"), ()]
    assert stored[1].facts.issue_source == "chosen"


TONGUES = TITLED.replace('default = "en"', 'default = "en"\nask = "tongue"', 1)


async def test_somebody_whose_language_nothing_tells_chooses_it_and_is_asked_on_in_it(stage: Stage) -> None:
    stage.rules.swap(rulebook(TONGUES + MORE + '[replies.tongue]\nany = "中文? English?"\n'))
    first = await stage.write("12345", address="ann")
    (asked,) = await _said(stage, first.conversation)
    assert choices_of(asked) == ("中文? English?", ("中文", "English", "Français", "Deutsch"))
    answered = await stage.write("Deutsch", address="ann")
    conversation = await stage.conversation(first.conversation)
    assert (answered.conversation, conversation.language) == (first.conversation, "de")
    assert choices_of((await _said(stage, first.conversation))[-1])[1] == ("Top-up", "Theft")
    await stage.write("2", address="ann")
    conversation = await stage.conversation(first.conversation)
    assert (conversation.language, conversation.issue) == ("de", "unauthorised")
    assert (await stage.write("my card", address="ann")).conversation == first.conversation
    assert (await stage.conversation(first.conversation)).language == "de"
    assert [line for line in await _said(stage, first.conversation) if "中文" in line] == [asked]


async def test_a_number_answers_the_question_that_was_put_last(stage: Stage) -> None:
    stage.rules.swap(rulebook(TONGUES + MORE + '[replies.tongue]\nany = "中文? English?"\n'))
    first = await stage.write("12345", address="ann")
    await stage.write("it does not work and I do not know what to do about it", address="ann")
    assert choices_of((await _said(stage, first.conversation))[-1])[1] == ("Top-up", "Theft")
    await stage.write("1", address="ann")
    conversation = await stage.conversation(first.conversation)
    assert (conversation.language, conversation.issue) == ("en", "topup")
