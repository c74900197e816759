"""What a batch holds besides messages: edits, retractions, reactions, echoes, news of contacts. In the transaction of the batch."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from conversation.model.conversation import Conversation
from conversation.model.edits_and_reactions import Afterwards
from conversation.model.events import EventType, NewEvent
from conversation.model.message import (
    Accepted,
    ContactChanged,
    Malformed,
    Message,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
)
from conversation.model.visible_text import EDIT_WITHOUT_WORDS, has_words
from conversation.ports.storage import Work
from router.flows.intake.backpressure import Arrival
from router.policy import notifications

Key = tuple[str, str]  # (channel, external id)
Event = TypeVar("Event")


class MessageUpdates:
    """`answers` is filled by place in the batch; an edit without words, or of a stranger's message, becomes `Malformed`."""

    def __init__(self, work: Work, arrivals: Sequence[Arrival], answers: dict[int, Accepted], now: datetime) -> None:
        self._work = work
        self._arrivals = arrivals
        self._answers = answers
        self._now = now

    # -- what is stored as said ----------------------------------------------------------------------------------------

    async def as_messages(self) -> list[tuple[Arrival, MessageReceived]]:
        """Edits of what nobody knows, where their sender is known, and echoes of what this service did not send."""
        for place, event in self._of(MessageEdited):
            if not has_words(event.text):
                self._arrivals[place].event = _wordless(event)
        edits, echoes = self._of(MessageEdited), self._of(MessageEchoed)
        found = await self._unknown_edits(edits) if edits else []
        return found + (await self._strange_echoes(echoes) if echoes else [])

    async def _unknown_edits(self, edits: Sequence[tuple[int, MessageEdited]]) -> list[tuple[Arrival, MessageReceived]]:
        here = {_key(event) for _, event in self._of(MessageReceived)}
        unknown = await self._work.intake.unknown({_key(event) for _, event in edits} - here)
        found: list[tuple[Arrival, MessageReceived]] = []
        for place, event in edits:
            if _key(event) not in unknown:
                continue
            if event.sender is None:
                self._arrivals[place].event = _of_nobody(event)
            else:
                found.append((self._arrivals[place], _as_message(event)))
        return found

    async def _strange_echoes(
        self, echoes: Sequence[tuple[int, MessageEchoed]]
    ) -> list[tuple[Arrival, MessageReceived]]:
        known, proven = await self._work.intake.ours([event for _, event in echoes])
        await self._announce(proven, notifications.status_event)
        self._work.hint(*notifications.hints(targets=[message.channel for message in proven if message.channel]))
        for place, event in echoes:
            if _key(event) in known:
                self._answers[place] = _done(event)
        return [(self._arrivals[place], _to_its_customer(event)) for place, event in echoes if _key(event) not in known]

    # -- what changes messages, and people -----------------------------------------------------------------------------

    async def apply(self, *, early: Collection[Key], late: Sequence[MessageReceived]) -> None:
        """After the messages are stored. `early` are those of which something was reported before; `late` came after their edit."""
        updates: list[tuple[int, Afterwards]] = []
        for kind in (MessageEdited, MessageRetracted, MessageReacted):
            updates += self._of(kind)
        changed: list[Message] = []
        if updates:
            changed += await self._work.intake.apply_updates([event for _, event in updates])
        if early:
            changed += await self._work.intake.apply_early_updates(early)
        if late:
            changed += await self._work.intake.first_wordings(late)
        await self._announce(changed, notifications.change_event)
        for place, event in updates:
            self._answers.setdefault(place, _done(event))
        await self._contacts()

    async def _contacts(self) -> None:
        """Who blocked us or let us in again, and who has a new address."""
        updates = self._of(ContactChanged)
        if not updates:
            return
        news = await self._work.intake.contact([event for _, event in updates], now=self._now)
        await self._announce(news.failed, notifications.status_event)
        events = [
            notifications.conversation_event(EventType.UPDATED, one, reason="contact") for one in news.conversations
        ]
        await self._work.events.add(events, now=self._now)
        for place, event in updates:
            self._answers[place] = _done(event)

    async def _announce(self, messages: Sequence[Message], how: Callable[[Message, Conversation], NewEvent]) -> None:
        if not messages:
            return
        known = await self._work.conversations.find(sorted({message.conversation for message in messages}))
        events = [how(message, known[message.conversation]) for message in messages if message.conversation in known]
        await self._work.events.add(events, now=self._now)
        self._work.hint(*notifications.hints(visitors=[message.identity for message in messages if message.identity]))

    def _of(self, kind: type[Event]) -> list[tuple[int, Event]]:
        return [(place, one.event) for place, one in enumerate(self._arrivals) if isinstance(one.event, kind)]


