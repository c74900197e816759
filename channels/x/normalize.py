"""The body of a call of the Account Activity API -> events. Pure. Every list and every item of it is read; one that cannot be spares its mates.

https://docs.x.com/x-api/account-activity/introduction and its data objects
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.payload_source import Source
from channels.x.content import Content, mentioned, of_direct_message, of_post
from conversation.errors import MalformedPayload
from conversation.model.message import DeliveryReported, InboundEvent, Malformed, MessageEchoed, MessageReceived, Status
from conversation.model.people import Identity

POST = "post:"  # posts and direct messages are numbered apart

_LONGEST_NAME = 200
# keys that hold no list of events
_ABOUT = frozenset({"for_user_id", "users", "apps", "user_has_blocked", "is_blocked_by"})
_SILENT = frozenset(  # what our own account does, and what is no message
    {
        "favorite_events", "follow_events", "unfollow_events", "block_events", "unblock_events", "mute_events", "unmute_events",
        "direct_message_indicate_typing_events", "tweet_delete_events",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Source):
    """One call, and what every part of its reading needs to know. `account` None: whoever the call is for."""

    value: Mapping[str, Any]
    account: str | None
    mentions: bool

    def person(self, number: str, user: Mapping[str, Any] | None = None) -> Identity:
        users = self.value.get("users")
        known = user or (users.get(number) if isinstance(users, dict) else None)
        name = known.get("name") if isinstance(known, dict) else None
        shown = name[:_LONGEST_NAME] if isinstance(name, str) else None
        return Identity(channel=self.channel, address=number, name=shown or None)


def events(
    body: bytes, *, channel: str, received_at: datetime, account: str | None = None, mentions: bool = True
) -> Sequence[InboundEvent]:
    """The events in these bytes. `account` is our own user id. Raises `MalformedPayload` for what is no call at all."""
    value = fields.object_of(strict_json.loads(body))
    ours = fields.text(value, "for_user_id", longest=_LONGEST_NAME)
    if not ours:
        raise MalformedPayload("'for_user_id' is missing", code="missing")
    call = _Call(channel=channel, received_at=received_at, value=value, account=account or ours, mentions=mentions)
    if ours != call.account:
        return [_malformed(call, "#0", value, MalformedPayload("is about another account", code="unsupported"))]
    return [event for key in value if key not in _ABOUT | _SILENT for event in _of_list(call, key)]


def _of_list(call: _Call, key: str) -> list[InboundEvent]:
    read, items = _READERS.get(key, _unknown), call.value[key]
    found: list[InboundEvent] = []
    for place, item in enumerate(items if isinstance(items, list) else [items]):
        try:
            found += read(call, fields.object_of(item))
        except MalformedPayload as fault:
            found.append(_malformed(call, f"{key[:50]}#{place}", item, fault))
    return found


def _malformed(call: _Call, place: str, item: Any, fault: MalformedPayload) -> Malformed:
    number = (item.get("id") or item.get("id_str")) if isinstance(item, dict) else None
    named = isinstance(number, str) and 0 < len(number) <= _LONGEST_NAME
    return call.malformed(fault, external_id=str(number) if named else place, raw=strict_json.compact(item))


def _direct_message(call: _Call, item: Mapping[str, Any]) -> list[InboundEvent]:
    kind = fields.text(item, "type", longest=64)
    if kind != "message_create":
        raise MalformedPayload(f"a direct message of type {kind!r}", code="unsupported")
    made = fields.needed_table(item, "message_create")
    number, sender = fields.identifier(item, "id"), fields.identifier(made, "sender_id")
    target = fields.identifier(fields.needed_table(made, "target"), "recipient_id")
    content = of_direct_message(fields.needed_table(made, "message_data"), f"{call.channel}/{number}")
    at = fields.epoch(item, "created_timestamp")
    if sender == call.account:
        return [_echo(call, number, target, content, at)]
    return [
        MessageReceived(
            channel=call.channel,
            external_id=number,
            sender=call.person(sender),
            text=content.text,
            received_at=call.received_at,
            sent_at=at,
            attachments=content.attachments,
            unsupported=content.unsupported,
            raw=strict_json.compact(item),
        )
    ]


def _echo(call: _Call, number: str, to: str, content: Content, at: datetime | None) -> InboundEvent:
    """Written by our own account: by this service, or by somebody in X's own app."""
    return MessageEchoed(
        channel=call.channel,
        external_id=number,
        to=call.person(to),
        text=content.text,
        received_at=call.received_at,
        sent_at=at,
        attachments=content.attachments,
    )


def _post(call: _Call, item: Mapping[str, Any]) -> list[InboundEvent]:
    """A post is for us only where it names us. It is answered in a direct message: the address is the person, not the post."""
    number, user = fields.identifier(item, "id_str"), fields.needed_table(item, "user")
    author = fields.identifier(user, "id_str")
    to_us = call.account in mentioned(item) or fields.text(item, "in_reply_to_user_id_str") == call.account
    passed_on = item.get("retweeted_status") is not None
    if not call.mentions or author == call.account or passed_on or not to_us:
        return []
    content = of_post(item, f"{call.channel}/{POST}{number}")
    return [
        MessageReceived(
            channel=call.channel,
            external_id=POST + number,
            sender=call.person(author, user),
            text=content.text,
            received_at=call.received_at,
            sent_at=fields.epoch(item, "timestamp_ms"),
            attachments=content.attachments,
            subject=f"mention: https://x.com/i/status/{number}",
            unsupported=content.unsupported,
            attributes={"origin": "mention"},
            raw=strict_json.compact(item),
        )
    ]


def _read(call: _Call, item: Mapping[str, Any]) -> list[InboundEvent]:
    """Somebody has read everything up to now; what we read ourselves is no news."""
    reader = fields.identifier(item, "sender_id")
    if reader == call.account:
        return []
    return [
        DeliveryReported(
            channel=call.channel,
            external_id=f"read:{reader}:{fields.identifier(item, 'last_read_event_id')}",
            status=Status.READ,
            received_at=call.received_at,
            to=reader,
            up_to=fields.epoch(item, "created_timestamp") or call.received_at,
        )
    ]


def _unknown(_: _Call, item: Mapping[str, Any]) -> list[InboundEvent]:
    what = "the account took its consent back" if "revoke" in item else "a kind of event that is not known here"
    raise MalformedPayload(what, code="unsupported")


_READERS: Mapping[str, Callable[[_Call, Mapping[str, Any]], list[InboundEvent]]] = {
    "direct_message_events": _direct_message,
    "tweet_create_events": _post,
    "direct_message_mark_read_events": _read,
}
