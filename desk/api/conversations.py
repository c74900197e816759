"""Conversations: the list, one of them, its reasons, and the moves."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from conversation.id_generator import new_id
from conversation.model.conversation import Conversation, State
from conversation.model.events import Hint, Topic
from conversation.ports.storage.conversations import ConversationFilter
from desk.http.authentication import Who, visible
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, Changes, Input, Routes
from desk.representation.explanation import ExplainOut
from desk.representation.schemas import ConversationOut, Nothing, Page
from desk.representation.serializers import conversation_out, names_for
from router.policy.permissions import sees_all, served_queues

routes = Routes("conversations")
_LONGEST_NAP_DAYS = 366


def _states(value: object) -> object:
    parts = [value] if isinstance(value, str) else value
    return [word for part in parts for word in str(part).split(",")] if isinstance(parts, list) else parts


class ListQuery(Input):
    """What the list asks for; `assignee` is an agent's id, `me` or `none`."""

    queue: str | None = Field(None, max_length=200)
    state: Annotated[list[State], BeforeValidator(_states)] = Field(default_factory=list)
    assignee: str | None = Field(None, max_length=100)
    language: str | None = Field(None, max_length=40)
    issue: str | None = Field(None, max_length=200)
    customer: str | None = Field(None, max_length=100)
    q: str | None = Field(None, max_length=200)
    cursor: str | None = Field(None, max_length=500)
    limit: int = Field(50, ge=1, le=200)


def _wanted(call: ApiRequest[None, ListQuery]) -> ConversationFilter:
    asked, agent = call.query, call.agent
    assignee = agent.id if asked.assignee == "me" else asked.assignee
    return ConversationFilter(
        queues=None if sees_all(agent) else served_queues(agent, call.services.rules.rulebook),
        viewer=agent.id,
        queue=asked.queue,
        states=tuple(asked.state),
        assignee=None if assignee == "none" else assignee,
        unassigned=assignee == "none",
        language=asked.language,
        issue=asked.issue,
        customer=asked.customer,
        q=asked.q,
    )


@routes.add("GET", "/conversations", who=Who.AGENT)
async def list_conversations(call: ApiRequest[None, ListQuery]) -> Page[ConversationOut]:
    """What the caller may see, most recently updated first."""
    async with call.services.storage.read("desk.api.conversations") as work:
        found, after = await work.conversations.page(_wanted(call), cursor=call.query.cursor, limit=call.query.limit)
        unread = await work.conversations.unread(call.agent.id, [c.id for c in found])
        last = await work.messages.last([c.id for c in found])
        names = await names_for(work, call.services.rules.rulebook, found)
    items = [conversation_out(c, names, unread=unread.get(c.id, 0), last=last.get(c.id)) for c in found]
    return Page(items=items, next=after)


@routes.add("GET", "/conversations/{id}", who=Who.AGENT)
async def get_conversation(call: ApiRequest[None, None]) -> ConversationOut:
    """One conversation."""
    async with call.services.storage.read("desk.conversation") as work:
        found = await visible(call.services, work, call.agent, call.path("id"))
        unread = await work.conversations.unread(call.agent.id, [found.id])
        names = await names_for(work, call.services.rules.rulebook, [found])
        reach = await call.services.replies.reach(work, found)
    return conversation_out(found, names, unread=unread.get(found.id, 0), reach=reach)


@routes.add("GET", "/conversations/{id}/explain", who=Who.AGENT)
async def explain_conversation(call: ApiRequest[None, None]) -> ExplainOut:
    """Why it is here: the newest stored decision with its reasons."""
    async with call.services.storage.read("desk.explain") as work:
        found = await visible(call.services, work, call.agent, call.path("id"))
        stored = await work.decisions.latest(found.id)
        if stored is None:
            raise Problem(404, "no_decision", "nothing was decided about this conversation")
        if not stored.facts.text:
            messages = await work.messages.find([stored.message])
            text = messages[stored.message].text if stored.message in messages else ""
            stored = replace(stored, facts=replace(stored.facts, text=text))
    return ExplainOut.model_validate(await call.services.explainer.stored(stored))


class Read(Input):
    """Up to where it was read."""

    seq: int = Field(ge=0, le=2**31 - 1)


@routes.add("POST", "/conversations/{id}/read", who=Who.AGENT)
async def mark_read(call: ApiRequest[Read, None]) -> Nothing:
    """The caller has read everything up to `seq`."""
    async with call.services.storage.begin("desk.read") as work:
        found = await visible(call.services, work, call.agent, call.path("id"))
        await work.conversations.mark_read(call.agent.id, found.id, min(call.body.seq, found.last_seq))
        if found.owner == call.agent.id:  # a look by somebody else is no promise of an answer
            fed = await work.messages.fed(found.id, upto=call.body.seq)
            work.hint(*(Hint(topic=Topic.VISITORS, keys=(who,), data={"read": seq}) for who, seq in fed.items()))
    return Nothing(ok=True)


# -- moves -------------------------------------------------------------------------------------------------------------


