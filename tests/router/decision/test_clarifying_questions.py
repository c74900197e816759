"""What the house asks and answers by itself: choices, missing information, "any news?", and nothing once a person was asked for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from conversation.model.choices import choices_of, with_choices
from conversation.model.conversation import State
from conversation.model.people import Customer
from ops.rule_analysis.dry_run import DryRun, TrialMessage, Turn
from router.decision.clarifying_questions import asked_for, picked
from router.decision.decide import decide
from router.policy.auto_reply import zone_of
from router.wording.conversation_status import format_status
from tests.router.wallet import (
    MORNING,
    NIGHT,
    RULES,
    compiled,
    decided,
    existing_conversation,
    plain_facts,
    stub_detector,
)

TITLES = """
[question]
reply = "choose"
choices = ["topup", "fees"]
[intents.human]
words = ["a person", "人工"]
[intents.status]
words = ["any news"]
[replies.choose]
en = "What is it about?"
zh = "请问您要咨询什么?"
[replies.ask]
en = "Please tell us {missing}."
zh = "请告诉我们{missing}。"
[replies.status]
en = "{reference} is {state}."
zh = "{reference} {state}。"
"""
BOOK = compiled(
    RULES.replace("[issues.topup]\n", '[issues.topup]\ntitle = { en = "Top-up", zh = "充值" }\n').replace(
        "[issues.fees]\n", '[issues.fees]\ntitle = { en = "Fees", zh = "手续费" }\n'
    )
    + TITLES
)
PLAIN = compiled()


def talk(*texts: str, book: Any = BOOK, **given: Any) -> list[Turn]:
    trial = DryRun(book, stub_detector)
    return trial.hold([TrialMessage(channel="site", text=text, at=MORNING, given=given) for text in texts])


def test_where_nothing_is_known_the_customer_is_asked_with_choices() -> None:
    (turn,) = talk("my problem is the machine")
    assert turn.decision.choices == ("topup", "fees")
    assert choices_of(turn.reply_texts[0]) == ("What is it about?", ("Top-up", "Fees"))
    assert turn.reply_texts[0].split("\n")[1].endswith("1. Top-up")


@pytest.mark.parametrize("answer", ["2", " 2. ", "２", "Fees", "手续费", "fees"])
def test_an_answer_comes_back_as_the_issue_that_was_chosen(answer: str) -> None:
    first, second = talk("my problem is the machine", answer)
    assert (second.facts.issue, second.facts.issue_source) == ("fees", "chosen")
    assert second.conversation.id == first.conversation.id
    assert second.conversation.routing.offered_choices == ()


def test_what_is_no_answer_is_a_message_like_any_other_and_nobody_is_asked_twice() -> None:
    _, second, third = talk("my problem is the machine", "9", "the machine I said")
    assert second.facts.issue is None
    assert third.decision.replies == ()


def test_two_issues_that_are_as_likely_are_the_choices_and_the_answer_stays_in_the_conversation() -> None:
    first, second = talk("my top up, the fee and the fees", "1")
    assert set(first.decision.choices) == {"topup", "fees"}
    assert second.conversation.id == first.conversation.id
    assert second.decision.issue == first.decision.choices[0]


@pytest.mark.parametrize("text", ["thanks", "my top up", "I want to complain", "a person please", "any news"])
def test_nobody_is_asked_who_said_what_it_is_or_wants_no_machine(text: str) -> None:
    assert decided(text, BOOK).choices == ()


def test_without_a_question_in_the_file_nothing_is_asked() -> None:
    (turn,) = talk("my problem is the machine", book=PLAIN)
    assert turn.decision.choices == ()
    assert turn.facts.rivals == ()


def test_whoever_has_an_owner_is_not_asked() -> None:
    facts = plain_facts(
        text="the machine", language="en", matters=(existing_conversation(issue=None, owned=True, queue="general"),)
    )
    assert decide(facts, BOOK).choices == ()


def test_asking_for_a_person_ends_automation_for_the_whole_conversation() -> None:
    first, second, third = talk("a person please", "my top up", "any news")
    assert first.conversation.routing.automation_ended
    assert [turn.decision.replies for turn in (first, second)] == [(), ()]
    assert third.decision.replies == ("status",)


def test_any_news_is_answered_as_often_as_it_is_asked_but_not_while_the_owner_writes() -> None:
    waiting = existing_conversation(state=State.WAITING, queue="payments", said=("ask",))
    facts = plain_facts(text="any news", language="en", intents=("status",), claims=False, matters=(waiting,))
    assert decide(facts, BOOK).replies == ("status",)
    busy = replace(waiting, owner_wrote_at=MORNING - timedelta(minutes=3))
    assert decide(replace(facts, matters=(busy,)), BOOK).replies == ()
    assert "status" not in decide(replace(facts, matters=()), BOOK).replies


@pytest.mark.parametrize(
    ("state", "position", "language", "words"),
    [
        (State.WAITING, 3, "en", "waiting in the queue Payments, number 3 in line"),
        (State.WAITING, None, "zh", "在“Payments”队列中等待"),
        (State.OFFERED, 1, "de", "in der Warteschlange „Payments“ an Stelle 1"),
        (State.ASSIGNED, 3, "fr", "entre les mains d'un de nos collègues, qui s'en occupe"),
        (State.WAITING, 2, "es", "en espera en la cola «Payments», en el puesto 2"),
        (State.SNOOZED, None, "xx", "put aside until we have news; we will come back to you"),
    ],
)
def test_state_and_place_are_said_in_words(state: State, position: int | None, language: str, words: str) -> None:
    assert format_status(state, "Payments", position, language) == words


def test_what_is_missing_is_named_in_the_customers_language() -> None:
    assert asked_for(["amount", "time"], {}, ("zh", "en")) == "金额、日期和时间"
    assert asked_for(["amount", "wallet"], {"wallet": {"en": "your wallet"}}, ("fr", "en")) == "le montant, your wallet"
    assert asked_for(["amount", "time"], {}, ("zh-Hant", "zh")) == "金额、日期和时间"
    assert asked_for(["amount", "time"], {}, ("es", "en")) == "el importe, la fecha y la hora"
    assert asked_for(["shoe"], {}, ("en",)) == "shoe"
    (turn,) = talk("my top up")
    assert turn.reply_texts == ("Please tell us your account (phone number or e-mail), the amount.",)


def test_a_list_that_somebody_typed_has_no_choices() -> None:
    assert choices_of("1. one\n2. two") == ("1. one\n2. two", ())
    assert choices_of(with_choices("Which?", ["a\nb", "c. d"])) == ("Which?", ("a b", "c. d"))


def test_a_number_beyond_the_choices_picks_nothing() -> None:
    assert picked("0", ["a", "b"], {}) is None
    assert picked("3", ["a", "b"], {}) is None
    assert picked("", ["a"], {"a": {"en": ""}}) is None


def test_the_next_opening_is_told_in_the_customers_own_zone() -> None:
    def reply_texts(**customer: str) -> str:
        message = TrialMessage(channel="site", text="您的", at=NIGHT, given={"customer": customer})
        return DryRun(PLAIN, stub_detector).hold([message])[0].reply_texts[0]

    assert "明天 9:00" in reply_texts()
    assert "今天 20:00" in reply_texts(timezone="America/New_York")
    assert "明天 9:00" in reply_texts(timezone="Mars/Olympus")
    assert zone_of(Customer(id="c", attributes={"timezone": "../etc/passwd"})) is None
