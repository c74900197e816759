"""The people who answer: listed by leads, changed by admins."""

import re
import uuid
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.events import EventType, Hint, NewEvent, Topic
from conversation.model.people import DEFAULT_CAPACITY, Agent, Presence, Role, WorkKind
from conversation.ports.storage import Work
from desk.http.authentication import Who
from desk.http.passwords import LONGEST, SHORTEST, hash_password
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, ApiResponse, Changes, Input, Routes, idempotency_key
from desk.http.services import Services
from desk.http.tokens import new_token
from desk.representation.schemas import AgentOut, Page, TokenOut
from desk.representation.serializers import agent_out, staff

routes = Routes("agents")


def _plain_email(value: str) -> str:
    plain = value.strip().lower()
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", plain) or not plain.isprintable():
        raise ValueError("not an e-mail address")
    return plain


Word = Annotated[str, Field(min_length=1, max_length=100)]
Level = Annotated[int, Field(ge=1, le=5)]
Cap = Annotated[int, Field(ge=0, le=1000)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_plain_email)]
PersonName = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]


class NewAgent(Input):
    """A new agent."""

    email: Email
    name: PersonName
    role: Role = Role.AGENT
    languages: dict[Word, Level] = Field(default_factory=dict, max_length=100)
    skills: dict[Word, Level] = Field(default_factory=dict, max_length=200)
    queues: list[Word] = Field(default_factory=list, max_length=200)
    capacity: dict[WorkKind, Cap] = Field(default_factory=dict)
    password: Password | None = None


class AgentChange(Changes):
    """What changes; whatever is not named stays."""

    email: Email | None = None
    name: PersonName | None = None
    role: Role | None = None
    languages: dict[Word, Level] | None = Field(None, max_length=100)
    skills: dict[Word, Level] | None = Field(None, max_length=200)
    queues: list[Word] | None = Field(None, max_length=200)
    capacity: dict[WorkKind, Cap] | None = None
    disabled: bool | None = None
    password: Password | None = None


@routes.add("GET", "/agents", who=Who.LEAD)
async def list_agents(call: ApiRequest[None, None]) -> Page[AgentOut]:
    """Everybody, by name."""
    async with call.services.storage.read("desk.agents") as work:
        people = await work.agents.all()
        team = await staff(work, call.services.clock.now())
    return Page(items=[agent_out(person, team) for person in people], next=None)


@routes.add("GET", "/agents/{id}", who=Who.LEAD)
async def get_agent(call: ApiRequest[None, None]) -> AgentOut:
    """One of them."""
    async with call.services.storage.read("desk.agent") as work:
        person = await work.agents.get(call.path("id"))
        return agent_out(person, await staff(work, call.services.clock.now()))


@routes.add("POST", "/agents", who=Who.ADMIN, status=201, also=(200,), faults=(409,))
async def add_agent(call: ApiRequest[NewAgent, None]) -> ApiResponse[AgentOut]:
    """Add somebody; the same `Idempotency-Key` again answers 200 with the same agent."""
    body, services = call.body, call.services
    _check_queues(services, body.queues)
    agent = Agent(
        id=_id_of(call),
        email=body.email,
        name=body.name,
        role=body.role,
        languages=body.languages,
        skills=body.skills,
        queues=tuple(body.queues),
        capacity={**DEFAULT_CAPACITY, **body.capacity},
        created_at=services.clock.now(),
    )
    digest = await hash_password(body.password) if body.password else None
    async with services.storage.begin("desk.add_agent") as work:
        before = await _known(work, agent.id)
        if before is None:
            await work.agents.add(agent, password_hash=digest)
            await _audit(call, work, "agents.add", agent.id, sorted(body.model_fields_set))
    return await _answer_added(call, agent, before)


async def _known(work: Work, agent: str) -> Agent | None:
    try:
        return await work.agents.get(agent)
    except NotFound:
        return None


def _id_of(call: ApiRequest[NewAgent, None]) -> str:
    key = idempotency_key(call.request)
    return str(uuid.uuid5(uuid.UUID(call.agent.id), key)) if key else new_id()


async def _answer_added(call: ApiRequest[NewAgent, None], agent: Agent, before: Agent | None) -> ApiResponse[AgentOut]:
    if before is not None and before.email != agent.email:
        raise Problem(409, "idempotency_mismatch", "this key came with another agent before")
    async with call.services.storage.read("desk.agent") as work:
        stored = await work.agents.get(agent.id)
        team = await staff(work, call.services.clock.now())
    return ApiResponse(agent_out(stored, team), status=201 if before is None else 200)


@routes.add("PATCH", "/agents/{id}", who=Who.ADMIN, faults=(409,))
async def change_agent(call: ApiRequest[AgentChange, None]) -> AgentOut:
    """Change somebody. Disabling them ends their sessions and tokens, a new password their sessions."""
    body, services = call.body, call.services
    _check_queues(services, body.queues or [])
    digest = await hash_password(body.password) if body.password else None
    async with services.storage.begin("desk.change_agent") as work:
        before = await work.agents.get(call.path("id"))
        _keep_an_admin(call, before)
        after = _changed(before, body)
        await work.agents.update(after, password_hash=digest)
        await _audit(call, work, "agents.change", after.id, sorted(body.model_fields_set))
        if after.disabled and not before.disabled:  # their presence ended with it
            gone = NewEvent(type=EventType.PRESENCE, agent=after.id, data={"presence": Presence.OFFLINE.value})
            await work.events.add([gone], now=services.clock.now())
        work.hint(Hint(topic=Topic.WORK))
        stored = await work.agents.get(after.id)
        return agent_out(stored, await staff(work, services.clock.now()))


def _changed(before: Agent, body: AgentChange) -> Agent:
    given = {name: getattr(body, name) for name in body.model_fields_set - {"password"}}
    values = {name: value for name, value in given.items() if value is not None}
    if "queues" in values:
        values["queues"] = tuple(values["queues"])
    if "capacity" in values:
        values["capacity"] = {**before.capacity, **values["capacity"]}
    return replace(before, **values)


def _keep_an_admin(call: ApiRequest[AgentChange, None], before: Agent) -> None:
    demoted = call.body.role not in (None, Role.ADMIN) or call.body.disabled
    if before.id == call.agent.id and demoted:
        raise Problem(409, "own_role", "let another admin take this from you")


def _check_queues(services: Services, queues: list[str]) -> None:
    known = services.rules.rulebook.queues
    faults = [FieldFault(f"queues.{at}", "there is no such queue") for at, q in enumerate(queues) if q not in known]
    if faults:
        raise Problem(422, "invalid", "these fields are at fault", errors=faults)


async def _audit(call: ApiRequest[Any, None], work: Work, action: str, agent: str, fields: list[str]) -> None:
    now = call.services.clock.now()
    await work.rulebooks.audit(actor=call.agent.email, action=action, subject=agent, data={"fields": fields}, now=now)


@routes.add("POST", "/agents/{id}/tokens", who=Who.ADMIN, status=201)
async def add_token(call: ApiRequest[None, None]) -> ApiResponse[TokenOut]:
    """A new bearer token for an agent: shown once, here."""
    token, digest, prefix = new_token("bearer")
    async with call.services.storage.begin("desk.add_token") as work:
        agent = await work.agents.get(call.path("id"))
        await work.agents.add_token(agent.id, digest=digest, kind="bearer", prefix=prefix, until=None)
        await _audit(call, work, "agents.token", agent.id, [prefix])
    return ApiResponse(TokenOut(token=token, prefix=prefix))
