"""Emergency overrides of hours: who stands in for the rules file, until when, and why."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from conversation.ports.storage.hours_overrides import Override
from desk.http.authentication import Who
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, Input, Routes
from desk.representation.schemas import Output, Page
from router.flows.maintenance.hours_override import BadOverride, declare, withdraw

routes = Routes("hours")


class OverrideIn(Input):
    """From now on, until then, open or closed."""

    calendar: str = Field(min_length=1, max_length=100)
    state: Literal["open", "closed"]
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=1_000)


class OverrideOut(Output):
    """One that stands."""

    calendar: str
    state: Literal["open", "closed"]
    since: datetime
    until: datetime
    reason: str
    author: str


@routes.add("GET", "/hours/overrides", who=Who.LEAD)
async def list_overrides(call: ApiRequest[None, None]) -> Page[OverrideOut]:
    """Those that stand."""
    async with call.services.storage.read("desk.api.hours_overrides") as work:
        active = await work.overrides.active(call.services.clock.now())
    return Page(items=[_out(one) for one in active], next=None)


@routes.add("POST", "/hours/overrides", who=Who.ADMIN, faults=(422,), status=201)
async def override_hours(call: ApiRequest[OverrideIn, None]) -> OverrideOut:
    """Open or close a calendar at once, whatever the rules file says; an earlier override of it ends."""
    body, services = call.body, call.services
    try:
        async with services.storage.begin("desk.api.hours_overrides") as work:
            made = await declare(
                work,
                services.rules.rulebook.calendars,
                calendar=body.calendar,
                is_open=body.state == "open",
                until=body.until,
                reason=body.reason,
                actor=call.agent.email,
                now=services.clock.now(),
            )
    except BadOverride as error:
        raise Problem(422, "bad_override", str(error), errors=[FieldFault("", str(error))]) from error
    return _out(made)


@routes.add("DELETE", "/hours/overrides/{id}", who=Who.ADMIN, faults=(404,))
async def clear_override(call: ApiRequest[None, None]) -> None:
    """The hours of the rules file count again for the calendar of that name."""
    async with call.services.storage.begin("desk.api.hours_overrides") as work:
        await withdraw(work, calendar=call.path("id"), actor=call.agent.email, now=call.services.clock.now())


def _out(one: Override) -> OverrideOut:
    return OverrideOut(
        calendar=one.calendar,
        state="open" if one.open else "closed",
        since=one.since,
        until=one.until,
        reason=one.reason,
        author=one.author,
    )
