"""The agents' door over loopback: the real store, the real flows, two invented channels."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from channels.supervisor import AccountHealth, Health
from conversation.errors import MalformedPayload, SignatureRejected
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.decision import Facts, StoredDecision
from conversation.model.message import Accepted, InboundEvent, MessageReceived
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import Agent, Identity, WorkKind
from conversation.ports.channel import Channel, Inbox, Reply, Request
from conversation.ports.metrics import CountedEvent
from desk.app import make_app
from desk.http.readiness import Ready
from desk.http.routing import Route
from desk.http.services import Services
from desk.http.tokens import new_token
from ops.composition.background_tasks import TaskKeeper
from ops.composition.signed_files import SharedFiles
from ops.composition.supervised_loops import LoopSupervisor
from ops.rule_analysis.explanation import explain, explain_stored
from router.decision.decide import decide
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_actions import ConversationActions
from router.flows.agents.reply import ReplyService
from router.flows.callbacks.agent_actions import CallbackService
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.booking import CallbackBooking
from router.flows.customers.visitor_feed import Files
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.contracts.tools import FakeBlobs
from tests.fakes import FakeClock, FakeInbox
from tests.storage import makers

RULES = {
    "languages": {"offered": ["zh", "en", "de"], "default": "en"},
    "hours": {"day": {"timezone": "Asia/Shanghai", "mon-fri": ["09:00-18:00"]}},
    "issues": {"topup": {"queue": "payments", "title": {"en": "Top-up"}, "words": {"en": ["top up"]}}},
    "queues": {
        "payments": {
            "title": {"en": "Payments", "zh": "支付"},
            "skills": ["payments"],
            "hours": "day",
            "closed": False,
        },
        "safety": {"skills": ["safety"], "hours": "always", "closed": False},
        "general": {"title": "Everything else", "hours": "always", "closed": False},
    },
    "fallback": {"queue": "general"},
}


class Account:
    """A channel account that takes what it is given; `normalize` reads {"id", "text"}."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.can = Can(work=WorkKind.CHAT, feed=True, attachments=True)

    async def start(self) -> None:
        return None

    async def listen(self, inbox: Inbox) -> None:
        return None

    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt(external_ids=(message.id,))

    async def stop(self) -> None:
        return None


class Hook(Account):
    """The same with a webhook: signed when the header says so."""

    def verify(self, request: Request) -> None:
        if request.headers.get("x-signature") != hashlib.sha256(request.body).hexdigest():
            raise SignatureRejected("wrong")

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        if request.body == b"bug":
            raise ZeroDivisionError
        try:
            found = json.loads(request.body)
        except ValueError:
            raise MalformedPayload("not JSON", code="json_syntax") from None
        sender = Identity(channel=self.name, address="somebody")
        return [
            MessageReceived(
                channel=self.name,
                external_id=found["id"],
                sender=sender,
                text=found["text"],
                received_at=request.received_at,
            )
        ]

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:
        items = [{"id": one.external_id, "conversation": one.conversation} for one in accepted]
        return Reply(body=json.dumps({"items": items}).encode())


@dataclass(kw_only=True)
class House:
    """All that a test needs to look behind the door."""

    client: TestClient[Any, Any]
    services: Services
    store: Store
    clock: FakeClock
    inbox: FakeInbox
    counted: dict[str, int]
    tokens: dict[str, str] = field(default_factory=dict)

    async def hire(self, name: str, **values: Any) -> Agent:
        """An agent with a bearer token."""
        agent = await makers.hire(self.store, name, **({"capacity": {WorkKind.CHAT: 5}} | values))
        token, digest, prefix = new_token("bearer")
        async with self.store.begin("test") as work:
            await work.agents.add_token(agent.id, digest=digest, kind="bearer", prefix=prefix, until=None)
        self.tokens[agent.id] = token
        return agent

    def key(self, agent: Agent | None) -> dict[str, str]:
        """The header that proves them."""
        return {"Authorization": f"Bearer {self.tokens[agent.id]}"} if agent else {}

    async def ask(
        self, agent: Agent | None, method: str, path: str, body: object = None, **more: Any
    ) -> tuple[int, Any]:
        """(status, JSON) of one call."""
        headers = {**self.key(agent), **more.pop("headers", {})}
        given: dict[str, Any] = {"json": body} if body is not None else {}
        async with self.client.request(method, path, headers=headers, **given, **more) as answer:
            text = await answer.text()
            assert "json" in answer.content_type or not text, (answer.content_type, text[:200])
            return answer.status, json.loads(text) if text else None

    async def talk(self, queue: str = "payments", said: int = 1, **values: Any) -> Conversation:
        """A conversation that waits in a queue, with messages of its customer."""
        who = await makers.meet(self.store, address=new_id(), name="李雷")
        made = makers.conversation(
            queue=queue, customer=who.customer, identity=who.id, last_seq=said, channel="site", **values
        )
        await makers.put(self.store, made)
        if said:
            await makers.say(self.store, made, count=said, identity=who.id)
        return made


