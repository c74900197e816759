"""An emergency override of hours, declared or withdrawn: written down, audited, heard by every node."""

from datetime import datetime, timedelta

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.events import Hint, Topic
from conversation.ports.storage import Work
from conversation.ports.storage.hours_overrides import Override
from router.hours.calendars import Calendars
from router.rules.faults import did_you_mean

LONGEST = timedelta(days=90)


class BadOverride(ValueError):
    """What is asked for makes no sense; the message is for people."""


async def declare(
    work: Work,
    calendars: Calendars,
    *,
    calendar: str,
    is_open: bool,
    until: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> Override:
    """From now until then the calendar is open, or closed. Replaces an earlier override of it. Raises `BadOverride`."""
    if calendar not in calendars:
        known = [name for part in calendars.parts() for name in part]
        raise BadOverride(f"there is no calendar '{calendar}'{did_you_mean(calendar, known)}")
    if not reason.strip():
        raise BadOverride("say why: those who read the record will ask")
    if not now < until <= now + LONGEST:
        raise BadOverride(
            f"an emergency ends in the future, within {LONGEST.days} days; write lasting hours into the file"
        )
    override = Override(
        id=new_id(), calendar=calendar, open=is_open, since=now, until=until, reason=reason.strip(), author=actor
    )
    await work.overrides.put(override)
    details = {"open": is_open, "until": until.isoformat(), "reason": override.reason}
    await work.rulebooks.audit(actor=actor, action="hours.override", subject=calendar, data=details, now=now)
    work.hint(Hint(topic=Topic.RULES, keys=(override.id,)))
    return override


async def withdraw(work: Work, *, calendar: str, actor: str, now: datetime) -> None:
    """The hours of the file count again. Raises `NotFound` where there is no override."""
    if not await work.overrides.clear(calendar, now=now):
        raise NotFound(f"calendar '{calendar}' is not overridden")
    await work.rulebooks.audit(actor=actor, action="hours.clear", subject=calendar, data={}, now=now)
    work.hint(Hint(topic=Topic.RULES, keys=(calendar,)))
