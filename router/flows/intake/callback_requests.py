"""A request to be called becomes work: written with its message, asleep until its time, or waiting at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from conversation.model import callback as calling
from conversation.model import conversation as thread
from conversation.model.callback import Callback, CallbackSettings, CallState
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.message import CallbackRequested
from conversation.model.people import WorkKind
from conversation.ports.storage import Work
from router.policy import escalation, notifications
from router.policy.callback_plan import Cans, is_held, settings_of, times_of
from router.rules.rulebook import RuleBook


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackIntake:
    """What a request is written by: the rules, what accounts can do, and the time."""

    rulebook: RuleBook
    cans: Cans
    now: datetime

    async def keep(self, work: Work, requests: Sequence[tuple[CallbackRequested, str]]) -> None:
        """Each request with the conversation that its words went to; under the lock of their customers."""
        for asked, conversation in requests:
            plan = settings_of(self.cans, asked.channel)
            if plan is not None:  # else its words stand in the conversation, and an agent reads them
                await self._keep(work, asked, plan, await work.conversations.lock(conversation))

    async def _keep(self, work: Work, asked: CallbackRequested, plan: CallbackSettings, found: Conversation) -> None:
        before = await self._known(work, asked, found)
        if before is not None and not proves(asked, before):
            await self._untouched(work, before, found)
            return
        callback = self._changed(before, asked) if before else self._new(asked, found)
        if callback.state in calling.ON_THE_LINE:
            return  # they are being called this moment; their words stand in the conversation
        if callback.conversation != found.id:  # asked for elsewhere before, and proven by a code: it stays there
            found = await work.conversations.lock(callback.conversation)
        slot = await self._booked_slot(work, asked, callback)
        queue = asked.queue or plan.queue or found.queue
        callback = self.timed(callback, plan, queue, slot)
        if before is None:
            await work.callbacks.add(callback)
        else:
            await work.callbacks.move(before, callback)
        await self.settle_down(work, found, callback, queue)

    async def _booked_slot(self, work: Work, asked: CallbackRequested, callback: Callback) -> datetime | None:
        """The slot that was held for it, or that it has already; else no place is kept."""
        booked = await work.callbacks.confirm(asked.external_id, callback.id)
        if booked is not None:
            return booked[1]
        if callback.state is CallState.SCHEDULED and asked.slot is not None and callback.slot_at == asked.slot:
            return asked.slot
        await work.callbacks.unbook(callback.id)
        return None

    async def _known(self, work: Work, asked: CallbackRequested, found: Conversation) -> Callback | None:
        """The open request that this one changes: of the same number and matter, or of the same conversation."""
        issue = issue_of(asked, found)
        same = await work.callbacks.open_of(asked.number, asked.extension, issue)
        here = same or await work.callbacks.of_conversation(found.id)
        return await work.callbacks.lock(here.id) if here is not None and here.open else None

    async def _untouched(self, work: Work, callback: Callback, found: Conversation) -> None:
        """Somebody who may be a stranger: their words stand in the conversation, which sleeps on where they woke it."""
        if callback.conversation == found.id and callback.state in calling.ASLEEP:
            await self.settle_down(work, found, callback, found.queue)

    def _new(self, asked: CallbackRequested, found: Conversation) -> Callback:
        return Callback(
            id=asked.external_id,
            conversation=found.id,
            channel=asked.channel,
            number=asked.number,
            extension=asked.extension,
            matter=issue_of(asked, found),
            zones=asked.zones,
            language=found.language or asked.language,
            name=asked.sender.name,
            note=asked.note,
            asked_at=self.now,
            updated_at=self.now,
            consent_at=self.now if asked.consent else None,
        )

    def _changed(self, before: Callback, asked: CallbackRequested) -> Callback:
        """It keeps its place, its tries and its matter."""
        return replace(
            before,
            number=asked.number,
            extension=asked.extension,
            zones=asked.zones,
            name=asked.sender.name or before.name,
            note=asked.note or before.note,
            consent_at=self.now if asked.consent else before.consent_at,
            updated_at=self.now,
        )

    def timed(self, callback: Callback, plan: CallbackSettings, queue: str, slot: datetime | None) -> Callback:
        """For its slot, or as soon as somebody is here and the customer may be called."""
        times = times_of(self.rulebook, plan, queue=queue, language=callback.language, zones=callback.zones)
        if slot is not None:
            return calling.schedule(callback, times.slot(slot), self.now, remind=plan.remind)
        at = times.next_call(self.now)
        waiting = calling.wait_until(callback, at or self.now + plan.expires, self.now)
        return calling.fall_due(waiting, self.now) if at is not None and at <= self.now else waiting

    async def settle_down(self, work: Work, before: Conversation, callback: Callback, queue: str) -> None:
        """The conversation sleeps until its time, or waits with the place it had; whoever works on it is left alone."""
        after = self._moved(before, callback, queue)
        await work.conversations.move(before, after)
        event = notifications.conversation_event(
            EventType.UPDATED, after, was=before, agent=before.offered_to, callback=callback.state.value
        )
        await work.events.add([event], now=self.now)
        work.hint(*notifications.hints(queues=[after.queue, before.queue]))

    def _moved(self, before: Conversation, callback: Callback, queue: str) -> Conversation:
        if is_held(before) or not before.state.is_open:
            return before
        free = thread.release(before, self.now) if before.holder is not None else before
        if queue != free.queue and queue in self.rulebook.queues:
            free = escalation.transferred(free, queue, self.rulebook, self.now)
        if callback.state is CallState.DUE:
            awake = thread.requeued(thread.wake(free, self.now), self.now) if free.is_asleep else free
            return replace(awake, kind=WorkKind.CALLBACK, waiting_since=callback.asked_at)
        asleep = thread.snooze(free, callback.due_at or self.now, self.now)
        return replace(asleep, kind=WorkKind.CALLBACK)


def proves(asked: CallbackRequested, callback: Callback) -> bool:
    """Whether who asks may change this request: it is the same one again, or they hold a signed link of its conversation.

    A number proves nothing, for whoever knows it can type it; a code that was sent to it does.
    """
    theirs = asked.proven and (callback.number, callback.extension) == (asked.number, asked.extension)
    return theirs or callback.id == asked.external_id or callback.conversation == asked.token


def stands_for(callback: Callback, asked: CallbackRequested) -> bool:
    """Whether this open request is about what is asked for now. No matter named is any; one conversation's is always one."""
    return asked.token is not None or not (asked.issue and callback.matter) or callback.matter == asked.issue


def issue_of(asked: CallbackRequested, found: Conversation) -> str:
    """What the call is about: the issue that was chosen, or that of the conversation."""
    return asked.issue or found.issue or ""
