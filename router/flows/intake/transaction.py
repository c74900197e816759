"""One transaction of the intake: read under lock, decide, write, commit, and only then acknowledge."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.decision import StoredDecision, Understood
from conversation.model.events import Hint, Topic
from conversation.model.message import Accepted, DeliveryReported, Malformed, Message, MessageEchoed, MessageReceived
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Clock
from conversation.ports.metrics import Count, CountedEvent
from conversation.ports.storage import Storage, Work
from conversation.ports.storage.intake import Known
from conversation.ports.storage.quarantine import Quarantined
from router.decision.decide import STATUS_REPLY
from router.decision.facts import STATUS, understand
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Classifiers
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.backpressure import Arrival
from router.flows.intake.callback_requests import CallbackIntake
from router.flows.intake.message_updates import MessageUpdates, in_order
from router.flows.intake.sanitize import Kept
from router.policy import notifications
from router.policy.intake_plan import Admitted, IntakePlan
from router.understanding.language import Detector

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every flush works with."""

    rules: RulesInForce
    detector: Detector
    classifiers: Classifiers
    cans: Callable[[], Mapping[str, Can]]
    links: LinksByAccount
    clock: Clock
    checkpoint: Callable[[str], None]
    count: Count
    decided: Callable[[Sequence[StoredDecision]], None] | None
    budget: UnprovenBudget
    quarantined: Callable[[str, bytes, str, str, Mapping[str, str]], Quarantined]


