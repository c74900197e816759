"""The flows on a real store, without HTTP: rules, people, messages, and what came of them."""

import asyncio
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conversation.id_generator import new_id
from conversation.model.callback import CallbackSettings
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.events import Event, EventType
from conversation.model.message import Accepted, Message, MessageReceived
from conversation.model.outbound import OutboundMessage, OutboxRow, Receipt
from conversation.model.people import Agent, Identity, Presence, Role, WorkKind
from conversation.ports.callback_links import CallbackLinks
from conversation.ports.channel import Inbox, Signals
from conversation.ports.metrics import ChannelEvent, CountedEvent
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_actions import ConversationActions
from router.flows.agents.reply import ReplyService
from router.flows.callbacks.agent_actions import CallbackService
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.timers import CallbackTimers
from router.flows.classifier_plugin import Classifiers
from router.flows.delivery.sender import Dispatcher
from router.flows.distribution.distributor import Distributor
from router.flows.distribution.timers import Ticker
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.inbox import IntakeFlow, Limits
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules
from storage.store import Store
from tests.fakes import FakeClock, FakeInbox

RULES = """
[languages]
offered = ["zh", "en", "fr", "de"]
default = "en"

[conversations]
reopen_within = "72h"

[agents]
grace = "5m"

[hours.shanghai]
timezone = "Asia/Shanghai"
mon-fri = ["09:00-12:00", "13:00-21:00"]
sat-sun = ["10:00-18:00"]

[queue_defaults]
hours = "always"

[queues.payments]
title = { en = "Payments", zh = "支付" }
skills = ["payments"]
hours = "shanghai"
closed = "closed"
overflow = [ { after = "5m", queue = "general" } ]

[queues.safety]
skills = ["safety"]
page = { after = "1m", webhook = "duty" }

[queues.general]

[webhooks.duty]
url = "https://duty.example/page"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[issues.topup]
queue = "payments"
words = { en = ["top up", "top-up"], zh = ["充值"] }

[issues.unauthorised]
queue = "safety"
priority = "urgent"
words = { en = ["stolen"], zh = ["盗"] }

[fallback]
queue = "general"

[replies.closed]
zh = "我们已下班,{next_opening} 恢复服务。您的编号是 {reference}。"
en = "We are closed and open again {next_opening}. Your reference is {reference}."
"""

PLAN = CallbackSettings(remind=timedelta(hours=1))


@dataclass
class FakeLinks:
    """Addresses that nobody signed."""

    base: str = "https://call.example"

    def request_link(self, conversation: str) -> str:
        return f"{self.base}/{conversation}"

    def agent_link(self, conversation: str) -> str:
        return f"{self.base}/agent/{conversation}"

    def status_link(self, callback: str) -> str:
        return f"{self.base}/change/{callback}"


CHANNELS = {
    "site": ChannelHints(kind="webchat"),
    "app": ChannelHints(kind="webhook"),
    "text": ChannelHints(kind="sms"),
    "phone": ChannelHints(kind="callback"),
}
CANS = {
    "site": Can(work=WorkKind.CHAT, feed=True, attachments=True, receipts=True, idempotent=True),
    "app": Can(work=WorkKind.MESSAGE, idempotent=True),
    "text": Can(work=WorkKind.MESSAGE),
    "phone": Can(work=WorkKind.CALLBACK, send=False, calls=PLAN),
}


def rulebook(source: str = RULES, revision: str = "r1") -> RuleBook:
    return compile_rules(Document.model_validate(tomllib.loads(source)), revision=revision, channels=CHANNELS)


def detect(text: str) -> list[tuple[str, float]]:
    """A detector that tells Chinese from everything else."""
    han = sum("\u4e00" <= letter <= "\u9fff" for letter in text)
    return [("zh", 0.99)] if han else [("en", 0.95)] if text.strip() else []


@dataclass
class FakeChannel:
    """Sends by appending; raises the failures it was given, one after the other."""

    name: str
    can: Can
    sent: list[OutboundMessage] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    hold: asyncio.Event | None = None
    busy: int = 0
    busiest: int = 0

    async def start(self) -> None: ...

    async def listen(self, inbox: Inbox) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, message: OutboundMessage) -> Receipt:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.busy -= 1
        self.sent.append(message)
        return Receipt(external_ids=(f"provider-{message.id}",))


@dataclass
class FakeWebhooks:
    """Keeps the rows it is given."""

    sent: list[OutboxRow] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    known: list[str] = field(default_factory=lambda: ["duty"])

    def names(self) -> list[str]:
        return self.known

    def problem(self, name: str) -> str:
        return f"[webhooks.{name}] has no secret on this node"

    async def send(self, row: OutboxRow) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(row)


