"""Automatic replies: their text, and the outbox rows that carry it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conversation.model.choices import with_choices
from conversation.model.conversation import Conversation
from conversation.model.decision import Decision
from conversation.model.message import Author, AuthorKind, Direction, Message, Status
from conversation.model.outbound import CALL_EXPIRES, Effect, OutboundMessage, OutboxRow
from conversation.model.people import Customer, Identity
from conversation.model.routing_state import RoutingState
from router.decision.clarifying_questions import asked_for
from router.rules.rulebook import RuleBook
from router.understanding.language_request import OWN_NAMES
from router.wording.conversation_status import format_status
from router.wording.next_opening import format_opening

GIVE_UP_AFTER = timedelta(days=3)
TIMEZONE = "timezone"  # attribute of a customer
_LONGEST_ZONE = 60


def words(
    name: str,
    *,
    decision: Decision,
    conversation: Conversation,
    customer: Customer,
    rulebook: RuleBook,
    now: datetime,
    called: str = "",
    position: int | None = None,
) -> str:
    """The text of this reply in the customer's language, its placeholders filled; under a question its choices.

    `called` is the name that may be said; `position` the conversation's place in its queue, where somebody has looked.
    """
    language = _language_of(conversation, customer, rulebook)
    script = conversation.routing.script if language == "zh" else None
    languages = rulebook.preferred_languages(language, script)
    values = {
        "name": called,
        **_values(decision, conversation, customer, rulebook, languages=languages, now=now, position=position),
    }
    kind = rulebook.kind_of(conversation.channel)
    text = rulebook.reply_text(name, language=language, kind=kind, values=values, script=script)
    choices = _choices(name, decision, rulebook, languages)
    return with_choices(text, choices) if choices else text


def _values(
    decision: Decision,
    conversation: Conversation,
    customer: Customer,
    rulebook: RuleBook,
    *,
    languages: Sequence[str],
    now: datetime,
    position: int | None,
) -> dict[str, str]:
    """What stands for the placeholders."""
    language, due = _language_of(conversation, customer, rulebook), conversation.due
    queue = rulebook.queues.get(conversation.queue) or rulebook.queues[rulebook.fallback]
    zone = zone_of(customer) or rulebook.calendars.zone(queue.hours, language)
    title = title_of(queue.title, languages, queue.name)
    return {
        "next_opening": format_opening(decision.opens, now, zone, languages[0]),
        "queue": title,
        "reference": conversation.reference,
        "missing": asked_for(decision.ask, rulebook.asked, languages),
        "state": format_status(conversation.state, title, position, language),
        "position": "" if position is None else str(position),
        "due": format_opening(due, now, zone, languages[0]) if due else "",
    }


def _choices(name: str, decision: Decision, rulebook: RuleBook, languages: Sequence[str]) -> list[str]:
    """What stands under this reply to choose from: issues by their titles, languages as their speakers write them."""
    if name == rulebook.language_question:
        return [OWN_NAMES.get(one, one) for one in decision.languages]
    if rulebook.question is not None and name == rulebook.question.reply:
        return [title_of(rulebook.issues[one].title, languages, one) for one in decision.choices]
    return []


def zone_of(customer: Customer) -> ZoneInfo | None:
    """The customer's own zone, where an application or their browser named it."""
    named = customer.attributes.get(TIMEZONE)
    return _zone(named) if isinstance(named, str) else None


@lru_cache(1_000)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name[:_LONGEST_ZONE])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _language_of(conversation: Conversation, customer: Customer, rulebook: RuleBook) -> str:
    return conversation.language or customer.language or rulebook.default_language


def title_of(title: Mapping[str, str], languages: Sequence[str], name: str) -> str:
    """A title in the first of these languages that it has, else in any, else the bare name."""
    return next((title[one] for one in languages if one in title), "") or next(iter(title.values()), name)


def system_message(
    text: str, conversation: Conversation, *, identifier: str, channel: str, identity: str, now: datetime
) -> Message:
    """An automatic message, numbered as the last of its conversation."""
    return Message(
        id=identifier,
        conversation=conversation.id,
        seq=conversation.last_seq,
        direction=Direction.OUT,
        author=Author(kind=AuthorKind.SYSTEM),
        text=text,
        created_at=now,
        channel=channel,
        identity=identity,
        status=Status.QUEUED,
    )


class Answered(TypedDict, total=False):
    """What a message answers, and by which token; `parameters` fill its template."""

    reply_to: str | None
    references: tuple[str, ...]
    reply_token: str | None
    parameters: tuple[str, ...]


def row_for(
    message: Message,
    conversation: Conversation,
    to: Identity,
    *,
    identifier: str,
    now: datetime,
    **answered: Unpack[Answered],
) -> OutboxRow:
    """The outbox row that carries a message out."""
    outbound = OutboundMessage(
        id=message.id,
        conversation=conversation.id,
        reference=conversation.reference,
        channel=to.channel,
        to=to,
        text=message.text,
        author_name=message.author.name,
        language=conversation.language,
        subject=_subject_of(conversation.routing),
        attachments=message.attachments,
        created_at=now,
        automatic=message.author.kind is AuthorKind.SYSTEM,
        reply_until=to.reply_until,
        template=message.template,
        **answered,
    )
    return OutboxRow(
        id=identifier,
        effect=Effect.MESSAGE,
        target=to.channel,
        created_at=now,
        conversation=conversation.id,
        message=outbound,
        give_up_at=now + GIVE_UP_AFTER,
    )


def _subject_of(routing: RoutingState) -> str | None:
    """The newest one: mail programs show an answer in the thread of the mail whose subject it has."""
    return routing.last_subject or routing.subject


def with_subject(routing: RoutingState, subject: str | None) -> RoutingState:
    """The subject of a mail that joins the conversation is kept where it is a new one."""
    if not subject or subject == _subject_of(routing):
        return routing
    return replace(routing, last_subject=subject)


def webhook_row(
    name: str, kind: str, conversation: Conversation, *, identifier: str, now: datetime, **data: object
) -> OutboxRow:
    """A signed call to an operator's own address."""
    payload = {
        "type": kind,
        "at": now.isoformat(),
        "conversation": conversation.id,
        "reference": conversation.reference,
        "queue": conversation.queue,
        "priority": conversation.priority.label,
        "language": conversation.language,
        "issue": conversation.issue,
        **data,
    }
    return OutboxRow(
        id=identifier,
        effect=Effect.WEBHOOK,
        target=name,
        created_at=now,
        conversation=conversation.id,
        payload=payload,
        give_up_at=now + CALL_EXPIRES,
    )
