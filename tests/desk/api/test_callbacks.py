"""A call asked for in a conversation, over the API: when the number dials, other times, cancelling, and closing over it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversation.id_generator import new_id
from conversation.model.callback import Callback, CallbackSettings, CallState
from conversation.model.conversation import Conversation
from conversation.model.people import Agent, WorkKind
from tests.desk.conftest import Account, House

SETTLED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "cancel", None),
    ("POST", "slot", {"slot": None}),
    ("GET", "slots", None),
    ("POST", "dial", None),
    ("POST", "outcome", {"outcome": "done"}),
]
ALWAYS = dict.fromkeys(range(7), ((0, 24 * 60),))


@pytest.fixture(autouse=True)
def phone(house: House) -> None:
    """The account that calls back, at any hour."""
    account = Account("phone")
    account.can = replace(account.can, work=WorkKind.CALLBACK, calls=CallbackSettings(lawful=ALWAYS))
    accounts = house.services.channels
    assert isinstance(accounts, dict)
    accounts["phone"] = account


async def asked(house: House) -> tuple[Agent, Conversation, str]:
    """An agent who holds a conversation in which a call is due, and the address at which the API tells of it."""
    agent = await house.hire("Agent", capacity={WorkKind.CHAT: 5, WorkKind.CALLBACK: 1})
    made = await house.talk("general")
    now = house.clock.now()
    one = Callback(
        id=new_id(),
        conversation=made.id,
        channel="phone",
        number="+33199001234",
        extension="12",
        zones=("Europe/Paris",),
        asked_at=now,
        updated_at=now,
        state=CallState.DUE,
    )
    async with house.store.begin("test") as work:
        assert await work.callbacks.add(one)
    assert (await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/take"))[0] == 200
    return agent, made, f"/api/v1/conversations/{made.id}/callback"


async def test_the_number_dials_only_while_a_try_by_hand_is_written_down(house: House) -> None:
    agent, _, address = await asked(house)
    _, told = await house.ask(agent, "GET", address)
    assert (told["number"], told["extension"], told["tel"]) == ("+33199001234", "12", None)
    _, told = await house.ask(agent, "POST", f"{address}/dial")
    assert (told["state"], told["tel"]) == ("dialing", "tel:+33199001234;ext=12")
    await house.ask(agent, "POST", f"{address}/outcome", {"outcome": "no_answer"})
    _, told = await house.ask(agent, "GET", address)
    assert (told["state"], told["tel"]) == ("scheduled", None)


async def test_who_is_not_to_be_called_has_no_link_that_dials(house: House) -> None:
    agent, _, address = await asked(house)
    async with house.store.begin("test") as work:
        await work.callbacks.block("+33199001234", reason="asked", now=house.clock.now())
    assert (await house.ask(agent, "POST", f"{address}/dial"))[1]["code"] == "do_not_call"
    _, told = await house.ask(agent, "GET", address)
    assert (told["tel"], told["attempts"]) == (None, [])


async def test_never_is_told_with_the_outcome_and_ends_the_request(house: House) -> None:
    agent, _, address = await asked(house)
    assert (await house.ask(agent, "POST", f"{address}/outcome", {"outcome": "no_answer", "never": True}))[0] == 200
    _, told = await house.ask(agent, "GET", address)
    assert (told["state"], told["next"]) == ("no_answer", None)


async def test_a_conversation_is_closed_after_its_call_was_cancelled(house: House) -> None:
    agent, made, address = await asked(house)
    close = f"/api/v1/conversations/{made.id}/close"
    status, told = await house.ask(agent, "POST", close)
    words = "a call is still asked for here: say what came of it, or cancel it"
    assert (status, told["code"], told["detail"]) == (409, "call_open", words)
    status, told = await house.ask(agent, "POST", f"{address}/cancel")
    assert (status, told["state"], told["next"]) == (200, "cancelled", None)
    for method, what, body in SETTLED:
        status, told = await house.ask(agent, method, f"{address}/{what}", body)
        assert (status, told["code"], told["detail"]) == (409, "call_settled", "this request is settled")
    assert (await house.ask(agent, "POST", close))[1]["state"] == "closed"
    _, said = await house.ask(agent, "GET", f"/api/v1/conversations/{made.id}/messages")
    assert [(one["author"]["name"], one["text"]) for one in said["items"] if one["direction"] == "note"] == [
        ("Agent", "The call was cancelled.")
    ]


async def test_a_call_goes_to_a_slot_that_is_told_as_free_or_to_now(house: House) -> None:
    agent, _, address = await asked(house)
    status, free = await house.ask(agent, "GET", f"{address}/slots?limit=3")
    assert (status, free["timezone"], len(free["items"])) == (200, "Europe/Paris", 3)
    chosen = free["items"][1]
    status, told = await house.ask(agent, "POST", f"{address}/slot", {"slot": chosen["start"]})
    assert (status, told["state"], told["slot"], told["slot_local"]) == (
        200,
        "scheduled",
        chosen["start"],
        chosen["local"],
    )
    status, told = await house.ask(agent, "POST", f"{address}/slot", {"slot": None})
    assert (status, told["state"], told["slot"]) == (200, "offered", None)  # due, and with its agent


async def test_the_whole_week_can_be_asked_for_at_once(house: House) -> None:
    agent, _, address = await asked(house)
    _, told = await house.ask(agent, "GET", f"{address}/slots?limit=2000")
    starts = [datetime.fromisoformat(one["start"]) for one in told["items"]]
    assert starts[-1] > house.clock.now() + timedelta(days=6, hours=23)
    assert (await house.ask(agent, "GET", f"{address}/slots?limit=2001"))[0] == 422


@pytest.mark.parametrize("body", [{}, {"slot": "tomorrow"}, {"slot": "2026-11-24T10:00:00"}, {"slot": None, "to": "x"}])
async def test_what_is_no_slot_is_refused(house: House, body: dict[str, Any]) -> None:
    agent, _, address = await asked(house)
    assert (await house.ask(agent, "POST", f"{address}/slot", body))[0] == 422


async def test_a_time_that_is_not_free_is_answered_with_those_that_are(house: House) -> None:
    agent, _, address = await asked(house)
    _, free = await house.ask(agent, "GET", f"{address}/slots?limit=1")
    at = house.clock.now() + timedelta(minutes=1)
    status, told = await house.ask(agent, "POST", f"{address}/slot", {"slot": at.isoformat()})
    assert (status, told["code"], told["items"][0]["local"]) == (409, "slot_taken", free["items"][0]["local"])
