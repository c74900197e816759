"""An agent's reply -> the bodies of the calls that carry it. Pure.

https://docs.x.com/x-api/direct-messages/manage/integrate. The second version of the API knows no buttons: choices stay numbered lines.
"""

import json

from channels.splitting import parts
from conversation.choices import without_marks
from conversation.outbound import OutboundMessage

TEXT = 10_000


def messages(message: OutboundMessage) -> list[bytes]:
    """One call for each part of the text, in order."""
    return [
        json.dumps({"text": part}, ensure_ascii=False, separators=(",", ":")).encode()
        for part in parts(without_marks(message.text), TEXT)
    ]
