"""A message that is about to leave, held against its medium's window for answers."""

from datetime import datetime, timedelta

from conversation.errors import PermanentFailure
from conversation.model.capabilities import Can
from conversation.model.outbound import OutboundMessage
from conversation.reply_window import Open, lawful, window


def must_be_lawful(can: Can, message: OutboundMessage, *, now: datetime, margin: timedelta = timedelta(0)) -> None:
    """Return, or raise `PermanentFailure`: "window_closed", or "unsupported" for a template that the account has not.

    `margin` is how long before its end the window counts as closed: what arrives a moment too late is refused there.
    """
    if message.template is not None and message.template not in can.templates:
        raise PermanentFailure(f"this account has no template '{message.template[:100]}'", code="unsupported")
    if lawful(can, message.reply_until, automatic=message.automatic, template=message.template, now=now + margin):
        return
    raise PermanentFailure(_instead(can, message, now + margin), code="window_closed")


def must_tag(can: Can, message: OutboundMessage, *, now: datetime) -> bool:
    """Whether this is lawful only because a person wrote it: where a medium wants that stated."""
    return message.template is None and window(can, message.reply_until, now).open is Open.PERSONS


def _instead(can: Can, message: OutboundMessage, now: datetime) -> str:
    ended = "the time in which this medium lets us answer is over"
    if window(can, message.reply_until, now).open is Open.PERSONS:
        return f"{ended}; a person may still answer"
    return f"{ended}; a template may still be sent: {', '.join(can.templates)}" if can.templates else ended
