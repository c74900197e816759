"""What time alone causes to calls: slots come, are missed, run out; reminders leave; tries that nobody dialed or ended are settled."""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from conversation.errors import StoreUnavailable
from conversation.model import callback as calling
from conversation.model import conversation as thread
from conversation.model.callback import Callback, CallState
from conversation.model.conversation import Conversation, Priority
from conversation.model.events import EventType
from conversation.model.people import Presence, WorkKind
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.cancellation import call_off
from router.flows.callbacks.lost_attempts import CallTries
from router.flows.callbacks.notices import note
from router.flows.intake.callback_requests import CallbackIntake
from router.policy import notifications
from router.policy.callback_plan import Cans, is_held, settings_of, times_of
from router.policy.callback_times import CallTimes
from router.policy.last_owner import with_last_owner
from router.rules.rulebook import RuleBook
from router.wording.callback_messages import EXPIRED, FAILED, LATE, MOVED, NEVER, REMINDER, change_of, missed_of

log = logging.getLogger(__name__)

_BATCH = 100
_PAGE = 500
_MINUTE = timedelta(minutes=1)


Wrong = Callable[[Conversation, Callback, datetime], bool]


class _Judged:
    """One judgement for all requests to which the same hours and the same times apply."""

    def __init__(self, wrong: Wrong) -> None:
        self._wrong = wrong
        self._known: dict[tuple[object, ...], bool] = {}

    def __call__(self, before: Conversation, callback: Callback, now: datetime) -> bool:
        hours = (before.queue, callback.channel, callback.language, callback.zones)
        key = (*hours, before.state, before.kind, callback.state, callback.slot_at, callback.due_at)
        if key not in self._known:
            try:
                self._known[key] = self._wrong(before, callback, now)
            except Exception:  # noqa: BLE001 logged where it is moved, by itself
                self._known[key] = True
        return self._known[key]


