"""One account of the `webchat` kind. What agents say stands in the visitor's feed already: sending it is done at once."""

import asyncio

from channels.webchat.settings import Settings
from conversation.model.capabilities import Can, FollowUp
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Tools


class Webchat:
    """Implements the port `Channel`; the visitor's side is `site.py`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self._name = name
        self._tools = tools
        self.settings = settings
        self._can = Can(
            work=WorkKind.CHAT,
            feed=True,
            attachments=True,
            attachment_bytes=settings.attachment_bytes,
            attachment_types=tuple(settings.attachment_types),
            receipts=True,
            idempotent=True,
            follow_up=FollowUp(account=settings.follow_up, after=settings.follow_up_after)
            if settings.follow_up
            else None,
            choices=9,
        )

    def __repr__(self) -> str:
        return f"Webchat({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """Everything a page of ours can show."""
        return self._can

    async def start(self) -> None:
        """Nothing to acquire: visitors come to the site's routes."""

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 what arrives comes through the site's routes
        """Stay until cancelled."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def send(self, message: OutboundMessage) -> Receipt:
        """The message stands in the visitor's feed since its commit; that it was read is told by the page's `seen`."""
        return Receipt(external_ids=(message.id,))
