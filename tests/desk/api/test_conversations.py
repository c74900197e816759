"""Conversations over HTTP: lists, replies and the moves."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from conversation.model.events import Topic
from conversation.model.people import Role
from tests.desk.conftest import House
from tests.storage import makers

URL = "/api/v1/conversations"


async def test_pages_follow_one_another_without_gap_or_double(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    made = [await house.talk(said=0, updated_at=makers.NOW + timedelta(seconds=n // 2)) for n in range(7)]
    seen, cursor = [], ""
    while True:
        _, body = await house.ask(lead, "GET", f"{URL}?limit=2{cursor}")
        seen += [item["id"] for item in body["items"]]
        if body["next"] is None:
            break
        cursor = f"&cursor={body['next']}"
    assert len(seen) == len(set(seen)) == 7
    assert set(seen) == {one.id for one in made}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=nonsense", "cursor"),
        ("state=asleep", "state.0"),
        ("sort=name", "sort"),
    ],
)
async def test_a_faulty_query_names_its_field(house: House, query: str, field: str) -> None:
    agent = await house.hire("Agent")
    status, body = await house.ask(agent, "GET", f"{URL}?{query}")
    assert (status, body["code"], body["errors"][0]["field"]) == (422, "invalid", field)


async def test_the_list_is_narrowed_by_state_assignee_and_words(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    mine, free = await house.talk(), await house.talk()
    assert (await house.ask(agent, "POST", f"{URL}/{mine.id}/take"))[0] == 200

    async def ids(query: str) -> list[str]:
        return [item["id"] for item in (await house.ask(agent, "GET", f"{URL}?{query}"))[1]["items"]]

    assert await ids("assignee=me") == await ids(f"assignee={agent.id}") == await ids("state=assigned") == [mine.id]
    assert await ids("assignee=none") == await ids("state=waiting") == [free.id]
    assert (
        set(await ids("state=waiting,assigned")) == set(await ids("state=waiting&state=assigned")) == {mine.id, free.id}
    )
    assert await ids(f"q={free.reference}") == [free.id]
    _, body = await house.ask(agent, "GET", URL)
    assert [item["preview"] for item in body["items"]] == ["hello", "hello"]


async def test_a_conversation_is_told_with_names_and_words(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk(said=3)
    await house.ask(agent, "POST", f"{URL}/{made.id}/take")
    status, body = await house.ask(agent, "GET", f"{URL}/{made.id}")
    assert status == 200
    assert body["assignee"] == {"id": agent.id, "name": "Agent"}
    assert body["customer"]["name"] == "李雷"
    assert (body["state"], body["priority"], body["unread"]) == ("assigned", "normal", 3)
    assert body["queue_title"]["zh"] == "支付"
    assert body["created_at"].endswith("Z")


async def test_reading_lowers_the_callers_own_count_only(house: House) -> None:
    agent, other = [await house.hire(name, skills={"payments": 1}) for name in ("A", "B")]
    made = await house.talk(said=3)
    assert (await house.ask(agent, "POST", f"{URL}/{made.id}/read", {"seq": 2}))[0] == 200
    assert (await house.ask(agent, "GET", f"{URL}/{made.id}"))[1]["unread"] == 1
    assert (await house.ask(other, "GET", f"{URL}/{made.id}"))[1]["unread"] == 3


async def test_messages_are_paged_by_seq(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk(said=5)
    _, first = await house.ask(agent, "GET", f"{URL}/{made.id}/messages?limit=3")
    _, rest = await house.ask(agent, "GET", f"{URL}/{made.id}/messages?limit=3&after={first['next']}")
    assert [m["seq"] for m in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next"] is None
    assert first["items"][0]["direction"] == "in"


async def test_a_reply_sent_twice_is_said_once(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    path, body = f"{URL}/{made.id}/messages", {"id": "client-1", "text": "您好"}
    first, again = await house.ask(agent, "POST", path, body), await house.ask(agent, "POST", path, body)
    assert (first[0], again[0]) == (201, 200)
    assert first[1]["id"] == again[1]["id"]
    assert first[1]["seq"] == 2
    status, problem = await house.ask(agent, "POST", path, {**body, "text": "other"})
    assert (status, problem["code"]) == (409, "idempotency_mismatch")


async def test_the_idempotency_key_header_does_the_same(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    path, headers = f"{URL}/{made.id}/messages", {"Idempotency-Key": "k1"}
    answers = [await house.ask(agent, "POST", path, {"text": "hello"}, headers=headers) for _ in range(2)]
    assert [status for status, _ in answers] == [201, 200]
    assert answers[0][1]["id"] == answers[1][1]["id"]


async def test_a_reply_by_somebody_else_is_409_unless_they_lead(house: House) -> None:
    owner, other = [await house.hire(name, skills={"payments": 1}) for name in ("Owner", "Other")]
    lead = await house.hire("Lead", role=Role.LEAD)
    made = await house.talk()
    await house.ask(owner, "POST", f"{URL}/{made.id}/take")
    path = f"{URL}/{made.id}/messages"
    assert (await house.ask(other, "POST", path, {"id": "1", "text": "x"}))[0] == 409
    assert (await house.ask(other, "POST", path, {"id": "2", "text": "x", "note": True}))[0] == 201
    assert (await house.ask(lead, "POST", path, {"id": "3", "text": "x"}))[0] == 201


async def test_of_many_who_take_one_wins_and_the_others_are_told_409(house: House) -> None:
    agents = [await house.hire(f"A{n}", skills={"payments": 1}) for n in range(6)]
    made = await house.talk()
    answers = await asyncio.gather(*(house.ask(a, "POST", f"{URL}/{made.id}/take") for a in agents))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409, 409]
    assert {body["code"] for status, body in answers if status == 409} <= {"taken", "moved"}


async def test_a_full_hand_cannot_take_more(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = [await house.talk() for _ in range(6)]
    answers = [await house.ask(agent, "POST", f"{URL}/{one.id}/take") for one in made]
    assert [status for status, _ in answers] == [200] * 5 + [409]
    assert answers[-1][1]["code"] == "capacity_full"


async def test_the_moves_of_a_day(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    colleague = await house.hire("Colleague", skills={"payments": 1})
    made = await house.talk()
    later = (house.clock.now() + timedelta(hours=1)).isoformat()
    steps: list[tuple[str, object, str]] = [
        ("take", None, "assigned"),
        ("label", {"issue": "topup", "language": "zh", "labels": ["vip"]}, "assigned"),
        ("snooze", {"until": later}, "snoozed"),
        ("take", None, "assigned"),
        ("release", None, "waiting"),
        ("take", None, "assigned"),
        ("transfer", {"agent": colleague.id, "note": "yours"}, "assigned"),
    ]
    told: dict[str, Any] = {}
    for move, body, state in steps:
        status, told = await house.ask(agent, "POST", f"{URL}/{made.id}/{move}", body)
        assert (status, told.get("state")) == (200, state), (move, told)
    assert told["assignee"]["id"] == colleague.id
    for move, state in (("close", "closed"), ("close", "closed"), ("reopen", "waiting")):
        status, told = await house.ask(colleague, "POST", f"{URL}/{made.id}/{move}")
        assert (status, told["state"]) == (200, state)
    _, messages = await house.ask(agent, "GET", f"{URL}/{made.id}/messages")
    assert [m["direction"] for m in messages["items"]] == ["in", "note"]
    assert (told["issue"], told["language"], told["labels"]) == ("topup", "zh", ["vip"])


@pytest.mark.parametrize(
    ("move", "body", "field"),
    [
        ("transfer", {}, ""),
        ("transfer", {"queue": "nowhere"}, "queue"),
        ("transfer", {"agent": "nobody"}, "agent"),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}, "until"),
        ("snooze", {"until": "2026-11-24T00:00:00"}, "until"),
        ("label", {"issue": "nonsense"}, "issue"),
        ("messages", {"id": "1", "text": "  "}, "text"),
    ],
)
async def test_a_faulty_move_names_its_field(house: House, move: str, body: object, field: str) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    status, problem = await house.ask(agent, "POST", f"{URL}/{made.id}/{move}", body)
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_work_handed_out_of_ones_sight_is_told_once_more_and_then_not_there(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    status, told = await house.ask(agent, "POST", f"{URL}/{made.id}/transfer", {"queue": "safety"})
    assert (status, told["queue"]) == (200, "safety")
    assert (await house.ask(agent, "GET", f"{URL}/{made.id}"))[0] == 404


async def test_queues_tell_hours_waits_and_who_is_there(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    await house.talk(waiting_since=makers.NOW - timedelta(minutes=3))
    _, body = await house.ask(agent, "GET", "/api/v1/queues")
    payments = next(item for item in body["items"] if item["name"] == "payments")
    assert payments["open"]
    assert (payments["waiting"], payments["oldest_wait"], payments["agents_online"]) == (1, 180, 1)
    house.clock.advance(timedelta(hours=9))
    _, body = await house.ask(agent, "GET", "/api/v1/queues")
    payments = next(item for item in body["items"] if item["name"] == "payments")
    assert not payments["open"]
    assert payments["next_opening"] == "2026-11-24T01:00:00Z"


async def test_presence_is_a_lease(house: House) -> None:
    agent = await house.hire("Agent", online=False)
    status, body = await house.ask(agent, "PUT", "/api/v1/me/presence", {"state": "online"})
    assert (status, body["expires_at"]) == (200, "2026-11-23T02:01:00Z")
    assert (await house.ask(agent, "GET", "/api/v1/me"))[1]["presence"] == "online"
    house.clock.advance(timedelta(seconds=61))
    assert (await house.ask(agent, "GET", "/api/v1/me"))[1]["presence"] == "offline"
    assert (await house.ask(agent, "PUT", "/api/v1/me/presence", {"state": "asleep"}))[0] == 422


async def test_the_customer_is_told_what_the_owner_read_and_not_what_others_looked_at(house: House) -> None:
    owner, lead = await house.hire("Owner", skills={"payments": 1}), await house.hire("Lead", role=Role.LEAD)
    made = await house.talk(said=0)
    await makers.say(house.store, made, identity=made.identity, feed_seq=7)
    url = f"/api/v1/conversations/{made.id}"
    assert (await house.ask(owner, "POST", f"{url}/take"))[0] == 200
    async with house.services.signals.subscribe(Topic.VISITORS) as listening:
        assert (await house.ask(lead, "POST", f"{url}/read", {"seq": 3}))[0] == 200
        assert (await house.ask(owner, "POST", f"{url}/read", {"seq": 2}))[0] == 200
        heard = await listening.wait(5)
    assert [(hint.keys, hint.data) for hint in heard[Topic.VISITORS]] == [((made.identity,), {"read": 7})]
