"""From a message and what the store knows of its sender to the facts of a decision."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from conversation.model.conversation import Conversation
from conversation.model.decision import ExistingConversation, Facts, Understood
from conversation.model.message import MessageReceived
from conversation.model.people import Customer
from conversation.model.routing_names import attributes_of
from router.decision.clarifying_questions import picked
from router.decision.classifier import Classifier, classify
from router.decision.conversation_matching import THANKS
from router.rules.model import ChannelHints
from router.rules.rulebook import RuleBook
from router.understanding.chinese_script import script_of, script_of_tag
from router.understanding.language import Detector, LanguageEstimate, blend, hint_of, primary, scores_of, substantial
from router.understanding.language_request import OWN_NAMES, language_requested

STATUS = "status"
_CHINESE = "zh"
_MOST_RIVALS = 9
CHANNEL_CONFIDENCE = 0.5
_NO_HINTS = ChannelHints(kind="unknown")


def understand(text: str, rulebook: RuleBook, detector: Detector, classifier: Classifier | None = None) -> Understood:
    """What the text says by itself: scores of languages, issues and intents, and what a classifier claims."""
    languages = scores_of(text, detector, rulebook.offered)
    words = rulebook.issue_words.ranked(text)
    claimed = classify(classifier, text, languages, words, rulebook) if classifier else None
    return Understood(
        languages=languages,
        issues=words,
        intents=tuple(rulebook.intent_words.scores(text)),
        classified=claimed.ranking if claimed else (),
        model=claimed.by if claimed else None,
        wish=language_requested(text),
    )


def gather(
    message: MessageReceived,
    *,
    customer: Customer,
    conversations: Sequence[Conversation],
    understood: Understood,
    rulebook: RuleBook,
    now: datetime,
    on_duty: frozenset[tuple[str, str]] | None = None,
    callback_queue: str | None = None,
) -> Facts:
    """The facts. `first_message` means that no conversation of this customer is open."""
    if message.apart:
        conversations = [one for one in conversations if one.id == message.token]
    hints = rulebook.channels.get(message.channel, _NO_HINTS)
    current = [one for one in conversations if one.state.is_open and one.customer == customer.id]
    asked, answered_language = _asked(message, current, rulebook), _answered_language(message, current)
    wish = understood.wish or (answered_language[1] if answered_language else None)
    issue = (asked[1], 1.0, "chosen") if asked else _issue(message, understood, hints, rulebook, alone=not current)
    estimate = _estimated_language(message, understood, customer, current, rulebook, wish=wish)
    claims = not current or _claims(issue, understood)
    if not claims:
        estimate, claims = _settled(estimate, _held(current), message)
    return Facts(
        now=now, channel=message.channel, kind=hints.kind, text=message.text, brand=hints.brand,
        language=estimate.language, language_confidence=estimate.confidence, language_source=estimate.source,
        issue=issue[0], issue_confidence=issue[1], issue_source=issue[2],
        model=understood.model if issue[2] == "model" else None, intents=understood.intents,
        claims=claims and message.machine is None, first_message=not current,
        verified=message.sender.verified or customer.verified, machine=message.machine,
        customer=_attributes(customer, message), matters=tuple(existing_of(one) for one in conversations),
        token=_answered(asked, answered_language) or _token(message, customer, conversations),
        script=_script(message, current) if estimate.language == _CHINESE else None,
        rivals=rivals_in(issue, understood.issues, rulebook) if rulebook.question else (), wish=wish,
        on_duty=on_duty, callback_queue=callback_queue,
    )  # fmt: skip


def _estimated_language(
    message: MessageReceived,
    understood: Understood,
    customer: Customer,
    current: Sequence[Conversation],
    rulebook: RuleBook,
    *,
    wish: str | None,
) -> LanguageEstimate:
    """The language of the text, blended with what the sender chose, spoke before, and their medium hints at."""
    hints = rulebook.channels.get(message.channel, _NO_HINTS)
    wished, held = wish or _wished(message, current), _held(current)
    return blend(
        understood.languages,
        chosen=wished or primary(message.language),
        prior=primary(customer.language) or held,
        hint=hint_of(message.locale, hints.language, rulebook.offered),
        default=rulebook.default_language,
    )


def existing_of(conversation: Conversation) -> ExistingConversation:
    """A conversation as a decision needs to know it."""
    return ExistingConversation(
        id=conversation.id,
        state=conversation.state,
        queue=conversation.queue,
        issue=conversation.issue,
        language=conversation.language,
        priority=conversation.priority,
        owned=conversation.owner is not None,
        last_activity=conversation.last_inbound_at or conversation.updated_at,
        closed_at=conversation.closed_at,
        owner_wrote_at=conversation.owner_wrote_at,
        said=conversation.sent_replies,
        attributes=attributes_of(conversation),
    )


def _issue(
    message: MessageReceived, understood: Understood, hints: ChannelHints, rulebook: RuleBook, *, alone: bool
) -> tuple[str | None, float, str]:
    """(issue, confidence, source): chosen by the sender, found by a classifier or by words, or hinted by the channel.

    Models learn from how conversations begin: in one that is open already, only the words may say that this is another matter.
    """
    if message.issue in rulebook.issues:
        return message.issue, 1.0, "chosen"
    if alone and understood.classified:
        return *understood.classified[0], "model"
    for name, share in understood.issues:
        if name in rulebook.issues:
            return name, share, "words"
    if hints.issue in rulebook.issues:
        return hints.issue, CHANNEL_CONFIDENCE, "channel"
    return None, 0.0, "unknown"


def _asked(message: MessageReceived, current: Sequence[Conversation], rulebook: RuleBook) -> tuple[str, str] | None:
    """(conversation, issue) where the message answers the question that was put in it."""
    for one in current:
        if known := one.routing.offered_choices:
            titles = {name: rulebook.issues[name].title for name in known if name in rulebook.issues}
            issue = message.issue if message.issue in titles else picked(message.text, known, titles)
            return (one.id, issue) if issue in titles and issue is not None else None
    return None


def _answered_language(message: MessageReceived, current: Sequence[Conversation]) -> tuple[str, str] | None:
    """(conversation, language) where the message answers which language to go on in."""
    for one in current:
        if known := one.routing.offered_languages:
            language = picked(message.text, known, {name: {name: OWN_NAMES.get(name, name)} for name in known})
            return (one.id, language) if language is not None else None
    return None


def _answered(*answers: tuple[str, str] | None) -> str | None:
    """The conversation in which the question was put that this answers."""
    return next((answer[0] for answer in answers if answer is not None), None)


def rivals_in(
    issue: tuple[str | None, float, str], found: Sequence[tuple[str, float]], rulebook: RuleBook
) -> tuple[str, ...]:
    """The issues that words found, where none of them is sure enough to do without asking."""
    if rulebook.question is None or issue[2] != "words" or issue[1] >= rulebook.question.below:
        return ()
    return tuple(name for name, _ in found if name in rulebook.issues)[:_MOST_RIVALS]


def _wished(message: MessageReceived, current: Sequence[Conversation]) -> str | None:
    """The language asked for in words earlier, until the sender chooses another one than the choice that the words overruled."""
    for one in current:
        request = one.routing.language_request
        if request is not None and request.overruled == message.language:
            return request.language
    return None


def _script(message: MessageReceived, current: Sequence[Conversation]) -> str | None:
    """By the text, else as the conversation had it, else as the sender's choice or locale says."""
    held = next((one.routing.script for one in current if one.routing.script is not None), None)
    tags = script_of_tag(message.language) or script_of_tag(message.locale)
    return script_of(message.text) or held or tags


