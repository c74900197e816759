"""One event of `messaging` or `standby`, on Messenger and on Instagram -> events. Pure.

Sources: developers.facebook.com/docs/messenger-platform/webhooks/webhook-events (and its page for each event),
developers.facebook.com/docs/instagram-platform/webhooks/examples.
"""

from collections.abc import Callable, Mapping
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.edits import new_words
from channels.meta.common_fields import LONGEST_ID, MOST, Here, NotForUs, inner, named, number, referred
from channels.meta.messenger_content import content
from conversation.errors import MalformedPayload
from conversation.model.message import (
    DeliveryReported,
    InboundEvent,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
    Status,
)
from conversation.model.people import Identity

_Event = Mapping[str, Any]


def read(event: _Event, here: Here) -> list[InboundEvent]:
    """The events of one item. Raises `MalformedPayload`, or `NotForUs` for what concerns the apps and no customer."""
    for key, reader in _READERS.items():
        if key in event:
            if fields.table(event, key) is None:
                raise MalformedPayload(f"'{key}' is null", code="missing")
            return reader(event, here)
    kinds = sorted(set(event) - {"sender", "recipient", "timestamp"})
    raise NotForUs(f"not known here: {', '.join(kinds)[:200]}")


def _person(event: _Event, here: Here, key: str = "sender") -> Identity:
    address = number(inner(event, key), "id", longest=200)
    if address == here.id:
        raise NotForUs("the business wrote to itself")
    return Identity(channel=here.channel, address=address)


def _at(event: _Event) -> Any:
    return event.get("timestamp")


# -- messages ----------------------------------------------------------------------------------------------------------


def _message(event: _Event, here: Here) -> list[InboundEvent]:
    message = inner(event, "message")
    if fields.truth(message, "is_self"):
        raise NotForUs("the business wrote to itself")
    mid = fields.identifier(message, "mid", longest=LONGEST_ID)
    if fields.truth(message, "is_echo"):
        return [_echo(event, message, mid, here)]
    if fields.truth(message, "is_deleted"):
        sender = _person(event, here)
        return [MessageRetracted(channel=here.channel, external_id=mid, received_at=here.received_at, sender=sender)]
    found = content(message, f"{here.channel}/{mid}")
    at = fields.epoch(event, "timestamp")
    return [
        MessageReceived(
            channel=here.channel,
            external_id=mid,
            sender=_person(event, here),
            text=found.text,
            received_at=here.received_at,
            sent_at=at,
            attachments=found.attachments,
            reply_to=named(inner(message, "reply_to"), "mid"),
            unsupported=found.unsupported,
            reply_until=here.window(at),
            attributes=referred(inner(message, "referral") or inner(event, "referral")),
            raw=strict_json.compact(event),
        )
    ]


def _echo(event: _Event, message: Mapping[str, Any], mid: str, here: Here) -> InboundEvent:
    """Written in the page's own inbox or by another app; what this service sent is known by its id."""
    if fields.truth(message, "is_deleted"):
        raise NotForUs("an answer was taken back in the app")
    found = content(message, f"{here.channel}/{mid}")
    return MessageEchoed(
        channel=here.channel,
        external_id=mid,
        to=_person(event, here, "recipient"),
        text=found.text or (f"[{found.unsupported}]" if found.unsupported else ""),
        received_at=here.received_at,
        sent_at=fields.epoch(event, "timestamp"),
        attachments=found.attachments,
    )


def _postback(event: _Event, here: Here) -> list[InboundEvent]:
    """A button, an ice breaker or Get Started was pressed: its label is the text."""
    postback = inner(event, "postback")
    sender = _person(event, here)
    title = named(postback, "title") or named(postback, "payload")
    return [_opened(event, here, sender, "postback", postback, text=title or "")]


def _referral(event: _Event, here: Here) -> list[InboundEvent]:
    return [_opened(event, here, _person(event, here), "referral", {"referral": inner(event, "referral")})]


