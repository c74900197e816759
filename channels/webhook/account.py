"""One account of the `webhook` kind: verifies and reads what the application posts, posts replies back until acknowledged."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from channels import standard_webhooks as signatures
from channels.rate_limits import Pace
from channels.webhook import normalize, render
from channels.webhook.settings import Settings
from conversation.errors import ChannelMisconfigured, PermanentFailure, RateLimited, TransientFailure
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Reply, Request, Tools

TIMEOUT = 15.0

_REFUSALS = {400: "refused", 404: "unknown_recipient", 410: "gone", 413: "too_long", 415: "unsupported", 422: "refused"}


class WebhookAccount:
    """Implements the ports `Channel` and `Webhook`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self._name = name
        self._settings = settings
        self._tools = tools
        self._keys = settings.keys()
        self._pace = Pace(tools.clock, settings.pace)
        self._can = Can(work=WorkKind.MESSAGE, send=settings.reply_url is not None, idempotent=True, choices=9)

    def __repr__(self) -> str:
        return f"WebhookAccount({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """Text only; replies where there is a `reply_url`."""
        return self._can

    async def start(self) -> None:
        """Nothing to acquire: the application calls us."""

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 what arrives comes through the hooks
        """Stay until cancelled."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to let go of."""

    def verify(self, request: Request) -> None:
        """By Standard Webhooks, over the raw bytes."""
        signatures.verify(self._keys, request.headers, request.body, now=request.received_at)

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """One object, or a list of which each item stands alone."""
        return normalize.events(request.body, channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:
        """200 once one item is stored; 422 when every item was put aside: sending those again is no use."""
        aside = [one for one in accepted if one.quarantined is not None]
        faults = render.faults_of(self.normalize(request)) if aside else {}
        status = 422 if aside and len(aside) == len(accepted) else 200
        return Reply(status, render.answer(accepted, faults))

    async def send(self, message: OutboundMessage) -> Receipt:
        """Post it, signed. The application recognises a repeat by `webhook-id`, which is the message's id."""
        url = self._settings.reply_url
        if url is None:
            raise PermanentFailure("this account has no reply_url", code="no_reply_url")
        await self._pace.turn()
        body = render.reply(message)
        signed = signatures.headers(self._keys[:1], message.id, self._tools.clock.now(), body)
        headers = {"content-type": "application/json", **signed}
        status, _ = await self._tools.http.post(url, body, headers=headers, timeout=TIMEOUT, trusted=True)
        _judge(status)
        return Receipt(external_ids=(message.id,), delivered=True)


def _judge(status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004
        return
    detail = f"reply_url answered {status}"
    if status in (401, 403):
        raise ChannelMisconfigured(detail)
    if status in _REFUSALS:
        raise PermanentFailure(detail, code=_REFUSALS[status])
    if status == 429:  # noqa: PLR2004
        raise RateLimited(detail, retry_after=timedelta(seconds=30))
    raise TransientFailure(detail)
