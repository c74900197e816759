"""Message-IDs and reply addresses that prove what they answer: signed, so that nobody can make one up. Pure.

A token is bound to the address that was written to: a forwarded mail, or one whose sender is somebody else, proves nothing.
"""

import hmac
from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from conversation.model.email_address import folded

_MARK = "hg"
_MAC_BYTES = 10  # 80 bits
_LONGEST_LOCAL = 64
_TAG = 1 + len(_MARK) + 26 + 16  # a plus, the mark, a conversation, a signature
LONGEST_TAGGED = _LONGEST_LOCAL - _TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One of our own messages, named by its Message-ID."""

    message: str
    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a letter answers: `proven` beyond doubt, or `claimed` by somebody whom that message was not written to."""

    proven: str | None = None
    claimed: str | None = None


class Threads:
    """Makes and reads the tokens of one account. Whoever changes the key or the address makes old tokens worthless."""

    def __init__(self, key: bytes, address: str, *, tag: bool = False) -> None:
        self._key = key
        self._address = folded(address)
        self._local, _, self._domain = address.rpartition("@")
        self._tag = tag

    def message_id(self, message: str, conversation: str, to: str) -> str:
        """The same for the same message, for ever: a receiver can recognise a repeat."""
        ids = _packed(message, conversation)
        return f"<{_MARK}.{ids}.{self._mac('sent', ids)}.{self._mac('to', ids, folded(to))}@{self._domain}>"

    def root(self, conversation: str) -> str:
        """A Message-ID that no mail has: named first in References, it holds a conversation's mails together."""
        ids = _packed(conversation)
        return f"<{_MARK}.root.{ids}.{self._mac('root', ids)}@{self._domain}>"

    def reply_address(self, conversation: str, to: str) -> str | None:
        """The account's address with a signed tag, where its server takes tags and the whole is not too long."""
        ids = _packed(conversation)
        local = f"{self._local}+{_MARK}{ids}{self._mac('reply', ids, folded(to))}"
        return f"{local}@{self._domain}" if self._tag and len(local) <= _LONGEST_LOCAL else None

    def sent(self, message_id: str) -> Sent | None:
        """The message that has this id, if the id is one of ours."""
        parts = self._parts(message_id)
        if len(parts) != 4 or not self._same(parts[2], "sent", parts[1]):  # noqa: PLR2004 mark, ids, two signatures
            return None
        ids = _unpacked(parts[1], 2)
        return Sent(message=ids[0], conversation=ids[1]) if ids else None

    def was_sent_to(self, message_id: str, address: str) -> bool:
        """Whether the mail of this id went to this address."""
        parts = self._parts(message_id)
        return self.sent(message_id) is not None and self._same(parts[3], "to", parts[1], folded(address))

    def answered(self, sender: str, *, recipients: Sequence[str], ids: Sequence[str]) -> Answered:
        """`ids` are those of In-Reply-To, then of References from the last to the first."""
        for recipient in recipients:
            conversation = self._of_address(recipient, sender)
            if conversation is not None:
                return Answered(proven=conversation)
        claimed = None
        for identifier in ids:
            sent = self.sent(identifier)
            if sent is None:
                continue
            parts = self._parts(identifier)
            if self._same(parts[3], "to", parts[1], folded(sender)):
                return Answered(proven=sent.conversation)
            claimed = claimed or sent.conversation
        return Answered(claimed=claimed)

    def is_mine(self, address: str) -> bool:
        """Whether it is the account's own address, with or without a tag."""
        key = folded(address)
        local, _, domain = key.rpartition("@")
        return key == self._address or f"{local.partition('+')[0]}@{domain}" == self._address

    def _of_address(self, address: str, sender: str) -> str | None:
        local, _, domain = address.lower().rpartition("@")
        base, _, tag = local.partition(f"+{_MARK}")
        if domain != self._domain.lower() or base != self._local.lower() or len(tag) != 26 + 16:
            return None
        if not self._same(tag[26:], "reply", tag[:26], folded(sender)):
            return None
        return (_unpacked(tag[:26], 1) or (None,))[0]

    def _parts(self, message_id: str) -> list[str]:
        local, _, domain = message_id.strip().strip("<>").lower().rpartition("@")
        parts = local.split(".")
        return parts if parts[0] == _MARK and domain == self._domain.lower() else []

    def _mac(self, *parts: str) -> str:
        text = "\x1f".join(("huntgroup-mail-1", self._address, *parts))
        return _base32(hmac.digest(self._key, text.encode(), sha256)[:_MAC_BYTES])

    def _same(self, given: str, *parts: str) -> bool:
        return hmac.compare_digest(given.encode(), self._mac(*parts).encode())


def _packed(*identifiers: str) -> str:
    return _base32(b"".join(UUID(identifier).bytes for identifier in identifiers))


def _unpacked(text: str, count: int) -> tuple[str, ...] | None:
    try:
        data = b32decode(text.upper() + "=" * (-len(text) % 8))
    except (Base32Error, ValueError):
        return None
    if len(data) != 16 * count:
        return None
    return tuple(str(UUID(bytes=data[at : at + 16])) for at in range(0, len(data), 16))


def _base32(data: bytes) -> str:
    """Lower case without padding: some servers change the case of what stands before the @."""
    return b32encode(data).decode().rstrip("=").lower()