def _optin(event: _Event, here: Here) -> list[InboundEvent]:
    if not inner(event, "sender"):
        raise NotForUs("an opt-in of somebody who cannot be written to yet")
    return [_opened(event, here, _person(event, here), "optin", {"referral": inner(event, "optin")})]


def _opened(
    event: _Event, here: Here, sender: Identity, kind: str, body: Mapping[str, Any], *, text: str = ""
) -> MessageReceived:
    """An action instead of a text. Without an id of its own it is known by its actor and its time."""
    at = fields.epoch(event, "timestamp")
    return MessageReceived(
        channel=here.channel,
        external_id=named(body, "mid") or f"{kind}:{sender.address}:{_at(event)}",
        sender=sender,
        text=text,
        received_at=here.received_at,
        sent_at=at,
        unsupported=None if text else kind,
        reply_until=None if kind == "optin" else here.window(at),
        attributes=referred(inner(body, "referral")),
        raw=strict_json.compact(event),
    )


def _edit(event: _Event, here: Here) -> list[InboundEvent]:
    edit = inner(event, "message_edit")
    return [
        MessageEdited(
            channel=here.channel,
            external_id=fields.identifier(edit, "mid", longest=LONGEST_ID),
            text=new_words(fields.text(edit, "text")),
            received_at=here.received_at,
            sender=_editor(event, here),
            edited_at=fields.epoch(event, "timestamp"),
            raw=strict_json.compact(event),
        )
    ]


def _editor(event: _Event, here: Here) -> Identity | None:
    """Instagram names the sender of some edits "0", or not at all: the id of the message shows whose it is."""
    named_ = inner(event, "sender").get("id")
    return None if named_ in (None, "", "0", 0) else _person(event, here)


def _reaction(event: _Event, here: Here) -> list[InboundEvent]:
    reaction = inner(event, "reaction")
    put = fields.text(reaction, "action", longest=20) != "unreact"
    emoji = fields.text(reaction, "emoji", longest=64) or named(reaction, "reaction")
    return [
        MessageReacted(
            channel=here.channel,
            external_id=fields.identifier(reaction, "mid", longest=LONGEST_ID),
            sender=_person(event, here),
            emoji=emoji if put else None,
            received_at=here.received_at,
            sent_at=fields.epoch(event, "timestamp"),
        )
    ]


# -- what becomes of ours ----------------------------------------------------------------------------------------------


def _delivery(event: _Event, here: Here) -> list[InboundEvent]:
    return _receipts(event, inner(event, "delivery"), Status.DELIVERED, here)


def _read(event: _Event, here: Here) -> list[InboundEvent]:
    return _receipts(event, inner(event, "read"), Status.READ, here)


def _receipts(event: _Event, body: Mapping[str, Any], status: Status, here: Here) -> list[InboundEvent]:
    """Each message that is named, and everything before the watermark; either may be missing."""
    mids = [*fields.rows(body, "mids", most=MOST), *([body["mid"]] if body.get("mid") else [])]
    found: list[InboundEvent] = []
    for mid in mids:
        known = fields.identifier({"mid": mid}, "mid", longest=LONGEST_ID)
        found.append(
            DeliveryReported(channel=here.channel, external_id=known, status=status, received_at=here.received_at)
        )
    up_to = fields.epoch(body, "watermark")
    if up_to is not None:
        who = _person(event, here).address
        mark = f"{status.value}:{who}:{body['watermark']}"
        found.append(
            DeliveryReported(
                channel=here.channel, external_id=mark, status=status, received_at=here.received_at, to=who, up_to=up_to
            )
        )
    if not found:
        raise MalformedPayload("a receipt without messages and without a watermark", code="missing")
    return found


_READERS: Mapping[str, Callable[[_Event, Here], list[InboundEvent]]] = {
    "message": _message,
    "message_edit": _edit,
    "postback": _postback,
    "reaction": _reaction,
    "delivery": _delivery,
    "read": _read,
    "optin": _optin,
    "referral": _referral,
}
