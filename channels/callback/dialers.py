"""Asking an exchange for calls, and hearing what becomes of them."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp

from channels.callback import asterisk, twilio
from channels.callback.settings import Asterisk, Twilio
from conversation.errors import ChannelMisconfigured, PermanentFailure, RateLimited, TransientFailure, Unknown
from conversation.model.callback import CallReport, PhoneCall
from conversation.ports.channel import Answer, Http

_PATIENCE = 10.0
_HELD_BACK = timedelta(seconds=30)
_REFUSED = frozenset({401, 403})


class TwilioDialer:
    """Dials over Twilio's REST API; what becomes of calls is posted to the site."""

    def __init__(self, settings: Twilio, http: Http, status_url: str) -> None:
        self._settings = settings
        self._http = http
        self._status_url = status_url

    async def prove(self) -> None:
        """By asking for the account itself. Raises a `ChannelError`."""
        url, headers = twilio.account_url_of(self._settings), twilio.headers_of(self._settings)
        _must_answer(await self._http.request("GET", url, headers=headers, timeout=_PATIENCE, trusted=True))

    async def dial(self, call: PhoneCall) -> str:
        """The call's SID. Twilio takes no key: where no answer came the call may have been made."""
        body = twilio.call_of(call, self._settings, f"{self._status_url}/{call.attempt}")
        headers = twilio.headers_of(self._settings)
        answer = await self._http.request(
            "POST", twilio.url_of(self._settings), body=body, headers=headers, timeout=_PATIENCE, trusted=True
        )
        sid = twilio.sid_of(answer.body)
        if answer.status // 100 == 2 and sid:  # noqa: PLR2004
            return sid
        if answer.status == 400 and twilio.code_of(answer.body) in twilio.NO_SUCH_NUMBER:  # noqa: PLR2004
            raise PermanentFailure("there is no such number", code="invalid_number")
        _raise_for(answer)
        raise Unknown(f"the exchange answered {answer.status} without a call")


class AsteriskDialer:
    """Dials over ARI under the try's own id, and hears its events on a socket."""

    def __init__(self, settings: Asterisk, http: Http) -> None:
        self._settings = settings
        self._http = http
        self._reports: asyncio.Queue[CallReport] = asyncio.Queue(10_000)

    async def prove(self) -> None:
        """By asking for something that every version knows and our user may read. Raises a `ChannelError`."""
        url = asterisk.applications_url(self._settings)
        _must_answer(await self._http.request("GET", url, headers=self._headers(), timeout=_PATIENCE, trusted=True))

    async def dial(self, call: PhoneCall) -> str:
        """The channel's id, which is the try's: a second request while it lives changes nothing."""
        answer = await self._post(asterisk.originate(call, self._settings))
        if answer.status // 100 == 2 or answer.status == 409:  # noqa: PLR2004
            return call.attempt
        _raise_for(answer)
        raise TransientFailure(f"the exchange answered {answer.status}")

    async def listen(self) -> None:
        """Hear events until cancelled; a socket that ends is the supervisor's business."""
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers()) as session,
                session.ws_connect(asterisk.events_url(self._settings), heartbeat=20) as socket,
            ):
                async for frame in socket:
                    if frame.type is aiohttp.WSMsgType.TEXT:
                        await self._heard(frame.data)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _REFUSED:
                raise ChannelMisconfigured("the exchange refused our credentials") from None
            raise TransientFailure(f"the exchange answered {error.status}") from None
        except aiohttp.ClientError as error:
            raise TransientFailure(f"the exchange is not there: {type(error).__name__}") from None
        raise TransientFailure("the exchange closed the socket of its events")

    async def reports(self) -> AsyncIterator[CallReport]:
        """What was heard, in order."""
        while True:
            yield await self._reports.get()

    async def _heard(self, text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            return
        report = asterisk.report(event) if isinstance(event, dict) else None
        if report is None:
            return
        await self._reports.put(report)
        if report.connected:
            extension = asterisk.extension_of(event)
            if extension:
                await self._post(asterisk.tones(report.attempt, extension, self._settings))
            await self._post(asterisk.goes_on(report.attempt, asterisk.agent_of(event), self._settings))

    async def _post(self, url: str) -> Answer:
        return await self._http.request("POST", url, headers=self._headers(), timeout=_PATIENCE, trusted=True)

    def _headers(self) -> dict[str, str]:
        pair = f"{self._settings.user}:{self._settings.password.get_secret_value()}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _must_answer(answer: Answer) -> None:
    """To a question that asks for no call."""
    if answer.status in _REFUSED:
        raise ChannelMisconfigured("the exchange refused our credentials")
    if answer.status // 100 != 2:  # noqa: PLR2004
        raise TransientFailure(f"the exchange answered {answer.status}")


def _raise_for(answer: Answer) -> None:
    """Everything but success; a 5xx may hide a call that was made."""
    if answer.status in _REFUSED:
        raise ChannelMisconfigured("the exchange refused our credentials")
    if answer.status == 429:  # noqa: PLR2004
        after = answer.headers.get("retry-after", "")
        raise RateLimited(
            "slowed by the exchange", retry_after=timedelta(seconds=int(after)) if after.isdigit() else _HELD_BACK
        )
    if answer.status // 100 == 4:  # noqa: PLR2004
        raise PermanentFailure(f"the exchange refused the call: {answer.status}", code="refused")
