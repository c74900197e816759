"""The rule book: the rules file compiled, immutable, one revision. `compile_rules` finds all faults at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from router.hours.calendars import Calendars
from router.rules.conditions import Check, Test
from router.rules.document import Document
from router.rules.faults import Fault, Faults, RuleFaults
from router.rules.model import (
    WORK_OF,
    Actions,
    ChannelHints,
    Classifying,
    Intent,
    Issue,
    Question,
    Reply,
    Webhook,
)
from router.rules.queues import Overflow, Queue, read_queues
from router.rules.read_actions import read_rules
from router.rules.read_hours import read_calendars
from router.rules.read_issues import read_intents, read_issues
from router.rules.read_replies import read_replies
from router.rules.reader import (
    Reading,
    read_classifier,
    read_fallback,
    read_language_question,
    read_languages,
    read_question,
    read_tests,
    titles,
)
from router.rules.rule_index import RuleIndex, build_index
from router.understanding.keywords import Matcher

__all__ = [
    "Actions",
    "ChannelHints",
    "Fault",
    "Intent",
    "Issue",
    "Overflow",
    "Queue",
    "Reply",
    "Rule",
    "RuleBook",
    "RuleFaults",
    "Webhook",
    "compile_rules",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: all checks needed. `tests` are those that the index leaves to be made, cheap ones first.

    `listens` where one of them asks for the text or an intent of this very message.
    """

    name: str
    checks: tuple[Check, ...]
    tests: tuple[Test, ...]
    actions: Actions
    named: tuple[str, ...]
    listens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Everything a decision needs to know. Swapped whole, never changed. `warnings` are for `check`."""

    revision: str
    languages: tuple[str, ...]
    default_language: str
    reopen_within: timedelta
    grace: timedelta
    offer_for: timedelta
    queues: Mapping[str, Queue]
    issues: Mapping[str, Issue]
    intents: Mapping[str, Intent]
    replies: Mapping[str, Reply]
    webhooks: Mapping[str, Webhook]
    channels: Mapping[str, ChannelHints]
    calendars: Calendars
    rules: tuple[Rule, ...]
    fallback: str
    index: RuleIndex
    issue_words: Matcher
    intent_words: Matcher
    offered: frozenset[str]
    classifying: Classifying
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    question: Question | None = None
    language_question: str | None = None
    asked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[Fault, ...] = ()

    def kind_of(self, channel: str) -> str:
        """What kind of channel this account is; "" where the rules know none of this name."""
        hints = self.channels.get(channel)
        return hints.kind if hints else ""

    def served(self, language: str | None) -> str | None:
        """The language in which somebody who speaks `language` is served: its fallbacks, then the default, where it is not offered."""
        if language is None or language in self.offered:
            return language
        return next((one for one in self.fallbacks.get(language, ()) if one in self.offered), self.default_language)

    def promised(self, queue: Queue, kind: str) -> timedelta | None:
        """Within which open time a first answer is due: by kind of channel, by kind of work, else the default."""
        table = queue.first_response
        for name in (kind, WORK_OF.get(kind, "message"), "default"):
            if name in table:
                return table[name]
        return None

    def due(self, queue: Queue, kind: str, language: str | None, now: datetime) -> datetime | None:
        """The instant by which a first answer is due, in opening time; None where nothing is promised or it never opens."""
        span = self.promised(queue, kind)
        return None if span is None else self.calendars.add_open_time(queue.hours, now, span, language)

    def preferred_languages(self, language: str | None, script: str | None = None) -> tuple[str, ...]:
        """The languages in which they are written to, best first: `zh-Hant`, `zh`, its fallbacks, the default."""
        if not language:
            return (self.default_language,)
        written = (f"{language}-{script}",) if script else ()
        return (*written, language, *self.fallbacks.get(language, ()), self.default_language)

    def reply_text(
        self, name: str, *, language: str | None, kind: str, values: Mapping[str, str], script: str | None = None
    ) -> str:
        """The reply in the first of their preferred languages, else in any; placeholders without a value are empty."""
        reply = self.replies.get(name)
        if reply is None:
            return ""
        return reply.text(self.preferred_languages(language, script), kind).format_map(_Values(values))


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def compile_rules(document: Document, *, revision: str, channels: Mapping[str, ChannelHints]) -> RuleBook:
    """The rule book of a document. Raises `RuleFaults` with every fault found."""
    faults = Faults()
    languages, default, fallbacks = read_languages(document.languages, faults)
    calendars = read_calendars(document.hours, faults)
    reading = Reading(document=document, faults=faults, channels=channels, languages=languages)
    queues = read_queues(reading)
    issues, issue_words = read_issues(reading)
    intents, intent_words = read_intents(reading)
    replies = read_replies(reading)
    read = list(read_rules(reading, issues))
    fallback = read_fallback(reading)
    classifying, question = read_classifier(reading), read_question(reading)
    language_question = read_language_question(reading)
    read_tests(reading)
    if faults.errors:
        raise RuleFaults(faults.found)
    named = [actions.names() for _, _, actions in read]
    index = build_index([(one[1], names) for one, names in zip(read, named, strict=True)])
    return RuleBook(
        revision=revision, languages=languages, default_language=default,
        reopen_within=document.conversations.reopen_within, grace=document.agents.grace,
        offer_for=document.agents.offer, queues=queues, issues=issues, intents=intents, replies=replies,
        webhooks={name: Webhook(name=name, url=part.url) for name, part in document.webhooks.items()},
        channels=dict(channels), calendars=calendars,
        rules=tuple(_rule(*one, names, index.facts) for one, names in zip(read, named, strict=True)),
        fallback=fallback, index=index, issue_words=issue_words, intent_words=intent_words,
        offered=frozenset(languages), classifying=classifying, fallbacks=fallbacks, question=question,
        language_question=language_question,
        asked={name: titles(title) for name, title in document.asked.items()}, warnings=faults.warnings,
    )  # fmt: skip


def _rule(
    name: str, checks: tuple[Check, ...], actions: Actions, named: tuple[str, ...], indexed: frozenset[str]
) -> Rule:
    first = {check.fact: check for check in reversed(checks) if check.accepts is not None}
    left = [check for check in checks if check.fact not in indexed or first.get(check.fact) is not check]
    return Rule(
        name=name,
        checks=checks,
        tests=tuple(check.test for check in sorted(left, key=lambda check: check.listens)),
        actions=actions,
        named=named,
        listens=any(check.listens for check in checks),
    )
