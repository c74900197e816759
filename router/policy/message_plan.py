"""What a batch stores of messages: the messages themselves, their files to fetch, and the decisions about them. Pure."""

from collections.abc import Sequence

from conversation.model.conversation import Conversation
from conversation.model.decision import Decision, Facts, StoredDecision
from conversation.model.message import (
    Attachment,
    Author,
    AuthorKind,
    Direction,
    Message,
    MessageEchoed,
    MessageReceived,
)
from conversation.model.people import Identity
from conversation.ports.storage.downloads import Fetch
from conversation.ports.storage.intake import Known
from router.policy import auto_reply as automatic
from router.policy import echoes as echo
from router.policy import notifications
from router.policy.batch_state import BatchState


class MessagePlan:
    """The messages of one batch."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._stored: dict[tuple[str, str], Message] = {}

    def stored(self, event: MessageReceived) -> Message | None:
        """What this batch has stored already for this (channel, external id)."""
        return self._stored.get((event.channel, event.external_id))

    def append(self, event: MessageReceived, identity: Identity, conversation: Conversation) -> Message:
        """A customer's message, numbered as the last of its conversation."""
        message = Message(
            id=self._state.new_id(),
            conversation=conversation.id,
            seq=conversation.last_seq,
            direction=Direction.IN,
            author=Author(kind=AuthorKind.CUSTOMER, id=identity.id, name=event.sender.name or identity.name),
            text=event.text,
            html=event.html,
            attachments=event.attachments,
            channel=event.channel,
            identity=identity.id,
            external_id=event.external_id,
            sent_at=event.sent_at,
            created_at=self._state.now,
            reply_to=event.reply_to if event.reply_to != conversation.id else None,
            album=event.album,
            unsupported=event.unsupported,
            doubt=event.doubt,
            references=event.references,
        )
        self._stored[(event.channel, event.external_id)] = message
        self.add(message)
        return message

    def echo(self, event: MessageEchoed, known: Known, conversation: Conversation) -> Message:
        """What somebody answered elsewhere."""
        message = echo.echo_message(event, known, conversation, identifier=self._state.new_id(), now=self._state.now)
        self._stored[(event.channel, event.external_id)] = message
        self.add(message)
        return message

    def add(self, message: Message) -> None:
        """Write this message, fetch its files, announce it, and show it to the customer where they have a view of their own."""
        self._state.writes.messages.append(message)
        self.fetch(message, message.attachments)
        self._state.writes.events.append(notifications.message_event(message, self._state.latest[message.conversation]))
        can = self._state.cans.get(message.channel or "")
        if can is not None and can.feed and message.identity:
            self._state.fed.add(message.identity)

    def fetch(self, message: Message, files: Sequence[Attachment]) -> None:
        """What still lies with the provider is fetched after the commit."""
        self._state.writes.fetches.extend(
            Fetch(attachment=file, message=message.id, channel=message.channel or "", created_at=self._state.now)
            for file in files
            if file.url is not None
        )

    def keep_decision(self, facts: Facts, decision: Decision, message: Message) -> None:
        """Keep what was decided and from what, and call the webhooks that a rule names."""
        conversation = self._state.latest[message.conversation]
        stored = StoredDecision(
            id=self._state.new_id(),
            conversation=message.conversation,
            message=message.id,
            at=self._state.now,
            facts=facts,
            decision=decision,
        )
        self._state.writes.decisions.append(stored)
        for name in decision.webhooks:
            row = automatic.webhook_row(
                name,
                "rule.matched",
                conversation,
                identifier=self._state.new_id(),
                now=self._state.now,
                message=message.id,
                rules=list(decision.rules),
            )
            self._state.writes.outbox.append(row)
