"""Calls over Twilio: the request that makes one, what its status posts say, and who signed them. Pure.

Sources: Twilio's OpenAPI description (`twilio_api_v2010`, `Calls.json`), its TwiML and its request validation pages.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from channels.callback.settings import Twilio
from channels.callback.voice import VoicePrompt
from channels.twilio_signature import matches
from conversation.model.callback import CallOutcome, CallReport, PhoneCall

FORM = "application/x-www-form-urlencoded"
NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21219, 21421})  # 'To' is invalid, not reachable, or not a phone number
_NOT_FOUND = frozenset({"404", "484", "604"})
_ENDED = {
    "completed": CallOutcome.DONE,
    "busy": CallOutcome.BUSY,
    "no-answer": CallOutcome.NO_ANSWER,
    "canceled": CallOutcome.LOST,
    "failed": CallOutcome.CONGESTION,
}
_ANSWERED = frozenset({"in-progress", "answered"})
_EVENTS = ("initiated", "ringing", "answered", "completed")


def url_of(settings: Twilio) -> str:
    """Where a call is asked for."""
    return f"{settings.api.rstrip('/')}/2010-04-01/Accounts/{settings.account}/Calls.json"


def account_url_of(settings: Twilio) -> str:
    """What Twilio knows of the account."""
    return f"{settings.api.rstrip('/')}/2010-04-01/Accounts/{settings.account}.json"


def headers_of(settings: Twilio) -> dict[str, str]:
    """HTTP Basic with the account and its token."""
    pair = f"{settings.account}:{settings.token.get_secret_value()}"
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}", "content-type": FORM}


def call_of(call: PhoneCall, settings: Twilio, status_url: str) -> bytes:
    """The form. Where the agents' line is rung first, the customer's leg reports its own status."""
    first, line = settings.first == "agent", settings.bridge or ""  # which a dialer has: the settings hold it
    fields: list[tuple[str, str]] = [
        ("To", line if first else call.number),
        ("From", settings.caller),
        ("Twiml", _customer(call, settings, status_url) if first else _bridge(settings, line)),
        ("Timeout", str(int(call.ring.total_seconds()))),
        ("StatusCallback", f"{status_url}?leg=agent" if first else status_url),
        ("StatusCallbackMethod", "POST"),
        *(("StatusCallbackEvent", event) for event in _EVENTS),
    ]
    if call.extension and not first:
        fields.append(("SendDigits", _tones(call.extension)))
    return urlencode(fields).encode()


def _customer(call: PhoneCall, settings: Twilio, status_url: str) -> str:
    tones = f" sendDigits={quoteattr(_tones(call.extension))}" if call.extension else ""
    return (
        f'<Response><Dial callerId={quoteattr(settings.caller)} timeout="{int(call.ring.total_seconds())}">'
        f'<Number statusCallback={quoteattr(status_url)} statusCallbackEvent="initiated ringing answered completed"{tones}>'
        f"{escape(call.number)}</Number></Dial></Response>"
    )


def _bridge(settings: Twilio, line: str) -> str:
    return f"<Response><Dial callerId={quoteattr(settings.caller)}><Number>{escape(line)}</Number></Dial></Response>"


def _tones(extension: str) -> str:
    return f"wwww{extension}"  # two seconds for the switchboard to listen


def report(attempt: str, form: Mapping[str, str], *, leg: str) -> CallReport:
    """What a status post says. Of the agents' own leg only that it failed is news: the customer was not called."""
    status, sid = form.get("CallStatus", ""), form.get("CallSid") or None
    outcome = _ENDED.get(status)
    if leg == "agent":
        failed = outcome is not None and outcome is not CallOutcome.DONE
        return CallReport(attempt=attempt, provider_id=sid, outcome=CallOutcome.CONGESTION if failed else None)
    if outcome is CallOutcome.CONGESTION and form.get("SipResponseCode") in _NOT_FOUND:
        outcome = CallOutcome.INVALID
    if outcome is CallOutcome.CONGESTION and form.get("SipResponseCode") == "603":
        outcome = CallOutcome.REJECTED
    return CallReport(attempt=attempt, provider_id=sid, connected=status in _ANSWERED, outcome=outcome)


def is_signed(settings: Twilio, url: str, form: Sequence[tuple[str, str]], given: str | None) -> bool:
    """By the account's own token."""
    return matches(settings.token.get_secret_value(), given or "", url, form)


def sid_of(body: bytes) -> str | None:
    """The call's SID in an answer."""
    found = _object(body).get("sid")
    return found if isinstance(found, str) else None


def code_of(body: bytes) -> int | None:
    """The error's number in an answer."""
    found = _object(body).get("code")
    return found if isinstance(found, int) else None


def _object(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def menu(action: str, prompts: Sequence[VoicePrompt]) -> str:
    """TwiML that says it and takes one key; who presses none is taken on, too."""
    return (
        f'<Response><Gather numDigits="1" action={quoteattr(action)} method="POST" timeout="6">{_prompts(prompts)}</Gather>'
        f'<Redirect method="POST">{escape(action)}</Redirect></Response>'
    )


def goodbye(prompt: VoicePrompt) -> str:
    """TwiML that says it and hangs up."""
    return f"<Response>{_prompts([prompt])}<Hangup/></Response>"


def _prompts(prompts: Sequence[VoicePrompt]) -> str:
    return "".join(f"<Say language={quoteattr(one.voice)}>{escape(one.words)}</Say>" for one in prompts)
