"""What conditions see of a message: its facts, with the issue and the conversation that joining found."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from conversation.model.decision import Facts, Joining
from router.decision.conversation_matching import Joined
from router.rules.conditions import looked_up
from router.rules.rulebook import RuleBook

_TEXT_LIMIT = 20_000
_PLAIN: Mapping[str, Callable[[Facts], Any]] = {
    "channel": lambda facts: facts.channel,
    "kind": lambda facts: facts.kind,
    "brand": lambda facts: facts.brand,
    "language": lambda facts: facts.language,
    "script": lambda facts: facts.script,
    "intent": lambda facts: facts.intents,
    "first_message": lambda facts: facts.first_message,
    "verified": lambda facts: facts.verified,
}


class View:
    """One message, seen by conditions. Made for one decision and thrown away."""

    __slots__ = ("_bytes", "_facts", "_joined", "_rulebook")

    def __init__(self, facts: Facts, joined: Joined, rulebook: RuleBook) -> None:
        self._facts = facts
        self._joined = joined
        self._rulebook = rulebook
        self._bytes: bytes | None = None

    def value(self, fact: str) -> Any:
        """The fact's value; None is unknown."""
        plain = _PLAIN.get(fact)
        if plain is not None:
            return plain(self._facts)
        if fact == "issue":
            return self._joined.issue
        if fact == "priority":
            return self._priority()
        if fact == "missing":
            return self.missing(self._joined.issue)
        scope, _, name = fact.partition(".")
        return looked_up(self._facts.customer, name) if scope == "customer" else self._conversation(name)

    def searchable(self) -> bytes:
        """The text as UTF-8, for patterns."""
        if self._bytes is None:
            self._bytes = self._facts.text[:_TEXT_LIMIT].encode("utf-8", "replace")
        return self._bytes

    def text(self) -> str:
        """The text itself."""
        return self._facts.text

    def phrases(self, part: str, issues: frozenset[str]) -> frozenset[object]:
        """The words of these issues that stand in a part of the text; none of an issue that a word under `unless` forbids."""
        found = self._rulebook.issue_words.phrases_in(part)
        forbidden = {one.name for one in found if one.forbids}
        return frozenset(one for one in found if one.name in issues and one.name not in forbidden)

    def stands_in(self, issues: frozenset[str]) -> bool:
        """Whether the message joins an open conversation of one of these issues."""
        existing = self._joined.existing
        return existing is not None and existing.issue in issues and self._joined.joining is Joining.JOINED

    def missing(self, issue: str | None) -> tuple[str, ...]:
        """What this issue asks for and neither the customer nor the conversation has given."""
        known = self._rulebook.issues.get(issue or "")
        return self.ungiven(known.ask) if known is not None and known.ask else ()

    def ungiven(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the names that neither the customer nor the conversation has given."""
        existing = self._joined.existing
        scopes = (self._facts.customer, self._facts.conversation, existing.attributes if existing else {})
        return tuple([name for name in names if all(scope.get(name) is None for scope in scopes)])

    def now(self) -> datetime:
        """The instant decided for."""
        return self._facts.now

    def is_open(self, name: str) -> bool:
        """Whether a queue or calendar is open to this message's language."""
        queue = self._rulebook.queues.get(name)
        hours = queue.hours if queue else name
        return self._rulebook.calendars.is_open(hours, self._facts.now, self.served)

    def is_staffed(self, name: str) -> bool:
        """Whether somebody online can serve this queue in this language; where nobody looked, whether it is open."""
        duty, queue = self._facts.on_duty, self._rulebook.queues.get(name)
        if duty is None or queue is None:
            return self.is_open(name)
        if queue.languages is None:
            return (name, self.served or self._rulebook.default_language) in duty
        return any(served == name and (not queue.languages or language in queue.languages) for served, language in duty)

    @property
    def served(self) -> str | None:
        """The language this message is served in."""
        return self._rulebook.served(self._facts.language)

    def _priority(self) -> str:
        issue = self._rulebook.issues.get(self._joined.issue or "")
        return issue.priority.label if issue else "normal"

    def _conversation(self, name: str) -> Any:
        given = looked_up(self._facts.conversation, name)
        existing = self._joined.existing
        if given is not None or existing is None:
            return given
        kept = looked_up(existing.attributes, name)
        return _BUILT_IN[name](existing) if kept is None and name in _BUILT_IN else kept


_BUILT_IN: Mapping[str, Callable[[Any], Any]] = {
    "queue": lambda existing: existing.queue,
    "state": lambda existing: existing.state.value,
    "priority": lambda existing: existing.priority.label,
    "issue": lambda existing: existing.issue,
    "language": lambda existing: existing.language,
    "owned": lambda existing: existing.owned,
    "last_activity": lambda existing: existing.last_activity,
}
