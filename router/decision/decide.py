"""`decide(facts, rulebook) -> Decision`: pure, total, without a clock; `reasons` lists every rule tried and why.

Each action is settled by the first rule that names it, labels add up, `stop` ends the search. The queue falls back to the issue's,
then to the fallback; the priority to the issue's. While nobody owns a conversation a later decision may move it and raise its
priority, never lower it; once owned, a more urgent one raises the priority and alerts. A message that claims nothing moves nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conversation.model.conversation import Priority
from conversation.model.decision import Decision, Facts, Joining, Tried
from conversation.model.routing_names import ends_automation
from conversation.model.routing_state import Escalation
from router.decision.conversation_matching import THANKS, Joined, join
from router.decision.facts import STATUS
from router.decision.rule_input import View
from router.rules.alarm_calming import ELSEWHERE
from router.rules.model import ACTIONS, Actions, Question
from router.rules.queues import Queue
from router.rules.rulebook import Rule, RuleBook

OWNER_SPEAKS = timedelta(minutes=10)
ASK_REPLY = "ask"
STATUS_REPLY = "status"  # what "any news?" is answered with, as often as it is asked
HUMAN = "human"  # the intent that ends automation, and
_WITHOUT_ISSUE = (THANKS, STATUS, HUMAN)
_NOT_PLACING = frozenset(ACTIONS) - {"queue", "issue"}
# in place of a rule: what is held for a call is a reason to move the conversation, whatever else the message claims
_CALLBACK = Rule(name="callback", checks=(), tests=(), actions=Actions(), named=(), listens=True)


@dataclass(slots=True)
class _Settled:
    """What the rules settled: for each action its value and its rule."""

    values: dict[str, Any] = field(default_factory=dict)
    by: dict[str, Rule] = field(default_factory=dict)
    labels: list[tuple[str, Rule]] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)

    def add(self, rule: Rule) -> list[str]:
        """The actions this rule settles now."""
        settled = []
        for action in rule.named:
            if action == "labels":
                self.labels.extend((label, rule) for label in rule.actions.labels or ())
            elif action in self.by:
                continue
            self.by.setdefault(action, rule)
            self.values.setdefault(action, getattr(rule.actions, action))
            settled.append(action)
        if settled:
            self.rules.append(rule.name)
        return settled


def decide(facts: Facts, rulebook: RuleBook) -> Decision:
    """Where the message goes and why. Never raises, whatever the facts."""
    joined = join(facts, rulebook)
    view, settled = View(facts, joined, rulebook), _settled_before(facts, rulebook)
    return _Composer(facts, rulebook, joined, _settle(view, rulebook, settled, settled.by), view).decision()


def queue_for(facts: Facts, rulebook: RuleBook) -> str:
    """The queue of a new conversation with these facts, as `decide` would have it; nothing else is decided."""
    joined = join(facts, rulebook)
    view = View(facts, joined, rulebook)
    return _Composer(facts, rulebook, joined, _settle(view, rulebook, _Settled(), _NOT_PLACING), view).placed()[0]


def _settled_before(facts: Facts, rulebook: RuleBook) -> _Settled:
    """A call goes to the queue that is to make it: no rule is asked for another one."""
    if facts.callback_queue is None or facts.callback_queue not in rulebook.queues:
        return _Settled()
    return _Settled(values={"queue": facts.callback_queue}, by={"queue": _CALLBACK})


def _settle(view: View, rulebook: RuleBook, settled: _Settled, needless: Collection[str] = ()) -> _Settled:
    """A rule that names nothing but `needless` actions is not tried."""
    index = rulebook.index
    bits = index.candidates(view.value)
    if needless:
        bits &= index.worth_trying(needless)
    while bits:
        lowest = bits & -bits
        bits ^= lowest
        rule = rulebook.rules[lowest.bit_length() - 1]
        if not all(test(view) for test in rule.tests):
            continue
        settled.add(rule)
        if rule.actions.stop:
            break
        bits &= index.worth_trying(settled.by)
    return settled


def speaks_unknown(facts: Facts) -> bool:
    """Whether their language is unknown: neither they nor their text, their medium or their past."""
    return facts.language_source in ("default", "unknown")


def reasons(facts: Facts, rulebook: RuleBook) -> tuple[Tried, ...]:
    """Every rule in the file's order: each condition with what was wanted and found, what it settled, what it came too late for."""
    view = View(facts, join(facts, rulebook), rulebook)
    settled = _settled_before(facts, rulebook)
    rules: list[Tried] = []
    stopped = False
    for rule in rulebook.rules:
        tried = _untried(rule) if stopped else _tried(rule, view, settled)
        stopped = stopped or "stop" in tried.settled
        rules.append(tried)
    return tuple(rules)


def _untried(rule: Rule) -> Tried:
    conditions = tuple(check.untried() for check in rule.checks if check.fact != ELSEWHERE)
    return Tried(rule=rule.name, matched=False, conditions=conditions, reached=False)