class Flush:
    """One transaction of the intake: with one rulebook from its beginning to its end."""

    def __init__(self, storage: Storage, context: Context, arrivals: Sequence[Arrival]) -> None:
        self._storage = storage
        self._context = context
        self._arrivals = arrivals
        self._now = context.clock.now()
        self._rulebook = context.rules.rulebook
        self._classifier = context.classifiers.built_in
        self._cans = context.cans()
        self._decisions: Sequence[StoredDecision] = ()
        self._held = 0

    async def run(self) -> None:
        """Read under lock, decide, write, commit; then every caller is acknowledged."""
        started = self._context.clock.monotonic()
        messages = in_order([(a, self._dated(a.event)) for a in self._arrivals if isinstance(a.event, MessageReceived)])
        understood = [None if arrival.repeats else self._understood(arrival, event) for arrival, event in messages]
        self._context.checkpoint("before_transaction")
        answers: dict[int, Accepted] = {}
        async with self._storage.begin("intake") as work:
            updates = MessageUpdates(work, self._arrivals, answers, self._now)
            messages += await updates.as_messages()
            understood += [None] * (len(messages) - len(understood))
            await self._messages(work, messages, understood, answers, updates)
            await self._reports(work, answers)
            await self._malformed(work, answers)
            for arrival in self._arrivals:
                if (cursor := arrival.committed_cursor) is not None:
                    await work.cursors.set(arrival.event.channel, cursor)
            self._context.checkpoint("before_commit")
        self._context.checkpoint("after_commit")
        for place, arrival in enumerate(self._arrivals):
            arrival.answer(answers[place])
        if self._context.decided is not None and self._decisions:
            self._context.decided(self._decisions)
        self._count_batch(answers, started)

    def _understood(self, arrival: Arrival, event: MessageReceived) -> Understood:
        """As it was understood on arrival, unless the rules were swapped since."""
        if arrival.understood is not None and arrival.rulebook is self._rulebook:
            return arrival.understood
        return understand(event.text, self._rulebook, self._context.detector, self._classifier)

    async def _messages(
        self,
        work: Work,
        messages: Sequence[tuple[Arrival, MessageReceived]],
        understood: Sequence[Understood | None],
        answers: dict[int, Accepted],
        updates: MessageUpdates,
    ) -> None:
        if not messages:
            await updates.apply(early=(), late=())
            return
        plan, admitted = await self._decide(work, messages, understood)
        feed = await self._store(work, plan, messages, admitted)
        state, late = plan.state, [event for (_, event), one in zip(messages, admitted, strict=True) if one.late]
        await updates.apply(early=state.early, late=late)
        queues = await self._queues_of_repeats(work, admitted)
        places = {id(arrival): place for place, arrival in enumerate(self._arrivals)}
        for (arrival, event), one in zip(messages, admitted, strict=True):
            answers[places[id(arrival)]] = _accepted(event, one, queues, feed)
        targets = [row.target for row in state.writes.outbox]
        work.hint(*notifications.hints(visitors=state.fed, queues=state.waiting, targets=targets))

    async def _store(
        self,
        work: Work,
        plan: IntakePlan,
        messages: Sequence[tuple[Arrival, MessageReceived]],
        admitted: Sequence[Admitted],
    ) -> Mapping[str, int]:
        writes = plan.writes()
        self._decisions = writes.decisions
        for before, after in plan.state.withdrawn:
            await work.conversations.move(before, after)
        await _bind_uploads(work, writes.messages)
        await self._keep_unsupported(work, writes.messages, messages, admitted)
        feed = await work.intake.store(writes, now=self._now)
        await self._keep_raw(work, messages)
        await self._keep_requests(work, messages, admitted)
        if writes.fetches:
            work.hint(Hint(topic=Topic.FILES))
        return feed

    async def _keep_unsupported(
        self,
        work: Work,
        written: list[Message],
        messages: Sequence[tuple[Arrival, MessageReceived]],
        admitted: Sequence[Admitted],
    ) -> None:
        """What a kind that is not understood looked like, for whoever extends the adapter."""
        rows: dict[str, str] = {}
        for (_, event), one in zip(messages, admitted, strict=True):
            if event.unsupported is not None and event.raw and not one.duplicate:
                kept = self._context.quarantined(event.channel, event.raw, event.unsupported, "unsupported", {})
                rows[one.message.id] = await work.quarantine.add(replace(kept, replayed_at=self._now))
        if rows:
            written[:] = [replace(message, raw=rows.get(message.id)) for message in written]

    def _dated(self, event: MessageReceived) -> MessageReceived:
        """With the end of the window for answers, where the medium has one and the event does not say it."""
        can = self._cans.get(event.channel)
        if can is None or can.reply_window is None or event.reply_until is not None or event.machine:
            return event
        return replace(event, reply_until=(event.sent_at or event.received_at) + can.reply_window)

    async def _decide(
        self,
        work: Work,
        messages: Sequence[tuple[Arrival, MessageReceived]],
        understood: Sequence[Understood | None],
    ) -> tuple[IntakePlan, list[Admitted]]:
        """The senders as they are known under lock, strangers made known, and what becomes of each message."""
        rulebook = self._rulebook
        known = await work.intake.load(
            [event for _, event in messages], reopen_since=self._now - rulebook.reopen_within, now=self._now
        )
        on_duty = await self._on_duty(work)
        positions = await self._positions(work, known, understood) if STATUS_REPLY in rulebook.replies else None

        def decided(left: Mapping[str, int]) -> tuple[IntakePlan, list[Admitted]]:
            plan = IntakePlan(
                rulebook,
                cans=self._cans,
                now=self._now,
                new_id=new_id,
                links=self._context.links,
                on_duty=on_duty,
                positions=positions,
                left=left,
            )
            together = zip(messages, known, understood, strict=True)
            return plan, [self._admit(plan, *arrival, sender, meaning) for arrival, sender, meaning in together]

        return await self._within_budget(work, decided)

    async def _within_budget(
        self, work: Work, decided: Callable[[Mapping[str, int]], tuple[IntakePlan, list[Admitted]]]
    ) -> tuple[IntakePlan, list[Admitted]]:
        """Decided once more where fewer answers may leave than were wanted; a batch that answers no stranger asks nothing."""
        budget = self._context.budget
        left = budget.left(self._now)
        plan, admitted = decided(left)
        if wanted := plan.state.unproven:
            granted = await budget.take(work, wanted, self._now)
            if granted != wanted:
                plan, admitted = decided({**left, **granted})
        self._held = plan.state.held
        return plan, admitted

    def _admit(
        self, plan: IntakePlan, arrival: Arrival, event: MessageReceived, sender: Known, meaning: Understood | None
    ) -> Admitted:
        repeated = plan.repeated(event, sender)
        if repeated is None and isinstance(arrival.event, MessageEchoed):
            return plan.echo(arrival.event, sender)
        return repeated or plan.admit(event, sender, meaning or self._understood(arrival, event))

    async def _on_duty(self, work: Work) -> frozenset[tuple[str, str]] | None:
        """Asked only where a rule wants to know who is there."""
        if not self._context.rules.asks_staffed:
            return None
        return await work.agents.duty([queue.needs for queue in self._rulebook.queues.values()], self._now)

    async def _positions(
        self, work: Work, known: Sequence[Known], understood: Sequence[Understood | None]
    ) -> Mapping[str, int | None]:
        """The place in the queue of those who ask how it stands; nobody else's is looked up."""
        asking = [who for who, meaning in zip(known, understood, strict=True) if meaning and STATUS in meaning.intents]
        waiting = {one.id for who in asking for one in who.conversations if one.is_waiting}
        return {one: await work.distribution.position(one) for one in sorted(waiting)}

    async def _queues_of_repeats(self, work: Work, admitted: Sequence[Admitted]) -> Mapping[str, str]:
        """A repeat is answered with where its conversation stands today."""
        wanted = {one.message.conversation for one in admitted if one.queue is None}
        if not wanted:
            return {}
        return {c.id: c.queue for c in (await work.conversations.find(sorted(wanted))).values()}

    async def _keep_raw(self, work: Work, messages: Sequence[tuple[Arrival, MessageReceived]]) -> None:
        """Where cleaning took something away, the bytes show what it was."""
        for arrival, event in messages:
            if arrival.changed and event.raw:
                row = self._context.quarantined(event.channel, event.raw, "stored with replacements", "sanitized", {})
                await work.quarantine.add(row)

    async def _keep_requests(
        self, work: Work, messages: Sequence[tuple[Arrival, MessageReceived]], admitted: Sequence[Admitted]
    ) -> None:
        """Requests to be called, in the transaction of their messages."""
        admitted_messages = zip(messages, admitted, strict=True)
        new = [
            (e.callback, one.message.conversation)
            for (_, e), one in admitted_messages
            if e.callback and not one.duplicate
        ]
        if new:
            await CallbackIntake(rulebook=self._rulebook, cans=self._cans, now=self._now).keep(work, new)

    async def _reports(self, work: Work, answers: dict[int, Accepted]) -> None:
        reports = [(place, a.event) for place, a in enumerate(self._arrivals) if isinstance(a.event, DeliveryReported)]
        if not reports:
            return
        moved = await work.intake.report([report for _, report in reports])
        conversations = await work.conversations.find(sorted({message.conversation for message in moved}))
        await work.events.add(
            [
                notifications.status_event(m, conversations[m.conversation])
                for m in moved
                if m.conversation in conversations
            ],
            now=self._now,
        )
        visitors = [message.identity for message in moved if message.identity]
        # a receipt settles an uncertain row, and what waits behind it may leave
        work.hint(*notifications.hints(visitors=visitors, targets=[m.channel for m in moved if m.channel]))
        for place, report in reports:
            await self._keep_report(work, report)
            answers[place] = Accepted(external_id=report.external_id, conversation=None, message=None, queue=None)

    async def _keep_report(self, work: Work, report: DeliveryReported) -> None:
        """What reported it, where that says more than we read in it. It waits for nobody."""
        if report.raw:
            row = self._context.quarantined(
                report.channel, report.raw, "reported the status of a message", "report", {}
            )
            await work.quarantine.add(replace(row, replayed_at=self._now))

    async def _malformed(self, work: Work, answers: dict[int, Accepted]) -> None:
        for place, arrival in enumerate(self._arrivals):
            event = arrival.event
            if isinstance(event, Malformed):
                row = self._context.quarantined(event.channel, event.raw, event.reason, event.code, {})
                answers[place] = quarantined_as(event, await work.quarantine.add(row))
                self._context.count(CountedEvent.QUARANTINED)

    def _count_batch(self, answers: Mapping[int, Accepted], started: float) -> None:
        duplicates = sum(answer.duplicate for answer in answers.values())
        spent = round((self._context.clock.monotonic() - started) * 1000, 1)
        self._context.count(CountedEvent.ACCEPTED, len(answers) - duplicates)
        self._context.count(CountedEvent.DUPLICATES, duplicates)
        if self._held:
            self._context.count(CountedEvent.UNPROVEN_UNANSWERED, self._held)
        log.info("batch_stored", extra={"count": len(answers), "ms": spent, "duplicates": duplicates})


