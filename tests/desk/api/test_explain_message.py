"""What would happen to a message that nobody sent, asked over the API."""

from dataclasses import replace
from datetime import timedelta

from conversation.id_generator import new_id
from conversation.model.outbound import Effect, OutboxRow
from conversation.model.people import Role
from conversation.model.routing_state import FailedWebhook, RoutingState
from router.policy import auto_reply as automatic
from tests.desk.conftest import House


async def test_a_lead_asks_what_would_happen_to_a_message(house: House) -> None:
    lead, agent = await house.hire("Lead", role=Role.LEAD), await house.hire("Agent")
    body = {"channel": "site", "text": "hello", "from": "ann", "set": {"customer.vip": True}}
    status, told = await house.ask(lead, "POST", "/api/v1/explain", body)
    assert (status, told["queue"], told["said"]) == (200, "general", body)
    assert (await house.ask(agent, "POST", "/api/v1/explain", body))[0] == 403


async def test_what_makes_no_sense_is_refused_in_words(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    status, told = await house.ask(lead, "POST", "/api/v1/explain", {"channel": "nowhere", "text": "hello"})
    assert (status, told["detail"]) == (422, "there is no channel 'nowhere'")
    assert (await house.ask(lead, "POST", "/api/v1/explain", {"text": "hello"}))[0] == 422


async def test_leads_see_which_calls_nobody_has_acknowledged(house: House) -> None:
    lead, agent = await house.hire("Lead", role=Role.LEAD), await house.hire("Agent")
    row = OutboxRow(id=new_id(), effect=Effect.WEBHOOK, target="duty", created_at=house.clock.now(), payload={"n": 1})
    async with house.store.begin("test") as work:
        await work.outbox.add(row, at=house.clock.now())
    status, told = await house.ask(lead, "GET", "/api/v1/webhooks")
    assert (status, [one["webhook"] for one in told["items"]]) == (200, ["duty"])
    assert (await house.ask(agent, "GET", "/api/v1/webhooks"))[0] == 403


async def test_a_call_that_expired_is_listed_and_stands_on_its_conversation(house: House) -> None:
    lead, conversation = await house.hire("Lead", role=Role.LEAD), await house.talk()
    now = house.clock.now()
    row = automatic.webhook_row(
        "duty", "rule.matched", conversation, identifier=new_id(), now=now - timedelta(minutes=20)
    )
    async with house.store.begin("test") as work:
        await work.outbox.add(row, at=now)
        (call,) = await work.outbox.expired_calls(now, 10)
        await work.outbox.give_up_call(call, "expired: no secret")
        routing = RoutingState(failed_webhooks={"duty": FailedWebhook(now, "expired: no secret")})
        await work.conversations.move(conversation, replace(conversation, routing=routing))
    _, told = await house.ask(lead, "GET", "/api/v1/webhooks")
    assert [(one["webhook"], one["state"], one["type"]) for one in told["items"]] == [
        ("duty", "expired", "rule.matched")
    ]
    _, shown = await house.ask(lead, "GET", f"/api/v1/conversations/{conversation.id}")
    assert [(one["webhook"], one["reason"]) for one in shown["failed_calls"]] == [("duty", "expired: no secret")]
