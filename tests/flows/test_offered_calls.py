"""A rule offers a call: a signed link, once, where somebody has not yet taken the matter in hand."""

from conversation.message import Direction
from tests.flows.stage import RULES, Stage, rulebook

OFFERS = RULES + '\n[[rules]]\nname = "Calls"\nwhen = { channel = "site" }\nthen = { callback = true }\n'


async def test_a_rule_offers_a_call_once_in_the_customers_language(stage: Stage) -> None:
    stage.rules.swap(rulebook(OFFERS, revision="r2"))
    accepted = await stage.write("充值不成功")
    await stage.write("在吗?")

    sent = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    offers = [text for text in sent if "https://call.example/" in text]
    assert offers == [f"需要我们给您打电话吗?请选择时间:https://call.example/{accepted.conversation}"]


async def test_the_operators_own_words_win(stage: Stage) -> None:
    own = OFFERS + '\n[replies.callback_offer]\nen = "Phone? {link}"\n'
    stage.rules.swap(rulebook(own, revision="r2"))
    accepted = await stage.write("hello")

    sent = [m.text for m in await stage.messages(accepted.conversation) if m.direction is Direction.OUT]
    assert f"Phone? https://call.example/{accepted.conversation}" in sent
