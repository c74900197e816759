"""The rules while emergency overrides of hours stand."""

from collections.abc import Iterable
from dataclasses import replace

from conversation.ports.storage.hours_overrides import Override
from router.hours.overrides import Emergency, with_emergencies
from router.rules.rulebook import RuleBook


def under(rulebook: RuleBook, overrides: Iterable[Override]) -> RuleBook:
    """The same rules with these emergencies; the rule book itself is not touched."""
    emergencies = [
        Emergency(calendar=one.calendar, open=one.open, since=one.since, until=one.until) for one in overrides
    ]
    return replace(rulebook, calendars=with_emergencies(rulebook.calendars, emergencies)) if emergencies else rulebook
