"""Emergency overrides over the API: an admin's word at once, the record for leads, nothing for anybody else."""

from datetime import timedelta

from conversation.model.people import Role
from tests.desk.conftest import House

ADDRESS = "/api/v1/hours/overrides"


async def test_an_admin_closes_a_calendar_and_opens_it_again(house: House) -> None:
    admin, lead = await house.hire("Admin", role=Role.ADMIN), await house.hire("Lead", role=Role.LEAD)
    until = (house.clock.now() + timedelta(hours=2)).isoformat()
    body = {"calendar": "day", "state": "closed", "until": until, "reason": "fire in the building"}
    status, made = await house.ask(admin, "POST", ADDRESS, body)
    assert (status, made["state"], made["author"]) == (201, "closed", admin.email.lower())
    _, listed = await house.ask(lead, "GET", ADDRESS)
    assert [one["calendar"] for one in listed["items"]] == ["day"]
    assert (await house.ask(admin, "DELETE", f"{ADDRESS}/day"))[0] == 204
    assert (await house.ask(admin, "DELETE", f"{ADDRESS}/day"))[0] == 404
    assert (await house.ask(lead, "GET", ADDRESS))[1]["items"] == []


async def test_only_admins_may_and_only_what_makes_sense(house: House) -> None:
    admin, lead = await house.hire("Admin", role=Role.ADMIN), await house.hire("Lead", role=Role.LEAD)
    agent = await house.hire("Agent")
    until = (house.clock.now() + timedelta(hours=2)).isoformat()
    body = {"calendar": "day", "state": "open", "until": until, "reason": "x"}
    assert (await house.ask(lead, "POST", ADDRESS, body))[0] == 403
    assert (await house.ask(agent, "GET", ADDRESS))[0] == 403
    for wrong in ({"calendar": "dya"}, {"until": house.clock.now().isoformat()}, {"state": "ajar"}, {"reason": ""}):
        assert (await house.ask(admin, "POST", ADDRESS, {**body, **wrong}))[0] == 422
