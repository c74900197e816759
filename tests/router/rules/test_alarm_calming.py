"""A rule that calms an alarm by `text` gives way to the alarm's words outside of what `text` matched."""

from itertools import product

import pytest

from conversation.model.conversation import Priority
from conversation.model.decision import Tried
from router.decision.decide import reasons
from router.rules.alarm_calming import ELSEWHERE
from router.rules.rulebook import RuleBook
from router.understanding.clauses import sentences
from tests.router.wallet import RULES, compiled, decided, facts_for, faults_of

ALARM = RULES.replace(
    'queue = "safety"\npriority = "urgent"\n', 'queue = "safety"\npriority = "urgent"\nalarm = true\n'
)
QUESTION, THEFT = "How can I protect my wallet", "my card was stolen"
PAUSES = (". ", "! ", "? ", "... ", "\n", "\r\n", "。", "！", "？", ", ", "，", "; ", ": ", " - ", " – ", " 😭 ", " (")


def with_first(rule: str, text: str = ALARM) -> RuleBook:
    return compiled(text.replace("[[rules]]", f"[[rules]]\nname = 'Tried'\n{rule}\n[[rules]]", 1))


def first(text: str, book: RuleBook) -> Tried:
    return reasons(facts_for(text, book), book)[0]


CALMING = with_first(
    "when = { text = '(?i)how can I protect' }\nthen = { queue = 'general', priority = 'low', stop = true }"
)


@pytest.mark.parametrize(("pause", "ordered"), [*product(PAUSES, ((QUESTION, THEFT), (THEFT, QUESTION)))])
def test_a_statement_of_an_alarm_is_heard_before_and_after_the_question(pause: str, ordered: tuple[str, str]) -> None:
    text = pause.join(ordered)
    made = decided(text, CALMING)
    assert (made.queue, made.priority, made.webhooks) == ("safety", Priority.URGENT, ("freeze",))
    (condition,) = [one for one in first(text, CALMING).conditions if one.fact == ELSEWHERE]
    assert "stolen" in str(condition.found)


@pytest.mark.parametrize("pause", PAUSES)
def test_the_question_alone_is_calmed_whatever_harmless_words_are_around_it(pause: str) -> None:
    for text in (f"{QUESTION}{pause}thank you", f"hello there{pause}{QUESTION} if it is stolen"):
        made = decided(text, CALMING)
        assert (made.queue, made.priority, made.webhooks) == ("general", Priority.LOW, ())


def test_an_alarm_across_two_parts_is_heard() -> None:
    book = with_first(
        "when = { text = 'protect' }\nthen = { priority = 'low' }", ALARM.replace('"hacked"', '"robbed me"')
    )
    assert not first("how do I protect what they robbed. Me and my wife ask.", book).matched


def test_a_word_under_unless_leaves_no_alarm_to_give_way_to() -> None:
    book = with_first(
        "when = { text = 'protect' }\nthen = { priority = 'low' }",
        ALARM.replace("[issues.lost]", 'unless = { en = ["stolen goods"] }\n[issues.lost]'),
    )
    assert first("Is this about stolen goods? How do I protect it?", book).matched


@pytest.mark.parametrize(
    "then",
    [
        "priority = 'high'",
        "queue = 'general', priority = 'urgent'",
        "issue = 'fees'",
        "stop = true",
        "labels = ['advice'], stop = true",
        "webhook = []",
        "queue = 'general', stop = true",
    ],
)
def test_what_lowers_moves_or_stops_gives_way(then: str) -> None:
    text = f"{QUESTION}? {THEFT}"
    assert not first(text, with_first(f"when = {{ text = 'protect' }}\nthen = {{ {then} }}")).matched
    assert first(QUESTION, with_first(f"when = {{ text = 'protect' }}\nthen = {{ {then} }}")).matched
    nested = f"when = {{ any = [{{ channel = 'app' }}, {{ all = [{{ text = 'protect' }}] }}] }}\nthen = {{ {then} }}"
    assert not first(text, with_first(nested)).matched
    assert first(text, with_first(f"when = {{ text = 'protect' }}\nthen = {{ {then} }}", RULES)).matched


@pytest.mark.parametrize(
    ("when", "then"),
    [
        ("text = 'protect'", "priority = 'urgent', webhook = 'freeze', stop = true"),
        ("text = 'protect'", "queue = 'safety', stop = true"),
        ("text = 'protect'", "labels = ['advice'], reply = 'safety'"),
        ("channel = 'site'", "queue = 'general', priority = 'low', stop = true"),
        ("not = { text = 'weather' }", "queue = 'general', priority = 'low', stop = true"),
    ],
)
def test_a_rule_that_acts_on_the_alarm_or_asks_for_no_text_is_left_as_it_is(when: str, then: str) -> None:
    tried = first(f"{QUESTION}? {THEFT}", with_first(f"when = {{ {when} }}\nthen = {{ {then} }}"))
    assert tried.matched
    assert ELSEWHERE not in [one.fact for one in tried.conditions]


def test_a_pattern_that_takes_in_the_whole_message_calms_all_of_it() -> None:
    book = with_first("when = { text = '(?s)^EXERCISE.*' }\nthen = { priority = 'low', stop = true }")
    assert first("EXERCISE somebody said that my card was stolen", book).matched
    assert not first("EXERCISE\nMy card was stolen", book).matched


def test_an_alarm_is_true_or_false() -> None:
    with pytest.raises(ValueError, match="alarm"):
        faults_of(ALARM.replace("alarm = true", 'alarm = "yes"'))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("It cost 20.50 euro. Why?", ["It cost 20.50 euro.", " Why?"]),
        ("See e.g. the fee, z.B. hier bzw. dort. Ja.", ["See e.g. the fee, z.B. hier bzw. dort.", " Ja."]),
        ("钱没了！怎么办？谢谢。", ["钱没了！", "怎么办？", "谢谢。"]),
        ("one\ntwo\r\nthree", ["one\n", "two\r\n", "three"]),
        (f"{'long ' * 12}line\nthat goes on", [f"{'long ' * 12}line\nthat goes on"]),
        ("", []),
    ],
)
def test_a_text_is_cut_into_its_sentences(text: str, cut: list[str]) -> None:
    assert sentences(text) == cut