class Stage:
    """Everything a test needs at hand. `async with stage.intake()` runs the inbox."""

    def __init__(self, storage: Store, signals: Signals, clock: FakeClock, *, shards: int) -> None:
        self.storage = storage
        self.signals = signals
        self.clock = clock
        self.shards = shards
        self.rules = RulesInForce(rulebook())
        self.channels = {name: FakeChannel(name, can) for name, can in CANS.items()}
        self.webhooks = FakeWebhooks()
        self.distributor = Distributor(storage, self.rules, signals, clock)
        self.actions = ConversationActions(storage, self.rules, clock)
        self.replies = ReplyService(storage, self.rules, signals, clock, cans=lambda: self.cans)
        self.links: dict[str, CallbackLinks] = {"phone": FakeLinks()}
        self.ends = CallAttempts(storage, self.rules, clock, cans=lambda: self.cans, links=self.links)
        self.calls = self.agents_of(self.ends)
        duties = CallbackTimers(storage, self.rules, clock, cans=lambda: self.cans, ends=self.ends)
        self.ticker = Ticker(storage, self.rules, clock, more=duties.duties())
        self.cans: dict[str, Can] = dict(CANS)
        self.dispatcher = self.another_dispatcher()
        self.meters: dict[str, int] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.batches: list[float] = []

    def another_dispatcher(self) -> Dispatcher:
        """As after a restart, or on another node."""

        def count_of(channel: str, event: ChannelEvent, amount: int = 1, /) -> None:
            self.sent[channel, event] += amount

        return Dispatcher(
            self.storage,
            lambda: self.channels,
            self.webhooks,
            self.signals,
            self.clock,
            draw=lambda: 0.5,
            count=self.count,
            count_of=count_of,
        )

    def count(self, event: CountedEvent, amount: int = 1, /) -> None:
        """What the flows counted is read as `meters[event]`."""
        self.meters[event] = self.meters.get(event, 0) + amount

    def agents_of(self, ends: CallAttempts) -> CallbackService:
        """Agents' side of calls, which are made by these."""
        inbox = FakeInbox()
        customers = CallbackBooking(self.storage, self.rules, inbox, self.clock, cans=lambda: self.cans, ends=ends)
        return CallbackService(self.storage, self.rules, self.clock, customers=customers, ends=ends)

    # -- the inbox -----------------------------------------------------------------------------------------------------

    def flow(
        self,
        *,
        limits: Limits | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
        storage: Any = None,
        shards: int | None = None,
        detector: Any = detect,
        budget: UnprovenBudget | None = None,
        classifiers: Classifiers | None = None,
    ) -> IntakeFlow:
        return IntakeFlow(
            storage or self.storage,
            self.rules,
            detector,
            self.clock,
            cans=lambda: self.cans,
            links=self.links,
            shards=shards or self.shards,
            limits=limits,
            budget=budget,
            classifiers=classifiers,
            checkpoint=checkpoint,
            count=self.count,
            took=self.batches.append,
        )

    @asynccontextmanager
    async def intake(self, **how: Any) -> Any:
        flow = self.flow(**how)
        async with running(flow.run()):
            yield flow

    async def write(self, text: str = "hello", **more: Any) -> Accepted:
        """One message through an inbox of its own: a batch of one."""
        async with self.intake() as inbox:
            accepted: list[Accepted] = await inbox.accept([received(text, **more)])
            return accepted[0]

    # -- people --------------------------------------------------------------------------------------------------------

    async def agent(
        self,
        name: str = "mei",
        *,
        languages: Mapping[str, int] | None = None,
        skills: Mapping[str, int] | None = None,
        capacity: int = 3,
        online: bool = True,
        role: Role = Role.AGENT,
        queues: tuple[str, ...] = (),
    ) -> Agent:
        agent = Agent(
            id=new_id(),
            email=f"{name}@example.com",
            name=name,
            role=role,
            languages={"zh": 5, "en": 4} if languages is None else languages,
            skills={"payments": 4} if skills is None else skills,
            queues=queues,
            capacity=dict.fromkeys(WorkKind, capacity),
            created_at=self.clock.now(),
        )
        async with self.storage.begin("test") as work:
            await work.agents.add(agent, password_hash=None)
        if online:
            await self.present(agent)
        return agent

    async def present(
        self, agent: Agent, presence: Presence = Presence.ONLINE, span: timedelta = timedelta(hours=8)
    ) -> None:
        now = self.clock.now()
        async with self.storage.begin("test") as work:
            await work.agents.set_presence(agent.id, presence, until=now + span, now=now)

    async def held(self, agent: Agent, kind: WorkKind = WorkKind.CHAT) -> int:
        async with self.storage.read("test") as work:
            return (await work.agents.loads())[agent.id, kind][0]

    # -- looking -------------------------------------------------------------------------------------------------------

    async def conversation(self, identifier: str | None) -> Conversation:
        async with self.storage.read("test") as work:
            return await work.conversations.get(identifier or "")

    async def messages(self, conversation: str | None) -> list[Message]:
        async with self.storage.read("test") as work:
            return await work.messages.page(conversation or "", after=0, limit=500)

    async def events(self, *kinds: EventType) -> list[Event]:
        async with self.storage.read("test") as work:
            return [event for event in await work.events.after(0, limit=5000) if not kinds or event.type in kinds]

    async def outbox(self) -> dict[str, int]:
        async with self.storage.read("test") as work:
            return {state: count for state, count in (await work.outbox.counts()).items() if count}

    async def quarantined(self) -> list[Any]:
        async with self.storage.read("test") as work:
            rows, _ = await work.quarantine.page(cursor=None, limit=100)
            return [await work.quarantine.get(row.id) for row in rows]


@asynccontextmanager
async def running(work: Awaitable[object]) -> Any:
    """A background task for the length of a test."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def received(
    text: str = "hello",
    *,
    address: str = "anna",
    channel: str = "site",
    external_id: str | None = None,
    at: datetime | None = None,
    **more: Any,
) -> MessageReceived:
    return MessageReceived(
        channel=channel,
        external_id=external_id or new_id(),
        sender=Identity(channel=channel, address=address),
        text=text,
        received_at=at or FakeClock().now(),
        **more,
    )


async def eventually(look: Callable[[], Awaitable[bool]], *, seconds: float = 60.0) -> None:
    """Bounded polling."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.01)
