"""The example's calming rule: advice alone calls nobody, a theft that is stated beside the question stays an alarm."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from conversation.model.conversation import Priority
from conversation.model.decision import Decision
from ops.configuration.settings import load, parse_rules
from ops.rule_analysis.dry_run import DryRun, TrialMessage, Turn
from ops.rule_analysis.explanation import as_text, explain
from router.understanding.language_detector import load_detector

EXAMPLE = Path("config.example.toml")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CALMING = "A question about protection is no alarm"

ADVICE = (
    "How can I protect my account against fraud?",
    "How can I protect my wallet if my phone is stolen?",
    "If my phone is stolen, how can I protect my wallet?",
    "Hello, I am new here. How do I protect my account from phishing, scams and hackers? Thanks!",
    "how should we secure our wallets (against theft, fraud and hacking)?",
    "Good morning. How can I avoid being scammed, for example by fake support? Best regards, Grace",
    "I have 3.50 euro on it, e.g. for coffee. How can I prevent fraud?",
    "Hi there\nHow do I protect my account against phishing\nThanks",
    "如何防止账户被盗?",
    "怎么保护我的钱包不被盗刷？",
    "你好，请问怎样避免被骗？谢谢",
    "如果手机丢了，如何保护账户？",
    "怎么防止账户被盗、被骗？",
    "如何保护账户，以免被盗？",
    "Comment sécuriser mon portefeuille contre le hameçonnage ?",
    "Bonjour, comment protéger mon compte contre le piratage, la fraude et l'arnaque ? Merci",
    "Comment éviter les arnaques sur mon compte ?",
    "Si mon téléphone est volé, comment puis-je protéger mon compte ?",
    "Comment protéger mon compte, au cas où ma carte serait volée ?",
    "Wie kann ich mein Konto vor Betrug schützen?",
    "Wie kann ich mein Konto schützen, wenn mein Handy gestohlen wird?",
    "Wie kann ich, falls jemand mein Handy stiehlt, Diebstahl vermeiden?",
    "Guten Tag, wie kann ich vermeiden, dass mein Konto gehackt wird?",
    "Wenn mein Handy gestohlen wird, wie kann ich mein Konto absichern?",
    "Wie kann ich mich denn vor Phishing, Betrug und Diebstahl schützen? Danke!",
    "Wie kann ich mich vor Phishing, Betrug und Diebstahl schützen? Danke!",
    "Wie kann ich verhindern, dass jemand mein Handy klaut?",
)
THEFT = (
    "Somebody stole 300 euro from my wallet. How can I protect my account now?",
    "Somebody stole 300 euro, how can I protect my account now?",
    "Somebody stole 300 euro and how can I protect my account now",
    "somebody stole 300 euro from my wallet\nhow can i protect my account now",
    "somebody stole 300 euro from my wallet how can I protect my account now",
    "How can I protect my account now? Somebody stole 300 euro from my wallet.",
    "How can I protect my account, somebody stole 300 euro",
    "How can I protect my account because somebody stole 300 euro",
    "How can I protect my account now that my phone was stolen?",
    "How do I protect my account against fraud? My phone was stolen an hour ago!",
    "How can I protect my account? It was hacked...",
    "How can I secure my wallet 😭 my phone is stolen",
    "My wallet was hacked! How can I protect it against fraud?",
    "How can I protect my account against fraud, I did not make this payment of 20.50 euro.",
    "How can I protect my account (somebody stole my card)?",
    "有人偷了我300欧元。现在如何保护我的账户？",
    "我的钱被盗了，怎么保护账户？",
    "我的钱被盗了怎么保护账户",
    "如何保护我的账户？我被骗了三百块。",
    "如何保护账户，我的卡被盗刷了",
    "怎么防止再被骗？昨天我被骗了三百块",
    "怎样保护账户!我的手机被偷了",
    "On m'a volé 300 euros. Comment protéger mon compte maintenant ?",
    "On m'a volé 300 euros, comment protéger mon compte ?",
    "Mon compte est piraté et comment le protéger",
    "Comment protéger mon compte ? On m'a volé 300 euros hier.",
    "Comment sécuriser mon compte, on m'a volé 300 euros",
    "Comment puis-je protéger mon compte parce qu'on m'a volé 300 euros",
    "Mon compte est piraté ! Comment éviter la fraude ?",
    "Mir wurden 300 Euro gestohlen. Wie kann ich mein Konto jetzt schützen?",
    "Mir wurden 300 Euro gestohlen, wie kann ich mein Konto schützen?",
    "Mein Handy wurde gestohlen und wie kann ich mein Konto schützen",
    "Wie kann ich mein Konto schützen? Mein Handy wurde gestern gestohlen.",
    "Wie kann ich mein Konto schützen, mein Handy wurde gestohlen",
    "Wie kann ich mein Konto schützen, nachdem mein Handy gestohlen wurde?",
    "Ich glaube, dass mein Konto gehackt wurde, wie kann ich es schützen?",
    "Wie kann ich mich vor Betrug schützen? Jemand hat meine Karte gestohlen!",
)


@pytest.fixture(scope="module")
def trial() -> DryRun:
    settings = load(EXAMPLE, {}, make_secrets=False)
    return DryRun(parse_rules(settings.source, settings.hints), load_detector(settings.document.languages.offered))


def held(trial: DryRun, *texts: str) -> list[Turn]:
    return list(trial.hold([TrialMessage(channel="site", text=text, at=NOW) for text in texts]))


def outcome(decision: Decision) -> tuple[str, Priority, tuple[str, ...]]:
    return decision.queue, decision.priority, decision.webhooks


@pytest.mark.parametrize("text", ADVICE)
def test_a_question_about_protection_alone_calls_nobody(trial: DryRun, text: str) -> None:
    (turn,) = held(trial, text)
    assert outcome(turn.decision) == ("general", Priority.LOW, ())


@pytest.mark.parametrize("text", THEFT)
def test_a_theft_stated_beside_the_question_freezes(trial: DryRun, text: str) -> None:
    (turn,) = held(trial, text)
    assert outcome(turn.decision) == ("safety", Priority.URGENT, ("freeze",))


def test_advice_asked_for_after_the_theft_neither_moves_the_conversation_nor_freezes_again(trial: DryRun) -> None:
    for question in ("How can I protect my account now?", "How can I protect my account against fraud?"):
        theft, advice = held(trial, "Somebody stole 300 euro from my wallet", question)
        assert outcome(theft.decision) == ("safety", Priority.URGENT, ("freeze",))
        assert outcome(advice.decision) == ("safety", Priority.URGENT, ())
        assert advice.conversation.id == theft.conversation.id


def test_a_theft_stated_after_advice_was_asked_for_freezes(trial: DryRun) -> None:
    for question in ("How can I protect my account now?", "How can I protect my account against fraud?"):
        advice, theft, more = held(trial, question, "Somebody stole 300 euro from my wallet", "It was stolen at noon")
        assert outcome(advice.decision) == ("general", Priority.LOW, ())
        assert outcome(theft.decision) == ("safety", Priority.URGENT, ("freeze",))
        assert outcome(more.decision) == ("safety", Priority.URGENT, ())


def test_explain_names_the_part_to_which_the_calming_rule_gave_way(trial: DryRun) -> None:
    text = "How can I protect my account now? Somebody stole 300 euro from my wallet."
    (turn,) = held(trial, text)
    explained = explain(turn.facts, turn.decision, trial.rulebook)
    first = explained["tried"][0]
    assert (first["rule"], first["matched"]) == (CALMING, False)
    gave_way = {
        "fact": "alarm_elsewhere",
        "wanted": False,
        "found": "Somebody stole 300 euro from my wallet.",
        "held": False,
    }
    assert first["conditions"][1] == gave_way
    line = (
        f"  ✗ {CALMING}: gives way: an alarm stands outside what its text matches: "
        '"Somebody stole 300 euro from my wallet."'
    )
    assert line in as_text(explained, text).splitlines()
