"""From the data classes to what the API answers, field by field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

from conversation.model.conversation import Conversation
from conversation.model.message import Attachment, AuthorKind, Direction, Message
from conversation.model.outbound import WebhookCall
from conversation.model.people import Agent, Customer, Identity, Presence
from conversation.model.routing_names import attributes_of
from conversation.ports.storage import Work
from conversation.ports.storage.agents import OnDuty
from conversation.ports.storage.quarantine import Quarantined
from desk.representation.schemas import (
    AgentOut,
    AgentRef,
    AttachmentOut,
    AuthorOut,
    Colleague,
    ConversationOut,
    CustomerRef,
    Doubt,
    FailedCallOut,
    IdentityOut,
    MessageOut,
    QuarantinedOut,
    ReachOut,
    ReactionOut,
    WebhookCallOut,
)
from router.policy.delivery_result import state_of_call
from router.policy.reply_window import Reach
from router.rules.rulebook import RuleBook

_PREVIEW = 140
_DOUBTS: Mapping[str, Doubt] = {one: one for one in get_args(Doubt)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What turns ids into names: read once for a whole list."""

    customers: Mapping[str, Customer] = field(default_factory=dict)
    identities: Mapping[str, Identity] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def titles_of(rulebook: RuleBook) -> Mapping[str, Mapping[str, str]]:
    """Queue titles by language."""
    return {name: queue.title for name, queue in rulebook.queues.items()}


async def names_for(
    work: Work, rulebook: RuleBook, conversations: Iterable[Conversation], *, agents: Iterable[str | None] = ()
) -> Names:
    """The names that these conversations need, and those of some agents besides, in three statements."""
    conversations = list(conversations)
    identities = await work.customers.known_as(sorted({c.identity for c in conversations if c.identity}))
    customers = await work.customers.find(sorted({c.customer for c in conversations}))
    wanted = {*agents, *(c.owner for c in conversations), *(c.offered_to for c in conversations)}
    named = await work.agents.names(sorted(one for one in wanted if one))
    return Names(customers=customers, identities=identities, agents=named, titles=titles_of(rulebook))


def writers(messages: Iterable[Message]) -> set[str]:
    """The agents who wrote these."""
    return {one.author.id for one in messages if one.author.kind is AuthorKind.AGENT and one.author.id}


def title_out(title: Mapping[str, str]) -> dict[str, str]:
    """A title by language; what is for every language stands under `*`."""
    return {language or "*": text for language, text in title.items()}


def agent_ref(names: Names, agent: str | None) -> AgentRef | None:
    """Named, or the bare id of somebody who is no more."""
    if agent is None:
        return None
    return AgentRef(id=agent, name=names.agents.get(agent, agent))


def _customer_ref(names: Names, customer: str) -> CustomerRef:
    known = names.customers.get(customer)
    if known is None:
        return CustomerRef(id=customer, name=None, verified=False, language=None)
    return CustomerRef(id=customer, name=known.name, verified=known.verified, language=known.language)


def preview_of(message: Message | None) -> str | None:
    """How it begins, in one line; a bare file by its name."""
    if message is None:
        return None
    files = [attachment.name for attachment in message.attachments[:1]]
    return " ".join((message.text or " ".join(files)).split())[:_PREVIEW]


def conversation_out(
    conversation: Conversation,
    names: Names,
    *,
    unread: int | None = None,
    last: Message | None = None,
    reach: Reach | None = None,
) -> ConversationOut:
    """A conversation as lists, pages and events show it."""
    return ConversationOut(
        id=conversation.id,
        reference=conversation.reference,
        state=conversation.state,
        queue=conversation.queue,
        queue_title=title_out(names.titles.get(conversation.queue, {})),
        language=conversation.language,
        issue=conversation.issue,
        priority=conversation.priority.label,
        kind=conversation.kind,
        channel=conversation.channel,
        channels=list(conversation.channels) or [conversation.channel],
        labels=list(conversation.labels),
        attributes=dict(attributes_of(conversation)),
        failed_calls=_failed_calls(conversation),
        linked=conversation.linked,
        last_seq=conversation.last_seq,
        **_people(conversation, names),
        **_times(conversation, names),
        reply=None if reach is None else ReachOut.model_validate(reach, from_attributes=True),
        unread=unread,
        preview=preview_of(last),
    )


def _failed_calls(conversation: Conversation) -> list[FailedCallOut]:
    failed = conversation.routing.failed_webhooks
    return [FailedCallOut(webhook=name, at=one.at, reason=one.reason) for name, one in failed.items()]


def webhook_call_out(call: WebhookCall) -> WebhookCallOut:
    """A call, and whether it still leaves by itself."""
    return WebhookCallOut(
        id=call.id,
        webhook=call.webhook,
        conversation=call.conversation,
        type=call.type,
        state=state_of_call(call),
        created_at=call.created_at,
        attempts=call.attempts,
        error=call.error,
    )


def _people(conversation: Conversation, names: Names) -> dict[str, Any]:
    """Whose it is: its customer's, and whoever holds it or is offered it."""
    return {
        "assignee": agent_ref(names, conversation.owner),
        "offered_to": agent_ref(names, conversation.offered_to),
        "offer_until": conversation.offer_until,
        "customer": _customer_ref(names, conversation.customer),
    }


