"""The composition root: the only place that constructs what does I/O. Built once, from top to bottom, torn down in reverse."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from aiohttp import web

from channels import file_types as media
from channels import registry as kinds
from channels.http_client import OutgoingHttp
from channels.supervisor import Supervisor
from conversation.model.capabilities import Can
from conversation.model.decision import StoredDecision
from conversation.ports.channel import Channel, Clock, Dialer, Signals, Tools
from conversation.ports.customer_pages import Doors
from conversation.ports.metrics import Metric, no_account_count
from desk.app import make_app
from desk.http.services import Services
from ops.composition.account_files import StoredFiles
from ops.composition.account_state import AccountState
from ops.composition.background_tasks import TaskKeeper
from ops.composition.classifier_loading import ClassifierFollower
from ops.composition.operator_webhooks import SignedWebhooks, WebhookKeys
from ops.composition.readiness import Readiness
from ops.composition.reload import Reloader, first_rules
from ops.composition.shadow_rules import Shadow
from ops.composition.signed_files import SharedFiles
from ops.configuration.settings import Service, Settings
from ops.observability.gauges import Levels
from ops.observability.metrics import Meters
from ops.rule_analysis.candidates import candidates
from ops.rule_analysis.dry_run import Trial
from ops.rule_analysis.explaining import explain_message, rules_of
from ops.rule_analysis.explanation import explain_stored
from ops.system_clock import SystemClock
from router.flows.active_rules import RulesInForce
from router.flows.agents.reply import Replies
from router.flows.callbacks.agent_actions import AgentCalls
from router.flows.callbacks.attempts import CallEnds
from router.flows.callbacks.booking import CustomerCalls
from router.flows.callbacks.timers import CallDuties
from router.flows.customers.visitor_feed import Feed, Files, VisitorDoor
from router.flows.customers.wait_estimate import Availabilities
from router.flows.delivery.attachment_download import Fetcher
from router.flows.delivery.email_follow_up import FollowUps
from router.flows.delivery.sender import Dispatcher
from router.flows.distribution.distributor import Distributor
from router.flows.distribution.timers import Ticker
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.inbox import IntakeFlow
from router.flows.maintenance.retention import Housekeeper
from router.understanding.language_detector import Detector, load_detector
from storage.messages.blobs import FolderBlobs
from storage.signals import open_signals
from storage.signals.local import LocalSignals
from storage.store import Store, open_storage

log = logging.getLogger(__name__)
SITES = "huntgroup.sites"
# one: full batches cost a third less than two halves, and gave more messages a second where it was measured
_FLUSHERS = 1
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What tests replace: the clock, the intake, and who is told of the points at which a crash is worth trying."""

    clock: Clock = field(default_factory=SystemClock)
    intake: type[IntakeFlow] = IntakeFlow
    checkpoint: Callable[[str], None] = lambda _point: None


@dataclass(slots=True, kw_only=True)
class House:
    """Everything that runs, wired. `runs` are the loops; whoever serves starts them and drains the inbox at the end."""

    app: web.Application
    store: Store
    rules: RulesInForce
    inbox: IntakeFlow
    reloader: Reloader
    meters: Meters
    runs: Sequence[Loop]
    dispatcher: Dispatcher
    draining: asyncio.Event


@dataclass(slots=True, kw_only=True)
class Ground:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    meters: Meters
    signals: Signals
    store: Store
    rules: RulesInForce
    detector: Detector
    classifier: ClassifierFollower
    http: OutgoingHttp
    blobs: FolderBlobs
    keeper: TaskKeeper
    draining: asyncio.Event

    @property
    def public_url(self) -> str:
        """How the outside reaches this house."""
        service = self.settings.service
        return service.public_url or f"http://{service.listen}"


@asynccontextmanager
async def built(settings: Settings, path: Path, environment: Mapping[str, str], parts: Parts) -> AsyncIterator[House]:
    """The house for these settings; leaving it lets everything go, in reverse."""
    async with grounded(settings, parts) as ground:
        yield _house(ground, path, environment, parts)


@asynccontextmanager
async def grounded(settings: Settings, parts: Parts) -> AsyncIterator["Ground"]:
    """What everything else stands on, for a house or for a command that works beside one."""
    async with AsyncExitStack() as stack:
        yield await _ground(settings, parts.clock, stack)


