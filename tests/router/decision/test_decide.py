"""Where messages go, in four languages; priorities, replies, deadlines, webhooks."""

from datetime import UTC, datetime, timedelta

import pytest

from conversation.model.conversation import Priority
from conversation.model.decision import Joining
from conversation.model.people import Customer
from conversation.model.routing_state import Escalation
from router.decision.decide import decide
from router.rules.rulebook import RuleBook
from tests.router.wallet import MORNING, NIGHT, RULES, compiled, decided, facts_for, plain_facts

BOOK = compiled()


def with_rule(rule: str) -> RuleBook:
    return compiled(RULES.replace("[[rules]]", f"[[rules]]\nname = 'Tried'\n{rule}\n[[rules]]", 1))


@pytest.mark.parametrize(
    ("text", "queue", "issue", "language", "priority"),
    [
        ("充值不成功,钱扣了没到账", "payments", "topup", "zh", "normal"),
        ("My top-up failed", "payments", "topup", "en", "normal"),
        ("The DEPOSITED money", "payments", "topup", "en", "normal"),
        ("Ich kann mein Guthaben nicht aufladen", "payments", "topup", "de", "normal"),
        ("Je veux recharger mon compte", "payments", "topup", "fr", "normal"),
        ("请问充值优惠在哪里?", "general", None, "zh", "normal"),
        ("My account was hacked", "safety", "unauthorised_security", "en", "urgent"),
        ("我的账号被盗了", "safety", "unauthorised_security", "zh", "urgent"),
        ("Ich wurde gehackt", "safety", "unauthorised_security", "de", "urgent"),
        ("Je me suis fait pirate", "safety", "unauthorised_security", "fr", "urgent"),
        ("How can I protect my wallet if the phone is stolen?", "general", "unauthorised_security", "en", "low"),
        ("I want to complain about the fee", "complaints", "fees", "en", "normal"),
        ("the money is lost", "general", "lost", "en", "normal"),
        ("the weather is fine", "general", None, "en", "normal"),
    ],
)
def test_a_message_goes_where_its_words_say(
    text: str, queue: str, issue: str | None, language: str, priority: str
) -> None:
    made = decided(text, BOOK)
    assert (made.queue, made.issue, made.language, made.priority.label) == (queue, issue, language, priority)
    assert made.joining is Joining.NEW
    assert made.moves


def test_each_action_is_settled_by_the_first_rule_that_names_it() -> None:
    book = with_rule("when = { channel = 'site' }\nthen = { priority = 'high', labels = ['site'] }")
    made = decided("My account was hacked", book, customer=Customer(id="k", attributes={"vip": True}))
    assert (made.queue, made.priority) == ("safety", Priority.HIGH)
    assert made.labels == ("site", "vip")
    assert made.rules == ("Tried", "Stolen money before everything", "VIPs")
    assert made.settled_by["queue"] == "Stolen money before everything"
    assert made.settled_by["priority"] == "Tried"


def test_a_rule_that_stops_hides_those_after_it() -> None:
    book = with_rule("when = { channel = 'site' }\nthen = { stop = true }")
    made = decided("My account was hacked", book)
    assert (made.queue, made.priority, made.settled_by["queue"]) == ("safety", Priority.URGENT, "issue")
    assert made.webhooks == ()


def test_the_queue_falls_back_to_the_issue_and_then_to_the_fallback() -> None:
    assert decided("top up", BOOK).settled_by["queue"] == "issue"
    assert decided("it is lost", BOOK).settled_by["queue"] == "fallback"
    assert decided("hello", BOOK).settled_by == {"queue": "fallback", "priority": "fallback"}


def test_a_rule_may_calm_a_false_alarm_and_a_rule_may_name_the_issue() -> None:
    book = with_rule("when = { text = 'false alarm' }\nthen = { issue = 'fees', priority = 'low' }")
    made = decided("the wallet was hacked, false alarm", book)
    assert (made.issue, made.issue_source, made.priority) == ("fees", "rule", Priority.LOW)
    assert made.queue == "safety"


def test_a_closed_queue_says_so_once_with_its_next_opening() -> None:
    made = decided("充值不成功", BOOK, now=NIGHT)
    assert not made.open
    assert made.opens == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert made.replies == ("closed",)
    assert made.due == datetime(2026, 11, 24, 1, 15, tzinfo=UTC)


def test_an_open_queue_says_nothing_and_promises_in_opening_time() -> None:
    made = decided("充值不成功", BOOK, now=MORNING + timedelta(hours=1, minutes=50))
    assert (made.open, made.opens, made.replies) == (True, None, ())
    assert made.due == datetime(2026, 11, 23, 5, 5, tzinfo=UTC)  # ten minutes before lunch, five after it