def _key(event: MessageReceived | MessageEdited | MessageEchoed) -> Key:
    return event.channel, event.external_id


def _done(event: MessageEdited | MessageRetracted | MessageReacted | MessageEchoed | ContactChanged) -> Accepted:
    return Accepted(external_id=event.external_id, conversation=None, message=None, queue=None)


def _as_message(event: MessageEdited) -> MessageReceived:
    assert event.sender is not None  # noqa: S101 the caller looked
    return MessageReceived(
        channel=event.channel,
        external_id=event.external_id,
        sender=event.sender,
        text=event.text,
        received_at=event.received_at,
        sent_at=event.edited_at,
        raw=event.raw,
    )


def _to_its_customer(event: MessageEchoed) -> MessageReceived:
    """So that the customer is found, or made known, as for anything they say."""
    return MessageReceived(
        channel=event.channel,
        external_id=event.external_id,
        sender=event.to,
        text=event.text,
        received_at=event.received_at,
        sent_at=event.sent_at,
        attachments=event.attachments,
    )


def _of_nobody(event: MessageEdited) -> Malformed:
    """Without a sender there is no conversation to show it in: the new wording is kept as something malformed."""
    return _unusable(event, "an edit of a message whose sender is not named", code="edit_without_sender")


def _wordless(event: MessageEdited) -> Malformed:
    """It must neither empty its message nor be stored in its place: the original is decided when it arrives."""
    return _unusable(event, "an edit without words", code=EDIT_WITHOUT_WORDS)


def _unusable(event: MessageEdited, reason: str, *, code: str) -> Malformed:
    return Malformed(
        channel=event.channel,
        external_id=event.external_id,
        received_at=event.received_at,
        raw=event.raw or event.text.encode(errors="replace"),
        reason=reason,
        code=code,
    )


def in_order(messages: list[tuple[Arrival, MessageReceived]]) -> list[tuple[Arrival, MessageReceived]]:
    """What one customer said is put in the order of the provider's time, then of its id; among customers nothing moves."""
    if all(event.sent_at is None for _, event in messages):
        return messages
    by_sender: dict[Key, list[tuple[Arrival, MessageReceived]]] = {}
    for one in messages:
        by_sender.setdefault((one[1].channel, one[1].sender.address), []).append(one)
    sorted_: Mapping[Key, list[tuple[Arrival, MessageReceived]]] = {
        key: sorted(theirs, key=_provider_order(theirs)) for key, theirs in by_sender.items()
    }
    turns = {key: iter(theirs) for key, theirs in sorted_.items()}
    return [next(turns[event.channel, event.sender.address]) for _, event in messages]


def _provider_order(
    theirs: Sequence[tuple[Arrival, MessageReceived]],
) -> Callable[[tuple[Arrival, MessageReceived]], tuple[datetime, int]]:
    """Times are often whole seconds: ids that are numbered one after the other then decide; others stay as they came."""
    numbered = {_number(event.external_id)[0] for _, event in theirs}
    counts = len(numbered) == 1 and "" not in {event.external_id for _, event in theirs}

    def key(one: tuple[Arrival, MessageReceived]) -> tuple[datetime, int]:
        event = one[1]
        return event.sent_at or event.received_at, _number(event.external_id)[1] if counts else 0

    return key


def _number(external_id: str) -> tuple[str, int]:
    """What stands before the digits at the end of an id, and the digits."""
    digits = len(external_id) - len(external_id.rstrip("0123456789"))
    digits = min(digits, 18)
    return external_id[: len(external_id) - digits], int(external_id[len(external_id) - digits :] or "0")
