"""A telephone exchange that calls us (Twilio): what becomes of calls, and calls that come in. Known by its signature."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from channels.callback import normalize, render, twilio, voice
from channels.callback.callback_site import CallbackSite
from channels.callback.problems import Problem
from channels.callback.request_fields import body_of
from channels.callback.settings import Choice
from channels.callback.voice import SpokenPrompt
from conversation.errors import CallbackRefused, MalformedPayload
from conversation.ports.customer_pages import CustomerPagePorts

Handler = Callable[[web.Request, CallbackSite], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
_SAID = 3  # times that the menu is said


def handlers(doors: CustomerPagePorts) -> list[Route]:
    """Method, path below the account's own, and who answers."""
    one = _Exchange(doors)
    return [(hdrs.METH_POST, "/calls/{attempt}", one.status), (hdrs.METH_POST, "/voice", one.incoming)]


class _Exchange:
    def __init__(self, doors: CustomerPagePorts) -> None:
        self._doors = doors

    async def status(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        """What became of a call; answered after the commit."""
        attempt = request.match_info["attempt"]
        form = await _signed(request, place, place.account.status_url + f"/{attempt}")
        report = twilio.report(attempt, form, leg=request.query.get("leg", "customer"))
        await self._doors.calls.progressed(
            report.attempt, provider_id=report.provider_id, connected=report.connected, outcome=report.outcome
        )
        return web.Response(status=204)

    async def incoming(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        """A call that came in while nobody takes calls: a key may say language and matter, then it becomes a wish."""
        url = f"{self._doors.public_url}/callback/{place.channel}/voice"
        form = await _signed(request, place, url)
        line = place.account.settings.twilio
        if line is None:
            raise Problem(404, "not_found")
        heard, choice = _heard(request), line.menu.get(form.get("Digits", ""))
        language = self._doors.default_language
        if line.menu and choice is None and heard < _SAID:
            sayings = voice.menu(line.menu, self._doors.issues(), language, first=not heard)
            return _twiml(twilio.menu(f"{url}?heard={heard + 1}", sayings))
        language = choice.language if choice and choice.language else language
        return _twiml(twilio.goodbye(await self._wished(form, place, choice, language)))

    async def _wished(
        self, form: dict[str, str], place: CallbackSite, choice: Choice | None, language: str
    ) -> SpokenPrompt:
        """How their request stands. Their call is their consent, and comes from their number: no code is asked."""
        now = self._doors.clock.now()
        try:
            asked = normalize.missed_call(
                form, place.account.settings, channel=place.channel, received_at=now, choice=choice
            )
            found = await self._doors.calls.request(asked)
        except CallbackRefused as refused:
            return voice.refusal(refused.code, language)
        except MalformedPayload:  # they hide their number, or it is one that is not called
            return voice.refusal(voice.NO_NUMBER, language)
        return voice.said(language, render.sentence(found, language))


def _heard(request: web.Request) -> int:
    """How often they have heard the menu."""
    report = request.query.get("heard", "0")
    return int(report) if report.isascii() and report.isdigit() and len(report) == 1 else 0


async def _signed(request: web.Request, place: CallbackSite, url: str) -> dict[str, str]:
    """The form, if Twilio signed it for the address under which the outside knows this one."""
    line = place.account.settings.twilio
    raw = await body_of(request)
    form = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100)
    whole = f"{url}?{request.query_string}" if request.query_string else url
    if line is None or not twilio.is_signed(line, whole, form, request.headers.get("X-Twilio-Signature")):
        raise Problem(403, "signature")
    return dict(form)


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
