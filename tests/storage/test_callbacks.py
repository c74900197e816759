"""Requests to be called, on both databases: one open for each number and matter, no slot beyond its capacity, one call at a time."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from conversation.errors import Conflict, NotFound
from conversation.id_generator import new_id
from conversation.model import callback as calling
from conversation.model.callback import Attempt, Callback, CallCapacity, CallOutcome, CallState
from storage.store import Store
from tests.storage.makers import NOW

ANY = (CallCapacity(languages=None, calls=2),)
NINE = NOW + timedelta(hours=9)
MINUTE = timedelta(minutes=1)


def asked(**values: object) -> Callback:
    given: dict[str, object] = {
        "id": new_id(),
        "conversation": new_id(),
        "channel": "phone",
        "number": "+33142685300",
        "asked_at": NOW,
        "updated_at": NOW,
        "zones": ("Europe/Paris", "Europe/Berlin"),
        "outcomes": (CallOutcome.BUSY,),
        "note": "ring twice",
    }
    return Callback(**(given | values))  # type: ignore[arg-type]


def trial(callback: Callback, number: int = 1) -> Attempt:
    return Attempt(id=new_id(), callback=callback.id, number=number, agent="a", dialer="manual", created_at=NOW)


async def hold(
    store: Store, request: str, *, language: str = "fr", capacities: tuple[CallCapacity, ...] = ANY, **how: object
) -> bool:
    given: dict[str, object] = {"per_slot": None, "until": NOW + 2 * MINUTE, "now": NOW}
    async with store.begin("test") as work:
        return await work.callbacks.hold(request, "q", NINE, language=language, capacities=capacities, **(given | how))


async def taken(store: Store) -> int:
    async with store.read("test") as work:
        found = await work.callbacks.taken("q", NOW, NOW + timedelta(days=1), now=NOW)
    return sum(sum(each.values()) for each in found.values())


async def test_a_request_comes_back_as_it_was_stored(store: Store) -> None:
    one = asked(slot_at=NINE, slot_end=NINE + 30 * MINUTE, slot_local="2026-11-23T12:00", due_at=NINE, remind_at=NOW)
    async with store.begin("test") as work:
        assert await work.callbacks.add(one)
        assert await work.callbacks.get(one.id) == one
        assert await work.callbacks.of_conversation(one.conversation) == one
        with pytest.raises(NotFound):
            await work.callbacks.lock(new_id())


async def test_a_number_has_one_open_request_of_a_matter(store: Store) -> None:
    one = asked(matter="card")
    async with store.begin("test") as work:
        assert await work.callbacks.add(one)
        assert not await work.callbacks.add(asked(matter="card"))
        assert await work.callbacks.add(asked(matter="fees"))
        assert await work.callbacks.add(asked(matter="card", extension="12"))
        assert await work.callbacks.open_of(one.number, "", "card") == one
        await work.callbacks.move(one, calling.cancel(one, NOW))
        assert await work.callbacks.add(asked(matter="card"))


async def test_whoever_changes_a_request_second_is_told(store: Store) -> None:
    one = asked()
    async with store.begin("test") as work:
        await work.callbacks.add(one)
        moved = await work.callbacks.move(one, calling.fall_due(one, NOW))
        assert moved.version == 1
    with pytest.raises(Conflict) as conflict:
        async with store.begin("test") as work:
            await work.callbacks.move(one, calling.cancel(one, NOW))
    assert conflict.value.code == "moved"


async def test_what_time_causes_is_found(store: Store) -> None:
    soon, later = asked(due_at=NOW), asked(matter="b", due_at=NINE, remind_at=NOW)
    missed = replace(asked(matter="c", slot_end=NOW), state=CallState.DUE)
    async with store.begin("test") as work:
        for one in (soon, later, missed):
            await work.callbacks.add(one)
        assert await work.callbacks.due(NOW, 10) == [soon]
        assert await work.callbacks.reminders(NOW, 10) == [later]
        assert await work.callbacks.waiting(NOW, 10) == [missed]
        assert await work.callbacks.old("phone", NOW - MINUTE, 10) == []
        assert await work.callbacks.old("phone", NOW, 10) == [missed]
        assert (
            await work.callbacks.old("other", NOW, 10) == await work.callbacks.old(None, NOW, 10, but=["phone"]) == []
        )
        assert await work.callbacks.old(None, NOW, 10, but=["other"]) == [missed]
        assert await work.callbacks.in_states([CallState.DUE], "", 10) == [missed]
        assert await work.callbacks.in_states([CallState.DUE], missed.id, 10) == []


async def test_settled_requests_cost_nothing_when_open_ones_are_looked_for(store: Store) -> None:
    if store.dialect != "sqlite":
        pytest.skip("read from the plan of SQLite; PostgreSQL looks at how many rows there are")
    asked_for: list[tuple[str, Any]] = []

    def listen(_c: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        asked_for.append((statement, given))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        async with store.read("test") as work:
            for verb in (work.callbacks.due, work.callbacks.reminders, work.callbacks.waiting):
                await verb(NOW, 10)
            await work.callbacks.old("phone", NOW, 10)
            await work.callbacks.forbidden(10)
            await work.callbacks.open_of("+33142685300", "", "")
            await work.callbacks.open_with("+33142685300", "")
            await work.callbacks.position(asked(), "q")
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    wanted = [one for one in asked_for if "FROM callbacks" in one[0]]
    async with store.read("test") as work:
        plans = [await work._run(partial(_plan, *one)) for one in wanted]
    assert len(plans) == 8
    assert all("USING INDEX" in plan or "USING COVERING INDEX" in plan for plan in plans), plans


def _plan(statement: str, given: Any, c: Connection) -> str:
    return "\n".join(row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given))


async def test_a_slot_holds_what_its_agents_can_make_and_no_more(store: Store) -> None:
    assert await hold(store, "1")
    assert await hold(store, "1")  # the same request again
    assert await hold(store, "2")
    assert not await hold(store, "3")
    assert await taken(store) == 2


async def test_a_slot_is_counted_by_who_speaks_what(store: Store) -> None:
    team = (
        CallCapacity(languages=frozenset({"fr", "de"}), calls=1),
        CallCapacity(languages=frozenset({"en"}), calls=1),
    )
    assert await hold(store, "1", language="fr", capacities=team)
    assert not await hold(store, "2", language="de", capacities=team)
    assert await hold(store, "3", language="en", capacities=team)


async def test_a_place_that_was_held_in_vain_is_free_again(store: Store) -> None:
    assert await hold(store, "1", per_slot=1)
    assert not await hold(store, "2", per_slot=1)
    assert await hold(store, "3", per_slot=1, now=NOW + 3 * MINUTE, until=NOW + 5 * MINUTE)
    async with store.begin("test") as work:
        assert await work.callbacks.confirm("1", "callback") is None
        assert await work.callbacks.confirm("3", "callback") == ("q", NINE)
    assert not await hold(store, "4", per_slot=1, now=NOW + 60 * MINUTE)


async def test_another_slot_takes_the_place_of_the_first_and_gives_it_back(store: Store) -> None:
    await hold(store, "1")
    async with store.begin("test") as work:
        await work.callbacks.confirm("1", "callback")
        held = await work.callbacks.hold(
            "2", "q", NINE + 30 * MINUTE, language="", capacities=ANY, per_slot=1, until=NINE, now=NOW
        )
        assert held
        assert await work.callbacks.confirm("2", "callback") == ("q", NINE + 30 * MINUTE)
    assert await taken(store) == 1
    async with store.begin("test") as work:
        await work.callbacks.unbook("callback")
        await work.callbacks.unbook("callback")
    assert await taken(store) == 0


async def test_nobody_is_called_twice_at_a_time(store: Store) -> None:
    one = asked()
    first = trial(one)
    async with store.begin("test") as work:
        await work.callbacks.attempt(first)
    with pytest.raises(Conflict) as conflict:
        async with store.begin("test") as work:
            await work.callbacks.attempt(trial(one, 2))
    assert conflict.value.code == "on_the_line"
    async with store.begin("test") as work:
        assert await work.callbacks.end(first.id, CallOutcome.BUSY, now=NOW, note="engaged")
        assert not await work.callbacks.end(first.id, CallOutcome.DONE, now=NOW)
        await work.callbacks.attempt(trial(one, 2))
        found = await work.callbacks.attempts(one.id)
    assert [(t.number, t.outcome, t.note) for t in found] == [(1, CallOutcome.BUSY, "engaged"), (2, None, None)]


async def test_a_try_is_dialed_by_whoever_claims_it_first(store: Store) -> None:
    first = trial(asked())
    async with store.begin("test") as work:
        await work.callbacks.attempt(first)
    claims = [await _claim(store, first.id) for _ in range(5)]
    assert claims == [True, False, False, False, False]
    async with store.begin("test") as work:
        assert await work.callbacks.progress(first.id, provider_id="CA1", connected_at=NOW)
        assert await work.callbacks.progress(first.id, provider_id="CA2")
        found = await work.callbacks.find_attempt(first.id)
        assert found is not None
        assert (found.provider_id, found.connected_at, found.dialed_at) == ("CA1", NOW, NOW)
        assert await work.callbacks.on_the_line(NOW, 10) == [found]
        await work.callbacks.end(first.id, CallOutcome.DONE, now=NOW)
        assert not await work.callbacks.progress(first.id, provider_id="CA3")
        assert await work.callbacks.on_the_line(NOW, 10) == []


async def _claim(store: Store, attempt: str) -> bool:
    async with store.begin("test") as work:
        return await work.callbacks.claim(attempt, now=NOW)


async def test_a_number_may_ask_never_to_be_called(store: Store) -> None:
    async with store.begin("test") as work:
        assert not await work.callbacks.is_blocked("+33142685300")
        await work.callbacks.block("+33142685300", reason="asked", now=NOW)
        await work.callbacks.block("+33142685300", reason="again", now=NOW)
        assert await work.callbacks.is_blocked("+33142685300")
        assert await work.callbacks.unblock("+33142685300")
        assert not await work.callbacks.unblock("+33142685300")


async def test_what_waits_for_a_number_that_is_never_called_is_found(store: Store) -> None:
    waits, on_the_line = asked(), replace(asked(matter="b"), state=CallState.DIALING)
    over, other = replace(asked(matter="c"), state=CallState.CANCELLED), asked(number="+33491123456")
    async with store.begin("test") as work:
        for one in (waits, on_the_line, over, other):
            await work.callbacks.add(one)
        assert await work.callbacks.forbidden(10) == []
        await work.callbacks.block(waits.number, reason="asked", now=NOW)
        assert await work.callbacks.forbidden(10) == [waits]
