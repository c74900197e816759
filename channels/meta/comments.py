"""Public comments, on a page or below a post -> messages that can be answered in private. Pure.

Nothing is ever answered in public. The address of who wrote it is the comment itself: one private reply to each is allowed within seven
days, and its response holds the id under which the customer is addressed from then on.

Sources: developers.facebook.com/docs/messenger-platform/discovery/private-replies, developers.facebook.com/docs/graph-api/webhooks/reference/page
(feed, mention) and /instagram (comments).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.edits import new_words
from channels.meta.common_fields import LONGEST_ID, Here, NotForUs, attachment, inner, named, number, url_of
from channels.meta.platforms import WEEK
from conversation.model.message import InboundEvent, MessageEdited, MessageReceived, MessageRetracted
from conversation.model.people import Identity

COMMENT, POST = "comment:", "post:"
FIELDS = frozenset(("feed", "mention", "comments", "live_comments"))

_POSTS = frozenset(("post", "status", "photo", "video"))


def read(field: str, value: Mapping[str, Any], here: Here, at: datetime | None) -> list[InboundEvent]:
    """The events of one change. `at` is when the entry was made, for comments without a time. Raises `NotForUs`."""
    if field not in FIELDS:
        raise NotForUs(f"'{field[:100]}' is not said by a customer")
    author = inner(value, "from")
    own = author.get("id") is not None and number(author, "id") == here.id
    if own or "self_ig_scoped_id" in author:
        raise NotForUs("said by the business itself")
    address = _address(field, value)
    verb = fields.text(value, "verb", longest=50) or "add"
    if verb in ("remove", "hide"):
        external_id = address.partition(":")[2]
        return [MessageRetracted(channel=here.channel, external_id=external_id, received_at=here.received_at)]
    if verb not in ("add", "edit", "edited"):
        raise NotForUs(f"'{verb}' changes nothing that was said")
    name = named(author, "name") or named(author, "username") or named(value, "sender_name")
    sender = Identity(channel=here.channel, address=address, name=name)
    written_at = fields.epoch(value, "created_time") or at
    if verb == "add":
        return [_received(field, value, here, sender, written_at)]
    return [_edited(value, here, sender, written_at)]


def _address(field: str, value: Mapping[str, Any]) -> str:
    """Where a private reply goes: to a comment, or to a post that a visitor left on the page."""
    if field in ("comments", "live_comments"):
        return COMMENT + number(value, "id", longest=LONGEST_ID)
    if value.get("comment_id") is not None:
        return COMMENT + number(value, "comment_id", longest=LONGEST_ID)
    if fields.text(value, "item", longest=50) not in _POSTS:
        raise NotForUs("neither a comment nor a post")
    return POST + number(value, "post_id", longest=LONGEST_ID)


def _received(
    field: str, value: Mapping[str, Any], here: Here, sender: Identity, at: datetime | None
) -> MessageReceived:
    kind, _, external_id = sender.address.partition(":")
    origin = "mention" if field == "mention" else kind
    photo = url_of(value, "photo") or (url_of(value, "link") if value.get("item") == "photo" else None)
    owner = f"{here.channel}/{external_id}"
    files = (attachment(owner, name="image", media_type="image/jpeg", url=photo),) if photo else ()
    text = _words(value)
    return MessageReceived(
        channel=here.channel,
        external_id=external_id,
        sender=sender,
        text=text,
        received_at=here.received_at,
        sent_at=at,
        attachments=files,
        subject=_where(origin, value),
        unsupported=None if text or files else field,
        reply_until=min(at or here.received_at, here.received_at) + WEEK,
        attributes={"origin": origin},
        raw=strict_json.compact(value),
    )


def _edited(value: Mapping[str, Any], here: Here, sender: Identity, at: datetime | None) -> MessageEdited:
    return MessageEdited(
        channel=here.channel,
        external_id=sender.address.partition(":")[2],
        text=new_words(_words(value)),
        received_at=here.received_at,
        sender=sender,
        edited_at=at,
        raw=strict_json.compact(value),
    )


def _words(value: Mapping[str, Any]) -> str:
    """On a page it is `message`, on Instagram `text`."""
    return fields.text(value, "message") or fields.text(value, "text") or ""


def _where(origin: str, value: Mapping[str, Any]) -> str:
    """Where the comment is, for whoever reads the conversation: a link, or the post's id."""
    url = url_of(inner(value, "post"), "permalink_url")
    where = url or named(value, "post_id") or named(inner(value, "media"), "id")
    return f"{origin}: {where}" if where else origin
