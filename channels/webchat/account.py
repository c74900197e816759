"""One account of the `webchat` kind. What agents write is in the visitor's feed already, so sending does nothing."""

from channels.base_account import BaseAccount
from channels.webchat.settings import Settings
from conversation.model.capabilities import Can, FollowUp
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Tools


class Webchat(BaseAccount):
    """Implements the port `Channel`; the visitor's side is `site.py`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        can = Can(
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
        super().__init__(name, tools, can)
        self.settings = settings

    async def send(self, message: OutboundMessage) -> Receipt:
        """The message is in the visitor's feed since its commit; the page's frame `seen` reports that it was read."""
        return Receipt(external_ids=(message.id,))
