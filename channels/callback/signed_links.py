"""Signed links: whoever holds one may change this one callback, or request a call in this one conversation. Pure but for its key."""

import hmac
from base64 import b32encode
from hashlib import sha256

REQUEST = "ask"  # a link for a conversation
AGENT_REQUEST = "arrange"  # the same for an agent, who vouches for whoever is to be called
STATUS = "change"  # a link for a callback
CONFIRM = "confirm"  # a link for typing the code of a request that waits for it
_BYTES = 15
_LONGEST = 200


class SignedLinks:
    """The port `CallbackLinks` for the account whose pages are under `base`.

    Tokens are `ID.MAC`, case-insensitive, good in an address and in a mail. Without a key none is made and none is good.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._key: bytes | None = None

    def __repr__(self) -> str:
        return f"SignedLinks({self._base!r})"

    def use(self, key: bytes) -> None:
        """The account's key, once it is known."""
        self._key = key

    def request_link(self, conversation: str) -> str | None:
        """Where whoever has this conversation may request a call."""
        return self._page(REQUEST, conversation)

    def agent_link(self, conversation: str) -> str | None:
        """The same for an agent: no code is asked for."""
        return self._page(AGENT_REQUEST, conversation)

    def status_link(self, callback: str) -> str | None:
        """Where whoever has this callback looks at it, moves it and cancels it."""
        token = self.make(STATUS, callback)
        return f"{self._base}/{callback}?token={token}" if token else None

    def conversation(self, token: str) -> tuple[str, bool] | None:
        """Which conversation a link is for, and whether an agent vouches; None: we did not make it."""
        for purpose in (REQUEST, AGENT_REQUEST):
            if (found := self.subject(purpose, token)) is not None:
                return found, purpose == AGENT_REQUEST
        return None

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

    def _page(self, purpose: str, conversation: str) -> str | None:
        token = self.make(purpose, conversation)
        return f"{self._base}?t={token}" if token else None

    def _mac(self, key: bytes, purpose: str, subject: str) -> str:
        signed = hmac.digest(key, f"{purpose}\n{subject}".encode(), sha256)
        return b32encode(signed[:_BYTES]).decode()
