"""How calls are made and what becomes of them: each try is written before it is dialed, dialed by one, and ended once."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.errors import ChannelError, NotFound, PermanentFailure, StoreError, Unknown
from conversation.model import callback as calling
from conversation.model import conversation as thread
from conversation.model.callback import Attempt, Callback, CallbackSettings, CallOutcome, CallState, PhoneCall
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.people import Agent
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Clock, Dialer
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.callbacks.notices import note, notify
from router.policy import notifications
from router.policy.callback_plan import Cans, is_held, settings_of, times_of
from router.policy.callback_times import CallTimes
from router.policy.last_owner import with_last_owner
from router.wording.callback_messages import FAILED, NEVER, note_of

log = logging.getLogger(__name__)

_FRESH = timedelta(minutes=1)  # a try that was written down is asked for within this time, or not at all


class CallAttempts:
    """Dials what was written down, and settles each try once, whoever reports its end."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        clock: Clock,
        *,
        cans: Callable[[], Cans],
        links: LinksByAccount | None = None,
        dialers: Callable[[], Mapping[str, Dialer]] = dict,
        checkpoint: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._cans = cans
        self._links = links or {}
        self._dialers = dialers
        self._checkpoint = checkpoint

    async def ring(self, attempt: str) -> None:
        """Ask the exchange for it, unless somebody did. Whoever dies between the claim and the answer leaves it to `lose`."""
        now = self._clock.now()
        async with self._storage.begin("call_claim") as work:
            if not await work.callbacks.claim(attempt, now=now):
                return
            found = await work.callbacks.find_attempt(attempt)
            callback = await work.callbacks.get(found.callback) if found else None
            agent = await work.agents.get(found.agent) if found and found.agent else None
            may = found is not None and callback is not None and await self._may_still(work, found, callback, now)
        dialer = self._dialers().get(callback.channel) if callback else None
        if callback is None or dialer is None or not may:
            await self.progressed(attempt, outcome=CallOutcome.LOST)
            return
        self._checkpoint("claimed")
        await self._dial(dialer, attempt, callback, agent)

    async def _may_still(self, work: Work, attempt: Attempt, callback: Callback, now: datetime) -> bool:
        """Who wrote it down may have died: later nobody sits by the telephone, and the customer may not be called any more."""
        if attempt.created_at + _FRESH < now or await work.callbacks.is_blocked(callback.number):
            return False
        conversation = await work.conversations.get(callback.conversation)
        return self._times(callback, conversation).is_lawful(now)

    async def _dial(self, dialer: Dialer, attempt: str, callback: Callback, agent: Agent | None) -> None:
        call = PhoneCall(
            attempt=attempt,
            number=callback.number,
            extension=callback.extension,
            agent=agent.email if agent else None,
            language=callback.language,
            ring=self.plan(callback).ring,
        )
        try:
            name = await dialer.dial(call)
        except Unknown:
            log.warning("call_uncertain", extra={"attempt": attempt})  # the exchange may report it; else it is lost
            return
        except PermanentFailure as failure:
            outcome = CallOutcome.INVALID if failure.code == "invalid_number" else CallOutcome.REJECTED
            await self.progressed(attempt, outcome=outcome)
            return
        except ChannelError:
            await self.progressed(attempt, outcome=CallOutcome.CONGESTION)
            return
        self._checkpoint("dialed")
        await self.progressed(attempt, provider_id=name)

    async def follow(self) -> None:
        """Read what exchanges report by themselves, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for dialer in self._dialers().values():
                tasks.create_task(self._hear(dialer))

    async def _hear(self, dialer: Dialer) -> None:
        async for report in dialer.reports():
            try:
                await self.progressed(
                    report.attempt, provider_id=report.provider_id, connected=report.connected, outcome=report.outcome
                )
            except StoreError as error:  # what is not heard now is settled as lost, later
                log.warning("call_report_missed", extra={"error": type(error).__name__, "attempt": report.attempt})
            except Exception:
                log.exception("call_report_bug", extra={"attempt": report.attempt})

    async def progressed(
        self,
        attempt: str,
        *,
        provider_id: str | None = None,
        connected: bool = False,
        outcome: CallOutcome | None = None,
    ) -> None:
        """What an exchange reports. Of a call that is unknown, or over, it changes nothing."""
        now = self._clock.now()
        async with self._storage.begin("call_progress") as work:
            found = await work.callbacks.find_attempt(attempt)
            if found is None or found.ended_at is not None:
                return
            conversation, callback = await self.locked(work, found.callback)
            if not await work.callbacks.progress(
                attempt, provider_id=provider_id, connected_at=now if connected else None
            ):
                return
            if outcome is not None:
                spoke = found.connected_at is not None or connected
                await self.settle(work, conversation, callback, found, CallOutcome.DONE if spoke else outcome)
            elif connected and callback.state is CallState.DIALING:
                await work.callbacks.move(callback, calling.connect(callback, now))
                event = notifications.conversation_event(
                    EventType.UPDATED, conversation, callback=CallState.CONNECTED.value
                )
                await work.events.add([event], now=now)

    async def locked(self, work: Work, callback: str) -> tuple[Conversation, Callback]:
        """Both, in the order in which everybody locks."""
        conversation = await work.conversations.lock((await work.callbacks.get(callback)).conversation)
        return conversation, await work.callbacks.lock(callback)

    async def settle(
        self,
        work: Work,
        conversation: Conversation,
        callback: Callback,
        attempt: Attempt,
        outcome: CallOutcome,
        *,
        agent: Agent | None = None,
        text: str | None = None,
    ) -> Conversation:
        """The try's end, the next one's time (none where they asked never to be called), the note, and where the conversation goes; under both locks."""
        now = self._clock.now()
        if not await work.callbacks.end(attempt.id, outcome, now=now, note=text):
            raise NotFound("this try is over")
        never = await work.callbacks.is_blocked(callback.number)
        next_at = None if never else self._next_attempt_at(callback, conversation, outcome, now)
        moved = await work.callbacks.move(callback, calling.settle(callback, outcome, now, next_at=next_at))
        await work.callbacks.unbook(callback.id)
        rulebook = self._rules.rulebook
        await note(work, conversation, note_of(rulebook, moved, now, text), agent=agent, now=now)
        if not moved.open and outcome is not CallOutcome.DONE:
            words = NEVER if never else FAILED
            await self.notify(work, conversation, moved, words, now)
        return await self._settle_conversation(work, conversation, moved, by_agent=agent is not None)

    def _next_attempt_at(
        self, callback: Callback, conversation: Conversation, outcome: CallOutcome, now: datetime
    ) -> datetime | None:
        """At its distance, and then as soon as somebody is here and the customer may be called."""
        plan = self.plan(callback)
        span = calling.distance((*callback.outcomes, outcome), plan)
        if span is None:
            return None
        return self._times(callback, conversation).next_call(now + span)

    def _times(self, callback: Callback, conversation: Conversation) -> CallTimes:
        return times_of(
            self._rules.rulebook,
            self.plan(callback),
            queue=conversation.queue,
            language=callback.language,
            zones=callback.zones,
        )

    async def notify(
        self, work: Work, conversation: Conversation, callback: Callback, name: str, now: datetime
    ) -> None:
        """A message to the customer about their call; under the lock."""
        rulebook, cans = self._rules.rulebook, self._cans()
        await notify(work, conversation, callback, name, rulebook=rulebook, cans=cans, links=self._links, now=now)

    def plan(self, callback: Callback) -> CallbackSettings:
        """How its account calls back."""
        return settings_of(self._cans(), callback.channel) or CallbackSettings()

    async def _settle_conversation(
        self, work: Work, before: Conversation, callback: Callback, *, by_agent: bool
    ) -> Conversation:
        """It sleeps until the next try, or is closed. What the exchange ends is left to its agent, who may want to write a note."""
        now = self._clock.now()
        wraps_up = callback.state is CallState.DONE and not by_agent
        stays = is_held(before) or not before.state.is_open or wraps_up
        after = before if stays else self._asleep(before, callback, now)
        await work.conversations.move(before, after)
        kind = EventType.CLOSED if before.state.is_open and not after.state.is_open else EventType.UPDATED
        event = notifications.conversation_event(
            kind, after, was=before, agent=before.holder, callback=callback.state.value
        )
        await work.events.add([event], now=now)
        work.hint(*notifications.hints(queues=[before.queue]))
        return after

    def _asleep(self, before: Conversation, callback: Callback, now: datetime) -> Conversation:
        kept = with_last_owner(before)
        if not callback.open:
            return thread.close(kept, now)
        free = thread.release(kept, now) if kept.can("release") else kept
        return replace(thread.snooze(free, callback.due_at or now, now), passed=())