@dataclass(frozen=True)
class FakeExplainer:
    rulebook: RuleBook

    async def stored(self, stored: StoredDecision) -> Mapping[str, object]:
        return {**explain_stored(stored, self.rulebook), "text": stored.facts.text}

    async def message(self, message: Mapping[str, object]) -> Mapping[str, object]:
        if message["channel"] == "nowhere":
            raise ValueError("there is no channel 'nowhere'")
        facts = Facts(now=datetime(2026, 11, 23, 10, tzinfo=UTC), channel="site", kind="webchat", text="hello")
        return {**explain(facts, decide(facts, self.rulebook), self.rulebook), "said": dict(message)}


class FakeReadiness:
    async def check(self) -> Ready:
        return Ready(parts={"database": "ok"})


class FakeReloader:
    async def reload_for_api(self, actor: str) -> Mapping[str, object]:
        return {"revision": "r2", "applied": True, "by": actor}


class FakeMetrics:
    def text(self) -> bytes:
        return b"up 1\n"


@dataclass
class FakeSupervisor:
    names: Collection[str]
    clock: FakeClock

    def health(self) -> list[AccountHealth]:
        since = self.clock.now()
        return [AccountHealth(name=n, kind=n, state=Health.UP, detail="", since=since) for n in self.names]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough here: both pass the contract of the store elsewhere."""
    return sqlite_url


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    signals = open_signals("local", database=database_url, clock=clock)
    keeper = TaskKeeper(LoopSupervisor(clock))
    async with open_storage(database_url, clock=clock, signals=signals, durable=False) as store:
        hints = {name: ChannelHints(kind=name, language=None, issue=None, brand=None) for name in ("site", "app")}
        rules = RulesInForce(compile_rules(Document.model_validate(RULES), revision="r1", channels=hints))
        accounts: dict[str, Channel] = {"site": Account("site"), "app": Hook("app")}
        inbox, counted, blobs = FakeInbox(), dict[str, int](), FakeBlobs()

        def count(event: CountedEvent, amount: int = 1, /) -> None:
            counted[event] = counted.get(event, 0) + amount

        def cans() -> Mapping[str, Can]:
            return {name: account.can for name, account in accounts.items()}

        ends = CallAttempts(store, rules, clock, cans=cans)
        customers = CallbackBooking(store, rules, inbox, clock, cans=cans, ends=ends)
        services = Services(
            storage=store,
            rules=rules,
            replies=ReplyService(store, rules, signals, clock, cans=cans),
            actions=ConversationActions(store, rules, clock),
            callbacks=CallbackService(store, rules, clock, ends=ends, customers=customers),
            inbox=inbox,
            channels=accounts,
            supervisor=FakeSupervisor(accounts, clock),
            signals=signals,
            clock=clock,
            shared_files=SharedFiles(store, blobs, clock, "https://wallet.example"),
            uploads=Files(
                store,
                blobs,
                clock,
                type_of=lambda head: "image/png" if head.startswith(b"\x89PNG") else "text/html",
                safe_name=str,
            ),
            metrics=FakeMetrics(),
            readiness=FakeReadiness(),
            reloader=FakeReloader(),
            explainer=FakeExplainer(rules.rulebook),
            tasks=keeper,
            draining=asyncio.Event(),
            public_url="http://desk.example",
            service_name="Example",
            metrics_token="for-the-scraper",
            body_limit=100_000,
            count=count,
        )
        async with TestClient(TestServer(make_app(services))) as client:
            yield House(client=client, services=services, store=store, clock=clock, inbox=inbox, counted=counted)
    await keeper.close()


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Poll, bounded."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


__all__ = ["Account", "Hook", "House", "Route", "house", "until"]
