"""A rule offers a call: a signed link, once, where somebody has not yet taken the matter in hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conversation.model.capabilities import Can
from conversation.model.message import Direction
from tests.router.flows.stage import CANS, PLAN, RULES, FakeLinks, Stage, rulebook

CLOSED = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)  # six in the morning in Shanghai
OFFERS = RULES + '\n[[rules]]\nname = "Calls"\nwhen = { channel = "site" }\nthen = { callback = true }\n'


async def test_a_rule_offers_a_call_once_in_the_customers_language(stage: Stage) -> None:
    stage.rules.swap(rulebook(OFFERS, revision="r2"))
    accepted = await stage.write("充值不成功")
    await stage.write("在吗?")

    sent = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    offers = [text for text in sent if "https://call.example/" in text]
    assert offers == [f"需要我们给您打电话吗？请选择时间：https://call.example/{accepted.conversation}"]


async def test_the_operators_own_words_win(stage: Stage) -> None:
    own = OFFERS + '\n[replies.callback_offer]\nen = "Phone? {link}"\n'
    stage.rules.swap(rulebook(own, revision="r2"))
    accepted = await stage.write("hello")

    sent = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    assert f"Phone? https://call.example/{accepted.conversation}" in sent


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "需要我们给您打电话吗？请选择时间：{link}"),
        ("en", "Would you rather be called? Choose a time: {link}"),
        ("fr", "Préférez-vous être appelé ? Choisissez une heure : {link}"),
        ("de", "Sollen wir Sie lieber anrufen? Wählen Sie eine Zeit: {link}"),
    ],
)
async def test_beside_the_reply_of_a_closed_queue_a_call_is_offered_where_a_rule_says_so(
    stage: Stage, language: str, words: str
) -> None:
    stage.rules.swap(rulebook(OFFERS.replace('channel = "site"', 'not = { open = "shanghai" }'), revision="r2"))
    stage.clock.advance(CLOSED - stage.clock.now())
    accepted = await stage.write("!", language=language, issue="topup")

    closed, offer = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    assert (await stage.conversation(accepted.conversation)).reference in closed
    assert offer == words.format(link=f"https://call.example/{accepted.conversation}")


def calling(queue: str | None) -> Can:
    return replace(CANS["phone"], calls=replace(PLAN, queue=queue))


@pytest.mark.parametrize(
    ("queues", "chosen"),
    [
        (("safety", None, "payments"), "payments"),
        (("safety", None, "general"), None),
        (("safety", "general"), "safety"),
    ],
)
async def test_of_several_accounts_the_one_of_the_conversations_queue_is_offered(
    stage: Stage, queues: tuple[str | None, ...], chosen: str | None
) -> None:
    stage.rules.swap(rulebook(OFFERS, revision="r2"))
    stage.cans = {"site": CANS["site"], **{f"phone{n}": calling(queue) for n, queue in enumerate(queues)}}
    stage.links.update({f"phone{n}": FakeLinks(f"https://{queue}.example") for n, queue in enumerate(queues)})
    accepted = await stage.write("top up please")

    sent = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    assert [text for text in sent if f"https://{chosen}.example/{accepted.conversation}" in text] == sent[-1:]