class CallbackTimers:
    """Any number may run: each request is moved under its conversation's lock, by whoever finds it as it was."""

    def __init__(
        self, storage: Storage, rules: RulesInForce, clock: Clock, *, cans: Callable[[], Cans], ends: CallAttempts
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._cans = cans
        self._ends = ends
        self._tries = CallTries(storage, ends)
        self._checked: RuleBook | None = None  # the rules, or an emergency's, under which every promise was looked at
        self._night_at = datetime.min.replace(tzinfo=UTC)

    def duties(self) -> Sequence[Callable[[datetime], Awaitable[int]]]:
        """In the order in which they are done."""
        duties = (self._forbidden, self._revised, self._due, self._night, self._expired, self._missed, self._reminded)
        return (*duties, self._tries.unasked, self._tries.lost)

    # -- its time comes ------------------------------------------------------------------------------------------------

    async def _due(self, now: datetime) -> int:
        async with self._storage.read("calls_due") as work:
            found = await work.callbacks.due(now, _BATCH)
        return sum([await self._each("call_due", one, now, self._fall_due) for one in found])

    async def _fall_due(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        if callback.state not in calling.ASLEEP or callback.due_at is None or callback.due_at > now:
            return False
        if await self._forbid(work, before, callback, now):
            return True
        if not self._times(callback, before).may_call(now):
            return await self._put_off(work, before, callback, now)
        await work.callbacks.move(callback, calling.fall_due(callback, now))
        await self._wake(work, before, callback, now)
        return True

    async def _night(self, now: datetime) -> int:
        """Once a minute: what is due and may not be called any more sleeps until the next opening, and is offered to nobody."""
        if self._night_at + _MINUTE > now:
            return 0
        moved = await self._look_through((CallState.DUE,), self._must_sleep, "call_night", now)
        self._night_at = now
        return moved

    def _must_sleep(self, before: Conversation, callback: Callback, now: datetime) -> bool:
        times = self._times(callback, before)
        if before.is_assigned and before.kind is WorkKind.CALLBACK:  # somebody is about to call
            return not times.is_lawful(now)
        return not times.may_call(now)

    async def _put_off(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        """The next lawful opening, if there is any; whoever was promised a time is notified, and goes first there if it passed."""
        at, plan = self._times(callback, before).next_call(now), self._ends.plan(callback)
        if at is None:
            return await self._give_up(work, before, callback, now)
        asking = CallbackIntake(rulebook=self._rules.rulebook, cans=self._cans(), now=now)
        slot = callback.slot_at
        late = callback.missed or (slot is not None and (callback.state is CallState.DUE or slot <= now))
        moved = replace(asking.timed(callback, plan, before.queue, None), missed=late)
        since = callback.due_since
        if since is not None and at < since + plan.expires:  # else it would run out before anybody could call
            moved = replace(moved, due_since=since)
        moved = await work.callbacks.move(callback, moved)
        await work.callbacks.unbook(callback.id)
        was = replace(before, priority=max(before.priority, Priority.HIGH)) if late else before
        await work.conversations.move(before, was)
        await asking.settle_down(work, was, moved, before.queue)
        if slot is not None:  # notified once: what is put off again has no time that was promised
            await self._notify_of_time(work, callback, moved, LATE if late else MOVED, now)
        return True

    async def _notify_of_time(self, work: Work, before: Callback, moved: Callback, words: str, now: datetime) -> None:
        """The customer the new time, and agents what became of the old one."""
        conversation, rulebook = await work.conversations.get(moved.conversation), self._rules.rulebook
        passed = [missed_of(rulebook, before)] if words == LATE and before.slot_at is not None else []
        text = "\n".join([*passed, change_of(rulebook, moved, now)])
        await note(work, conversation, text, agent=None, now=now)
        await self._ends.notify(work, conversation, moved, words, now)

    async def _wake(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> None:
        """It waits from now on, with the place of its arrival; whoever works on it for something else sees it there."""
        if is_held(before) or before.is_assigned:
            after = before
        else:
            awake = thread.requeued(thread.awaken(before, now), now)
            after = replace(awake, kind=WorkKind.CALLBACK, waiting_since=callback.asked_at)
        await self._move(work, before, after, CallState.DUE.value, now)

    # -- and goes ------------------------------------------------------------------------------------------------------

    async def _missed(self, now: datetime) -> int:
        async with self._storage.read("calls_missed") as work:
            found = await work.callbacks.waiting(now, _BATCH)
        return sum([await self._each("call_missed", one, now, self._to_the_top) for one in found])

    async def _to_the_top(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        """Nobody called in its slot: it goes before all others but the urgent; what is no call says so to whoever reads it."""
        if callback.state is not CallState.DUE or callback.missed:
            return False
        missed = await work.callbacks.move(callback, calling.miss(callback, now))
        after = await self._given_back(work, before, callback, now)
        after = replace(after, priority=max(after.priority, Priority.HIGH))
        await self._move(work, before, after, "missed", now)
        if before.kind is not WorkKind.CALLBACK:
            await note(work, after, missed_of(self._rules.rulebook, callback), agent=None, now=now)
        await self._ends.notify(work, after, missed, LATE, now)
        return True

    async def _given_back(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> Conversation:
        """To the queue as a call, from whoever slept on it; who works on it for something else keeps it while they are here."""
        holder = before.holder
        if holder is None:
            free = thread.awaken(before, now)
        elif before.kind is WorkKind.CALLBACK:
            free = replace(thread.release(before, now), passed=(holder,))
        elif await _is_here(work, holder, now):
            return before
        else:
            free = thread.release(with_last_owner(before), now)
        return replace(free, kind=WorkKind.CALLBACK, waiting_since=callback.asked_at)

    async def _expired(self, now: datetime) -> int:
        spans = {name: can.calls.expires for name, can in self._cans().items() if can.calls is not None}
        async with self._storage.read("calls_old") as work:
            found = [one for name, span in spans.items() for one in await work.callbacks.old(name, now - span, _BATCH)]
            if (gone := settings_of(self._cans(), "")) is not None:  # of accounts that were taken out
                found += await work.callbacks.old(None, now - gone.expires, _BATCH, but=[*spans])
        return sum([await self._each("call_expired", one, now, self._expire) for one in found])

    async def _expire(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        since = callback.due_since or callback.updated_at
        if callback.state is not CallState.DUE or since + self._ends.plan(callback).expires > now:
            return False
        return await self._give_up(work, before, callback, now)

    async def _give_up(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        """Nobody called for too long, or nobody ever may."""
        moved = await work.callbacks.move(callback, calling.expire(callback, now))
        await work.callbacks.unbook(callback.id)
        words = FAILED if moved.outcomes else EXPIRED  # nobody failed to reach who was never called
        await self._ends.notify(work, before, moved, words, now)
        stays = is_held(before) or not before.state.is_open
        after = before if stays else thread.close(before, now)
        await self._move(work, before, after, moved.state.value, now)
        return True

    async def _forbidden(self, now: datetime) -> int:
        """What else was asked for a number that is never to be called again, whoever put it down, and where."""
        async with self._storage.read("calls_forbidden") as work:
            found = await work.callbacks.forbidden(_BATCH)
        return sum([await self._each("call_forbidden", one, now, self._forbid) for one in found])

    async def _forbid(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        """Who is on the line is not cut off: the try's end is the request's, too."""
        waits = callback.open and callback.state not in calling.ON_THE_LINE
        if not waits or not await work.callbacks.is_blocked(callback.number):
            return False
        rulebook, cans = self._rules.rulebook, self._cans()
        gone = await call_off(work, before, callback, cans=cans, now=now)
        after = await work.conversations.get(before.id)
        await note(work, after, change_of(rulebook, gone, now), agent=None, now=now)
        await self._ends.notify(work, after, gone, NEVER, now)
        return True

    async def _reminded(self, now: datetime) -> int:
        async with self._storage.read("calls_reminders") as work:
            found = await work.callbacks.reminders(now, _BATCH)
        return sum([await self._each("call_reminder", one, now, self._remind) for one in found])

    async def _remind(self, work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
        if callback.remind_at is None or callback.remind_at > now:
            return False
        if await self._forbid(work, before, callback, now):
            return True
        moved = await work.callbacks.move(callback, replace(callback, remind_at=None))
        await self._ends.notify(work, before, moved, REMINDER, now)
        return True

    async def _revised(self, now: datetime) -> int:
        """At the start, and when rules or an emergency bring new hours: what was promised outside of them is moved, and they are notified."""
        rulebook = self._rules.rulebook
        if rulebook is self._checked:
            return 0
        moved = await self._look_through(calling.ASLEEP, self._must_move, "call_revised", now)
        self._checked = rulebook
        return moved

    def _must_move(self, before: Conversation, callback: Callback, now: datetime) -> bool:
        times, slot = self._times(callback, before), callback.slot_at
        if slot is not None:
            return not times.is_slot(slot)
        first = times.next_call(now)
        return callback.state is CallState.REQUESTED and first is not None and first != callback.due_at

    # -- what they share -----------------------------------------------------------------------------------------------

    async def _each(
        self,
        purpose: str,
        one: Callback,
        now: datetime,
        move: Callable[[Work, Conversation, Callback, datetime], Awaitable[bool]],
    ) -> bool:
        try:
            async with self._storage.begin(purpose) as work:
                conversation, callback = await self._ends.locked(work, one.id)
                return await move(work, conversation, callback, now)
        except StoreUnavailable:
            raise
        except Exception:  # one that cannot be moved does not stop those behind it
            log.exception("call_not_moved", extra={"callback": one.id, "purpose": purpose})
            return False

    async def _look_through(self, states: Collection[CallState], wrong: Wrong, purpose: str, now: datetime) -> int:
        """All requests in these states, judged by the page as they are read; only those that are wrong are locked and put off."""

        async def put_off(work: Work, before: Conversation, callback: Callback, now: datetime) -> bool:
            still = callback.state in states and wrong(before, callback, now)
            return still and await self._put_off(work, before, callback, now)

        moved, after, known = 0, "", _Judged(wrong)
        while True:
            async with self._storage.read("calls_standing") as work:
                page = await work.callbacks.in_states(states, after, _PAGE)
                there = await work.conversations.find([one.conversation for one in page])
            if not page:
                return moved
            after = page[-1].id
            found = [one for one in page if one.conversation in there and known(there[one.conversation], one, now)]
            moved += sum([await self._each(purpose, one, now, put_off) for one in found])

    async def _move(self, work: Work, before: Conversation, after: Conversation, state: str, now: datetime) -> None:
        await work.conversations.move(before, after)
        event = notifications.conversation_event(
            EventType.UPDATED, after, was=before, agent=before.holder, callback=state
        )
        await work.events.add([event], now=now)
        work.hint(*notifications.hints(queues=[after.queue]))

    def _times(self, callback: Callback, conversation: Conversation) -> CallTimes:
        return times_of(
            self._rules.rulebook,
            self._ends.plan(callback),
            queue=conversation.queue,
            language=callback.language,
            zones=callback.zones,
        )


async def _is_here(work: Work, agent: str, now: datetime) -> bool:
    return any(one.agent == agent and one.presence is Presence.ONLINE for one in await work.agents.on_duty(now))
