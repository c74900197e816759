"""Until when a medium lets us answer, and what may still leave after that: the one rule for whoever writes, and for what is sent.

A customer's message opens the window; `reply_until` is its end as their last message set it, None where they never wrote.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from conversation.model.capabilities import Can


class Open(StrEnum):
    """What may leave now: anything, what a person wrote, or a text that the provider approved beforehand."""

    ANYTHING = "anything"
    PERSONS = "persons"
    TEMPLATES = "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What may leave now, and the instant after which that is less; None where it stays so."""

    open: Open
    until: datetime | None = None


def window(can: Can, reply_until: datetime | None, now: datetime) -> Window:
    """How far the window of this medium is open at `now`. A medium without one is open for ever."""
    if can.reply_window is None and reply_until is None:
        return Window(open=Open.ANYTHING)
    if reply_until is None:
        return Window(open=Open.TEMPLATES)
    if now < reply_until:
        return Window(open=Open.ANYTHING, until=reply_until)
    human_until = persons_until(can, reply_until)
    if human_until is not None and now < human_until:
        return Window(open=Open.PERSONS, until=human_until)
    return Window(open=Open.TEMPLATES)


def persons_until(can: Can, reply_until: datetime) -> datetime | None:
    """The end of the longer window for what a person wrote; None where the medium has none.

    Both windows begin with the customer's last message, so that their ends are as far apart as they are long.
    """
    if can.human_window is None or can.reply_window is None:
        return None
    return reply_until + (can.human_window - can.reply_window)


def lawful(can: Can, reply_until: datetime | None, *, automatic: bool, template: str | None, now: datetime) -> bool:
    """Whether this may leave at `now`. A template may at any time."""
    if template is not None:
        return True
    open_now = window(can, reply_until, now).open
    return open_now is Open.ANYTHING or (open_now is Open.PERSONS and not automatic)
