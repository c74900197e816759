"""Files for media that take no bytes: each goes out by a public address of ours, signed and good for a week."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from conversation.errors import PermanentFailure
from conversation.model.message import Attachment
from conversation.ports.channel import Tools

BYTES = 20_000_000
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Shared:
    """A file, and its address, which opens it for whoever has it."""

    attachment: Attachment
    url: str

    @property
    def line(self) -> str:
        """How it stands in a text, where the medium shows no file of its kind."""
        return f"{self.attachment.name}\n{self.url}"

    def is_one_of(self, types: Sequence[str], *, bytes_: int) -> bool:
        """Whether a medium that takes these types up to this size takes it."""
        return self.attachment.type in types and self.attachment.size <= bytes_


def can_share(public_url: str) -> bool:
    """Whether our addresses are good for others: https; or this machine, for a trial."""
    where = urlsplit(public_url)
    return where.scheme == "https" or where.hostname in _THIS_MACHINE


async def shared(tools: Tools, attachments: Sequence[Attachment]) -> list[Shared]:
    """Their addresses; raises `PermanentFailure` where nobody could open them."""
    if attachments and not can_share(tools.public_url):
        words = "this medium takes files by their address, and public_url is not https"
        raise PermanentFailure(words, code="unsupported")
    return [Shared(one, await tools.files.address(one)) for one in attachments]
