"""Scripts told apart, languages asked for in words, and who is served in which instead."""

import pytest

from conversation.model.routing_state import LanguageRequest
from router.understanding.chinese_script import script_of, script_of_tag
from router.understanding.language_request import language_requested
from tests.router.decision.test_clarifying_questions import talk
from tests.router.wallet import RULES, compiled, faults_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("我的帳號被鎖,無法登入", "Hant"),
        ("我的账号被锁,无法登录", "Hans"),
        ("在吗", "Hans"),
        ("在嗎", "Hant"),
        ("你好", None),
        ("hello", None),
        ("", None),
    ],
)
def test_the_script_is_told_by_characters_that_only_one_has(text: str, script: str | None) -> None:
    assert script_of(text) == script


@pytest.mark.parametrize(
    ("tag", "script"), [("zh-TW", "Hant"), ("zh_Hans_SG", "Hans"), ("zh", None), ("tw", None), (None, None)]
)
def test_a_tag_may_tell_the_script(tag: str | None, script: str | None) -> None:
    assert script_of_tag(tag) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("In English, please!", "en"),
        ("Can somebody speak German?", "de"),
        ("Could you answer in French", "fr"),
        ("auf Deutsch bitte", "de"),
        ("Sprechen Sie Chinesisch?", "zh"),
        ("Parlez-vous anglais ?", "en"),
        ("en français s'il vous plaît", "fr"),
        ("请用英文回答", "en"),
        ("有中文客服吗", "zh"),
        ("¿Habla español?", "es"),
        ("I don't speak English", None),
        ("Ich spreche kein Deutsch", None),
        ("je ne parle pas anglais", None),
        ("我不会说英语", None),
        ("My English breakfast was charged twice", None),
        ("I paid my german friend", None),
        ("", None),
    ],
)
def test_a_wish_for_a_language_is_heard_and_its_mention_is_none(text: str, language: str | None) -> None:
    assert language_requested(text) == language


def test_a_wish_holds_for_the_conversation_until_another_choice_is_made() -> None:
    first, second, third = talk("您的钱", "English please", "您的钱还没有到")
    assert (first.decision.language, second.decision.language, third.decision.language) == ("zh", "en", "en")
    assert second.facts.language_source == "chosen"
    assert second.conversation.language == "en"


def test_a_wish_overrules_the_pages_choice_and_a_new_choice_overrules_the_wish() -> None:
    turns = talk("my money", "auf Deutsch bitte", "my money again", language="en")
    assert [turn.decision.language for turn in turns] == ["en", "de", "de"]
    assert turns[-1].conversation.routing.language_request == LanguageRequest("de", overruled="en")


def test_a_language_not_offered_is_served_by_its_fallbacks_and_then_by_the_default() -> None:
    book = compiled(RULES.replace('default = "en"', 'default = "en"\nfallback = { it = ["fr"], nl = ["de"] }', 1))
    assert [book.served(one) for one in ("it", "nl", "sv", "zh", None)] == ["fr", "de", "en", "zh", None]
    assert book.preferred_languages("it") == ("it", "fr", "en")
    assert book.preferred_languages("zh", "Hant") == ("zh-Hant", "zh", "en")


def test_a_fallback_names_languages_that_are_offered() -> None:
    faults = faults_of(RULES.replace('default = "en"', 'default = "en"\nfallback = { it = ["sv"] }', 1))
    assert list(faults) == [("languages", "fallback", "it", 0)]


def test_traditional_chinese_has_texts_of_its_own() -> None:
    book = compiled(RULES.replace("[replies.closed]", '[replies.closed]\nzh-Hant = "我們已下班,{next_opening}"', 1))
    said = {"name": "closed", "language": "zh", "kind": "webchat", "values": {"next_opening": "明天"}}
    assert book.reply_text(**said, script="Hant") == "我們已下班,明天"  # type: ignore[arg-type]
    assert book.reply_text(**said, script="Hans").startswith("我们已下班,明天")  # type: ignore[arg-type]
