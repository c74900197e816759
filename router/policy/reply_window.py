"""How a customer can be answered now: the window of the medium, who blocked us, and what may be sent instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversation.errors import Conflict
from conversation.model.capabilities import Can
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
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
        fields = {"channel": self.channel, "open": self.open, "until": until}
        return {**fields, "templates": list(self.templates), "channels": list(self.channels)}


def reach(to: Identity, others: Sequence[Identity], cans: Mapping[str, Can], now: datetime) -> Reach:
    """By this identity; `channels` are those of the customer's `others` on which an agent's own words may leave now."""
    elsewhere = dict.fromkeys(
        one.channel for one in others if one.channel != to.channel and _lets_persons(one, cans, now)
    )
    can = cans.get(to.channel)
    if can is None or not can.send or to.blocked_at is not None:
        return Reach(channel=to.channel, open=NOBODY, until=None, templates=(), channels=tuple(elsewhere))
    found = window(can, to.reply_until, now)
    state = NOBODY if found.open is Open.TEMPLATES and not can.templates else found.open.value
    return Reach(channel=to.channel, open=state, until=found.until, templates=can.templates, channels=tuple(elsewhere))


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
    if to.blocked_at is not None:
        code, detail = "blocked", "this customer has blocked us on that channel"
    elif template is not None and template not in can.templates:
        code, detail = "unknown_template", "this account has no such template"
    elif not lawful(can, to.reply_until, automatic=False, template=template, now=now):
        code, detail = "window_closed", "the time in which this medium lets us answer is over"
    else:
        return
    raise Conflict(detail, code=code, more={"instead": reach(to, others, cans, now).as_json()})


def may_leave(can: Can, message: OutboundMessage, now: datetime) -> bool:
    """Whether the window that this message carries lets it leave at `now`."""
    return lawful(can, message.reply_until, automatic=message.automatic, template=message.template, now=now)