def _claims(issue: tuple[str | None, float, str], understood: Understood) -> bool:
    """Whether the message says something of its own: an issue, or an intent of weight."""
    named = issue[0] is not None and issue[2] != "channel"
    return named or any(name not in (THANKS, STATUS) for name in understood.intents)


def _held(current: Sequence[Conversation]) -> str | None:
    """The language of the customer's newest open conversation."""
    newest = max(current, key=lambda one: one.last_inbound_at or one.updated_at, default=None)
    return newest.language if newest else None


def _settled(estimate: LanguageEstimate, held: str | None, message: MessageReceived) -> tuple[LanguageEstimate, bool]:
    """A few words that claim nothing do not change the language of a conversation; a whole sentence in another one does."""
    if estimate.source == "detected" and estimate.language != held and substantial(message.text):
        return estimate, True
    if held is None or estimate.source == "chosen":
        return estimate, False
    return LanguageEstimate(held, estimate.confidence if estimate.language == held else 0.0, "contact"), False


def _attributes(customer: Customer, message: MessageReceived) -> Mapping[str, object]:
    since = {"created_at": customer.created_at.isoformat()} if customer.created_at else {}
    return {**since, **customer.attributes, **message.attributes}


def _token(message: MessageReceived, customer: Customer, conversations: Sequence[Conversation]) -> str | None:
    """The conversation proven by our signature, or one of the customer's own that is answered or named by its reference."""
    if any(one.id == message.token for one in conversations):
        return message.token
    own = [one for one in conversations if one.customer == customer.id]
    if message.reply_to is not None and any(one.id == message.reply_to for one in own):
        return message.reply_to
    written = f"{message.subject or ''} {message.text[:2000]}"
    shouted = written.upper() if "-" in written else ""
    return next((one.id for one in own if shouted and one.reference and one.reference in shouted), None)
