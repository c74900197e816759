"""An agent's reply -> the forms of the calls that carry it. Pure.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from channels.public_files import Shared
from channels.text_splitting import parts
from conversation.model.choices import numbered_lines
from conversation.model.outbound import OutboundMessage

TEXT = 1600
# https://www.twilio.com/docs/messaging/guides/accepted-mime-types: these are made to fit the telephone by Twilio
SHOWN = ("image/jpeg", "image/png", "image/gif")
MMS_BYTES = 5_000_000


def forms(
    message: OutboundMessage,
    sender: Mapping[str, str],
    callback: str | None,
    files: Sequence[Shared] = (),
    *,
    mms: bool = False,
) -> list[bytes]:
    """One for each part of the text, in order, then the files; choices stay numbered lines. `callback` gets the receipts.

    With `mms`, files that a telephone shows go as such, one in a message; all others as a text with their address.
    """
    common = {"To": message.to.address, **sender, **({"StatusCallback": callback} if callback else {})}
    texts = [{"Body": part} for part in parts(numbered_lines(message.text), TEXT)]
    return [urlencode({**common, **one}).encode() for one in (*texts, *(_file(file, mms=mms) for file in files))]


def _file(file: Shared, *, mms: bool) -> Mapping[str, str]:
    if mms and file.is_one_of(SHOWN, bytes_=MMS_BYTES):
        return {"MediaUrl": file.url}
    return {"Body": file.line}


def sender(number: str | None, service: str | None) -> dict[str, str]:
    """Who sends: a number, or a service that chooses one."""
    return {"MessagingServiceSid": service} if service else {"From": number or ""}
