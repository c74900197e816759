"""An account's files: those that lie with the provider under its own names, and those that leave with a reply."""

from collections.abc import Callable

from conversation.errors import NotFound, PermanentFailure
from conversation.model.message import PROVIDER, Attachment
from conversation.ports.channel import Tools


def provider_name(attachment: Attachment, is_valid: Callable[[str], bool]) -> str:
    """The provider's name of a file that a customer sent. Raises `PermanentFailure` for one that the provider cannot have made."""
    url = attachment.url or ""
    name = url.removeprefix(PROVIDER)
    if not url.startswith(PROVIDER) or not is_valid(name):
        raise PermanentFailure("the provider has no file of this name", code="bad_url")
    return name


async def bytes_of(tools: Tools, attachment: Attachment, *, limit: int | None = None) -> bytes:
    """The bytes of a file that is to be sent. Raises `PermanentFailure` where it is too large or was removed."""
    if limit is not None and attachment.size > limit:
        raise PermanentFailure(f"'{attachment.name}' is too large for this medium", code="too_large")
    try:
        return await tools.files.read(attachment.id)
    except NotFound:
        raise PermanentFailure(f"'{attachment.name}' is not there any more", code="unsupported") from None
