"""One account of the `webhook` kind: verifies and reads what the application posts, posts replies back until acknowledged."""

from collections.abc import Sequence
from datetime import timedelta

from channels import standard_webhooks as signatures
from channels.base_account import BaseAccount
from channels.rate_limits import RateLimit
from channels.webhook import normalize, render
from channels.webhook.settings import Settings
from conversation.errors import ChannelMisconfigured, PermanentFailure, RateLimited, TransientFailure
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Reply, Request, Tools

TIMEOUT = 15.0

_REFUSALS = {400: "refused", 404: "unknown_recipient", 410: "gone", 413: "too_long", 415: "unsupported", 422: "refused"}


class WebhookAccount(BaseAccount):
    """Implements the ports `Channel` and `Webhook`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        can = Can(work=WorkKind.MESSAGE, send=settings.reply_url is not None, idempotent=True, choices=9)
        super().__init__(name, tools, can)
        self._settings = settings
        self._keys = settings.keys()
        self._rate_limit = RateLimit(tools.clock, settings.pace)

    def verify(self, request: Request) -> None:
        """By Standard Webhooks, over the raw bytes."""
        signatures.verify(self._keys, request.headers, request.body, now=request.received_at)

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """One object, or a list of which each item stands alone."""
        return normalize.events(request.body, channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:
        """200 once one item is stored; 422 when every item was quarantined: repeating them is no use."""
        quarantined = [one for one in accepted if one.quarantined is not None]
        faults = render.faults_of(self.normalize(request)) if quarantined else {}
        status = 422 if quarantined and len(quarantined) == len(accepted) else 200
        return Reply(status, render.answer(accepted, faults))

    async def send(self, message: OutboundMessage) -> Receipt:
        """Post it, signed. The application recognises a repeat by `webhook-id`, which is the message's id."""
        url = self._settings.reply_url
        if url is None:
            raise PermanentFailure("this account has no reply_url", code="no_reply_url")
        await self._rate_limit.turn()
        body = render.reply(message)
        signed = signatures.headers(self._keys[:1], message.id, self.tools.clock.now(), body)
        headers = {"content-type": "application/json", **signed}
        status, _ = await self.tools.http.post(url, body, headers=headers, timeout=TIMEOUT, trusted=True)
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
