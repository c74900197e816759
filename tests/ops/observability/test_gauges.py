"""What operators scrape: levels of the whole house, and counters that stand at 0 before anything happened."""

from dataclasses import replace
from datetime import timedelta

import pytest

from channels.supervisor import AccountHealth, Health
from conversation.id_generator import new_id
from conversation.model.people import Agent, Presence
from ops.observability.gauges import LATE, Gauges
from ops.observability.metrics import Meters
from router.flows.active_rules import RulesInForce
from router.rules.document import Document
from router.rules.rulebook import compile_rules
from storage.store import Store
from tests.desk.conftest import RULES
from tests.fakes import FakeClock


async def well_known() -> dict[str, str]:
    return {"database": "ok", "schema": "ok"}


async def test_the_levels_tell_what_waits_who_is_here_and_which_accounts_are_well(
    store: Store, clock: FakeClock
) -> None:
    rules = RulesInForce(compile_rules(Document.model_validate(RULES), revision="r", channels={}))
    meters = Meters()
    well = [AccountHealth(name="site", kind="webchat", state=Health.UP, detail="", since=clock.now())]
    async with store.begin("test") as work:
        agent = Agent(id=new_id(), email="anna@example.com", name="Anna", created_at=clock.now())
        await work.agents.add(agent, password_hash=None)
        await work.agents.set_presence(
            agent.id, Presence.AWAY, until=clock.now() + timedelta(seconds=60), now=clock.now()
        )
    levels = Gauges(store, rules, lambda: well, meters, clock, database=well_known)
    await levels.once()
    levels._accounts()
    said = meters.text().decode()
    for line in (
        'huntgroup_queue_waiting{queue="payments"} 0.0',
        'huntgroup_queue_oldest_wait_seconds{queue="general"} 0.0',
        'huntgroup_outbox_rows{state="uncertain"} 0.0',
        'huntgroup_quarantine_rows{state="waiting"} 0.0',
        'huntgroup_agents{presence="away"} 1.0',
        'huntgroup_channel_up{channel="site"} 1.0',
        'huntgroup_events_total{event="hooks.signature_rejected"} 0.0',
    ):
        assert line in said, line
    assert "_created" not in said


async def test_a_mailbox_that_stays_unread_is_told_of_once(
    store: Store, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    rules = RulesInForce(compile_rules(Document.model_validate(RULES), revision="r", channels={}))
    mailbox = AccountHealth(name="mail", kind="email", state=Health.DEGRADED, detail="", since=clock.now())
    seen, meters = [mailbox], Meters()
    levels = Gauges(store, rules, lambda: seen, meters, clock, database=well_known)
    for lag in (10.0, LATE, LATE + 1, LATE + 900, 3.0, LATE + 1):
        seen[0] = replace(mailbox, lag=lag)
        levels._accounts()
    assert 'huntgroup_channel_lag_seconds{channel="mail"} 301.0' in meters.text().decode()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["channel_behind", "channel_caught_up", "channel_behind"]
    seen[0] = replace(mailbox, lag=None)
    levels._accounts()
    assert "huntgroup_channel_lag_seconds{" not in meters.text().decode()


async def test_the_pools_connections_are_exposed_where_there_is_a_pool(store: Store, clock: FakeClock) -> None:
    meters = Meters()
    rules = RulesInForce(compile_rules(Document.model_validate(RULES), revision="r", channels={}))
    Gauges(store, rules, list, meters, clock, database=well_known, connections=store.connections)
    async with store.read("test"):
        said = meters.text().decode()
    pooled = store.dialect == "postgresql"
    assert ('huntgroup_database_connections{state="used"} 1.0' in said) == pooled
    assert sum(store.connections().values()) == (12 if pooled else 0)