async def _bind_uploads(work: Work, messages: list[Message]) -> None:
    """Files that were uploaded beforehand now belong to the conversation; only their owner may name them."""
    for place, message in enumerate(messages):
        uploaded = [attachment.id for attachment in message.attachments if attachment.url is None]
        if uploaded:
            bound = await work.attachments.bind(
                uploaded, conversation=message.conversation, owner=message.identity, account=message.channel
            )
            by_id = {attachment.id: attachment for attachment in bound}
            attachments = tuple(by_id.get(attachment.id, attachment) for attachment in message.attachments)
            messages[place] = replace(message, attachments=attachments)


def _accepted(event: MessageReceived, one: Admitted, queues: Mapping[str, str], feed: Mapping[str, int]) -> Accepted:
    message = one.message
    return Accepted(
        external_id=event.external_id,
        conversation=message.conversation,
        message=message.id,
        queue=one.queue or queues.get(message.conversation),
        duplicate=one.duplicate,
        seq=message.seq,
        feed_seq=feed.get(message.id, message.feed_seq),
    )


def quarantined_as(event: Kept, row: str, *, gone: bool = False) -> Accepted:
    return Accepted(
        external_id=event.external_id,
        conversation=None,
        message=None,
        queue=None,
        quarantined=row,
        attachment_gone=gone,
    )
