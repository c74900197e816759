"""The pages a customer sees, the answers an application gets, and times in words. Pure; every value is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from itertools import groupby

from channels.callback.normalize import Fault
from channels.callback.settings import Settings
from channels.callback.time_text import day_of, time_of, when
from channels.callback.zones import zones_by_country
from conversation.errors import FreeSlot
from conversation.model.callback import FINAL, ON_THE_LINE, CallbackStatus, CallState, Slot
from conversation.model.verification_code import CodeSent
from conversation.wording import CATALOGUE, Texts

_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the page is made of. `given` is what they wrote so far; `next_call` when as soon as possible would be.

    Times are shown by the clock of `zone`; `stated` is the zone that they chose, None where it follows from their number.
    """

    channel: str
    service: str
    language: str
    languages: Sequence[str]
    settings: Settings
    zone: str
    stated: str | None
    now: datetime
    slots: Sequence[Slot]
    next_call: datetime | None
    issues: Mapping[str, Mapping[str, str]]
    given: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()


def page_texts(language: str) -> Texts:
    """What the page has to say in this language."""
    return CATALOGUE.texts("callback_page", language)


def fault_text(words: Texts, code: str) -> str:
    """The text of a fault; of an unknown one to try once more."""
    return words(code if code in words else "later")


def page(form: Form) -> str:
    """The form, with what they wrote before and every fault at its field."""
    words = page_texts(form.language)
    title = form.settings.title_in(form.language, words("title"))
    body = f"""<h1>{escape(title)}</h1><p>{escape(words("intro"))}</p>
{_summary(form, words)}<form method="post" action="/callback/{escape(form.channel)}?language={escape(form.language)}" data-callback novalidate>
{_hidden(form)}{_number(form, words)}{_text(form, words, "name", "name")}{_issue(form, words)}{_note(form, words)}
{_languages(form, words)}{_when(form, words)}{_consent(form, words)}
<button type="submit">{escape(words("send"))}</button></form>"""
    return _document(form.channel, form.language, f"{title} – {form.service}", body, script=True)


def status_page(
    status: CallbackStatus,
    *,
    channel: str,
    language: str,
    token: str,
    slots: Sequence[Slot] = (),
    fault: str | None = None,
) -> str:
    """What became of a request, with the ways to change it. `fault` says why it could not be changed."""
    words = page_texts(language)
    lines = [sentence(status, language)]
    if status.position:
        lines.append(words("position", position=status.position))
    if status.wait and status.next_at is None:  # else they know the time
        lines.append(words("wait", minutes=max(1, round(status.wait / _MINUTE))))
    lines.append(words("reference", reference=status.reference))
    state = status.callback.state
    changes = "" if state in FINAL or state in ON_THE_LINE else _changes(status, channel, language, token, slots)
    alert = f'<p role="alert" class="fault">{escape(fault_text(words, fault))}</p>' if fault else ""
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    body = f'<h1>{escape(words("done") if status.callback.open else words("title"))}</h1>{alert}<div role="status">{paragraphs}</div>{changes}'
    return _document(channel, language, words("title"), body)


def code(pending: CodeSent, *, channel: str, language: str, token: str, fault: str | None = None) -> str:
    """Where the code that was sent is typed. It can be asked for again."""
    words = page_texts(language)
    base = f"/callback/{escape(channel)}/{escape(pending.request)}/code?language={escape(language)}"
    sent = words("code_sent", number=pending.number) if pending.number else words("code_sent_in_conversation")
    hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
    attributes, text = _fault("code", words(fault)) if fault else ("", "")
    body = f"""<h1>{escape(words("code_title"))}</h1><p role="status">{escape(sent)}</p>
<form method="post" action="{base}" novalidate>{hidden}<label for="code">{escape(words("code"))}</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="40" autofocus{attributes}>{text}
<button type="submit">{escape(words("confirm"))}</button></form>
<form method="post" action="{base}">{hidden}<button type="submit" class="plain" name="again" value="1">{escape(words("code_again"))}</button></form>"""
    return _document(channel, language, words("code_title"), body)


def sentence(status: CallbackStatus, language: str) -> str:
    """How a request stands, in one sentence."""
    words, one = page_texts(language), status.callback
    if one.state is CallState.CANCELLED:
        return words("cancelled")
    if one.state in FINAL:
        return words("over")
    if one.state in ON_THE_LINE:
        return words("calling")
    if one.state is CallState.DUE or status.next_at is None:
        return words("done_asap")
    name = "done_next" if one.state is CallState.REQUESTED else "done_slot"
    return words(name, time=when(status.next_at, one.zone, language), zone=one.zone)


