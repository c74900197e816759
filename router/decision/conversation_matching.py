"""Which conversation a message belongs to: one of the customer's, or one of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conversation.model.conversation import Priority
from conversation.model.decision import ExistingConversation, Facts, Joining
from router.rules.rulebook import RuleBook

CONFIDENT = 0.6
THANKS = "thanks"
_OWN = ("chosen", "words", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The conversation found (`matter` None: a new one), and the issue that holds from here on.

    `fresh` says that the issue is new to this conversation.
    """

    joining: Joining
    existing: ExistingConversation | None = None
    linked: str | None = None
    issue: str | None = None
    issue_confidence: float = 0.0
    issue_source: str = "unknown"
    fresh: bool = True


def claims_issue(facts: Facts) -> bool:
    """Whether the message itself names an issue; a hint of its channel is no claim."""
    return facts.issue is not None and facts.issue_source in _OWN


def join(facts: Facts, rulebook: RuleBook) -> Joined:
    """A signed token, then an open conversation of the same matter, then one closed not long ago, then a new one."""
    named = next((existing for existing in facts.matters if existing.id == facts.token), None)
    if named is not None and (named.state.is_open or not _only_thanks(facts)):
        return _into(facts, named)
    rest = [existing for existing in facts.matters if existing.id != facts.token]
    open_conversations = _newest_first(existing for existing in rest if existing.state.is_open)
    if open_conversations:
        fitting = _fitting(facts, open_conversations)
        if fitting is not None and not _stands_alone(facts, fitting, rulebook):
            return _into(facts, fitting)
        return _new(facts, linked=open_conversations[0].id)
    closed = None if _only_thanks(facts) else _reopenable(facts, rest, rulebook)
    return _new(facts, linked=named.id if named else None) if closed is None else _into(facts, closed)


def _newest_first(candidates: Iterable[ExistingConversation]) -> list[ExistingConversation]:
    return sorted(candidates, key=lambda existing: (existing.last_activity, existing.id), reverse=True)


def _fitting(facts: Facts, candidates: Sequence[ExistingConversation]) -> ExistingConversation | None:
    """Of the same issue, else of a still unknown one, else the newest."""
    if not claims_issue(facts):
        return candidates[0]
    same = next((existing for existing in candidates if existing.issue == facts.issue), None)
    blank = next((existing for existing in candidates if existing.issue is None), None)
    return same or blank or candidates[0]


def _stands_alone(facts: Facts, existing: ExistingConversation, rulebook: RuleBook) -> bool:
    """Whether this is another matter: a known issue that is urgent or sure, and not the conversation's."""
    if facts.machine is not None or not claims_issue(facts) or existing.issue in (None, facts.issue):
        return False
    issue = rulebook.issues.get(facts.issue or "")
    urgent = issue is not None and issue.priority is Priority.URGENT
    return urgent or facts.issue_confidence >= CONFIDENT


def _only_thanks(facts: Facts) -> bool:
    return THANKS in facts.intents and not claims_issue(facts)


def _reopenable(
    facts: Facts, candidates: Sequence[ExistingConversation], rulebook: RuleBook
) -> ExistingConversation | None:
    since = facts.now - rulebook.reopen_within
    late = _newest_first(
        existing
        for existing in candidates
        if not existing.state.is_open and existing.closed_at is not None and existing.closed_at > since
    )
    if not late:
        return None
    fitting = _fitting(facts, late)
    return None if fitting is None or _stands_alone(facts, fitting, rulebook) else fitting


def _into(facts: Facts, existing: ExistingConversation) -> Joined:
    reopens = not existing.state.is_open and facts.machine is None  # what a machine says is kept, and wakes nobody
    joining = Joining.REOPENED if reopens else Joining.JOINED
    keeps = existing.issue is not None and (
        not claims_issue(facts) or (facts.issue != existing.issue and facts.issue_confidence < CONFIDENT)
    )
    if keeps:
        sure = facts.issue_confidence if facts.issue == existing.issue else 1.0
        return Joined(
            joining=joining,
            existing=existing,
            issue=existing.issue,
            issue_confidence=sure,
            issue_source="conversation",
            fresh=False,
        )
    return Joined(
        joining=joining,
        existing=existing,
        issue=facts.issue,
        issue_confidence=facts.issue_confidence,
        issue_source=facts.issue_source,
        fresh=facts.issue != existing.issue,
    )


def _new(facts: Facts, *, linked: str | None) -> Joined:
    return Joined(
        joining=Joining.NEW,
        linked=linked,
        issue=facts.issue,
        issue_confidence=facts.issue_confidence,
        issue_source=facts.issue_source,
    )
