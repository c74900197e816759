"""An agent's reply -> the JSON that is posted to `reply_url`; commits -> the answer to the application. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from channels import strict_json
from conversation.model.choices import choices_of
from conversation.model.message import Accepted, InboundEvent, Malformed
from conversation.model.outbound import OutboundMessage


def reply(message: OutboundMessage) -> bytes:
    """The body of one reply. The same message always gives the same bytes: a repeat is recognised by its `id`."""
    body: dict[str, Any] = {
        "type": "reply",
        "id": message.id,
        "conversation": message.conversation,
        "reference": message.reference,
        "channel": message.channel,
        "to": {"id": message.to.address, "name": message.to.name},
        "text": message.text,
        "author": message.author_name,
        "automatic": message.automatic,
        "language": message.language,
        "reply_to": message.reply_to,
        "sent_at": message.created_at.isoformat() if message.created_at else None,
    }
    choices = choices_of(message.text)[1] if message.automatic else ()
    return strict_json.compact({**body, "choices": list(choices)} if choices else body)


def answer(accepted: Sequence[Accepted], faults: Mapping[str, Malformed]) -> bytes:
    """What became of each item, in order; quarantined items are named with the reason."""
    return strict_json.compact({"items": [_item(one, faults.get(one.external_id)) for one in accepted]})


def faults_of(events: Sequence[InboundEvent]) -> dict[str, Malformed]:
    """The items that could not be read, by their name in the answer."""
    return {event.external_id: event for event in events if isinstance(event, Malformed)}


def _item(one: Accepted, fault: Malformed | None) -> Mapping[str, Any]:
    if one.quarantined is not None:
        code, reason = (fault.code, fault.reason) if fault else ("refused", "this item could not be stored")
        return {"id": one.external_id, "error": {"code": code, "detail": reason}, "quarantined": one.quarantined}
    return {
        "id": one.external_id,
        "conversation": one.conversation,
        "message": one.message,
        "queue": one.queue,
        "duplicate": one.duplicate,
    }
