"""Distribution on both databases: claiming waiting work, finding free agents, what time alone causes."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text, true, update

from conversation.errors import Conflict
from conversation.model.conversation import Conversation, Priority, State, offer, take
from conversation.model.people import Agent, Presence, WorkKind
from conversation.ports.storage.agents import QueueNeeds
from conversation.ports.storage.distribution import Asked, Candidate, Offer
from router.rules.strategies import AgentCapacity
from storage.distribution.waiting import _NEXT, _heads
from storage.schema.agents import agent_load, agents
from storage.store import Store
from tests.storage.makers import NOW, conversation, execute, held, hire, put

NEEDS = QueueNeeds(queue="general")
MINUTE = timedelta(minutes=1)


async def waiting(store: Store, *queues: str, limit: int = 10) -> list[str]:
    async with store.begin("test") as work:
        return [one.id for one in await work.distribution.waiting(queues, limit=limit)]


def asked(one: Conversation, needs: QueueNeeds = NEEDS, strategy: str = "least_busy") -> Asked:
    return Asked(conversation=one, needs=needs, strategy=strategy)


async def candidates(
    store: Store, one: Conversation | None = None, needs: QueueNeeds = NEEDS, strategy: str = "least_busy"
) -> list[Candidate]:
    async with store.begin("test") as work:
        return await work.distribution.candidates(asked(one or conversation(), needs, strategy), now=NOW)


async def found(store: Store, one: Conversation | None = None, needs: QueueNeeds = NEEDS) -> set[str]:
    return {candidate.agent for candidate in await candidates(store, one, needs)}


async def carry(store: Store, agent: Agent, **values: object) -> None:
    """Set what the strategies go by."""
    load = {name: values.pop(name) for name in ("held",) if name in values}
    if load:
        await execute(store, update(agent_load).where(agent_load.c.agent_id == agent.id).values(load))
    if values:
        await execute(store, update(agents).where(agents.c.id == agent.id).values(values))


# -- waiting -----------------------------------------------------------------------------------------------------------


async def test_the_most_urgent_then_the_longest_waiting_goes_first(store: Store) -> None:
    old, young = conversation(waiting_since=NOW - MINUTE), conversation(waiting_since=NOW)
    urgent = conversation(queue="other", priority=Priority.URGENT, waiting_since=NOW)
    low = conversation(priority=Priority.LOW, waiting_since=NOW - MINUTE * 9)
    elsewhere, held_by_somebody = conversation(queue="elsewhere"), conversation(state=State.ASSIGNED, owner="x")
    await put(store, low, young, urgent, old, elsewhere, held_by_somebody)
    assert await waiting(store, "general", "other") == [urgent.id, old.id, young.id, low.id]
    assert await waiting(store, "other", "general", "none", limit=2) == [urgent.id, old.id]
    assert await waiting(store, "general") == [old.id, young.id, low.id]
    assert await waiting(store, "none", "nothing") == await waiting(store) == []


async def test_what_nobody_can_serve_does_not_starve_the_rest(store: Store) -> None:
    chinese = [conversation(queue=queue, language="zh") for queue in ("general", "other")]
    unknown, email = conversation(waiting_since=NOW + MINUTE), conversation(kind=WorkKind.EMAIL, language="zh")
    await put(store, *chinese, unknown, email)
    nobody = [("general", "zh", "chat"), ("other", "", "chat")]

    async def claim(*queues: str, skip: tuple[str, ...] = ()) -> set[str]:
        async with store.begin("test") as work:
            claimed = await work.distribution.waiting(queues, limit=10, nobody=nobody, skip=skip)
            return {one.id for one in claimed}

    assert await claim("general") == {unknown.id, email.id}
    assert await claim("general", "other") == {unknown.id, email.id, chinese[1].id}
    assert await claim("general", "other", skip=(email.id, unknown.id)) == {chinese[1].id}


async def test_what_ran_out_comes_in_the_order_of_its_holders(store: Store) -> None:
    offers = [
        conversation(state=State.OFFERED, offered_to=holder, offer_until=NOW - MINUTE * number)
        for number, holder in enumerate("bcab")
    ]
    await put(store, *offers)
    async with store.begin("test") as work:
        expired = await work.distribution.expired_offers(NOW, 3)
    assert [one.id for one in expired] == [offers[2].id, offers[3].id, offers[1].id]


async def test_a_position_counts_who_goes_before(store: Store) -> None:
    first, second = conversation(waiting_since=NOW - MINUTE), conversation(waiting_since=NOW)
    twin, taken = conversation(waiting_since=NOW), conversation(state=State.ASSIGNED, owner="x")
    urgent = conversation(priority=Priority.URGENT)
    await put(store, first, second, twin, taken, urgent, conversation(queue="other"))
    async with store.read("test") as work:
        places = [await work.distribution.position(one.id) for one in (urgent, first, second, twin, taken)]
        assert places == [1, 2, 3, 4, None]
        assert await work.distribution.position("nothing") is None
        assert await work.distribution.queue_counts() == {"general": (4, NOW - MINUTE), "other": (1, NOW)}


async def test_claims_skip_what_others_hold(store: Store) -> None:
    if store.dialect == "sqlite":
        pytest.skip("one writer")
    rows = [conversation(queue=f"q{number % 4}", waiting_since=NOW + timedelta(seconds=number)) for number in range(40)]
    await put(store, *rows)
    everybody_has_theirs = asyncio.Barrier(8)

    async def claim() -> list[str]:
        async with store.begin("test") as work:
            mine = await work.distribution.waiting(("q0", "q1", "q2", "q3"), limit=5)
            async with asyncio.timeout(60):
                await everybody_has_theirs.wait()
            return [one.id for one in mine]

    claimed = [identifier for mine in await asyncio.gather(*(claim() for _ in range(8))) for identifier in mine]
    assert sorted(claimed) == sorted(row.id for row in rows)


async def test_claims_go_beyond_the_heads_that_others_hold(store: Store) -> None:
    if store.dialect == "sqlite":
        pytest.skip("one writer")
    rows = [conversation(queue=f"q{number % 2}", waiting_since=NOW + timedelta(seconds=number)) for number in range(60)]
    await put(store, *rows)
    async with store.begin("test") as first:
        held_back = await first.distribution.waiting(("q0",), limit=25)
        held_back += await first.distribution.waiting(("q1",), limit=25)
        assert len(await waiting(store, "q0", "q1", limit=1)) == 1
    assert len(held_back) == 50


# -- candidates --------------------------------------------------------------------------------------------------------


async def test_only_those_who_are_there_and_free_are_candidates(store: Store) -> None:
    free = await hire(store, "Free")
    await hire(store, "Gone", online=False)
    await hire(store, "Expired", until=NOW)
    away, disabled, full = await hire(store, "Away"), await hire(store, "Out"), await hire(store, "Full")
    await hire(store, "None", capacity={WorkKind.CHAT: 0})
    passed = await hire(store, "Passed")
    async with store.begin("test") as work:
        await work.agents.set_presence(away.id, Presence.AWAY, until=NOW + MINUTE, now=NOW)
        await work.agents.update(replace(disabled, disabled=True))
    await carry(store, full, held=3)
    one = conversation(passed=(passed.id,))
    assert await found(store, one) == {free.id}
    assert full.id in await found(store, replace(one, kind=WorkKind.EMAIL))


async def test_skills_and_named_queues_decide_who_serves(store: Store) -> None:
    both = await hire(store, "Both", skills={"payments": 4, "safety": 2})
    one = await hire(store, "One", skills={"payments": 1})
    named = await hire(store, "Named", queues=("vault",))
    elsewhere = await hire(store, "Elsewhere", skills={"payments": 5, "safety": 5}, queues=("other",))
    assert await found(store) == {both.id, one.id}
    assert await found(store, needs=QueueNeeds(queue="pay", skills=("payments",))) == {both.id, one.id}
    strict = QueueNeeds(queue="vault", skills=("payments", "safety"))
    assert await found(store, needs=strict) == {both.id, named.id}
    assert await found(store, needs=QueueNeeds(queue="other", skills=("nobody",))) == {elsewhere.id}
    assert {c.agent: c.skill for c in await candidates(store, needs=strict)} == {both.id: 2, named.id: 0}


async def test_languages_decide_who_understands(store: Store) -> None:
    li = await hire(store, "Li", languages={"zh": 5, "en": 2})
    hant = await hire(store, "Hant", languages={"zh-Hant": 3})
    emma = await hire(store, "Emma", languages={"en": 4})
    zhuang = await hire(store, "Other", languages={"zha": 5})
    chinese = conversation(language="zh-Hant")
    assert await found(store, chinese) == {li.id, hant.id}
    assert await found(store, conversation(language="ZH")) == {li.id, hant.id}
    assert await found(store, conversation(language="de")) == set()
    assert await found(store, conversation()) == {li.id, hant.id, emma.id, zhuang.id}
    assert await found(store, chinese, QueueNeeds(queue="q", languages=())) == {li.id, hant.id, emma.id, zhuang.id}
    english = QueueNeeds(queue="q", languages=("en", "fr"))
    assert {c.agent: c.level for c in await candidates(store, chinese, english)} == {li.id: 5, emma.id: 4}
    assert {c.agent: c.level for c in await candidates(store, chinese)} == {li.id: 5, hant.id: 3}


@pytest.mark.parametrize(
    ("strategy", "order"), [("least_busy", "bca"), ("longest_idle", "abc"), ("round_robin", "cab"), ("plug-in", "bca")]
)
async def test_each_strategy_has_its_order(store: Store, strategy: str, order: str) -> None:
    cap = {WorkKind.CHAT: 4}
    team = {name: await hire(store, name, capacity=cap) for name in "abc"}
    await carry(store, team["a"], held=2, idle_since=NOW - MINUTE * 3, last_offered_at=NOW - MINUTE * 3)
    await carry(store, team["b"], held=1, idle_since=NOW - MINUTE * 2, last_offered_at=NOW - MINUTE)
    await carry(store, team["c"], held=1, idle_since=NOW - MINUTE, last_offered_at=None)
    assert [c.agent for c in await candidates(store, strategy=strategy)] == [team[name].id for name in order]
    ends = {c.agent: (c.held, c.cap, c.idle_since, c.last_offered) for c in await candidates(store)}
    assert ends[team["a"].id] == (2, 4, NOW - MINUTE * 3, NOW - MINUTE * 3)


async def test_candidates_can_be_asked_for_by_who_only_reads(store: Store) -> None:
    anna = await hire(store)
    async with store.read("test") as work:
        seen = await work.distribution.candidates(asked(conversation()), now=NOW)
    assert [candidate.agent for candidate in seen] == [anna.id]


async def claim(store: Store, most: int) -> int:
    """A look as a distributor has it; how many waited that nobody was found for."""
    async with store.begin("test") as work:
        found = await work.distribution.waiting(["general"], limit=most)
        pools = await work.distribution.pools([asked(one) for one in found], now=NOW)
        hands = AgentCapacity()
        made, nobody = [], 0
        for one, pool in zip(found, pools, strict=True):
            free = hands.free(pool, one.kind)
            if not free:
                nobody += 1
                continue
            chosen = min(free, key=lambda candidate: candidate.held)
            hands.give(chosen.agent, one.kind, NOW)
            after = offer(one, chosen.agent, NOW + MINUTE, NOW)
            made.append(Offer(before=one, after=after, agent=chosen.agent))
        await work.distribution.offer(made, now=NOW)
    return nobody


async def test_nobody_is_never_said_falsely(store: Store) -> None:
    """Eight at once, 24 conversations, 6 agents with room for exactly 24, claimed in batches of three."""
    team = [await hire(store, f"Agent {number}", capacity={WorkKind.CHAT: 4}) for number in range(6)]
    await put(store, *(conversation() for _ in range(24)))
    nobody: list[int] = []

    async def distribute() -> None:
        for _ in range(40):
            if not await waiting(store, "general"):
                return
            with contextlib.suppress(Conflict):  # others were faster: asked again
                nobody.append(await claim(store, 3))

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(distribute())
    assert sum(nobody) == 0
    assert [await held(store, agent) for agent in team] == [4] * 6
    assert await candidates(store) == []


async def test_pools_of_many_queues_never_deadlock(store: Store) -> None:
    names = [f"q{number}" for number in range(4)]
    for name in names:
        await hire(store, name, queues=(name,))

    async def pick(first: int) -> None:
        async with store.begin("test") as work:
            needs = [QueueNeeds(queue=names[(first + step) % 4]) for step in range(4)]
            pools = await work.distribution.pools([asked(conversation(), one) for one in needs], now=NOW)
            assert [len(pool) for pool in pools] == [1] * 4

    async with asyncio.timeout(60):
        await asyncio.gather(*(pick(number % 4) for number in range(12)))


async def offer_to(store: Store, one: Conversation, agent: Agent) -> None:
    after = offer(one, agent.id, NOW + MINUTE, NOW)
    async with store.begin("test") as work:
        await work.distribution.offer([Offer(before=one, after=after, agent=agent.id)], now=NOW)


async def test_an_offer_is_stored_whole(store: Store) -> None:
    anna = await hire(store)
    one = conversation(passed=("somebody",))
    await put(store, one)
    await offer_to(store, one, anna)
    async with store.read("test") as work:
        stored = await work.conversations.get(one.id)
    assert stored == replace(one, state=State.OFFERED, offered_to=anna.id, offer_until=NOW + MINUTE, updated_at=NOW)
    (seen,) = await candidates(store)
    assert (seen.held, seen.last_offered) == (1, NOW)


async def test_an_offer_never_exceeds_a_capacity_and_never_takes_what_is_held(store: Store) -> None:
    anna, li = await hire(store, "Anna", capacity={WorkKind.CHAT: 1}), await hire(store, "Li")
    one, other = conversation(), conversation()
    await put(store, one, other)
    await offer_to(store, one, anna)
    with pytest.raises(Conflict) as full:
        await offer_to(store, other, anna)
    with pytest.raises(Conflict) as taken:
        await offer_to(store, one, li)
    assert (full.value.code, taken.value.code) == ("capacity_full", "moved")
    assert (await held(store, anna), await held(store, li)) == (1, 0)


# -- what time alone causes --------------------------------------------------------------------------------------------


async def test_offers_run_out(store: Store) -> None:
    late = conversation(state=State.OFFERED, offered_to="a", offer_until=NOW)
    later = conversation(state=State.OFFERED, offered_to="a", offer_until=NOW - MINUTE)
    await put(store, late, later, conversation(state=State.OFFERED, offered_to="a", offer_until=NOW + MINUTE))
    async with store.begin("test") as work:
        assert [one.id for one in await work.distribution.expired_offers(NOW, 10)] == [later.id, late.id]
        assert len(await work.distribution.expired_offers(NOW, 1)) == 1


async def test_sleepers_wake_in_order(store: Store) -> None:
    first = conversation(state=State.SNOOZED, snoozed_until=NOW - MINUTE)
    second = conversation(state=State.SNOOZED, snoozed_until=NOW)
    await put(store, second, conversation(state=State.SNOOZED, snoozed_until=NOW + MINUTE), first)
    async with store.begin("test") as work:
        assert [one.id for one in await work.distribution.asleep(NOW, 10)] == [first.id, second.id]


async def test_the_overdue_of_a_queue_are_found_page_by_page_the_most_urgent_first(store: Store) -> None:
    low = [conversation(priority=Priority.LOW, waiting_since=NOW - MINUTE * age) for age in (3, 2)]
    twins = [conversation(priority=Priority.URGENT, waiting_since=NOW - MINUTE) for _ in range(2)]
    wanted = [*sorted(twins, key=lambda one: one.id), *low]
    others = (conversation(waiting_since=NOW), conversation(queue="x", waiting_since=NOW - MINUTE))
    await put(store, *reversed(low), *twins, *others)
    async with store.read("test") as work:
        look = work.distribution.overdue_in_queue
        assert [one.id for one in await look("general", NOW, 10)] == [one.id for one in wanted]
        found = await look("general", NOW, 1)
        while page := await look("general", NOW, 1, after=found[-1]):
            found += page
    assert [one.id for one in found] == [one.id for one in wanted]


async def test_only_what_still_waits_in_the_queue_is_claimed(store: Store) -> None:
    here, other = conversation(), conversation(queue="x")
    taken = conversation(state=State.ASSIGNED, owner="somebody")
    await put(store, here, other, taken)
    async with store.begin("test") as work:
        claimed = await work.distribution.claim("general", [here.id, other.id, taken.id, "nothing"])
    assert [one.id for one in claimed] == [here.id]


async def test_the_longest_wait_of_each_queue_is_found_whatever_its_priority(store: Store) -> None:
    async with store.read("test") as work:
        assert await work.distribution.waiting_queues() == {}
    urgent = conversation(priority=Priority.URGENT, waiting_since=NOW)
    low = conversation(priority=Priority.LOW, waiting_since=NOW - MINUTE)
    done = conversation(queue="done", state=State.CLOSED)
    await put(store, urgent, low, done, conversation(queue="x", waiting_since=NOW))
    async with store.read("test") as work:
        assert await work.distribution.waiting_queues() == {"general": NOW - MINUTE, "x": NOW}


async def test_work_is_abandoned_when_its_holder_is_gone_for_long(store: Store) -> None:
    here, gone = await hire(store, "Here"), await hire(store, "Gone", until=NOW + MINUTE)
    never = await hire(store, "Never", online=False)
    rows = [conversation() for _ in range(4)]
    await put(store, *rows)
    async with store.begin("test") as work:
        await work.conversations.move(rows[0], take(rows[0], here.id, NOW))
        await work.conversations.move(rows[1], take(rows[1], gone.id, NOW))
        await work.conversations.move(rows[2], offer(rows[2], gone.id, NOW + MINUTE, NOW))
        await work.conversations.move(rows[3], take(rows[3], never.id, NOW + MINUTE * 5))
        assert await work.distribution.abandoned(NOW + MINUTE, 10) == []
        after = await work.distribution.abandoned(NOW + MINUTE * 2, 10)
        assert {one.id for one in after} == {rows[1].id, rows[2].id}
        assert len(await work.distribution.abandoned(NOW + MINUTE * 2, 1)) == 1
        # handed over a moment ago: grace counts from then
        much_later = await work.distribution.abandoned(NOW + MINUTE * 6, 10)
        assert {one.id for one in much_later} == {rows[1].id, rows[2].id, rows[3].id}


async def test_claiming_uses_the_index_of_waiting_work(store: Store) -> None:
    if store.dialect == "sqlite":
        pytest.skip("read from the plan of PostgreSQL")
    await put(store, *(conversation(queue=f"q{number % 3}") for number in range(300)))
    await put(store, *(conversation(state=State.CLOSED, waiting_since=None) for _ in range(300)))

    def plan(c: Connection) -> str:
        c.execute(text("ANALYZE conversations"))
        heads = _heads(["q0", "q1"], 20, true()).order_by(*_NEXT).limit(1)
        written = str(heads.compile(dialect=c.dialect, compile_kwargs={"literal_binds": True}))
        return "\n".join(row[0] for row in c.exec_driver_sql(f"EXPLAIN {written}"))

    async with store.begin("test") as work:
        assert (await work._run(plan)).count("ix_conversations_waiting") >= 2
