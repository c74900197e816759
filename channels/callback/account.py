"""One account of the `callback` kind: it calls, and sends nothing; the customer's side is `site.py`."""

import asyncio
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Sequence

from channels.callback import normalize
from channels.callback.dialers import AsteriskDialer, TwilioDialer
from channels.callback.settings import Settings
from channels.callback.signed_links import SignedLinks
from conversation.errors import ChannelError, PermanentFailure
from conversation.model.callback import CallbackSettings, CallReport, PhoneCall
from conversation.model.capabilities import Can
from conversation.model.message import CallbackRequested
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Request, Tools

_KEY = "links"


class CallbackAccount:
    """Implements the port `Channel`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self._name = name
        self._tools = tools
        self.settings = settings
        self._links = SignedLinks(f"{tools.public_url}/callback/{name}")
        self._dialer = self._dialing()
        self._refused = ""  # how the exchange refused the last call that was not the fault of its number
        self._can = Can(work=WorkKind.CALLBACK, send=False, calls=self._callback_settings())

    def __repr__(self) -> str:
        return f"CallbackAccount({self._name!r})"

    def _dialing(self) -> TwilioDialer | AsteriskDialer | None:
        written, http = self.settings, self._tools.http
        if written.dialer == "twilio" and written.twilio is not None:
            return TwilioDialer(written.twilio, http, self.status_url)
        if written.dialer == "asterisk" and written.asterisk is not None:
            return AsteriskDialer(written.asterisk, http)
        return None

    @property
    def status_url(self) -> str:
        """Where an exchange posts what becomes of calls, below which each try has its own address."""
        return f"{self._tools.public_url}/callback/{self._name}/calls"

    def _callback_settings(self) -> CallbackSettings:
        written = self.settings
        return CallbackSettings(
            queue=written.queue,
            lawful=written.lawful,
            slot=written.slot,
            per_slot=written.per_slot,
            lead=written.lead,
            horizon=written.horizon,
            attempts=written.attempts,
            distances=written.distances,
            remind=written.remind,
            expires=written.expires,
            ring=written.ring,
            dialer=written.dialer,
            code=written.code,
            codes=written.per_number,
        )

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """It receives requests and calls back."""
        return self._can

    @property
    def callback_links(self) -> SignedLinks:
        """Addresses at which calls are requested and changed."""
        return self._links

    async def start(self) -> None:
        """The key of its links is made once, and kept with the account."""
        made = {"key": b64encode(secrets.token_bytes(32)).decode()}
        kept = await self._tools.state.first(_KEY, made)
        try:
            self._links.use(b64decode(str(kept.get("key", "")), validate=True))
        except Base64Error:
            await self._tools.state.remember(_KEY, made)
            raise

    async def prove(self) -> str | None:
        """That the exchange lets us in. By hand nobody is asked."""
        if self._dialer is None:
            return None
        await self._dialer.prove()
        return f"the exchange takes the credentials of {self.settings.dialer}"

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 what arrives comes through the site's routes
        """Hear the exchange, where it reports by itself; else stay until cancelled."""
        if isinstance(self._dialer, AsteriskDialer):
            await self._dialer.listen()
        await asyncio.Event().wait()

    def normalize(self, request: Request) -> Sequence[CallbackRequested]:
        """What a body that came to the page, the API or the exchange's address asks for. Raises `MalformedPayload`."""
        return normalize.events(
            request.body, channel=self._name, received_at=request.received_at, settings=self.settings
        )

    async def dial(self, call: PhoneCall) -> str:
        """Ask the exchange once. Raises as the port says; by hand nobody is asked."""
        if self._dialer is None:
            raise PermanentFailure("calls of this account are dialed by hand", code="unsupported")
        try:
            name = await self._dialer.dial(call)
        except PermanentFailure:
            raise  # this number, or this call
        except ChannelError as error:
            self._refused = error.detail
            raise
        self._refused = ""
        return name

    def status_text(self) -> str:
        """How the exchange refused the last call, until it takes one again."""
        return self._refused

    async def reports(self) -> AsyncIterator[CallReport]:
        """What the exchange reports by itself."""
        if isinstance(self._dialer, AsteriskDialer):
            async for report in self._dialer.reports():
                yield report

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def send(self, message: OutboundMessage) -> Receipt:  # noqa: ARG002 the port's shape
        """Words do not leave by telephone."""
        raise PermanentFailure("a telephone carries no text; answer on another channel", code="unsupported")
