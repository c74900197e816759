"""What a form, an application or a telephone exchange sends, as requests to be called. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl

from channels import strict_json
from channels.callback.numbers import Number, NumberRefused, Policy, read
from channels.callback.settings import Choice, Settings
from channels.callback.zones import known, zones_of
from conversation.errors import MalformedPayload
from conversation.model.callback import Callback
from conversation.model.message import CallbackRequested
from conversation.model.people import Identity

_NAMESPACE = uuid.UUID("3f0d0c5c-6f8a-4d39-9d0e-0c9e6f0f6b11")
_LONGEST = {"number": 80, "name": 100, "note": 2_000, "language": 35, "issue": 100, "tz": 64, "slot": 40, "t": 200}
_LONGEST |= {"country": 2, "when": 10, "consent": 10, "id": 100, "timezone": 64}
_YES = frozenset({"on", "true", "yes", "1"})
KNOWN = frozenset(_LONGEST)
_OF_AN_EXCHANGE = frozenset({"CallSid", "From"})
_SHOW = "show"  # the page is shown again with another zone or language, and nothing is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A field and what is wrong with it: a code that every language has words for."""

    field: str
    code: str


class FieldsAtFault(ValueError):
    """Everything wrong with a request, at once. `given` are the fields that can be read."""

    def __init__(self, faults: Sequence[Fault], given: Mapping[str, str] | None = None) -> None:
        super().__init__(", ".join(f"{one.field}: {one.code}" for one in faults))
        self.faults = tuple(faults)
        self.given = given or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request that can be read. `key` makes a repeat of it the same request; `token` is a link's, not yet proven."""

    number: Number
    zones: tuple[str, ...]
    name: str | None = None
    language: str | None = None
    issue: str | None = None
    slot: datetime | None = None
    note: str | None = None
    consent: bool = False
    token: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What this service has to choose from."""

    languages: Sequence[str]
    issues: Sequence[str]


def fields(data: Mapping[str, object]) -> dict[str, str]:
    """The fields of a form or of a JSON body as text, cut nowhere. Raises `FieldsAtFault` for what is no text, or too long."""
    given, faults = {}, []
    for name, value in data.items():
        if name not in KNOWN:
            faults.append(Fault(field=str(name)[:40], code="unknown_field"))
        elif value is None:
            continue
        elif isinstance(value, bool):
            given[name] = "true" if value else ""
        elif not isinstance(value, str):
            faults.append(Fault(field=name, code="no_text"))
        elif len(value) > _LONGEST[name]:
            faults.append(Fault(field=name, code="too_long"))
        else:
            given[name] = strict_json.clean(value).strip()
    if faults:
        raise FieldsAtFault(faults, given)
    return given


def wish(given: Mapping[str, str], settings: Settings, offered: Offered | None) -> Wish:
    """Raises `FieldsAtFault` with every field at fault. Without `offered` any language and issue will do."""
    faults: list[Fault] = []
    number = _number(given, settings.policy, faults)
    slot = _slot(given, faults)
    consent = given.get("consent", "").lower() in _YES
    if settings.consent and not consent:
        faults.append(Fault(field="consent", code="consent_needed"))
    language = _one_of(given, "language", offered.languages if offered else None, faults)
    issue = _one_of(given, "issue", offered.issues if offered else None, faults)
    if faults or number is None:
        raise FieldsAtFault(faults)
    return Wish(
        number=number,
        zones=_zones(given, number.region, settings),
        name=_line(given.get("name")),
        language=language,
        issue=issue,
        slot=slot,
        note=given.get("note") or None,
        consent=consent,
        token=given.get("t") or None,
        key=given.get("id") or None,
    )


def zones(given: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """Where this customer may be: what they state, else all zones of the number's country, else of the account's."""
    country = given.get("country", "")
    try:
        region = read(given.get("number", ""), settings.policy, country=country if country.isascii() else None).region
    except NumberRefused:
        region = None
    return _zones(given, region, settings)


def _zones(given: Mapping[str, str], region: str | None, settings: Settings) -> tuple[str, ...]:
    return zones_of(region or settings.country, stated=given.get("tz") or given.get("timezone"))


def request(
    asked: Wish, *, channel: str, received_at: datetime, conversation: str | None, locale: str | None = None
) -> CallbackRequested:
    """The event. A repeat with the same key for the same number is the same event."""
    key = f"{channel}\n{asked.number.address}\n{asked.key}" if asked.key else None
    return CallbackRequested(
        channel=channel,
        external_id=str(uuid.uuid5(_NAMESPACE, key) if key else uuid.uuid4()),
        sender=Identity(channel=channel, address=asked.number.address, name=asked.name, phone=asked.number.e164),
        number=asked.number.e164,
        extension=asked.number.extension,
        received_at=received_at,
        language=asked.language,
        issue=asked.issue,
        slot=asked.slot,
        note=asked.note,
        consent=asked.consent,
        zones=asked.zones,
        locale=locale,
        token=conversation,
    )


def written(asked: CallbackRequested, settings: Settings) -> dict[str, str]:
    """The fields of a form that asks for the same; a link and a key are not among them."""
    number = Number(e164=asked.number, extension=asked.extension)
    given = {
        "number": number.address,
        "name": asked.sender.name,
        "note": asked.note,
        "language": asked.language,
        "issue": asked.issue,
        "when": "slot" if asked.slot else "asap",
        "slot": asked.slot.isoformat() if asked.slot else None,
        "consent": "yes" if asked.consent else None,
    }
    stated = None if zones({"number": number.address}, settings) == asked.zones else asked.zones[0]
    return {name: value for name, value in {**given, "tz": stated}.items() if value}


def is_repeat(asked: CallbackRequested, kept: Callback) -> bool:
    """Whether a request that has the id of one that is kept asks for the same. A matter not named is that of the conversation."""
    ours = (asked.number, asked.extension, asked.slot, asked.sender.name, asked.note, asked.zones)
    theirs = (kept.number, kept.extension, kept.slot_at, kept.name, kept.note, kept.zones)
    return ours == theirs and asked.issue in (None, kept.matter)


def is_repeat_of_waiting(asked: CallbackRequested, waiting: CallbackRequested) -> bool:
    """Whether it asks for the same as the one that waits for its code, whenever and at whichever page it is asked again."""
    return replace(asked, received_at=waiting.received_at, locale=waiting.locale) == waiting


def instant(text: str) -> datetime:
    """An RFC 3339 instant with its zone. Raises `ValueError`."""
    at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if at.tzinfo is None:
        raise ValueError("an instant has a zone")
    return at


def missed_call(
    form: Mapping[str, str], settings: Settings, *, channel: str, received_at: datetime, choice: Choice | None
) -> CallbackRequested:
    """A call that came in (Twilio's voice webhook), as a wish to be called as soon as possible.

    Source: Twilio's voice request parameters `CallSid`, `From`. Raises `MalformedPayload` where nobody can be called back.
    """
    sid, caller = form.get("CallSid", ""), form.get("From", "")
    if not (sid.isascii() and sid.isalnum() and len(sid) <= _LONGEST["id"]):
        raise MalformedPayload("'CallSid' is missing", code="missing")
    try:
        number = read(caller, settings.policy)
    except NumberRefused as refused:
        raise MalformedPayload(f"this caller cannot be called back: {refused.code}", code=refused.code) from None
    asked = Wish(
        number=number,
        zones=_zones({}, number.region, settings),
        language=choice.language if choice else None,
        issue=choice.issue if choice else None,
        consent=True,  # they called
        key=sid,
    )
    return request(asked, channel=channel, received_at=received_at, conversation=None)


def _number(given: Mapping[str, str], policy: Policy, faults: list[Fault]) -> Number | None:
    country = given.get("country", "")
    try:
        return read(given.get("number", ""), policy, country=country if country.isascii() else None)
    except NumberRefused as refused:
        code = "number_missing" if not given.get("number") else f"number_{refused.code}"
        faults.append(Fault(field="number", code=code))
        return None


def _slot(given: Mapping[str, str], faults: list[Fault]) -> datetime | None:
    if not given.get("slot") or given.get("when") == "asap":
        if given.get("when") == "slot":
            faults.append(Fault(field="slot", code="slot_missing"))
        return None
    try:
        return instant(given["slot"])
    except (ValueError, OverflowError):
        faults.append(Fault(field="slot", code="slot_unreadable"))
        return None


def _one_of(given: Mapping[str, str], name: str, known_ones: Sequence[str] | None, faults: list[Fault]) -> str | None:
    value = given.get(name)
    if not value:
        return None
    if known_ones is not None and value not in known_ones:
        faults.append(Fault(field=name, code="unknown_choice"))
    return value


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def events(
    raw: bytes, *, channel: str, received_at: datetime, settings: Settings | None = None, choice: Choice | None = None
) -> Sequence[CallbackRequested]:
    """The request in a JSON body or a form of the page, or the missed call in a form of an exchange; none in a form that asks to be shown again.

    Without `settings` they are the default ones. Raises `MalformedPayload`.
    """
    settings = settings or Settings()
    if raw.lstrip()[:1] in (b"{", b"["):
        return [_asked(strict_json.loads(raw), raw, settings, channel, received_at)]
    form = form_of(raw)
    if form.keys() & _OF_AN_EXCHANGE:
        return [missed_call(form, settings, channel=channel, received_at=received_at, choice=choice)]
    return [] if _SHOW in form else [_asked(form, raw, settings, channel, received_at)]


def _asked(data: object, raw: bytes, settings: Settings, channel: str, received_at: datetime) -> CallbackRequested:
    """The request of these fields; without a key the same bytes are the same request. Raises `MalformedPayload`."""
    if not isinstance(data, Mapping):
        raise MalformedPayload("a request is an object", code="wrong_type")
    try:
        asked = wish(fields(data), settings, None)
    except FieldsAtFault as wrong:
        raise MalformedPayload(str(wrong), code=wrong.faults[0].code) from None
    keyed = asked if asked.key else replace(asked, key=sha256(raw).hexdigest())
    return request(keyed, channel=channel, received_at=received_at, conversation=None)


def form_of(raw: bytes) -> dict[str, str]:
    """The fields of a form. Raises `MalformedPayload`."""
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:  # not UTF-8, or more fields than any page or exchange sends
        raise MalformedPayload("this is no form", code="no_form") from None


def stated_zone(given: Mapping[str, str]) -> str | None:
    """The zone a form names, if there is such a zone."""
    return known(given.get("tz") or given.get("timezone"))
