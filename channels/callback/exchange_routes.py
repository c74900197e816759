"""A telephone exchange that calls us (Twilio): what becomes of calls, and calls that come in. Known by its signature."""

from urllib.parse import parse_qsl

from aiohttp import web

from channels.callback import normalize, render, twilio, voice
from channels.callback.callback_site import CallbackSite
from channels.callback.problems import Problem
from channels.callback.request_fields import body_of
from channels.callback.settings import Choice
from channels.callback.voice import VoicePrompt
from conversation.errors import CallbackRefused, MalformedPayload

_MENU_TIMES = 3  # that the menu is heard


async def report_call(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """What became of a call; answered after the commit."""
    attempt = request.match_info["attempt"]
    form = await _signed(request, site, site.account.status_url + f"/{attempt}")
    report = twilio.report(attempt, form, leg=request.query.get("leg", "customer"))
    await site.ports.calls.progressed(
        report.attempt, provider_id=report.provider_id, connected=report.connected, outcome=report.outcome
    )
    return web.Response(status=204)


async def take_call(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """A call that came in while nobody takes calls: a key may choose language and issue, then it becomes a request."""
    ports = site.ports
    url = f"{ports.public_url}/callback/{site.channel}/voice"
    form = await _signed(request, site, url)
    line = site.account.settings.twilio
    if line is None:
        raise Problem(404, "not_found")
    heard, choice = _heard(request), line.menu.get(form.get("Digits", ""))
    if line.menu and choice is None and heard < _MENU_TIMES:
        prompts = voice.menu(line.menu, ports.issues(), ports.default_language, first=not heard)
        return _twiml(twilio.menu(f"{url}?heard={heard + 1}", prompts))
    language = choice.language if choice and choice.language else ports.default_language
    return _twiml(twilio.goodbye(await _requested(form, site, choice, language)))


async def _requested(form: dict[str, str], site: CallbackSite, choice: Choice | None, language: str) -> VoicePrompt:
    """The status of their request. Their call is their consent, and comes from their number: no code is asked."""
    now = site.ports.clock.now()
    try:
        asked = normalize.missed_call(form, site.account.settings, channel=site.channel, received_at=now, choice=choice)
        found = await site.ports.calls.request(asked)
    except CallbackRefused as refused:
        return voice.refusal(refused.code, language)
    except MalformedPayload:  # they hide their number, or it is one that is not called
        return voice.refusal(voice.NO_NUMBER, language)
    return voice.prompt(language, render.sentence(found, language))


def _heard(request: web.Request) -> int:
    """How often they have heard the menu."""
    report = request.query.get("heard", "0")
    return int(report) if report.isascii() and report.isdigit() and len(report) == 1 else 0


async def _signed(request: web.Request, site: CallbackSite, url: str) -> dict[str, str]:
    """The form, if Twilio signed it for the address under which the outside knows this one."""
    line = site.account.settings.twilio
    raw = await body_of(request)
    form = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100)
    whole = f"{url}?{request.query_string}" if request.query_string else url
    if line is None or not twilio.is_signed(line, whole, form, request.headers.get("X-Twilio-Signature")):
        raise Problem(403, "signature")
    return dict(form)


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