def message(channel: str, language: str, code: str) -> str:
    """A page that says one thing, and leads back to the form."""
    words = page_texts(language)
    title = escape(words("title"))
    back = f'<a href="/callback/{escape(channel)}?language={escape(language)}">{title}</a>'
    body = f'<h1>{title}</h1><p role="alert">{escape(words(code))}</p><p>{back}</p>'
    return _document(channel, language, words("title"), body)


def as_json(status: CallbackStatus, token: str | None) -> dict[str, object]:
    """The answer to an application; `token` cancels and changes, as bearer or in the link."""
    one = status.callback
    slot = {"start": one.slot_at.isoformat(), "local": one.slot_local} if one.slot_at else None
    return {
        "id": one.id,
        "reference": status.reference,
        "state": one.state.value,
        "slot": slot,
        "next": status.next_at.isoformat() if status.next_at else None,
        "timezone": one.zone,
        "position": status.position,
        "wait": status.wait,
        **({"token": token} if token else {}),
    }


def code_json(pending: CodeSent, token: str) -> dict[str, object]:
    """The answer to an application whose request waits for a code; `token` is good for typing it."""
    return {"id": pending.request, "code": {"to": pending.number, "until": pending.until.isoformat()}, "token": token}


def slots_json(free: Sequence[FreeSlot]) -> list[dict[str, str]]:
    """Free slots; `local` is the wall time where the customer is."""
    return [{"start": one.start.isoformat(), "end": one.end.isoformat(), "local": one.local} for one in free]


# -- parts of the form -------------------------------------------------------------------------------------------------


def _document(channel: str, language: str, title: str, body: str, *, script: bool = False) -> str:
    base = f"/callback/{escape(channel)}/page"
    tail = f'<script src="{base}/callback.js" defer></script>' if script else ""
    return f"""<!doctype html>
<html lang="{escape(language)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><link rel="stylesheet" href="{base}/callback.css">{tail}</head>
<body><main>{body}</main></body></html>
"""


def _summary(form: Form, words: Texts) -> str:
    if not form.faults:
        return ""
    items = "".join(f"<li>{_pointer(one, words)}</li>" for one in form.faults)
    return f'<div class="faults" role="alert"><p>{escape(words("wrong"))}</p><ul>{items}</ul></div>'


def _pointer(fault: Fault, words: Texts) -> str:
    text = escape(fault_text(words, fault.code))
    return f'<a href="#{escape(fault.field)}">{text}</a>' if fault.field else text


def _hidden(form: Form) -> str:
    kept = {"t": form.given.get("t"), "id": form.given.get("id"), "country": form.settings.country}
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in kept.items() if value
    )


def _fault_attributes(form: Form, name: str, words: Texts) -> tuple[str, str]:
    """The attributes of an input at fault, and the words at it."""
    found = next((one for one in form.faults if one.field == name), None)
    if found is None:
        return "", ""
    return _fault(name, fault_text(words, found.code))


def _fault(name: str, text: str) -> tuple[str, str]:
    return (
        f' aria-invalid="true" aria-describedby="{name}-fault"',
        f'<span class="fault" id="{name}-fault">{escape(text)}</span>',
    )


def _number(form: Form, words: Texts) -> str:
    attributes, fault = _fault_attributes(form, "number", words)
    hint = words("number_hint", example=words("number_example"))
    described = attributes or ' aria-describedby="number-hint"'
    value = escape(form.given.get("number", ""))
    return (
        f'<label for="number">{escape(words("number"))}</label><span class="hint" id="number-hint">{escape(hint)}</span>'
        f'<input id="number" name="number" type="tel" autocomplete="tel" required maxlength="80" value="{value}"{described}>{fault}'
    )


def _text(form: Form, words: Texts, name: str, auto: str) -> str:
    attributes, fault = _fault_attributes(form, name, words)
    value = escape(form.given.get(name, ""))
    return (
        f'<label for="{name}">{escape(words(name))}</label>'
        f'<input id="{name}" name="{name}" autocomplete="{auto}" maxlength="100" value="{value}"{attributes}>{fault}'
    )


def _note(form: Form, words: Texts) -> str:
    attributes, fault = _fault_attributes(form, "note", words)
    value = escape(form.given.get("note", ""))
    return f'<label for="note">{escape(words("note"))}</label><textarea id="note" name="note" rows="3" maxlength="2000"{attributes}>{value}</textarea>{fault}'


def _issue(form: Form, words: Texts) -> str:
    if not form.issues:
        return ""
    titles = {name: title_of(title, form.language, name) for name, title in form.issues.items()}
    options = _options({"": words("issue_any"), **titles}, form.given.get("issue", ""))
    attributes, fault = _fault_attributes(form, "issue", words)
    return f'<label for="issue">{escape(words("issue"))}</label><select id="issue" name="issue"{attributes}>{options}</select>{fault}'


