"""Messages about calls: to customers, unless the rules have a reply of that name, and notes to agents. Pure."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from conversation.model.callback import Callback
from conversation.wording import CATALOGUE, Texts
from router.rules.rulebook import RuleBook
from router.wording.next_opening import format_opening

OFFER = "callback_offer"
REMINDER = "callback_reminder"
FAILED = "callback_failed"
MOVED = "callback_moved"
CODE = "callback_code"
NEVER = "callback_never"
EXPIRED = "callback_expired"
LATE = "callback_late"

CALLBACK_REPLIES = frozenset({OFFER, REMINDER, FAILED, MOVED, CODE, NEVER, EXPIRED, LATE})
_BLANK = {"time": "", "number": "", "link": "", "reference": "", "code": ""}


def message_text(rulebook: RuleBook, name: str, language: str | None, kind: str, values: Mapping[str, str]) -> str:
    """The operator's reply of that name, else the catalogue's message; where a value is not given the text has none."""
    if name in rulebook.replies:
        return rulebook.reply_text(name, language=language, kind=kind, values=values)
    texts, given = _messages(rulebook, language), {**_BLANK, **values}
    return texts(name, **{one: given[one] for one in texts.messages[name].placeholders})


def note_of(rulebook: RuleBook, callback: Callback, now: datetime, text: str | None) -> str:
    """A try's outcome and what is next, and what the agent wrote about it."""
    outcome = CATALOGUE.texts("call_outcomes", *rulebook.preferred_languages(None))(callback.outcomes[-1].value)
    notes, number = _notes(rulebook), len(callback.outcomes)
    if callback.open and callback.due_at is not None:
        following = format_opening(callback.due_at, now, ZoneInfo(callback.zone), rulebook.default_language)
        line = notes("attempt_and_next", attempt=number, outcome=outcome, time=following)
    else:
        line = notes("attempt", attempt=number, outcome=outcome)
    return f"{line}\n{text}" if text else line


def change_of(rulebook: RuleBook, callback: Callback, now: datetime) -> str:
    """That an agent cancelled a call, or moved it, and to when."""
    if not callback.open:
        return _notes(rulebook)("cancelled")
    return _notes(rulebook)("moved", time=time_of(rulebook, callback, now, rulebook.default_language))


def time_of(rulebook: RuleBook, callback: Callback, now: datetime, language: str) -> str:
    """When the next call is; of a request that is over, when it had been promised."""
    at = callback.due_at if callback.open else callback.slot_at
    if at is None:
        return _messages(rulebook, language)("as_soon_as_possible") if callback.open else ""
    return format_opening(at, now, ZoneInfo(callback.zone), language)


def missed_of(rulebook: RuleBook, callback: Callback) -> str:
    """That nobody called in the slot that was promised, by the customer's clock."""
    time = f"{(callback.slot_local or '').replace('T', ' ')} {callback.zone}"
    return _notes(rulebook)("missed", time=time)


def _messages(rulebook: RuleBook, language: str | None) -> Texts:
    return CATALOGUE.texts("callback_messages", *rulebook.preferred_languages(language))


def _notes(rulebook: RuleBook) -> Texts:
    return CATALOGUE.texts("call_notes", *rulebook.preferred_languages(None))