def test_the_hours_are_those_of_the_customers_language() -> None:
    evening = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert decided("The top up", BOOK, now=evening).open
    assert not decided("充值", BOOK, now=evening).open


def test_a_reply_on_arrival_is_said_at_any_hour_and_never_to_a_machine() -> None:
    assert decided("hacked", BOOK).replies == ("safety",)
    assert decided("hacked", BOOK, machine="auto-reply").replies == ()
    assert decided("充值", BOOK, now=NIGHT, machine="list").replies == ()


def test_a_rule_may_say_a_reply_of_its_own_or_none() -> None:
    own = with_rule("when = { channel = 'site' }\nthen = { reply = 'safety' }")
    assert decided("充值", own, now=NIGHT).replies == ("safety", "closed")
    none = with_rule("when = { channel = 'site' }\nthen = { reply = false }")
    assert decided("充值", none, now=NIGHT).replies == ()


def test_a_page_and_a_webhook_are_told() -> None:
    made = decided("hacked", BOOK)
    assert made.page == Escalation(webhook="duty", after_seconds=60)
    assert made.webhooks == ("freeze",)


def test_a_rule_may_set_the_deadline_the_page_and_a_callback() -> None:
    book = with_rule("when = { channel = 'site' }\nthen = { deadline = '2h', page = false, callback = true }")
    made = decided("hacked", book)
    assert made.due == MORNING + timedelta(hours=2)
    assert made.page is None
    assert made.callback


def test_what_is_missing_is_asked_for() -> None:
    assert decided("top up", BOOK).ask == ("account", "amount")
    known = Customer(id="k", attributes={"account": "4711"})
    assert decided("top up", BOOK, customer=known).ask == ("amount",)
    book = compiled(RULES + '\n[replies.ask]\nen = "Please tell us: {missing}"\n')
    assert decided("The top up", book).replies == ("ask",)


def test_a_kind_of_channel_has_its_own_promise() -> None:
    made = decided("the deposit", BOOK, channel="hilfe-mail", language="zh", now=MORNING)
    assert made.due == MORNING + timedelta(hours=5)  # four hours of open time, one of lunch


def test_a_hint_of_the_channel_counts_where_the_text_says_nothing() -> None:
    made = decided("?", BOOK, channel="topup-form")
    assert (made.issue, made.issue_source, made.queue) == ("topup", "channel", "payments")
    assert decided("the fee?", BOOK, channel="topup-form").issue == "fees"
    assert decided("...", BOOK, channel="hilfe-mail").language == "de"


def test_a_language_that_is_not_offered_is_served_in_the_default_one() -> None:
    made = decided("the top up", BOOK, language="it")
    assert (made.language, facts_for("the top up", BOOK, language="it").language) == ("en", "it")


def test_facts_of_any_shape_get_a_decision() -> None:
    odd = plain_facts(
        text="\ud800\x00" + "🙂" * 30_000,
        language="xx",
        issue="gone",
        intents=("nothing",),
        customer={"vip": [True, {"a": float("nan")}], "x": object()},
        channel="unheard",
        kind="",
        token="nobody",
        now=datetime(9999, 12, 30, tzinfo=UTC),
    )
    assert decide(odd, BOOK).queue in BOOK.queues


def test_replies_fall_back_to_the_default_language_and_fill_in_what_is_known() -> None:
    values = {"next_opening": "tomorrow", "reference": "AB"}
    assert BOOK.reply_text("closed", language="zh", kind="webchat", values=values).startswith("我们已下班,tomorrow")
    assert BOOK.reply_text("closed", language="it", kind="webchat", values=values).startswith("We are closed")
    assert BOOK.reply_text("safety", language=None, kind="sms", values={}) == "We are on it, ."
    assert BOOK.reply_text("unheard", language="en", kind="sms", values={}) == ""


def test_a_reply_may_have_a_variant_for_a_kind_of_channel() -> None:
    text = RULES.replace('[replies.safety]\nzh = "马上处理"', '[replies.safety]\nzh = { default = "处理", sms = "短" }')
    book = compiled(text)
    assert book.reply_text("safety", language="zh", kind="sms", values={}) == "短"
    assert book.reply_text("safety", language="zh", kind="webchat", values={}) == "处理"
    dotted = compiled(RULES.replace('zh = "马上处理"', 'zh.sms = "短"'))
    assert dotted.reply_text("safety", language="zh", kind="webchat", values={}) == "短"