def title_of(title: Mapping[str, str], language: str, name: str) -> str:
    """A matter as this language calls it."""
    return title.get(language) or title.get("en") or next(iter(title.values()), name)


def _languages(form: Form, words: Texts) -> str:
    options = _options(
        {one: CATALOGUE.name_of(one) for one in form.languages}, form.given.get("language", form.language)
    )
    attributes, fault = _fault_attributes(form, "language", words)
    return f'<label for="language">{escape(words("language"))}</label><select id="language" name="language"{attributes}>{options}</select>{fault}'


def _when(form: Form, words: Texts) -> str:
    asap = form.given.get("when", "asap") != "slot"
    attributes, fault = _fault_attributes(form, "slot", words)
    choice = f'<select id="slot" name="slot"{attributes}>{_choice(form, asap, words)}</select>'
    if not form.slots:
        choice = f"<p>{escape(words('no_slots'))}</p>"
    listed = {one for many in zones_by_country().values() for one in many} | {"UTC", form.stated or "UTC"}
    zones = {"": words("tz_number"), **{name: name for name in sorted(listed)}}
    return (
        f"<fieldset><legend>{escape(words('when'))}</legend>"
        f'<label class="choice"><input type="radio" name="when" value="asap"{_checked(asap)}> {escape(words("asap"))}</label>'
        f'<p class="hint" id="asap-hint">{escape(_asap(form, words))}</p>'
        f'<label class="choice"><input type="radio" name="when" value="slot"{_checked(not asap)}> {escape(words("at_slot"))}</label>'
        f'<label for="slot" id="slot-label">{escape(words("slot", zone=form.zone))}</label><div id="times">{choice}</div>{fault}'
        f'<label for="tz">{escape(words("tz"))}</label><select id="tz" name="tz">{_options(zones, form.stated or "")}</select>'
        f'<button type="submit" class="plain" formmethod="post" name="show" value="1" formnovalidate>{escape(words("show"))}</button></fieldset>'
    )


def _choice(form: Form, asap: bool, words: Texts) -> str:
    """The free times. Who chose one that is free no more chooses anew: no other one stands in its place."""
    starts, chosen = [one.start for one in form.slots], form.given.get("slot", "")
    none = (
        "" if asap or chosen in {start.isoformat() for start in starts} else _options({"": words("slot_missing")}, "")
    )
    return none + _times(starts, form.zone, form.language, chosen)


def _asap(form: Form, words: Texts) -> str:
    if form.next_call is None:
        return words("asap_never")
    if form.next_call <= form.now:
        return words("asap_open")
    return words("asap_closed", time=when(form.next_call, form.zone, form.language), zone=form.zone)


def _consent(form: Form, words: Texts) -> str:
    texts = form.settings.consent
    if not texts:
        return ""
    text = texts.get(form.language) or texts.get("en") or next(iter(texts.values()))
    attributes, fault = _fault_attributes(form, "consent", words)
    ticked = _checked(form.given.get("consent", "") != "")
    return f'<label class="choice"><input type="checkbox" id="consent" name="consent" value="yes" required{ticked}{attributes}> {escape(text)}</label>{fault}'


def _changes(status: CallbackStatus, channel: str, language: str, token: str, slots: Sequence[Slot]) -> str:
    words, one = page_texts(language), status.callback
    base = f"/callback/{escape(channel)}/{escape(one.id)}"
    hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
    own = one.slot_at if one.state is CallState.SCHEDULED else None  # it may be full by this very request
    starts = sorted({*(slot.start for slot in slots), *([own] if own else [])})
    chosen = own.isoformat() if own else ""
    chooses = _options({"": words("asap")}, chosen) + _times(starts, one.zone, language, chosen)
    query = f"?language={escape(language)}"
    return (
        f'<p class="hint"><a href="{base}{query}&amp;token={escape(token)}">{escape(words("keep"))}</a></p>'
        f'<form method="post" action="{base}/slot{query}">{hidden}<label for="slot">{escape(words("slot", zone=one.zone))}</label>'
        f'<select id="slot" name="slot">{chooses}</select>'
        f'<button type="submit">{escape(words("change"))}</button></form>'
        f'<form method="post" action="{base}/cancel{query}">{hidden}<button type="submit" class="plain">{escape(words("cancel"))}</button></form>'
    )


def _times(starts: Sequence[datetime], zone: str, language: str, chosen: str) -> str:
    """A month of times is found by its days."""
    return "".join(
        f'<optgroup label="{escape(day)}">{_options({at.isoformat(): time_of(at, zone, language) for at in times}, chosen)}</optgroup>'
        for day, times in groupby(starts, lambda at: day_of(at, zone, language))
    )


def _options(named: Mapping[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in named.items()
    )


def _checked(yes: bool) -> str:
    return " checked" if yes else ""
