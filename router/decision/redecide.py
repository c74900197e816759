"""A stored decision decided again under other rules: the facts as they were kept, understood anew only where that may differ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conversation.model.decision import Decision, ExistingConversation, Facts
from router.decision.classifier import may_ask
from router.decision.conversation_matching import THANKS
from router.decision.decide import decide
from router.decision.facts import CHANNEL_CONFIDENCE, STATUS, rivals_in
from router.rules.document import Document, IntentPart, IssuePart
from router.rules.model import ChannelHints
from router.rules.rulebook import RuleBook
from router.understanding.classifier_blend import Ranking
from router.understanding.language import Detector, blend, scores_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinterpretationNeeds:
    """What of a text has to be understood again, because its configuration is not the one the facts were gathered under."""

    words: bool = True
    languages: bool = True


def reinterpretation_needs(old: Document, new: Document) -> ReinterpretationNeeds:
    """What differs between two rules files as far as understanding a text goes."""
    same_words = _words(old.issues) == _words(new.issues) and _words(old.intents) == _words(new.intents)
    same_words = same_words and old.question == new.question
    return ReinterpretationNeeds(words=not same_words, languages=old.languages != new.languages)


def redecide(
    facts: Facts,
    rulebook: RuleBook,
    needed: ReinterpretationNeeds,
    detector: Detector,
    *,
    hints: ChannelHints | None = None,
) -> Decision:
    """The decision under these rules. `hints` are the channel's own where the new file changes them; the text may be gone."""
    if hints is not None:
        facts = replace(facts, kind=hints.kind, brand=hints.brand)
    if needed.words and facts.text:
        facts = _understood(facts, rulebook)
    if needed.languages and facts.text:
        facts = _estimated_language(facts, rulebook, detector)
    return decide(facts, rulebook)


def _words(parts: Mapping[str, IssuePart] | Mapping[str, IntentPart]) -> list[tuple[str, object, object]]:
    return [(name, part.words, part.unless) for name, part in parts.items()]


def _understood(facts: Facts, rulebook: RuleBook) -> Facts:
    """The issue and the intents by the new words; what the sender or a model said stays where it is still known."""
    intents = tuple(rulebook.intent_words.scores(facts.text))
    words = rulebook.issue_words.ranked(facts.text)
    issue, confidence, source = answer = _issue(facts, rulebook, words)
    named = issue is not None and source != "channel"
    carries_issue = named or any(name not in (THANKS, STATUS) for name in intents)
    claims = facts.first_message or carries_issue or (facts.claims and facts.language_source == "detected")
    return replace(
        facts,
        intents=intents,
        issue=issue,
        issue_confidence=confidence,
        issue_source=source,
        claims=claims,
        rivals=rivals_in(answer, words, rulebook),
    )


def _issue(facts: Facts, rulebook: RuleBook, words: Ranking) -> tuple[str | None, float, str]:
    kept = (facts.issue, facts.issue_confidence, facts.issue_source)
    known = facts.issue in rulebook.issues
    if known and facts.issue_source == "chosen":
        return kept
    if known and facts.issue_source == "model" and may_ask(facts.text, words, rulebook):
        return kept
    if words:
        return *words[0], "words"
    hints = rulebook.channels.get(facts.channel)
    if hints is not None and hints.issue in rulebook.issues:
        return hints.issue, CHANNEL_CONFIDENCE, "channel"
    return None, 0.0, "unknown"


def _estimated_language(facts: Facts, rulebook: RuleBook, detector: Detector) -> Facts:
    """The language among those offered now; a choice and a contact's history stay what they were."""
    if facts.language_source in ("chosen", "agent") or (facts.language_source == "contact" and not facts.claims):
        return facts
    hints = rulebook.channels.get(facts.channel)
    estimate = blend(
        scores_of(facts.text, detector, rulebook.offered),
        prior=facts.language if facts.language_source == "contact" else _held(facts.matters),
        hint=facts.language if facts.language_source == "channel" else hints.language if hints else None,
        default=rulebook.default_language,
    )
    return replace(
        facts, language=estimate.language, language_confidence=estimate.confidence, language_source=estimate.source
    )


def _held(existing: tuple[ExistingConversation, ...]) -> str | None:
    newest = max((one for one in existing if one.state.is_open), key=lambda one: one.last_activity, default=None)
    return newest.language if newest else None
