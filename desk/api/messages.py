"""What is said in a conversation, and saying it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from conversation.id_generator import new_id
from conversation.model.message import Message
from desk.http.authentication import Who, visible
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, ApiResponse, Input, Routes, idempotency_key
from desk.representation.schemas import MessageOut, Page
from desk.representation.serializers import Names, message_out, writers
from router.flows.agents.reply import Template

routes = Routes("messages")


class MessagesQuery(Input):
    """From where on, and how many."""

    after: int = Field(0, ge=0, le=2**31 - 1)
    limit: int = Field(200, ge=1, le=200)


@routes.add("GET", "/conversations/{id}/messages", who=Who.AGENT)
async def list_messages(call: ApiRequest[None, MessagesQuery]) -> Page[MessageOut]:
    """By seq, oldest first; `next` is the `after` of the next page."""
    asked = call.query
    async with call.services.storage.read("desk.api.messages") as work:
        found = await visible(call.services, work, call.agent, call.path("id"))
        messages = await work.messages.page(found.id, after=asked.after, limit=asked.limit + 1)
        answered = await work.messages.answered(messages)
        names = Names(agents=await work.agents.names(sorted(writers(messages))))
    items = [message_out(one, names, answers=answered.get(one.id)) for one in messages[: asked.limit]]
    return Page(items=items, next=str(items[-1].seq) if len(messages) > asked.limit else None)


class Say(Input):
    """A reply, or a note that the customer never sees. `id` is made by the client: sent again, it has no effect."""

    id: str | None = Field(None, min_length=1, max_length=200)
    text: str = Field("", max_length=20_000)
    channel: str | None = Field(None, min_length=1, max_length=200)
    note: bool = False
    attachments: list[str] = Field(default_factory=list, max_length=10)
    template: str | None = Field(None, min_length=1, max_length=500)
    parameters: list[Annotated[str, Field(max_length=1000)]] = Field(default_factory=list, max_length=20)


@routes.add("POST", "/conversations/{id}/messages", who=Who.AGENT, status=201, also=(200,), faults=(409,))
async def say(call: ApiRequest[Say, None]) -> ApiResponse[MessageOut]:
    """Write a reply, a template or a note: 201 when it is new, 200 when it was here before, 409 for another text under the same id.

    409 "window_closed" or "blocked" says under `instead` what may be sent, and on which channels.
    """
    body = call.body
    if not body.text.strip() and not body.attachments and body.template is None:
        raise Problem(422, "invalid", errors=[FieldFault("text", "say something, or attach a file")])
    message, new = await call.services.replies.send(
        call.agent,
        call.path("id"),
        client_id=_client_id(call),
        text=body.text,
        channel=body.channel,
        note=body.note,
        attachments=tuple(body.attachments),
        template=Template(name=body.template, parameters=tuple(body.parameters)) if body.template else None,
    )
    return ApiResponse(_out(call, message), status=201 if new else 200)


def _client_id(call: ApiRequest[Say, None]) -> str:
    key = call.body.id or idempotency_key(call.request)
    return key or new_id()


def _out(call: ApiRequest[Any, None], message: Message) -> MessageOut:
    return message_out(message, Names(agents={call.agent.id: call.agent.name}))


class Resolve(Input):
    """What is known of it, or that it shall be tried again."""

    as_: Literal["sent", "failed", "retry"] = Field(alias="as")


@routes.add("POST", "/conversations/{id}/messages/{message}/resolve", who=Who.AGENT, faults=(409,))
async def resolve(call: ApiRequest[Resolve, None]) -> MessageOut:
    """Settle a message of which nobody knows whether it arrived."""
    settled = await call.services.replies.resolve(call.agent, call.path("id"), call.path("message"), call.body.as_)
    return _out(call, settled)
