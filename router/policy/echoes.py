"""What somebody answered in the provider's own app, as part of the conversation it answers. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from conversation.model.conversation import Conversation, State, reference_of
from conversation.model.message import Author, AuthorKind, Direction, Message, MessageEchoed, Status
from conversation.model.people import WorkKind
from conversation.ports.storage.intake import Known


def answered(conversations: Sequence[Conversation], event: MessageEchoed, now: datetime) -> Conversation | None:
    """The conversation that it most likely answers, answered; None where there is none. The open ones come first."""
    found = sorted(conversations, key=lambda one: not one.state.is_open)
    if not found:
        return None
    before = found[0]
    at = max(filter(None, (before.owner_wrote_at, min(event.sent_at or now, now))))
    return replace(before, owner_wrote_at=at, due=None, updated_at=now, last_seq=before.last_seq + 1)


def opened(
    event: MessageEchoed, known: Known, *, identifier: str, queue: str, work: WorkKind, now: datetime
) -> Conversation:
    """A conversation that somebody began elsewhere: nobody waits in it, so that it is closed until the customer answers."""
    return Conversation(
        id=identifier,
        reference=reference_of(identifier),
        customer=known.customer.id,
        identity=known.identity.id,
        state=State.CLOSED,
        queue=queue,
        kind=work,
        channel=event.channel,
        channels=(event.channel,),
        created_at=now,
        updated_at=now,
        owner_wrote_at=now,
        closed_at=now,
        last_seq=1,
    )


def echo_message(
    event: MessageEchoed, known: Known, conversation: Conversation, *, identifier: str, now: datetime
) -> Message:
    """An outbound message of an agent who is none of ours."""
    return Message(
        id=identifier,
        conversation=conversation.id,
        seq=conversation.last_seq,
        direction=Direction.OUT,
        author=Author(kind=AuthorKind.AGENT, name=event.author_name),
        text=event.text,
        attachments=event.attachments,
        created_at=now,
        channel=event.channel,
        identity=known.identity.id,
        status=Status.SENT,
        external_id=event.external_id,
        sent_at=event.sent_at,
    )
