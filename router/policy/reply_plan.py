"""What a batch answers by itself: automatic replies, the offer of a call, and what is held back of both. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from conversation.model.conversation import Conversation
from conversation.model.decision import Decision
from conversation.model.message import Message, MessageReceived, Status
from conversation.model.outbound import OutboxRow
from conversation.model.people import Customer, Identity
from conversation.reply_window import lawful
from router.policy import auto_reply as automatic
from router.policy import unproven_senders as strangers
from router.policy.batch_state import BatchState
from router.policy.callback_plan import request_link
from router.policy.message_plan import MessagePlan
from router.wording import callback_messages as call_words


class ReplyPlan:
    """The automatic answers of one batch.

    `positions` are the places of conversations in their queues, where somebody has looked. `left` says how many automatic answers may
    still go to unproven senders, by kind of channel, where that is known.
    """

    def __init__(
        self,
        state: BatchState,
        messages: MessagePlan,
        *,
        positions: Mapping[str, int | None],
        left: Mapping[str, int],
    ) -> None:
        self._state = state
        self._messages = messages
        self._positions = positions
        self._left = left

    def reply(
        self, event: MessageReceived, to: Identity, customer: Customer, decision: Decision, conversation: Conversation
    ) -> None:
        """Automatic replies, never to a machine, and only where the channel can send."""
        can = self._state.cans.get(event.channel)
        if event.machine or event.quiet or can is None or not can.send:
            return
        if not (decision.replies or decision.callback):
            return
        if not lawful(can, to.reply_until, automatic=True, template=None, now=self._state.now):
            return
        for name in decision.replies:
            text = automatic.words(
                name,
                decision=decision,
                conversation=conversation,
                customer=customer,
                rulebook=self._state.rulebook,
                now=self._state.now,
                called=strangers.name_for(event, customer, can),
                position=self._positions.get(conversation.id),
            )
            conversation = self._send(name, text, conversation, event, to)
        self._offer_call(event, to, decision, conversation)

    def _offer_call(self, event: MessageReceived, to: Identity, decision: Decision, conversation: Conversation) -> None:
        """A link at which a call can be asked for, where a rule says so: once, like any reply."""
        if not decision.callback or conversation.owner is not None or call_words.OFFER in conversation.sent_replies:
            return
        link = request_link(self._state.cans, self._state.links, conversation)
        if link is None:
            return
        values = {"link": link, "reference": conversation.reference}
        kind = self._state.rulebook.kind_of(event.channel)
        text = call_words.message_text(self._state.rulebook, call_words.OFFER, decision.language, kind, values)
        self._send(call_words.OFFER, text, conversation, event, to)

    def _send(
        self, name: str, text: str, conversation: Conversation, event: MessageReceived, to: Identity
    ) -> Conversation:
        latest = replace(
            conversation,
            last_seq=conversation.last_seq + 1,
            sent_replies=tuple(dict.fromkeys((*conversation.sent_replies, name))),
        )
        self._state.latest[conversation.id] = latest
        message = automatic.system_message(
            text, latest, identifier=self._state.new_id(), channel=event.channel, identity=to.id, now=self._state.now
        )
        if (why := self._why_held(event)) is not None:
            self._state.held += 1
            self._messages.add(replace(message, status=Status.SUPPRESSED, error=why))
            return latest
        self._messages.add(message)
        self._state.writes.outbox.append(self._row(message, latest, event, to))
        return latest

    def _row(self, message: Message, conversation: Conversation, event: MessageReceived, to: Identity) -> OutboxRow:
        """The first answer to an identity takes its reply token."""
        token = event.reply_token if to.id not in self._state.writes.tokens_used else None
        if token is not None:
            self._state.writes.tokens_used.add(to.id)
        return automatic.row_for(
            message,
            conversation,
            to,
            identifier=self._state.new_id(),
            now=self._state.now,
            reply_to=event.external_id,
            references=event.references,
            reply_token=token,
        )

    def _why_held(self, event: MessageReceived) -> str | None:
        """Why this answer stays here: agents see it in the conversation, with the reason."""
        can = self._state.cans[event.channel]
        if (why := strangers.why_unanswered(event, can)) is not None:
            return why
        if strangers.is_proven(event, can) or self._is_granted(self._state.rulebook.kind_of(event.channel)):
            return None
        return strangers.USED_UP

    def _is_granted(self, kind: str) -> bool:
        """Whether one more answer may leave for an unproven sender; it then counts. A kind that is not named is not limited here."""
        used = self._state.unproven.get(kind, 0)
        if kind in self._left and used >= self._left[kind]:
            return False
        self._state.unproven[kind] = used + 1
        return True
