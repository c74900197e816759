"""The routing state under the names by which rows, the API and rules (`conversation.script`) know it. Pure.

The names and their forms are those of the releases before: nodes of both may serve at once. `routing_of(names_of(x))` is `x`.
A value of another form than its name has stays an attribute, untouched.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from conversation.model.conversation import Conversation
from conversation.model.routing_state import NOTHING_KEPT, Escalation, FailedWebhook, LanguageRequest, RoutingState

PAGE, PAGES, NEXT_PAGE = "page", "pages", "next"  # for statements that look inside: PAGES has the earliest as NEXT_PAGE
_CALLS = "calls"  # in PAGES: the instant of each call, by webhook
_AUTOMATION = "automation"

Names = Mapping[str, object]
_Fields = dict[str, Any]


def attributes_of(conversation: Conversation) -> Names:
    """Everything that is known about it by a name: its own attributes and its routing state."""
    if conversation.routing is NOTHING_KEPT:
        return conversation.attributes
    return {**conversation.attributes, **names_of(conversation.routing)}


def ends_automation(attributes: Names) -> bool:
    """Whether these attributes are of a conversation whose customer asked for a person."""
    return _AUTOMATION in attributes


def sortable_text(at: datetime) -> str:
    """An instant as a text; such texts are in the order of time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# -- reading -----------------------------------------------------------------------------------------------------------


def routing_of(attributes: Names) -> tuple[RoutingState, Names]:
    """The state that is in these attributes, and the rest of them."""
    if not attributes:
        return NOTHING_KEPT, attributes
    kept: _Fields = {}
    rest: dict[str, object] = {}
    for name, value in attributes.items():
        read = _READERS.get(name)
        try:
            kept |= read(value) if read is not None else {}
        except (AttributeError, KeyError, TypeError, ValueError):
            read = None
        if read is None:
            rest[name] = value
    return RoutingState(**kept) if kept else NOTHING_KEPT, rest


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    """None is written where a question was answered."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not value:
        raise TypeError
    return tuple(map(_text, value))


def _instant(value: object) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError
    return at


def _instants(value: Mapping[str, object]) -> dict[str, datetime]:
    return {name: _instant(at) for name, at in value.items()}


def _read_request(value: Mapping[str, Any]) -> _Fields:
    over = value["over"]
    return {"language_request": LanguageRequest(_text(value["language"]), over if over is None else _text(over))}


def _read_page(value: Any) -> _Fields:
    if value is False:
        return {"escalation_off": True}
    return {"escalation": Escalation(webhook=_text(value["webhook"]), after_seconds=int(value["after_seconds"]))}


def _read_paged(value: Any) -> _Fields:
    return {"alerted_at": _instant(value)} if isinstance(value, str) else {"alerted": _instants(value)}


def _read_failed(value: Mapping[str, Any]) -> _Fields:
    failed = {name: FailedWebhook(_instant(one["at"]), _text(one["reason"])) for name, one in value.items()}
    return {"failed_webhooks": failed}


_READERS: Mapping[str, Callable[[Any], _Fields]] = {
    "script": lambda value: {"script": _text(value)},
    "wish": _read_request,
    _AUTOMATION: lambda _: {"automation_ended": True},
    "languages": lambda value: {"offered_languages": _texts(value)},
    "choices": lambda value: {"offered_choices": _texts(value)},
    "subject": lambda value: {"subject": _text(value)},
    "last_subject": lambda value: {"last_subject": _text(value)},
    "last_owner": lambda value: {"last_owner": _text(value)},
    "queued_again": lambda value: {"queued_at": _instant(value)},
    "overflowed": lambda value: {"overflowed_at": _instant(value)},
    PAGE: _read_page,
    PAGES: lambda value: {"alerts_due": _instants(value[_CALLS])},
    "paged": _read_paged,
    "failed_calls": _read_failed,
}


# -- writing -----------------------------------------------------------------------------------------------------------


def names_of(state: RoutingState) -> dict[str, object]:
    """The state by name, without what is not kept."""
    values = zip(_WRITTEN, _values(state), strict=True)
    return {name: write(value) for (name, write), value in values if value or value == ()}


def _as_it_is(value: object) -> object:
    return value


def _write_offered(offered: tuple[str, ...]) -> object:
    return list(offered) or None


def _write_instants(instants: Mapping[str, datetime]) -> object:
    return {name: at.isoformat() for name, at in instants.items()}


def _write_pages(instants: Mapping[str, datetime]) -> object:
    calls = {name: sortable_text(at) for name, at in instants.items()}
    return {NEXT_PAGE: min(calls.values()), _CALLS: calls}


def _write_failed(failed: Mapping[str, FailedWebhook]) -> object:
    return {name: {"at": one.at.isoformat(), "reason": one.reason} for name, one in failed.items()}


_WRITERS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "script": ("script", _as_it_is),
    "language_request": ("wish", lambda request: {"language": request.language, "over": request.overruled}),
    "automation_ended": (_AUTOMATION, lambda _: "ended"),
    "offered_languages": ("languages", _write_offered),
    "offered_choices": ("choices", _write_offered),
    "subject": ("subject", _as_it_is),
    "last_subject": ("last_subject", _as_it_is),
    "last_owner": ("last_owner", _as_it_is),
    "queued_at": ("queued_again", datetime.isoformat),
    "overflowed_at": ("overflowed", datetime.isoformat),
    "escalation": (PAGE, lambda page: {"webhook": page.webhook, "after_seconds": page.after_seconds}),
    "escalation_off": (PAGE, lambda _: False),
    "alerts_due": (PAGES, _write_pages),
    "alerted": ("paged", _write_instants),
    "alerted_at": ("paged", datetime.isoformat),
    "failed_webhooks": ("failed_calls", _write_failed),
}
_values = attrgetter(*_WRITERS)
_WRITTEN = tuple(_WRITERS.values())
