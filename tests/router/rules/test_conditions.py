"""Each condition by itself."""

from datetime import timedelta
from typing import Any

import pytest

from conversation.model.routing_state import Escalation, FailedWebhook, LanguageRequest, RoutingState
from router.decision.decide import reasons
from router.decision.facts import existing_of
from tests.router.wallet import MORNING, NIGHT, RULES, compiled, existing_conversation, plain_facts
from tests.storage.makers import conversation


def held(when: str, **facts: Any) -> bool:
    book = compiled(f"{RULES}\n[[rules]]\nname = 'Tried'\nwhen = {{ {when} }}\nthen = {{ queue = 'vip' }}\n")
    return reasons(plain_facts(**facts), book)[-1].matched


KEPT = RoutingState(
    script="Hant",
    language_request=LanguageRequest("de", overruled="en"),
    automation_ended=True,
    offered_languages=("zh", "en"),
    offered_choices=("fees",),
    subject="Gebühren",
    last_subject="Fees",
    last_owner="tom",
    queued_at=MORNING - timedelta(minutes=5),
    overflowed_at=MORNING - timedelta(minutes=5),
    escalation=Escalation(webhook="duty", after_seconds=60),
    alerts_due={"duty": MORNING},
    alerted={"night": MORNING},
    failed_webhooks={"duty": FailedWebhook(MORNING, "expired")},
)


@pytest.mark.parametrize(
    "when",
    [
        "conversation.script = 'Hant'",
        "conversation.wish.language = 'de'",
        "conversation.wish.over = 'en'",
        "conversation.automation = 'ended'",
        "conversation.languages = 'zh'",
        "conversation.choices = ['topup', 'fees']",
        "conversation.subject = 'Gebühren'",
        "conversation.last_subject = 'Fees'",
        "conversation.last_owner = 'tom'",
        "conversation.queued_again = { newer = '10m' }",
        "conversation.overflowed = { newer = '10m' }",
        "conversation.page.webhook = 'duty'",
        "conversation.pages.calls.duty = { exists = true }",
        "conversation.paged.night = { exists = true }",
        "conversation.failed_calls.duty.reason = 'expired'",
        "conversation.amount = 5",
    ],
)
def test_a_rule_sees_the_routing_state_and_the_attributes_of_a_conversation_by_name(when: str) -> None:
    kept = existing_of(conversation(attributes={"amount": 5}, routing=KEPT))
    assert held(when, matters=(kept,))
    assert not held(when, matters=(existing_of(conversation()),))


