"""Calls over Asterisk's REST interface (ARI): the request, and what its events mean. Pure.

Sources: Asterisk's ARI description (`POST /channels`, `StasisStart`, `ChannelDestroyed`), causes as measured with Asterisk 22.
The cause is specific; the dial status is not: a rejected call and an unknown number both read NOANSWER there.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from channels.callback.settings import Asterisk
from conversation.model.callback import CallOutcome, CallReport, PhoneCall

_LISTENS = 2_000  # milliseconds, after which a switchboard that answered hears tones
_CAUSES = {
    1: CallOutcome.INVALID,
    3: CallOutcome.INVALID,
    28: CallOutcome.INVALID,
    16: CallOutcome.NO_ANSWER,  # cleared before anybody picked up; after that it is `done`
    17: CallOutcome.BUSY,
    18: CallOutcome.NO_ANSWER,
    19: CallOutcome.NO_ANSWER,
    20: CallOutcome.NO_ANSWER,
    21: CallOutcome.REJECTED,
    34: CallOutcome.CONGESTION,
    38: CallOutcome.CONGESTION,
    41: CallOutcome.CONGESTION,
    42: CallOutcome.CONGESTION,
    44: CallOutcome.CONGESTION,
}


def outcome_of(cause: object) -> CallOutcome:
    """What a cause of ITU-T Q.850 means for a call; one that is not listed is a fault on the way."""
    return _CAUSES.get(cause, CallOutcome.CONGESTION) if isinstance(cause, int) else CallOutcome.CONGESTION


def originate(call: PhoneCall, settings: Asterisk) -> str:
    """Asks for the call under the try's own id: while that channel lives a second request is answered 409."""
    wanted = {
        "endpoint": settings.endpoint.replace("{number}", call.number),
        "app": settings.app,
        "appArgs": f"{call.attempt},{call.agent or ''},{call.extension}",
        "channelId": call.attempt,
        "timeout": str(int(call.ring.total_seconds())),
        **({"callerId": settings.caller} if settings.caller else {}),
    }
    return f"{settings.url.rstrip('/')}/ari/channels?{urlencode(wanted)}"


def applications_url(settings: Asterisk) -> str:
    """What is listening: a question without an effect."""
    return f"{settings.url.rstrip('/')}/ari/applications"


def goes_on(channel: str, agent: str, settings: Asterisk) -> str:
    """An answered customer goes on in the dialplan, which rings the agent."""
    wanted = {
        "context": settings.context,
        "extension": settings.extension.replace("{agent}", agent),
        "priority": "1",
    }
    return f"{settings.url.rstrip('/')}/ari/channels/{quote(channel, safe='')}/continue?{urlencode(wanted)}"


def tones(channel: str, extension: str, settings: Asterisk) -> str:
    """The extension as tones to whoever answered. Asterisk does what it is asked for on one channel in order."""
    wanted = {"dtmf": extension, "before": str(_LISTENS)}
    return f"{settings.url.rstrip('/')}/ari/channels/{quote(channel, safe='')}/dtmf?{urlencode(wanted)}"


def events_url(settings: Asterisk) -> str:
    """The socket on which ARI reports."""
    return f"{settings.url.rstrip('/').replace('http', 'ws', 1)}/ari/events?{urlencode({'app': settings.app})}"


def report(event: Mapping[str, object]) -> CallReport | None:
    """What an event says of a try; None for all others."""
    channel = event.get("channel")
    name = channel.get("id") if isinstance(channel, Mapping) else None
    if not isinstance(name, str):
        return None
    if event.get("type") == "StasisStart":
        return CallReport(attempt=name, provider_id=name, connected=True)
    if event.get("type") == "ChannelDestroyed":
        return CallReport(attempt=name, provider_id=name, outcome=outcome_of(event.get("cause")))
    return None


def agent_of(event: Mapping[str, object]) -> str:
    """The agent that a call was asked for by, as its arguments carry it."""
    return _argument(event, 1)


def extension_of(event: Mapping[str, object]) -> str:
    """Whom to reach behind the switchboard, as its arguments carry it."""
    return _argument(event, 2)


def _argument(event: Mapping[str, object], place: int) -> str:
    arguments = event.get("args")
    given = arguments[place] if isinstance(arguments, list) and len(arguments) > place else ""
    return given if isinstance(given, str) else ""
