"""What routing keeps about a conversation from one message to the next. Pure data; `routing_names` writes and reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Nobody took it after `after_seconds` of open time: this webhook is called."""

    webhook: str
    after_seconds: int


@dataclass(frozen=True, slots=True)
class LanguageRequest:
    """The language that a customer asked for in words, and the choice on their channel that it overrules."""

    language: str
    overruled: str | None


@dataclass(frozen=True, slots=True)
class FailedWebhook:
    """When a webhook could not be called, and why."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingState:
    """None and empty mean that nothing is kept. Of the two questions, None is never asked and empty is answered.

    `script` is Hans or Hant. `subject` is that of the first mail, `last_subject` that of the newest one where it is another.
    `queued_at` is when it came back to a queue from somebody, `overflowed_at` when time moved it to its queue.
    `escalation` is a rule's, in place of the queue's; `escalation_off` is a rule's wish that nobody is alerted.
    `alerts_due` are instants that were fixed in earlier queues, by webhook; `alerted` are the webhooks that were called.
    `alerted_at` is from a release that kept one instant for all webhooks.
    """

    script: str | None = None
    language_request: LanguageRequest | None = None
    automation_ended: bool = False
    offered_languages: tuple[str, ...] | None = None
    offered_choices: tuple[str, ...] | None = None
    subject: str | None = None
    last_subject: str | None = None
    last_owner: str | None = None
    queued_at: datetime | None = None
    overflowed_at: datetime | None = None
    escalation: Escalation | None = None
    escalation_off: bool = False
    alerts_due: Mapping[str, datetime] = field(default_factory=dict)
    alerted: Mapping[str, datetime] = field(default_factory=dict)
    alerted_at: datetime | None = None
    failed_webhooks: Mapping[str, FailedWebhook] = field(default_factory=dict)

    def without_alerted(self) -> "RoutingState":
        """Whoever was alerted may be alerted again."""
        return replace(self, alerted={}, alerted_at=None) if self.alerted or self.alerted_at else self

    def without_alerts(self) -> "RoutingState":
        """Nobody is alerted for it any more."""
        kept = self.without_alerted()
        return replace(kept, alerts_due={}) if kept.alerts_due else kept


NOTHING_KEPT = RoutingState()
