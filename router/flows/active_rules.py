"""The rules in force: one immutable rulebook behind one reference, swapped between two messages."""

from collections.abc import Iterable
from datetime import timedelta

from conversation.model.routing_state import Escalation
from router.rules.conditions import Check
from router.rules.rulebook import RuleBook


class RulesInForce:
    """Whoever decides reads `rulebook` once and works with that one to the end."""

    def __init__(self, rulebook: RuleBook) -> None:
        self.swap(rulebook)

    @property
    def rulebook(self) -> RuleBook:
        """The rulebook in force at this moment."""
        return self._rulebook

    @property
    def asks_staffed(self) -> bool:
        """Whether a rule wants to know who is on duty: only then is it looked up for a batch."""
        return self._asks_staffed

    @property
    def soonest_page(self) -> timedelta | None:
        """The shortest time after which a rule pages somebody for a single conversation."""
        return self._soonest_page

    def swap(self, rulebook: RuleBook) -> None:
        """From now on this one."""
        self._rulebook = rulebook
        self._asks_staffed = any(_asks(rule.checks, "staffed") for rule in rulebook.rules)
        pages = [rule.actions.page for rule in rulebook.rules if isinstance(rule.actions.page, Escalation)]
        self._soonest_page = min((timedelta(seconds=page.after_seconds) for page in pages), default=None)


def _asks(checks: Iterable[Check], fact: str) -> bool:
    return any(check.fact == fact or _asks(check.parts, fact) for check in checks)
