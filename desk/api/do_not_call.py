"""Numbers that asked never to be called: leads see, add and remove them."""

from datetime import datetime

from pydantic import Field

from conversation.ports.storage.callbacks import BlockedNumber
from desk.api.admin import PageQuery
from desk.http.authentication import Who
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, Input, Routes
from desk.representation.schemas import Output, Page
from router.flows.callbacks.do_not_call import BadNumber, put_down, take_off

routes = Routes("do-not-call")


class NumberIn(Input):
    """A number with its country, and why."""

    number: str = Field(min_length=1, max_length=50)
    reason: str = Field(min_length=1, max_length=1_000)


class NumberOut(Output):
    """One that is never called."""

    number: str
    reason: str
    at: datetime


@routes.add("GET", "/do-not-call", who=Who.LEAD)
async def list_numbers(call: ApiRequest[None, PageQuery]) -> Page[NumberOut]:
    """By number."""
    query = call.query
    async with call.services.storage.read("desk.do_not_call") as work:
        found = await work.callbacks.blocked(after=query.cursor or "", limit=query.limit + 1)
    shown = found[: query.limit]
    return Page(items=[_out(one) for one in shown], next=shown[-1].number if len(found) > len(shown) else None)


@routes.add("POST", "/do-not-call", who=Who.LEAD, faults=(422,), status=201)
async def add_number(call: ApiRequest[NumberIn, None]) -> NumberOut:
    """It is not dialed any more; open callbacks to it are cancelled within seconds, and their customers are notified."""
    body, services = call.body, call.services
    now = services.clock.now()
    try:
        async with services.storage.begin("desk.do_not_call") as work:
            number = await put_down(work, body.number, reason=body.reason, actor=call.agent.email, now=now)
    except BadNumber as error:
        raise Problem(422, "bad_number", str(error), errors=[FieldFault("number", str(error))]) from error
    return NumberOut(number=number, reason=body.reason, at=now)


@routes.add("DELETE", "/do-not-call/{id}", who=Who.LEAD, faults=(404, 422))
async def remove_number(call: ApiRequest[None, None]) -> None:
    """It may be called again."""
    services = call.services
    try:
        async with services.storage.begin("desk.do_not_call") as work:
            await take_off(work, call.path("id"), actor=call.agent.email, now=services.clock.now())
    except BadNumber as error:
        raise Problem(422, "bad_number", str(error), errors=[FieldFault("id", str(error))]) from error


def _out(one: BlockedNumber) -> NumberOut:
    return NumberOut(number=one.number, reason=one.reason, at=one.at)
