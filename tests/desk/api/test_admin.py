"""Back to earlier rules over the API: for admins, and only to what was in force before."""

import json
from datetime import timedelta

from conversation.model.people import Role
from tests.desk.conftest import RULES, House


async def test_an_admin_goes_back_to_an_earlier_revision(house: House) -> None:
    admin, lead = await house.hire("Admin", role=Role.ADMIN), await house.hire("Lead", role=Role.LEAD)
    ids = []
    for digest in ("first", "second"):
        async with house.store.begin("test") as work:
            house.clock.advance(timedelta(minutes=1))
            made = await work.rulebooks.activate(
                digest=digest, source=json.dumps(RULES), author="t", now=house.clock.now(), only_if_new=False
            )
        ids.append(made.id)
    address = "/api/v1/rules/activate"
    assert (await house.ask(lead, "POST", address, {"revision": ids[0]}))[0] == 403
    assert (await house.ask(admin, "POST", address, {"revision": "nothing"}))[0] == 404
    status, body = await house.ask(admin, "POST", address, {"revision": ids[0]})
    assert (status, body["revision"], body["applied"]) == (200, ids[0], True)
    async with house.store.read("test") as work:
        active = await work.rulebooks.active()
    assert active is not None
    assert active.id == ids[0]