def _times(conversation: Conversation, names: Names) -> dict[str, Any]:
    """When what happened, what is due and why, and until when its customer can be answered where they last wrote."""
    to = names.identities.get(conversation.identity or "")
    until = to.reply_until if to else None
    reason = "reply_window" if conversation.due == until else "first_response"
    return {
        "last_inbound_at": conversation.last_inbound_at,
        "waiting_since": conversation.waiting_since,
        "snoozed_until": conversation.snoozed_until,
        "closed_at": conversation.closed_at,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "due": conversation.due,
        "due_reason": reason if conversation.due else None,
        "reply_until": until,
        "blocked_at": to.blocked_at if to else None,
    }


def attachment_out(attachment: Attachment) -> AttachmentOut:
    """A file's description; where its bytes lie is nobody's business."""
    return AttachmentOut(
        id=attachment.id,
        name=attachment.name,
        type=attachment.type,
        size=attachment.size,
        inline=attachment.inline,
        waiting=attachment.url is not None,
        fault=attachment.fault,
    )


def message_out(message: Message, names: Names, *, answers: str | None = None) -> MessageOut:
    """A message; `answers` is the id of what it answers. An agent's name is the one they have now."""
    return MessageOut(
        id=message.id,
        conversation=message.conversation,
        seq=message.seq,
        direction=message.direction,
        channel=message.channel,
        author=AuthorOut(
            kind=message.author.kind,
            id=message.author.id,
            name=names.agents.get(message.author.id or "", message.author.name),
        ),
        text=message.text,
        html=message.html,
        attachments=[attachment_out(attachment) for attachment in message.attachments],
        doubt=None if message.doubt is None else _DOUBTS.get(message.doubt, "unproven"),
        status=message.status,
        error=message.error,
        client_id=message.client_id,
        sent_at=message.sent_at or (message.created_at if message.direction is not Direction.OUT else None),
        created_at=message.created_at,
        reply_to=answers,
        **_afterwards(message),
    )


def _afterwards(message: Message) -> dict[str, Any]:
    """What a medium reports of few messages."""
    outside = message.author.kind is AuthorKind.AGENT and message.author.id is None
    return {
        "album": message.album,
        "unsupported": message.unsupported,
        "raw": message.raw,
        "template": message.template,
        "first_text": message.first_text,
        "edited_at": message.edited_at,
        "retracted_at": message.retracted_at,
        "reactions": [ReactionOut(emoji=one.emoji, at=one.at) for one in message.reactions if one.emoji],
        "external": outside and message.direction is Direction.OUT,
    }


def presence_of(agent: str, duty: Mapping[str, OnDuty]) -> Presence:
    """Online or away while the lease lives, else offline."""
    return duty[agent].presence if agent in duty else Presence.OFFLINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Presence and load of everybody, read once."""

    duty: Mapping[str, OnDuty] = field(default_factory=dict)
    loads: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # what they hold, by agent and kind


async def staff(work: Work, now: datetime) -> Staff:
    """Who is here and how much they hold."""
    duty = {row.agent: row for row in await work.agents.on_duty(now)}
    loads: dict[str, dict[str, int]] = {}
    for (who, kind), (held, _cap) in (await work.agents.loads()).items():
        loads.setdefault(who, {})[kind.value] = held
    return Staff(duty=duty, loads=loads)


def agent_fields(agent: Agent, team: Staff) -> dict[str, object]:
    """What both an agent's page and `me` contain."""
    return {
        "id": agent.id,
        "email": agent.email,
        "name": agent.name,
        "role": agent.role,
        "languages": dict(agent.languages),
        "skills": dict(agent.skills),
        "queues": list(agent.queues),
        "capacity": dict(agent.capacity),
        "disabled": agent.disabled,
        "created_at": agent.created_at,
        "presence": presence_of(agent.id, team.duty),
        "load": dict(team.loads.get(agent.id, {})),
    }


def agent_out(agent: Agent, team: Staff) -> AgentOut:
    """An agent."""
    return AgentOut.model_validate(agent_fields(agent, team))


def colleague(agent: Agent, team: Staff, queues: Sequence[str]) -> Colleague:
    """An agent as another agent may know them."""
    return Colleague(
        id=agent.id,
        name=agent.name,
        presence=presence_of(agent.id, team.duty),
        languages=dict(agent.languages),
        queues=list(queues),
    )


def identity_out(identity: Identity) -> IdentityOut:
    """One address."""
    return IdentityOut(
        id=identity.id,
        channel=identity.channel,
        address=identity.address,
        name=identity.name,
        email=identity.email,
        phone=identity.phone,
        verified=identity.verified,
    )


def quarantined_out(row: Quarantined, *, raw: str | None = None) -> QuarantinedOut:
    """What was put aside; the bytes only where they were asked for."""
    return QuarantinedOut(
        id=row.id,
        channel=row.channel,
        sha256=row.sha256,
        size=row.size,
        code=row.code,
        reason=row.reason,
        first_at=row.first_at,
        last_at=row.last_at,
        times=row.times,
        replayed_at=row.replayed_at,
        raw=raw,
        headers=dict(row.headers) if raw is not None else None,
    )
