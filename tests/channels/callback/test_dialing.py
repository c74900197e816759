"""Dialing over exchanges: requests, what their answers and posts mean, signatures; against servers on loopback."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.callback import asterisk, create, twilio
from channels.callback.dialers import AsteriskDialer, TwilioDialer
from channels.callback.render import page_texts
from channels.callback.settings import Asterisk, Twilio
from channels.callback.site import routes
from channels.callback.time_text import when
from channels.http_client import OutgoingHttp
from channels.supervisor import ReportsStatus
from channels.twilio_signature import signature
from conversation.errors import (
    CallbackRefused,
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)
from conversation.model.callback import CallOutcome, CallReport, PhoneCall
from conversation.wording import CATALOGUE
from tests.channels.callback.doors import MORNING, FakeCalls, doors
from tests.contracts.tools import Bench
from tests.fakes import FakeClock, FakeInbox

LINE = {
    "account": "AC0123456789abcdef0123456789abcdef",
    "token": "the auth token that nobody may see",
    "caller": "+33199005678",
    "bridge": "+33199009999",
    "menu": {"1": {"language": "fr", "issue": "card"}},
}
CALL = PhoneCall(attempt="try-1", number="+33199001234", extension="44", agent="mei@example.com")
ARI = {"url": "http://127.0.0.1:1", "user": "callback", "password": "the password nobody may see"}


def test_the_customer_is_rung_first_or_the_agents_line_is() -> None:
    agent = parse_qs(twilio.call_of(CALL, Twilio.model_validate(LINE), "https://x.example/c/try-1").decode())
    customer = parse_qs(
        twilio.call_of(CALL, Twilio.model_validate(LINE | {"first": "customer"}), "https://x.example/c/try-1").decode()
    )

    assert (agent["To"], customer["To"]) == (["+33199009999"], ["+33199001234"])
    assert ">+33199001234</Number>" in agent["Twiml"][0]
    assert "SendDigits" not in agent
    assert customer["SendDigits"] == ["wwww44"]
    assert agent["StatusCallback"] == ["https://x.example/c/try-1?leg=agent"]
    assert agent["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert agent["Timeout"] == ["40"]


@pytest.mark.parametrize(
    ("form", "leg", "connected", "outcome"),
    [
        ({"CallStatus": "queued"}, "customer", False, None),
        ({"CallStatus": "ringing"}, "customer", False, None),
        ({"CallStatus": "in-progress"}, "customer", True, None),
        ({"CallStatus": "completed"}, "customer", False, CallOutcome.DONE),
        ({"CallStatus": "busy"}, "customer", False, CallOutcome.BUSY),
        ({"CallStatus": "no-answer"}, "customer", False, CallOutcome.NO_ANSWER),
        ({"CallStatus": "canceled"}, "customer", False, CallOutcome.LOST),
        ({"CallStatus": "failed"}, "customer", False, CallOutcome.CONGESTION),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, "customer", False, CallOutcome.INVALID),
        ({"CallStatus": "failed", "SipResponseCode": "603"}, "customer", False, CallOutcome.REJECTED),
        ({"CallStatus": "completed"}, "agent", False, None),
        ({"CallStatus": "no-answer"}, "agent", False, CallOutcome.CONGESTION),
        ({}, "customer", False, None),
    ],
)
def test_what_a_status_post_says(form: dict[str, str], leg: str, connected: bool, outcome: CallOutcome | None) -> None:
    told = twilio.report("try-1", form, leg=leg)
    assert (told.connected, told.outcome) == (connected, outcome)


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (16, CallOutcome.NO_ANSWER),
        (17, CallOutcome.BUSY),
        (21, CallOutcome.REJECTED),
        (34, CallOutcome.CONGESTION),
        (1, CallOutcome.INVALID),
        (19, CallOutcome.NO_ANSWER),
        (127, CallOutcome.CONGESTION),
        (None, CallOutcome.CONGESTION),
    ],
)
def test_a_cause_tells_what_became_of_a_call(cause: int | None, outcome: CallOutcome) -> None:
    event = {"type": "ChannelDestroyed", "cause": cause, "channel": {"id": "try-1"}}
    assert asterisk.report(event) == CallReport(attempt="try-1", provider_id="try-1", outcome=outcome)
    assert asterisk.report({"type": "ChannelVarset", "channel": {"id": "try-1"}}) is None
    assert asterisk.report({"type": "StasisStart"}) is None


@asynccontextmanager
async def exchange(handler: Any, path: str) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", path, handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (201, {"sid": "CA1"}, None),
        (400, {"code": 21211}, PermanentFailure),
        (400, {"code": 1}, PermanentFailure),
        (401, {}, ChannelMisconfigured),
        (429, {}, RateLimited),
        (500, {}, Unknown),
        (200, {}, Unknown),
    ],
)
async def test_each_answer_of_twilio_has_its_meaning(status: int, body: Any, error: type[ChannelError] | None) -> None:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        await request.post()
        return web.json_response(body, status=status)

    async with exchange(handle, "/2010-04-01/Accounts/{sid}/Calls.json") as url, OutgoingHttp(FakeClock()) as http:
        dialer = TwilioDialer(Twilio.model_validate(LINE | {"api": url}), http, "https://x.example/c")
        if error is None:
            assert await dialer.dial(CALL) == "CA1"
        else:
            with pytest.raises(error) as failure:
                await dialer.dial(CALL)
            if isinstance(failure.value, PermanentFailure):
                assert failure.value.code == ("invalid_number" if body.get("code") == 21211 else "refused")
            assert str(LINE["token"]) not in str(failure.value)
    user = base64.b64decode(seen[0].headers["Authorization"].split()[1]).decode()
    assert user == f"{LINE['account']}:{LINE['token']}"
    assert len(seen) == 1


async def test_an_exchange_that_refuses_shows_in_the_health_of_the_account_until_it_takes_a_call() -> None:
    answers = iter([(401, {}), (400, {"code": 21211}), (429, {}), (500, {}), (201, {"sid": "CA1"})])

    async def handle(request: web.Request) -> web.Response:
        await request.post()
        status, body = next(answers)
        return web.json_response(body, status=status)

    told = []
    async with exchange(handle, "/2010-04-01/Accounts/{sid}/Calls.json") as url, OutgoingHttp(FakeClock()) as http:
        settings = {"dialer": "twilio", "twilio": LINE | {"api": url}}
        account = create("phone", settings, Bench(clock=FakeClock(), http=http).tools())
        assert isinstance(account, ReportsStatus)
        assert account.status_text() == ""
        for _ in range(5):
            with suppress(ChannelError):
                await account.dial(CALL)
            told.append(account.status_text())

    refused = "the exchange refused our credentials"
    uncertain = "the exchange answered 500 without a call"
    assert told == [refused, refused, "slowed by the exchange", uncertain, ""]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, ChannelMisconfigured, "the exchange refused our credentials"),
        (503, TransientFailure, "the exchange answered 503"),
        (None, TransientFailure, "the exchange is not there"),
    ],
)
async def test_an_asterisk_that_cannot_be_heard_says_why(
    status: int | None, error: type[ChannelError], words: str
) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status or 200)

    async with exchange(handle, "/ari/{rest:.*}") as url, OutgoingHttp(FakeClock()) as http:
        where = {} if status is None else {"url": url}
        settings = {"dialer": "asterisk", "asterisk": ARI | where}
        account = create("phone", settings, Bench(clock=FakeClock(), http=http).tools())
        with pytest.raises(error) as failure:
            await account.listen(FakeInbox())
    assert failure.value.detail.startswith(words)
    assert ARI["password"] not in failure.value.detail


async def test_asterisk_is_asked_under_the_trys_own_id_and_a_second_time_is_no_second_call() -> None:
    living: set[str] = set()
    asked: list[dict[str, str]] = []

    async def channels(request: web.Request) -> web.Response:
        query = dict(request.query)
        asked.append(query)
        if query["channelId"] in living:
            return web.json_response({"message": "Channel with given unique ID already exists"}, status=409)
        living.add(query["channelId"])
        return web.json_response({"id": query["channelId"]})

    async with exchange(channels, "/ari/channels") as url, OutgoingHttp(FakeClock()) as http:
        dialer = AsteriskDialer(Asterisk.model_validate(ARI | {"url": url}), http)
        assert [await dialer.dial(CALL), await dialer.dial(CALL)] == ["try-1", "try-1"]
    assert living == {"try-1"}
    assert (asked[0]["endpoint"], asked[0]["appArgs"]) == ("PJSIP/+33199001234@trunk", "try-1,mei@example.com,44")


async def test_an_answered_customer_hears_the_extension_as_tones_and_goes_on_to_the_agent() -> None:
    went_on: list[str] = []

    async def everything(request: web.Request) -> web.StreamResponse:
        if request.path.endswith(("/continue", "/dtmf")):
            went_on.append(request.path + "?" + request.query_string)
            return web.Response(status=204)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("no json")
        await socket.send_json({"type": "StasisStart", "args": ["try-1", "mei"], "channel": {"id": "try-1"}})
        await socket.send_json({"type": "StasisStart", "args": ["try-3", "li", "44"], "channel": {"id": "try-3"}})
        await socket.send_json({"type": "ChannelDestroyed", "cause": 17, "channel": {"id": "try-2"}})
        await socket.close()
        return socket

    async with exchange(everything, "/ari/{rest:.*}") as url, OutgoingHttp(FakeClock()) as http:
        settings = {"dialer": "asterisk", "asterisk": ARI | {"url": url, "extension": "{agent}"}}
        account = create("phone", settings, Bench(clock=FakeClock(), http=http).tools())
        with pytest.raises(ChannelError):
            await account.listen(FakeInbox())
        heard = account.reports()
        async with asyncio.timeout(60):
            told = [await anext(heard), await anext(heard), await anext(heard)]

    assert [(one.attempt, one.connected, one.outcome) for one in told] == [
        ("try-1", True, None),
        ("try-3", True, None),
        ("try-2", False, CallOutcome.BUSY),
    ]
    assert went_on == [
        "/ari/channels/try-1/continue?context=callback&extension=mei&priority=1",
        "/ari/channels/try-3/dtmf?dtmf=44&before=2000",
        "/ari/channels/try-3/continue?context=callback&extension=li&priority=1",
    ]


@asynccontextmanager
async def door(calls: FakeCalls, **more: Any) -> AsyncIterator[TestClient[Any, Any]]:
    account = create("phone", {"twilio": LINE | more, "country": "FR"}, Bench(clock=calls.clock).tools())
    await account.start()
    app = web.Application()
    app.add_routes(routes({"phone": account}, doors(calls.clock, calls)))
    async with TestClient(TestServer(app)) as client:
        yield client


async def post(
    client: TestClient[Any, Any], path: str, form: dict[str, str], *, token: str = str(LINE["token"])
) -> Any:
    url = f"http://127.0.0.1:8080/callback/phone/{path}"
    signed = {"X-Twilio-Signature": signature(token, url, sorted(form.items()))}
    return await client.post(f"/callback/phone/{path}", data=form, headers=signed)


async def test_a_status_is_believed_by_its_signature_only(clock: FakeClock) -> None:
    calls = FakeCalls(clock)
    async with door(calls) as client:
        good = await post(client, "calls/try-1", {"CallSid": "CA1", "CallStatus": "busy"})
        leg = await post(client, "calls/try-2?leg=agent", {"CallSid": "CA2", "CallStatus": "completed"})
        bad = await post(client, "calls/try-3", {"CallSid": "CA3", "CallStatus": "busy"}, token="another token")
        none = await client.post("/callback/phone/calls/try-4", data={"CallStatus": "busy"})

    assert [answer.status for answer in (good, leg, bad, none)] == [204, 204, 403, 403]
    assert calls.told == [
        ("try-1", {"provider_id": "CA1", "connected": False, "outcome": CallOutcome.BUSY}),
        ("try-2", {"provider_id": "CA2", "connected": False, "outcome": None}),
    ]


CAME_IN = {"CallSid": "CA1", "From": "+33199001234", "CallStatus": "ringing"}
MENU = {
    "1": {"language": "fr", "issue": "card"},
    "2": {"language": "de"},
    "3": {"language": "zh"},
    "4": {"language": "en"},
    "5": {"issue": "card"},
    "6": {},
    "7": {"language": "es"},
}


def heard(twiml: str) -> list[tuple[str | None, str | None]]:
    """What a caller hears: voice and words."""
    return [(say.get("language"), say.text) for say in ET.fromstring(twiml).iter("Say")]


async def test_a_call_that_came_in_becomes_a_wish_by_a_key(clock: FakeClock) -> None:
    calls = FakeCalls(clock)
    async with door(calls) as client:
        asks = await (await post(client, "voice", CAME_IN)).text()
        keyed = await post(client, "voice?heard=1", CAME_IN | {"Digits": "1"})
        said = await keyed.text()
        again = await post(client, "voice?heard=1", CAME_IN | {"Digits": "1"})
        forged = await post(client, "voice", CAME_IN, token="another token")

    assert '<Gather numDigits="1"' in asks
    assert "Donnez-nous" not in asks
    assert heard(said) == [
        ("fr-FR", "Nous sommes fermés et vous appellerons lundi 23 novembre à 09:00 (Europe/Paris).")
    ]
    assert said.endswith("<Hangup/></Response>")
    assert [(one.language, one.issue, one.number) for one in calls.requests] == [("fr", "card", "+33199001234")] * 2
    assert len({one.external_id for one in calls.requests}) == 1
    assert again.status == 200
    assert forged.status == 403


async def test_the_menu_names_each_key_in_the_language_that_it_stands_for(clock: FakeClock) -> None:
    async with door(FakeCalls(clock), menu=MENU) as client:
        asks = await (await post(client, "voice", CAME_IN)).text()

    assert heard(asks) == [
        ("en-US", "We cannot take your call right now. We can call you back."),
        ("fr-FR", "Pour le français, Carte, tapez 1."),
        ("de-DE", "Für Deutsch drücken Sie die 2."),
        ("cmn-CN", "中文，请按 3。"),
        ("en-US", "For English, press 4."),
        ("en-US", "For Card <lost>, press 5."),
        ("en-US", "For Something else, press 6."),
        ("es-ES", "Para español, pulse 7."),
        ("fr-FR", "Pour réécouter, tapez étoile."),
        ("de-DE", "Um dies noch einmal zu hören, drücken Sie die Sterntaste."),
        ("cmn-CN", "重听请按星号键。"),
        ("en-US", "To hear this again, press star."),
        ("es-ES", "Para volver a escuchar este mensaje, pulse asterisco."),
    ]


@pytest.mark.parametrize("pressed", [{"Digits": "*"}, {"Digits": "9"}, {}])
async def test_who_presses_no_key_of_the_menu_hears_it_again_and_is_called_all_the_same(
    clock: FakeClock, pressed: dict[str, str]
) -> None:
    calls = FakeCalls(clock)
    async with door(calls, menu=MENU) as client:
        turns = [ET.fromstring(await (await post(client, "voice", CAME_IN)).text())]
        for _ in range(3):
            (action,) = [one.get("action", "") for one in turns[-1].iter("Gather")]
            assert [one.text for one in turns[-1].iter("Redirect")] == [action]
            path = "voice?" + action.partition("?")[2]
            turns.append(ET.fromstring(await (await post(client, path, CAME_IN | pressed)).text()))

    assert [sum("tapez 1" in (say.text or "") for say in turn.iter("Say")) for turn in turns] == [1, 1, 1, 0]
    assert [(say.get("language"), say.text) for say in turns[-1].iter("Say")] == [
        ("en-US", "We are closed now and will call you on Monday, 23 November, at 09:00 (Europe/Paris).")
    ]
    assert turns[-1].find("Hangup") is not None
    assert [(one.language, one.issue) for one in calls.requests] == [(None, None)]


@pytest.mark.parametrize(
    ("key", "language", "voice"),
    [("1", "fr", "fr-FR"), ("2", "de", "de-DE"), ("3", "zh", "cmn-CN"), ("4", "en", "en-US"), ("7", "es", "es-ES")],
)
async def test_a_caller_hears_the_truth_of_their_request_in_their_language(
    clock: FakeClock, key: str, language: str, voice: str
) -> None:
    words, calls = page_texts(language), FakeCalls(clock)
    menu_texts = CATALOGUE.texts("voice_menu", language)
    path, pressed = "voice?heard=1", CAME_IN | {"Digits": key}

    async def told(form: dict[str, str]) -> list[tuple[str | None, str | None]]:
        return heard(await (await post(client, path, form)).text())

    async with door(calls, menu=MENU) as client:
        closed = await told(pressed)
        calls.open_at = None
        now = await told(pressed | {"CallSid": "CA2"})
        hidden = await told(pressed | {"From": "anonymous"})
        refused = {}
        for code in ("asked_already", "do_not_call", "no_time"):
            calls.failure = CallbackRefused(code)
            refused[code] = await told(pressed)

    assert closed == [(voice, words("done_next", time=when(MORNING, "Europe/Paris", language), zone="Europe/Paris"))]
    assert now == [(voice, words("done_asap"))]
    assert hidden == [(voice, menu_texts("no_number"))]
    assert refused == {
        "asked_already": [(voice, menu_texts("asked_already"))],
        "do_not_call": [(voice, words("do_not_call"))],
        "no_time": [(voice, words("no_time"))],
    }


async def test_without_a_menu_a_caller_is_told_at_once(clock: FakeClock) -> None:
    calls = FakeCalls(clock, open_at=None)
    async with door(calls, menu={}) as client:
        told = heard(await (await post(client, "voice", CAME_IN)).text())
    assert told == [("en-US", "We will call you as soon as possible.")]