def _tried(rule: Rule, view: View, settled: _Settled) -> Tried:
    checks = [check.explain(view) for check in rule.checks]
    conditions = tuple(
        one for one in checks if not (one.fact == ELSEWHERE and one.held)
    )  # nobody wrote it: only its failure says more
    if not all(condition.held for condition in conditions):
        return Tried(rule=rule.name, matched=False, conditions=conditions)
    won = settled.add(rule)
    lost = tuple(action for action in rule.named if action not in won)
    return Tried(rule=rule.name, matched=True, conditions=conditions, settled=tuple(won), lost=lost)


class _Composer:
    """Makes the decision of what was joined and settled."""

    __slots__ = ("_facts", "_issue", "_joined", "_rulebook", "_settled", "_settled_by", "_view")

    def __init__(self, facts: Facts, rulebook: RuleBook, joined: Joined, settled: _Settled, view: View) -> None:
        self._view = view
        self._facts = facts
        self._rulebook = rulebook
        self._joined = joined
        self._settled = settled
        self._settled_by = {action: rule.name for action, rule in settled.by.items()}
        self._issue = settled.values.get("issue") or joined.issue

    def decision(self) -> Decision:
        joined, facts = self._joined, self._facts
        name, moves = self._queue()
        queue = self._rulebook.queues.get(name) or self._rulebook.queues[self._rulebook.fallback]
        priority, alert = self._priority()
        language = self._language()
        is_open, opens = self._opening(queue, language)
        by_rule = "issue" in self._settled.by
        ask = self._ask()
        arrives = moves or joined.joining is not Joining.JOINED
        replies = self._replies(queue, ask, is_open=is_open, arrives=arrives)
        return Decision(
            joining=joined.joining, queue=name, priority=priority, revision=self._rulebook.revision,
            conversation=joined.existing.id if joined.existing else None, linked=joined.linked, moves=moves,
            language=language, language_confidence=facts.language_confidence, language_source=facts.language_source,
            issue=self._issue, issue_confidence=1.0 if by_rule else joined.issue_confidence,
            issue_source="rule" if by_rule else joined.issue_source, open=is_open, opens=opens,
            due=self._due(queue, language) if arrives else None, replies=replies, labels=self._labels(), ask=ask,
            callback=bool(self._settled.values.get("callback", False)), webhooks=self._webhooks(),
            page=self._page(queue), rules=tuple(self._settled.rules), settled_by=self._settled_by, alert=alert,
            choices=self._choices(replies),
            languages=self._rulebook.languages if self._rulebook.language_question in replies else (),
        )  # fmt: skip

    def _speaks(self, action: str) -> bool:
        """Whether this message may change what stands: it claims something, or the rule listened to its very words."""
        rule = self._settled.by.get(action)
        return self._joined.existing is None or self._facts.claims or (rule is not None and rule.listens)

    def _queue(self) -> tuple[str, bool]:
        """(queue, whether the conversation comes to it now)."""
        wanted, by = self.placed()
        existing = self._joined.existing
        if existing is None:
            self._settled_by.setdefault("queue", by)
            return wanted, True
        known = existing.queue in self._rulebook.queues
        may = by != "fallback" and self._speaks("queue") and (by != "issue" or self._changes_issue())
        if existing.owned or (known and not (may and wanted != existing.queue)):
            self._settled_by["queue"] = "conversation"
            return existing.queue, False
        self._settled_by.setdefault("queue", by)
        return wanted, True

    def placed(self) -> tuple[str, str]:
        """(queue, by what) where the rules, the issue or the fallback place a new conversation."""
        if "queue" in self._settled.by:
            return self._settled.values["queue"], self._settled.by["queue"].name
        issue = self._rulebook.issues.get(self._issue or "")
        if issue is not None and issue.queue is not None:
            return issue.queue, "issue"
        return self._rulebook.fallback, "fallback"

    def _changes_issue(self) -> bool:
        existing = self._joined.existing
        return existing is None or self._issue != existing.issue

    def _priority(self) -> tuple[Priority, bool]:
        """(priority, whether owner and leads are alerted): never lower than it stands."""
        issue = self._rulebook.issues.get(self._issue or "")
        own: Priority | None = self._settled.values.get("priority")
        wanted = own if own is not None else issue.priority if issue else Priority.NORMAL
        by = "issue" if issue else "fallback"
        existing = self._joined.existing
        if existing is None:
            self._settled_by.setdefault("priority", by)
            return wanted, False
        if wanted > existing.priority and self._speaks("priority"):
            self._settled_by.setdefault("priority", by)
            return wanted, existing.owned
        self._settled_by["priority"] = "conversation"
        return existing.priority, False

    def _language(self) -> str | None:
        facts, existing = self._facts, self._joined.existing
        served = self._rulebook.served(facts.language)
        if existing is None or existing.language is None:
            return served
        surely = facts.language_source == "chosen" or (facts.language_source == "detected" and facts.claims)
        return served if surely and served is not None else existing.language

    def _opening(self, queue: Queue, language: str | None) -> tuple[bool, datetime | None]:
        calendars, now = self._rulebook.calendars, self._facts.now
        if calendars.is_open(queue.hours, now, language):
            return True, None
        return False, calendars.next_opening(queue.hours, now, language)

    def _due(self, queue: Queue, language: str | None) -> datetime | None:
        now, rulebook = self._facts.now, self._rulebook
        span: timedelta | None = self._settled.values.get("deadline")
        if span is not None:
            return rulebook.calendars.add_open_time(queue.hours, now, span, language)
        return rulebook.due(queue, self._facts.kind, language, now)

    def _replies(self, queue: Queue, ask: tuple[str, ...], *, is_open: bool, arrives: bool) -> tuple[str, ...]:
        """Once per conversation and closing, never to a machine, never while its owner is writing."""
        existing, rule = self._joined.existing, self._settled.values.get("reply")
        wrote = existing.owner_wrote_at if existing else None
        busy = wrote is not None and timedelta(0) <= self._facts.now - wrote < OWNER_SPEAKS
        if self._facts.machine is not None or busy or rule == ():
            return ()
        wanted = [queue.arrival if arrives else None, *(rule or ()), None if is_open else queue.closed]
        wanted += [] if self._automation_ended() else self._asked(ask)
        sent = existing.said if existing else ()
        names = [name for name in wanted if name is not None and name not in sent]
        return tuple(dict.fromkeys((*names, STATUS_REPLY) if self._asks_how_it_stands() else names))

    def _asked(self, ask: tuple[str, ...]) -> list[str]:
        """What the customer is asked in turn: their language, what the matter is, or what is missing to begin."""
        question, language_question = self._rulebook.question, self._rulebook.language_question
        if language_question is not None and self._speaks_unknown():
            return [language_question]
        if question is not None and self._is_unsure(question):
            return [question.reply]
        return [ASK_REPLY] if ask and ASK_REPLY in self._rulebook.replies else []

    def _speaks_unknown(self) -> bool:
        """A new matter of somebody whose language is unknown."""
        return self._joined.fresh and speaks_unknown(self._facts)

    def _is_unsure(self, question: Question) -> bool:
        """Nothing places it but the fallback, or two issues are as likely; and no rule, and nobody, has it in hand."""
        facts, joined = self._facts, self._joined
        by = self._settled.by
        if by.get("queue", _CALLBACK) is not _CALLBACK or "issue" in by or (joined.existing and joined.existing.owned):
            return False
        if not (facts.claims or facts.wish) or any(intent in _WITHOUT_ISSUE for intent in facts.intents):
            return False
        doubtful = bool(facts.rivals) and joined.fresh and facts.issue_confidence < question.below
        return self._issue is None or doubtful

    def _choices(self, replies: tuple[str, ...]) -> tuple[str, ...]:
        """The issues to choose from: those between which it is in doubt, else those of the question."""
        question = self._rulebook.question
        if question is None or question.reply not in replies:
            return ()
        return self._facts.rivals if len(self._facts.rivals) > 1 else question.choices

    def _automation_ended(self) -> bool:
        """Whether they asked for a person, now or earlier in this conversation: nothing is asked by machine any more."""
        existing = self._joined.existing
        return HUMAN in self._facts.intents or (existing is not None and ends_automation(existing.attributes))

    def _asks_how_it_stands(self) -> bool:
        """Whether "any news?" is asked about a conversation that there is."""
        asks = STATUS in self._facts.intents and STATUS_REPLY in self._rulebook.replies
        return asks and self._joined.joining is Joining.JOINED

    def _labels(self) -> tuple[str, ...]:
        may = self._joined.existing is None or self._facts.claims
        return tuple(dict.fromkeys(label for label, rule in self._settled.labels if may or rule.listens))

    def _ask(self) -> tuple[str, ...]:
        named = self._settled.values.get("ask")
        return self._view.missing(self._issue) if named is None else self._view.ungiven(named)

    def _webhooks(self) -> tuple[str, ...]:
        """Called when the decision is new to the conversation, not again for every further word in it."""
        rule = self._settled.by.get("webhook")
        repeated = self._joined.joining is Joining.JOINED and not self._changes_issue() and not self._raises(rule)
        if rule is None or not self._speaks("webhook") or (repeated and not rule.listens):
            return ()
        named: tuple[str, ...] = self._settled.values["webhook"]
        return named

    def _raises(self, rule: Rule | None) -> bool:
        """Whether this rule raises the priority now: advice was asked for first, the theft is stated only later."""
        existing = self._joined.existing
        own: Priority | None = self._settled.values.get("priority")
        raised = existing is not None and own is not None and own > existing.priority
        return raised and rule is not None and self._settled.by["priority"] is rule

    def _page(self, queue: Queue) -> Escalation | None:
        named: Escalation | bool | None = self._settled.values.get("page")
        return queue.page if named is None else named if isinstance(named, Escalation) else None
