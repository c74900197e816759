"""An agent's reply -> the bodies of the calls that carry it. Pure.

https://docs.x.com/x-api/direct-messages/manage/integrate. The second version of the API knows no buttons: choices stay numbered lines.
"""

from collections.abc import Sequence

from channels import strict_json
from channels.public_files import Shared
from channels.text_splitting import parts
from conversation.model.choices import numbered_lines
from conversation.model.outbound import OutboundMessage

TEXT = 10_000


def messages(message: OutboundMessage, files: Sequence[Shared] = ()) -> list[bytes]:
    """One call for each part of the text, in order; then the address of each file, which X shows as a link."""
    texts = (*parts(numbered_lines(message.text), TEXT), *(file.line for file in files))
    return [strict_json.compact({"text": text}) for text in texts]
