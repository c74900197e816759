"""Calls that customers asked for, as agents see and make them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from conversation.errors import Conflict
from conversation.model.callback import Attempt, Callback, CallOutcome, CallState
from conversation.model.conversation import Conversation
from conversation.ports.storage import Work
from desk.http.authentication import Who, visible
from desk.http.problems import Problem
from desk.http.routing import ApiRequest, Input, Routes
from desk.representation.schemas import ConversationOut, Output
from desk.representation.serializers import conversation_out, names_for
from router.policy.callback_plan import offering_account

routes = Routes("calls")


class AttemptOut(Output):
    """One try. `ended_at` None: it is on the line."""

    id: str
    number: int
    agent: str | None
    dialer: str = Field(description="manual, twilio or asterisk")
    created_at: datetime
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: CallOutcome | None = Field(None, description="lost: nobody knows, whoever dialed is gone")
    note: str | None = None


class CallOut(Output):
    """A call that a customer asked for."""

    id: str
    state: CallState
    number: str = Field(description="E.164")
    extension: str
    tel: str | None = Field(
        description="a link that dials, RFC 3966, while a try by hand is written down; null else: what is not written is not dialed"
    )
    name: str | None
    note: str | None
    language: str | None
    timezone: str
    local_time: str = Field(description="the wall clock there, now")
    slot: datetime | None
    slot_local: str | None
    next: datetime | None = Field(description="when it wakes")
    missed: bool
    consent_at: datetime | None
    dialer: str = Field(description="manual: the agent dials")
    attempts: list[AttemptOut]


class Result(Input):
    """What came of a call."""

    outcome: CallOutcome
    note: str | None = Field(None, min_length=1, max_length=5_000)
    never: bool = Field(False, description="they asked never to be called again: no further try, whatever the outcome")


@contextmanager
def _settled_by_name() -> Iterator[None]:
    """A call that is settled has a code of its own: `closed` says to an agent that the conversation is."""
    try:
        yield
    except Conflict as error:
        if error.code != "closed":
            raise
        raise Problem(409, "call_settled", error.detail) from error


@routes.add("GET", "/conversations/{id}/callback", who=Who.AGENT)
async def get_callback(call: ApiRequest[None, None]) -> CallOut:
    """The newest call asked for in this conversation, with its tries."""
    async with call.services.storage.read("desk.call") as work:
        return await _newest(call, work, await visible(call.services, work, call.agent, call.path("id")))


class LinkOut(Output):
    """Where a call is asked for in this conversation, by whoever has the address."""

    channel: str
    url: str


@routes.add("GET", "/conversations/{id}/callback/link", who=Who.AGENT)
async def get_link(call: ApiRequest[None, None]) -> LinkOut:
    """The page of the account that calls back, signed for this conversation and with the number that is known, if one is."""
    async with call.services.storage.read("desk.call") as work:
        conversation = await visible(call.services, work, call.agent, call.path("id"))
        known = await work.customers.identities(conversation.customer)
    cans = {name: one.can for name, one in call.services.channels.items()}
    channel = offering_account(cans, conversation.queue)
    signed = call.services.callback_links.get(channel or "")
    url = signed.agent_link(conversation.id) if signed is not None else None
    if channel is None or url is None:
        raise Problem(404, "no_callback", "no account calls back")
    phone = next((one.phone for one in known if one.phone), None)
    return LinkOut(channel=channel, url=f"{url}&number={quote(phone, safe='')}" if phone else url)


@routes.add("POST", "/conversations/{id}/callback/dial", who=Who.AGENT, faults=(409,))
async def dial(call: ApiRequest[None, None]) -> CallOut:
    """Written down, then dialed; without an exchange the agent dials the number themselves."""
    with _settled_by_name():
        await call.services.callbacks.dial(call.agent, call.path("id"))
    return await get_callback(call)


@routes.add("POST", "/conversations/{id}/callback/outcome", who=Who.AGENT, faults=(409,))
async def outcome(call: ApiRequest[Result, None]) -> ConversationOut:
    """What came of the call: done, or tried again at its distance."""
    body = call.body
    with _settled_by_name():
        moved = await call.services.callbacks.outcome(
            call.agent, call.path("id"), body.outcome, text=body.note, never=body.never
        )
    async with call.services.storage.read("desk.conversation") as work:
        names = await names_for(work, call.services.rules.rulebook, [moved])
    return conversation_out(moved, names)


# -- another time, or none ---------------------------------------------------------------------------------------------


class SlotsQuery(Input):
    """How many."""

    limit: int = Field(50, ge=1, le=2_000, description="a horizon of 30 days has 1,440 slots of half an hour")


class SlotOut(Output):
    """A time at which a call may begin; `local` is the wall clock where the customer is, without an offset."""

    start: datetime
    end: datetime
    local: str


class SlotsOut(Output):
    """The next free slots, the soonest first."""

    timezone: str = Field(description="where the customer is")
    items: list[SlotOut]


class NewSlot(Input):
    """When to call instead."""

    slot: AwareDatetime | None = Field(description="the start of a free slot; null: as soon as possible")


@routes.add("GET", "/conversations/{id}/callback/slots", who=Who.AGENT, faults=(409,))
async def get_slots(call: ApiRequest[None, SlotsQuery]) -> SlotsOut:
    """The next free slots for the call asked for here, as its customer is shown them."""
    with _settled_by_name():
        one, free = await call.services.callbacks.slots(call.agent, call.path("id"), limit=call.query.limit)
    items = [SlotOut(start=slot.start, end=slot.end, local=slot.local) for slot in free]
    return SlotsOut(timezone=one.zone, items=items)


@routes.add("POST", "/conversations/{id}/callback/slot", who=Who.AGENT, faults=(409,))
async def move_call(call: ApiRequest[NewSlot, None]) -> CallOut:
    """To another slot, or as soon as possible; of a slot that is taken the answer (409, `slot_taken`) has the next free ones."""
    with _settled_by_name():
        moved = await call.services.callbacks.reschedule(call.agent, call.path("id"), call.body.slot)
    async with call.services.storage.read("desk.call") as work:
        return await _newest(call, work, moved)


@routes.add("POST", "/conversations/{id}/callback/cancel", who=Who.AGENT, faults=(409,))
async def cancel_call(call: ApiRequest[None, None]) -> CallOut:
    """Nobody is to call any more; whoever is on the line is not cut off (409, `on_the_line`)."""
    with _settled_by_name():
        gone = await call.services.callbacks.cancel(call.agent, call.path("id"))
    async with call.services.storage.read("desk.call") as work:
        return await _newest(call, work, gone)


async def _newest(call: ApiRequest[Any, Any], work: Work, conversation: Conversation) -> CallOut:
    found = await work.callbacks.of_conversation(conversation.id)
    if found is None:
        raise Problem(404, "no_callback", "nobody asked to be called here")
    return _representation(call, found, conversation, await work.callbacks.attempts(found.id))


def _representation(
    call: ApiRequest[Any, Any], one: Callback, conversation: Conversation, attempts: list[Attempt]
) -> CallOut:
    offered = one.state is CallState.DUE and conversation.holder is not None
    now = call.services.clock.now().astimezone(ZoneInfo(one.zone))
    account = call.services.channels.get(one.channel)
    plan = account.can.calls if account is not None else None
    return CallOut(
        id=one.id,
        state=CallState.OFFERED if offered else one.state,
        number=one.number,
        extension=one.extension,
        tel=_tel(one) if any(each.ended_at is None and each.dialer == "manual" for each in attempts) else None,
        name=one.name,
        note=one.note,
        language=one.language,
        timezone=one.zone,
        local_time=now.replace(tzinfo=None).isoformat(timespec="minutes"),
        slot=one.slot_at,
        slot_local=one.slot_local,
        next=one.due_at,
        missed=one.missed,
        consent_at=one.consent_at,
        dialer=plan.dialer if plan else "manual",
        attempts=[_attempt(attempt) for attempt in attempts],
    )


def _tel(one: Callback) -> str:
    return f"tel:{one.number};ext={one.extension}" if one.extension else f"tel:{one.number}"


def _attempt(one: Attempt) -> AttemptOut:
    return AttemptOut(
        id=one.id,
        number=one.number,
        agent=one.agent,
        dialer=one.dialer,
        created_at=one.created_at,
        connected_at=one.connected_at,
        ended_at=one.ended_at,
        outcome=one.outcome,
        note=one.note,
    )
