"""The rules in force: one immutable rulebook behind one reference, swapped between two messages."""

from collections.abc import Iterable
from datetime import timedelta

from conversation.model.routing_state import Escalation
from router.rules.conditions import Check
from router.rules.rulebook import RuleBook


class RulesInForce:
    """Whoever decides reads `rulebook` once and works with that one to the end; only `swap` changes it.

    `asks_staffed`: a rule wants to know who is on duty, and only then it is looked up for a batch. `soonest_page` is the shortest time
    after which a rule pages somebody for a single conversation.
    """

    rulebook: RuleBook
    asks_staffed: bool
    soonest_page: timedelta | None

    def __init__(self, rulebook: RuleBook) -> None:
        self.swap(rulebook)

    def swap(self, rulebook: RuleBook) -> None:
        """From now on this one."""
        self.rulebook = rulebook
        self.asks_staffed = any(_asks(rule.checks, "staffed") for rule in rulebook.rules)
        pages = [rule.actions.page for rule in rulebook.rules if isinstance(rule.actions.page, Escalation)]
        self.soonest_page = min((timedelta(seconds=page.after_seconds) for page in pages), default=None)


def _asks(checks: Iterable[Check], fact: str) -> bool:
    return any(check.fact == fact or _asks(check.parts, fact) for check in checks)
