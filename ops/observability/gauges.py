"""How much there is at the moment: looked up every few seconds, so that a scrape never waits for the database."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from channels.supervisor import AccountHealth, Health
from conversation.errors import StoreError
from conversation.model.people import Presence
from conversation.ports.channel import Clock
from conversation.ports.metrics import Metric
from conversation.ports.storage import Storage
from ops.observability.metrics import Meters
from router.flows.active_rules import RulesInForce

log = logging.getLogger(__name__)
_EVERY = 5.0
_MOST_CALLS = 1_000
LATE = 300.0  # seconds for which a mailbox may be unread before it is reported


class Gauges:
    """What waits, what could not be sent, who is here, which accounts are well."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        health: Callable[[], Sequence[AccountHealth]],
        meters: Meters,
        clock: Clock,
        *,
        database: Callable[[], Awaitable[Mapping[str, str]]],
        connections: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._health = health
        self._meters = meters
        self._clock = clock
        self._database = database
        self._late: set[str] = set()
        meters.before_text(self._accounts)
        meters.before_text(lambda: meters.levels(Metric.DATABASE_CONNECTIONS, connections()))

    async def run(self) -> None:
        """Until cancelled; while the database does not answer the last numbers stand, and `store` says so."""
        while True:
            self._accounts()
            try:
                await self.once()
                answers = 1.0
            except StoreError as error:
                answers = 0.0
                log.warning("levels_unknown", extra={"error": type(error).__name__})
            except Exception:
                self._meters.levels(Metric.STORE_UP, {"database": 0.0, "writable": await self._writable()})
                raise
            up = {"database": answers, "writable": await self._writable()}
            self._meters.levels(Metric.STORE_UP, up)
            await asyncio.sleep(_EVERY)

    async def _writable(self) -> float:
        return float((await self._database()).get("database") == "ok")

    async def once(self) -> None:
        """One look at the store."""
        now = self._clock.now()
        async with self._storage.read("levels") as work:
            outbox = await work.outbox.counts()
            waiting = await work.distribution.queue_counts()
            aside = await work.quarantine.count()
            calls = Counter(one.webhook for one in await work.outbox.unacknowledged(_MOST_CALLS))
            duty = await work.agents.on_duty(now)
            backfills = await work.backfills.progress()
        queues = {**dict.fromkeys(self._rules.rulebook.queues, (0, None)), **waiting}
        oldest = {name: (now - since).total_seconds() if since else 0.0 for name, (_, since) in queues.items()}
        there = Counter(one.presence.value for one in duty)
        levels = self._meters.levels
        levels(Metric.OUTBOX_ROWS, outbox)
        levels(Metric.QUEUE_WAITING, {name: count for name, (count, _) in queues.items()})
        unheard = dict.fromkeys(self._rules.rulebook.webhooks, 0) | calls
        levels(Metric.WEBHOOKS_UNACKNOWLEDGED, unheard)
        levels(Metric.QUEUE_OLDEST_WAIT, oldest)
        levels(Metric.QUARANTINE_ROWS, {"waiting": aside})
        levels(Metric.BACKFILL_RATIO, {one.name: one.ratio for one in backfills})
        levels(Metric.AGENTS, {p.value: there[p.value] for p in (Presence.ONLINE, Presence.AWAY)})

    def _accounts(self) -> None:
        """Looked at for every scrape as well: it costs nothing, and an account that fell is seen at once."""
        accounts = self._health()
        well = {one.name: float(one.state is Health.UP) for one in accounts}
        lags = {one.name: one.lag for one in accounts if one.lag is not None}
        refused = {one.name: float(one.state is Health.REFUSED) for one in accounts}
        self._meters.levels(Metric.CHANNEL_UP, well)
        self._meters.levels(Metric.CHANNEL_REFUSED, refused)
        self._meters.levels(Metric.CHANNEL_LAG, lags)
        self._alarm({name: lag for name, lag in lags.items() if lag > LATE})

    def _alarm(self, late: Mapping[str, float]) -> None:
        """Once for each time that an account falls behind, and once when it has caught up."""
        for name in late.keys() - self._late:
            log.error("channel_behind", extra={"channel": name, "seconds": round(late[name])})
        for name in self._late - late.keys():
            log.warning("channel_caught_up", extra={"channel": name})
        self._late = set(late)
