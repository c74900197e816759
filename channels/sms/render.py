"""An agent's reply -> the forms of the calls that carry it. Pure.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from channels.splitting import parts
from conversation.choices import without_marks
from conversation.outbound import OutboundMessage

TEXT = 1600


def forms(message: OutboundMessage, sender: Mapping[str, str], callback: str | None) -> list[bytes]:
    """One for each part of the text, in order; choices stay the numbered lines that they are. `callback` gets the receipts."""
    told = {"StatusCallback": callback} if callback else {}
    return [
        urlencode({"To": message.to.address, **sender, **told, "Body": part}).encode()
        for part in parts(without_marks(message.text), TEXT)
    ]


def sender(number: str | None, service: str | None) -> dict[str, str]:
    """Who sends: a number, or a service that chooses one."""
    return {"MessagingServiceSid": service} if service else {"From": number or ""}
