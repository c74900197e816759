"""Facts, decisions and reasons as JSON: what the API answers, what `explain` prints."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conversation.model.decision import Condition, Decision, ExistingConversation, Facts, Tried
from conversation.model.routing_state import Escalation

Json = dict[str, Any]


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def plain(value: Any) -> Any:
    """The value as JSON knows it: sequences as lists, instants as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(inner) for inner in value), key=repr)
    return value if isinstance(value, str | int | float | bool) or value is None else _text_of(value)


def _text_of(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def existing_to_json(existing: ExistingConversation) -> Json:
    """A conversation as a decision knew it."""
    return {
        "id": existing.id,
        "state": existing.state.value,
        "queue": existing.queue,
        "issue": existing.issue,
        "language": existing.language,
        "priority": existing.priority.label,
        "owned": existing.owned,
        "last_activity": _time(existing.last_activity),
        "closed_at": _time(existing.closed_at),
        "owner_wrote_at": _time(existing.owner_wrote_at),
        "said": list(existing.said),
        "attributes": plain(existing.attributes),
    }


def facts_to_json(facts: Facts) -> Json:
    """All facts but the text, which is kept with its message so that it can be erased."""
    return {
        "now": _time(facts.now),
        "channel": facts.channel,
        "kind": facts.kind,
        "brand": facts.brand,
        "language": facts.language,
        "language_confidence": facts.language_confidence,
        "language_source": facts.language_source,
        "issue": facts.issue,
        "issue_confidence": facts.issue_confidence,
        "issue_source": facts.issue_source,
        "model": facts.model,
        "intents": list(facts.intents),
        "claims": facts.claims,
        "first_message": facts.first_message,
        "verified": facts.verified,
        "machine": facts.machine,
        "customer": plain(facts.customer),
        "conversation": plain(facts.conversation),
        "matters": [existing_to_json(existing) for existing in facts.matters],
        "token": facts.token,
        "script": facts.script,
        "rivals": list(facts.rivals),
        "wish": facts.wish,
        "on_duty": None if facts.on_duty is None else sorted(map(list, facts.on_duty)),
        "callback_queue": facts.callback_queue,
    }


def page_to_json(page: Escalation) -> Json:
    """Who is called, and how long after."""
    return {"webhook": page.webhook, "after_seconds": page.after_seconds}


def decision_to_json(decision: Decision) -> Json:
    """The whole decision."""
    return {
        "joining": decision.joining.value,
        "queue": decision.queue,
        "priority": decision.priority.label,
        "revision": decision.revision,
        "conversation": decision.conversation,
        "linked": decision.linked,
        "moves": decision.moves,
        "language": decision.language,
        "language_confidence": decision.language_confidence,
        "language_source": decision.language_source,
        "issue": decision.issue,
        "issue_confidence": decision.issue_confidence,
        "issue_source": decision.issue_source,
        "open": decision.open,
        "opens": _time(decision.opens),
        "due": _time(decision.due),
        "replies": list(decision.replies),
        "labels": list(decision.labels),
        "ask": list(decision.ask),
        "callback": decision.callback,
        "webhooks": list(decision.webhooks),
        "page": None if decision.page is None else page_to_json(decision.page),
        "rules": list(decision.rules),
        "settled_by": dict(decision.settled_by),
        "alert": decision.alert,
        "choices": list(decision.choices),
        "languages": list(decision.languages),
    }


def condition_to_json(condition: Condition) -> Json:
    """One condition, tried."""
    return {
        "fact": condition.fact,
        "wanted": plain(condition.wanted),
        "found": plain(condition.found),
        "held": condition.held,
    }


def tried_to_json(tried: Tried) -> Json:
    """One rule, tried."""
    return {
        "rule": tried.rule,
        "matched": tried.matched,
        "reached": tried.reached,
        "conditions": [condition_to_json(condition) for condition in tried.conditions],
        "settled": list(tried.settled),
        "lost": list(tried.lost),
    }
