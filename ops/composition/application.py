"""The composition root: the only place that builds what does I/O. Built once, from top to bottom, torn down in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from channels import file_types
from channels.supervisor import Supervisor
from conversation.ports.metrics import Metric
from desk.app import make_app
from ops.composition.agent_api import build_services
from ops.composition.callbacks import Callbacks, build_callbacks, callback_links
from ops.composition.channels import Accounts, build_accounts
from ops.composition.customer_pages import page_routes
from ops.composition.infrastructure import Infrastructure, Replacements, open_infrastructure
from ops.composition.node_registry import NodeRegistry
from ops.composition.operator_webhooks import SignedWebhooks, WebhookKeys
from ops.composition.readiness import Readiness
from ops.composition.reload import Reloader
from ops.composition.shadow_rules import Shadow
from ops.composition.supervised_loops import Loop, LoopSupervisor
from ops.configuration.settings import Settings
from ops.observability.event_loop import EventLoopLag
from ops.observability.gauges import Gauges
from ops.observability.metrics import Meters
from router.flows.active_rules import RulesInForce
from router.flows.customers.visitor_feed import Files
from router.flows.delivery.attachment_download import Fetcher
from router.flows.delivery.email_follow_up import FollowUps
from router.flows.delivery.sender import Dispatcher
from router.flows.distribution.distributor import Distributor
from router.flows.distribution.timers import Ticker
from router.flows.intake.inbox import IntakeFlow
from router.flows.maintenance.backfill_runner import BackfillRunner
from router.flows.maintenance.retention import Housekeeper
from storage.store import Store


@dataclass(slots=True, kw_only=True)
class Application:
    """Everything that runs, wired. `runs` are the supervised loops; whoever serves starts them and drains the inbox at the end."""

    app: web.Application
    store: Store
    rules: RulesInForce
    inbox: IntakeFlow
    reloader: Reloader
    meters: Meters
    loops: LoopSupervisor
    runs: Sequence[Loop]
    dispatcher: Dispatcher
    draining: asyncio.Event


@asynccontextmanager
async def built(
    settings: Settings,
    path: Path,
    environment: Mapping[str, str],
    replaced: Replacements,
    *,
    activates: bool = False,
) -> AsyncIterator[Application]:
    """The application for these settings; leaving it lets everything go, in reverse. `activates`: the file's rules come in force."""
    async with open_infrastructure(settings, replaced, environment, activates=activates) as infrastructure:
        registry = _registry(infrastructure)
        application = _application(infrastructure, path, environment, replaced)
        clock, store, keep = infrastructure.clock, infrastructure.store, infrastructure.loops.supervised
        more = (keep("node", registry.run), keep("clock", lambda: clock.follow(store)))
        application.runs = [*application.runs, *more]
        async with registry.registered():
            yield application


def _application(
    infrastructure: Infrastructure, path: Path, environment: Mapping[str, str], replaced: Replacements
) -> Application:
    accounts, shadow = build_accounts(infrastructure), _shadow(infrastructure, path, environment)
    links = callback_links(accounts)
    inbox = infrastructure.inbox(accounts.cans, links, replaced, shadow)
    callbacks = build_callbacks(infrastructure, accounts, inbox, links)
    supervisor = _supervisor(infrastructure, accounts, inbox)
    keys = WebhookKeys(path, environment, infrastructure.settings.webhook_secrets)
    dispatcher = _dispatcher(infrastructure, accounts, keys)
    reloader = _reloader(
        infrastructure, path, environment, keys, tried_at_once=(supervisor.try_now, dispatcher.try_now)
    )
    readiness = _readiness(infrastructure, supervisor)
    files = _uploads(infrastructure)
    services = build_services(
        infrastructure, accounts, inbox, files=files, callbacks=callbacks, supervisor=supervisor, reloader=reloader,
        readiness=readiness, shadow=shadow, pages=page_routes(infrastructure, accounts, inbox, files, callbacks),
    )  # fmt: skip
    runs = {"intake": inbox.run, "channels": supervisor.run, "rules": reloader.follow, "outbox": dispatcher.run}
    runs |= _flows(infrastructure, accounts, callbacks, supervisor, readiness)
    runs |= {"shadow": shadow.run} if shadow else {}
    loops = infrastructure.loops
    return Application(
        app=make_app(services), store=infrastructure.store, rules=infrastructure.rules, inbox=inbox, reloader=reloader,
        meters=infrastructure.meters, loops=loops, runs=[loops.supervised(name, run) for name, run in runs.items()],
        dispatcher=dispatcher, draining=infrastructure.draining,
    )  # fmt: skip


