"""What is written about calls: notes for agents in the conversation, and messages to the customer over the medium they wrote on."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from conversation.id_generator import new_id
from conversation.model.callback import Callback
from conversation.model.conversation import Conversation
from conversation.model.message import Author, AuthorKind, Direction, Message, Status
from conversation.model.people import Agent
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.storage import Work
from router.flows.delivery.reachability import written_from
from router.policy import auto_reply as automatic
from router.policy import notifications
from router.policy.callback_plan import Cans
from router.rules.rulebook import RuleBook
from router.wording.callback_messages import message_text, time_of


async def note(work: Work, conversation: Conversation, text: str, *, agent: Agent | None, now: datetime) -> None:
    """A note in the conversation; under its lock."""
    author = Author(kind=AuthorKind.AGENT, id=agent.id, name=agent.name) if agent else Author(kind=AuthorKind.SYSTEM)
    draft = Message(
        id=new_id(),
        conversation=conversation.id,
        seq=0,
        direction=Direction.NOTE,
        author=author,
        text=text,
        created_at=now,
        status=Status.SENT,
    )
    message, _ = await work.messages.add(draft, body_hash=sha256(text.encode()).hexdigest(), feed=False)
    await work.events.add(
        [notifications.message_event(message, conversation, agent=agent.id if agent else None)], now=now
    )


async def notify(
    work: Work,
    conversation: Conversation,
    callback: Callback,
    name: str,
    *,
    rulebook: RuleBook,
    cans: Cans,
    links: LinksByAccount,
    now: datetime,
) -> bool:
    """A message to the customer about their call, where they wrote over a medium that can answer. Under the lock."""
    signed, link = links.get(callback.channel), None
    if signed is not None:
        link = signed.status_link(callback.id) if callback.open else signed.request_link(conversation.id)
    values = {
        "time": time_of(rulebook, callback, now, conversation.language or rulebook.default_language),
        "number": callback.number,
        "link": link or "",
        "reference": conversation.reference,
    }
    return await send_notice(work, conversation, name, values, rulebook=rulebook, cans=cans, now=now)


async def send_notice(
    work: Work,
    conversation: Conversation,
    name: str,
    values: Mapping[str, str],
    *,
    rulebook: RuleBook,
    cans: Cans,
    now: datetime,
) -> bool:
    """One of the service's sentences to the customer; whether there is a medium that can answer them. Under the lock."""
    to = await written_from(work, conversation, cans)
    if to is None:
        return False
    text = message_text(rulebook, name, conversation.language, rulebook.kind_of(to.channel), values)
    draft = automatic.system_message(
        text, conversation, identifier=new_id(), channel=to.channel, identity=to.id, now=now
    )
    feed = cans[to.channel].feed
    message, _ = await work.messages.add(draft, body_hash=sha256(text.encode()).hexdigest(), feed=feed)
    await work.events.add([notifications.message_event(message, conversation)], now=now)
    await work.outbox.add(automatic.row_for(message, conversation, to, identifier=new_id(), now=now), at=now)
    work.hint(*notifications.hints(visitors=[to.id], targets=[to.channel]))
    return True