@pytest.mark.parametrize(
    ("when", "facts", "expected"),
    [
        ("", {}, True),
        ("channel = 'site'", {}, True),
        ("channel = ['app', 'site']", {}, True),
        ("channel = 'app'", {}, False),
        ("kind = 'webchat', channel = 'app'", {}, False),
        ("brand = 'blue'", {"brand": "blue"}, True),
        ("language = 'unknown'", {}, True),
        ("language = 'unknown'", {"language": "en"}, False),
        ("language = ['zh', 'unknown']", {"language": "zh"}, True),
        ("issue = 'unknown'", {}, True),
        ("issue = 'topup'", {"issue": "topup"}, True),
        ("priority = 'urgent'", {"issue": "unauthorised_security"}, True),
        ("priority = 'normal'", {}, True),
        ("intent = 'complaint'", {"intents": ("thanks", "complaint")}, True),
        ("intent = 'complaint'", {"intents": ("thanks",)}, False),
        ("text = 'b+'", {"text": "abbc"}, True),
        ("text = ['x', '(?i)B']", {"text": "abbc"}, True),
        ("text = '^b'", {"text": "abbc"}, False),
        ("text = 'a'", {"text": "\ud800a"}, True),
        ("first_message = true", {}, True),
        ("first_message = false", {}, False),
        ("verified = true", {"verified": True}, True),
        ("missing = 'account'", {"issue": "topup"}, True),
        ("missing = 'amount'", {"issue": "topup", "conversation": {"amount": 5}}, False),
        ("missing = true", {"issue": "topup", "customer": {"account": "a"}}, True),
        ("missing = false", {}, True),
        ("open = 'shanghai'", {}, True),
        ("open = 'shanghai'", {"now": NIGHT}, False),
        ("open = ['payments', 'safety']", {"now": NIGHT}, True),
        ("open = 'payments'", {"now": NIGHT, "language": "zh"}, False),
        ("open = 'payments'", {"now": NIGHT, "language": "en"}, True),
        ("not = { open = 'shanghai' }", {"now": NIGHT}, True),
        ("staffed = 'payments'", {"on_duty": frozenset({("payments", "zh")}), "language": "zh"}, True),
        ("staffed = 'payments'", {"on_duty": frozenset({("payments", "zh")}), "language": "en"}, False),
        ("staffed = 'payments'", {"on_duty": frozenset({("payments", "en")})}, True),
        ("staffed = 'complaints'", {"on_duty": frozenset({("complaints", "zh")}), "language": "en"}, True),
        ("staffed = 'payments'", {"on_duty": None, "now": NIGHT, "language": "zh"}, False),
        ("customer.vip = true", {"customer": {"vip": True}}, True),
        ("customer.vip = true", {"customer": {"vip": 1}}, False),
        ("customer.vip = true", {"customer": {"vip": "true"}}, False),
        ("customer.level = 1", {"customer": {"level": True}}, False),
        ("customer.level = [1, 2]", {"customer": {"level": 2.0}}, True),
        ("customer.tags = 'gold'", {"customer": {"tags": ["old", "gold"]}}, True),
        ("customer.address.country = 'DE'", {"customer": {"address": {"country": "DE"}}}, True),
        ("customer.address.country = 'DE'", {"customer": {"address": "DE"}}, False),
        ("customer.'a.b' = 1", {"customer": {"a.b": 1}}, True),
        ("customer.n = { gt = 3 }", {"customer": {"n": 4}}, True),
        ("customer.n = { gt = 3, lt = 4 }", {"customer": {"n": 4}}, False),
        ("customer.n = { ge = 4, le = 4 }", {"customer": {"n": 4}}, True),
        ("customer.n = { gt = 3 }", {"customer": {"n": "4.5"}}, True),
        ("customer.n = { gt = 3 }", {"customer": {"n": "many"}}, False),
        ("customer.n = { gt = 3 }", {"customer": {"n": None}}, False),
        ("customer.n = { lt = 'b' }", {"customer": {"n": "a"}}, True),
        ("customer.n = { exists = true }", {"customer": {"n": 0}}, True),
        ("customer.n = { exists = false }", {}, True),
        ("customer.n = { not = 3 }", {"customer": {"n": 4}}, True),
        ("customer.n = { is = [3, 4] }", {"customer": {"n": 4}}, True),
        ("customer.at = { older = '2d' }", {"customer": {"at": (MORNING - timedelta(days=3)).isoformat()}}, True),
        ("customer.at = { older = '2d' }", {"customer": {"at": (MORNING - timedelta(days=1)).isoformat()}}, False),
        ("customer.at = { newer = '2d' }", {"customer": {"at": MORNING.timestamp() - 60}}, True),
        ("customer.at = { older = '2d' }", {"customer": {"at": "yesterday"}}, False),
        ("customer.at = { newer = '2d' }", {"customer": {"at": None}}, False),
        ("conversation.amount = 5", {"conversation": {"amount": 5}}, True),
        ("conversation.amount = 5", {"matters": (existing_conversation(attributes={"amount": 5}),)}, True),
        ("conversation.queue = 'payments'", {"matters": (existing_conversation(),)}, True),
        ("conversation.queue = 'payments'", {}, False),
        ("any = [{ channel = 'app' }, { kind = 'webchat' }]", {}, True),
        ("any = [{ channel = 'app' }, { kind = 'email' }]", {}, False),
        ("all = [{ channel = 'site' }, { kind = 'webchat' }]", {}, True),
        ("not = { channel = 'site', kind = 'email' }", {}, True),
        ("not = [{ channel = 'app' }, { kind = 'webchat' }]", {}, False),
        ("not = { not = { any = [{ all = [{ channel = 'site' }] }] } }", {}, True),
    ],
)
def test_a_condition_holds_or_not(when: str, facts: dict[str, Any], expected: bool) -> None:
    assert held(when, **facts) is expected