def _registry(infrastructure: Infrastructure) -> NodeRegistry:
    is_alone = infrastructure.settings.service.signals == "local" and infrastructure.store.dialect == "postgresql"
    rules = infrastructure.rules
    return NodeRegistry(
        infrastructure.store, infrastructure.node, is_alone=is_alone, revision=lambda: rules.rulebook.revision
    )


def _readiness(infrastructure: Infrastructure, supervisor: Supervisor) -> Readiness:
    return Readiness(
        infrastructure.store,
        infrastructure.rules,
        supervisor.health,
        infrastructure.clock,
        background=infrastructure.keeper.start,
        loops=infrastructure.loops.failing,
        skew=infrastructure.clock.status,
    )


def _uploads(infrastructure: Infrastructure) -> Files:
    store, blobs, clock = infrastructure.store, infrastructure.blobs, infrastructure.clock
    return Files(store, blobs, clock, type_of=file_types.type_of, safe_name=file_types.safe_name)


def _supervisor(infrastructure: Infrastructure, accounts: Accounts, inbox: IntakeFlow) -> Supervisor:
    settings = infrastructure.settings.channels
    return Supervisor(
        accounts.by_name.values(), inbox, infrastructure.clock, kinds=lambda name: str(settings[name]["kind"])
    )


def _shadow(infrastructure: Infrastructure, path: Path, environment: Mapping[str, str]) -> Shadow | None:
    """The second rules file, where `[service]` names one; its path is seen from the configuration's folder."""
    named = infrastructure.settings.service.shadow
    if named is None:
        return None
    return Shadow(
        path.resolve().parent / named,
        environment,
        settings=infrastructure.settings,
        storage=infrastructure.store,
        detector=infrastructure.detector,
        clock=infrastructure.clock,
        meters=infrastructure.meters,
    )


def _dispatcher(infrastructure: Infrastructure, accounts: Accounts, keys: WebhookKeys) -> Dispatcher:
    webhooks = SignedWebhooks(infrastructure.http, infrastructure.rules, keys, infrastructure.clock)
    return Dispatcher(
        infrastructure.store,
        accounts.channels,
        webhooks,
        infrastructure.signals,
        infrastructure.clock,
        owner=infrastructure.node.owner,
        count=infrastructure.meters.count,
        count_of=infrastructure.meters.count_of,
    )


def _reloader(
    infrastructure: Infrastructure,
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
        path=path, environment=environment, storage=infrastructure.store, rules=infrastructure.rules, settings=infrastructure.settings,
        signals=infrastructure.signals, clock=infrastructure.clock, meters=infrastructure.meters, detector=infrastructure.detector, keys=keys,
        is_shared=infrastructure.is_shared, try_channels=try_channels,
    )  # fmt: skip


def _flows(
    infrastructure: Infrastructure,
    accounts: Accounts,
    callbacks: Callbacks,
    supervisor: Supervisor,
    readiness: Readiness,
) -> dict[str, Loop]:
    store, rules, clock, meters = (
        infrastructure.store,
        infrastructure.rules,
        infrastructure.clock,
        infrastructure.meters,
    )
    keep = infrastructure.settings.service.retention.keep()
    return {
        "levels": _gauges(infrastructure, supervisor, readiness).run,
        "event_loop_lag": EventLoopLag(meters.spans(Metric.EVENT_LOOP_LAG), clock).run,
        "distribution": Distributor(store, rules, infrastructure.signals, clock).run,
        "timers": Ticker(store, rules, clock, more=callbacks.due).run,
        "follow_ups": FollowUps(store, clock, cans=accounts.cans).run,
        "backfills": BackfillRunner(store, clock).run,
        "retention": Housekeeper(store, infrastructure.blobs, clock, keep).run,
        "files": _fetcher(infrastructure, accounts).run,
        "classifier": infrastructure.classifier.follow,
        "call_reports": callbacks.attempts.follow,
    }


def _gauges(infrastructure: Infrastructure, supervisor: Supervisor, readiness: Readiness) -> Gauges:
    store = infrastructure.store
    return Gauges(
        store,
        infrastructure.rules,
        supervisor.health,
        infrastructure.meters,
        infrastructure.clock,
        database=readiness.database,
        connections=store.connections,
    )


def _fetcher(infrastructure: Infrastructure, accounts: Accounts) -> Fetcher:
    return Fetcher(
        infrastructure.store,
        infrastructure.blobs,
        infrastructure.http,
        accounts.channels,
        signals=infrastructure.signals,
        clock=infrastructure.clock,
        caps=infrastructure.settings.service.media.caps(),
        count=infrastructure.meters.count,
    )
