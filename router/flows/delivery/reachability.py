"""Whether an answer may leave now: the window of its medium, who blocked us, and what may be sent instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from conversation.errors import Conflict, NotFound, PermanentFailure
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
from conversation.ports.storage import Storage, Work
from conversation.reply_window import Open, lawful, window

NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How one customer can be answered. `open` is "anything", "persons", "templates" or "nobody"; after `until` it is less."""

    channel: str
    open: str
    until: datetime | None
    templates: tuple[str, ...]
    channels: tuple[str, ...]

    def as_json(self) -> Mapping[str, object]:
        """For a problem's answer."""
        until = self.until.isoformat() if self.until else None
        told = {"channel": self.channel, "open": self.open, "until": until}
        return {**told, "templates": list(self.templates), "channels": list(self.channels)}


def reach(to: Identity, others: Sequence[Identity], cans: Mapping[str, Can], now: datetime) -> Reach:
    """By this identity; `channels` are those of the customer's `others` on which an agent's own words may leave now."""
    elsewhere = dict.fromkeys(
        one.channel for one in others if one.channel != to.channel and _lets_persons(one, cans, now)
    )
    can = cans.get(to.channel)
    if can is None or not can.send or to.blocked_at is not None:
        return Reach(channel=to.channel, open=NOBODY, until=None, templates=(), channels=tuple(elsewhere))
    found = window(can, to.reply_until, now)
    told = NOBODY if found.open is Open.TEMPLATES and not can.templates else found.open.value
    return Reach(channel=to.channel, open=told, until=found.until, templates=can.templates, channels=tuple(elsewhere))


def _lets_persons(one: Identity, cans: Mapping[str, Can], now: datetime) -> bool:
    can = cans.get(one.channel)
    if can is None or not can.send or one.blocked_at is not None:
        return False
    return lawful(can, one.reply_until, automatic=False, template=None, now=now)


def must_reach(
    to: Identity, others: Sequence[Identity], cans: Mapping[str, Can], now: datetime, *, template: str | None
) -> None:
    """Return, or raise `Conflict`: "blocked", "unknown_template" or "window_closed", with what may be done instead."""
    can = cans[to.channel]
    instead = {"instead": reach(to, others, cans, now).as_json()}
    if to.blocked_at is not None:
        raise Conflict("this customer has blocked us on that channel", code="blocked", more=instead)
    if template is not None and template not in can.templates:
        raise Conflict("this account has no such template", code="unknown_template", more=instead)
    if not lawful(can, to.reply_until, automatic=False, template=template, now=now):
        detail = "the time in which this medium lets us answer is over"
        raise Conflict(detail, code="window_closed", more=instead)


async def written_from(work: Work, conversation: Conversation, cans: Mapping[str, Can]) -> Identity | None:
    """Where this customer wrote in this conversation last but by telephone, which carries no words."""
    able = [one for one in conversation.channels if one in cans and cans[one].send and cans[one].calls is None]
    known = await work.customers.identities(conversation.customer)
    return next((one for channel in reversed(able) for one in known if one.channel == channel), None)


async def still_lawful(storage: Storage, can: Can, message: OutboundMessage, now: datetime) -> OutboundMessage:
    """Held against the window as it stands when it leaves: the customer may have written since. Raises `PermanentFailure`."""
    if can.reply_window is None and message.reply_until is None:
        return message
    if _may(can, message, now):
        return message
    try:
        async with storage.read("reply_window") as work:
            known = await work.customers.identity(message.to.id)
    except NotFound:
        known = message.to
    message = replace(message, reply_until=known.reply_until)
    if not _may(can, message, now):
        raise PermanentFailure("the time in which this medium lets us answer is over", code="window_closed")
    return message


def _may(can: Can, message: OutboundMessage, now: datetime) -> bool:
    return lawful(can, message.reply_until, automatic=message.automatic, template=message.template, now=now)
