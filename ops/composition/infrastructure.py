"""What everything else stands on: database, signals, rules, detector, classifiers, HTTP client, files. Opened once, closed in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from channels.http_client import OutgoingHttp
from conversation.model.capabilities import Can
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Blobs, Clock, Signals, Tools
from conversation.ports.metrics import Metric
from ops.composition.account_files import StoredFiles
from ops.composition.account_state import AccountState
from ops.composition.background_tasks import TaskKeeper
from ops.composition.classifier_loading import ClassifierFollower
from ops.composition.database_clock import DatabaseClock
from ops.composition.node_identity import NodeIdentity, claimed_node
from ops.composition.reload import first_rules
from ops.composition.shadow_rules import Shadow
from ops.composition.signed_files import SharedFiles
from ops.composition.supervised_loops import LoopSupervisor
from ops.configuration.service import Service
from ops.configuration.settings import Settings
from ops.observability.metrics import Meters
from ops.system_clock import SystemClock
from router.flows.active_rules import RulesInForce
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.inbox import IntakeFlow
from router.understanding.language_detector import Detector, load_detector
from storage.messages.blob_store import open_blobs
from storage.signals import open_signals
from storage.store import Store, open_storage

# one: full batches cost a third less than two halves, and gave more messages a second where it was measured
_FLUSHERS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacements:
    """What tests replace: the clock, the intake, and who learns of the points at which a crash is worth trying.

    `follows_database` False leaves the clock as it is: a test that moves time forward moves it for the database as well.
    """

    clock: Clock = field(default_factory=SystemClock)
    follows_database: bool = True
    intake: type[IntakeFlow] = IntakeFlow
    checkpoint: Callable[[str], None] = lambda _point: None


@dataclass(slots=True, kw_only=True)
class Infrastructure:
    """What everything else stands on."""

    settings: Settings
    node: NodeIdentity
    clock: DatabaseClock
    meters: Meters
    signals: Signals
    store: Store
    rules: RulesInForce
    detector: Detector
    classifier: ClassifierFollower
    http: OutgoingHttp
    blobs: Blobs
    shared_files: SharedFiles
    loops: LoopSupervisor
    keeper: TaskKeeper
    draining: asyncio.Event

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may serve the same database."""
        return self.store.is_shared

    @property
    def public_url(self) -> str:
        """The address of this service on the internet."""
        return public_url(self.settings.service)

    def tools(self, account: str) -> Tools:
        """All that reaches the adapter of one account."""
        return Tools(
            clock=self.clock,
            owner=self.node.owner,
            state=AccountState(self.store, account),
            http=self.http,
            blobs=self.blobs,
            files=StoredFiles(self.store, self.blobs, self.clock, account, shared=self.shared_files),
            signals=self.signals,
            public_url=self.public_url,
            count=self.meters.account(account),
        )

    def inbox(
        self,
        cans: Callable[[], Mapping[str, Can]],
        links: LinksByAccount,
        replaced: Replacements,
        shadow: Shadow | None = None,
    ) -> IntakeFlow:
        """The inbox of the accounts with these capabilities; it accepts while its `run` is running."""
        return replaced.intake(
            self.store,
            self.rules,
            self.detector,
            self.clock,
            cans=cans,
            links=links,
            shards=_FLUSHERS,
            classifiers=self.classifier.classifiers,
            budget=UnprovenBudget(dict(self.settings.service.unproven_answers)),
            checkpoint=replaced.checkpoint,
            count=self.meters.count,
            took=self.meters.spans(Metric.INTAKE_BATCH),
            decided=shadow.decided if shadow else None,
        )


def public_url(service: Service) -> str:
    """As configured, else where the process listens."""
    return service.public_url or f"http://{service.listen}"


@asynccontextmanager
async def open_infrastructure(
    settings: Settings, replaced: Replacements, environment: Mapping[str, str], *, activates: bool = False
) -> AsyncIterator[Infrastructure]:
    """For `serve`, and for a command that works while `serve` runs. `activates`: the file's rules come in force."""
    async with AsyncExitStack() as stack:
        node = stack.enter_context(claimed_node(settings.service.own_folder, environment))
        clock = DatabaseClock(replaced.clock, follows=replaced.follows_database)
        yield await _opened(settings, node, clock, stack, activates=activates)


async def _opened(
    settings: Settings, node: NodeIdentity, clock: DatabaseClock, stack: AsyncExitStack, *, activates: bool
) -> Infrastructure:
    meters, service = Meters(), settings.service
    signals, store = await _database(service, clock, meters, stack)
    await clock.correct(store)
    meters.before_text(lambda: meters.set(Metric.CLOCK_OFFSET, clock.offset.total_seconds()))
    rules = await first_rules(store, settings, clock, is_shared=store.is_shared, activates=activates)
    detector = await asyncio.to_thread(load_detector, rules.rulebook.languages)
    classifier = ClassifierFollower(store, rules, signals)
    await classifier.look()
    stack.callback(classifier.classifiers.plug_in, None)
    http = await stack.enter_async_context(OutgoingHttp(clock))
    blobs = open_blobs(service.attachments, keep_free=service.keep_free, options=service.s3.options())
    loops = LoopSupervisor(clock, count=meters.count)
    meters.before_text(lambda: meters.levels(Metric.LOOP_UP, loops.levels()))
    keeper = TaskKeeper(loops)
    stack.push_async_callback(keeper.close)
    return Infrastructure(
        settings=settings, node=node, clock=clock, meters=meters, signals=signals, store=store, rules=rules, detector=detector,
        classifier=classifier, http=http, blobs=blobs, loops=loops, keeper=keeper, draining=asyncio.Event(),
        shared_files=SharedFiles(store, blobs, clock, public_url(service)),
    )  # fmt: skip


async def _database(service: Service, clock: Clock, meters: Meters, stack: AsyncExitStack) -> tuple[Signals, Store]:
    signals = open_signals(service.signals, database=service.direct, clock=clock, nats=service.nats.options())
    await signals.start()
    stack.push_async_callback(signals.stop)
    store = open_storage(service.database, clock=clock, signals=signals, pool=service.pool, observe=meters.transaction)
    meters.build(store.dialect)
    stack.push_async_callback(store.close)
    return signals, store
