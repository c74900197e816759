"""Numbers that are never called over the API: a lead's word, in any writing of the number, audited; nothing for anybody else."""

import pytest
from sqlalchemy import select

from conversation.model.people import Role
from storage.schema.events import audit
from tests.desk.conftest import House

ADDRESS = "/api/v1/do-not-call"


async def test_a_lead_puts_a_number_down_and_takes_it_off(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    status, made = await house.ask(
        lead, "POST", ADDRESS, {"number": "+49 (30) 555 000-199", "reason": "told us by mail"}
    )
    assert (status, made["number"]) == (201, "+4930555000199")
    async with house.store.read("test") as work:
        assert await work.callbacks.is_blocked("+4930555000199")
    _, listed = await house.ask(lead, "GET", ADDRESS)
    assert [(one["number"], one["reason"]) for one in listed["items"]] == [("+4930555000199", "told us by mail")]
    assert (await house.ask(lead, "DELETE", f"{ADDRESS}/+49 30 555000199"))[0] == 204
    assert (await house.ask(lead, "DELETE", f"{ADDRESS}/+4930555000199"))[0] == 404
    async with house.store.read("test") as work:
        rows = await work._run(lambda c: c.execute(select(audit.c.action, audit.c.subject)).all())
    assert [tuple(row) for row in rows] == [
        ("do_not_call.add", "+4930555000199"),
        ("do_not_call.remove", "+4930555000199"),
    ]


async def test_the_list_goes_on_page_by_page(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    numbers = [f"+3319900000{digit}" for digit in range(5)]
    for number in reversed(numbers):
        await house.ask(lead, "POST", ADDRESS, {"number": number, "reason": "x"})
    seen, cursor = [], ""
    while True:
        _, page = await house.ask(lead, "GET", f"{ADDRESS}?limit=2" + (f"&cursor=%2B{cursor[1:]}" if cursor else ""))
        seen += [one["number"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == numbers


@pytest.mark.parametrize("number", ["030 555000199", "+49", "+49 30 call me", "+4930555000199123456", "+٤٩٣٠٥٥٥٠٠٠"])
async def test_what_is_no_number_with_its_country_is_refused_in_words(house: House, number: str) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    status, told = await house.ask(lead, "POST", ADDRESS, {"number": number, "reason": "x"})
    assert (status, told["code"]) == (422, "bad_number")
    assert "+49 30 555000199" in told["errors"][0]["message"]


async def test_agents_neither_see_nor_change_it(house: House) -> None:
    agent = await house.hire("Agent")
    assert (await house.ask(agent, "GET", ADDRESS))[0] == 403
    assert (await house.ask(agent, "POST", ADDRESS, {"number": "+4930555000199", "reason": "x"}))[0] == 403
    assert (await house.ask(agent, "DELETE", f"{ADDRESS}/+4930555000199"))[0] == 403