async def _representation(call: ApiRequest[Any, None], moved: Conversation) -> ConversationOut:
    """A conversation that left the caller's view by their own move is sent to them once more."""
    async with call.services.storage.read("desk.conversation") as work:
        names = await names_for(work, call.services.rules.rulebook, [moved])
        unread = await work.conversations.unread(call.agent.id, [moved.id])
    return conversation_out(moved, names, unread=unread.get(moved.id, 0))


@routes.add("POST", "/conversations/{id}/take", who=Who.AGENT, faults=(409,))
async def take(call: ApiRequest[None, None]) -> ConversationOut:
    """Take it, or accept an offer; a lost race or a full hand answers 409."""
    return await _representation(call, await call.services.actions.take(call.agent, call.path("id")))


@routes.add("POST", "/conversations/{id}/release", who=Who.AGENT, faults=(409,))
async def release(call: ApiRequest[None, None]) -> ConversationOut:
    """Give it back, or decline an offer."""
    return await _representation(call, await call.services.actions.release(call.agent, call.path("id")))


class Transfer(Input):
    """To a queue, or to an agent."""

    queue: str | None = Field(None, min_length=1, max_length=200)
    agent: str | None = Field(None, min_length=1, max_length=100)
    note: str | None = Field(None, min_length=1, max_length=20_000)

    @model_validator(mode="after")
    def one_target(self) -> Self:
        """Exactly one of both."""
        if (self.queue is None) == (self.agent is None):
            raise ValueError("give either queue or agent")
        return self


@routes.add("POST", "/conversations/{id}/transfer", who=Who.AGENT, faults=(409,))
async def transfer(call: ApiRequest[Transfer, None]) -> ConversationOut:
    """Hand it to another queue or agent; the note is written first, while the caller may still write."""
    body, services, conversation = call.body, call.services, call.path("id")
    await _check_target(call)
    if body.note:
        await services.replies.send(call.agent, conversation, client_id=new_id(), text=body.note, note=True)
    moved = await services.actions.transfer(call.agent, conversation, queue=body.queue, to=body.agent)
    return await _representation(call, moved)


async def _check_target(call: ApiRequest[Transfer, None]) -> None:
    queue, agent = call.body.queue, call.body.agent
    fault = None
    async with call.services.storage.read("desk.transfer") as work:
        await visible(call.services, work, call.agent, call.path("id"))
        if queue is not None and queue not in call.services.rules.rulebook.queues:
            fault = FieldFault("queue", "there is no such queue")
        if agent is not None and not await work.agents.names([agent]):
            fault = FieldFault("agent", "there is no such agent")
    if fault:
        raise Problem(422, "invalid", "these fields are at fault", errors=[fault])


@routes.add("POST", "/conversations/{id}/close", who=Who.AGENT, faults=(409,))
async def close(call: ApiRequest[None, None]) -> ConversationOut:
    """The matter is done."""
    return await _representation(call, await call.services.actions.close(call.agent, call.path("id")))


@routes.add("POST", "/conversations/{id}/reopen", who=Who.AGENT, faults=(409,))
async def reopen(call: ApiRequest[None, None]) -> ConversationOut:
    """The matter is not done."""
    return await _representation(call, await call.services.actions.reopen(call.agent, call.path("id")))


class Snooze(Input):
    """Until when."""

    until: AwareDatetime


@routes.add("POST", "/conversations/{id}/snooze", who=Who.AGENT, faults=(409,))
async def snooze(call: ApiRequest[Snooze, None]) -> ConversationOut:
    """Put it aside until a time; it comes back by itself."""
    _check_nap(call.body.until, call.services.clock.now())
    return await _representation(
        call, await call.services.actions.snooze(call.agent, call.path("id"), until=call.body.until)
    )


def _check_nap(until: datetime, now: datetime) -> None:
    if not 0 < (until - now).total_seconds() <= _LONGEST_NAP_DAYS * 86_400:
        fault = FieldFault("until", "a moment within the coming year")
        raise Problem(422, "invalid", "these fields are at fault", errors=[fault])


Word = Annotated[str, Field(min_length=1, max_length=100)]


class Label(Changes):
    """What is corrected; a relabel of language or issue is training data."""

    language: Word | None = None
    issue: Word | None = None
    labels: list[Word] | None = Field(None, max_length=50)


@routes.add("POST", "/conversations/{id}/label", who=Who.AGENT, faults=(409,))
async def label(call: ApiRequest[Label, None]) -> ConversationOut:
    """Correct language, issue or labels."""
    body = call.body
    rulebook = call.services.rules.rulebook
    if body.issue is not None and body.issue not in rulebook.issues:
        raise Problem(422, "invalid", errors=[FieldFault("issue", "there is no such issue")])
    moved = await call.services.actions.label(
        call.agent, call.path("id"), language=body.language, issue=body.issue, labels=body.labels
    )
    return await _representation(call, moved)


@routes.add("POST", "/conversations/{id}/typing", who=Who.AGENT)
async def typing(call: ApiRequest[None, None]) -> None:
    """The caller is writing; nothing is stored."""
    await call.services.replies.typing(call.agent, call.path("id"))
