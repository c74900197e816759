"""Signed links: whoever holds one may change this one request, or ask for a call in this one conversation. Pure but for its key."""

import hmac
from base64 import b32encode
from hashlib import sha256

_BYTES = 15
_LONGEST = 200


class Links:
    """Tokens `ID.MAC`, case-insensitive, good in an address and in a mail. Without a key none is made and none is good."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def __repr__(self) -> str:
        return "Links()"

    def use(self, key: bytes) -> None:
        """The account's key, once it is known."""
        self._key = key

    def make(self, purpose: str, subject: str) -> str | None:
        """A token for this purpose."""
        return f"{subject}.{self._mac(self._key, purpose, subject)}" if self._key else None

    def subject(self, purpose: str, token: str) -> str | None:
        """What this token is for, if we made it for this purpose."""
        subject, dot, mac = token.rpartition(".")
        if not (self._key and dot and len(token) <= _LONGEST and token.isascii()):
            return None
        good = hmac.compare_digest(mac.upper().encode(), self._mac(self._key, purpose, subject).encode())
        return subject if good else None

    def _mac(self, key: bytes, purpose: str, subject: str) -> str:
        signed = hmac.digest(key, f"{purpose}\n{subject}".encode(), sha256)
        return b32encode(signed[:_BYTES]).decode()
