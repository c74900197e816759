"""A small wallet support desk, and short ways to ask what would happen."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conversation.model.conversation import Priority, State
from conversation.model.decision import Decision, ExistingConversation, Facts
from conversation.model.message import MessageReceived
from conversation.model.people import Customer, Identity
from router.decision.decide import decide
from router.decision.facts import gather, understand
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, RuleFaults, compile_rules

# Monday, 10:00 in Shanghai, 03:00 in Berlin.
MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

RULES = """
[languages]
offered = ["zh", "en", "fr", "de"]
default = "en"
[conversations]
reopen_within = "72h"
[hours.shanghai]
timezone = "Asia/Shanghai"
mon-fri = ["09:00-12:00", "13:00-21:00"]
sat-sun = ["10:00-18:00"]
[hours.berlin]
timezone = "Europe/Berlin"
mon-fri = ["08:00-20:00"]
[hours.english]
any = ["shanghai", "berlin"]
[hours.desk]
per_language = { zh = "shanghai", en = "english", default = "berlin" }
[issues.topup]
queue = "payments"
words = { en = ["top up", "deposit*"], zh = ["充值"], de = ["auflad*", "Guthaben"], fr = ["recharg*"] }
unless = { zh = ["充值优惠"] }
ask = ["account", "amount"]
[issues.fees]
queue = "general"
words = { en = ["fee", "fees"], zh = ["手续费"], de = ["Gebühr*"], fr = ["frais"] }
[issues.unauthorised_security]
queue = "safety"
priority = "urgent"
words = { en = ["hacked", "stolen"], zh = ["被盗"], de = ["gehackt"], fr = ["piraté"] }
[issues.lost]
words = { en = ["lost"] }
[intents.thanks]
words = { en = ["thanks", "thank you"], zh = ["谢谢"], de = ["danke"], fr = ["merci"] }
[intents.complaint]
words = { en = ["complain*"], zh = ["投诉"] }
[queue_defaults]
hours = "desk"
closed = "closed"
first_response = { email = "4h", default = "15m" }
[queues.payments]
skills = ["payments"]
overflow = [{ after = "5m", queue = "general" }]
[queues.safety]
hours = "always"
arrival = "safety"
page = { after = "1m", webhook = "duty" }
[queues.vip]
[queues.complaints]
languages = "any"
[queues.general]
[webhooks.duty]
url = "https://duty.example/page"
secret = { env = "DUTY_SECRET" }
[webhooks.freeze]
url = "https://wallet.example/freeze"
secret = { env = "FREEZE_SECRET" }
[[rules]]
name = "A question about protection is no alarm"
when = { text = "(?i)how (do|can) I .{0,20}(protect|secure)|如何.{0,12}(防止|保护)" }
then = { queue = "general", priority = "low" }
[[rules]]
name = "Stolen money before everything"
when = { issue = "unauthorised_security" }
then = { queue = "safety", priority = "urgent", webhook = "freeze" }
[[rules]]
name = "VIPs"
when = { customer.vip = true }
then = { queue = "vip", priority = "high", labels = ["vip"] }
[[rules]]
name = "Complaints"
when = { intent = "complaint" }
then = { queue = "complaints", labels = ["complaint"] }
[fallback]
queue = "general"
[replies.closed]
zh = "我们已下班,{next_opening} 恢复服务。您的编号是 {reference}。"
en = "We are closed and open again {next_opening}. Your reference is {reference}."
fr = "Nous rouvrons {next_opening}. Référence {reference}."
de = "Wir öffnen wieder {next_opening}. Ihre Nummer: {reference}."
[replies.safety]
zh = "马上处理"
en = "We are on it, {name}."
fr = "Nous nous en occupons."
de = "Wir kümmern uns."
"""

CHANNELS = {
    "site": ChannelHints(kind="webchat"),
    "app": ChannelHints(kind="webhook"),
    "hilfe-mail": ChannelHints(kind="email", language="de"),
    "topup-form": ChannelHints(kind="webhook", issue="topup", brand="blue"),
}


def document(text: str = RULES) -> Document:
    return Document.model_validate(tomllib.loads(text))


def compiled(text: str = RULES, channels: Mapping[str, ChannelHints] = CHANNELS) -> RuleBook:
    return compile_rules(document(text), revision="r1", channels=channels)


def faults_of(text: str) -> dict[tuple[str | int, ...], str]:
    try:
        compiled(text)
    except RuleFaults as raised:
        return {fault.path: fault.message for fault in raised.faults if fault.severity == "error"}
    return {}


SPOKEN = (
    ("充", "zh"),
    ("您", "zh"),
    ("谢谢", "zh"),
    ("被盗", "zh"),
    ("ich", "de"),
    ("je ", "fr"),
    ("the", "en"),
    ("my", "en"),
)


def stub_detector(text: str) -> Sequence[tuple[str, float]]:
    """Sure of a language where a telling word stands in the text, of nothing otherwise."""
    low = text.lower()
    found = next((language for word, language in SPOKEN if word in low), None)
    return [(found, 0.99)] if found else [("en", 0.3), ("zh", 0.3), ("fr", 0.2), ("de", 0.2)]


def existing_conversation(name: str = "c1", **changes: Any) -> ExistingConversation:
    given: dict[str, Any] = {
        "state": State.WAITING,
        "queue": "payments",
        "issue": "topup",
        "language": "en",
        "priority": Priority.NORMAL,
        "owned": False,
        "last_activity": MORNING,
    }
    return ExistingConversation(id=name, **{**given, **changes})


def said(text: str, **changes: Any) -> MessageReceived:
    given: dict[str, Any] = {
        "channel": "site",
        "external_id": "1",
        "sender": Identity(channel="site", address="a"),
        "received_at": MORNING,
    }
    return MessageReceived(text=text, **{**given, **changes})


def facts_for(
    text: str,
    book: RuleBook,
    *,
    now: datetime = MORNING,
    customer: Customer | None = None,
    conversations: Sequence[Any] = (),
    **changes: Any,
) -> Facts:
    return gather(
        said(text, **changes),
        customer=customer or Customer(id="k1"),
        conversations=conversations,
        understood=understand(text, book, stub_detector),
        rulebook=book,
        now=now,
    )


def decided(text: str, book: RuleBook, **changes: Any) -> Decision:
    return decide(facts_for(text, book, **changes), book)


def plain_facts(**changes: Any) -> Facts:
    given: dict[str, Any] = {"now": MORNING, "channel": "site", "kind": "webchat", "text": ""}
    return Facts(**{**given, **changes})