async def _ground(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Ground:
    meters = Meters()
    signals, store = await _memory(settings.service, clock, meters, stack)
    rules = await first_rules(store, settings, clock)
    detector = await asyncio.to_thread(load_detector, rules.rulebook.languages)
    classifier = ClassifierFollower(store, rules, signals)
    await classifier.look()
    stack.callback(classifier.classifiers.plug_in, None)
    http = await stack.enter_async_context(OutgoingHttp(clock))
    keeper = TaskKeeper()
    stack.push_async_callback(keeper.close)
    return Ground(
        settings=settings,
        clock=clock,
        meters=meters,
        signals=signals,
        store=store,
        rules=rules,
        detector=detector,
        classifier=classifier,
        http=http,
        blobs=FolderBlobs(Path(settings.service.attachments), keep_free=settings.service.keep_free),
        keeper=keeper,
        draining=asyncio.Event(),
    )


async def _memory(service: Service, clock: Clock, meters: Meters, stack: AsyncExitStack) -> tuple[Signals, Store]:
    signals = open_signals(service.signals, database=service.database, clock=clock)
    await signals.start()
    stack.push_async_callback(signals.stop)
    store = open_storage(service.database, clock=clock, signals=signals, observe=meters.transaction)
    meters.build(store.dialect)
    stack.push_async_callback(store.close)
    return signals, store


def _house(ground: Ground, path: Path, environment: Mapping[str, str], parts: Parts) -> House:
    channels = kinds.build(ground.settings.channels, lambda name: tools_of(ground, name))
    shadow = _shadow(ground, path, environment)
    inbox = inbox_on(ground, channels, parts, shadow)
    supervisor = Supervisor(
        channels.values(), inbox, ground.clock, kinds=lambda name: str(ground.settings.channels[name]["kind"])
    )
    keys = WebhookKeys(path, environment, ground.settings.webhook_secrets)
    dispatcher = _dispatcher(ground, channels, keys)
    reloader = _reloader(ground, path, environment, keys, tried_at_once=(supervisor.try_now, dispatcher.try_now))
    readiness = Readiness(ground.store, ground.rules, supervisor.health, ground.clock, background=ground.keeper.start)
    return House(
        app=make_app(_services(ground, channels, inbox, supervisor, reloader, readiness=readiness, shadow=shadow)),
        store=ground.store,
        rules=ground.rules,
        inbox=inbox,
        reloader=reloader,
        meters=ground.meters,
        runs=(
            *(inbox.run, supervisor.run, reloader.follow, dispatcher.run),
            *_flows(ground, supervisor, channels, readiness),
            *((shadow.run,) if shadow else ()),
        ),
        dispatcher=dispatcher,
        draining=ground.draining,
    )


def _reloader(
    ground: Ground,
    path: Path,
    environment: Mapping[str, str],
    keys: WebhookKeys,
    *,
    tried_at_once: Sequence[Callable[[], None]],
) -> Reloader:
    def try_channels() -> None:
        for try_now in tried_at_once:
            try_now()

    return Reloader(
        path=path, environment=environment, storage=ground.store, rules=ground.rules, settings=ground.settings,
        signals=ground.signals, clock=ground.clock, meters=ground.meters, detector=ground.detector, keys=keys,
        try_channels=try_channels,
    )  # fmt: skip


def _cans(channels: Mapping[str, Channel]) -> Callable[[], Mapping[str, Can]]:
    cans = {name: channel.can for name, channel in channels.items()}
    return lambda: cans


def _call_ends(ground: Ground, channels: Mapping[str, Channel]) -> CallEnds:
    dialers = {name: channel for name, channel in channels.items() if isinstance(channel, Dialer)}
    return CallEnds(ground.store, ground.rules, ground.clock, cans=_cans(channels), dialers=lambda: dialers)


def _customer_calls(ground: Ground, channels: Mapping[str, Channel], inbox: IntakeFlow) -> CustomerCalls:
    ends = _call_ends(ground, channels)
    return CustomerCalls(ground.store, ground.rules, inbox, ground.clock, cans=_cans(channels), ends=ends)


def _agent_calls(ground: Ground, channels: Mapping[str, Channel], inbox: IntakeFlow) -> AgentCalls:
    return AgentCalls(
        ground.store,
        ground.rules,
        ground.signals,
        ground.clock,
        cans=_cans(channels),
        ends=_call_ends(ground, channels),
        customers=_customer_calls(ground, channels, inbox),
    )


def _call_duties(ground: Ground, channels: Mapping[str, Channel]) -> Sequence[Callable[[datetime], Awaitable[int]]]:
    """What time causes to calls, where any account calls back."""
    if not any(channel.can.calls for channel in channels.values()):
        return ()
    ends = _call_ends(ground, channels)
    return CallDuties(ground.store, ground.rules, ground.clock, cans=_cans(channels), ends=ends).duties()


def _shadow(ground: Ground, path: Path, environment: Mapping[str, str]) -> Shadow | None:
    """The second rules file, where `[service]` names one; its path is seen from the configuration's folder."""
    named = ground.settings.service.shadow
    if named is None:
        return None
    return Shadow(
        path.resolve().parent / named,
        environment,
        settings=ground.settings,
        storage=ground.store,
        detector=ground.detector,
        clock=ground.clock,
        meters=ground.meters,
    )


def inbox_on(ground: Ground, channels: Mapping[str, Channel], parts: Parts, shadow: Shadow | None = None) -> IntakeFlow:
    """The inbox of these channels; it accepts while its `run` is running."""
    return parts.intake(
        ground.store,
        ground.rules,
        ground.detector,
        ground.clock,
        cans=_cans(channels),
        shards=_FLUSHERS,
        classifiers=ground.classifier.classifiers,
        budget=UnprovenBudget(dict(ground.settings.service.unproven_answers)),
        checkpoint=parts.checkpoint,
        count=ground.meters.count,
        took=ground.meters.spans(Metric.INTAKE_BATCH),
        decided=shadow.decided if shadow else None,
    )


def _shared_files(ground: Ground) -> SharedFiles:
    return SharedFiles(ground.store, ground.blobs, ground.clock, ground.public_url)


def tools_of(ground: Ground, account: str) -> Tools:
    """All that reaches the adapter of one account."""
    return Tools(
        clock=ground.clock,
        state=AccountState(ground.store, account),
        http=ground.http,
        blobs=ground.blobs,
        files=StoredFiles(ground.store, ground.blobs, ground.clock, account, shared=_shared_files(ground)),
        signals=ground.signals,
        public_url=ground.public_url,
        count=ground.meters.account(account),
    )


@asynccontextmanager
async def asking(settings: Settings, clock: Clock) -> AsyncIterator[tuple[OutgoingHttp, Callable[[str], Channel]]]:
    """The guarded door, and what builds accounts that are only asked who they are: the store is there, and nobody opens it."""
    service, signals = settings.service, LocalSignals()
    blobs = FolderBlobs(Path(service.attachments))

    def tools(account: str) -> Tools:
        return Tools(
            clock=clock,
            state=AccountState(store, account),
            http=http,
            blobs=blobs,
            files=StoredFiles(store, blobs, clock, account),
            signals=signals,
            public_url=service.public_url or f"http://{service.listen}",
            count=no_account_count,
        )

    async with open_storage(service.database, clock=clock, signals=signals) as store, OutgoingHttp(clock) as http:
        yield http, lambda name: kinds.build({name: settings.channels[name]}, tools)[name]


def _dispatcher(ground: Ground, channels: Mapping[str, Channel], keys: WebhookKeys) -> Dispatcher:
    webhooks = SignedWebhooks(ground.http, ground.rules, keys, ground.clock)
    return Dispatcher(
        ground.store,
        lambda: channels,
        webhooks,
        ground.signals,
        ground.clock,
        count=ground.meters.count,
        count_of=ground.meters.count_of,
    )


def _flows(
    ground: Ground, supervisor: Supervisor, channels: Mapping[str, Channel], readiness: Readiness
) -> Sequence[Loop]:
    return (
        Levels(
            ground.store, ground.rules, supervisor.health, ground.meters, ground.clock, database=readiness.database
        ).run,
        Distributor(ground.store, ground.rules, ground.signals, ground.clock).run,
        Ticker(ground.store, ground.rules, ground.clock, more=_call_duties(ground, channels)).run,
        FollowUps(ground.store, ground.clock, cans=_cans(channels)).run,
        Housekeeper(ground.store, ground.blobs, ground.clock, ground.settings.service.retention.keep()).run,
        _fetcher(ground, channels).run,
        ground.classifier.follow,
        _call_ends(ground, channels).follow,
    )


def _fetcher(ground: Ground, channels: Mapping[str, Channel]) -> Fetcher:
    caps = ground.settings.service.media.caps()
    return Fetcher(
        ground.store,
        ground.blobs,
        ground.http,
        lambda: channels,
        signals=ground.signals,
        clock=ground.clock,
        caps=caps,
        count=ground.meters.count,
    )


def _services(
    ground: Ground,
    channels: Mapping[str, Channel],
    inbox: IntakeFlow,
    supervisor: Supervisor,
    reloader: Reloader,
    *,
    readiness: Readiness,
    shadow: Shadow | None,
) -> Services:
    service = ground.settings.service
    files = Files(ground.store, ground.blobs, ground.clock, type_of=media.type_of, safe_name=media.safe_name)
    return Services(
        storage=ground.store,
        rules=ground.rules,
        replies=Replies(ground.store, ground.rules, ground.signals, ground.clock, cans=_cans(channels)),
        calls=_agent_calls(ground, channels, inbox),
        inbox=inbox,
        channels=lambda: channels,
        health=supervisor.health,
        signals=ground.signals,
        clock=ground.clock,
        uploads=files,
        shared_file=_shared_files(ground).open,
        metrics=ground.meters.text,
        ready=readiness.look,
        reload_rules=lambda actor: _reloaded(reloader, actor),
        explain=lambda stored: _explained(ground, stored),
        explain_message=lambda said: _explained_message(ground, said),
        shadow=lambda: asdict(shadow.tally) if shadow else None,
        background=ground.keeper.start,
        draining=ground.draining.is_set,
        public_url=ground.public_url,
        service_name=service.name,
        proxies=service.trusted,
        site_routes=_site_routes(channels, _doors(ground, channels, inbox, files)),
        metrics_token=service.metrics_token.get_secret_value() if service.metrics_token else None,
        body_limit=service.body_limit,
        count=ground.meters.count,
    )


def _doors(ground: Ground, channels: Mapping[str, Channel], inbox: IntakeFlow, files: Files) -> Doors:
    rulebook = ground.rules.rulebook
    return Doors(
        inbox=inbox,
        sessions=VisitorDoor(ground.store, ground.clock),
        feed=Feed(ground.store, ground.signals, ground.clock, cans=_cans(channels)),
        availability=Availabilities(ground.store, ground.rules, ground.clock),
        uploads=files,
        calls=_customer_calls(ground, channels, inbox),
        signals=ground.signals,
        clock=ground.clock,
        public_url=ground.public_url,
        proxies=ground.settings.service.trusted,
        service_name=ground.settings.service.name,
        issues=lambda: {name: issue.title for name, issue in ground.rules.rulebook.issues.items()},
        languages=rulebook.languages,
        default_language=rulebook.default_language,
        draining=ground.draining.is_set,
        background=ground.keeper.start,
    )


def _site_routes(channels: Mapping[str, Channel], doors: Doors) -> list[web.RouteDef]:
    """The customers' pages of those kinds that have any, found by entry point."""
    found: list[web.RouteDef] = []
    for point in entry_points(group=SITES):
        owner = kinds.create_of(point.name).__module__
        accounts = {name: one for name, one in channels.items() if type(one).__module__.startswith(owner)}
        if accounts:
            found.extend(point.load()(accounts, doors))
    return found


async def _reloaded(reloader: Reloader, actor: str) -> Mapping[str, object]:
    return (await reloader.reload(actor)).as_json()


async def _explained(ground: Ground, stored: StoredDecision) -> Mapping[str, object]:
    """By the rules it was made by, as the command line tells it, with who could take it now."""
    async with ground.store.read("explain.rules") as work:
        rulebook = await rules_of(work, stored.decision.revision, ground.settings)
        conversation = await work.conversations.get(stored.conversation)
    told = await asyncio.to_thread(explain_stored, stored, rulebook)
    people = await candidates(ground.store, conversation, ground.rules.rulebook, ground.clock.now())
    return {**told, "candidates": people}


async def _explained_message(ground: Ground, said: Mapping[str, object]) -> Mapping[str, object]:
    """What would happen to a message that nobody sent. Raises `ValueError` in words."""
    rulebook = ground.rules.rulebook
    trial = Trial(rulebook, ground.detector, ground.classifier.classifiers.built_in)
    turn, told = await asyncio.to_thread(explain_message, trial, said, ground.clock.now())
    people = await candidates(ground.store, turn.conversation, rulebook, ground.clock.now())
    return {**told, "candidates": people}
