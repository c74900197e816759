"""One call of Meta's -> events. Pure.

A call holds entries, an entry holds changes or events, and an app's calls may concern several numbers or pages: `others` names the
accounts whose events come here as well. What cannot be read, or concerns nobody here, is quarantined alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.meta import comments, messenger, whatsapp
from channels.meta.common_fields import MOST, Here, NotForUs, each, inner, number, unusable
from conversation.model.message import InboundEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Webhook:
    """The accounts that this webhook is for. Without an `account` every id is taken for its own."""

    channel: str
    received_at: datetime
    account: str | None
    others: Mapping[str, str] = field(default_factory=dict)

    def here(self, identifier: str) -> Here:
        """The account that this id belongs to. Raises `NotForUs`."""
        if identifier in self.others:
            return Here(channel=self.others[identifier], received_at=self.received_at, id=identifier)
        if self.account is not None and identifier != self.account:
            raise NotForUs(f"for {identifier[:50]}, which is no account of this webhook")
        return self.mine(identifier)

    def mine(self, identifier: str = "") -> Here:
        """The webhook's own account."""
        return Here(channel=self.channel, received_at=self.received_at, id=identifier)


def events(
    body: bytes,
    *,
    channel: str,
    received_at: datetime,
    account: str | None = None,
    others: Mapping[str, str] | None = None,
) -> Sequence[InboundEvent]:
    """All events in these bytes. `account` is the platform's id of this one. Raises `MalformedPayload` where no part can be read."""
    value = fields.object_of(strict_json.loads(body))
    about = fields.text(value, "object", longest=100)
    webhook = _Webhook(channel=channel, received_at=received_at, account=account, others=others or {})
    read = _ENTRIES.get(about or "")
    if read is None:
        return [unusable(webhook.mine(), value, f"about {about!r}: neither a page, nor Instagram, nor WhatsApp")]
    return each(webhook.mine(), fields.rows(value, "entry", most=MOST), partial(read, webhook))


def _whatsapp(webhook: _Webhook, entry: Mapping[str, Any]) -> list[InboundEvent]:
    return each(webhook.mine(), fields.rows(entry, "changes", most=MOST), partial(_whatsapp_change, webhook))


def _whatsapp_change(webhook: _Webhook, change: Mapping[str, Any]) -> list[InboundEvent]:
    value = inner(change, "value")
    phone = inner(value, "metadata").get("phone_number_id")
    here = webhook.mine() if phone is None else webhook.here(number(inner(value, "metadata"), "phone_number_id"))
    return whatsapp.change(fields.text(change, "field", longest=100) or "", value, here)


def _social(webhook: _Webhook, entry: Mapping[str, Any]) -> list[InboundEvent]:
    here = webhook.here(number(entry, "id"))
    found: list[InboundEvent] = []
    for key in ("messaging", "standby"):
        found += each(here, fields.rows(entry, key, most=MOST), partial(_social_event, here))
    at = fields.epoch(entry, "time")
    found += each(here, fields.rows(entry, "changes", most=MOST), partial(_social_change, here, at))
    # comments of Instagram logins of its own have no list of changes around them
    if "field" in entry:
        found += each(here, [{"field": entry["field"], "value": entry.get("value")}], partial(_social_change, here, at))
    return found


def _social_event(here: Here, event: Mapping[str, Any]) -> Sequence[InboundEvent]:
    return messenger.read(event, here)


def _social_change(here: Here, at: datetime | None, change: Mapping[str, Any]) -> Sequence[InboundEvent]:
    value = inner(change, "value")
    if "recipient" in value:  # the app's page for tests sends messages this way
        return messenger.read(value, here)
    return comments.read(fields.text(change, "field", longest=100) or "", value, here, at)


_ENTRIES: Mapping[str, Callable[[_Webhook, Mapping[str, Any]], list[InboundEvent]]] = {
    "whatsapp_business_account": _whatsapp,
    "page": _social,
    "instagram": _social,
}
